"""Weather on real pictures, continued: wet roads, night, sun glare, drops on the lens (see ``weather``)."""

from __future__ import annotations

import math

import cv2
import numpy as np

from perception.augment.assumed_depth import Street, ground_depth
from perception.augment.corrupt_blur import gaussian
from perception.augment.corrupt_weather import soft_cloud
from perception.augment.sample import FAR_M, Picture
from perception.augment.weather import encoded, linear
from perception.frame import Float32Array, FloatArray

WET_ALBEDO = 0.55
"""Of dry asphalt: water in its pores lets less light out again (Lekner, Dorf, Applied Optics 1988: .5 to .7)."""


def ground_of(depth_m: Float32Array, intrinsics: FloatArray, street: Street | None = None) -> Float32Array:
    """How surely ``(h, w)`` 0..1 each pixel shows flat ground: its depth is that of the ground plane there.

    The camera's height is read from the depths themselves, where they agree; else the street's.
    """
    street = street or Street()
    height, width = depth_m.shape
    rows = (np.arange(height) + 0.5 - intrinsics[1, 2])[:, None]
    low = depth_m[int(0.75 * height) :, width // 4 : 3 * width // 4]
    tall = low * np.maximum(rows[int(0.75 * height) :], 0.0) / intrinsics[1, 1]
    usable = tall[(low < 30.0) & (tall > 0.3)]
    camera_m = float(np.median(usable)) if len(usable) else street.camera_height_m
    if not 0.8 < camera_m < 3.5:
        camera_m = street.camera_height_m
    expected = ground_depth(depth_m.shape, intrinsics, Street(camera_height_m=camera_m))
    with np.errstate(divide="ignore", invalid="ignore"):
        off = np.abs(depth_m / expected - 1.0)
    sure = np.where((rows > 1.0) & (expected < 80.0), np.clip(1.5 - off / 0.06, 0.0, 1.0), 0.0)
    return gaussian(sure.astype(np.float32), 1.0)


def level_of(depth_m: Float32Array, intrinsics: FloatArray) -> Float32Array:
    """How much ``(h, w)`` 0..1 each pixel's surface looks up, by the slope of a true depth: roads, lawns, roofs."""
    height, width = depth_m.shape
    away = cv2.blur(depth_m, (3, 3))
    x = (np.arange(width) + 0.5 - intrinsics[0, 2])[None] / intrinsics[0, 0] * away
    y = (np.arange(height) + 0.5 - intrinsics[1, 2])[:, None] / intrinsics[1, 1] * away
    across = np.stack([np.gradient(part, axis=1) for part in (x, y, away)], -1)
    down = np.stack([np.gradient(part, axis=0) for part in (x, y, away)], -1)
    normal = np.cross(across, down)
    up = np.abs(normal[..., 1]) / np.maximum(np.linalg.norm(normal, axis=-1), 1e-12)
    facing = np.clip((up - 0.75) / 0.15, 0.0, 1.0) * (depth_m < 0.2 * FAR_M)
    return gaussian(facing.astype(np.float32), 1.0)


def wet(image: Picture, ground: Float32Array, wetness: float, rng: np.random.Generator) -> Picture:
    """A wet road: darker, and a mirror of what stands on it, the more so the flatter one looks.

    ``ground (h, w)`` 0..1; ``wetness`` 0 (dry) to 1 (puddles everywhere).
    """
    height, width = ground.shape
    light = linear(image)
    rows = np.arange(height)[:, None]
    above = np.where(ground < 0.5, rows, -1)
    foot = np.maximum.accumulate(above, axis=0)  # (h, w) the lowest thing above each pixel that is not road
    mirrored = 2.0 * cv2.blur(foot.astype(np.float32), (15, 1)) - rows.astype(np.float32)
    seen = np.clip(mirrored / 8.0, 0.0, 1.0) * (foot >= 0)  # nothing is known above the picture
    columns = np.broadcast_to(np.arange(width, dtype=np.float32)[None], ground.shape)
    ripples = 6.0 * (gaussian(soft_cloud(ground.shape, 1.4, rng), 1.0) - 0.5)
    sky = light[: max(1, height // 8)].mean(axis=(0, 1))
    reflected = cv2.remap(light, columns + ripples, np.maximum(mirrored + 2.0 * ripples, 0.0), cv2.INTER_LINEAR)
    reflected = sky + (reflected - sky) * seen[..., None].astype(np.float32)
    blurred = cv2.GaussianBlur(reflected, (3, 31), 0)
    # Schlick's Fresnel term for water at the slope of each row's ray, over the horizon that the ground ends at
    horizon = int(np.argmax((ground > 0.5).any(axis=1))) if (ground > 0.5).any() else height // 2
    slope = np.clip((rows - horizon) / (0.7 * width), 0.01, None)  # of a camera that sees 71°
    fresnel = 0.02 + 0.98 * (1.0 - slope / np.sqrt(1.0 + slope**2)) ** 5
    pools = soft_cloud(ground.shape, 1.7, rng)
    film = np.clip((pools - 1.0 + wetness) / 0.25 + 0.5, 0.0, 1.0) * 0.6 + 0.4 * wetness
    shine = (ground * film * fresnel)[..., None].astype(np.float32)
    dark = 1.0 - (1.0 - WET_ALBEDO) * min(1.0, 2.0 * wetness) * ground[..., None]
    return encoded(light * dark * (1.0 - shine) + blurred * shine)


def night(
    image: Picture,
    depth_m: Float32Array,
    intrinsics: FloatArray,
    brightness: float,
    rng: np.random.Generator,
    headlights: float = 1.0,
) -> Picture:
    """Day made night: little light, bluish, the sky dark, one's own headlights on what is near, and the noise of a
    camera that amplifies. ``brightness`` is the share of the day's light, .02 (dark) to .3 (dusk)."""
    height, width = depth_m.shape
    light = linear(image)
    sky = gaussian((depth_m >= 0.5 * FAR_M).astype(np.float32), 2.0)[..., None]
    grey = light.mean(axis=2, keepdims=True)
    moon = (0.55 * grey + 0.45 * light) * np.array(
        [1.25, 1.0, 0.85], np.float32
    )  # eyes and cameras lose colour, keep blue
    lit = moon * np.float32(brightness) * (1.0 - 0.85 * sky)
    x = np.abs(np.arange(width) + 0.5 - intrinsics[0, 2])[None] / intrinsics[0, 0]
    y = (np.arange(height) + 0.5 - intrinsics[1, 2])[:, None] / intrinsics[1, 1]
    beam = np.exp(-((x / 0.35) ** 2)) * np.clip(1.0 / (1.0 + np.exp(-(y + 0.02) / 0.015)), 0.03, 1.0)  # low beam's edge
    away = np.maximum(depth_m, 4.0)
    lamps = np.float32(headlights * 90.0) * beam / away**2  # as day at some 9 m
    lit = lit + light * np.minimum(lamps, 0.9)[..., None].astype(np.float32) * np.array([0.85, 0.97, 1.0], np.float32)
    gain = float(np.clip(0.35 / max(float(np.quantile(lit, 0.98)), 0.02), 1.0, 6.0))
    lit = lit * np.float32(gain)
    photons = 2500.0 * max(brightness, 0.02) / gain * 10.0
    deviation = np.sqrt(np.maximum(lit, 0.0) / np.float32(photons) + np.float32((0.0015 * gain) ** 2))
    return encoded((lit + deviation * rng.standard_normal(lit.shape, np.float32)).astype(np.float32))


def glare(
    image: Picture, sun_px: tuple[float, float], strength: float, rng: np.random.Generator, ghosts: int = 5
) -> Picture:
    """The sun in the picture: light scattered in eye and lens falls off with the square of the angle (Stiles and
    Holladay), a star, reflections between lenses on the line through the middle; the camera closes its iris.

    ``strength`` 0..1: 1 hides what is within a tenth of the picture of the sun.
    """
    height, width = image.shape[:2]
    light = linear(image)
    x = (np.arange(width, dtype=np.float32) + 0.5 - sun_px[0])[None] / width
    y = (np.arange(height, dtype=np.float32) + 0.5 - sun_px[1])[:, None] / width
    away = np.sqrt(x**2 + y**2)
    veil = np.float32(strength) * (0.010 / (away**2 + 0.006) + 0.05)
    disc = np.clip((0.022 - away) / 0.006 + 0.5, 0.0, 1.0)
    angle = np.arctan2(y, x)
    rays = np.cos(3.0 * angle + rng.uniform(0.0, math.pi)) ** 40
    star = np.float32(strength) * rays * np.exp(-away / 0.10)
    warm = np.array([0.82, 0.95, 1.0], np.float32)
    extra = (veil + star + 4.0 * disc)[..., None] * warm
    middle = np.array([width / 2.0, height / 2.0])
    line = middle - np.array(sun_px)
    flare = np.zeros((height, width, 3), np.float32)
    for _ in range(ghosts):
        place = middle + line * rng.uniform(-0.5, 1.2)
        spot = np.zeros((height, width), np.float32)
        radius = width * float(rng.uniform(0.008, 0.05))
        cv2.circle(spot, (round(float(place[0])), round(float(place[1]))), round(radius), 1.0, -1, cv2.LINE_AA)
        tint = rng.uniform(0.3, 1.0, 3).astype(np.float32)
        flare += gaussian(spot, max(1.0, 0.12 * radius))[..., None] * tint * np.float32(0.09 * strength)
    exposed = light * np.float32(1.0 - 0.35 * strength)
    return encoded(exposed + extra + flare)


def lens_drops(image: Picture, count: int, rng: np.random.Generator) -> Picture:
    """Drops on the lens: small, out of focus, each a picture of its surroundings upside down."""
    height, width = image.shape[:2]
    out = image.copy()
    for _ in range(count):
        radius = width * float(rng.uniform(0.008, 0.03))
        cx, cy = rng.uniform(0.0, width), rng.uniform(0.0, height)
        x0, x1 = max(0, int(cx - radius)), min(width, int(cx + radius) + 1)
        y0, y1 = max(0, int(cy - 1.2 * radius)), min(height, int(cy + 1.2 * radius) + 1)
        if x1 - x0 < 4 or y1 - y0 < 4:
            continue
        x, y = np.meshgrid(np.arange(x0, x1) + 0.5 - cx, np.arange(y0, y1) + 0.5 - cy)
        r = np.hypot(x, y / 1.2) / radius
        map_x = np.clip(cx - 3.5 * x * (1.0 + r), 0, width - 1).astype(np.float32)
        map_y = np.clip(cy - 3.5 * y * (1.0 + r), 0, height - 1).astype(np.float32)
        drop = cv2.GaussianBlur(cv2.remap(image, map_x, map_y, cv2.INTER_LINEAR), (0, 0), max(0.8, 0.12 * radius))
        rim = np.clip((1.0 - r) / 0.35, 0.0, 1.0)[..., None]
        shade = 0.75 + 0.35 * np.clip(1.0 - r, 0.0, 1.0)[..., None]
        here = out[y0:y1, x0:x1]
        here[:] = (here * (1.0 - rim) + np.clip(drop * shade, 0, 255) * rim).astype(np.uint8)
    return out
