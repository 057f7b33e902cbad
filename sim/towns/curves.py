"""Plan-view curves: lines, arcs and clothoids between poses.

Roads use the three-clothoid G2 interpolation of Bertolazzi and Frego (2018), "On the G2 Hermite interpolation
problem with clothoids", with zero curvature at every pose. Turns inside junctions are a line and an arc.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import pyclothoids
from scenariogeneration import xodr

LINE_CURVATURE = 1e-7  # 1/m: below this a 600 m road bends by less than 2 cm
ARC_DRIFT_M = 1e-4  # a clothoid that strays less than this from an arc is written as an arc


@dataclass(frozen=True)
class Pose:
    """Position in metres and heading in radians, in OpenDRIVE's frame."""

    x: float
    y: float
    heading: float

    def shifted(self, forward_m: float, left_m: float) -> Pose:
        """The pose moved within its own axes."""
        c, s = math.cos(self.heading), math.sin(self.heading)
        return Pose(self.x + c * forward_m - s * left_m, self.y + s * forward_m + c * left_m, self.heading)

    def reversed(self) -> Pose:
        """The same place, facing the other way."""
        return Pose(self.x, self.y, self.heading + math.pi)

    def seen_from(self, other: Pose) -> tuple[float, float, float]:
        """``(forward, left, turn)`` of this pose in the axes of ``other``; the turn is in (-pi, pi]."""
        dx, dy = self.x - other.x, self.y - other.y
        c, s = math.cos(other.heading), math.sin(other.heading)
        turn = math.remainder(self.heading - other.heading, 2.0 * math.pi)
        return c * dx + s * dy, -s * dx + c * dy, turn


@dataclass(frozen=True)
class Piece:
    """A stretch whose curvature (1/m) changes linearly: a line, an arc or a clothoid."""

    start: Pose
    length_m: float
    curvature_start: float
    curvature_end: float

    def geometry(self) -> xodr.Line | xodr.Arc | xodr.Spiral:
        """The OpenDRIVE primitive."""
        if max(abs(self.curvature_start), abs(self.curvature_end)) < LINE_CURVATURE:
            return xodr.Line(self.length_m)
        drift = abs(self.curvature_end - self.curvature_start) * self.length_m**2 / 6.0
        if drift < ARC_DRIFT_M:
            return xodr.Arc(0.5 * (self.curvature_start + self.curvature_end), length=self.length_m)
        return xodr.Spiral(self.curvature_start, self.curvature_end, length=self.length_m)


def smooth(poses: list[Pose]) -> list[Piece]:
    """A curve through the poses with continuous heading and curvature, straight at every pose."""
    pieces: list[Piece] = []
    for a, b in pairwise(poses):
        forward, left, turn = b.seen_from(a)
        if abs(left) < 1e-6 and abs(turn) < 1e-9 and forward > 0:
            pieces.append(Piece(a, forward, 0.0, 0.0))
            continue
        pieces.extend(
            Piece(Pose(c.XStart, c.YStart, c.ThetaStart), c.length, c.KappaStart, c.KappaEnd)
            for c in pyclothoids.SolveG2(a.x, a.y, a.heading, 0.0, b.x, b.y, b.heading, 0.0)
        )
    return pieces


def turn(a: Pose, b: Pose) -> list[Piece]:
    """A line and the largest arc from ``a`` to ``b``; a smooth S where an arc alone cannot do it."""
    forward, left, angle = b.seen_from(a)
    if abs(angle) < math.radians(5.0) or angle * left <= 0.0:
        return smooth([a, b])
    # the tangents meet `before` ahead of a and `after` behind b
    after = left / math.sin(angle)
    before = forward - after * math.cos(angle)
    tangent = min(before, after)
    if tangent < 1.0:  # m: no room for an arc
        return smooth([a, b])
    radius = tangent / math.tan(abs(angle) / 2.0)
    start = a.shifted(before - tangent, 0.0)
    curvature = math.copysign(1.0 / radius, angle)
    end = b.shifted(tangent - after, 0.0)
    stretches = [
        Piece(a, before - tangent, 0.0, 0.0),
        Piece(start, radius * abs(angle), curvature, curvature),
        Piece(end, after - tangent, 0.0, 0.0),
    ]
    return [piece for piece in stretches if piece.length_m > 1e-6]


def plan_view(pieces: list[Piece]) -> xodr.PlanView:
    """The OpenDRIVE plan view of the pieces."""
    view = xodr.PlanView()
    for piece in pieces:
        view.add_fixed_geometry(piece.geometry(), piece.start.x, piece.start.y, piece.start.heading)
    return view


def length(pieces: list[Piece]) -> float:
    """Length in metres."""
    return sum(piece.length_m for piece in pieces)
