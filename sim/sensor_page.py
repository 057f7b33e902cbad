"""What the LiDARs see in weather, drawn and counted: pictures and tables for ``docs/sensors.md``.

The pictures show one turn of a 64-channel LiDAR on a street of the shipped town from above. The tables hold the models
of ``perception.augment.lidar_weather`` against their papers' equations evaluated a second time, without tables and by
throwing every drop and flake (``lidar_weather_check``), on the points of a sweep: shares of false points (returns from
the air) and of lost points, three densities each.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from perception.augment.lidar_weather import DARKEST, Fate, WeatherModel, apply
from perception.augment.lidar_weather_check import fog_answer, thrown_drops, thrown_flakes
from perception.augment.lidar_weather_drops import Drops
from perception.augment.lidar_weather_fog import Fog
from perception.augment.lidar_weather_snow import Snow

Points = npt.NDArray[np.float32]

SWEEPS = 12
"""The whole sweep goes so many times through a model that draws."""
BEGIN, END = "<!-- lidar weather: begin -->", "<!-- lidar weather: end -->"
PANEL_PX, PANEL_M = 560, 80.0
PANELS: tuple[tuple[str, dict[str, float], dict[str, str]], ...] = (
    ("clear", {}, {}),
    ("fog 100 % (visibility 60 m)", {"fog_density": 100.0, "fog_distance": 0.0}, {}),
    ("rain 80 % (20 mm/h), wet road", {"precipitation": 80.0, "precipitation_deposits": 80.0, "wetness": 80.0}, {}),
    ("snow 2.5 mm/h", {}, {"snowfall": "2.5"}),
)


@dataclass(frozen=True)
class Row:
    """One model at one density: shares of false and lost points, and the same by the second evaluation."""

    model: str
    density: str
    false: float
    false_again: float
    lost: float
    lost_again: float


def compare(points: Points, throws: int, rng: np.random.Generator) -> list[Row]:
    """Shares for a sweep (n, 4); ``throws`` of its points go through the slow evaluation of drops and flakes."""
    range_m = np.linalg.norm(points[:, :3], axis=1)
    bright = np.maximum(points[:, 3], np.float32(DARKEST))
    rows = []
    for alpha in (0.06, 0.1, 0.2):
        fog = Fog(alpha)
        again = float((range_m > _drowned_from_m(fog)).mean())
        rows.append(Row("fog, Hahner 2021", f"{alpha:g} / m", *_shares(points, fog, 1, rng)[:1], again, 0.0, 0.0))
    chosen = rng.choice(len(points), throws, replace=True)
    for rate in (0.5, 1.0, 2.5):
        snow = Snow(rate)
        weakest = snow.limit / snow.max_range_m**2

        def flakes(k: int, snow: Snow = snow, weakest: float = weakest) -> tuple[float, float] | None:
            place, power = thrown_flakes(snow, float(range_m[k]), float(bright[k]), rng)
            return (place, power) if power >= weakest else None

        rows.append(_row("snow, Hahner 2022", f"{rate:g} mm/h", points, snow, flakes, range_m, chosen, rng))
    for rate in (10.0, 25.0, 50.0):
        rain = Drops.rain(rate)

        def drops(k: int, rain: Drops = rain) -> tuple[float, float] | None:
            return thrown_drops(rain, float(range_m[k]), float(bright[k]), rng)

        rows.append(_row("rain, LISA", f"{rate:g} mm/h", points, rain, drops, range_m, chosen, rng))
    return rows


def _row(
    name: str,
    density: str,
    points: Points,
    model: WeatherModel,
    thrown: Callable[[int], tuple[float, float] | None],
    range_m: npt.NDArray[np.float32],
    chosen: npt.NDArray[np.int64],
    rng: np.random.Generator,
) -> Row:
    got = [thrown(int(k)) for k in chosen]
    false = np.mean([g is not None and g[0] < range_m[k] - 1e-3 for g, k in zip(got, chosen, strict=True)])
    lost = np.mean([g is None for g in got])
    ours = _shares(points, model, SWEEPS, rng)
    return Row(name, density, ours[0], float(false), ours[1], float(lost))


def _shares(points: Points, model: WeatherModel, sweeps: int, rng: np.random.Generator) -> tuple[float, float]:
    each = [apply(points, model, rng) for _ in range(sweeps)]
    return float(np.mean([w.share(Fate.SCATTERED) for w in each])), float(np.mean([w.share(Fate.LOST) for w in each]))


def _drowned_from_m(fog: Fog) -> float:
    """Range from which the fog outshines the target, by quadrature and bisection."""
    low, high = 2.0, 400.0
    while high - low > 0.01:
        middle = 0.5 * (low + high)
        if fog_answer(fog, middle) > math.exp(-2.0 * fog.extinction_pm * middle):
            high = middle
        else:
            low = middle
    return high


def table(rows: list[Row]) -> str:
    """The rows as Markdown."""
    lines = [
        "| model | density | false points | evaluated again | lost points | evaluated again |",
        "|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {r.model} | {r.density} | {100 * r.false:.2f} % | {100 * r.false_again:.2f} % | "
        f"{100 * r.lost:.2f} % | {100 * r.lost_again:.2f} % |"
        for r in rows
    ]
    return "\n".join(lines)


def picture(map_name: str, seed: int) -> npt.NDArray[np.uint8]:
    """One turn in each weather from above (h, w, 3) BGR: grey by intensity, red what comes from the air."""
    import cv2

    from sim.bench.street import Street
    from sim.server.scene.library import load_library
    from sim.server.sensors.create import SensorWorld, create_sensor

    street = Street(map_name, seed, 30, 20)
    shared = SensorWorld(street.world.scene, load_library, seed)
    for _ in range(20):
        view = street.advance()
    panels = []
    for title, weather, more in PANELS:
        seen = replace(view, weather=replace(view.weather, **weather))
        spin = {"channels": "64", "range": "100", "points_per_second": "655360", "rotation_frequency": "10"}
        sensor = create_sensor("sensor.lidar.ray_cast_semantic", {**spin, "weather": "true", **more}, shared)
        body = sensor.measure(*street.pose(1.9), seen, 0, 0.1) or b""
        raw = np.frombuffer(body, "<f4", offset=8 + 4 * 64).reshape(-1, 6)
        panels.append(_panel(title, raw[:, :3], raw[:, 3], raw[:, 5].view(np.uint32)))
    rows = [np.concatenate(panels[:2], axis=1), np.concatenate(panels[2:], axis=1)]
    return np.ascontiguousarray(cv2.copyMakeBorder(np.concatenate(rows), 0, 0, 0, 0, cv2.BORDER_CONSTANT))


def _panel(
    title: str, points: Points, cosine: npt.NDArray[np.float32], tag: npt.NDArray[np.uint32]
) -> npt.NDArray[np.uint8]:
    import cv2

    image = np.full((PANEL_PX, PANEL_PX, 3), 18, np.uint8)
    column = ((points[:, 1] / PANEL_M + 0.5) * PANEL_PX).astype(np.int64)
    row = ((0.5 - points[:, 0] / PANEL_M) * PANEL_PX).astype(np.int64)
    inside = (column >= 0) & (column < PANEL_PX) & (row >= 0) & (row < PANEL_PX)
    air = tag == 0
    grey = (90.0 + 150.0 * np.clip((points[:, 2] + 2.0) / 4.0, 0.0, 1.0)).astype(np.uint8)
    for chosen, colour in ((inside & ~air, None), (inside & air, (70, 70, 255))):
        at = (row[chosen], column[chosen])
        image[at] = grey[chosen, None] if colour is None else np.array(colour, np.uint8)
    text = f"{title}: {len(points):,} points, {int(air.sum()):,} from the air"
    cv2.putText(image, text, (10, 22), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (235, 235, 235), 1, cv2.LINE_AA)
    cv2.rectangle(image, (0, 0), (PANEL_PX - 1, PANEL_PX - 1), (60, 60, 60), 1)
    return image


def rewrite(page: Path, content: str) -> None:
    """Put content between the page's marks. Raises ValueError where they are missing."""
    text = page.read_text()
    marked = re.compile(re.escape(BEGIN) + ".*" + re.escape(END), re.DOTALL)
    if not marked.search(text):
        raise ValueError(f"{page}: expected the marks {BEGIN} and {END}")
    page.write_text(marked.sub(lambda _: f"{BEGIN}\n{content}\n{END}", text))


def read_sweep(path: Path) -> Points:
    """Points (n, 4) of a KITTI sweep, ``.bin`` or ``.bin.xz``. Raises ValueError for a file that is none."""
    import lzma

    data = lzma.decompress(path.read_bytes()) if path.suffix == ".xz" else path.read_bytes()
    if not data or len(data) % 16:
        raise ValueError(f"{path}: expected a sweep of float32 x, y, z, intensity, got {len(data)} bytes")
    return np.frombuffer(data, "<f4").reshape(-1, 4)


def write(page: Path, sweep: Points, map_name: str = "Roadlab01", seed: int = 0, throws: int = 20_000) -> list[Row]:
    """Draw the picture beside the page and write the table into it."""
    import cv2

    pictures = page.parent / "pictures"
    pictures.mkdir(exist_ok=True)
    cv2.imwrite(str(pictures / "lidar_weather.png"), picture(map_name, seed))
    rows = compare(sweep, throws, np.random.default_rng(seed))
    rewrite(page, table(rows))
    return rows
