"""Steps that change the picture: geometry, mixing, colour, the common corruptions, faults of the camera."""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from perception.augment import camera_faults, corruptions, mix, photometric, warp
from perception.augment.sample import Picture, Sample
from perception.augment.step import Bounds, Range, Sources, Step, value, value_log


@dataclass(frozen=True, kw_only=True)
class Flip(Step):
    """Left and right exchanged: picture, sweep, objects and calibration."""

    name: ClassVar[str] = "flip"
    p: float = 0.5

    def apply(self, sample: Sample, rng: np.random.Generator, sources: Sources) -> Sample:
        return warp.flip(sample)


@dataclass(frozen=True, kw_only=True)
class Affine(Step):
    """Scaled, turned about the middle, shifted (shares of the picture's sides), in a picture of the same size."""

    name: ClassVar[str] = "affine"
    bounds: ClassVar[Bounds] = {
        "scale": (0.01, 100.0),
        "turn_deg": (-360.0, 360.0),
        "shift": (-10.0, 10.0),
        "min_share": (0.0, 1.0),
    }
    scale: Range = (0.8, 1.3)
    turn_deg: Range = 0.0
    shift: Range = (-0.1, 0.1)
    min_share: float = 0.3

    def apply(self, sample: Sample, rng: np.random.Generator, sources: Sources) -> Sample:
        self.needs(sample, "image")
        height, width = sample.size
        turn = math.radians(value(self.turn_deg, rng))
        shift = (value(self.shift, rng) * width, value(self.shift, rng) * height)
        matrix = warp.similarity(sample.size, value_log(self.scale, rng), turn, shift)
        return warp.warp(sample, matrix, sample.size, self.min_share)


@dataclass(frozen=True, kw_only=True)
class Crop(Step):
    """A part of the picture, ``share`` of its sides, anywhere; it stays that small: put a ``letterbox`` after it."""

    name: ClassVar[str] = "crop"
    bounds: ClassVar[Bounds] = {"share": (0.01, 1.0), "min_share": (0.0, 1.0)}
    share: Range = (0.6, 1.0)
    min_share: float = 0.3

    def apply(self, sample: Sample, rng: np.random.Generator, sources: Sources) -> Sample:
        self.needs(sample, "image")
        share = value(self.share, rng)
        height, width = (max(1, round(side * share)) for side in sample.size)
        x0 = int(rng.integers(0, sample.size[1] - width + 1))
        y0 = int(rng.integers(0, sample.size[0] - height + 1))
        return warp.crop(sample, (x0, y0, x0 + width, y0 + height), self.min_share)


@dataclass(frozen=True, kw_only=True)
class Letterbox(Step):
    """The whole picture in one of ``size`` (height, width), grey bars around it."""

    name: ClassVar[str] = "letterbox"
    bounds: ClassVar[Bounds] = {"size": (1, 16384)}
    size: tuple[int, int] = (480, 640)

    def apply(self, sample: Sample, rng: np.random.Generator, sources: Sources) -> Sample:
        self.needs(sample, "image")
        return warp.letterbox(sample, self.size)


def _another(step: Step, sources: Sources, rng: np.random.Generator) -> Sample:
    if sources.sample is None:
        raise ValueError(f"augment step {step.name!r} needs other samples: give the pipeline Sources(sample=...)")
    return sources.sample(rng)


@dataclass(frozen=True, kw_only=True)
class Mosaic(Step):
    """Four pictures in one, of the first one's size; sweep and calibration are given up."""

    name: ClassVar[str] = "mosaic"
    bounds: ClassVar[Bounds] = {"scale": (0.01, 100.0), "min_share": (0.0, 1.0)}
    p: float = 0.5
    scale: tuple[float, float] = (0.5, 1.0)
    min_share: float = 0.3

    def apply(self, sample: Sample, rng: np.random.Generator, sources: Sources) -> Sample:
        self.needs(sample, "image")
        parts = [sample, *(_another(self, sources, rng) for _ in range(3))]
        return mix.mosaic(parts, sample.size, rng, self.scale, self.min_share)


