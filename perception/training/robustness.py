"""How much of a detector is left in corrupted sensor data.

Camera (Michaelis et al. 2019, arXiv:1907.07484): performance P (mean AP at IoU 0.5 over the classes that occur) under
each corruption c at severity s,

    mPC = mean over c of the mean over s of P(c, s),    rPC = mPC / P(clean).

LiDAR (Kong et al., Robo3D, ICCV 2023): CE(c) = sum over s of (1 - P) over the same sum of a baseline detector,
mCE = mean over c; RR(c) = sum over s of P over S P(clean), mRR = mean over c. All in shares, not percent.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from perception.augment.corruptions import NAMES, corrupt
from perception.training.boxes import Split
from perception.training.score import ScoreRule, average_precision

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from torch import nn

SEVERITIES = (1, 2, 3, 4, 5)


@dataclass(frozen=True)
class Robustness:
    """Performance ``clean``, and per corruption a value for each of ``severities``; ``about`` tells of what."""

    clean: float
    table: Mapping[str, tuple[float, ...]]
    severities: tuple[int, ...]
    about: Mapping[str, Any] = field(default_factory=dict)

    @property
    def mpc(self) -> float:
        """Mean performance under corruption; NaN without corruptions."""
        return float(np.mean([np.mean(row) for row in self.table.values()])) if self.table else float("nan")

    @property
    def rpc(self) -> float:
        """Share of the clean performance that is left; NaN where that is 0."""
        return self.mpc / self.clean if self.clean > 0.0 else float("nan")

    def resilience(self, name: str) -> float:
        """RR of one corruption: mean over severities as a share of clean; NaN where clean is 0."""
        return float(np.mean(self.table[name])) / self.clean if self.clean > 0.0 else float("nan")

    @property
    def mrr(self) -> float:
        """Mean resilience rate. The same number as rPC where every corruption has as many severities."""
        return float(np.mean([self.resilience(name) for name in self.table])) if self.table else float("nan")

    def error(self, name: str, baseline: Robustness) -> float:
        """CE of one corruption against a baseline: above 1 is worse; NaN where the baseline makes no error.

        Raises ValueError where the baseline has no such corruption, or other severities.
        """
        if name not in baseline.table or len(baseline.table[name]) != len(self.table[name]):
            raise ValueError(f"corruption error: the baseline was not measured under {name!r} at {self.severities}")
        theirs = sum(1.0 - value for value in baseline.table[name])
        return sum(1.0 - value for value in self.table[name]) / theirs if theirs > 0.0 else float("nan")

    def mce(self, baseline: Robustness) -> float:
        """Mean corruption error against a baseline."""
        return float(np.mean([self.error(name, baseline) for name in self.table])) if self.table else float("nan")

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "about": dict(self.about),
            "clean": self.clean,
            "mPC": self.mpc,
            "rPC": self.rpc,
            "severities": list(self.severities),
            "corruptions": {name: list(row) for name, row in self.table.items()},
        }

    @staticmethod
    def from_dict(tree: Mapping[str, Any]) -> Robustness:
        """What ``as_dict`` wrote."""
        table = {str(name): tuple(float(v) for v in row) for name, row in tree["corruptions"].items()}
        return Robustness(float(tree["clean"]), table, tuple(tree["severities"]), dict(tree.get("about", {})))


def camera_robustness(
    network: nn.Module,
    split: Split,
    names: tuple[str, ...],
    seed: int = 0,
    rule: ScoreRule | None = None,
    corruptions: Sequence[str] = NAMES,
    severities: tuple[int, ...] = SEVERITIES,
    report: Callable[[str], None] | None = None,
) -> Robustness:
    """A detector under the common corruptions; ``names`` its classes. Pictures are corrupted at the network's size.

    The noise of a picture depends on the seed, the corruption, the severity and its number in the split only.
    """
    from perception.training.detector import detect

    def performance(pictures: Split) -> float:
        scores = average_precision(list(split.labels), detect(network, pictures), names, rule)
        known = [score.ap50 for score in scores if not math.isnan(score.ap50)]
        return float(np.mean(known)) if known else float("nan")

    clean = performance(split)
    if report is not None:
        report(f"clean {clean:.3f}")
    table: dict[str, tuple[float, ...]] = {}
    for name in corruptions:
        row = []
        for severity in severities:
            changed = np.stack(
                [
                    corrupt(np.asarray(picture), name, severity, picture_rng(seed, name, severity, i))
                    for i, picture in enumerate(split.images)
                ]
            )
            row.append(performance(Split(changed, split.labels, split.names)))
        table[name] = tuple(row)
        if report is not None:
            report(f"{name} {' '.join(f'{value:.3f}' for value in row)}")
    return Robustness(clean, table, severities, {"pictures": len(split), "seed": seed, "metric": "mean AP at IoU 0.5"})


def picture_rng(seed: int, name: str, severity: int, number: int) -> np.random.Generator:
    """Generator of one corrupted picture."""
    return np.random.default_rng([seed, NAMES.index(name), severity, number])


def draw_curves(robustness: Robustness, path: Path, title: str = "") -> None:
    """A picture of performance by severity, a line for each corruption, in panels of up to five."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    names = list(robustness.table)
    panels = [names[i : i + 5] for i in range(0, len(names), 5)]
    figure = Figure(figsize=(3.2 * len(panels), 3.4), layout="constrained")
    axes: Any = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for axis, part in zip(axes, panels, strict=True):
        _panel(axis, robustness, part)
    axes[0].set_ylabel("performance")
    figure.suptitle(f"{title} clean {robustness.clean:.3f}, mPC {robustness.mpc:.3f}, rPC {robustness.rpc:.2f}".strip())
    FigureCanvasAgg(figure).print_figure(path, dpi=90)


def _panel(axis: Axes, robustness: Robustness, names: Sequence[str]) -> None:
    steps = [0, *robustness.severities]
    for name in names:
        row = robustness.table[name]
        axis.plot(steps[: len(row) + 1], [robustness.clean, *row], marker="o", markersize=3, linewidth=1.2, label=name)
    axis.set_xlabel("severity (0: clean)")
    axis.set_xticks(steps)
    axis.set_ylim(bottom=0.0)
    axis.grid(alpha=0.3)
    axis.legend(fontsize=7, loc="lower left")


def markdown(robustness: Robustness) -> str:
    """The table of a page: a row for each corruption."""
    head = "| corruption | " + " | ".join(str(s) for s in robustness.severities) + " | left of clean |"
    lines = [head, "|---" * (len(robustness.severities) + 2) + "|"]
    for name, row in robustness.table.items():
        values = [f"{value:.3f}" for value in row] + ["–"] * (len(robustness.severities) - len(row))
        lines.append(f"| {name} | {' | '.join(values)} | {robustness.resilience(name):.0%} |")
    return "\n".join(lines) + "\n"
