"""How a camera turns radiance into a picture where its attributes ask for something else than CARLA's defaults.

A camera with default attributes has no ``Photo``: its picture is the shipped one. Radiance here has no unit; a
clear noon's mean luminance stands for ``NOON_EV``, the middle of CARLA's default limits of automatic exposure, and
CARLA's default aperture, shutter and ISO expose that noon as automatic exposure does.

``slope``, ``toe``, ``shoulder``, ``black_clip`` and ``white_clip`` bend the shipped tone curve as they bend Unreal's
filmic curve (published in its documentation and shaders) away from CARLA's defaults. Depth of field
(``focal_distance``, ``blur_*``, ``blade_count``) and ``calibration_constant`` have no effect.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import cv2
import numpy as np
import numpy.typing as npt

from sim.server.sensors.atmosphere import Atmosphere, airlight
from sim.server.sensors.attributes import Attributes
from sim.server.sensors.instances import Weather
from sim.server.sensors.post import CURVE_SIZE, CURVE_TOP, KEY_DAY

F32 = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]
U8 = npt.NDArray[np.uint8]

DEFAULTS: Mapping[str, float] = {
    "gamma": 2.2, "motion_blur_intensity": 0.45, "motion_blur_max_distortion": 0.35, "lens_flare_intensity": 0.1,
    "bloom_intensity": 0.675, "shutter_speed": 200.0, "iso": 100.0, "fstop": 1.4, "slope": 0.88, "toe": 0.55,
    "shoulder": 0.26, "black_clip": 0.0, "white_clip": 0.04, "temp": 6500.0, "tint": 0.0,
    "exposure_compensation": 0.0, "exposure_min_bright": 10.0, "exposure_max_bright": 12.0,
    "exposure_speed_up": 3.0, "exposure_speed_down": 1.0, "chromatic_aberration_intensity": 0.0,
    "chromatic_aberration_offset": 0.0,
}  # fmt: skip
"""CARLA 0.9.16's defaults of the attributes that have an effect here."""
LIMITS: Mapping[str, tuple[float, float]] = {
    **dict.fromkeys(("gamma", "shutter_speed", "iso", "fstop", "slope", "temp"), (1e-3, 1e6)),
    "black_clip": (0.0, 1e6),
}
"""Of what is divided by, or whose logarithm is taken; the others may be anything."""
FILM = ("slope", "toe", "shoulder", "black_clip", "white_clip")
NOON_EV = 11.0
MANUAL_EV = math.log2(1.4**2 * 200.0)
"""Exposure value (at ISO 100) of CARLA's default aperture and shutter."""
MOST_STOPS = 40.0
"""From noon to a picture all black or all white, a moonless night's stars included."""
BLUR_TAPS = 8
FRINGE_AT_FULL = 0.01
"""Share of the picture's half by which red and blue part at its edge for a chromatic aberration of 1."""
FLARE_LEVEL = 235  # grey level from which a lamp or the sun throws a ghost


