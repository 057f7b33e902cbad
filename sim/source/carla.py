"""A CARLA server as a source of frames: the embedded one or a real CARLA 0.9.16, which this file cannot tell apart.

The world runs in synchronous mode; one step of the stack is ``sim.substeps`` ticks. Every sensor measures in the last
tick of a step, and a frame holds only what was measured in that tick; what did not come is named in ``Frame.missing``.
"""

from __future__ import annotations

import logging
import math
import socket
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from control.command import Command
from perception.frame import Frame, Image, Sweep
from sim.scenario import Scenario
from sim.source import conversion
from sim.source.base import Route, SourceLost
from sim.source.infractions import InfractionWatch
from sim.source.lanes import lane_graph
from sim.source.places import Place, resolve_route
from sim.source.rig import GNSS, IMU, mounts
from sim.source.synchronizer import Synchronizer
from sim.source.traffic import Vehicles, Walkers
from sim.source.truth_world import TruthReader
from sim.source.vehicle import vehicle_model
from sim.truth import Truth
from sim.weather import resolve_weather

if TYPE_CHECKING:
    import carla

log = logging.getLogger(__name__)
T = TypeVar("T")

SPAWN_LIFT_M = 0.3
"""A vehicle is spawned this far above the road, so that it touches nothing; it settles during the warm-up."""
KNOCK_S = 5.0
STEP_TIMEOUT_S = 20.0
"""A step that takes longer than this is a lost server; only the start may take longer (kernels, maps)."""
ALIGN_ATTEMPTS = 3
SUBSCRIBE_S = 0.1
"""Waited after subscribing, doubled at every attempt: a server learns of a subscription some milliseconds later, and a
measurement before that is lost."""


def _knock(host: str, port: int) -> None:
    """Raise SourceLost at once where nothing listens: the client itself would wait for its whole time-out."""
    try:
        with socket.create_connection((host, port), timeout=KNOCK_S):
            pass
    except OSError as error:
        raise SourceLost(
            f"{host}:{port}: no server listens there ({error}); start one with `roadlab serve --port {port}` or "
            "a CARLA 0.9.16 server"
        ) from error


