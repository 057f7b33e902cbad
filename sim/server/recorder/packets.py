"""The packets of CARLA's recorder log: what each holds, and its bytes.

A packet is its id (u8), the size of its payload (u32) and the payload; everything is little-endian and packed. Most
payloads are a count (u16) and as many records. Locations and boxes are centimetres, angles degrees in the order roll,
pitch, yaw (Unreal's ``FQuat::Euler``), velocities m/s and deg/s. Facts: ``Carla/Recorder/*.h`` of CARLA 0.9.16.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np
import numpy.typing as npt

Records = npt.NDArray[np.void]
HEAD = struct.Struct("<BI")
FRAME = struct.Struct("<Qdd")
"""Number (from 1), duration s (-1 where no frame follows), seconds since the first frame."""


class BrokenLogError(ValueError):
    """A log that is not what CARLA writes. at: byte of the file from which on it cannot be read."""

    def __init__(self, at: int, problem: str) -> None:
        super().__init__(f"byte {at}: {problem}")
        self.at = at


class PacketId(IntEnum):
    """CarlaRecorderPacketId."""

    FRAME_START = 0
    FRAME_END = 1
    EVENT_ADD = 2
    EVENT_DEL = 3
    EVENT_PARENT = 4
    COLLISION = 5
    POSITION = 6
    STATE = 7
    ANIM_VEHICLE = 8
    ANIM_WALKER = 9
    VEHICLE_LIGHT = 10
    SCENE_LIGHT = 11
    KINEMATICS = 12
    BOUNDING_BOX = 13
    PLATFORM_TIME = 14
    PHYSICS_CONTROL = 15
    TRAFFIC_LIGHT_TIME = 16
    TRIGGER_VOLUME = 17
    FRAME_COUNTER = 18
    WALKER_BONES = 19
    VISUAL_TIME = 20
    VEHICLE_DOOR = 21
    ANIM_VEHICLE_WHEELS = 22
    ANIM_BIKER = 23


_ID: list[tuple[Any, ...]] = [("actor_id", "<u4")]
_BOX = np.dtype([*_ID, ("origin_cm", "<f4", 3), ("extent_cm", "<f4", 3)])

TABLES: dict[int, np.dtype[Any]] = {
    PacketId.EVENT_DEL: np.dtype(_ID),
    PacketId.EVENT_PARENT: np.dtype([*_ID, ("parent_id", "<u4")]),
    PacketId.COLLISION: np.dtype(
        [("collision_id", "<u4"), ("actor_id", "<u4"), ("other_id", "<u4"), ("hero", "u1"), ("other_hero", "u1")]
    ),
    PacketId.POSITION: np.dtype([*_ID, ("location_cm", "<f4", 3), ("rotation_deg", "<f4", 3)]),
    PacketId.STATE: np.dtype([*_ID, ("frozen", "u1"), ("elapsed_s", "<f4"), ("state", "u1")]),
    PacketId.ANIM_VEHICLE: np.dtype(
        [*_ID, ("steer", "<f4"), ("throttle", "<f4"), ("brake", "<f4"), ("hand_brake", "u1"), ("gear", "<i4")]
    ),
    PacketId.ANIM_WALKER: np.dtype([*_ID, ("speed_mps", "<f4")]),
    PacketId.VEHICLE_LIGHT: np.dtype([*_ID, ("light_state", "<u4")]),
    PacketId.SCENE_LIGHT: np.dtype(
        [("light_id", "<i4"), ("intensity", "<f4"), ("color", "<f4", 4), ("on", "u1"), ("type", "u1")]
    ),
    PacketId.KINEMATICS: np.dtype([*_ID, ("velocity_mps", "<f4", 3), ("angular_velocity_degps", "<f4", 3)]),
    PacketId.BOUNDING_BOX: _BOX,
    PacketId.TRIGGER_VOLUME: _BOX,
    PacketId.TRAFFIC_LIGHT_TIME: np.dtype([*_ID, ("green_s", "<f4"), ("yellow_s", "<f4"), ("red_s", "<f4")]),
    PacketId.VEHICLE_DOOR: np.dtype([*_ID, ("door", "u1"), ("open", "u1")]),
    PacketId.ANIM_BIKER: np.dtype([*_ID, ("forward_speed_cmps", "<f4"), ("engine_rotation", "<f4")]),
}
"""Packets of equal records: ``decode`` gives an array (n,) of this type. ``color`` is linear RGBA, ``frozen``, ``on``,
``open`` and ``hero`` are 0 or 1, an actor that is none is 0xffffffff."""
NUMBERS = {
    PacketId.PLATFORM_TIME: struct.Struct("<d"),
    PacketId.VISUAL_TIME: struct.Struct("<d"),
    PacketId.FRAME_COUNTER: struct.Struct("<Q"),
}
"""Packets of one number."""
WHEEL = np.dtype([("wheel", "u1"), ("steering_deg", "<f4"), ("rotation_deg", "<f4")])
NO_ACTOR = 0xFFFFFFFF


@dataclass(frozen=True)
class Attribute:
    """One attribute of an actor description. type: ActorAttributeType (before version 2 of the log one less)."""

    type: int
    name: str
    value: str


@dataclass(frozen=True)
class ActorAdded:
    """An actor came. kind: 0 other, 1 vehicle, 2 walker, 3 traffic light, 4 sign, 5 sensor."""

    actor_id: int
    kind: int
    location_cm: tuple[float, float, float]
    rotation_deg: tuple[float, float, float]  # roll, pitch, yaw
    uid: int
    type_id: str
    attributes: tuple[Attribute, ...]

    @property
    def hero(self) -> bool:
        """Whether its role is that of CARLA's hero vehicle."""
        return any(a.name == "role_name" and a.value == "hero" for a in self.attributes)


