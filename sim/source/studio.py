"""A server as a studio: a car with a rig of sensors in a world of its own, captured frame by frame.

For data sets. Everything goes through the official client, so that a real CARLA serves as well as the embedded server;
what CARLA does not have (``sensor.camera.labels``) is left out there.
"""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import carla
import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from perception.frame import FloatArray
from planning.lanes import LaneGraph
from sim import label_table
from sim.dataset.capture import Body, CameraCapture, Capture, Silhouettes, SweepCapture
from sim.dataset.config import DatasetConfig
from sim.dataset.label import alive_tags
from sim.dataset.lanes import MapLine
from sim.dataset.plan import Scene
from sim.source import conversion
from sim.source.base import SourceLost
from sim.source.lane_marks import lane_lines
from sim.source.lanes import lane_graph
from sim.source.parked import Parked, parked_vehicles
from sim.source.rig import Mount, camera_mount, lidar_mount
from sim.source.staging import Blueprints, Street
from sim.source.synchronizer import Synchronizer
from sim.source.truth_boxes import Lights
from sim.weather import WeatherSpec

log = logging.getLogger(__name__)

CALL_TIMEOUT_S = 600.0
"""A server's first picture may compile for minutes on a slow machine; that it is gone is for another process to
notice (``sim.dataset.lifeline``): in some calls the client lets no other thread of ours run."""
KNOCK_S = 5.0
SAME_RAY_RAD = 2e-4
"""Between the directions of a point and of the ray that the semantic LiDAR shot the same way: rounding of float32
positions at 100 m makes 1e-6; two neighbouring rays of 0.1 degrees are 1.7e-3 apart."""
SAME_HIT_M = 0.3
"""A point further than this from where its ray met something hit something else: rain, fog, snow, multipath."""
REACH_OF_HEIGHT = 0.355
"""How wide people are with hands and feet, by their height: CARLA's adults of 1.86 m 0.66 m, nuScenes' mean 0.67 m.
CARLA's own box is an adult's trunk, 0.38 m wide, and a small child's whole reach already."""
KINDS = {
    "": "sensor.camera.rgb",
    "/instance": "sensor.camera.instance_segmentation",
    "/depth": "sensor.camera.depth",
    "/flow": "sensor.camera.optical_flow",
    "/labels": "sensor.camera.labels",
}
"""Blueprints of a camera's streams by the ending of their name."""
SEMANTIC = "/semantic"
TAG_CATEGORY = {12: "adult", 14: "car", 15: "truck", 16: "bus", 18: "motorcycle", 19: "bicycle"}


def alive(host: str, port: int) -> bool:
    """Whether something listens there."""
    try:
        with socket.create_connection((host, port), timeout=KNOCK_S):
            return True
    except OSError:
        return False


@dataclass(frozen=True)
class MapFacts:
    """What is read once of a map."""

    street: Street
    blueprints: Blueprints
    graph: LaneGraph
    lines: tuple[MapLine, ...]
    parked: Parked


