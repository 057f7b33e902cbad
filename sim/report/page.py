"""The report of a run: one HTML file with everything inside, that opens anywhere."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
from jinja2 import Environment, PackageLoader, select_autoescape

from perception.frame import Frame
from sim.evaluation.driving import route_path
from sim.log.reader import LoggedTick, LogReader
from sim.report import plots
from sim.report.draw import composite

GALLERY = 6
"""Pictures in the report, evenly over the drive."""


def gallery_frames(count: int) -> frozenset[int]:
    """Indices of the frames that the report of a drive of ``count`` frames shows: their sensor data must be read."""
    return frozenset(int((k + 0.5) * count / GALLERY) for k in range(GALLERY)) if count else frozenset()


def write_report(folder: Path, log: LogReader, ticks: Sequence[LoggedTick], metrics: Mapping[str, Any]) -> Path:
    """Write ``report.html`` into a run's folder; returns its path.

    ``ticks`` are all of the log's; pictures are shown of those that carry sensor data, and ``drive.mp4`` if it is in
    the folder.
    """
    page = Environment(
        loader=PackageLoader("sim.report", "templates"), autoescape=select_autoescape(), trim_blocks=True
    ).get_template("report.html.j2")
    route = log.world.route
    path = route_path(log.world.lane_graph, route.start_world, (*route.via_world, route.goal_world))
    facts = {k: v for k, v in log.metadata.items() if k not in ("config", "format")}
    text = page.render(
        title=f"{facts.get('scenario', 'drive')}, seed {facts.get('seed', '?')}",
        facts=facts,
        config=log.metadata.get("config", ""),
        summary=metrics.get("summary", {}),
        ending=metrics.get("ending", {}),
        truncated=log.truncated,
        events=metrics.get("driving", {}).get("events", []),
        sections=_sections(metrics),
        gallery=[(_caption(tick), _data_uri(log, tick.frame, tick)) for tick in ticks if tick.frame is not None],
        route_map=plots.route_map(log.world.lane_graph, ticks, path, metrics.get("driving", {}).get("events", []))
        if ticks
        else "",
        speed=plots.speed_profile(ticks) if ticks else "",
        timing=plots.timing_bars(metrics["timing_ms"], log.world.step_s * 1e3) if metrics.get("timing_ms") else "",
        ap2d=plots.class_bars(metrics.get("detection_2d", {}), "AP50", "2-D AP50 per class"),
        ap3d=plots.class_bars(metrics.get("detection_3d", {}), "AP", "3-D AP per class"),
        video="drive.mp4" if (folder / "drive.mp4").exists() else "",
    )
    target = folder / "report.html"
    target.write_text(text, encoding="utf-8")
    return target


def _sections(metrics: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """The scalar numbers of each family of metrics, formatted."""
    out = {}
    for name in ("driving", "detection_2d", "detection_3d", "tracking", "localization", "lights"):
        rows = {}
        for key, value in metrics.get(name, {}).items():
            if isinstance(value, dict) and all(isinstance(v, int | float) for v in value.values()):
                rows[key] = ", ".join(f"{k} {_format(v)}" for k, v in value.items())
            elif isinstance(value, int | float):
                rows[key] = _format(value)
        if rows:
            out[name] = rows
    return out


def _format(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:.3f}"


def _caption(tick: LoggedTick) -> str:
    behavior = tick.plan.behavior if tick.plan is not None else "no plan"
    return f"{tick.t_us * 1e-6:.1f} s, {behavior}"


def _data_uri(log: LogReader, frame: Frame, tick: LoggedTick) -> str:
    picture = composite(frame, tick.detections, tick.tracks, tick.plan, log.world.lane_graph)
    _, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 85])
    return "data:image/jpeg;base64," + base64.b64encode(data.tobytes()).decode()
