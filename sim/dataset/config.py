"""What a data set is, as data: maps, weathers, traffic, sensors, how many frames, and which of them are held out.

A YAML file holds what differs from these defaults; ``key.path=value`` overrides come after it. An unknown key is an
error that names the nearest one.
"""

from __future__ import annotations

import difflib
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

EXPORTS = ("coco", "yolo", "kitti", "nuscenes", "masks")
WeatherLike = str | dict[str, float | str]


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


def _check_plan(config: DatasetConfig) -> None:
    """What types cannot say. Raises ConfigError."""
    split, names = config.split, config.weathers
    try:
        for name in names:
            config.weather(name)
    except ValueError as error:
        raise ConfigError(f"weathers: {error}") from error
    _known("split.*_maps", (*split.test_maps, *split.val_maps), config.maps)
    _known("split.*_weathers", (*split.test_weathers, *split.val_weathers), names)
    _known("traffic.shares", tuple(config.traffic.shares), KINDS)
    for key, value, low, high in (
        ("count", config.count, 1, 10_000_000),
        ("shots.per_scene", config.shots.per_scene, 1, 1000),
        ("sequence.frames", config.sequence.frames, 1, 100_000),
        ("sequence.rate_hz", config.sequence.rate_hz, 0.1, 100.0),
        ("sequence.substeps", config.sequence.substeps, 1, 100),
        ("sequence.keyframe_every", config.sequence.keyframe_every, 1, 1000),
        ("split.val_share", split.val_share, 0.0, 1.0),
        ("split.test_share", split.test_share, 0.0, 1.0 - split.val_share),
        ("images.quality", config.images.quality, 1, 100),
    ):
        if not low <= value <= high:
            raise ConfigError(f"{key}: expected {low:g}..{high:g}, got {value}")
    for key, (few, many) in (("vehicles", config.traffic.vehicles), ("walkers", config.traffic.walkers)):
        if not 0 <= few <= many:
            raise ConfigError(f"traffic.{key}: expected [FEWEST, MOST] with 0 <= FEWEST <= MOST, got [{few}, {many}]")
    if not config.maps or not names or not config.sensors.cameras:
        raise ConfigError("maps, weathers and sensors.cameras: at least one of each is needed")
    for kind, rig in (("cameras", config.sensors.cameras), ("lidars", config.sensors.lidars)):
        for sensor in rig:
            if not sensor.replace("_", "").isalnum():
                raise ConfigError(f"sensors.{kind}.{sensor}: a name of letters, digits and _ is needed: it names files")
    if config.sensors.flow and config.mode == "shots":
        raise ConfigError("sensors.flow: independent shots have no motion between them; use mode=sequences")


def _known(key: str, chosen: Sequence[str], known: Sequence[str] | Mapping[str, object]) -> None:
    for name in chosen:
        if name not in known:
            near = difflib.get_close_matches(name, list(known), n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(known)}"
            raise ConfigError(f"{key}: {name!r} is not in the data set; {hint}")
