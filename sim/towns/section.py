"""Cross-sections and elevation: lanes with their widths, marks and links."""

from __future__ import annotations

from dataclasses import dataclass

from scenariogeneration import xodr

from sim.towns.layout import Profile, Strip

MARK_WIDTH_M = 0.125  # of a centre or lane line in CARLA's towns
KERB_WIDTH_M = 0.15


@dataclass(frozen=True)
class LaneLink:
    """Width of a lane of a connecting road from its start to its end, and the lanes it joins."""

    kind: str
    width_start_m: float
    width_end_m: float
    lane_before: int
    lane_after: int


def _mark(
    kind: xodr.RoadMarkType, colour: xodr.RoadMarkColor, width_m: float, change: xodr.LaneChange
) -> xodr.RoadMark:
    return xodr.RoadMark(kind, width=width_m, color=colour, laneChange=change)


def _white(kind: xodr.RoadMarkType, change: xodr.LaneChange = xodr.LaneChange.none) -> xodr.RoadMark:
    return _mark(kind, xodr.RoadMarkColor.white, MARK_WIDTH_M, change)


def _yellow(kind: xodr.RoadMarkType) -> xodr.RoadMark:
    return _mark(kind, xodr.RoadMarkColor.yellow, MARK_WIDTH_M, xodr.LaneChange.none)


def _driving(profile: Profile, outermost: bool) -> xodr.Lane:
    lane = xodr.Lane(xodr.LaneType.driving, a=profile.lane_width_m)
    if outermost:
        lane.add_roadmark(_white(xodr.RoadMarkType.solid))
    else:
        lane.add_roadmark(_white(xodr.RoadMarkType.broken, xodr.LaneChange.both))
    return lane


def _strip(strip: Strip, before_kerb: bool) -> xodr.Lane:
    lane = xodr.Lane(xodr.LaneType[strip.kind], a=strip.width_m)
    if before_kerb:
        lane.add_roadmark(_mark(xodr.RoadMarkType.curb, xodr.RoadMarkColor.white, KERB_WIDTH_M, xodr.LaneChange.none))
    else:
        lane.add_roadmark(_white(xodr.RoadMarkType.none))
    return lane


def _side(profile: Profile, driving: int, strips: tuple[Strip, ...]) -> list[xodr.Lane]:
    lanes = [_driving(profile, outermost=i == driving - 1) for i in range(driving)]
    for i, strip in enumerate(strips):
        lanes.append(_strip(strip, before_kerb=i + 1 < len(strips) and strips[i + 1].kind == "sidewalk"))
    return lanes


def road_lanes(profile: Profile) -> xodr.Lanes:
    """The lanes of a road between two nodes."""
    centre = xodr.Lane(xodr.LaneType.none)
    if profile.left_lanes == 0:
        centre.add_roadmark(_yellow(xodr.RoadMarkType.solid))
    elif profile.left_lanes == 1:
        centre.add_roadmark(_yellow(xodr.RoadMarkType.broken))
    else:
        centre.add_roadmark(_yellow(xodr.RoadMarkType.solid_solid))
    section = xodr.LaneSection(0.0, centre)
    for lane in _side(profile, profile.left_lanes, profile.left_strips):
        section.add_left_lane(lane)
    for lane in _side(profile, profile.right_lanes, profile.right_strips):
        section.add_right_lane(lane)
    return xodr.Lanes().add_lanesection(section)


def connecting_lanes(right: list[LaneLink], left: list[LaneLink], length_m: float) -> xodr.Lanes:
    """The lanes of a road inside a junction; widths change along a cubic, flat at both ends."""
    centre = xodr.Lane(xodr.LaneType.none)
    centre.add_roadmark(_white(xodr.RoadMarkType.none))
    section = xodr.LaneSection(0.0, centre)
    for links, add in ((left, section.add_left_lane), (right, section.add_right_lane)):
        for link in links:
            grow = link.width_end_m - link.width_start_m
            lane = xodr.Lane(
                xodr.LaneType[link.kind],
                a=link.width_start_m,
                c=3.0 * grow / length_m**2,
                d=-2.0 * grow / length_m**3,
            )
            kerb = link.kind == "shoulder" and len(links) > 1 and links[-1].kind == "sidewalk"
            if kerb:
                lane.add_roadmark(
                    _mark(xodr.RoadMarkType.curb, xodr.RoadMarkColor.white, KERB_WIDTH_M, xodr.LaneChange.none)
                )
            else:
                lane.add_roadmark(_white(xodr.RoadMarkType.none))
            lane.add_link("predecessor", link.lane_before)
            lane.add_link("successor", link.lane_after)
            add(lane)
    return xodr.Lanes().add_lanesection(section)


def hill(height_m: float, length_m: float) -> list[tuple[float, float, float, float, float]]:
    """Elevation records ``(s, a, b, c, d)``: up to ``height_m`` in the middle and down again, level at the ends."""
    if height_m == 0.0:
        return [(0.0, 0.0, 0.0, 0.0, 0.0)]
    half = 0.5 * length_m
    c, d = 3.0 * height_m / half**2, -2.0 * height_m / half**3
    return [(0.0, 0.0, 0.0, c, d), (half, height_m, 0.0, -c, -d)]
