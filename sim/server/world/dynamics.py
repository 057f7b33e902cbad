"""The moving world: vehicles, walkers and props, stepped together.

CARLA's frame (left-handed, z up), metres, radians, SI. Deterministic: the same calls give the same bytes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from sim.server.scene.ground import ROAD, Ground
from sim.server.scene.static import Box
from sim.server.sensors.instances import Contact, Weather
from sim.server.world.ackermann import AckermannController
from sim.server.world.bodies import PROP, VEHICLE, WALKER
from sim.server.world.body_table import BodyTable
from sim.server.world.carried import carry
from sim.server.world.collision_kernel import POINT_X, TOTAL, find_pairs, first_overlap, static_grid
from sim.server.world.commands_kernel import apply_commands
from sim.server.world.fleet_kernel import advance, begin, finish
from sim.server.world.friction_triggers import NO_TRIGGER, FrictionTriggers
from sim.server.world.machine import (
    box_inertia,
    read_control,
    read_telemetry,
    world_wheels,
    write_control,
    write_machine,
)
from sim.server.world.pose import rotation_matrix
from sim.server.world.pushes import Array, Vector, free, lie_as_rotated, turn, world_mass_centre
from sim.server.world.vehicle_spec import (
    AckermannControl,
    AckermannSettings,
    VehicleControl,
    VehiclePhysics,
    VehicleSpec,
    VehicleTelemetry,
)
from sim.server.world.walkers import mass_of, paced

LIGHTEST_KG = 0.01
"""A loose prop weighs at least this much: a paper cup."""
CHUNK_S = 0.05
"""Ground and pairs are looked up anew after at most this time: 1.5 m at 30 m/s."""
SUBSTEP_S = 0.01
"""Longest step of forces and contacts: 0.3 m at 30 m/s, less than any body is long."""
BODY_WIDTH_PER_TRACK = 1.17
"""Width of a vehicle without mirrors; CARLA's boxes include them, its collision shapes do not."""
NOWHERE_M = -1e9
"""Height of obstacles that were switched off."""
PROP_DENSITY_KGPM3 = 200.0
"""Wooden boxes, bins and hollow plastic: what a prop weighs that says nothing of its mass."""
TAPER = 0.1
"""Share of its box that a body leaves empty at its ends: bumpers are round, and CARLA asks hulls whether there is room
for a new vehicle. Scenarios put vehicles bumper to bumper and count on that."""


def friction_scale(weather: Weather) -> float:
    """What the weather leaves of the dry friction: 0.7 on a wet road, 0.6 with standing water (Wong, tables)."""
    wet = min(max(weather.wetness, weather.precipitation, 0.0), 100.0) / 100.0
    water = min(max(weather.precipitation_deposits, 0.0), 100.0) / 100.0
    return 1.0 - 0.3 * wet - 0.1 * water


