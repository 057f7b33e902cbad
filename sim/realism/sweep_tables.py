"""The figures of sweeps side by side, as Markdown."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sim.realism.own_sweeps import CARLA_099, HDL64, HDL64_REAL, own_sweeps
from sim.realism.recorded_sweeps import carla_labelled, carla_sweeps, kitti_sweeps
from sim.realism.stage import Stage
from sim.realism.sweeps import figures
from sim.realism.tables import table

RING_ROWS = {
    "beams": ("beams", "{:.0f}"),
    "top_deg": ("highest beam, degrees", "{:.1f}"),
    "bottom_deg": ("lowest beam, degrees", "{:.1f}"),
    "spacing_deg": ("spacing of beams, degrees (median)", "{:.2f}"),
    "scatter_deg": ("scatter of a beam's elevation, degrees", "{:.3f}"),
    "fullest_beam": ("points of a full beam a turn", "{:.0f}"),
    "ground_dropout": ("drop-out on near ground", "{:.3f}"),
}


def all_figures(
    data: Path | None, maps: Sequence[str], count: int, seed: int, maps_folder: str | None = None
) -> dict[str, Any]:
    """Figures of our sweeps (``count`` streets a map and layout), and of the recorded ones where ``data`` is there."""
    sets: dict[str, Any] = {}
    layouts = {"ours, HDL-64E": HDL64_REAL, "ours, CARLA's defaults": HDL64, "ours, as CARLA 0.9.9": CARLA_099}
    collected: dict[str, list[Any]] = {name: [] for name in layouts}
    for map_name in maps:
        stage = Stage(map_name, seed, maps_folder)
        for name, attributes in layouts.items():
            collected[name] += own_sweeps(stage, attributes, "noon", count)
    sets |= {name: figures(sweeps) for name, sweeps in collected.items()}
    if data is not None:
        sets["KITTI, HDL-64E"] = figures(kitti_sweeps(data))
        sets["CARLA 0.9.9"] = figures(carla_sweeps(data))
        sets["CARLA 0.9.4, tagged"] = figures(carla_labelled(data))
    return sets


def sweeps_text(sets: Mapping[str, Any]) -> str:
    """All tables."""
    names = list(sets)
    rows = [
        ["sweeps", *(f"{sets[n]['sweeps']}" for n in names)],
        ["points", *(f"{sets[n]['points']:,.0f}" for n in names)],
    ]
    for key, (label, form) in RING_ROWS.items():
        rows.append([label, *(_cell(sets[n]["rings"], key, form) for n in names)])
    rows.append(["median range, m", *(f"{sets[n]['range_median_m']:.1f}" for n in names)])
    parts = [table(["", *names], rows)]
    bins = list(sets[names[0]]["range_share"])
    parts.append(table(["share of points by range, m", *names],
                       [[b, *(f"{sets[n]['range_share'][b]:.3f}" for n in names)] for b in bins]))  # fmt: skip
    parts.append(_intensity(sets))
    parts += [_objects(sets, kind) for kind in ("car", "person")]
    return "\n\n".join(parts) + "\n"


def _cell(figures_of: Mapping[str, float] | None, key: str, form: str) -> str:
    if figures_of is None or math.isnan(figures_of[key]):
        return "–"
    return form.format(figures_of[key])


def _intensity(sets: Mapping[str, Any]) -> str:
    names = [n for n in sets if sets[n]["intensity"] is not None]
    first = sets[names[0]]["intensity"]
    rows = [["mean", *(f"{sets[n]['intensity']['mean']:.2f}" for n in names)]]
    rows.append(["10 / 50 / 90 %", *(" / ".join(f"{v:.2f}" for v in sets[n]["intensity"]["deciles"]) for n in names)])
    rows += [[f"share {b}", *(f"{sets[n]['intensity']['share'][b]:.3f}" for n in names)] for b in first["share"]]
    for b in first["mean_by_range"]:
        rows.append(
            [f"mean at {b} m", *(f"{sets[n]['intensity']['mean_by_range'].get(b, math.nan):.2f}" for n in names)]
        )
    return table(["intensity", *names], rows)


def _objects(sets: Mapping[str, Any], kind: str) -> str:
    names = [n for n in sets if sets[n]["objects"][kind]]
    bins = list(dict.fromkeys(b for n in names for b in sets[n]["objects"][kind]))
    bins.sort(key=lambda b: float(b.split("-")[0]))
    rows = [
        [
            b,
            *(
                f"{o['median']:.0f} ({o['bodies']:.0f})" if (o := sets[n]["objects"][kind].get(b)) else "–"
                for n in names
            ),
        ]
        for b in bins
    ]
    return table([f"points of a {kind} by distance, m: median (bodies)", *names], rows)
