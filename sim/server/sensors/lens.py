"""Lens distortion as the attributes ``lens_*`` of CARLA's cameras ask for it.

CARLA's shader is not published; known of it are its attributes, that their defaults leave the picture undistorted
and that ``lens_circle_multiplier`` switches it on. Here a pixel at distance r from the centre (1 at the edge of each
axis) shows what a pinhole camera has at ``1 + m (r)`` times that distance, with

    m = multiplier * r ** falloff * size * -(k + kcube * r) * r ** 2

along each axis with its own size: barrel distortion for the default k = -1. Beyond the pinhole picture its rim
repeats, as a clamped texture does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from sim.server.sensors.attributes import Attributes

DEFAULT_SIZE = 0.08


@dataclass(frozen=True)
class Lens:
    """A distorting lens; ``of`` gives None for CARLA's defaults, which distort nothing."""

    falloff: float
    multiplier: float
    k: float
    kcube: float
    x_size: float
    y_size: float

    @staticmethod
    def of(type_id: str, attributes: Mapping[str, str]) -> Lens | None:
        """From a blueprint's attributes. Raises ValueError that names the bad one."""
        values = Attributes(type_id, attributes)
        lens = Lens(
            falloff=values.number("lens_circle_falloff", 5.0, 0.0, 100.0),
            multiplier=values.number("lens_circle_multiplier", 0.0, 0.0, 1000.0),
            k=values.number("lens_k", -1.0, -1e3, 1e3),
            kcube=values.number("lens_kcube", 0.0, -1e3, 1e3),
            x_size=values.number("lens_x_size", DEFAULT_SIZE, -1e3, 1e3),
            y_size=values.number("lens_y_size", DEFAULT_SIZE, -1e3, 1e3),
        )
        bends = lens.multiplier != 0.0 and (lens.k != 0.0 or lens.kcube != 0.0)
        return lens if bends and (lens.x_size != 0.0 or lens.y_size != 0.0) else None

    def bend(self, picture: npt.NDArray[Any], smooth: bool) -> npt.NDArray[Any]:
        """The picture (h, w, c) through the lens; smooth for light, not for labels."""
        height, width = picture.shape[:2]
        x, y = _maps(self, width, height)
        how = cv2.INTER_LINEAR if smooth else cv2.INTER_NEAREST
        return np.ascontiguousarray(cv2.remap(picture, x, y, how, borderMode=cv2.BORDER_REPLICATE))


@lru_cache(maxsize=16)
def _maps(lens: Lens, width: int, height: int) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Where each pixel (h, w) looks in the pinhole picture."""
    u = (np.arange(width) + 0.5) / (width / 2.0) - 1.0
    v = ((np.arange(height) + 0.5) / (height / 2.0) - 1.0)[:, None]
    r = np.sqrt(u * u + v * v)
    strength = lens.multiplier * r**lens.falloff * -(lens.k + lens.kcube * r) * r * r
    x = u * (1.0 + strength * lens.x_size)
    y = v * (1.0 + strength * lens.y_size)
    far = 4.0  # picture halves: beyond, the rim repeats anyway, and remap wants small numbers
    x, y = np.clip(x, -far, far), np.clip(y, -far, far)
    return (
        ((x + 1.0) * (width / 2.0) - 0.5).astype(np.float32),
        ((y + 1.0) * (height / 2.0) - 0.5).astype(np.float32),
    )
