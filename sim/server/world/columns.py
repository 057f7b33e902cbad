"""What a tick looks like from outside: the snapshot's records and the sensors' instances, column by column.

Both keep one row per actor, laid out anew only when an actor comes or goes; a tick refreshes the moving columns.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from sim.server.protocol import snapshot
from sim.server.scene.catalogue import in_wheelchair
from sim.server.sensors.instances import Instances
from sim.server.world.actors import Actor
from sim.server.world.blueprints import Kind
from sim.server.world.parked import ParkedRows
from sim.server.world.record_kernel import fill_lights, fill_moving, fill_vehicles

if TYPE_CHECKING:
    from sim.server.world.world import World

_DEGREES = 180.0 / np.pi
STRIDE_M = 1.4
"""Length of a full walking cycle (two steps) of an adult; a model's phase follows the distance moved."""
CRANK_TURN_M = 5.0
"""What a bicycle covers in one turn of its cranks, in a middle gear."""
PUSH_M = 1.2
"""What a wheelchair covers from one push of its rims to the next at a walking pace."""
STANDING_MPS = 0.1
PHASES = 8
"""Models ``NAME@0`` .. ``NAME@7`` of whatever walks or pedals."""


def _rows(ids: npt.NDArray[np.int64], of: npt.ArrayLike) -> npt.NDArray[np.int64]:
    """Row of each id of ``of`` in the sorted ``ids``; every one must be there."""
    return np.searchsorted(ids, np.asarray(of, np.int64))


class Travel:
    """Metres (n,) that each body of the dynamics has moved since it came."""

    def __init__(self) -> None:
        self._ids = np.zeros(0, np.int64)
        self.metres = np.zeros(0)

    def advance(self, ids: npt.NDArray[np.int64], velocity_mps: npt.NDArray[np.float64], dt_s: float) -> None:
        """Add one step; ids (n,) and velocity_mps (n, 3) are the dynamics' columns."""
        self.follow(ids)
        self.metres += np.hypot(velocity_mps[:, 0], velocity_mps[:, 1]) * dt_s

    def follow(self, ids: npt.NDArray[np.int64]) -> None:
        """Rows for these ids; new ones begin at 0."""
        if not np.array_equal(ids, self._ids):
            kept = dict(zip(self._ids.tolist(), self.metres.tolist(), strict=True))
            self.metres = np.array([kept.get(i, 0.0) for i in ids.tolist()])
            self._ids = ids


