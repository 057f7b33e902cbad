"""What is in a log, as text: the three queries of CARLA's client, in CARLA's wording (``CarlaRecorderQuery``).

Programs parse these texts, so the layout is CARLA's to the character: numbers as C++ streams write them. Two faults
of CARLA's are not repeated: it forgets the wrong actor when one is destroyed, and takes a second off whoever is
blocked at the end. A damaged log is told up to the damage, and a last line says where that is.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from typing import Any

from sim.server.recorder.log_file import RecorderLog
from sim.server.recorder.packets import NO_ACTOR, ActorAdded, BrokenLogError, PacketId, RecordedPhysics

CATEGORIES = "ovwtha"
"""Letter of an actor's type: other, vehicle, walker, traffic light, hero, any."""
MAX_TEXT = 256 << 20
"""Characters of one answer: with everything shown a log grows tenfold, and a client must be able to hold it."""
_LIGHTS = (
    *("Position", "LowBeam", "HighBeam", "Brake", "RightBlinker", "LeftBlinker", "Reverse", "Fog", "Interior"),
    *("Special1", "Special2"),
)
_LIGHT_ORDER = (0, 1, 2, 3, 4, 5, 6, 8, 7, 9, 10)
"""Bits of a vehicle's lights in the order in which they are named: the interior before the fog lights."""
_DOORS = ("Front Left", "Front Right", "Rear Left", "Rear Right", "Hood", "Trunk", "All")


def number(value: float) -> str:
    """A number as a C++ stream writes it: six significant digits."""
    return f"{float(value):g}"


def _vector(values: Iterable[float]) -> str:
    return "(" + ", ".join(f"{float(v):g}" for v in values) + ")"


def file_info(log: RecorderLog, show_all: bool) -> str:
    """Frames with what happened in them; with show_all everything that they hold."""
    parts = [_heading(log)]
    size = 0

    def tell() -> None:
        nonlocal size
        for k in range(len(log)):
            begin = len(parts)
            if not _tell_frame(log, k, show_all, parts) and not show_all:
                del parts[begin:]
            size += sum(map(len, parts[begin:]))
            if size > MAX_TEXT:
                parts.append(f"\nThe rest is left out: this answer has {MAX_TEXT >> 20} MB.\n")
                return

    damage = _until_damage(log, tell)
    return "".join((*parts, _closing(log), damage))


def _tell_frame(log: RecorderLog, k: int, show_all: bool, parts: list[str]) -> bool:
    """Append what a frame says; whether it says anything beside its time."""
    parts.append(f"Frame {int(log.number[k])} at {number(log.elapsed_s[k])} seconds\n")
    begin = len(parts)
    for packet in log.packets(k):
        describe = _EVENTS.get(packet.packet) or (_DETAILS.get(packet.packet) if show_all else None)
        if describe is not None:
            parts += describe(packet.content())
    return len(parts) > begin


def _added(content: tuple[ActorAdded, ...]) -> Iterable[str]:
    for actor in content:
        yield f" Create {actor.actor_id}: {actor.type_id} ({actor.kind}) at {_vector(actor.location_cm)}\n"
        yield from (f"  {a.name} = {a.value}\n" for a in actor.attributes)


def _collisions(content: Any) -> Iterable[str]:
    for collision_id, actor_id, other_id, hero, other_hero in content.tolist():
        first, second = " (hero) " if hero else "", " (hero) " if other_hero else ""
        yield f" Collision id {collision_id} between {actor_id}{first} with {other_id}{second}\n"


_EVENTS: dict[int, Callable[[Any], Iterable[str]]] = {
    PacketId.EVENT_ADD: _added,
    PacketId.EVENT_DEL: lambda c: (f" Destroy {i}\n" for (i,) in c.tolist()),
    PacketId.EVENT_PARENT: lambda c: (f" Parenting {i} with {p} (parent)\n" for i, p in c.tolist()),
    PacketId.COLLISION: _collisions,
}


