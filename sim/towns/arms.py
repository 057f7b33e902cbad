"""Road ends at a node, and which lane goes where from there."""

from __future__ import annotations

import math
from dataclasses import dataclass

from sim.towns.curves import Pose
from sim.towns.layout import Profile, Strip

STRAIGHT_RAD = math.radians(35.0)  # a smaller change of heading is going straight on
U_TURN_RAD = math.radians(150.0)  # a larger one is turning back, which no movement does
FREE_TURN_RAD = math.radians(100.0)  # where lanes only split or join, nobody turns more than this


@dataclass(frozen=True)
class Arm:
    """One end of a road at a node. Lanes and strips are listed from the centre of the road outwards."""

    road_id: int
    road_name: str
    profile: Profile
    road_length_m: float
    at_end: bool  # the road's end, not its start, is at the node
    pose: Pose  # of the reference line, heading into the node

    @property
    def outward_rad(self) -> float:
        """Bearing of the road as seen from the node, in [0, 2 pi)."""
        return (self.pose.heading + math.pi) % (2.0 * math.pi)

    @property
    def sign_in(self) -> int:
        """Sign of the ids of the lanes that lead into the node."""
        return -1 if self.at_end else 1

    @property
    def lanes_in(self) -> int:
        return self.profile.right_lanes if self.at_end else self.profile.left_lanes

    @property
    def lanes_out(self) -> int:
        return self.profile.left_lanes if self.at_end else self.profile.right_lanes

    @property
    def strips_in(self) -> tuple[Strip, ...]:
        """Strips on the side of the lanes that lead in."""
        return self.profile.right_strips if self.at_end else self.profile.left_strips

    @property
    def strips_out(self) -> tuple[Strip, ...]:
        return self.profile.left_strips if self.at_end else self.profile.right_strips

    @property
    def edge_m(self) -> float:
        """From the reference line to the outer edge of the lanes that lead in."""
        return self.lanes_in * self.profile.lane_width_m

    def left_edge_in(self, lane: int) -> Pose:
        """Left edge of the ``lane``-th lane into the node, heading into it."""
        return self.pose.shifted(0.0, -lane * self.profile.lane_width_m)

    def left_edge_out(self, lane: int) -> Pose:
        """Left edge of the ``lane``-th lane out of the node, heading away from it."""
        return self.pose.reversed().shifted(0.0, -lane * self.profile.lane_width_m)


@dataclass(frozen=True)
class Movement:
    """One lane of one arm leads to one lane of another; ``corner``: the sidewalk follows it."""

    source: Arm
    lane_in: int
    target: Arm
    lane_out: int
    corner: bool
    inner: bool  # the strip left of a one-way road follows it


def movements(arms: list[Arm], free: bool) -> list[Movement]:
    """Every movement at a node.

    At a crossing the innermost lane may turn left and the outermost right; straight on keeps the lane. A single lane
    fans out; into a single lane goes the outermost one, or the innermost where nobody turns left. Where lanes
    only split or join (``free``), main lanes go on and a ramp is joined to the outermost lane.
    """
    ordered = sorted(arms, key=lambda arm: arm.outward_rad)
    found: list[Movement] = []
    for i, source in enumerate(ordered):
        following = ordered[(i + 1) % len(ordered)]
        for target in ordered:
            if target is source or not source.lanes_in or not target.lanes_out:
                continue
            angle = _turn_rad(source, target)
            if abs(angle) > (FREE_TURN_RAD if free else U_TURN_RAD):
                continue
            pairs = _join(source, target) if free else _cross(source, target, angle, _has_left(source, ordered))
            outer = max(lane for lane, _ in pairs)
            one_way = source.profile.left_lanes == 0 and target.profile.left_lanes == 0
            for lane_in, lane_out in pairs:
                corner = target is following and lane_in == outer == source.lanes_in - 1
                found.append(
                    Movement(source, lane_in, target, lane_out, corner, inner=one_way and lane_in == lane_out == 0)
                )
    return found


def _turn_rad(source: Arm, target: Arm) -> float:
    """Change of heading from one arm to another, left positive."""
    return math.remainder(target.pose.heading + math.pi - source.pose.heading, 2.0 * math.pi)


def _has_left(source: Arm, arms: list[Arm]) -> bool:
    """Whether the arm's traffic can turn left."""
    return any(
        arm is not source and arm.lanes_out > 0 and STRAIGHT_RAD < _turn_rad(source, arm) <= U_TURN_RAD for arm in arms
    )


def _cross(source: Arm, target: Arm, angle_rad: float, has_left: bool) -> list[tuple[int, int]]:
    if angle_rad > STRAIGHT_RAD:
        return [(0, 0)]
    if angle_rad < -STRAIGHT_RAD:
        return [(source.lanes_in - 1, target.lanes_out - 1)]
    if source.lanes_in == 1:
        return [(0, lane) for lane in range(target.lanes_out)]
    if target.lanes_out == 1:
        return [(source.lanes_in - 1 if has_left else 0, 0)]
    return [(lane, min(lane, target.lanes_out - 1)) for lane in range(source.lanes_in)]


def _join(source: Arm, target: Arm) -> list[tuple[int, int]]:
    if source.lanes_in == 1 or target.lanes_out == 1:  # a ramp
        return [(source.lanes_in - 1, target.lanes_out - 1)]
    return [(lane, min(lane, target.lanes_out - 1)) for lane in range(source.lanes_in)]
