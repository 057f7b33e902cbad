"""What a data set is, as data: maps, weathers, traffic, sensors, how many frames, and which of them are held out.

A YAML file holds what differs from these defaults; ``key.path=value`` overrides come after it. An unknown key is an
error that names the nearest one.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import yaml
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from pydantic import TypeAdapter, ValidationError

from sim.config import CONFIGS, ConfigError, read_yaml, reject_unknown
from sim.scenario import CameraSpec, LidarSpec
from sim.weather import WeatherSpec, resolve_weather


@dataclass(frozen=True)
class CastConfig:
    """Road users. Ranges are drawn from uniformly for every scene, both ends included.

    ``shares`` of the vehicles by kind (car, van, truck, bus, motorcycle, bicycle). Empty: shots have more of the rare
    kinds than a street has, so that detectors learn them; sequences have a European town's.
    """

    vehicles: tuple[int, int] = (14, 24)
    walkers: tuple[int, int] = (8, 16)
    shares: dict[str, float] = field(default_factory=dict)
    reach_m: float = 75.0  # shots: how far from the car somebody is put; beyond it a car is lower than 12 pixels
    light_share: float = 0.3  # of the shots are taken before a traffic light


@dataclass(frozen=True)
class SensorsConfig:
    """The rig on the car, and what else is kept of every frame.

    ``depth`` and ``flow`` pictures for every camera; instance and semantic masks are always there. ``lidar_weather``:
    rain, fog, snow and wet ground act on sweeps, too; ``lidar_materials``: intensity tells what was hit (both on the
    embedded server: CARLA's LiDAR knows neither).
    """

    cameras: dict[str, CameraSpec] = field(default_factory=lambda: {"front": CameraSpec()})
    lidars: dict[str, LidarSpec] = field(default_factory=lambda: {"top": LidarSpec()})
    depth: bool = True
    flow: bool = False
    lidar_weather: bool = True
    lidar_materials: bool = True


@dataclass(frozen=True)
class ShotsConfig:
    """Independent shots: every frame has places, poses and lights of its own; a scene's frames share their cast."""

    per_scene: int = 10
    aside_m: float = 0.25  # standard deviation of the car's place across its lane
    turn_deg: float = 4.0  # standard deviation of its heading against the lane's
    turned_share: float = 0.2  # of the shots look up to ``turned_deg`` aside, as in a turn
    turned_deg: float = 45.0


@dataclass(frozen=True)
class SequenceConfig:
    """Driven scenes: traffic moves, objects keep their ids, ``frames`` frames at ``rate_hz``."""

    frames: int = 40
    rate_hz: float = 10.0
    substeps: int = 2  # ticks a frame: the traffic manager wants ticks of 0.05 s
    warm_up_s: float = 3.0  # traffic gets going before the first frame
    keyframe_every: int = 5  # nuScenes: its samples; the frames between are sweeps. 5 at 10 Hz is its 2 Hz


@dataclass(frozen=True)
class SplitConfig:
    """What goes where. Held-out maps and weathers never reach the training split; of the other scenes a share does not
    either. A test rule goes before a validation rule."""

    test_maps: tuple[str, ...] = ()
    val_maps: tuple[str, ...] = ()
    test_weathers: tuple[str, ...] = ()
    val_weathers: tuple[str, ...] = ()
    val_share: float = 0.2
    test_share: float = 0.0


@dataclass(frozen=True)
class ImageConfig:
    """How pictures are stored: JPEG of a quality, or PNG, which loses nothing and is about six times as large."""

    format: Literal["jpg", "png"] = "jpg"
    quality: int = 92


@dataclass(frozen=True)
class DatasetConfig:
    """A whole data set. ``count`` frames are shared evenly by the maps; the weathers take turns on each.

    ``weathers``: CARLA's preset names or names from ``custom_weathers``, whose values are parameters with an optional
    ``preset`` to start from. ``random_sun``: draw the sun's azimuth for every shot or sequence.
    """

    name: str = "dataset"
    mode: Literal["shots", "sequences"] = "shots"
    maps: tuple[str, ...] = ("Roadlab01",)
    weathers: tuple[str, ...] = ("ClearNoon",)
    custom_weathers: dict[str, dict[str, float | str]] = field(default_factory=dict)
    random_sun: bool = True
    count: int = 100
    seed: int = 0
    ego: str = "vehicle.lincoln.mkz_2020"
    traffic: CastConfig = field(default_factory=CastConfig)
    sensors: SensorsConfig = field(default_factory=SensorsConfig)
    shots: ShotsConfig = field(default_factory=ShotsConfig)
    sequence: SequenceConfig = field(default_factory=SequenceConfig)
    split: SplitConfig = field(default_factory=SplitConfig)
    images: ImageConfig = field(default_factory=ImageConfig)
    exports: tuple[Literal["coco", "yolo", "kitti", "nuscenes", "masks"], ...] = ("coco", "yolo", "kitti")
    licence: str = "AGPL-3.0-only (rendered by roadlab from maps of its own)"

    def weather(self, name: str) -> WeatherSpec:
        """One of the weathers. Raises ValueError naming the nearest."""
        return resolve_weather(self.custom_weathers.get(name, name))

    @property
    def frame_s(self) -> float:
        """Simulated time between frames; a shot's is that of one LiDAR turn at 10 Hz."""
        return 1.0 / self.sequence.rate_hz if self.mode == "sequences" else 0.1

    @property
    def per_scene(self) -> int:
        """Frames of a whole scene."""
        return self.sequence.frames if self.mode == "sequences" else self.shots.per_scene


def find_dataset_config(name: str) -> Path:
    """Path of a configuration given as a file or by the name of one in ``configs/datasets``. Raises ConfigError."""
    path = Path(name)
    if path.is_file():
        return path
    shipped = {p.stem: p for p in sorted((CONFIGS / "datasets").glob("*.yaml"))}
    if name in shipped:
        return shipped[name]
    near = difflib.get_close_matches(name, shipped, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(shipped)}"
    raise ConfigError(f"no data set configuration {name!r}: neither a file nor one of configs/datasets; {hint}")


def load_dataset_config(name: str | None, overrides: Sequence[str] = ()) -> DatasetConfig:
    """The data set that a configuration and ``key.path=value`` overrides describe (later ones win).

    Raises ConfigError for an unknown key, a wrong value, an unknown weather, or a plan that cannot be.
    """
    tree: dict[str, Any] = {} if name is None else read_yaml(find_dataset_config(name))
    for override in overrides:
        if "=" not in override:
            raise ConfigError(f"override {override!r}: expected KEY.PATH=VALUE, for example count=200")
    try:
        merged = OmegaConf.merge(OmegaConf.create(tree), OmegaConf.from_dotlist(list(overrides)))
        plain = OmegaConf.to_container(merged, resolve=True)
    except OmegaConfBaseException as error:
        raise ConfigError(f"configuration: {error}") from error
    return build_dataset_config(plain)


def build_dataset_config(data: Any) -> DatasetConfig:
    """Checked configuration from plain data. Raises ConfigError with the key's path."""
    reject_unknown(DatasetConfig, data, "")
    try:
        config = TypeAdapter(DatasetConfig).validate_python(data)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"] if not isinstance(part, str) or "[" not in part)
        raise ConfigError(f"{where}: {first['msg']}, got {first.get('input')!r}") from error
    _check_plan(config)
    return config


def dump_dataset_config(config: DatasetConfig) -> str:
    """The resolved configuration as YAML that ``load_dataset_config`` reads back to an equal one."""
    return yaml.safe_dump(TypeAdapter(DatasetConfig).dump_python(config, mode="json"), sort_keys=False)


KINDS = ("car", "van", "truck", "bus", "motorcycle", "bicycle")


_NUMBERS: tuple[tuple[str, float, float], ...] = (
    ("count", 1, 10_000_000),
    ("seed", 0, 2**63 - 1),
    ("traffic.reach_m", 5.0, 1000.0),
    ("traffic.light_share", 0.0, 1.0),
    ("shots.per_scene", 1, 1000),
    ("shots.aside_m", 0.0, 10.0),
    ("shots.turn_deg", 0.0, 180.0),
    ("shots.turned_share", 0.0, 1.0),
    ("shots.turned_deg", 0.0, 180.0),
    ("sequence.frames", 1, 100_000),
    ("sequence.rate_hz", 0.1, 100.0),
    ("sequence.substeps", 1, 100),
    ("sequence.warm_up_s", 0.0, 600.0),
    ("sequence.keyframe_every", 1, 1000),
    ("split.val_share", 0.0, 1.0),
    ("images.quality", 1, 100),
)
_PLACE = tuple((key, -50.0, 50.0) for key in ("x_m", "y_m", "z_m"))  # a mast on a lorry is 10 m away
MOST_FOV_DEG = 170.0
"""Renderers draw nothing nearer to a camera's plane than some 8 cm. At 170 degrees that hides what is within 0.9 m
beside the camera, at 175 within 1.8 m, at 179 within 9 m: sky would be seen, and labelled, in the place of road and
cars."""
_CAMERA: tuple[tuple[str, float, float], ...] = (
    *_PLACE, ("yaw_deg", -360.0, 360.0), ("pitch_deg", -90.0, 90.0), ("width", 16, 8192), ("height", 16, 8192),
    ("fov_deg", 1.0, MOST_FOV_DEG),  # below 1 boxes would be larger than labels reach
)  # fmt: skip
_LIDAR: tuple[tuple[str, float, float], ...] = (
    *_PLACE, ("channels", 1, 512), ("range_m", 1.0, 1000.0), ("points_per_second", 1, 20_000_000),
    ("upper_fov_deg", -90.0, 90.0), ("lower_fov_deg", -90.0, 90.0), ("dropoff_general_rate", 0.0, 1.0),
    ("noise_stddev_m", 0.0, 10.0),
)  # fmt: skip
"""Least and greatest value by key: beyond them a number is a slip of the pen, and a server would fail on it late."""
MOST_ROAD_USERS = 1000


def _check_plan(config: DatasetConfig) -> None:
    """What types cannot say. Raises ConfigError."""
    split, names = config.split, config.weathers
    if not config.maps or not all(config.maps) or not names or not config.sensors.cameras:
        raise ConfigError("maps, weathers and sensors.cameras: at least one of each is needed, and maps have names")
    _check_weathers(config)
    _known("split.*_maps", (*split.test_maps, *split.val_maps), config.maps)
    _known("split.*_weathers", (*split.test_weathers, *split.val_weathers), names)
    _known("traffic.shares", tuple(config.traffic.shares), KINDS)
    _in_bounds("", config, (*_NUMBERS, ("split.test_share", 0.0, 1.0 - split.val_share)))
    for key, (few, many) in (("vehicles", config.traffic.vehicles), ("walkers", config.traffic.walkers)):
        if not 0 <= few <= many <= MOST_ROAD_USERS:
            bounds = f"0 <= FEWEST <= MOST <= {MOST_ROAD_USERS}"
            raise ConfigError(f"traffic.{key}: expected [FEWEST, MOST] with {bounds}, got [{few}, {many}]")
    shares = list(config.traffic.shares.values())
    if shares and not (all(math.isfinite(share) and share >= 0.0 for share in shares) and sum(shares) > 0.0):
        raise ConfigError(f"traffic.shares: expected shares of 0 or more, not all 0, got {config.traffic.shares}")
    stems: dict[str, str] = {}
    for name in config.maps:
        if stems.setdefault(Path(name).stem, name) != name:
            raise ConfigError(f"maps: {name!r} and {stems[Path(name).stem]!r} have one name; rename one of the files")
    _check_sensors(config.sensors)
    if config.sensors.flow and config.mode == "shots":
        raise ConfigError("sensors.flow: independent shots have no motion between them; use mode=sequences")


def _check_weathers(config: DatasetConfig) -> None:
    """Also of those that are not used: they are there to be."""
    try:
        for name in (*config.weathers, *config.custom_weathers):
            spec = config.weather(name)
            wrong = [key for key, value in vars(spec).items() if not math.isfinite(value)]
            if wrong:
                raise ConfigError(f"weathers: {name}.{wrong[0]}: expected a number, got {getattr(spec, wrong[0])}")
    except ValueError as error:
        raise error if isinstance(error, ConfigError) else ConfigError(f"weathers: {error}") from error
    for name in config.custom_weathers:
        if not _names_files(name):
            raise ConfigError(f"custom_weathers.{name}: a name of letters, digits and _ is needed: it names folders")


def _check_sensors(sensors: SensorsConfig) -> None:
    """Numbers of every sensor, and names that let no two of them write the same file or nuScenes channel."""
    taken: dict[str, str] = {}
    rigs: tuple[tuple[str, Mapping[str, object], tuple[tuple[str, float, float], ...], tuple[str, ...]], ...] = (
        ("cameras", sensors.cameras, _CAMERA, ("", "_instance", "_semantic", "_depth", "_flow")),
        ("lidars", sensors.lidars, _LIDAR, ("", "_labels")),
    )
    for kind, rig, bounds, files in rigs:
        for name, spec in rig.items():
            where = f"sensors.{kind}.{name}"
            if not _names_files(name):
                raise ConfigError(f"{where}: a name of letters, digits and _ is needed: it names files")
            if isinstance(spec, CameraSpec) and MOST_FOV_DEG < spec.fov_deg < 180.0:
                raise ConfigError(
                    f"{where}.fov_deg: expected 1..{MOST_FOV_DEG:g}, got {spec.fov_deg:g}: a wider picture lacks what "
                    "is beside the camera; use two cameras"
                )
            _in_bounds(f"{where}.", spec, bounds)
            for ending in files:
                other = taken.setdefault(name.lower().removeprefix("cam_").removeprefix("lidar_") + ending, where)
                if other != where:
                    raise ConfigError(f"{where}: its files would be taken for those of {other}; rename one")
    for name, lidar in sensors.lidars.items():
        if lidar.lower_fov_deg > lidar.upper_fov_deg:
            raise ConfigError(f"sensors.lidars.{name}.lower_fov_deg: expected at most {lidar.upper_fov_deg:g}, the "
                              f"upper_fov_deg, got {lidar.lower_fov_deg:g}")  # fmt: skip


def _names_files(name: str) -> bool:
    return name.isascii() and name.replace("_", "").isalnum()


def _in_bounds(prefix: str, config: object, bounds: Sequence[tuple[str, float, float]]) -> None:
    """Raise ConfigError for the first number outside of its bounds; NaN is."""
    for key, low, high in bounds:
        value: Any = config
        for part in key.split("."):
            value = getattr(value, part)
        if not low <= value <= high:
            raise ConfigError(f"{prefix}{key}: expected {low:g}..{high:g}, got {value}")


def _known(key: str, chosen: Sequence[str], known: Sequence[str] | Mapping[str, object]) -> None:
    for name in chosen:
        if name not in known:
            near = difflib.get_close_matches(name, list(known), n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(known)}"
            raise ConfigError(f"{key}: {name!r} is not in the data set; {hint}")
