"""Weather on real pictures: fog, falling rain, wet ground, snow, night and glare, by the depth of every pixel.

Light is added up where it adds up: pictures are decoded to linear light (sRGB's curve), changed, and encoded again.
All pictures are ``(h, w, 3)`` uint8 BGR, depths ``(h, w)`` float32 metres along the optical axis.

Fog: Koschmieder, I = J t + A (1 - t) with t = exp(-beta d), d the distance along the ray; the meteorological optical
range is that at which 5 % of contrast are left, MOR = ln 20 / beta.
"""

from __future__ import annotations

import math

import cv2
import numpy as np

from perception.augment.assumed_depth import range_of
from perception.augment.corrupt_blur import gaussian
from perception.augment.corrupt_weather import soft_cloud
from perception.augment.sample import FAR_M, Picture
from perception.frame import Float32Array, FloatArray

LN_20 = math.log(20.0)
DB_PER_KM = math.log(10.0) / 10.0 / 1000.0
"""Extinction per metre of one decibel per kilometre."""
RAIN_EXTINCTION = (1.076 * DB_PER_KM, 0.67)
"""Extinction of rain per metre, ``a R^b`` with R in mm/h (Carbonneau's fit in ITU-R P.1814)."""
SNOW_EXTINCTION = (5.5 * DB_PER_KM, 1.38)
"""Of dry snow, R in mm/h of water (ITU-R P.1814, visible light)."""
_DECODED = np.where(
    np.arange(256) / 255.0 <= 0.04045, np.arange(256) / 255.0 / 12.92, ((np.arange(256) / 255.0 + 0.055) / 1.055) ** 2.4
).astype(np.float32)
_LEVELS = 4096
_ENCODED = np.array(
    [
        round(255.0 * (12.92 * v if v <= 0.0031308 else 1.055 * v ** (1.0 / 2.4) - 0.055))
        for v in np.linspace(0.0, 1.0, _LEVELS)
    ],
    np.uint8,
)


def linear(image: Picture) -> Float32Array:
    """Light of a picture, 0..1 of white."""
    return np.asarray(cv2.LUT(image, _DECODED), np.float32)


def encoded(light: Float32Array) -> Picture:
    """The picture of this light; more than white is white."""
    return _ENCODED[(light.clip(0.0, 1.0) * np.float32(_LEVELS - 1)).astype(np.int32)]