def _listing(title: str, line: Callable[[Any], str]) -> Callable[[Any], Iterable[str]]:
    """A line with the number of records, and a line for each."""

    def describe(content: Any) -> Iterable[str]:
        yield f" {title}: {len(content)}\n"
        yield from map(line, content)

    return describe


def _box(row: Any) -> str:
    return f"  Id: {row['actor_id']} origin: {_vector(row['origin_cm'])} extension: {_vector(row['extent_cm'])}\n"


def _position(row: Any) -> str:
    where, turned = _vector(row["location_cm"]), _vector(row["rotation_deg"])
    return f"  Id: {row['actor_id']} Location: {where} Rotation: {turned}\n"


def _anim_vehicle(row: Any) -> str:
    return (
        f"  Id: {row['actor_id']} Steering: {number(row['steer'])} Throttle: {number(row['throttle'])}"
        f" Brake: {number(row['brake'])} Handbrake: {row['hand_brake']} Gear: {row['gear']}\n"
    )


def _light_state(row: Any) -> str:
    flags = int(row["light_state"])
    names = [_LIGHTS[bit] for bit in _LIGHT_ORDER if flags >> bit & 1]
    return f"  Id: {row['actor_id']} {' '.join(names) or 'None'}\n"


def _door(row: Any) -> str:
    door = int(row["door"])
    which = f" {_DOORS[door]} \n" if door < len(_DOORS) else ""
    return f"  Id: {row['actor_id']}\n  Doors opened: {which}"


def _scene_light(row: Any) -> str:
    on = "True" if row["on"] else "False"
    color = _vector(row["color"][:3])
    return f"  Id: {row['light_id']} enabled: {on} intensity: {number(row['intensity'])} RGB_color: {color}\n"


def _kinematics(row: Any) -> str:
    linear, angular = _vector(row["velocity_mps"]), _vector(row["angular_velocity_degps"])
    return f"  Id: {row['actor_id']} linear_velocity: {linear} angular_velocity: {angular}\n"


def _traffic_light(row: Any) -> str:
    state = chr(0x30 + int(row["state"]))
    return f"  Id: {row['actor_id']} state: {state} frozen: {row['frozen']} elapsedTime: {number(row['elapsed_s'])}\n"


def _light_time(row: Any) -> str:
    green, yellow, red = (number(row[name]) for name in ("green_s", "yellow_s", "red_s"))
    return f"  Id: {row['actor_id']} green_time: {green} yellow_time: {yellow} red_time: {red}\n"


def _physics(p: RecordedPhysics) -> str:
    engine = ("max_rpm", "MOI", "damping_rate_full_throttle", "damping_rate_zero_throttle_clutch_engaged",
              "damping_rate_zero_throttle_clutch_disengaged")  # fmt: skip
    wheel = ("tire_friction", "damping_rate", "max_steer_angle", "radius", "max_brake_torque", "max_handbrake_torque")
    lines = [f"  Id: {p.actor_id}"]
    lines += [f"   {name} = {number(value)}" for name, value in zip(engine, p.engine, strict=True)]
    lines.append(f"   use_gear_auto_box = {'true' if p.autobox else 'false'}")
    lines.append("   gear_switch_time = 0.5")  # not in the log: the default of a VehiclePhysicsControl
    drive = ("clutch_strength", "final_ratio", "mass", "drag_coefficient")
    lines += [f"   {name} = {number(value)}" for name, value in zip(drive, p.drive, strict=True)]
    lines.append(f"   center_of_mass = {_vector(p.center_of_mass)}")
    lines.append("   torque_curve =" + "".join(f" {_vector(point)}" for point in p.torque_curve))
    lines.append("   steering_curve =" + "".join(f" {_vector(point)}" for point in p.steering_curve))
    lines.append("   forward_gears:")
    for k, gear in enumerate(p.gears):
        ratio, down, up = (number(v) for v in gear)
        lines.append(f"    gear {k}: ratio {ratio} down_ratio {down} up_ratio {up}")
    lines.append("   wheels:")
    for k, row in enumerate(p.wheels):
        values = " ".join(f"{name} {number(v)}" for name, v in zip(wheel, row[:6], strict=True))
        lines.append(f"    wheel {k}: {values} position {_vector(row[9:12])}")
    return "\n".join(lines) + "\n"


