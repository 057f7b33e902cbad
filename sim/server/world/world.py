"""One episode: its actors, and the tick that carries them one step further.

A tick is a deterministic function of the state, the commands since the last tick, the time step and the set of
streams that somebody listens to. The world knows no sockets; ``sim.server.serve`` drives it.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Container, Iterator

import numpy as np
import numpy.typing as npt

from sim.server.protocol.payloads import ActorValue
from sim.server.protocol.structs import ActorDescription, Pose
from sim.server.recorder.replayer import Replayer
from sim.server.scene.mesh import Tag
from sim.server.scene.objects import Layer
from sim.server.scene.static import StaticScene
from sim.server.sensors.instances import Contact, View, Weather
from sim.server.world import blueprints
from sim.server.world.actors import Actor, ActorTable, UnknownActorError
from sim.server.world.attachment import Attachment, SpringArm, Walls, attached_pose
from sim.server.world.blueprints import AttributeType, Blueprint, Kind
from sim.server.world.columns import InstanceColumns, SnapshotColumns, Travel
from sim.server.world.deaths import Deaths
from sim.server.world.debug_shapes import DebugShapes
from sim.server.world.friction_triggers import FRICTION_TRIGGER, trigger_box
from sim.server.world.measuring import Measuring, Message, SensorState
from sim.server.world.parts import Bench, Parts
from sim.server.world.postures import Postures
from sim.server.world.rig import bone_pose
from sim.server.world.rules import RoadRules
from sim.server.world.scenery import Scenery
from sim.server.world.vehicle_spec import VEHICLES, VehicleControl
from sim.server.world.wheelchairs import half_of, solid_of

log = logging.getLogger(__name__)

Array = npt.NDArray[np.float64]

WORLD_STREAM = 1
"""Stream of the snapshots; sensors get the ids after it, server-wide and never again."""
DEFAULT_WEATHER = Weather(cloudiness=5.0, wind_intensity=10.0, sun_azimuth_angle=-1.0, sun_altitude_angle=45.0)
"""ClearNoon, without its haze."""
GRAVITY_MPS2 = 9.81
"""What an IMU feels until ``set_imui_gravity`` says otherwise."""
MAX_PROP_KG = 1e6
STICKY = "sticky_control"
_NO = ("false", "0", "no", "off")
WALKER_CONTROL = ((1.0, 0.0, 0.0), 0.0, False)
"""The client's default: direction, speed m/s, jump."""


class SpawnError(ValueError):
    """An actor cannot be spawned; the message is meant for the client."""