class SnapshotColumns:
    """The packed records of all actors."""

    def __init__(self) -> None:
        self._version = -1
        self.records = snapshot.records(0)

    def refresh(self, world: World) -> npt.NDArray[Any]:
        """Records (n,) of this tick; valid until the next refresh."""
        if self._version != world.actors.version:
            self._lay_out(world)
        records, lights = self.records, world.lights
        fill_moving(records, self._moved, world.dynamics.bodies)
        for row, actor in self._placed:
            records["location"][row] = actor.position_m
            records["rotation"][row] = actor.rotation_rad * _DEGREES
        times = (lights.green_s, lights.yellow_s, lights.red_s)
        rows, signals = self._light_rows, self._light_signal
        fill_lights(records.view(snapshot.LIGHT), rows, signals, lights.state, lights.elapsed_s, times, lights.frozen)
        self._refresh_vehicles(world)
        self._refresh_walkers(world)
        return records

    def _lay_out(self, world: World) -> None:
        actors = list(world.actors)
        ids = np.array([actor.actor_id for actor in actors], np.int64)
        records = snapshot.records(len(actors))
        records["actor_id"] = ids
        records["state"] = snapshot.ACTIVE
        self._moved = _rows(ids, world.dynamics.actor_id)
        fixed = [Kind.LIGHT, Kind.SIGN]
        self._placed = [(r, a) for r, a in enumerate(actors) if not a.moved and a.kind not in fixed]
        light = records.view(snapshot.LIGHT)
        for row, actor in enumerate(actors):
            if actor.kind in fixed:
                records["location"][row] = actor.position_m
                records["rotation"][row] = actor.rotation_rad * _DEGREES
                light["sign_id"][row] = world.scene.signals[actor.signal].opendrive_id.encode()[:31]
        self._light_rows = np.array([r for r, a in enumerate(actors) if a.kind == Kind.LIGHT], np.int64)
        self._light_signal = np.array([a.signal for a in actors if a.kind == Kind.LIGHT], np.int64)
        light["pole_index"][self._light_rows] = world.lights.pole_index[self._light_signal]
        self._vehicles = [(r, a) for r, a in enumerate(actors) if a.kind == Kind.VEHICLE and a.moved]
        self._vehicle_rows = np.array([r for r, _ in self._vehicles], np.int64)
        self._vehicle_bodies = _rows(world.dynamics.actor_id, [a.actor_id for _, a in self._vehicles])
        self._walkers = [(r, a) for r, a in enumerate(actors) if a.kind == Kind.WALKER]
        self._walker_changes = -1
        self.records, self._version = records, world.actors.version

    def _refresh_vehicles(self, world: World) -> None:
        if len(self._vehicle_rows):
            rules = world.rules
            fill_vehicles(
                self.records.view(snapshot.VEHICLE),
                self._vehicle_rows,
                self._vehicle_bodies,
                world.dynamics.bodies,
                rules.speed_limit_kmh,
                rules.light,
                rules.light_state(),
                world.signal_ids,
            )

    def _refresh_walkers(self, world: World) -> None:
        if not self._walkers or self._walker_changes == world.walker_changes:
            return
        self._walker_changes = world.walker_changes
        walker = self.records.view(snapshot.WALKER)
        for row, actor in self._walkers:
            direction, speed, jump = world.walker_control(actor.actor_id)
            walker["direction"][row] = direction
            walker["speed"][row] = speed
            walker["jump"][row] = jump