class Studio:
    """A client of a server, and the world of one scene after the other."""

    def __init__(self, host: str, port: int, config: DatasetConfig, finds_files: bool = False) -> None:
        """finds_files: the server knows the map files of the configuration by their names. Raises SourceLost where
        nothing listens."""
        self._finds_files = finds_files
        self.config = config
        self.address = f"{host}:{port}"
        if not alive(host, port):
            raise SourceLost(f"{self.address}: no server listens there; start one with `roadlab serve --port {port}`")
        self.client = carla.Client(host, port)
        self.client.set_timeout(CALL_TIMEOUT_S)
        self._facts: dict[str, MapFacts] = {}
        self.world: Any = None
        self.facts: MapFacts
        self.lights: Lights
        self._sensors: list[Any] = []
        self._inbox = Synchronizer([])
        self.mounts: tuple[Mount, ...] = ()
        self._fixed: dict[int, Body] = {}
        self._lamps: dict[str, Any] = {}

    def begin(self, scene: Scene) -> None:
        """The scene's world: its map, from its first instant, in step with us.

        Raises ValueError for a map that the server cannot load.
        """
        self.world = self._load(scene.map)
        settings = self.world.get_settings()
        settings.synchronous_mode, settings.no_rendering_mode = True, False
        settings.fixed_delta_seconds = self.config.frame_s / self.substeps
        self.world.apply_settings(settings)
        self.world = self.client.reload_world(False)
        self._fixed = {}
        if scene.map not in self._facts:
            graph = lane_graph(self.world.get_map())[0]
            lines = lane_lines(self.world.get_map())
            parked = parked_vehicles(self.world)
            self._facts[scene.map] = MapFacts(Street.of(self.world), Blueprints.of(self.world), graph, lines, parked)
        self.facts = self._facts[scene.map]
        self._lamps = {str(a.get_opendrive_id()): a for a in self.world.get_actors().filter("traffic.traffic_light*")}
        half = {
            signal: np.array([[b.extent.x, b.extent.y, b.extent.z] for b in actor.get_light_boxes()], np.float64)
            for signal, actor in self._lamps.items()
        }
        actors = {signal: int(actor.id) for signal, actor in self._lamps.items()}
        self.lights = Lights(self.facts.street.lights, {}, actors, half)

    @property
    def parked(self) -> Parked:
        """The vehicles that belong to the map."""
        return self.facts.parked

    @property
    def outlines(self) -> str:
        """How whole outlines of objects are found here, as ``SceneInfo.amodal`` says it."""
        return "silhouettes" if self.world.get_blueprint_library().filter(KINDS["/labels"]) else "projected boxes"

    @property
    def substeps(self) -> int:
        """Ticks of the world a frame."""
        return self.config.sequence.substeps if self.config.mode == "sequences" else 1

    def _load(self, name: str) -> Any:
        world = self.client.get_world()
        wanted = Path(name)
        if world.get_map().name.split("/")[-1] == wanted.stem:
            return world
        try:
            if wanted.suffix == ".xodr" and not self._finds_files:
                return self.client.generate_opendrive_world(wanted.read_text(encoding="utf-8"))
            return self.client.load_world(wanted.stem if wanted.suffix == ".xodr" else name)
        except RuntimeError as error:
            raise ValueError(f"map {name!r}: {self.address} cannot load it: {error}") from error

    # --- sensors ----------------------------------------------------------------------------------------------

    def mount(self, ego: Any, seed: int, weather: WeatherSpec, tick: Callable[[], int], wait_s: float) -> None:
        """Put the rig on a car; it knows what CARLA's weather cannot say.

        Every sensor has to measure in one and the same tick, which ``tick`` makes ``wait_s`` after they were subscribed
        to. Raises Unsettled where one does not.
        """
        self.mounts = self._rig(seed)
        self._spawn(ego, weather)
        time.sleep(wait_s)
        _, missing = self._inbox.collect(tick(), [m.name for m in self.mounts], CALL_TIMEOUT_S)
        if missing:
            raise Unsettled(f"{self.address}: sensors {', '.join(missing)} did not measure in their first tick")

    def _rig(self, seed: int) -> tuple[Mount, ...]:
        sensors, library = self.config.sensors, self.world.get_blueprint_library()
        wanted = ["", "/instance", *(["/depth"] if sensors.depth else []), *(["/flow"] if sensors.flow else [])]
        if self.outlines == "silhouettes":
            wanted.append("/labels")
        out = [
            camera_mount(name + kind, spec, KINDS[kind]) for name, spec in sensors.cameras.items() for kind in wanted
        ]
        for k, (name, lidar) in enumerate(sensors.lidars.items()):
            mount = lidar_mount(name, lidar, self.config.frame_s, self.substeps, seed + k & 0x7FFFFFFF)
            twin = "sensor.lidar.ray_cast_semantic"
            known = {a.id for a in library.find(twin)}
            own = {key: value for key, value in mount.attributes.items() if key in known}
            out += [mount, Mount(name + SEMANTIC, twin, own, mount.ego_from_sensor)]
        return tuple(out)

    def _spawn(self, ego: Any, weather: WeatherSpec) -> None:
        self._inbox = Synchronizer([mount.name for mount in self.mounts])
        library = self.world.get_blueprint_library()
        for mount in self.mounts:
            blueprint = library.find(mount.type_id)
            extras = weather.sensor_attributes(mount.type_id)
            if mount.type_id == "sensor.lidar.ray_cast":
                extras["weather"] = str(self.config.sensors.lidar_weather).lower()
                extras["reflectivity"] = "material" if self.config.sensors.lidar_materials else "carla"
            known = {name: value for name, value in extras.items() if blueprint.has_attribute(name)}
            for name, value in {**mount.attributes, **known}.items():
                blueprint.set_attribute(name, value)
            if self.substeps > 1:
                blueprint.set_attribute("sensor_tick", str(self.config.frame_s))
            pose = conversion.carla_transform(mount.ego_from_sensor)
            sensor = self.world.spawn_actor(blueprint, pose, attach_to=ego)
            self._sensors.append(sensor)
            sensor.listen(self._receiver(mount.name))

    def _receiver(self, name: str) -> Callable[[Any], None]:
        inbox = self._inbox
        return lambda data: inbox.put(name, data.frame, data)

    def unmount(self) -> None:
        """Let the sensors go."""
        for sensor in self._sensors:
            sensor.stop()
            sensor.destroy()
        self._sensors.clear()

    def close(self) -> None:
        """Let the world run on by itself, as a server is found."""
        if self.world is None:
            return
        try:
            settings = self.world.get_settings()
            settings.synchronous_mode, settings.fixed_delta_seconds = False, None
            self.world.apply_settings(settings)
        except RuntimeError as error:
            log.warning("%s: its settings could not be restored: %s", self.address, error)

    # --- a frame ----------------------------------------------------------------------------------------------

    def capture(self, frame: int, index: int, ego: Any, actors: Sequence[int], weather: Mapping[str, float]) -> Capture:
        """What the rig and the world say of the tick ``frame``. Raises SourceLost where a sensor is silent."""
        data, missing = self._inbox.collect(frame, [m.name for m in self.mounts], CALL_TIMEOUT_S)
        if missing:
            raise SourceLost(f"{self.address}: sensors {', '.join(missing)} gave nothing in frame {index}")
        snapshot = self.world.get_snapshot()
        if snapshot.frame != frame:
            raise SourceLost(
                f"{self.address}: the world is at frame {snapshot.frame}, expected {frame}; another client?"
            )
        here = snapshot.find(ego.id)
        bodies = tuple(self._body(found) for k in actors if (found := snapshot.find(k)) is not None)
        cameras = {m.name: self._camera(m, data) for m in self.mounts if m.name in self.config.sensors.cameras}
        sweeps = {m.name: _sweep(m, data) for m in self.mounts if m.name in self.config.sensors.lidars}
        place = conversion.vector(here.get_transform().location)
        shown: list[npt.NDArray[Any]] = [camera.numbers[alive_tags(camera.tags)] for camera in cameras.values()]
        shown += [sweep.actor_id & 0xFFFF for sweep in sweeps.values() if sweep.actor_id is not None]
        parked = self._parked_near(place, shown)
        return Capture(
            index=index,
            t_us=round(index * self.config.frame_s * 1e6),
            world_from_ego=conversion.matrix(here.get_transform()),
            ego_velocity_mps=conversion.vector(here.get_velocity()),
            weather=weather,
            bodies=(*bodies, *parked),
            cameras=cameras,
            sweeps=sweeps,
            lights={signal: int(actor.get_state()) for signal, actor in self._lamps.items()},
        )

    def _body(self, found: Any) -> Body:
        number = int(found.id)
        if number not in self._fixed:
            actor = self.world.get_actor(number)
            box = actor.bounding_box
            size = 2.0 * np.array([box.extent.x, box.extent.y, box.extent.z], np.float64)
            if actor.type_id.startswith("walker."):
                size[:2] = np.maximum(size[:2], REACH_OF_HEIGHT * size[2])
            sits = actor.attributes.get("use_wheelchair", "") == "true"
            kind, center, nowhere = category_of(actor), conversion.vector(box.location), np.eye(4)
            self._fixed[number] = Body(number, kind, str(actor.type_id), nowhere, center, size, np.zeros(3), sits)
        pose, velocity = conversion.matrix(found.get_transform()), conversion.vector(found.get_velocity())
        return replace(self._fixed[number], world_from_actor=pose, velocity_mps=velocity)

    def _parked_near(self, centre_m: FloatArray, shown: Iterable[npt.NDArray[Any]]) -> list[Body]:
        """Those within reach, and those farther away whose number (its lower 16 bits) a sensor has ``shown``: no pixel
        and no point is without its label."""
        seen = np.zeros(0x10000, bool)
        for numbers in shown:
            seen[numbers] = True
        near, still = self.parked.near(centre_m, seen[self.parked.actor_id & 0xFFFF]), np.zeros(3)
        bodies = []
        for k, box in enumerate(near.boxes_world_m):
            x, y, z, length, width, height, yaw = box.tolist()
            pose, size = conversion.mounting(x, y, z, yaw), np.array([length, width, height])
            bodies.append(Body(int(near.actor_id[k]), near.category[k], near.type_id[k], pose, still, size, still))
        return bodies

    def _camera(self, mount: Mount, data: Mapping[str, Any]) -> CameraCapture:
        assert mount.camera is not None
        name = mount.name
        labels = conversion.bgr(data[name + "/instance"])
        numbers = labels[..., 1].astype(np.uint16) | labels[..., 0].astype(np.uint16) << np.uint16(8)
        return CameraCapture(
            mount.camera,
            conversion.bgr(data[name]),
            numbers,
            np.ascontiguousarray(labels[..., 2]),
            depth_of(data[name + "/depth"]) if name + "/depth" in data else None,
            flow_of(data[name + "/flow"]) if name + "/flow" in data else None,
            _outlines(data[name + "/labels"], mount) if name + "/labels" in data else None,
        )


