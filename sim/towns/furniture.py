"""Traffic lights, signs and crosswalks as OpenDRIVE signals and objects.

CARLA reads ``hOffset`` without regard to ``orientation``, and its own towns write ``-`` for signals that face
traffic on right lanes; both conventions are kept, so that programs written for those towns read these alike.
"""

from __future__ import annotations

import math

from scenariogeneration import xodr

from sim.towns.arms import Arm

TRAFFIC_LIGHT, YIELD, STOP, SPEED_LIMIT = "1000001", "205", "206", "274"
POLE_GAP_M = 0.6  # from the kerb to the pole
STOP_LINE_M = 0.5  # from the stop line, where a signal stands, to the end of the road
CROSSWALK_M = (0.8, 3.8)  # a crosswalk's near and far edge, beyond the end of the road

NAMES = {TRAFFIC_LIGHT: "Signal_3Light_Post01", YIELD: "Sign_Yield", STOP: "Sign_Stop", SPEED_LIMIT: "Speed"}


class _Signal(xodr.Signal):  # type: ignore[misc]  # the library carries no types
    """A signal that keeps its id: the library makes ids unique over all files of one process."""

    def _update_id(self) -> None:
        """Nothing to change."""


class _Object(xodr.Object):  # type: ignore[misc]
    """An object that keeps its id."""

    def _update_id(self) -> None:
        """Nothing to change."""


def _pole_m(lanes_m: float, strips: tuple[float, ...], kerbed: bool) -> float:
    """Distance of a pole from the reference line: on the sidewalk, or beyond the shoulder."""
    return lanes_m + (strips[0] if kerbed or strips else 0.0) + POLE_GAP_M


def _signal(
    arm: Arm, kind: str, signal_id: int, towards_node: bool, distance_m: float, value: float | None
) -> xodr.Signal:
    """A signal for the traffic into (or out of) the node, ``distance_m`` before the end of the arm."""
    right_side = arm.at_end == towards_node  # the traffic it is for runs along the road
    lanes = arm.profile.right_lanes if right_side else arm.profile.left_lanes
    strips = arm.profile.right_strips if right_side else arm.profile.left_strips
    t = _pole_m(lanes * arm.profile.lane_width_m, tuple(s.width_m for s in strips), arm.profile.has_sidewalk)
    signal = _Signal(
        s=arm.road_length_m - distance_m if arm.at_end else distance_m,
        t=-t if right_side else t,
        country="OpenDRIVE",
        Type=kind,
        subtype="-1",
        id=str(signal_id),
        name=NAMES[kind] if value is None else f"Speed_{value:.0f}",
        dynamic=xodr.Dynamic.yes if kind == TRAFFIC_LIGHT else xodr.Dynamic.no,
        value=value,
        unit=None if value is None else "km/h",
        zOffset=0.0,
        orientation=xodr.Orientation.negative if right_side else xodr.Orientation.positive,
        hOffset=0.0 if right_side else math.pi,
        height=1.16,
        width=0.52,
    )
    return signal.add_validity(-lanes, -1) if right_side else signal.add_validity(1, lanes)


def gate(arm: Arm, kind: str, signal_id: int) -> xodr.Signal:
    """A light, a stop sign or a yield sign at the end of an arm, for the traffic into the node."""
    return _signal(arm, kind, signal_id, towards_node=True, distance_m=STOP_LINE_M, value=None)


def speed_sign(arm: Arm, signal_id: int, speed_kmh: float, distance_m: float) -> xodr.Signal:
    """A speed limit sign for the traffic that has just left the node."""
    return _signal(arm, SPEED_LIMIT, signal_id, towards_node=False, distance_m=distance_m, value=speed_kmh)


def crosswalk(arm: Arm, object_id: int) -> xodr.Object:
    """A crosswalk over the whole road, just beyond its end, so that cars stop before the road ends."""
    near, far = CROSSWALK_M if arm.at_end else (-CROSSWALK_M[0], -CROSSWALK_M[1])
    profile = arm.profile
    right = profile.right_lanes * profile.lane_width_m + profile.right_strips[0].width_m
    left = profile.left_lanes * profile.lane_width_m + profile.left_strips[0].width_m
    crossing = _Object(
        s=arm.road_length_m if arm.at_end else 0.0,
        t=0.0,
        Type=xodr.ObjectType.crosswalk,
        subtype="-1",
        id=str(object_id),
        name="SimpleCrosswalk",
        orientation=xodr.Orientation.none,
        length=right + left,
        width=CROSSWALK_M[1] - CROSSWALK_M[0],
    )
    outline = xodr.Outline()
    for u, v in ((near, -right), (far, -right), (far, left), (near, left), (near, -right)):  # CARLA's are closed
        outline.add_corner(xodr.CornerLocal(u, v, 0.0, 0.0))
    crossing.add_outline(outline)
    return crossing
