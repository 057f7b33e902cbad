"""Plots of a run as inline SVG."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from perception.frame import FloatArray
from planning.lanes import LaneGraph
from sim.log.reader import LoggedTick

INK, ACCENT, WARN, PALE = "#22303c", "#1f77d0", "#d0402f", "#c9d1d9"
MARKER = {"red_light": "s", "stop_sign": "D"}


def svg(figure: Figure) -> str:
    """The figure as an ``<svg>`` element; the same figure gives the same text."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", bbox_inches="tight", metadata={"Date": None})
    text = buffer.getvalue()
    return text[text.index("<svg") :]


def route_map(graph: LaneGraph, ticks: Sequence[LoggedTick], path_m: FloatArray, events: Sequence[Any]) -> str:
    """The town's lanes, the route, the driven path coloured by speed, infractions."""
    figure = Figure(figsize=(7.5, 6))
    axes = figure.add_subplot()
    for lane in graph.lanes:
        axes.plot(lane.center_m[:, 0], lane.center_m[:, 1], color=PALE, linewidth=1.2, zorder=1)
    axes.plot(path_m[:, 0], path_m[:, 1], color=ACCENT, linewidth=5, alpha=0.25, label="route", zorder=2)
    known = [t for t in ticks if t.truth is not None]
    if known:
        xy = np.array([t.truth.world_from_ego[:2, 3] for t in known if t.truth is not None])
        speed = np.array([np.hypot(*t.truth.ego_velocity_mps[:2]) * 3.6 for t in known if t.truth is not None])
        dots = axes.scatter(xy[:, 0], xy[:, 1], c=speed, cmap="viridis", s=6, zorder=3)
        figure.colorbar(dots, ax=axes, label="speed [km/h]", shrink=0.7)
        first_us = known[0].t_us
        for event in events:
            row = min(range(len(known)), key=lambda k: abs((known[k].t_us - first_us) * 1e-6 - event["t_s"]))
            marker = MARKER.get(event["kind"], "X")
            axes.scatter(xy[row, 0], xy[row, 1], marker=marker, s=90, color=WARN, zorder=4, label=event["kind"])
        margin = 40.0
        axes.set_xlim(
            min(xy[:, 0].min(), path_m[:, 0].min()) - margin, max(xy[:, 0].max(), path_m[:, 0].max()) + margin
        )
        axes.set_ylim(
            min(xy[:, 1].min(), path_m[:, 1].min()) - margin, max(xy[:, 1].max(), path_m[:, 1].max()) + margin
        )
    axes.set_aspect("equal")
    axes.set_xlabel("x [m]")
    axes.set_ylabel("y [m]")
    axes.legend(loc="best", fontsize=8)
    return svg(figure)


def speed_profile(ticks: Sequence[LoggedTick]) -> str:
    """Speed, planned speed and behaviour over time."""
    t = np.array([tick.t_us for tick in ticks]) * 1e-6
    t -= t[0]
    truth = [np.hypot(*k.truth.ego_velocity_mps[:2]) if k.truth is not None else np.nan for k in ticks]
    plan = [k.plan.speed_mps[min(1, len(k.plan.speed_mps) - 1)] if k.plan is not None else np.nan for k in ticks]
    figure = Figure(figsize=(9, 3.2))
    axes = figure.add_subplot()
    axes.plot(t, np.array(truth) * 3.6, color=INK, label="true speed", linewidth=1.4)
    axes.plot(t, np.array(plan) * 3.6, color=ACCENT, label="planned", linewidth=1.0, alpha=0.8)
    names = [k.plan.behavior if k.plan is not None else "" for k in ticks]
    colors = {"stop_light": "#d0402f", "follow": "#e8a33d", "yield": "#8e6bd8", "crosswalk": "#c2478f"}
    colors |= {"stop_sign": "#a0522d", "obstacle": "#708090", "emergency": "#000000"}
    for name, color in colors.items():
        mask = np.array([n == name for n in names])
        if mask.any():
            top = float(np.nanmax(np.array(truth) * 3.6)) + 3
            axes.fill_between(t, 0, top, where=mask, color=color, alpha=0.18, label=name, linewidth=0)
    axes.set_xlabel("time [s]")
    axes.set_ylabel("speed [km/h]")
    axes.set_ylim(bottom=0)
    axes.legend(fontsize=7, ncol=5, loc="upper right")
    return svg(figure)


def timing_bars(timing: dict[str, dict[str, float]], step_ms: float) -> str:
    """Median and 95th percentile of each stage against the time a frame may take."""
    names = sorted(timing, key=lambda n: timing[n]["median"])
    figure = Figure(figsize=(9, 0.32 * len(names) + 0.9))
    axes = figure.add_subplot()
    rows = np.arange(len(names))
    axes.barh(rows, [timing[n]["p95"] for n in names], color=PALE, label="95th percentile")
    axes.barh(rows, [timing[n]["median"] for n in names], color=ACCENT, label="median")
    axes.axvline(step_ms, color=WARN, linewidth=1, linestyle="--", label=f"frame period {step_ms:.0f} ms")
    axes.set_yticks(rows, names, fontsize=8)
    axes.set_xlabel("wall time [ms]")
    axes.legend(fontsize=7, loc="lower right")
    return svg(figure)


def class_bars(metrics: dict[str, Any], key: str, title: str) -> str:
    """Average precision per class of one detection metric."""
    values: dict[str, float] = metrics.get(key, {})
    if not values:
        return ""
    figure = Figure(figsize=(4.4, 2.6))
    axes = figure.add_subplot()
    axes.bar(list(values), list(values.values()), color=ACCENT)
    for k, value in enumerate(values.values()):
        axes.text(k, value + 0.02, f"{value:.2f}", ha="center", fontsize=8)
    axes.set_ylim(0, 1.12)
    axes.set_title(title, fontsize=9)
    axes.tick_params(axis="x", labelrotation=30, labelsize=8)
    return svg(figure)
