"""One street under six weathers, as the README shows it: ``python -m sim.realism.street_pictures [FOLDER]``."""

from __future__ import annotations

import math
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from sim.bench.street import Street
from sim.server.sensors.conditions import Conditions
from sim.server.sensors.instances import View, Weather
from sim.server.sensors.kernel import F64, U8
from sim.server.sensors.renderer import Intrinsics, SceneRenderer
from sim.weather import WeatherSpec, resolve_weather

FOLDER = Path("docs/pictures")
MAP, SEED, VEHICLES, WALKERS = "Roadlab03", 3, 30, 20
SETTLE_TICKS = 30
CAMERA = Intrinsics(960, 540, math.radians(90.0))
CAMERA_HEIGHT_M = 1.6
ROOM_M = 7.0  # nobody stands nearer than this to the camera
LAMPS_ON = 1 | 2  # VehicleLightState: position lamps, low beam
MOST_BYTES = 120_000
STREETS: dict[str, dict[str, float | str]] = {
    "noon": {"preset": "ClearNoon", "cloudiness": 42.0, "sun_azimuth_angle": 120.0, "sun_altitude_angle": 40.0},
    "rain": {
        "preset": "HardRainNoon",
        "precipitation_deposits": 100.0,
        "wetness": 100.0,
        "wind_intensity": 40.0,
        "lens_drops": 30.0,
    },
    "snow": {"preset": "SnowNoon", "snowfall_mmph": 2.0, "snow_cover": 70.0},
    "dusk": {"preset": "ClearDusk"},
    "night": {"preset": "ClearNight", "fog_density": 4.0, "fog_distance": 0.0, "precipitation_deposits": 40.0},
    "fog": {"preset": "FogNoon", "fog_density": 66.0},
}


def street_pictures(folder: Path) -> list[Path]:
    """Write ``street_NAME.jpg`` of every entry of ``STREETS``; the same street each time, to the byte."""
    street = Street(MAP, SEED, VEHICLES, WALKERS)
    for _ in range(SETTLE_TICKS):
        street.advance()
    eye, rotation = street.pose(CAMERA_HEIGHT_M)
    view = _with_room(street.advance(), eye)
    renderer = SceneRenderer(street.world.scene, street.world.bench.library())
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    try:
        for name, values in STREETS.items():
            spec = resolve_weather(values)
            seen = replace(_lit(view) if name != "noon" else view, weather=Weather(**spec.as_dict()))
            bgr = renderer.render(eye, rotation, CAMERA, seen, ("rgb",), conditions=conditions_of(spec)).bgr
            assert bgr is not None
            path = folder / f"street_{name}.jpg"
            path.write_bytes(jpeg(bgr))
            written.append(path)
    finally:
        renderer.close()
    return written


def conditions_of(spec: WeatherSpec) -> Conditions:
    """What a camera is told of a weather by its attributes."""
    return Conditions(spec.snowfall_mmph, spec.snow_cover, spec.lens_dirt, spec.lens_drops)


def jpeg(bgr: U8) -> bytes:
    """The picture in at most ``MOST_BYTES``, as good as that allows."""
    for quality in range(92, 30, -4):
        data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()
        if len(data) <= MOST_BYTES:
            break
    return data


def _with_room(view: View, eye: F64) -> View:
    bodies = view.instances
    near = np.linalg.norm(bodies.position_m[:, :2] - eye[:2], axis=1) < ROOM_M
    return replace(view, instances=bodies.without(bodies.actor_id[near].tolist()))


def _lit(view: View) -> View:
    bodies = view.instances
    return replace(view, instances=replace(bodies, light_state=np.full(len(bodies.actor_id), LAMPS_ON, np.uint32)))


if __name__ == "__main__":
    if any(argument.startswith("-") for argument in sys.argv[1:]):
        raise SystemExit(f"python -m sim.realism.street_pictures [FOLDER]: one street, into {FOLDER} if not said")
    for picture in street_pictures(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER):
        print(f"{picture}: {picture.stat().st_size / 1000:.0f} kB")