class World:
    """The episode of one map."""

    def __init__(
        self,
        scene: StaticScene,
        parts: Parts,
        seed: int,
        episode_id: int,
        first_frame: int,
        first_stream: int,
        port: int,
        layers: int = Layer.ALL,
        bench: Bench | None = None,
        ids_before: int = 0,
    ) -> None:
        """Start an episode: first_frame is the number before its first tick, port the one in stream tokens.

        layers: of the map, those that are there; bench: of an earlier episode on the same scene; ids_before: the
        highest id of an actor in earlier episodes.
        """
        self.scene, self.seed, self.episode_id, self.port = scene, seed, episode_id, port
        self.frame, self.elapsed_s, self.delta_s = first_frame, 0.0, 0.0
        self._first_frame = first_frame
        self.next_stream = first_stream
        self.actors = ActorTable(ids_before)
        self.dynamics = parts.make_dynamics(scene, np.random.default_rng([seed, 0]))
        self.lights = parts.make_lights(scene)
        self.rules = RoadRules(scene.signals, self.lights)
        self.bench = bench or parts.make_bench(scene, seed)
        self.bench.describe_with(self.describe)
        self.weather = DEFAULT_WEATHER
        self.scenery = Scenery(scene, self.bench.show, self.dynamics.enable_obstacles, self.weather, layers)
        self.travel = Travel()
        self.debug = DebugShapes()
        self.postures = Postures()
        self.contacts: tuple[Contact, ...] = ()
        self.imu_gravity_mps2 = GRAVITY_MPS2
        self._measuring = Measuring(self)
        self._walls: Walls | None = None  # once a spring arm needs them
        self.replayer: Replayer | None = None
        self.deaths = Deaths()
        self._walker_controls: dict[int, tuple[tuple[float, float, float], float, bool]] = {}
        self.walker_changes = 0  # rises with every command to a walker
        self._snapshot, self._instances = SnapshotColumns(), InstanceColumns()
        self._layout_version = -1
        self._fleeting: list[int] = []  # vehicles whose control lasts for one tick
        self.signal_ids = np.array([self._add_signal(k).actor_id for k in range(len(scene.signals))], np.int64)
        self.spectator = self._add_free("spectator", Kind.OTHER, *_spectator_pose(scene))

    # --- life of actors -------------------------------------------------------------------------------------

    def spawn(
        self,
        description: ActorDescription,
        pose: Pose,
        parent_id: int = 0,
        attachment: Attachment = Attachment.RIGID,
        wanted_id: int = 0,
        bone: str = "",
    ) -> Actor:
        """Add an actor; pose is relative to its parent (or that bone of it) if it has one, wanted_id its id if free.

        Raises SpawnError.
        """
        try:
            blueprint = blueprints.find(description.type_id)
            attributes = blueprint.completed(description.attributes)
        except ValueError as error:
            raise SpawnError(str(error)) from None
        relative_m, relative_rad = np.array(pose.position_m), np.array(pose.rotation_rad)
        position_m, rotation_rad = relative_m, relative_rad
        if parent_id:
            try:
                parent = self.actors.get(parent_id)
            except UnknownActorError as error:
                raise SpawnError(f"{description.type_id}: parent: {error}") from None
            position_m, rotation_rad = attached_pose(
                attachment, *bone_pose(self, parent, bone), relative_m, relative_rad
            )
        actor = self._make(blueprint, attributes, position_m, rotation_rad, wanted_id)
        actor.parent_id, actor.attachment, actor.bone = parent_id, attachment, bone
        actor.relative_m, actor.relative_rad = relative_m, relative_rad
        if parent_id and attachment != Attachment.RIGID:
            self._walls = self._walls or Walls(self.scene.obstacles, self.scene.ground)
            actor.arm = SpringArm(attachment, float(self.pose_of(parent)[1][1]), self._walls)
        self._embody(actor, blueprint)
        self.actors.add(actor)
        return actor

    def destroy(self, actor_id: int) -> bool:
        """Remove an actor; its children stay where they are, as in CARLA. False if there is none or it is fixed."""
        actor = self.actors.find(actor_id)
        if actor is None or actor.kind in (Kind.LIGHT, Kind.SIGN) or actor is self.spectator:
            return False
        for child in self.actors.children(actor_id):
            child.position_m, child.rotation_rad = self.pose_of(child)
            child.parent_id = 0
        if actor.moved:
            self.dynamics.remove(actor_id)
        if actor.type_id == FRICTION_TRIGGER:
            self.dynamics.remove_friction_trigger(actor_id)
        self.actors.remove(actor_id)
        self._walker_controls.pop(actor_id, None)
        self.postures.forget(actor_id)
        return True

    def _make(
        self,
        blueprint: Blueprint,
        attributes: dict[str, str],
        position_m: Array,
        rotation_rad: Array,
        wanted_id: int,
    ) -> Actor:
        return Actor(
            actor_id=self.actors.next_id(wanted_id),
            type_id=blueprint.type_id,
            kind=blueprint.kind,
            uid=blueprint.uid,
            attributes=attributes,
            attribute_types={attribute.name: attribute.type for attribute in blueprint.attributes},
            half_m=half_of(blueprint, attributes, self.bench),
            centre_m=blueprint.centre_m,
            tag=int(blueprint.tag),
            position_m=position_m,
            rotation_rad=rotation_rad,
        )

    def _embody(self, actor: Actor, blueprint: Blueprint) -> None:
        """Give a new actor its body in the dynamics, or its sensor. Raises SpawnError."""
        where = (actor.position_m, actor.rotation_rad)
        if actor.kind in (Kind.VEHICLE, Kind.WALKER, Kind.PROP) and not actor.parent_id:
            if self.dynamics.overlaps(actor.half_m, actor.centre_m, *where) is not None:
                raise SpawnError("Spawn failed because of collision at spawn position")
            if actor.kind == Kind.VEHICLE:
                self.dynamics.add_vehicle(actor.actor_id, VEHICLES[actor.type_id], *where)
                actor.speed_limit_kmh = self.rules.limit_at(self.scene.carla_map, actor.position_m)
            elif actor.kind == Kind.WALKER:
                radius_m, mass_kg = solid_of(actor, blueprint)
                self.dynamics.add_walker(actor.actor_id, actor.half_m[2], radius_m, *where, mass_kg)
            else:
                loose_kg = min(blueprints.leading_float(actor.attributes.get("mass", "0")), MAX_PROP_KG)
                self.dynamics.add_prop(actor.actor_id, actor.half_m, actor.centre_m, *where, mass_kg=loose_kg)
            actor.moved = True
        elif actor.type_id == FRICTION_TRIGGER:
            self.dynamics.add_friction_trigger(actor.actor_id, *trigger_box(actor.attributes), *where)
        elif blueprint.has_stream:
            sensor = None
            if actor.type_id != "sensor.other.collision":
                try:
                    sensor = self.bench.create(
                        actor.type_id, actor.attributes, actor.actor_id, self.actors.serial(actor.actor_id)
                    )
                except ValueError as error:
                    raise SpawnError(str(error)) from None
            tick_s = blueprints.leading_float(actor.attributes.get("sensor_tick", "0"))
            actor.sensing = SensorState(sensor, max(0.0, tick_s))
            self.next_stream += 1
            actor.stream_id = self.next_stream - 1

    def _add_free(self, type_id: str, kind: Kind, position_m: Array, rotation_rad: Array) -> Actor:
        zero = (0.0, 0.0, 0.0)
        actor_id = self.actors.next_id()
        actor = Actor(actor_id, type_id, kind, 0, {}, {}, zero, zero, int(Tag.NONE), position_m, rotation_rad)
        self.actors.add(actor)
        return actor

    def _add_signal(self, index: int) -> Actor:
        signal = self.scene.signals[index]
        kind, tag = (Kind.LIGHT, Tag.TRAFFIC_LIGHT) if signal.group >= 0 else (Kind.SIGN, Tag.TRAFFIC_SIGNS)
        rotation = np.array((0.0, signal.yaw_rad, 0.0))
        actor = self._add_free(signal.type_id, kind, np.array(signal.position_m), rotation)
        actor.half_m, actor.centre_m = signal.trigger_extent_m, signal.trigger_centre_m
        actor.tag, actor.signal = int(tag), index
        actor.attributes = {"role_name": "default"}
        actor.attribute_types = {"role_name": AttributeType.STRING}
        return actor

    # --- where actors are and what they were told -----------------------------------------------------------

    def pose_of(self, actor: Actor) -> tuple[Array, Array]:
        """World position (3,) and rotation (3,) of any actor at this moment."""
        if actor.moved:
            row = int(np.searchsorted(self.dynamics.actor_id, actor.actor_id))
            return self.dynamics.position_m[row].copy(), self.dynamics.rotation_rad[row].copy()
        parent = self.actors.find(actor.parent_id) if actor.parent_id else None
        if parent is None:
            return actor.position_m, actor.rotation_rad
        if actor.arm is not None:
            return actor.arm.pose(self.pose_of(parent)[0], actor.relative_m, actor.relative_rad)
        mount = bone_pose(self, parent, actor.bone) if actor.bone else self.pose_of(parent)
        return attached_pose(actor.attachment, *mount, actor.relative_m, actor.relative_rad)

    def place(self, actor: Actor, position_m: Array | None, rotation_rad: Array | None) -> None:
        """Teleport an actor (an attached one: to a place relative to its parent)."""
        if actor.moved:
            self.dynamics.teleport(actor.actor_id, position_m, rotation_rad)
        elif actor.parent_id:
            actor.relative_m = actor.relative_m if position_m is None else position_m
            actor.relative_rad = actor.relative_rad if rotation_rad is None else rotation_rad
        else:
            actor.position_m = actor.position_m if position_m is None else position_m
            actor.rotation_rad = actor.rotation_rad if rotation_rad is None else rotation_rad
            self.actors.version += actor.kind in (Kind.LIGHT, Kind.SIGN)
            if actor.type_id == FRICTION_TRIGGER:
                box = trigger_box(actor.attributes)
                self.dynamics.add_friction_trigger(actor.actor_id, *box, actor.position_m, actor.rotation_rad)

    def control_vehicle(self, actor_id: int, control: VehicleControl) -> None:
        """Keep driving like this. Raises UnknownActorError."""
        actor = self.actors.get(actor_id, Kind.VEHICLE)
        if actor.moved:
            self.dynamics.set_vehicle_control(actor.actor_id, control)

    def release_pedals(self) -> None:
        """Vehicles that were spawned with ``sticky_control`` false forget their control after each tick."""
        for actor_id in self._fleeting:
            self.dynamics.set_vehicle_control(actor_id, VehicleControl())

    def control_walker(
        self, actor_id: int, direction: tuple[float, float, float], speed_mps: float, jump: bool
    ) -> None:
        """Keep walking like this. Raises UnknownActorError."""
        actor = self.actors.get(actor_id, Kind.WALKER)
        self._walker_controls[actor_id] = (direction, speed_mps, jump)
        self.walker_changes += 1
        if actor.moved:
            self.dynamics.set_walker_control(actor_id, np.array(direction), speed_mps, jump)

    def walker_control(self, actor_id: int) -> tuple[tuple[float, float, float], float, bool]:
        """The last command of a walker: direction, speed m/s, jump."""
        return self._walker_controls.get(actor_id, WALKER_CONTROL)

    # --- time -------------------------------------------------------------------------------------------------

    def tick(self, dt_s: float, listened: Container[int]) -> list[Message]:
        """Advance by dt_s; measurements of the sensors whose stream is in ``listened``, by actor id."""
        self.step(dt_s)
        return list(self.measure(dt_s, listened))

    def measure(self, dt_s: float, listened: Container[int]) -> Iterator[Message]:
        """What ``tick`` measures after its ``step``; the sensors work as it is read, which another thread may do."""
        return self._measuring.run(dt_s, listened)

    def step(self, dt_s: float) -> None:
        """The part of a tick that comes before its sensors: everything moves."""
        self.frame += 1
        self.elapsed_s += dt_s
        self.delta_s = dt_s
        self.lights.step(dt_s)
        self.scenery.tick(self.weather)
        self.deaths.step(self)
        self.contacts = tuple(self.dynamics.step(dt_s, self.weather))
        if self.replayer is not None:
            self.replayer.advance(dt_s)
        self._refresh_rules()
        self.travel.advance(self.dynamics.actor_id, self.dynamics.velocity_mps, dt_s)
        for actor in self.actors:
            if actor.parent_id:
                parent = self.actors.find(actor.parent_id)
                if actor.arm is not None and parent is not None:
                    actor.arm.follow(float(self.pose_of(parent)[1][1]), dt_s)
                actor.position_m, actor.rotation_rad = self.pose_of(actor)

    def records(self) -> npt.NDArray[np.void]:
        """Snapshot records of all actors as they are now, sorted by id; valid until the next call."""
        if self._layout_version != self.actors.version:
            self._refresh_rules()
        return self._snapshot.refresh(self)

    @property
    def last_records(self) -> npt.NDArray[np.void]:
        """What the last call of ``records`` gave."""
        return self._snapshot.records

    def _refresh_rules(self) -> None:
        dynamics = self.dynamics
        if self._layout_version != self.actors.version:
            vehicles = [actor for actor in self.actors if actor.kind == Kind.VEHICLE and actor.moved]
            ids = np.array([actor.actor_id for actor in vehicles], np.int64)
            half = np.array([actor.half_m[0] for actor in vehicles], np.float64)
            self.rules.set_vehicles(ids, half, np.array([actor.speed_limit_kmh for actor in vehicles], np.float64))
            self._vehicle_rows = np.searchsorted(dynamics.actor_id, ids)
            self._fleeting = [actor.actor_id for actor in vehicles if actor.attributes.get(STICKY, "").lower() in _NO]
            self._layout_version = self.actors.version
        rows = self._vehicle_rows
        self.rules.refresh(dynamics.position_m[rows], dynamics.rotation_rad[rows, 1], self.elapsed_s)

    def view(self) -> View:
        """What sensors see of this tick."""
        self.travel.follow(self.dynamics.actor_id)
        return View(
            frame=self.frame - self._first_frame,  # noise follows it, and an episode must repeat to the byte
            elapsed_s=self.elapsed_s,
            instances=self._instances.refresh(self),
            signal_state=self.lights.state.copy(),
            weather=self.weather,
            contacts=self.contacts,
            imu_gravity_mps2=self.imu_gravity_mps2,
            drawing=self.debug.drawing(self.frame, self.elapsed_s),
        )

    def describe(self, actor_id: int, tag: int) -> ActorValue:
        """The actor as the wire has it; a made-up one of static scenery for id 0."""
        actor = self.actors.find(actor_id) if actor_id else None
        if actor is not None:
            return actor.wire(self.port)
        name = Tag(tag).name.lower() if tag in set(Tag) else "unknown"
        zero = (0.0, 0.0, 0.0)
        scenery = Actor(0, f"static.{name}", Kind.OTHER, 0, {}, {}, zero, zero, tag, np.zeros(3), np.zeros(3))
        return scenery.wire(self.port)


def _spectator_pose(scene: StaticScene) -> tuple[Array, Array]:
    """Above the first spawn point, looking down its road."""
    if not len(scene.spawn_points):
        return np.array((0.0, 0.0, 20.0)), np.array((math.radians(-30.0), 0.0, 0.0))
    x, y, z, _, yaw, _ = scene.spawn_points[0].tolist()
    back = 8.0  # metres behind and half as much above: the spawn point is in the middle of the picture
    position = (x - back * math.cos(yaw), y - back * math.sin(yaw), z + 0.5 * back)
    return np.array(position), np.array((math.radians(-20.0), yaw, 0.0))