class CarlaSource:
    """A drive on a server. A context manager; ``close`` gives everything back, also after a failed start."""

    def __init__(self, host: str, port: int, scenario: Scenario) -> None:
        """Connect, load the map if another is loaded, and put the car at the start.

        Raises SourceLost where no server answers, ValueError for what the scenario asks and the server does not have.
        """
        import carla

        self._scenario = scenario
        self._address = f"{host}:{port}"
        self.step_s = scenario.sim.step_s
        self._closed = False
        self._lost = False
        self._actors: list[Any] = []  # the car and its sensors, in the order of their birth
        self._original: Any = None
        self._rng = np.random.default_rng([scenario.seed, 0])
        _knock(host, port)
        self._client = carla.Client(host, port)
        self._client.set_timeout(scenario.sim.timeout_s)
        self._vehicles: Vehicles | None = None
        self._walkers: Walkers | None = None
        self._begun = False
        try:
            self._ask("connect", self._connect)
        except BaseException:
            self.close()
            raise

    def _connect(self) -> None:
        import carla

        self._world = self._load_map()
        self._original = self._world.get_settings()
        settings = self._world.get_settings()
        settings.synchronous_mode = True
        settings.no_rendering_mode = False
        settings.fixed_delta_seconds = self.step_s / self._scenario.sim.substeps
        self._world.apply_settings(settings)
        # the world's clock, its lights and its random numbers have run on since the server started: begin them anew
        self._world = self._client.reload_world(False)
        self._world.set_weather(carla.WeatherParameters(**resolve_weather(self._scenario.weather).as_dict()))
        self._map = self._world.get_map()
        self.lane_graph, from_map = lane_graph(self._map)
        origin = self._map.transform_to_geolocation(carla.Location(0.0, 0.0, 0.0))
        self._origin_deg = (origin.latitude, origin.longitude)
        spawn = [conversion.matrix(p) for p in self._map.get_spawn_points()]
        places = np.array([[m[0, 3], m[1, 3], math.atan2(m[1, 0], m[0, 0])] for m in spawn]).reshape(-1, 3)
        self.route: Route = resolve_route(self._scenario.route, places, self.lane_graph, self._rng)
        self._mounts = mounts(self._scenario, origin.latitude)
        self._inbox = Synchronizer([mount.name for mount in self._mounts])
        self._collisions: list[tuple[int, dict[str, object]]] = []
        self._collisions_lock = threading.Lock()
        self._spawn_ego()
        self._world.tick()  # poses and lights are known from the first snapshot on
        self.vehicle = vehicle_model(self._ego)
        self._truth = TruthReader(self._world, self._ego.id, from_map, self._mounts)
        self.map_lights = self._truth.map_lights

    def _load_map(self) -> carla.World:
        """The world with the scenario's map; loaded only where another is there. A path means its OpenDRIVE text."""
        wanted = Path(self._scenario.map)
        is_file = wanted.suffix == ".xodr"
        world = self._client.get_world()
        name = wanted.stem if is_file else self._scenario.map
        if world.get_map().name.split("/")[-1] == name.split("/")[-1]:
            return world
        if is_file:
            return self._client.generate_opendrive_world(wanted.read_text(encoding="utf-8"))
        try:
            return self._client.load_world(name)
        except RuntimeError as error:
            if "time-out" in str(error):
                raise
            raise ValueError(f"map {name!r}: {self._address} cannot load it: {error}") from error

    # --- the car and its sensors ------------------------------------------------------------------------------

    def _spawn_ego(self) -> None:
        import carla

        library = self._world.get_blueprint_library()
        found = library.filter(self._scenario.ego)
        if len(found) != 1:
            raise ValueError(f"ego {self._scenario.ego!r}: expected the id of one vehicle, the server has {len(found)}")
        blueprint = found[0]
        blueprint.set_attribute("role_name", "hero")
        transform = self._on_road(self.route.start_world)
        try:
            self._ego = self._world.spawn_actor(blueprint, transform)
        except RuntimeError as error:
            if "time-out" in str(error):
                raise
            raise ValueError(
                f"the car cannot be put at {self.route.start_world}: {error}. Is a vehicle of an earlier run there? "
                "Choose another route.start or reload the world"
            ) from error
        self._actors.append(self._ego)
        self._control = carla.VehicleControl(brake=1.0)
        self._ego.apply_control(self._control)

    def _on_road(self, place: Place) -> carla.Transform:
        """A place as a CARLA transform on the road there."""
        import carla

        x, y, yaw = place
        location = carla.Location(x, -y, 0.0)
        near = [
            p.location for p in self._map.get_spawn_points() if math.hypot(p.location.x - x, p.location.y + y) < 1.0
        ]
        waypoint = self._map.get_waypoint(near[0] if near else location)
        location.z = waypoint.transform.location.z + SPAWN_LIFT_M
        return carla.Transform(location, carla.Rotation(waypoint.transform.rotation.pitch, -math.degrees(yaw), 0.0))

    def _spawn_sensors(self) -> None:
        import carla

        library = self._world.get_blueprint_library()
        self._sensors: list[Any] = []
        for mount in self._mounts:
            blueprint = library.find(mount.type_id)
            for name, value in mount.attributes.items():
                blueprint.set_attribute(name, value)
            for name, value in mount.extras.items():
                if blueprint.has_attribute(name):
                    blueprint.set_attribute(name, value)
            blueprint.set_attribute("sensor_tick", str(self.step_s * mount.every))
            pose = conversion.carla_transform(mount.ego_from_sensor)
            self._sensors.append(self._world.spawn_actor(blueprint, pose, attach_to=self._ego))
        bumper = self._world.spawn_actor(library.find("sensor.other.collision"), carla.Transform(), attach_to=self._ego)
        self._sensors.append(bumper)
        self._actors.extend(self._sensors)
        for mount, sensor in zip(self._mounts, self._sensors, strict=False):
            sensor.listen(self._receiver(mount.name))
        bumper.listen(self._collided)

    def _receiver(self, name: str) -> Callable[[Any], None]:
        return lambda data: self._inbox.put(name, data.frame, data)

    def _collided(self, event: Any) -> None:
        other = event.other_actor
        impulse = conversion.vector(event.normal_impulse)
        told: dict[str, object] = {
            "kind": "collision",
            "other_id": int(other.id),
            "other_type": str(other.type_id),
            "impulse_ns": float(np.linalg.norm(impulse)),
        }
        with self._collisions_lock:
            self._collisions.append((event.frame, told))

    def _drop_sensors(self) -> None:
        for sensor in getattr(self, "_sensors", []):
            sensor.stop()
            sensor.destroy()
            self._actors.remove(sensor)
        self._sensors = []
        self._inbox.clear()

    # --- FrameSource ------------------------------------------------------------------------------------------

    def reset(self) -> tuple[Frame, Truth | None]:
        """See FrameSource. Traffic is spawned and the world warmed up; a second reset begins the drive anew."""
        return self._ask("begin the drive", self._reset)

    def _reset(self) -> tuple[Frame, Truth | None]:
        if self._begun:
            self._clear_traffic()
            self._drop_sensors()
            self._ego.destroy()
            self._actors.remove(self._ego)
            self._world.tick()
            self._spawn_ego()
            self._world.tick()
        self._begun = True
        here = conversion.vector(self._ego.get_transform().location)[:2]
        spec, seed = self._scenario.traffic, self._scenario.seed
        self._vehicles = Vehicles(self._client, self._world, spec, seed)
        self._vehicles.spawn(here)
        self._walkers = Walkers(self._client, self._world, self.lane_graph, spec, seed)
        self._walkers.spawn(here)
        for _ in range(round(self._scenario.sim.warm_up_s / self.step_s)):
            self._advance()
        self._watch = InfractionWatch(self.lane_graph, 0.5 * self.vehicle.length_m)
        self._steps = 0
        self._align()
        # a sensor's first measurement has nothing before it (an IMU knows no acceleration yet): it is not used
        for _ in range(max(mount.every for mount in self._mounts) if self._mounts else 1):
            frame = self._advance()
        with self._collisions_lock:
            self._collisions.clear()  # what touched while settling is no event of the drive
        sensed = self._gather(frame)
        self._client.set_timeout(min(STEP_TIMEOUT_S, self._scenario.sim.timeout_s))
        return sensed

    def _align(self) -> None:
        """Subscribe to the sensors so that all measure in the same tick."""
        wait_s = SUBSCRIBE_S
        for _ in range(ALIGN_ATTEMPTS):
            self._spawn_sensors()
            time.sleep(wait_s)
            names = [mount.name for mount in self._mounts]
            _, missing = self._inbox.collect(self._tick(), names, self._scenario.sim.timeout_s)
            if not missing:
                return
            log.warning("sensors %s did not measure in the first tick; subscribing again", ", ".join(missing))
            self._drop_sensors()
            wait_s *= 2.0
        raise SourceLost(f"{self._address}: sensors {', '.join(missing)} deliver nothing; is the server overloaded?")

    def step(self, command: Command) -> tuple[Frame, Truth | None]:
        """See FrameSource."""
        return self._ask("step", lambda: self._step(command))

    def _step(self, command: Command) -> tuple[Frame, Truth | None]:
        self._control.throttle = float(command.throttle)
        self._control.brake = float(command.brake)
        self._control.steer = -float(command.steer)  # CARLA steers right with positive numbers
        self._control.reverse = bool(command.reverse)
        self._control.hand_brake = False
        self._ego.apply_control(self._control)
        self._steps += 1
        return self._gather(self._advance())

    def _advance(self) -> int:
        """One step of the world; returns the number of its last frame."""
        if self._walkers is not None:
            self._walkers.step()
        frame = 0
        for _ in range(self._scenario.sim.substeps):
            frame = self._tick()
        return frame

    def _tick(self) -> int:
        return int(self._world.tick()) if self._vehicles is None else self._vehicles.tick()

    def _gather(self, frame: int) -> tuple[Frame, Truth | None]:
        due = {mount.name: mount for mount in self._mounts if self._steps % mount.every == 0}
        data, missing = self._inbox.collect(frame, due, self._scenario.sim.timeout_s)
        if due and len(missing) == len(due):
            raise SourceLost(
                f"{self._address}: no sensor delivered frame {frame} within {self._scenario.sim.timeout_s:g} s"
            )
        snapshot = self._world.get_snapshot()
        t_us = round(self._steps * self.step_s * 1e6)
        sensed = self._sensed(t_us, data, tuple(name for name in missing if not due[name].is_truth))
        truth = self._truth.read(self._steps, t_us, snapshot, sensed, data)
        speed = float(np.linalg.norm(truth.ego_velocity_mps[:2]))
        events = (*self._take_collisions(frame), *self._watch.update(truth.world_from_ego, speed, truth.lights))
        return sensed, Truth(**{**vars(truth), "events": events})

    def _sensed(self, t_us: int, data: Mapping[str, Any], missing: tuple[str, ...]) -> Frame:
        images: dict[str, Image] = {}
        sweeps: dict[str, Sweep] = {}
        for mount in self._mounts:
            if mount.name not in data or mount.is_truth:
                continue
            if mount.camera is not None:
                images[mount.name] = Image(conversion.bgr(data[mount.name]), mount.camera)
            elif mount.type_id == "sensor.lidar.ray_cast":
                points, intensity = conversion.sweep_points(data[mount.name])
                sweeps[mount.name] = Sweep(points, intensity, mount.ego_from_sensor)
        velocity = conversion.vector(self._ego.get_velocity())
        forward = conversion.matrix(self._ego.get_transform())[:3, 0]
        return Frame(
            index=self._steps,
            t_us=t_us,
            images=MappingProxyType(images),
            sweeps=MappingProxyType(sweeps),
            imu=conversion.imu(data[IMU]) if IMU in data else None,
            gnss=conversion.gnss(data[GNSS], self._origin_deg) if GNSS in data else None,
            speed_mps=float(velocity @ forward),
            steer_rad=-float(self._ego.get_control().steer) * self.vehicle.max_steer_rad,
            missing=missing,
        )

    def _take_collisions(self, frame: int) -> tuple[dict[str, object], ...]:
        """Collisions up to ``frame``, the strongest of each other body."""
        with self._collisions_lock:
            told = [event for at, event in self._collisions if at <= frame]
            self._collisions = [item for item in self._collisions if item[0] > frame]
        strongest: dict[object, dict[str, object]] = {}
        for event in told:
            key = (event["other_id"], event["other_type"])
            if key not in strongest or float(str(event["impulse_ns"])) > float(str(strongest[key]["impulse_ns"])):
                strongest[key] = event
        return tuple(strongest.values())

    # --- the end ----------------------------------------------------------------------------------------------

    def _ask(self, what: str, question: Callable[[], T]) -> T:
        """Do something with the server; its silence becomes SourceLost."""
        try:
            return question()
        except SourceLost:
            raise
        except RuntimeError as error:
            self._lost = True
            raise SourceLost(f"{self._address}: lost while trying to {what}: {error}") from error

    def _clear_traffic(self) -> None:
        import carla

        ids = []
        if self._vehicles is not None:
            ids += self._vehicles.ids
            self._vehicles.stop()
            self._vehicles = None
        if self._walkers is not None:
            ids += self._walkers.ids
            self._walkers = None
        if ids:
            self._client.apply_batch_sync([carla.command.DestroyActor(k) for k in ids], False)

    def close(self) -> None:
        """Destroy what was spawned and restore the server's settings. Idempotent.

        With a lost server nothing is asked any more: the client's traffic manager ends the process when its calls fail.
        """
        if self._closed:
            return
        self._closed = True
        if self._lost:
            return
        self._client.set_timeout(min(5.0, self._scenario.sim.timeout_s))  # a dead server must not hold the end up
        try:
            for sensor in getattr(self, "_sensors", []):
                sensor.stop()
            self._clear_traffic()
            for actor in reversed(self._actors):
                actor.destroy()
            self._actors.clear()
            if self._original is not None:
                self._world.apply_settings(self._original)
        except RuntimeError as error:
            log.warning("%s: could not be tidied up: %s", self._address, error)

    def __enter__(self) -> CarlaSource:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