class Dynamics(BodyTable):
    """All bodies that move or can be hit. Columns are sorted by actor id."""

    def __init__(self, ground: Ground, obstacles: Sequence[Box], rng: np.random.Generator) -> None:
        super().__init__()
        self._ground = ground.arrays
        self._tags = [box.tag for box in obstacles]
        boxes = np.array([[*box.centre_m, *box.half_m, box.yaw_rad] for box in obstacles], np.float64)
        self._grid = static_grid(boxes)
        self._static_boxes = self._grid[0].copy()
        self._rng = rng
        self._spec: dict[int, VehicleSpec] = {}
        self._physics: dict[int, VehiclePhysics] = {}
        self._ackermann: dict[int, AckermannController] = {}
        self._ackermann_settings: dict[int, AckermannSettings] = {}
        self._pairs = np.zeros((256, 2), np.int64)
        self._substepping = (SUBSTEP_S, 0)  # longest step, most steps in a tick
        self._triggers = FrictionTriggers()

    def enable_obstacles(self, enabled: Sequence[bool]) -> None:
        """Which of the obstacles can be hit from now on; the others are put where nothing is."""
        gone = ~np.asarray(enabled, np.bool_)
        self._grid[0][:] = self._static_boxes
        self._grid[0][gone, 2:4] = NOWHERE_M

    # bodies come and go

    def add_vehicle(self, actor_id: int, spec: VehicleSpec, position_m: Vector, rotation_rad: Vector) -> None:
        """Add a vehicle; its origin is on the ground, at the centre of its footprint."""
        body = self._new(actor_id, VEHICLE, position_m, rotation_rad)
        length, width, height = spec.size_m
        solid = width if spec.two_wheeled else min(width, BODY_WIDTH_PER_TRACK * spec.track_m)
        body["half"] = (length / 2.0, solid / 2.0, height / 2.0)
        body["centre"] = (0.0, 0.0, height / 2.0)
        lie_as_rotated(body)
        body["gear"] = 1
        body["wheel_surface"] = ROAD  # until the first look at the ground
        body["trigger_friction"] = NO_TRIGGER
        write_machine(body, spec, spec.physics)
        self._insert(body)
        self._spec[actor_id] = spec
        self._physics[actor_id] = spec.physics

    def add_walker(
        self,
        actor_id: int,
        half_height_m: float,
        radius_m: float,
        position_m: Vector,
        rotation_rad: Vector,
        mass_kg: float = 0.0,
    ) -> None:
        """Add a walker; its origin is the centre of its capsule. Mass 0: that of people of this height."""
        body = self._new(actor_id, WALKER, position_m, rotation_rad)
        body["half"] = (radius_m, radius_m, half_height_m)
        body["mass"] = mass_kg or mass_of(half_height_m)
        body["inertia"] = 1.0  # unused: a walker turns by itself
        self._insert(body)

    def add_prop(
        self,
        actor_id: int,
        half_m: Vector,
        centre_m: Vector,
        position_m: Vector,
        rotation_rad: Vector,
        mass_kg: float = 0.0,
    ) -> None:
        """Add a box; ``centre_m`` is its centre in the prop's own frame.

        It is immovable until ``set_simulate_physics``, or if a mass is given loose from the start, as in CARLA.
        """
        body = self._new(actor_id, PROP, position_m, rotation_rad)
        body["half"] = half_m
        body["centre"] = body["mass_centre"] = centre_m
        body["mass"] = (
            max(mass_kg, LIGHTEST_KG)
            if mass_kg > 0.0
            else max(PROP_DENSITY_KGPM3 * 8.0 * float(np.prod(np.asarray(half_m))), 1.0)
        )
        body["inertia_body"] = box_inertia(float(body["mass"]), 2.0 * np.asarray(half_m))
        body["inertia"] = body["inertia_body"][2]
        body["simulate"] = mass_kg > 0.0
        free(body)
        self._insert(body)

    def add_friction_trigger(
        self, actor_id: int, friction: float, half_m: Vector, position_m: Vector, rotation_rad: Vector
    ) -> None:
        """Add a box in which the wheels of vehicles have this tire_friction."""
        self._triggers.add(actor_id, friction, half_m, position_m, rotation_rad)

    def remove_friction_trigger(self, actor_id: int) -> None:
        """Take a trigger out; vehicles in it have their own friction again."""
        self._triggers.remove(actor_id)
        self._triggers.apply(self._bodies)

    def remove(self, actor_id: int) -> None:
        """Take a body out. Raises LookupError for an unknown id, as every method here does."""
        row = self._index(actor_id)
        self._bodies = np.delete(self._bodies, row)
        self._reindex()
        for table in (self._spec, self._physics, self._ackermann, self._ackermann_settings):
            table.pop(actor_id, None)

    def overlaps(
        self, half_m: Vector, centre_m: Vector, position_m: Vector, rotation_rad: Vector, ignore: int = 0
    ) -> int | None:
        """What a body in this box would hit: an actor id, 0 for static scenery, None if the place is free.

        It is taken to end ``TAPER`` short of its box on every side.
        """
        cos, sin = math.cos(rotation_rad[1]), math.sin(rotation_rad[1])
        x = position_m[0] + cos * centre_m[0] - sin * centre_m[1]
        y = position_m[1] + sin * centre_m[0] + cos * centre_m[1]
        z = position_m[2] + centre_m[2]
        length, width = (1.0 - TAPER) * half_m[0], (1.0 - TAPER) * half_m[1]
        shape = (x, y, z - half_m[2], z + half_m[2], length, width, rotation_rad[1])
        hit = first_overlap(self._bodies, self._grid, tuple(float(v) for v in shape), ignore)
        return None if hit < 0 else int(hit)

    # commands

    def set_vehicle_control(self, actor_id: int, control: VehicleControl) -> None:
        """Drive by pedals and steering; ends Ackermann control."""
        write_control(self._vehicle(actor_id), control)
        self._ackermann.pop(actor_id, None)

    def apply_commands(self, kind: npt.NDArray[np.int64], actor_id: npt.NDArray[np.int64], values: Array) -> bool:
        """Columns of commands in one pass, see ``commands_kernel``; False, and nothing done, if they need more care."""
        return not self._ackermann and bool(apply_commands(self._bodies, kind, actor_id, values))

    def apply_ackermann_control(self, actor_id: int, control: AckermannControl) -> None:
        """Drive by target speed and steering angle, until the next ``set_vehicle_control``."""
        self._vehicle(actor_id)
        controller = self._ackermann.get(actor_id)
        if controller is None:
            controller = AckermannController(self.ackermann_settings(actor_id))
            self._ackermann[actor_id] = controller
        controller.target = control

    def ackermann_settings(self, actor_id: int) -> AckermannSettings:
        """Gains of a vehicle's Ackermann controller."""
        self._vehicle(actor_id)
        return self._ackermann_settings.get(actor_id, AckermannSettings())

    def apply_ackermann_settings(self, actor_id: int, settings: AckermannSettings) -> None:
        """Change the gains; a running controller starts anew with them."""
        self._vehicle(actor_id)
        self._ackermann_settings[actor_id] = settings
        if actor_id in self._ackermann:
            target = self._ackermann[actor_id].target
            self._ackermann[actor_id] = AckermannController(settings)
            self._ackermann[actor_id].target = target

    def set_walker_control(self, actor_id: int, direction: Vector, speed_mps: float, jump: bool) -> None:
        """Walk along ``direction`` (3,), world frame, and jump whenever on the ground if told to (``paced``)."""
        body = self._body(actor_id)
        body["direction"], body["walk_speed"] = paced(direction, speed_mps)
        body["jump"] = jump

    def set_walker_state(self, actor_id: int, position_m: Vector, rotation_rad: Vector, speed_mps: float) -> None:
        """Place a walker that a client moves; ``speed_mps`` along its heading is what others see of it."""
        body = self._body(actor_id)
        body["position"], body["rotation"] = position_m, rotation_rad
        yaw = float(rotation_rad[1])
        body["velocity"] = (math.cos(yaw) * speed_mps, math.sin(yaw) * speed_mps, 0.0)
        body["direction"], body["walk_speed"] = (math.cos(yaw), math.sin(yaw), 0.0), speed_mps

    def teleport(self, actor_id: int, position_m: Vector | None, rotation_rad: Vector | None) -> None:
        """Move at once; velocities stay, as in CARLA."""
        body = self._body(actor_id)
        if position_m is not None:
            body["position"] = position_m
        if rotation_rad is not None:
            body["rotation"] = rotation_rad
            lie_as_rotated(body)
        body["still_s"] = 0.0

    def follow(
        self, rows: npt.NDArray[np.int64], position_m: Array, rotation_rad: Array, velocity_mps: Array, dt_s: float
    ) -> None:
        """Carry the bodies of some rows of the columns to where a replay has them, see ``carry``."""
        carry(self._bodies, rows, position_m, rotation_rad, velocity_mps, dt_s)

    def set_velocity(self, actor_id: int, velocity_mps: Vector) -> None:
        """Set the velocity, world frame."""
        self._body(actor_id)["velocity"] = velocity_mps

    def set_angular_velocity(self, actor_id: int, angular_velocity_radps: Vector) -> None:
        """Set the angular velocity, world frame; see ``turn`` for its level part."""
        body = self._body(actor_id)
        body["angular_velocity"] = angular_velocity_radps
        body["yaw_rate"] = 0.0
        body["spin"] = 0.0
        turn(body, np.asarray(angular_velocity_radps, np.float64))

    def add_impulse(self, actor_id: int, impulse_ns: Vector, at_m: Vector | None = None) -> None:
        """Hit a body, N s, world frame: at a point of the world, or at its mass centre."""
        body = self._body(actor_id)
        body["velocity"] += np.asarray(impulse_ns) / body["mass"]
        body["airborne"] = bool(body["airborne"]) or float(body["velocity"][2]) > 0.5
        if at_m is not None:
            self.add_angular_impulse(actor_id, np.cross(np.asarray(at_m) - world_mass_centre(body), impulse_ns))

    def add_angular_impulse(self, actor_id: int, impulse_nms: Vector) -> None:
        """Turn a body at once, N m s, world frame; see ``turn`` for its level part."""
        body = self._body(actor_id)
        world_from_body = rotation_matrix(*body["rotation"])
        turn(body, world_from_body @ ((world_from_body.T @ np.asarray(impulse_nms)) / body["inertia_body"]))

    def add_force(self, actor_id: int, force_n: Vector, at_m: Vector | None = None) -> None:
        """Push a body during the next tick, N, world frame: at a point of the world, or at its mass centre."""
        body = self._body(actor_id)
        body["force"] += np.asarray(force_n)
        if at_m is not None:
            body["torque"] += np.cross(np.asarray(at_m) - world_mass_centre(body), force_n)

    def add_torque(self, actor_id: int, torque_nm: Vector) -> None:
        """Turn a body during the next tick, N m, world frame."""
        self._body(actor_id)["torque"] += np.asarray(torque_nm)

    def set_constant_velocity(self, actor_id: int, v_body: Vector | None) -> None:
        """Hold a velocity (body frame) whatever acts on the body, as long as it stands; None lets it go."""
        body = self._body(actor_id)
        body["constant_speed"] = v_body is not None
        body["constant_velocity"] = 0.0 if v_body is None else v_body

    def set_simulate_physics(self, actor_id: int, enabled: bool) -> None:
        """Switch a body's own motion; without, it stands where it is put and cannot be pushed."""
        body = self._body(actor_id)
        if not enabled:
            body["velocity"], body["yaw_rate"], body["spin"] = 0.0, 0.0, 0.0
        body["simulate"] = enabled
        body["still_s"] = 0.0

    def set_collisions(self, actor_id: int, enabled: bool) -> None:
        """Switch a body's collisions; vehicles still report the walkers that they run over (``solve_pairs``)."""
        self._body(actor_id)["collide"] = enabled

    def set_gravity(self, actor_id: int, enabled: bool) -> None:
        """Switch gravity: without, a body floats at its height."""
        body = self._body(actor_id)
        body["gravity"] = enabled
        body["still_s"] = 0.0

    def set_substepping(self, enabled: bool, max_step_s: float, max_substeps: int) -> None:
        """Steps of forces and contacts as fine as the client wants them, but never coarser than ``SUBSTEP_S``."""
        self._substepping = (max(max_step_s, SUBSTEP_S / 100.0), max_substeps) if enabled else (SUBSTEP_S, 0)
        self._max_substeps = max_substeps

    # what a vehicle is and does

    def control(self, actor_id: int) -> VehicleControl:
        """Last command, with the gear that is engaged."""
        return read_control(self._vehicle(actor_id))

    def physics_control(self, actor_id: int) -> VehiclePhysics:
        """Physics in force; wheel positions in the world, cm. In a friction trigger the wheels have its friction."""
        body = self._vehicle(actor_id)
        physics = self._physics[actor_id]
        friction = float(body["trigger_friction"])
        if friction >= 0.0:
            physics = replace(physics, wheels=tuple(replace(w, tire_friction=friction) for w in physics.wheels))
        places = self._spec[actor_id].physics.wheels
        wheels = tuple(
            replace(wheel, position_cm=place.position_cm) for wheel, place in zip(physics.wheels, places, strict=True)
        )
        return replace(physics, wheels=world_wheels(wheels, rotation_matrix(*body["rotation"]), body["position"]))

    def apply_physics_control(self, actor_id: int, physics: VehiclePhysics) -> None:
        """Change the machine; wheel positions are the body's and do not change. Raises ValueError if impossible."""
        write_machine(self._vehicle(actor_id), self._spec[actor_id], physics)
        self._physics[actor_id] = physics

    def telemetry(self, actor_id: int) -> VehicleTelemetry:
        """Speed, engine and tyres after the last step."""
        return read_telemetry(self._vehicle(actor_id))

    # time

    def step(self, dt_s: float, weather: Weather) -> list[Contact]:
        """Advance by ``dt_s``; returns the contacts of this tick, one per touched pair.

        The impulse is the one on ``actor_id``; ``other_id`` felt the opposite. Of two actors the smaller id comes
        first. Raises ValueError for a time step that is not above 0.
        """
        if not (math.isfinite(dt_s) and dt_s > 0.0):
            raise ValueError(f"the time step must be above 0 s, got {dt_s}")
        if len(self._bodies) == 0:
            return []
        for actor_id, controller in self._ackermann.items():
            body = self._body(actor_id)
            write_control(body, controller.run(body, dt_s))
        if self._triggers:
            self._triggers.apply(self._bodies)
        velocity, rotation = np.empty((len(self._bodies), 3)), np.empty((len(self._bodies), 3))
        begin(self._bodies, velocity, rotation)
        scale = friction_scale(weather)
        chunks = max(math.ceil(dt_s / CHUNK_S - 1e-9), 1)
        felt: dict[tuple[int, int], Array] = {}
        longest, most = self._substepping
        step_s = max(longest, dt_s / most) if most > 0 else longest
        for _ in range(chunks):
            self._step_chunk(dt_s / chunks, step_s, scale, felt)
        finish(self._bodies, velocity, rotation, dt_s)
        return self._contacts(felt)

    def _step_chunk(self, dt_s: float, step_s: float, scale: float, felt: dict[tuple[int, int], Array]) -> None:
        count = find_pairs(self._bodies, self._grid, dt_s, self._pairs)
        if count > len(self._pairs):
            self._pairs = np.zeros((2 * count, 2), np.int64)
            count = find_pairs(self._bodies, self._grid, dt_s, self._pairs)
        sums = np.zeros((count, TOTAL + 1))
        substeps = max(math.ceil(dt_s / SUBSTEP_S - 1e-9), math.ceil(dt_s / step_s - 1e-9), 1)
        advance(self._bodies, self._ground, self._grid, self._pairs, count, sums, dt_s, substeps, scale)
        for k in np.flatnonzero(sums[:, TOTAL] > 0.0):
            key = (int(self._pairs[k, 0]), int(self._pairs[k, 1]))
            felt[key] = felt[key] + sums[k] if key in felt else sums[k]

    def _contacts(self, felt: dict[tuple[int, int], Array]) -> list[Contact]:
        contacts = []
        ids = self._bodies["actor_id"]
        for (row, other), total in sorted(felt.items()):
            impulse = (float(total[0]), float(total[1]), float(total[2]))
            x, y, z = (float(v) for v in total[POINT_X:TOTAL] / total[TOTAL])
            other_id, tag = (0, self._tags[-1 - other]) if other < 0 else (int(ids[other]), 0)
            contacts.append(Contact(int(ids[row]), other_id, tag, impulse, (x, y, z)))
        return contacts