def _bones(content: Any) -> Iterable[str]:
    yield f" Walkers Bones: {len(content)}\n"
    for walker in content:
        yield f"  Id: {walker.actor_id}\n"
        for name, pose in zip(walker.names, walker.poses, strict=True):
            yield f'     Bone: "{name}" relative: Loc{_vector(pose[:3])} Rot{_vector(pose[3:])}\n'
    yield "\n"


_DETAILS: dict[int, Callable[[Any], Iterable[str]]] = {
    PacketId.POSITION: _listing("Positions", _position),
    PacketId.STATE: _listing("State traffic lights", _traffic_light),
    PacketId.ANIM_VEHICLE: _listing("Vehicle animations", _anim_vehicle),
    PacketId.ANIM_WALKER: _listing(
        "Walker animations", lambda r: f"  Id: {r['actor_id']} speed: {number(r['speed_mps'])}\n"
    ),
    PacketId.VEHICLE_DOOR: _listing("Vehicle door animations", _door),
    PacketId.VEHICLE_LIGHT: _listing("Vehicle light animations", _light_state),
    PacketId.SCENE_LIGHT: _listing("Scene light changes", _scene_light),
    PacketId.KINEMATICS: _listing("Dynamic actors", _kinematics),
    PacketId.BOUNDING_BOX: _listing("Actor bounding boxes", _box),
    PacketId.TRIGGER_VOLUME: _listing("Actor trigger volumes", _box),
    PacketId.PLATFORM_TIME: lambda seconds: (f" Current platform time: {number(seconds)}\n",),
    PacketId.PHYSICS_CONTROL: _listing("Physics Control events", _physics),
    PacketId.TRAFFIC_LIGHT_TIME: _listing("Traffic Light time events", _light_time),
    PacketId.WALKER_BONES: _bones,
}


def collisions(log: RecorderLog, first: str, second: str) -> str:
    """When actors of two categories (letters of ``CATEGORIES``) began to touch."""
    parts = [_heading(log), f"{'Time':>8} {'Types':>6} {'Id':>6} {'Actor 1':<35} {'Id':>6} {'Actor 2':<35}\n"]
    actors: dict[int, ActorAdded] = {}
    told = False

    def wanted(letter: str, actor_id: int, hero: int) -> bool:
        return letter == "a" or letter == _category(actors, actor_id) or (letter == "h" and bool(hero))

    def tell() -> None:
        nonlocal told
        before: set[tuple[int, int]] = set()
        for k in range(len(log)):
            touching: set[tuple[int, int]] = set()
            for packet in log.packets(k):
                if packet.packet == PacketId.EVENT_ADD:
                    actors.update((actor.actor_id, actor) for actor in packet.content())
                elif packet.packet == PacketId.COLLISION:
                    for _, one, other, hero, other_hero in packet.content().tolist():
                        if wanted(first, one, hero) and wanted(second, other, other_hero):
                            touching.add((one, other))
                            if (one, other) not in before:
                                parts.append(_collision_line(log.elapsed_s[k], actors, one, other))
                                told = True
            before = touching

    damage = _until_damage(log, tell)
    return "".join((*parts, _closing(log, rounded=told), damage))


def _collision_line(elapsed_s: float, actors: dict[int, ActorAdded], one: int, other: int) -> str:
    types = f"  {_category(actors, one)} {_category(actors, other)} "
    names = [actors[i].type_id if i in actors else "" for i in (one, other)]
    return f"{elapsed_s:8.0f} {types} {one:>6} {names[0]:<35} {other:>6} {names[1]:<35}\n"