class Unsettled(ConnectionError):  # noqa: N818 - a state, mended by beginning the scene again
    """Sensors did not all measure in their first tick: the scene must be begun again to be repeatable."""


def category_of(actor: Any) -> str:
    """Category of ``records.CATEGORIES`` of a vehicle or walker."""
    if actor.type_id.startswith("walker."):
        return "child" if actor.attributes.get("age", "") == "child" else "adult"
    base = actor.attributes.get("base_type", "").lower()
    if base in ("car", "van", "truck", "bus", "motorcycle", "bicycle"):
        return str(base)
    return next((TAG_CATEGORY[int(tag)] for tag in actor.semantic_tags if int(tag) in TAG_CATEGORY), "car")


def depth_of(image: Any) -> Any:
    """Depth ``(h, w)`` float32 in metres of a CARLA depth picture."""
    pixels = np.frombuffer(image.raw_data, np.uint8).reshape(image.height, image.width, 4).astype(np.uint32)
    steps = pixels[..., 2] | pixels[..., 1] << 8 | pixels[..., 0] << 16
    return (steps * (1000.0 / (2**24 - 1))).astype(np.float32)


def flow_of(image: Any) -> Any:
    """Motion ``(h, w, 2)`` float32 in pixels, right and down, since the frame before, of a CARLA flow picture."""
    halves = np.frombuffer(image.raw_data, np.float32).reshape(image.height, image.width, 2)
    return halves * np.array([0.5 * image.width, -0.5 * image.height], np.float32)