@dataclass(frozen=True, kw_only=True)
class MixUp(Step):
    """Two pictures blended; the share of the first is drawn from Beta(alpha, alpha): 32 is near a half."""

    name: ClassVar[str] = "mixup"
    bounds: ClassVar[Bounds] = {"alpha": (1e-3, 1e6)}
    p: float = 0.1
    alpha: float = 32.0

    def apply(self, sample: Sample, rng: np.random.Generator, sources: Sources) -> Sample:
        self.needs(sample, "image")
        return mix.mixup(sample, _another(self, sources, rng), float(rng.beta(self.alpha, self.alpha)))


@dataclass(frozen=True, kw_only=True)
class CutMix(Step):
    """A part of another picture, ``share`` of the sides, laid over this one."""

    name: ClassVar[str] = "cutmix"
    bounds: ClassVar[Bounds] = {"share": (0.01, 1.0)}
    p: float = 0.1
    share: Range = (0.2, 0.6)

    def apply(self, sample: Sample, rng: np.random.Generator, sources: Sources) -> Sample:
        self.needs(sample, "image")
        share = value(self.share, rng)
        height, width = (max(1, round(side * share)) for side in sample.size)
        x0 = int(rng.integers(0, sample.size[1] - width + 1))
        y0 = int(rng.integers(0, sample.size[0] - height + 1))
        return mix.cutmix(sample, _another(self, sources, rng), (x0, y0, x0 + width, y0 + height))


@dataclass(frozen=True, kw_only=True)
class _Photometric(Step):
    def apply(self, sample: Sample, rng: np.random.Generator, sources: Sources) -> Sample:
        self.needs(sample, "image")
        assert sample.image is not None
        return replace(sample, image=self.changed(sample.image, rng))

    @abstractmethod
    def changed(self, image: Picture, rng: np.random.Generator) -> Picture:
        """The changed picture."""


@dataclass(frozen=True, kw_only=True)
class Colours(_Photometric):
    """Hue, saturation and value times factors, each from 1 minus to 1 plus its number."""

    name: ClassVar[str] = "colours"
    bounds: ClassVar[Bounds] = {"hue": (0.0, 1.0), "saturation": (0.0, 1.0), "value": (0.0, 1.0)}
    hue: float = 0.015
    saturation: float = 0.5
    value: float = 0.35

    def changed(self, image: Picture, rng: np.random.Generator) -> Picture:
        """See the class."""
        hue, saturation, light = 1.0 + rng.uniform(-1.0, 1.0, 3) * (self.hue, self.saturation, self.value)
        return photometric.colours(image, float(hue), float(saturation), float(light))


@dataclass(frozen=True, kw_only=True)
class Tone(_Photometric):
    """Brightness, contrast and gamma."""

    name: ClassVar[str] = "tone"
    bounds: ClassVar[Bounds] = {"brightness": (0.01, 100.0), "contrast": (0.01, 100.0), "gamma": (0.01, 100.0)}
    brightness: Range = (0.8, 1.2)
    contrast: Range = (0.8, 1.2)
    gamma: Range = (0.8, 1.25)

    def changed(self, image: Picture, rng: np.random.Generator) -> Picture:
        """See the class."""
        return photometric.tone(image, *(value_log(r, rng) for r in (self.brightness, self.contrast, self.gamma)))


@dataclass(frozen=True, kw_only=True)
class WhiteBalance(_Photometric):
    """Red and blue times factors."""

    name: ClassVar[str] = "white_balance"
    bounds: ClassVar[Bounds] = {"red": (0.01, 100.0), "blue": (0.01, 100.0)}
    red: Range = (0.85, 1.15)
    blue: Range = (0.85, 1.15)

    def changed(self, image: Picture, rng: np.random.Generator) -> Picture:
        """See the class."""
        return photometric.white_balance(image, value_log(self.red, rng), value_log(self.blue, rng))


