"""The judge's counts as tables of text (Markdown)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sim.realism.tally import CLASSES, PRECISION_TARGETS, TARGET_PER_WEATHER, TARGETS


def cell(rate: Mapping[str, Any]) -> str:
    """``.93 (.90-.95) 312/335``, or a dash."""
    if not rate["total"]:
        return "–"
    return f"{_share(rate['share'])} ({_share(rate['low'])}–{_share(rate['high'])}) {rate['hits']}/{rate['total']}"


def short(rate: Mapping[str, Any]) -> str:
    """``.93 (335)``, or a dash."""
    return f"{_share(rate['share'])} ({rate['total']})" if rate["total"] else "–"


def _share(value: float) -> str:
    return f"{value:.3f}".removeprefix("0")


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = ["| " + " | ".join(row) + " |" for row in [head, ["---"] * len(head), *rows]]
    return "\n".join(lines)


def recall_table(summary: Mapping[str, Any]) -> str:
    """Recall by class and weather, beside the targets."""
    weathers = list(summary["vehicles"]["weather"])
    rows = []
    for name in CLASSES:
        target = f"{TARGETS[name]:.2f}" if name in TARGETS else ""
        if name in TARGET_PER_WEATHER:
            target += f", each weather {TARGET_PER_WEATHER[name]:.2f}"
        counts = summary[name]
        rows.append([name.replace("_", "-"), target, cell(counts["all"]), short(counts["named"])]
                    + [short(counts["weather"][w]) for w in weathers])  # fmt: skip
    return table(["recall", "target", "all (95 %) found/asked", "called by its own class", *weathers], rows)


def precision_table(summary: Mapping[str, Any]) -> str:
    """Precision by group and weather, beside the targets."""
    targets = {group.value: share for group, share in PRECISION_TARGETS.items()}
    weathers = list(summary["vehicles"]["weather"])
    rows = [
        [name.replace("_", "-"), f"{targets[name]:.2f}" if name in targets else "", cell(counts["all"])]
        + [short(counts["weather"].get(w, {"total": 0})) for w in weathers]
        for name, counts in summary["precision"].items()
    ]
    return table(["precision", "target", "all (95 %) right/said", *weathers], rows)


def binned_table(summary: Mapping[str, Any], by: str, title: str, names: Sequence[str]) -> str:
    """Recall of some classes by ``height_px``, ``distance_m``, ``share_visible``, ``map`` or ``blueprint``."""
    bins = list(dict.fromkeys(label for name in names for label in summary[name][by]))
    nothing = {"total": 0}
    rows = [[n.replace("_", "-"), *(short(summary[n][by].get(label, nothing)) for label in bins)] for n in names]
    return table([title, *bins], rows)


def judge_text(summary: Mapping[str, Any]) -> str:
    """All tables of one run."""
    names = ("vehicles", "cars", "trucks", "buses", "two_wheelers", "persons")
    return "\n\n".join([
        recall_table(summary),
        precision_table(summary),
        binned_table(summary, "height_px", "recall by height, px", names),
        binned_table(summary, "distance_m", "recall by distance, m", names),
        binned_table(summary, "share_visible", "recall by share seen", names),
        binned_table(summary, "map", "recall by map", names),
    ]) + "\n"  # fmt: skip