def airlight(light: Float32Array, depth_m: Float32Array) -> Float32Array:
    """Colour ``(3,)`` of fog that this scene would have: its far pixels' upper decile, mostly grey, at most .65
    (a camera exposes for the fog).

    Without far pixels (a picture of walls) the brightest tenth of all.
    """
    far = light[depth_m > 0.1 * FAR_M]
    if len(far) < 0.01 * depth_m.size:
        far = light.reshape(-1, 3)
    colour = np.quantile(far[:: max(1, len(far) // 5000)], 0.9, axis=0)
    grey = float(colour.mean())
    return np.minimum(0.25 * colour + 0.75 * grey, 0.65).astype(np.float32)


def veiled(
    light: Float32Array, range_m: Float32Array, extinction_per_m: float | Float32Array, colour: Float32Array
) -> Float32Array:
    """Koschmieder's law on linear light; the extinction one number or one per pixel."""
    passes = np.exp(-np.asarray(extinction_per_m, np.float32) * range_m)[..., None]
    return colour + (light - colour) * passes


def fog(
    image: Picture,
    depth_m: Float32Array,
    intrinsics: FloatArray,
    mor_m: float,
    rng: np.random.Generator,
    patchiness: float = 0.0,
) -> Picture:
    """Fog of a meteorological optical range; ``patchiness`` 0..1 is by how much its density wavers over the picture."""
    light = linear(image)
    extinction: float | Float32Array = LN_20 / mor_m
    if patchiness > 0.0:
        wisps = gaussian(soft_cloud(image.shape[:2], 1.7, rng), 4.0)
        extinction = np.float32(extinction) * (1.0 + np.float32(patchiness) * (2.0 * wisps - 2.0 * wisps.mean()))
        extinction = np.maximum(extinction, 0.0)
    return encoded(veiled(light, range_of(depth_m, intrinsics), extinction, airlight(light, depth_m)))


def rain(
    image: Picture, depth_m: Float32Array, intrinsics: FloatArray, rate_mm_h: float, rng: np.random.Generator
) -> Picture:
    """Falling rain: drops of Marshall and Palmer's sizes drawn as the streaks of one exposure, and the rain's veil.

    The light is that of a covered sky: shadows and colours are duller. For the road see ``wet``.
    """
    light = linear(image)
    light = _overcast(light, min(1.0, 0.25 + rate_mm_h / 50.0))
    colour = airlight(light, depth_m)
    extinction = RAIN_EXTINCTION[0] * rate_mm_h ** RAIN_EXTINCTION[1]
    light = veiled(light, range_of(depth_m, intrinsics), extinction, colour)
    # drops per cubic metre above 1 mm, N0 / L exp(-L D), and their mean size (Marshall, Palmer, J. Meteor. 1948)
    slope = 4.1 * rate_mm_h**-0.21
    per_m3, mean_mm = 8000.0 / slope * math.exp(-slope), 1.0 + 1.0 / slope
    fall = 9.65 - 10.3 * math.exp(-0.6 * mean_mm)  # m/s (Atlas 1973)
    wind = rng.normal(0.0, 1.5)
    streaks = _fallen(depth_m, intrinsics, per_m3, mean_mm * 1e-3, (wind, fall), 1.0 / 60.0, rng)
    # a drop gathers light from all around, the sky above too: brighter than the air behind it
    return encoded(light + streaks[..., None] * (1.5 * colour - light).clip(0.0, None))


def snow(
    image: Picture,
    depth_m: Float32Array,
    intrinsics: FloatArray,
    rate_mm_h: float,
    rng: np.random.Generator,
    lying: float = 0.0,
    ground: Float32Array | None = None,
) -> Picture:
    """Falling flakes and their veil; ``lying`` 0..1 is how much of the ``ground (h, w)`` 0..1 is covered."""
    light = _overcast(linear(image), 0.7)
    colour = airlight(light, depth_m)
    if lying > 0.0 and ground is not None:
        patches = soft_cloud(image.shape[:2], 1.6, rng)
        lightness = light.mean(axis=2)
        here = np.clip((patches - 1.0 + lying) / 0.15 + 0.5, 0.0, 1.0) * ground
        usual = lightness[ground > 0.5] if (ground > 0.5).any() else lightness
        shaded = np.clip(lightness / max(float(np.median(usual)), 1e-3), 0.4, 1.3)
        white = colour * np.array([1.0, 0.99, 0.97], np.float32) * shaded[..., None] * np.float32(0.9)
        light = light + here[..., None] * (white - light)
    extinction = SNOW_EXTINCTION[0] * rate_mm_h ** SNOW_EXTINCTION[1]
    light = veiled(light, range_of(depth_m, intrinsics), extinction, colour)
    per_m3 = 60.0 * rate_mm_h**0.7  # flakes above 2 mm (Gunn, Marshall, J. Meteor. 1958, integrated)
    drift = (rng.normal(0.0, 0.8), 1.2)
    flakes = _fallen(depth_m, intrinsics, per_m3, 8.0e-3, drift, 1.0 / 60.0, rng)
    return encoded(light + flakes[..., None] * (np.float32(1.15) * colour - light))


def _overcast(light: Float32Array, amount: float) -> Float32Array:
    """Light as under clouds: highlights pressed together, colours towards grey."""
    grey = light.mean(axis=2, keepdims=True)
    mean = float(grey.mean())
    dull = light + np.float32(0.45 * amount) * (grey - light)
    return dull * (1.0 - np.float32(0.35 * amount) * np.clip(grey / max(4.0 * mean, 1e-3), 0.0, 1.0))


def _fallen(
    depth_m: Float32Array,
    intrinsics: FloatArray,
    per_m3: float,
    size_m: float,
    velocity_mps: tuple[float, float],
    exposure_s: float,
    rng: np.random.Generator,
) -> Float32Array:
    """How much of each pixel ``(h, w)`` 0..1 is covered by things that fall through the view while the shutter is open.

    Things between 1.5 and 14 m are drawn one by one (farther ones are the veil), in three shells, where nothing stands
    before them. A streak covers ``width / pixel`` of its line for the share of the exposure that it takes to pass.
    """
    height, width = depth_m.shape
    focal = float(intrinsics[0, 0])
    cover = np.zeros(depth_m.shape, np.float32)
    for near, far in ((1.5, 3.0), (3.0, 6.5), (6.5, 14.0)):
        volume = (far**3 - near**3) / 3.0 * width * height / focal**2
        count = min(int(rng.poisson(per_m3 * volume)), 6000)
        if count == 0:
            continue
        z = (near**3 + rng.random(count) * (far**3 - near**3)) ** (1.0 / 3.0)
        sizes = size_m * rng.lognormal(0.0, 0.4, count)
        begin = rng.random((count, 2)) * (width * 1.2, height * 1.2) - (0.1 * width, 0.1 * height)
        speed = np.array(velocity_mps) * rng.normal(1.0, 0.1, (count, 1))
        end = begin + focal * speed * exposure_s / z[:, None]
        thick = focal * sizes / z  # pixels
        length = np.linalg.norm(end - begin, axis=1)
        share = np.minimum(thick, 1.0) * np.minimum(1.0, 2.0 * thick / np.maximum(length, 1e-3)) ** 0.5
        layer = np.zeros(depth_m.shape, np.uint8)
        segments = np.rint(16.0 * np.stack([begin, end], 1)).astype(np.int32)
        widths = np.clip(np.rint(thick), 1, 30).astype(np.int64)
        shades = np.clip(np.rint(share * 12.0), 1, 15).astype(np.int64)  # twelfths
        for key in np.unique(widths * 16 + shades):
            rows = widths * 16 + shades == key
            cv2.polylines(layer, list(segments[rows]), False, int(17 * (key % 16)), int(key // 16), cv2.LINE_AA, 4)
        blur = 0.6 if near > 1.5 else 1.2  # the near ones are out of focus
        shell = gaussian(layer.astype(np.float32) / 255.0, blur)
        cover = np.maximum(cover, np.where(depth_m > near, shell, 0.0))
    return cover.clip(0.0, 0.9)