class InstanceColumns:
    """The bodies that sensors see: vehicles, people and props, sorted by actor id, and the parked vehicles."""

    def __init__(self) -> None:
        self._version = -1
        self._parked = ParkedRows()

    def refresh(self, world: World) -> Instances:
        """The instances of this tick (arrays of their own, which later ticks leave alone)."""
        if self._version != world.actors.version:
            self._lay_out(world)
        dynamics, n = world.dynamics, len(self._bodies)
        position, rotation = np.zeros((n, 3)), np.zeros((n, 3))
        velocity = np.zeros((n, 3), np.float32)
        wheel, steer = np.zeros(n, np.float32), np.zeros(n, np.float32)
        moved = self._moved
        position[moved], rotation[moved] = dynamics.position_m, dynamics.rotation_rad
        velocity[moved] = dynamics.velocity_mps
        wheel[moved], steer[moved] = dynamics.wheel_angle_rad, dynamics.steer_rad
        for row in self._placed:
            position[row], rotation[row] = self._bodies[row].position_m, self._bodies[row].rotation_rad
        position[:, 2] -= self._origin_height_m
        model = self._pose(world, velocity)
        if len(self._chairs):
            wheel[self._chairs] = self._moved_m(world)[self._chairs] / self._chair_wheel_m % (2.0 * np.pi)
        bodies = Instances(
            actor_id=self._ids,
            model=model,
            position_m=position,
            rotation_rad=rotation,
            scale=self._scale,
            color=self._color,
            seed=self._seed,
            light_state=np.array([actor.light_state for actor in self._bodies], np.uint32),
            wheel_angle_rad=wheel,
            steer_rad=steer,
            velocity_mps=velocity,
            tag=self._tag,
            variants=world.postures.variants(self._ids, model, self._scale, world.bench),
        )
        return self._parked.behind(bodies, world)

    def _pose(self, world: World, velocity: npt.NDArray[np.float32]) -> npt.NDArray[np.int32]:
        """Model (n,) of each body: walkers and cyclists by the distance they moved, or standing."""
        phase = (np.mod(self._moved_m(world) / self._cycle_m, 1.0) * PHASES).astype(np.int32) % PHASES
        stands = np.hypot(velocity[:, 0], velocity[:, 1]) < STANDING_MPS
        return np.where(stands, self._standing, self._model + phase * self._phased).astype(np.int32)

    def _moved_m(self, world: World) -> npt.NDArray[np.float64]:
        """Metres (n,) that each body has moved."""
        moved_m = np.zeros(len(self._bodies))
        moved_m[self._moved] = world.travel.metres
        return moved_m

    def _lay_out(self, world: World) -> None:
        bodies = [a for a in world.actors if a.kind in (Kind.VEHICLE, Kind.WALKER, Kind.PROP)]
        library, n = world.bench.library(), len(bodies)
        self._bodies = bodies
        self._ids = np.array([a.actor_id for a in bodies], np.int64)
        self._moved = _rows(self._ids, world.dynamics.actor_id)
        self._placed = [row for row, a in enumerate(bodies) if not a.moved]
        choices = [world.bench.choose(a.type_id, a.attributes) for a in bodies]
        known = {name: row for row, name in enumerate(library.names)}
        base = [c.name if c.name in known else f"{c.name}@0" for c in choices]
        self._model = np.array([library.index(name) for name in base], np.int32)
        self._phased = np.array([name.endswith("@0") for name in base], np.int32)
        stand = [known.get(f"{c.name}@stand", row) for c, row in zip(choices, self._model.tolist(), strict=True)]
        self._standing = np.array(stand, np.int32)
        size = library.size_m[self._model].reshape(n, 3)
        wanted = np.array([c.size_m for c in choices], np.float32).reshape(n, 3)
        self._scale = np.where(size > 0, wanted / np.maximum(size, 1e-3), 1.0).astype(np.float32)
        people = np.array([a.kind == Kind.WALKER for a in bodies], np.bool_)
        self._scale[people] = self._scale[people, 2:3]  # a person keeps the proportions of the model
        self._cycle_m = np.where(people, STRIDE_M * self._scale[:, 2], CRANK_TURN_M)
        self._chairs = np.array(
            [row for row in np.flatnonzero(people) if in_wheelchair(bodies[row].attributes)], np.int64
        )
        if len(self._chairs):
            wheel_m = library.wheels_m[self._model[self._chairs], 2, 3]
            self._chair_wheel_m = wheel_m * self._scale[self._chairs, 2]
            self._cycle_m[self._chairs] = PUSH_M
        half_height = np.array([a.half_m[2] for a in bodies], np.float64)
        self._origin_height_m = np.where(people, half_height, 0.0)
        self._color = np.array([paint(a) for a in bodies], np.float32).reshape(n, 3)
        serial = world.actors.serial
        self._seed = np.array([zlib.crc32(f"{a.type_id} {serial(a.actor_id)}".encode()) for a in bodies], np.uint32)
        self._tag = np.array([int(c.tag) for c in choices], np.uint8)
        self._version = world.actors.version


_NO_PAINT = {
    "vehicle.carlamotors.firetruck": (0.65, 0.05, 0.05),
    "vehicle.ford.ambulance": (0.72, 0.1, 0.05),  # of its stripes; the rest is white
    "vehicle.dodge.charger_police": (0.06, 0.07, 0.1),
    "vehicle.dodge.charger_police_2020": (0.06, 0.07, 0.1),
}
_PROP_COLORS: dict[str, tuple[float, float, float]] = {
    "cone": (0.85, 0.3, 0.08),
    "warning": (0.85, 0.55, 0.08),
    "barrier": (0.75, 0.2, 0.15),
    "box": (0.55, 0.42, 0.28),
    "trash": (0.2, 0.25, 0.22),
    "plant": (0.25, 0.35, 0.18),
    "tree": (0.2, 0.32, 0.15),
    "bench": (0.4, 0.3, 0.2),
}


def paint(actor: Actor) -> tuple[float, float, float]:
    """sRGB 0..1 of a body: its colour attribute, else what its kind usually is."""
    if actor.paint_rgb is not None:
        return actor.paint_rgb
    if "color" in actor.attributes:
        red, green, blue = (int(part) / 255.0 for part in actor.attributes["color"].split(","))
        return red, green, blue
    if actor.type_id in _NO_PAINT:
        return _NO_PAINT[actor.type_id]
    return next((color for word, color in _PROP_COLORS.items() if word in actor.type_id), (0.45, 0.45, 0.45))