class Photo:
    """The development of one camera; remembers how far its exposure has adapted."""

    def __init__(self, values: Mapping[str, float], manual: bool, effects: bool, grain_share: float = 1.0) -> None:
        """values: the names of ``DEFAULTS``; effects False: linear light without any of CARLA's post-processing;
        grain_share scales the sensor noise."""
        self.values, self.manual, self.effects, self.grain_share = dict(values), manual, effects, grain_share
        noon = airlight(Weather(cloudiness=5.0, sun_altitude_angle=45.0)).luminance
        self._noon_exposure = KEY_DAY / noon
        self._gains = white_balance(values["temp"], values["tint"])
        self._places = None if self._shipped(*FILM) else bent_places(*(values[name] for name in FILM))
        self._adapted_ev: float | None = None
        self._dt_s = 0.0

    @staticmethod
    def of(type_id: str, attributes: Mapping[str, str]) -> Photo | None:
        """From a blueprint's attributes, None where they are CARLA's defaults. Raises ValueError naming a bad one."""
        read = Attributes(type_id, attributes)
        values = {
            name: read.number(name, default, *LIMITS.get(name, (-1e6, 1e6))) for name, default in DEFAULTS.items()
        }
        manual = attributes.get("exposure_mode", "histogram") == "manual"
        effects = read.boolean("enable_postprocess_effects", True)
        if values == dict(DEFAULTS) and not manual and effects:
            return None
        return Photo(values, manual, effects)

    def _shipped(self, *names: str) -> bool:
        return all(self.values[name] == DEFAULTS[name] for name in names)

    # --- exposure ---------------------------------------------------------------------------------------------

    def advance(self, dt_s: float) -> None:
        """Seconds since the last picture, for the adaptation of the exposure."""
        self._dt_s = dt_s

    def exposure(self, automatic: float, air: Atmosphere) -> float:
        """Factor on radiance, given the one that automatic exposure would take."""
        v = self.values
        if not self.effects:
            return self._noon_exposure
        if self.manual:
            ev = math.log2(v["fstop"] ** 2 * v["shutter_speed"] * 100.0 / v["iso"])
            return self._brightened(MANUAL_EV - ev)
        ev = NOON_EV + math.log2(self._noon_exposure / automatic)
        if not self._shipped("exposure_min_bright", "exposure_max_bright"):
            ev = min(max(ev, v["exposure_min_bright"]), max(v["exposure_max_bright"], v["exposure_min_bright"]))
        if not self._shipped("exposure_speed_up", "exposure_speed_down"):
            ev = self._adapt(ev)
        return self._brightened(NOON_EV - ev)

    def _brightened(self, stops: float) -> float:
        """Exposure that many stops, and those of the compensation, over that of noon."""
        stops += self.values["exposure_compensation"]
        return self._noon_exposure * 2.0 ** min(max(stops, -MOST_STOPS), MOST_STOPS)

    def _adapt(self, ev: float) -> float:
        """Follow the scene by at most so many exposure values a second, up to bright and down to dark."""
        if self._adapted_ev is not None:
            up = max(self.values["exposure_speed_up"], 0.0) * self._dt_s
            down = max(self.values["exposure_speed_down"], 0.0) * self._dt_s
            ev = min(max(ev, self._adapted_ev - down), self._adapted_ev + up)
        self._adapted_ev = ev
        return ev

    # --- light --------------------------------------------------------------------------------------------------

    def plain(self, radiance: F32, exposure: float) -> U8:
        """Linear light (h, w, 3) as BGR bytes, without tone curve, gamma, glare or grain."""
        return np.ascontiguousarray(np.clip(radiance[..., ::-1] * (255.0 * exposure), 0.0, 255.0).astype(np.uint8))

    def balanced(self, radiance: F32) -> F32:
        """Radiance with the white balance of ``temp`` and ``tint``."""
        return radiance if self._shipped("temp", "tint") else radiance * self._gains

    def curve(self, shipped: F32) -> F32:
        """The tone curve (k,), given the shipped one."""
        if self._places is None:
            return shipped
        return np.interp(self._places, np.arange(len(shipped)), shipped).astype(np.float32)

    @property
    def bloom_share(self) -> float:
        """Strength of the glare, 1 as shipped."""
        return max(self.values["bloom_intensity"], 0.0) / DEFAULTS["bloom_intensity"]

    # --- picture --------------------------------------------------------------------------------------------------

    @property
    def blurs(self) -> bool:
        """Whether motion blurs the picture: only where it was asked for, the shipped picture is sharp."""
        asked = not self._shipped("motion_blur_intensity", "motion_blur_max_distortion")
        return self.effects and asked and self.values["motion_blur_intensity"] > 0.0

    def finish(self, bgr: U8, flow: F32 | None = None) -> U8:
        """Motion blur (needs the flow (h, w, 2) of ``surface``), ghosts, colour fringes and gamma of a picture."""
        if not self.effects:
            return bgr
        if flow is not None and self.blurs:
            limit = max(self.values["motion_blur_max_distortion"], 0.0) / 100.0 * 2.0  # percent of the width
            bgr = motion_blur(bgr, flow, self.values["motion_blur_intensity"], limit)
        extra = self.values["lens_flare_intensity"] - DEFAULTS["lens_flare_intensity"]
        if extra > 0.0:
            bgr = flare(bgr, extra)
        if self.values["chromatic_aberration_intensity"] > 0.0:
            bgr = fringes(
                bgr, self.values["chromatic_aberration_intensity"], self.values["chromatic_aberration_offset"]
            )
        if not self._shipped("gamma"):
            level = np.arange(256) / 255.0
            table = np.rint(255.0 * level ** (DEFAULTS["gamma"] / self.values["gamma"])).astype(np.uint8)
            bgr = np.asarray(cv2.LUT(bgr, table), np.uint8)
        return bgr


def bent_places(slope: float, toe: float, shoulder: float, black_clip: float, white_clip: float) -> F64:
    """Where on a tone curve (k,) of CARLA's defaults the grey levels of a curve with these values are."""
    default = film_curve(*(DEFAULTS[name] for name in FILM))
    asked = film_curve(slope, toe, shoulder, black_clip, white_clip)
    places: F64 = np.interp(asked, default, np.arange(len(default)))
    return places


