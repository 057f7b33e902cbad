"""Wet ground in LiDAR sweeps: a film of water sends light away that a dry road would have scattered back.

After the wet ground of Hahner et al. (CVPR 2022): where water fills the road's texture (film over texture depth, up
to all of it), the beam meets a smooth surface of water, by Fresnel and Snell. The part R(theta) is reflected away and
lost; the rest T = 1 - R is scattered by the road below, what hits the surface again from below is turned back and
scattered once more (Lekner and Dorf 1988), and what leaves towards the sensor has passed twice and spread by n^2:

    rho_wet = T(theta)^2 / n^2 * rho / (1 - r_inside rho).

Grazing beams lose most of all, so that wet roads go dark far away. Returns below a floor are lost: 0.7 times the
weakest dry ground return at that distance, the paper's noise floor.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from perception.augment.lidar_weather import KEPT_SHARE, Fate, Float32, Weathered, checked
from perception.augment.lidar_weather_mie import WATER_INDEX

INSIDE_REFLECTANCE = 0.47
"""Of diffuse light that comes from below to a surface of water: what meets it beyond the critical angle, mostly."""
FLOOR_BINS_M = 5.0
FLOOR_QUANTILE = 0.01


@dataclass(frozen=True)
class WetGround:
    """Water on the ground: water_mm of film, texture_mm of the road's depth that it fills, noise_floor of the paper."""

    water_mm: float = 1.0
    texture_mm: float = 1.2
    noise_floor: float = 0.7

    def __post_init__(self) -> None:
        if self.water_mm < 0.0 or self.texture_mm <= 0.0:
            raise ValueError(
                f"wet ground: water_mm {self.water_mm} must be 0 or more, texture_mm {self.texture_mm} > 0"
            )

    @property
    def covered(self) -> float:
        """Share of the surface that is water."""
        return min(1.0, self.water_mm / self.texture_mm)


def transmitted(cosine: npt.ArrayLike, index: float = WATER_INDEX) -> npt.NDArray[np.float64]:
    """Share of unpolarised light that enters water at this cosine of incidence (Fresnel)."""
    c = np.clip(np.abs(np.asarray(cosine, np.float64)), 0.0, 1.0)
    inside = np.sqrt(1.0 - (1.0 - c**2) / index**2)  # Snell
    across = ((c - index * inside) / (c + index * inside)) ** 2
    along = ((inside - index * c) / (inside + index * c)) ** 2
    return 1.0 - 0.5 * (across + along)


def wet_share(cosine: npt.ArrayLike, reflectivity: npt.ArrayLike, wet: WetGround) -> npt.NDArray[np.float64]:
    """What a wet surface returns over what it returns dry; cosine of incidence and dry reflectivity 0..1."""
    rho = np.clip(np.asarray(reflectivity, np.float64), 0.0, 1.0)
    under_water = (transmitted(cosine) / WATER_INDEX) ** 2 / (1.0 - INSIDE_REFLECTANCE * rho)
    return 1.0 - wet.covered * (1.0 - np.minimum(under_water, 1.0))


def wet_ground(
    points: Float32, ground: npt.NDArray[np.bool_], wet: WetGround, normal: npt.ArrayLike = (0, 0, 1)
) -> Weathered:
    """A sweep ``(n, 4)`` whose points on the ground (mask (n,)) are wet; ``normal`` (3,) of the ground, sensor frame.

    Raises ValueError for other shapes.
    """
    points = checked(points)
    if ground.shape != (len(points),) or ground.dtype != np.bool_:
        raise ValueError(f"wet ground: expected a mask ({len(points)},), got {ground.shape} {ground.dtype}")
    distance = np.linalg.norm(points[:, :3], axis=1)
    up = np.asarray(normal, np.float64)
    cosine = np.abs(points[:, :3] @ (up / np.linalg.norm(up))) / np.maximum(distance, 1e-6)
    share = np.where(ground, wet_share(cosine, points[:, 3], wet), 1.0)
    out = points.copy()
    out[:, 3] *= share
    lost = ground & (out[:, 3] < wet.noise_floor * _weakest(distance, points[:, 3], ground)) & (share < KEPT_SHARE)
    out[lost, 3] = 0.0
    fate = np.where(share < KEPT_SHARE, np.uint8(Fate.ATTENUATED), np.uint8(Fate.KEPT))
    fate[lost] = Fate.LOST
    return Weathered(out, fate)


def _weakest(distance_m: Float32, intensity: Float32, ground: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    """Weakest dry ground return (n,) in rings of distance, as the recording itself has it."""
    ring = (distance_m / FLOOR_BINS_M).astype(np.int64)
    weakest = np.zeros(int(ring.max()) + 1 if len(ring) else 1)
    for k in np.unique(ring[ground]):
        weakest[k] = np.quantile(intensity[ground & (ring == k)], FLOOR_QUANTILE)
    return weakest[ring]