@dataclass(frozen=True, kw_only=True)
class Noise(_Photometric):
    """Read-out and photon noise, deviations as shares of white."""

    name: ClassVar[str] = "noise"
    bounds: ClassVar[Bounds] = {"read": (0.0, 1.0), "shot": (0.0, 1.0)}
    read: Range = (0.0, 0.03)
    shot: Range = (0.0, 0.05)

    def changed(self, image: Picture, rng: np.random.Generator) -> Picture:
        """See the class."""
        return photometric.noise(image, value(self.read, rng), value(self.shot, rng), rng)


@dataclass(frozen=True, kw_only=True)
class Blur(_Photometric):
    """A soft lens."""

    name: ClassVar[str] = "blur"
    bounds: ClassVar[Bounds] = {"sigma_px": (0.05, 100.0)}
    p: float = 0.1
    sigma_px: Range = (0.4, 2.0)

    def changed(self, image: Picture, rng: np.random.Generator) -> Picture:
        """See the class."""
        return photometric.blur(image, value(self.sigma_px, rng))


@dataclass(frozen=True, kw_only=True)
class Jpeg(_Photometric):
    """Stored as a JPEG of this quality."""

    name: ClassVar[str] = "jpeg"
    bounds: ClassVar[Bounds] = {"quality": (1.0, 100.0)}
    p: float = 0.1
    quality: Range = (30.0, 90.0)

    def changed(self, image: Picture, rng: np.random.Generator) -> Picture:
        """See the class."""
        return photometric.jpeg(image, round(value(self.quality, rng)))


@dataclass(frozen=True, kw_only=True)
class Grey(_Photometric):
    """Without colour."""

    name: ClassVar[str] = "grey"
    p: float = 0.02

    def changed(self, image: Picture, rng: np.random.Generator) -> Picture:
        """See the class."""
        return photometric.grey(image)


@dataclass(frozen=True, kw_only=True)
class Corrupt(_Photometric):
    """One of the common corruptions. Those that a detector is judged by must not be those it was trained on."""

    name: ClassVar[str] = "corruption"
    p: float = 0.2
    names: tuple[str, ...] = ("gaussian_noise", "motion_blur", "jpeg_compression", "contrast", "spatter")
    severities: tuple[int, ...] = (1, 2, 3)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.chosen("names", corruptions.NAMES)
        self.chosen("severities", (1, 2, 3, 4, 5))

    def changed(self, image: Picture, rng: np.random.Generator) -> Picture:
        """See the class."""
        name = self.names[int(rng.integers(len(self.names)))]
        return corruptions.corrupt(image, name, int(rng.choice(self.severities)), rng)


@dataclass(frozen=True, kw_only=True)
class CameraFault(_Photometric):
    """One of RoboBEV's faults, as of a rig of this one camera."""

    name: ClassVar[str] = "camera_fault"
    p: float = 0.1
    names: tuple[str, ...] = ("color_quant", "low_light")
    severities: tuple[int, ...] = (1, 2, 3)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.chosen("names", camera_faults.NAMES)
        self.chosen("severities", (1, 2, 3))

    def changed(self, image: Picture, rng: np.random.Generator) -> Picture:
        """See the class."""
        name = self.names[int(rng.integers(len(self.names)))]
        return camera_faults.fault([image], name, int(rng.choice(self.severities)), rng)[0]


STEPS: tuple[type[Step], ...] = (
    Flip,
    Affine,
    Crop,
    Letterbox,
    Mosaic,
    MixUp,
    CutMix,
    Colours,
    Tone,
    WhiteBalance,
    Noise,
    Blur,
    Jpeg,
    Grey,
    Corrupt,
    CameraFault,
)
