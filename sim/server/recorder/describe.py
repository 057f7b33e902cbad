"""What a log says of single actors: when they come, what they are and carry, whom they touch."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from sim.server.protocol import snapshot
from sim.server.recorder.packets import (
    HEAD,
    TABLES,
    WHEEL,
    ActorAdded,
    Attribute,
    PacketId,
    RecordedPhysics,
    encode,
)
from sim.server.sensors.instances import Contact
from sim.server.world.blueprints import Kind
from sim.server.world.pose import rotation_matrix
from sim.server.world.vehicle_spec import VEHICLES, VehiclePhysics

if TYPE_CHECKING:
    from sim.server.world.actors import Actor
    from sim.server.world.world import World

_KIND = {Kind.VEHICLE: 1, Kind.WALKER: 2, Kind.LIGHT: 3, Kind.SIGN: 4, Kind.SENSOR: 5}
"""CARLA's types of actors; everything else is 0."""
_CM = 100.0
_NO_BOX = (math.nan,) * 3, (-math.inf,) * 3
"""Box of an actor that has none, as CARLA writes it."""
COLLISION_SENSOR = "sensor.other.collision"


def added(world: World, actor: Actor) -> ActorAdded:
    """The event of an actor's coming, where it is now: one that is attached, in its parent's frame, as CARLA does."""
    attached = (actor.relative_m, actor.relative_rad)
    position_m, rotation_rad = attached if actor.parent_id else world.pose_of(actor)
    x, y, z = (position_m * _CM).tolist()
    pitch, yaw, roll = np.degrees(rotation_rad).tolist()
    attributes = tuple(
        Attribute(int(actor.attribute_types[name]), name, value) for name, value in actor.attributes.items()
    )
    kind = _KIND.get(actor.kind, 0)
    return ActorAdded(actor.actor_id, kind, (x, y, z), (roll, pitch, yaw), actor.uid, actor.type_id, attributes)


def is_hero(world: World, actor_id: int) -> bool:
    """Whether an actor (0 for none) plays the role of the hero."""
    actor = world.actors.find(actor_id) if actor_id else None
    return actor is not None and actor.attributes.get("role_name") == "hero"


def sensed_contacts(contacts: Sequence[Contact], sensed: frozenset[int]) -> list[tuple[int, int]]:
    """Who touched whom in a tick, for each actor that carries a collision sensor (``sensed``); other 0 is scenery."""
    if not sensed:
        return []
    pairs: dict[tuple[int, int], None] = {}
    for contact in contacts:
        for pair in ((contact.actor_id, contact.other_id), (contact.other_id, contact.actor_id)):
            if pair[0] in sensed:
                pairs[pair] = None
    return list(pairs)


def additional(world: World, actors: Sequence[Actor], elapsed_s: float) -> list[bytes]:
    """Boxes, trigger volumes, time, machines and light times: what additional_data adds about actors that came."""
    signals = [actor for actor in actors if actor.kind in (Kind.LIGHT, Kind.SIGN)]
    boxes = [_box(actor) for actor in actors if actor.kind not in (Kind.LIGHT, Kind.SIGN)]
    triggers = [_trigger(actor) for actor in signals if any(actor.half_m)]
    machines = [_physics(world, actor) for actor in actors if actor.kind == Kind.VEHICLE and actor.moved]
    lights = [_light_time(world, actor) for actor in signals if actor.kind == Kind.LIGHT]
    packets = [encode(PacketId.BOUNDING_BOX, _rows(PacketId.BOUNDING_BOX, boxes))]
    if triggers:
        packets.append(encode(PacketId.TRIGGER_VOLUME, _rows(PacketId.TRIGGER_VOLUME, triggers)))
    packets.append(encode(PacketId.PLATFORM_TIME, elapsed_s))
    if machines:
        packets.append(encode(PacketId.PHYSICS_CONTROL, machines))
    if lights:
        packets.append(encode(PacketId.TRAFFIC_LIGHT_TIME, _rows(PacketId.TRAFFIC_LIGHT_TIME, lights)))
    return packets


def _rows(packet: PacketId, rows: Iterable[Any]) -> npt.NDArray[Any]:
    return np.array(list(rows), TABLES[packet])


def _box(actor: Actor) -> tuple[Any, ...]:
    if not any(actor.half_m):
        return actor.actor_id, *_NO_BOX
    return actor.actor_id, tuple(v * _CM for v in actor.centre_m), tuple(v * _CM for v in actor.half_m)


def _trigger(actor: Actor) -> tuple[Any, ...]:
    """Trigger volume in the world."""
    centre = actor.position_m + rotation_matrix(*actor.rotation_rad.tolist()) @ np.array(actor.centre_m)
    return actor.actor_id, tuple((centre * _CM).tolist()), tuple(v * _CM for v in actor.half_m)


