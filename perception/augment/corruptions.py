"""The 19 common corruptions of pictures at five severities.

Hendrycks and Dietterich, "Benchmarking neural network robustness to common corruptions and perturbations", ICLR 2019
(ImageNet-C), with the parameters for pictures of any size of Michaelis et al., "Benchmarking robustness in object
detection", 2019 (arXiv:1907.07484: COCO-C, Cityscapes-C). The severity 1..5 picks a column of ``SEVERITIES``.

Two differ from the reference on purpose: frost is grown at random (the reference blends six photographs), and every
random number comes from the generator that is passed in.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from perception.augment import corrupt_blur, corrupt_digital, corrupt_noise, corrupt_weather
from perception.augment.sample import Picture
from perception.frame import Float32Array

Corruption = Callable[[Float32Array, Any, np.random.Generator], Float32Array]
"""A picture ``(h, w, 3)`` BGR 0..1, the parameter of the severity, a generator -> a picture, not yet clipped."""

SEVERITIES: Mapping[str, tuple[Any, ...]] = MappingProxyType(
    {
        # noise: standard deviation, photons at full white, share of pixels, standard deviation of the gain
        "gaussian_noise": (0.08, 0.12, 0.18, 0.26, 0.38),
        "shot_noise": (60.0, 25.0, 12.0, 5.0, 3.0),
        "impulse_noise": (0.03, 0.06, 0.09, 0.17, 0.27),
        "speckle_noise": (0.15, 0.2, 0.35, 0.45, 0.6),
        # blur: sigma px; (sigma px, reach px, passes); (radius px, sigma of its edge px); (radius px, sigma px); zooms
        "gaussian_blur": (1.0, 2.0, 3.0, 4.0, 6.0),
        "glass_blur": ((0.7, 1, 2), (0.9, 2, 1), (1.0, 2, 3), (1.1, 3, 2), (1.5, 4, 2)),
        "defocus_blur": ((3, 0.1), (4, 0.5), (6, 0.5), (8, 0.5), (10, 0.5)),
        "motion_blur": ((10, 3.0), (15, 5.0), (15, 8.0), (15, 12.0), (20, 15.0)),
        "zoom_blur": ((1.11, 0.01), (1.16, 0.01), (1.21, 0.02), (1.26, 0.02), (1.31, 0.03)),
        # weather: (amount, decay); (share of picture, of ice); see corrupt_weather.snow and .spatter
        "fog": ((1.5, 2.0), (2.0, 2.0), (2.5, 1.7), (2.5, 1.5), (3.0, 1.4)),
        "frost": ((1.0, 0.4), (0.8, 0.6), (0.7, 0.7), (0.65, 0.7), (0.6, 0.75)),
        "snow": (
            (0.1, 0.3, 3.0, 0.5, 10, 4.0, 0.8),
            (0.2, 0.3, 2.0, 0.5, 12, 4.0, 0.7),
            (0.55, 0.3, 4.0, 0.9, 12, 8.0, 0.7),
            (0.55, 0.3, 4.5, 0.85, 12, 8.0, 0.65),
            (0.55, 0.3, 2.5, 0.85, 12, 12.0, 0.55),
        ),
        "spatter": (
            (0.65, 0.3, 4.0, 0.69, 0.6, False),
            (0.65, 0.3, 3.0, 0.68, 0.6, False),
            (0.65, 0.3, 2.0, 0.68, 0.5, False),
            (0.65, 0.3, 1.0, 0.65, 1.5, True),
            (0.67, 0.4, 1.0, 0.65, 1.5, True),
        ),
        # digital: factors, additions (of 1), JPEG quality, share of the size, strength
        "brightness": (0.1, 0.2, 0.3, 0.4, 0.5),
        "contrast": (0.4, 0.3, 0.2, 0.1, 0.05),
        "saturate": ((0.3, 0.0), (0.1, 0.0), (2.0, 0.0), (5.0, 0.1), (20.0, 0.2)),
        "jpeg_compression": (25, 18, 15, 10, 7),
        "pixelate": (0.6, 0.5, 0.4, 0.3, 0.25),
        "elastic_transform": (12.5, 16.25, 21.25, 25.0, 30.0),
    }
)

_FUNCTIONS: Mapping[str, Corruption] = MappingProxyType(
    {
        "gaussian_noise": corrupt_noise.gaussian_noise,
        "shot_noise": corrupt_noise.shot_noise,
        "impulse_noise": corrupt_noise.impulse_noise,
        "speckle_noise": corrupt_noise.speckle_noise,
        "gaussian_blur": corrupt_blur.gaussian_blur,
        "glass_blur": corrupt_blur.glass_blur,
        "defocus_blur": corrupt_blur.defocus_blur,
        "motion_blur": corrupt_blur.motion_blur,
        "zoom_blur": corrupt_blur.zoom_blur,
        "fog": corrupt_weather.fog,
        "frost": corrupt_weather.frost,
        "snow": corrupt_weather.snow,
        "spatter": corrupt_weather.spatter,
        "brightness": corrupt_digital.brightness,
        "contrast": corrupt_digital.contrast,
        "saturate": corrupt_digital.saturate,
        "jpeg_compression": corrupt_digital.jpeg_compression,
        "pixelate": corrupt_digital.pixelate,
        "elastic_transform": corrupt_digital.elastic_transform,
    }
)

NAMES: tuple[str, ...] = tuple(SEVERITIES)
"""All 19."""

COMMON_15: tuple[str, ...] = tuple(
    name for name in NAMES if name not in ("speckle_noise", "gaussian_blur", "spatter", "saturate")
)
"""The 15 over which mPC is usually stated; the other four were ImageNet-C's for validation."""


def corrupt(image: Picture, name: str, severity: int, rng: np.random.Generator) -> Picture:
    """A picture ``(h, w, 3)`` uint8 BGR under one of ``NAMES`` at severity 1..5.

    Raises ValueError for an unknown name (naming the nearest), a severity outside 1..5, a picture of another kind or
    smaller than 32 pixels.
    """
    if name not in SEVERITIES:
        near = difflib.get_close_matches(name, NAMES, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(NAMES)}"
        raise ValueError(f"no corruption {name!r}; {hint}")
    if severity not in (1, 2, 3, 4, 5):
        raise ValueError(f"corruption {name}: expected a severity of 1 to 5, got {severity!r}")
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8 or min(image.shape[:2]) < 32:
        raise ValueError(
            f"corruption {name}: expected (h, w, 3) uint8 of 32 pixels or more, got {image.shape} {image.dtype}"
        )
    unit = image.astype(np.float32) * np.float32(1.0 / 255.0)
    result = _FUNCTIONS[name](unit, SEVERITIES[name][severity - 1], rng)
    return np.asarray(np.clip(result, 0.0, 1.0) * np.float32(255.0), np.uint8)