@dataclass(frozen=True)
class RecordedPhysics:
    """A vehicle's machine, in the units of ``VehiclePhysicsControl``; the gear switch time is not in the log.

    engine (5,): max rpm, moment of inertia, damping at full throttle, with clutch engaged, disengaged.
    drive (4,): clutch strength, final ratio, mass, drag coefficient. center_of_mass (3,). torque_curve (n, 2),
    gears (g, 3), steering_curve (m, 2), wheels (w, 12); all float32.
    """

    actor_id: int
    engine: npt.NDArray[np.float32]
    autobox: int
    drive: npt.NDArray[np.float32]
    center_of_mass: npt.NDArray[np.float32]
    torque_curve: npt.NDArray[np.float32]
    gears: npt.NDArray[np.float32]
    steering_curve: npt.NDArray[np.float32]
    wheels: npt.NDArray[np.float32]


@dataclass(frozen=True)
class WalkerBones:
    """Relative bone poses of one walker. poses (n, 6): location cm and rotation deg (roll, pitch, yaw), float32."""

    actor_id: int
    names: tuple[str, ...]
    poses: npt.NDArray[np.float32]


@dataclass(frozen=True)
class VehicleWheels:
    """wheels (n,) of ``WHEEL``: number, steering and rolling angle in degrees."""

    actor_id: int
    wheels: Records


class Cursor:
    """Reads a payload front to back; raises BrokenLogError instead of reading past its end."""

    def __init__(self, payload: memoryview, at: int) -> None:
        """at: byte of the file where the payload begins."""
        self._data, self._base, self._next = payload, at, 0

    def unpack(self, layout: struct.Struct, what: str) -> tuple[Any, ...]:
        """The next values."""
        begin = self._take(layout.size, what)
        return layout.unpack_from(self._data, begin)

    def table(self, kind: np.dtype[Any], count: int, what: str) -> npt.NDArray[Any]:
        """The next count records (n,); they look into the file's own bytes."""
        begin = self._take(count * kind.itemsize, what)
        return np.frombuffer(self._data, kind, count, begin)

    def floats(self, count: int, width: int, what: str) -> npt.NDArray[np.float32]:
        """The next count rows (n, width) of float32."""
        return self.table(np.dtype("<f4"), count * width, what).reshape(count, width)

    def text(self, what: str) -> str:
        """The next length-prefixed UTF-8 text; bytes that are none survive a round trip."""
        (length,) = self.unpack(_COUNT, what)
        begin = self._take(length, what)
        return bytes(self._data[begin : begin + length]).decode("utf-8", "surrogateescape")

    def end(self, what: str) -> None:
        """Nothing may follow."""
        if self._next != len(self._data):
            raise BrokenLogError(self._base + self._next, f"{what}: {len(self._data) - self._next} bytes too many")

    def _take(self, size: int, what: str) -> int:
        begin = self._next
        if size > len(self._data) - begin:
            left = len(self._data) - begin
            raise BrokenLogError(self._base + begin, f"{what}: needs {size} bytes, its packet has {left} left")
        self._next = begin + size
        return begin


_COUNT = struct.Struct("<H")
_LENGTH = struct.Struct("<I")
_U32 = struct.Struct("<I")
_ADDED = struct.Struct("<IB6fI")
_BYTE = struct.Struct("<B")


def decode(packet: int, payload: memoryview, at: int) -> Any:
    """What a payload says: an array of ``TABLES``, a number, a tuple of records, or bytes of a packet of another kind.

    at: byte of the file where the payload begins. Raises BrokenLogError.
    """
    name = PacketId(packet).name if packet in _KNOWN else f"packet {packet}"
    cursor = Cursor(payload, at)
    content: Any
    if packet in TABLES:
        (count,) = cursor.unpack(_COUNT, name)
        content = cursor.table(TABLES[packet], count, f"{count} records of {name}")
    elif packet in NUMBERS:
        (content,) = cursor.unpack(NUMBERS[PacketId(packet)], name)
    elif packet in _READERS:
        (count,) = cursor.unpack(_COUNT, name)
        read = _READERS[packet]
        content = tuple(read(cursor) for _ in range(count))
    else:
        return bytes(payload)
    cursor.end(name)
    return content


