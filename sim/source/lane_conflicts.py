"""Where lanes of a junction cross or merge, and who gives way."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from planning.lanes import Conflict, Lane, StopKind, StopLine

CLEARANCE_M = 2.4
"""Centre lines nearer than this conflict: two cars of 2 m and 0.4 m of air between them. Lanes that pass each other
are at least 2.75 m apart."""
ACROSS_RAD = math.radians(45.0)
"""Approaches within 45 degrees of the same or the opposite direction are not crossing ones."""
GIVE_WAY = (StopKind.STOP_SIGN, StopKind.YIELD)


def find_conflicts(lanes: Sequence[Lane], stop_lines: Sequence[StopLine]) -> tuple[Conflict, ...]:
    """Conflicts of all junctions, each pair in both orders. Lanes that leave the same lane do not conflict."""
    signed = _held_by(lanes, stop_lines, GIVE_WAY)
    lit = _held_by(lanes, stop_lines, (StopKind.LIGHT,))
    inside: dict[int, list[Lane]] = {}
    for lane in lanes:
        if lane.junction >= 0:
            inside.setdefault(lane.junction, []).append(lane)
    out: list[Conflict] = []
    for group in inside.values():
        for i, a in enumerate(group):
            for b in group[i + 1 :]:
                if set(a.predecessors) & set(b.predecessors):
                    continue
                spans = _overlap(a, b)
                if spans is None:
                    continue
                a_yields, b_yields = _who_yields(a, b, signed, lit)
                out.append(Conflict(a.id, b.id, *spans, a_yields))
                out.append(Conflict(b.id, a.id, *spans[::-1], b_yields))
    return tuple(out)


def _held_by(lanes: Sequence[Lane], stop_lines: Sequence[StopLine], kinds: Sequence[StopKind]) -> set[int]:
    """Lanes that such a line holds: it lies on them or on a lane that leads into them."""
    on = {line.lane for line in stop_lines if line.kind in kinds}
    return {lane.id for lane in lanes if lane.id in on or on.intersection(lane.predecessors)}


def _overlap(a: Lane, b: Lane) -> tuple[tuple[float, float], tuple[float, float]] | None:
    """The stretches of a and of b that are within CLEARANCE_M of each other, None where there is none."""
    low = np.maximum(a.center_m[:, :2].min(axis=0), b.center_m[:, :2].min(axis=0))
    high = np.minimum(a.center_m[:, :2].max(axis=0), b.center_m[:, :2].max(axis=0))
    if (low - high > CLEARANCE_M).any():
        return None
    apart = np.linalg.norm(a.center_m[:, None] - b.center_m[None], axis=2)  # (ka, kb); z too: a bridge is no conflict
    near = apart < CLEARANCE_M
    if not near.any():
        return None
    on_a, on_b = a.s_m[near.any(axis=1)], b.s_m[near.any(axis=0)]
    return (float(on_a[0]), float(on_a[-1])), (float(on_b[0]), float(on_b[-1]))


def _who_yields(a: Lane, b: Lane, signed: set[int], lit: set[int]) -> tuple[bool, bool]:
    """Signs first, then left turns before oncoming traffic, then right before left; between crossing approaches that
    both have lights, the lights decide and nobody yields."""
    if (a.id in signed) != (b.id in signed):
        return a.id in signed, b.id in signed
    turn = float(b.yaw_rad[0] - a.yaw_rad[0])
    turn = math.atan2(math.sin(turn), math.cos(turn))
    if abs(turn) > math.pi - ACROSS_RAD:  # oncoming
        if (a.turn > 0) == (b.turn > 0):
            return False, False
        return a.turn > 0, b.turn > 0
    if abs(turn) < ACROSS_RAD or (a.id in lit and b.id in lit):
        return False, False
    return turn > 0.0, turn < 0.0  # b heads to a's left: it comes from a's right
