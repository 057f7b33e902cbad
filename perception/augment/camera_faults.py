"""RoboBEV's eight corruptions of a rig of cameras at three severities (Xie et al., arXiv:2304.06719).

Four are common corruptions (``corruptions``); camera crash and lost frames blacken whole pictures of the rig, colours
are cut to few bits, low light darkens and adds noise.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np

from perception.augment.corruptions import corrupt
from perception.augment.sample import Picture

NAMES = ("camera_crash", "frame_lost", "color_quant", "motion_blur", "brightness", "low_light", "fog", "snow")
BITS: Mapping[int, int] = MappingProxyType({1: 4, 2: 3, 3: 2})
LOW_LIGHT: Mapping[int, tuple[float, float, float]] = MappingProxyType(
    # brightest value, photons at white, deviation of the read-out noise
    {1: (0.50, 250.0, 0.012), 2: (0.40, 120.0, 0.018), 3: (0.30, 50.0, 0.026)}
)


def fault(rig: Sequence[Picture], name: str, severity: int, rng: np.random.Generator) -> list[Picture]:
    """Pictures of all cameras of one moment under one of ``NAMES`` at severity 1..3.

    Crash: so many of six cameras are black (of a smaller rig at least one); lost frames: each is black with a chance
    of a sixth of the severity. Raises ValueError for another name (naming the nearest) or severity.
    """
    if name not in NAMES:
        near = difflib.get_close_matches(name, NAMES, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(NAMES)}"
        raise ValueError(f"no camera fault {name!r}; {hint}")
    if severity not in (1, 2, 3):
        raise ValueError(f"camera fault {name}: expected a severity of 1 to 3, got {severity!r}")
    pictures = list(rig)
    if name == "camera_crash":
        dead = rng.choice(len(rig), max(1, round(severity * len(rig) / 6.0)), replace=False)
        return [np.zeros_like(picture) if i in dead else picture for i, picture in enumerate(pictures)]
    if name == "frame_lost":
        lost = rng.random(len(rig)) < severity / 6.0
        return [np.zeros_like(picture) if gone else picture for picture, gone in zip(pictures, lost, strict=True)]
    if name == "color_quant":
        mask = np.uint8(0x100 - (1 << (8 - BITS[severity])))
        return [picture & mask for picture in pictures]
    if name == "low_light":
        return [low_light(picture, severity, rng) for picture in pictures]
    return [corrupt(picture, name, severity, rng) for picture in pictures]


def low_light(picture: Picture, severity: int, rng: np.random.Generator) -> Picture:
    """Stretched, squared, pressed under the brightest value; then photon and read-out noise."""
    top, photons, read = LOW_LIGHT[severity]
    unit = picture.astype(np.float32)
    low, high = float(unit.min()), float(unit.max())
    dark = ((unit - low) / max(high - low, 1.0)) ** 2 * np.float32(top)
    deviation = np.sqrt(dark / np.float32(photons) + np.float32(read**2))
    noisy = dark + deviation * rng.standard_normal(picture.shape, np.float32)
    return np.asarray((noisy.clip(0.0, 1.0) * 255.0).astype(np.uint8))