def _read_added(cursor: Cursor) -> ActorAdded:
    actor_id, kind, x, y, z, roll, pitch, yaw, uid = cursor.unpack(_ADDED, "added actor")
    type_id = cursor.text("actor type")
    (count,) = cursor.unpack(_COUNT, "attributes")
    attributes = tuple(
        Attribute(cursor.unpack(_BYTE, "attribute")[0], cursor.text("attribute name"), cursor.text("attribute value"))
        for _ in range(count)
    )
    return ActorAdded(actor_id, kind, (x, y, z), (roll, pitch, yaw), uid, type_id, attributes)


def _read_physics(cursor: Cursor) -> RecordedPhysics:
    (actor_id,) = cursor.unpack(_U32, "physics control")
    engine = cursor.floats(1, 5, "engine")[0]
    (autobox,) = cursor.unpack(_BYTE, "autobox")
    drive, mass_centre = cursor.floats(1, 4, "drive")[0], cursor.floats(1, 3, "centre of mass")[0]
    curves = []
    for what, width in (("torque curve", 2), ("gears", 3), ("steering curve", 2), ("wheels", 12)):
        (count,) = cursor.unpack(_LENGTH, what)
        curves.append(cursor.floats(count, width, f"{count} {what}"))
    return RecordedPhysics(actor_id, engine, autobox, drive, mass_centre, *curves)


def _read_bones(cursor: Cursor) -> WalkerBones:
    (actor_id,) = cursor.unpack(_U32, "walker bones")
    (count,) = cursor.unpack(_COUNT, "bones")
    bones = [(cursor.text("bone name"), cursor.floats(1, 6, "bone pose")[0]) for _ in range(count)]
    poses = np.array([pose for _, pose in bones], np.float32).reshape(count, 6)
    return WalkerBones(actor_id, tuple(name for name, _ in bones), poses)


def _read_wheels(cursor: Cursor) -> VehicleWheels:
    (actor_id,) = cursor.unpack(_U32, "vehicle wheels")
    (count,) = cursor.unpack(_LENGTH, "wheels")
    return VehicleWheels(actor_id, cursor.table(WHEEL, count, f"{count} wheels"))


_READERS: dict[int, Callable[[Cursor], Any]] = {
    PacketId.EVENT_ADD: _read_added,
    PacketId.PHYSICS_CONTROL: _read_physics,
    PacketId.WALKER_BONES: _read_bones,
    PacketId.ANIM_VEHICLE_WHEELS: _read_wheels,
}
_KNOWN = frozenset(PacketId)


def encode(packet: int, content: Any) -> bytes:
    """A whole packet; content as ``decode`` gives it. Raises ValueError for more than 65,535 records."""
    if packet in NUMBERS:
        payload = NUMBERS[PacketId(packet)].pack(content)
    elif packet in TABLES:
        payload = _count(packet, content) + np.ascontiguousarray(content, TABLES[packet]).tobytes()
    elif packet in _WRITERS:
        payload = _count(packet, content) + b"".join(map(_WRITERS[packet], content))
    else:
        payload = content
    return HEAD.pack(packet, len(payload)) + payload


def _count(packet: int, content: Any) -> bytes:
    if len(content) > 0xFFFF:
        raise ValueError(f"{PacketId(packet).name}: a log holds at most 65535 records a frame, got {len(content)}")
    return _COUNT.pack(len(content))


def text_bytes(text: str) -> bytes:
    """A length-prefixed UTF-8 text; cut after 65,535 bytes, the most that its length can say."""
    data = text.encode("utf-8", "surrogateescape")[:0xFFFF]
    return _COUNT.pack(len(data)) + data


def _added_bytes(a: ActorAdded) -> bytes:
    attributes = a.attributes[:0xFFFF]
    return b"".join(
        (
            _ADDED.pack(a.actor_id, a.kind, *a.location_cm, *a.rotation_deg, a.uid),
            text_bytes(a.type_id),
            _COUNT.pack(len(attributes)),
            *(_BYTE.pack(b.type) + text_bytes(b.name) + text_bytes(b.value) for b in attributes),
        )
    )


def _physics_bytes(p: RecordedPhysics) -> bytes:
    curves = (p.torque_curve, p.gears, p.steering_curve, p.wheels)
    return b"".join(
        (
            _U32.pack(p.actor_id),
            p.engine.tobytes(),
            _BYTE.pack(p.autobox),
            p.drive.tobytes(),
            p.center_of_mass.tobytes(),
            *(_LENGTH.pack(len(curve)) + curve.tobytes() for curve in curves),
        )
    )


def _bones_bytes(w: WalkerBones) -> bytes:
    bones = (text_bytes(name) + pose.tobytes() for name, pose in zip(w.names, w.poses, strict=True))
    return _U32.pack(w.actor_id) + _COUNT.pack(len(w.names)) + b"".join(bones)


def _wheels_bytes(v: VehicleWheels) -> bytes:
    return _U32.pack(v.actor_id) + _LENGTH.pack(len(v.wheels)) + v.wheels.tobytes()


_WRITERS: dict[int, Callable[[Any], bytes]] = {
    PacketId.EVENT_ADD: _added_bytes,
    PacketId.PHYSICS_CONTROL: _physics_bytes,
    PacketId.WALKER_BONES: _bones_bytes,
    PacketId.ANIM_VEHICLE_WHEELS: _wheels_bytes,
}
