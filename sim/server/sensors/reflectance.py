"""What surfaces send back to a LiDAR, and what a LiDAR makes of it.

A diffuse surface of reflectivity rho sends back rho cos(theta) of what white paper seen straight on would. Rough ones
do not follow the cosine when, as here, light comes from where it is looked at: their grains face the sensor whatever
the angle. Oren and Nayar ("Generalization of Lambert's reflectance model", SIGGRAPH 1994), with the sender in the
place of the eye, give

    rho (A cos(theta) + B sin(theta)^2),  A = 1 - s^2 / (2 s^2 + 0.66),  B = 0.45 s^2 / (s^2 + 0.09),

s: the spread of the grains' slopes. Terrestrial laser scans of stone and concrete are corrected for their incidence
by this model (Carrea et al. 2016, ISPRS Journal 113; Xu et al. 2017, Remote Sensing 9, 1090).

``Receiver`` is a sensor like Velodyne's HDL-64E. Echoes are found where they exceed a floor, which is the power of a
target of ``DARK`` at ``DARK_SEEN_TO`` of the sensor's range: 10 % at 50 m of 120 m (data sheet: pavement; its other
figure, 80 % at 120 m, is not reached). Its intensity has range taken out of it, and half of the decibels between bright
and dark, as it sends less light where much comes back (manual: laser output power, "auto"); the three numbers of this
are fitted to KITTI's sweeps, whose ground is as bright at 3 m as at 40 m and dark beyond.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sim.server.scene.mesh import Material
from sim.server.sensors.hits import Hits
from sim.server.sensors.instances import Instances

Float32 = npt.NDArray[np.float32]

REFLECTIVITY: dict[Material, float] = {
    # diffuse, at 905 nm: asphalt, concrete, stone, soil, bark, leaves after the spectra of ECOSTRESS (Baldridge 2009,
    # Meerdink 2019), paints, plastics, cloth and skin after makers' tables of targets; leaves and cloth are brighter
    # than they look, as chlorophyll and dyes absorb red, not infrared
    Material.ROAD: 0.18, Material.SIDEWALK: 0.33, Material.KERB: 0.35, Material.GRASS: 0.45, Material.FACADE: 0.40,
    Material.ROOF: 0.25, Material.BARK: 0.30, Material.LEAF: 0.50, Material.POLE: 0.30, Material.SIGNAL_HOUSING: 0.08,
    Material.SIGNAL_RED: 0.10, Material.SIGNAL_YELLOW: 0.10, Material.SIGNAL_GREEN: 0.10, Material.STREET_LAMP: 0.30,
    Material.CROSSWALK: 0.55, Material.CONCRETE: 0.38, Material.STOP_LINE: 0.55, Material.SIGN_FACE: 1.0,
    Material.SIGN_BACK: 0.35, Material.GUARD_RAIL: 0.45, Material.WALL: 0.38, Material.BRIDGE: 0.35,
    Material.DIRT: 0.30, Material.COVER: 0.40, Material.FURNITURE: 0.35, Material.FENCE: 0.40,
    Material.SHELTER_GLASS: 0.08, Material.PAINT: 0.30, Material.TYRE: 0.05, Material.RIM: 0.40,
    Material.PLASTIC: 0.10, Material.GLASS: 0.08, Material.SKIN: 0.55, Material.TOP: 0.45, Material.BOTTOM: 0.35,
    Material.SHOE: 0.15, Material.HAIR: 0.25, Material.METAL: 0.40, Material.BAG: 0.30, Material.CARGO: 0.55,
    Material.PROP: 0.35, Material.HELMET: 0.40, Material.BEACON: 0.30,
}  # fmt: skip
OTHER_REFLECTIVITY = 0.3
RETROREFLECTS = (Material.SIGN_FACE,)
"""Answers with all its light from wherever it is seen."""
SMOOTH = (
    Material.POLE, Material.SIGNAL_HOUSING, Material.SIGNAL_RED, Material.SIGNAL_YELLOW, Material.SIGNAL_GREEN,
    Material.STREET_LAMP, Material.SIGN_BACK, Material.GUARD_RAIL, Material.SHELTER_GLASS, Material.PAINT,
    Material.RIM, Material.PLASTIC, Material.GLASS, Material.METAL, Material.CARGO, Material.HELMET, Material.BEACON,
)  # fmt: skip
"""Painted, rolled, cast or glass: they follow the cosine. All else is rough."""
ROUGHNESS_RAD = math.radians(35.0)
"""Spread of slopes: with it a road is as bright at 30 m as at 3 m, as in KITTI's sweeps."""
COSINE_STEPS = 64
BLACK_PAINT, WHITE_PAINT = 0.08, 0.70
"""Of cars at 905 nm: soot takes infrared as it takes light; any other pigment sends back about what its brightest
colour does."""