def _category(actors: dict[int, ActorAdded], actor_id: int) -> str:
    actor = None if actor_id == NO_ACTOR else actors.get(actor_id)
    kind = 0 if actor is None else actor.kind
    return CATEGORIES[kind] if kind < len(CATEGORIES) else "o"


def actors_blocked(log: RecorderLog, min_time_s: float, min_distance_cm: float) -> str:
    """Actors that moved less than a distance for at least a time, the longest first."""
    stops: dict[int, _Stop] = {}
    names: dict[int, str] = {}
    results: list[tuple[float, str]] = []

    def tell() -> None:
        for k in range(len(log)):
            duration_s = max(float(log.duration_s[k]), 0.0)
            for packet in log.packets(k):
                if packet.packet == PacketId.EVENT_ADD:
                    for actor in packet.content():
                        names[actor.actor_id], stops[actor.actor_id] = actor.type_id, _Stop()
                elif packet.packet == PacketId.POSITION:
                    rows = packet.content()
                    for actor_id, place in zip(rows["actor_id"].tolist(), rows["location_cm"].tolist(), strict=True):
                        stop = stops.setdefault(actor_id, _Stop())
                        over = stop.follow(place, float(log.elapsed_s[k]), duration_s, min_distance_cm)
                        if over is not None and over[1] >= min_time_s:
                            results.append((over[1], _blocked_line(actor_id, names, *over)))

    damage = _until_damage(log, tell)
    for actor_id in sorted(stops):
        stop = stops[actor_id]
        if stop.duration_s >= min_time_s:
            results.append((stop.duration_s, _blocked_line(actor_id, names, stop.since_s, stop.duration_s)))
    results.sort(key=lambda result: -result[0])
    head = f"{'Time':>8} {'Id':>6} {'Actor':<35} {'Duration':>10}\n"
    return "".join((_heading(log), head, *(line for _, line in results), _closing(log), damage))


class _Stop:
    """How long an actor has stayed near a place."""

    def __init__(self) -> None:
        self.place_cm: list[float] = [0.0, 0.0, 0.0]
        self.since_s, self.duration_s = 0.0, 0.0

    def follow(
        self, place_cm: list[float], elapsed_s: float, duration_s: float, near_cm: float
    ) -> tuple[float, float] | None:
        """Take the next frame; begin and duration of the stop that it ended, if it ended one."""
        if math.dist(place_cm, self.place_cm) < near_cm:
            if self.duration_s == 0.0:
                self.since_s = elapsed_s
            self.duration_s += duration_s
            return None
        over = (self.since_s, self.duration_s)
        self.place_cm, self.duration_s = place_cm, 0.0
        return over


def _blocked_line(actor_id: int, names: dict[int, str], since_s: float, duration_s: float) -> str:
    return f"{since_s:8.0f} {actor_id:>6} {names.get(actor_id, ''):<35} {duration_s:>10.0f}\n"


def _heading(log: RecorderLog) -> str:
    try:
        date = time.strftime("%m/%d/%y %H:%M:%S", time.localtime(log.header.date_s))
    except (OverflowError, OSError, ValueError):  # no year that a calendar has
        date = str(log.header.date_s)
    return f"Version: {log.header.version}\nMap: {log.header.map_name}\nDate: {date}\n\n"


def _closing(log: RecorderLog, rounded: bool = False) -> str:
    """CARLA's stream keeps whole seconds once it has written some."""
    last = int(log.number[-1]) if len(log) else 0
    duration = f"{log.total_s:.0f}" if rounded else number(log.total_s)
    return f"\nFrames: {last}\nDuration: {duration} seconds\n"


def _until_damage(log: RecorderLog, tell: Callable[[], None]) -> str:
    """Run tell; a line about the damage of the log, if there is any."""
    fault = log.fault
    try:
        tell()
    except BrokenLogError as error:
        fault = error
    return "" if fault is None else f"The file is damaged from there on: {fault}\n"