def film_curve(slope: float, toe: float, shoulder: float, black_clip: float, white_clip: float) -> F32:
    """Unreal's filmic curve, then sRGB, as ``post.tone_curve`` tabulates it: grey level 0..255."""
    toe_scale, shoulder_scale = max(1.0 + black_clip - toe, 1e-3), max(1.0 + white_clip - shoulder, 1e-3)
    grey = math.log10(0.18)
    if toe > 0.8:
        toe_match = (1.0 - toe - 0.18) / slope + grey
    else:
        bent = min((0.18 + black_clip) / toe_scale - 1.0, 0.999)
        toe_match = grey - 0.5 * math.log((1.0 + bent) / (1.0 - bent)) * (toe_scale / slope)
    straight_match = (1.0 - toe) / slope - toe_match
    shoulder_match = shoulder / slope - straight_match
    light = np.log10(np.maximum(CURVE_TOP * np.linspace(0.0, 1.0, CURVE_SIZE + 1) ** 2, 1e-7))
    straight = slope * (light + straight_match)
    with np.errstate(over="ignore"):  # infinite: the end of the curve
        rising = 1.0 + np.exp(-2.0 * slope / toe_scale * (light - toe_match))
        falling = 1.0 + np.exp(2.0 * slope / shoulder_scale * (light - shoulder_match))
    low = -black_clip + 2.0 * toe_scale / rising
    high = 1.0 + white_clip - 2.0 * shoulder_scale / falling
    low, high = np.where(light < toe_match, low, straight), np.where(light > shoulder_match, high, straight)
    span = shoulder_match - toe_match
    t = np.clip((light - toe_match) / (span if abs(span) > 1e-6 else 1e-6), 0.0, 1.0)
    t = 1.0 - t if shoulder_match < toe_match else t
    t = (3.0 - 2.0 * t) * t * t
    y = np.clip(low + (high - low) * t, 0.0, 1.0)
    srgb = np.where(y < 0.0031308, 12.92 * y, 1.055 * y ** (1 / 2.4) - 0.055)
    return (srgb * 255.0 + 0.5).astype(np.float32)


def white_balance(temp_k: float, tint: float) -> F32:
    """Gains (3,) red, green, blue: a camera set to more than daylight (6500 K) sees it yellow; tint adds magenta."""
    gains = black_body(6500.0) / black_body(min(max(temp_k, 1500.0), 15000.0))
    gains = gains * np.array([1.0, 1.0 - 0.5 * min(max(tint, -1.0), 1.0), 1.0])
    return gains.astype(np.float32)


def black_body(temp_k: float) -> F64:
    """Linear sRGB (3,) of a glowing body, its green 1: Planck's law at 610, 550 and 465 nm."""
    wave_m = np.array([610e-9, 550e-9, 465e-9])
    power = wave_m**-5 / np.expm1(0.014388 / (wave_m * temp_k))  # second radiation constant, m K
    rgb: F64 = power / power[1]
    return rgb


def motion_blur(bgr: U8, flow: F32, amount: float, limit: float) -> U8:
    """Mean of the picture along each pixel's motion over ``amount`` of a frame, at most ``limit`` picture halves."""
    height, width = bgr.shape[:2]
    length = np.linalg.norm(flow, axis=2, keepdims=True) * amount
    step = flow * (amount * np.minimum(1.0, limit / np.maximum(length, 1e-9)))
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    total = np.zeros(bgr.shape, np.float32)
    for k in range(BLUR_TAPS):
        share = np.float32((k + 0.5) / BLUR_TAPS - 0.5)
        at_x, at_y = x + step[..., 0] * (share * width / 2.0), y - step[..., 1] * (share * height / 2.0)
        total += cv2.remap(
            bgr, at_x.astype(np.float32), at_y.astype(np.float32), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
    return (total / BLUR_TAPS + 0.5).astype(np.uint8)


def flare(bgr: U8, amount: float) -> U8:
    """Ghosts of bright lamps on the other side of the centre."""
    bright = np.where(bgr.max(axis=2, keepdims=True) > FLARE_LEVEL, bgr, 0).astype(np.float32)
    ghost = cv2.GaussianBlur(bright[::-1, ::-1], (0, 0), max(2.0, bgr.shape[1] / 80.0))
    return np.clip(bgr + ghost * min(amount, 1.0), 0.0, 255.0).astype(np.uint8)


def fringes(bgr: U8, intensity: float, offset: float) -> U8:
    """Red grows and blue shrinks from the centre; nothing happens within ``offset`` 0..1 of it."""
    height, width = bgr.shape[:2]
    u = ((np.arange(width) + 0.5) / (width / 2.0) - 1.0)[None]
    v = ((np.arange(height) + 0.5) / (height / 2.0) - 1.0)[:, None]
    r = np.maximum(np.hypot(u, v), 1e-6)
    share = FRINGE_AT_FULL * intensity * np.maximum(r - min(max(offset, 0.0), 1.0), 0.0) / r
    out = bgr.copy()
    for channel, sign in ((2, -1.0), (0, 1.0)):
        x = (u * (1.0 + sign * share) + 1.0) * (width / 2.0) - 0.5
        y = (v * (1.0 + sign * share) + 1.0) * (height / 2.0) - 0.5
        plane = np.ascontiguousarray(bgr[..., channel])
        out[..., channel] = cv2.remap(
            plane, x.astype(np.float32), y.astype(np.float32), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
    return out