DARK, DARK_SEEN_TO = 0.1, 50.0 / 120.0
"""The HDL-64E's range for pavement, of the range that is its name for cars and leaves."""
FLOOR_SIGMAS = 4.75
"""The floor over the receiver's noise: one false echo in a million looks (normal noise)."""
REPORT_SCALE = 0.7
"""Intensity of white paper at hand. With the square root of ``reported``: near ground of 0.22 and the ninth decile of
0.41, as KITTI's sweeps have them; above it there is room for retroreflectors, which have the highest intensity."""
EVEN_TO = 0.45
"""Share of the sensor's range where its intensity has come down to 0: KITTI's points have 0.22 at 30 to 40 m, 0.09 at
40 to 60 m, half of them 0, and hardly anything beyond."""
RETRO_FROM = 0.95
"""No diffuse surface is brighter."""


def of_rough(cosine: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Share (n,) of its reflectivity that a rough surface sends back under these cosines of incidence (n,)."""
    s2 = ROUGHNESS_RAD**2
    return (1.0 - s2 / (2.0 * s2 + 0.66)) * cosine + 0.45 * s2 / (s2 + 0.09) * (1.0 - cosine**2)


def _diffuse() -> Float32:
    out = np.full(256, OTHER_REFLECTIVITY, np.float32)
    out[list(REFLECTIVITY)] = list(REFLECTIVITY.values())
    out.setflags(write=False)
    return out


def _sent_back() -> Float32:
    """Share that comes back by material (256,) and step of the cosine of incidence."""
    cosine = np.arange(COSINE_STEPS + 1) / COSINE_STEPS
    table = DIFFUSE[:, None] * of_rough(cosine)
    table[list(SMOOTH)] = DIFFUSE[list(SMOOTH), None] * cosine
    table[list(RETROREFLECTS)] = DIFFUSE[list(RETROREFLECTS), None]
    out = table.astype(np.float32)
    out.setflags(write=False)
    return out


DIFFUSE = _diffuse()
"""Reflectivity of materials (256,), seen straight on."""
_SENT_BACK = _sent_back()


def reflectivity(hits: Hits) -> Float32:
    """Share of the light that comes back from each target (n,), as from white paper seen straight on; 0 for none."""
    step = (hits.cosine * np.float32(COSINE_STEPS) + np.float32(0.5)).astype(np.intp)
    return np.where(np.isfinite(hits.range_m), _SENT_BACK[hits.material, step], np.float32(0.0))


def painted(bright: Float32, hits: Hits, instances: Instances) -> Float32:
    """Reflectivities (n,) of hits with the paint of each body instead of the paint of all."""
    row = np.flatnonzero((hits.material == Material.PAINT) & (hits.actor_id > 0))
    if not len(row) or not len(instances.actor_id):
        return bright
    body = np.minimum(np.searchsorted(instances.actor_id, hits.actor_id[row]), len(instances.actor_id) - 1)
    light = instances.color[body].max(axis=1) ** 2.2  # sRGB to linear
    out = bright.copy()
    out[row] *= (BLACK_PAINT + (WHITE_PAINT - BLACK_PAINT) * light) / np.float32(REFLECTIVITY[Material.PAINT])
    return out


@dataclass(frozen=True)
class Receiver:
    """Of a LiDAR whose maker states this range."""

    range_m: float

    def floor(self, range_m: Float32) -> Float32:
        """Reflectivity (n,) that a target at these ranges (n,) must exceed."""
        return np.float32(DARK / (DARK_SEEN_TO * self.range_m) ** 2) * range_m**2

    def finds(self, strength: Float32, range_m: Float32, rng: np.random.Generator) -> npt.NDArray[np.bool_]:
        """Whether each echo (n,), of reflectivity ``strength``, is found: noise lifts it over the floor or pulls it
        under."""
        over = strength / np.maximum(self.floor(range_m), np.float32(1e-9)) - np.float32(1.0)
        found: npt.NDArray[np.bool_] = rng.standard_normal(len(strength), np.float32) < np.float32(FLOOR_SIGMAS) * over
        return found

    def reported(self, strength: Float32, range_m: Float32) -> Float32:
        """Intensity (n,) 0..1 of echoes: the root of their reflectivity, even in range, then fading."""
        fading = np.maximum(np.float32(1.0) - (range_m / np.float32(EVEN_TO * self.range_m)) ** 4, np.float32(0.0))
        diffuse = np.float32(REPORT_SCALE) * np.sqrt(np.maximum(strength, np.float32(0.0))) * fading
        return np.where(strength >= RETRO_FROM, np.float32(1.0), diffuse)