def _outlines(image: Any, mount: Mount) -> Silhouettes:
    """Whole bodies of the label camera's table, boxes cut to the picture."""
    assert mount.camera is not None
    table = label_table.decode(bytes(image.raw_data))
    column = {name: k for k, name in enumerate(label_table.COLUMNS)}
    table = table[table[:, column["part"]] == 0]
    first = column["amodal_x0"]
    boxes = table[:, first : first + 4].astype(np.float64)
    size = np.tile([mount.camera.width, mount.camera.height], 2)
    boxes = np.clip(boxes, 0.0, size)
    boxes[(boxes[:, 2:] <= boxes[:, :2]).any(axis=1)] = np.nan
    pixels = table[:, column["amodal_px"]].astype(np.int64)
    return Silhouettes(table[:, column["actor_id"]].astype(np.int64), boxes, pixels)


def _sweep(mount: Mount, data: Mapping[str, Any]) -> SweepCapture:
    points, intensity = conversion.sweep_points(data[mount.name])
    sweep = SweepCapture(np.column_stack([points, intensity]).astype(np.float32), mount.ego_from_sensor)
    return _known(sweep, data[mount.name + SEMANTIC])


def _known(sweep: SweepCapture, measurement: Any) -> SweepCapture:
    """The sweep with what each point hit: that of the semantic LiDAR's ray of the same direction."""
    kind = np.dtype([("xyz", "<f4", 3), ("cosine", "<f4"), ("actor", "<u4"), ("tag", "<u4")])
    hits = np.frombuffer(measurement.raw_data, kind)
    points = sweep.points[:, :3] * conversion.MIRROR.astype(np.float32)
    if not len(hits) or not len(points):
        none = np.zeros(len(points), np.int64)
        return replace(sweep, actor_id=none, tag=none.astype(np.uint8))
    hit_range, own_range = np.linalg.norm(hits["xyz"], axis=1), np.linalg.norm(points, axis=1)
    rays = hits["xyz"] / np.maximum(hit_range, 1e-6)[:, None]
    apart, row = cKDTree(rays).query(points / np.maximum(own_range, 1e-6)[:, None])
    same = (apart < SAME_RAY_RAD) & (np.abs(hit_range[row] - own_range) < SAME_HIT_M)
    actor = np.where(same, hits["actor"][row], 0).astype(np.int64)
    return replace(sweep, actor_id=actor, tag=np.where(same, hits["tag"][row], 0).astype(np.uint8))
