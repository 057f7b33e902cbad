"""Steps that change the scene: weather in picture and sweep alike, the sweep, the traffic."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import numpy as np

from perception.augment import cloud as clouds
from perception.augment import weather, weather_light
from perception.augment.assumed_depth import Street, depth_of, intrinsics_of
from perception.augment.cloud_corruptions import DONG, ROBO3D, corrupt_sweep, weathered, wetted
from perception.augment.lidar_weather_drops import Drops
from perception.augment.lidar_weather_fog import Fog as LidarFog
from perception.augment.lidar_weather_snow import Snow as LidarSnow
from perception.augment.paste import PasteRule, paste
from perception.augment.sample import Sample
from perception.augment.step import Bounds, Range, Sources, Step, value, value_log


@dataclass(frozen=True, kw_only=True)
class Fog(Step):
    """Fog of a meteorological optical range: one number for camera and LiDAR."""

    name: ClassVar[str] = "fog"
    bounds: ClassVar[Bounds] = {"mor_m": (1.0, 1e6), "patchiness": (0.0, 1.0)}
    p: float = 0.2
    mor_m: Range = (50.0, 400.0)
    patchiness: Range = (0.0, 0.5)

    def apply(self, sample: Sample, rng: np.random.Generator, sources: Sources) -> Sample:
        mor_m, patchiness = value_log(self.mor_m, rng), value(self.patchiness, rng)
        if sample.image is not None:
            depth, camera = depth_of(sample), intrinsics_of(sample, Street())
            sample = replace(sample, image=weather.fog(sample.image, depth, camera, mor_m, rng, patchiness))
        if sample.cloud is not None:
            fog = LidarFog(extinction_pm=weather.LN_20 / mor_m)
            sample = replace(sample, cloud=weathered(sample.cloud, fog, rng))
        return sample


@dataclass(frozen=True, kw_only=True)
class Rain(Step):
    """Falling rain, a wet road, drops on the lens."""

    name: ClassVar[str] = "rain"
    bounds: ClassVar[Bounds] = {"rate_mm_h": (0.01, 500.0), "wetness": (0.0, 1.0), "lens_drops": (0.0, 1000.0)}
    p: float = 0.2
    rate_mm_h: Range = (2.0, 50.0)
    wetness: Range = (0.3, 1.0)
    lens_drops: Range = (0.0, 15.0)

    def apply(self, sample: Sample, rng: np.random.Generator, sources: Sources) -> Sample:
        rate, wetness, drops = value_log(self.rate_mm_h, rng), value(self.wetness, rng), value(self.lens_drops, rng)
        if sample.image is not None:
            depth, camera = depth_of(sample), intrinsics_of(sample, Street())
            image = weather_light.wet(sample.image, weather_light.ground_of(depth, camera), wetness, rng)
            image = weather.rain(image, depth, camera, rate, rng)
            sample = replace(sample, image=weather_light.lens_drops(image, round(drops), rng))
        if sample.cloud is not None:
            cloud = wetted(sample.cloud, 1.2 * wetness, rng)  # a film of 1.2 mm is what runs off anyway
            sample = replace(sample, cloud=weathered(cloud, Drops.rain(rate_mm_per_h=rate), rng))
        return sample


@dataclass(frozen=True, kw_only=True)
class Snow(Step):
    """Falling snow; ``lying`` 0..1 is how much of the ground is white."""

    name: ClassVar[str] = "snow"
    bounds: ClassVar[Bounds] = {"rate_mm_h": (0.01, 100.0), "lying": (0.0, 1.0)}
    p: float = 0.1
    rate_mm_h: Range = (0.5, 2.5)
    lying: Range = (0.0, 1.0)

    def apply(self, sample: Sample, rng: np.random.Generator, sources: Sources) -> Sample:
        rate, lying = value_log(self.rate_mm_h, rng), value(self.lying, rng)
        if sample.image is not None:
            depth, camera = depth_of(sample), intrinsics_of(sample, Street())
            ground = weather_light.ground_of(depth, camera)
            if sample.depth_m is not None:
                ground = np.maximum(ground, weather_light.level_of(depth, camera))
            sample = replace(sample, image=weather.snow(sample.image, depth, camera, rate, rng, lying, ground))
        if sample.cloud is not None:
            sample = replace(sample, cloud=weathered(sample.cloud, LidarSnow(rate_mm_per_h=rate), rng))
        return sample


@dataclass(frozen=True, kw_only=True)
class Wet(Step):
    """A wet road after rain."""

    name: ClassVar[str] = "wet"
    bounds: ClassVar[Bounds] = {"wetness": (0.0, 1.0)}
    p: float = 0.2
    wetness: Range = (0.3, 1.0)

    def apply(self, sample: Sample, rng: np.random.Generator, sources: Sources) -> Sample:
        wetness = value(self.wetness, rng)
        if sample.image is not None:
            ground = weather_light.ground_of(depth_of(sample), intrinsics_of(sample, Street()))
            sample = replace(sample, image=weather_light.wet(sample.image, ground, wetness, rng))
        if sample.cloud is not None:
            sample = replace(sample, cloud=wetted(sample.cloud, 1.2 * wetness, rng))
        return sample


@dataclass(frozen=True, kw_only=True)
class Night(Step):
    """Day made night; the sweep does not change."""

    name: ClassVar[str] = "night"
    bounds: ClassVar[Bounds] = {"brightness": (0.001, 1.0), "headlights": (0.0, 10.0)}
    p: float = 0.2
    brightness: Range = (0.02, 0.2)
    headlights: Range = (0.5, 1.0)

    def apply(self, sample: Sample, rng: np.random.Generator, sources: Sources) -> Sample:
        self.needs(sample, "image")
        assert sample.image is not None
        brightness, lamps = value_log(self.brightness, rng), value(self.headlights, rng)
        camera = intrinsics_of(sample, Street())
        return replace(
            sample, image=weather_light.night(sample.image, depth_of(sample), camera, brightness, rng, lamps)
        )


@dataclass(frozen=True, kw_only=True)
class Glare(Step):
    """The sun low in the picture, above the horizon."""

    name: ClassVar[str] = "glare"
    bounds: ClassVar[Bounds] = {"strength": (0.0, 1.0)}
    p: float = 0.1
    strength: Range = (0.3, 1.0)

    def apply(self, sample: Sample, rng: np.random.Generator, sources: Sources) -> Sample:
        self.needs(sample, "image")
        assert sample.image is not None
        height, width = sample.size
        sun = (float(rng.uniform(0.1, 0.9) * width), float(rng.uniform(0.05, 0.4) * height))
        return replace(sample, image=weather_light.glare(sample.image, sun, value(self.strength, rng), rng))


@dataclass(frozen=True, kw_only=True)
class TurnCloud(Step):
    """Sweep and objects turned about the LiDAR; the calibration with them."""

    name: ClassVar[str] = "turn_cloud"
    bounds: ClassVar[Bounds] = {"turn_deg": (-360.0, 360.0)}
    turn_deg: Range = (-45.0, 45.0)

    def apply(self, sample: Sample, rng: np.random.Generator, sources: Sources) -> Sample:
        self.needs(sample, "cloud")
        return clouds.turned(sample, math.radians(value(self.turn_deg, rng)))


@dataclass(frozen=True, kw_only=True)
class ScaleCloud(Step):
    """The world larger or smaller."""

    name: ClassVar[str] = "scale_cloud"
    bounds: ClassVar[Bounds] = {"scale": (0.1, 10.0)}
    scale: Range = (0.95, 1.05)

    def apply(self, sample: Sample, rng: np.random.Generator, sources: Sources) -> Sample:
        self.needs(sample, "cloud")
        return clouds.scaled(sample, value_log(self.scale, rng))


@dataclass(frozen=True, kw_only=True)
class ShiftCloud(Step):
    """The LiDAR somewhere else, normal about where it was."""

    name: ClassVar[str] = "shift_cloud"
    bounds: ClassVar[Bounds] = {"deviation_m": (0.0, 100.0)}
    deviation_m: float = 0.2

    def apply(self, sample: Sample, rng: np.random.Generator, sources: Sources) -> Sample:
        self.needs(sample, "cloud")
        return clouds.shifted(sample, rng.normal(0.0, self.deviation_m, 3))


@dataclass(frozen=True, kw_only=True)
class NoiseObjects(Step):
    """Every object with its points moved, turned and scaled where there is room. For samples without a picture."""

    name: ClassVar[str] = "noise_objects"
    bounds: ClassVar[Bounds] = {"deviation_m": (0.0, 10.0), "turn_deg": (0.0, 180.0), "scale": (0.1, 10.0)}
    deviation_m: float = 0.25
    turn_deg: float = 9.0
    scale: tuple[float, float] = (0.95, 1.05)

    def apply(self, sample: Sample, rng: np.random.Generator, sources: Sources) -> Sample:
        self.needs(sample, "cloud")
        if sample.image is not None:
            raise ValueError("augment step 'noise_objects' would leave the picture behind; use it without images")
        return clouds.object_noise(sample, self.deviation_m, math.radians(self.turn_deg), self.scale, rng)


@dataclass(frozen=True, kw_only=True)
class DropPoints(Step):
    """A share of the returns lost."""

    name: ClassVar[str] = "drop_points"
    bounds: ClassVar[Bounds] = {"share": (0.0, 1.0)}
    share: Range = (0.0, 0.3)

    def apply(self, sample: Sample, rng: np.random.Generator, sources: Sources) -> Sample:
        self.needs(sample, "cloud")
        assert sample.cloud is not None
        return replace(sample, cloud=clouds.dropped(sample.cloud, value(self.share, rng), rng))


@dataclass(frozen=True, kw_only=True)
class CorruptCloud(Step):
    """One of the corruptions of ``cloud_corruptions``: ``suite`` dong or robo3d; without names any of them."""

    name: ClassVar[str] = "corrupt_cloud"
    p: float = 0.2
    suite: Literal["dong", "robo3d"] = "dong"
    names: tuple[str, ...] = ()
    severities: tuple[int, ...] = (1, 2, 3)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.names:
            self.chosen("names", tuple(ROBO3D if self.suite == "robo3d" else DONG))
        self.chosen("severities", (1, 2, 3) if self.suite == "robo3d" else (1, 2, 3, 4, 5))

    def apply(self, sample: Sample, rng: np.random.Generator, sources: Sources) -> Sample:
        self.needs(sample, "cloud")
        every = tuple(n for n in (ROBO3D if self.suite == "robo3d" else DONG) if n != "spatial_misalignment")
        names = self.names or every
        name, severity = names[int(rng.integers(len(names)))], int(rng.choice(self.severities))
        return corrupt_sweep(sample, self.suite, name, severity, rng)


@dataclass(frozen=True, kw_only=True)
class PasteObjects(Step):
    """Objects of other moments, with their points and pixels, where they can stand (see ``paste``)."""

    name: ClassVar[str] = "paste_objects"
    bounds: ClassVar[Bounds] = {"most": (1, 1000), "range_change": (0.1, 10.0)}
    p: float = 0.5
    most: int = 5
    classes: tuple[int, ...] = ()
    range_change: tuple[float, float] = (0.9, 1.4)

    def apply(self, sample: Sample, rng: np.random.Generator, sources: Sources) -> Sample:
        if sources.objects is None:
            raise ValueError("augment step 'paste_objects' needs cut objects: give the pipeline Sources(objects=...)")
        rule = PasteRule(range_change=self.range_change)
        return paste(sample, sources.objects.only(self.classes), int(rng.integers(1, self.most + 1)), rule, rng)[0]


STEPS: tuple[type[Step], ...] = (
    Fog,
    Rain,
    Snow,
    Wet,
    Night,
    Glare,
    TurnCloud,
    ScaleCloud,
    ShiftCloud,
    NoiseObjects,
    DropPoints,
    CorruptCloud,
    PasteObjects,
)