def _light_time(world: World, actor: Actor) -> tuple[Any, ...]:
    lights, k = world.lights, actor.signal
    return actor.actor_id, float(lights.green_s[k]), float(lights.yellow_s[k]), float(lights.red_s[k])


def _physics(world: World, actor: Actor) -> RecordedPhysics:
    p: VehiclePhysics = world.dynamics.physics_control(actor.actor_id)
    damping = (p.damping_rate_zero_throttle_clutch_engaged, p.damping_rate_zero_throttle_clutch_disengaged)
    wheels = [
        (w.tire_friction, w.damping_rate, w.max_steer_angle_deg, w.radius_cm, w.max_brake_torque_nm,
         w.max_handbrake_torque_nm, w.lat_stiff_max_load, w.lat_stiff_value, w.long_stiff_value, *w.position_cm)
        for w in p.wheels
    ]  # fmt: skip
    return RecordedPhysics(
        actor.actor_id,
        _floats((p.max_rpm, p.moi_kgm2, p.damping_rate_full_throttle, *damping)),
        int(p.use_gear_autobox),
        _floats((p.clutch_strength, p.final_ratio, p.mass_kg, p.drag_coefficient)),
        _floats(p.center_of_mass_m),
        _floats(p.torque_curve).reshape(-1, 2),
        _floats([(g.ratio, g.down_ratio, g.up_ratio) for g in p.forward_gears]).reshape(-1, 3),
        _floats(p.steering_curve).reshape(-1, 2),
        _floats(wheels).reshape(-1, 12),
    )


def _floats(values: Any) -> npt.NDArray[np.float32]:
    return np.array(values, "<f4")


class WheelTable:
    """The packet of all wheels as one block of bytes, whose angles a tick fills in."""

    def __init__(self, vehicles: Sequence[Actor]) -> None:
        counts = [len(VEHICLES[actor.type_id].physics.wheels) for actor in vehicles]
        heads = [struct.pack("<II", actor.actor_id, count) for actor, count in zip(vehicles, counts, strict=True)]
        blocks = [
            head + np.array([(k, 0.0, 0.0) for k in range(n)], WHEEL).tobytes()
            for head, n in zip(heads, counts, strict=True)
        ]
        payload = struct.pack("<H", len(vehicles)) + b"".join(blocks)
        self._packet = np.frombuffer(HEAD.pack(PacketId.ANIM_VEHICLE_WHEELS, len(payload)) + payload, np.uint8).copy()
        begin = np.cumsum([HEAD.size + 2, *(8 + WHEEL.itemsize * n for n in counts)])[:-1] + 8
        # byte of each wheel's record, its vehicle, and whether it is steered
        self._at = np.array([b + WHEEL.itemsize * k for b, n in zip(begin, counts, strict=True) for k in range(n)], int)
        self._owner = np.array([v for v, n in enumerate(counts) for _ in range(n)], int)
        self._steered = np.array([k < n // 2 for n in counts for k in range(n)], bool)
        self._ids = np.array([actor.actor_id for actor in vehicles], np.int64)
        self._bikes = np.flatnonzero([n == 2 for n in counts])

    def packets(self, world: World, records: npt.NDArray[Any], rows: npt.NDArray[np.int64]) -> list[bytes]:
        """Wheels and two-wheelers; rows (v,) of the vehicles among the snapshot's records."""
        bikers = np.zeros(len(self._bikes), TABLES[PacketId.ANIM_BIKER])
        if len(self._ids):
            dynamics = world.dynamics
            moved = np.minimum(np.searchsorted(dynamics.actor_id, self._ids), len(dynamics.actor_id) - 1)
            here = dynamics.actor_id[moved] == self._ids  # one that is attached has no wheels of its own
            steering = np.where(here, np.degrees(dynamics.steer_rad[moved]), 0.0)
            rolling = np.where(here, -np.degrees(dynamics.wheel_angle_rad[moved]), 0.0)
            angles = np.stack((np.where(self._steered, steering[self._owner], 0.0), rolling[self._owner]), axis=1)
            at = self._at[:, None] + 1 + np.arange(8)
            self._packet[at] = angles.astype("<f4").view(np.uint8)
            if len(bikers):
                self._fill_bikers(bikers, world, records, rows[self._bikes])
        return [self._packet.tobytes(), encode(PacketId.ANIM_BIKER, bikers)]

    def _fill_bikers(
        self, bikers: npt.NDArray[Any], world: World, records: npt.NDArray[Any], rows: npt.NDArray[np.int64]
    ) -> None:
        yaw, velocity = np.radians(records["rotation"][rows, 1]), records["velocity"][rows]
        bikers["actor_id"] = self._ids[self._bikes]
        bikers["forward_speed_cmps"] = _CM * (np.cos(yaw) * velocity[:, 0] + np.sin(yaw) * velocity[:, 1])
        # CARLA: engine speed over its maximum; a rider's cranks follow the throttle
        bikers["engine_rotation"] = records.view(snapshot.VEHICLE)["throttle"][rows]
