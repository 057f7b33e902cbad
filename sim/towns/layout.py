"""What a town is, as data: cross-sections, nodes, roads. The tables live in ``catalogue``.

OpenDRIVE's frame: metres, x east, y north, right-handed, counter-clockwise angles; traffic keeps right.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


@dataclass(frozen=True)
class Strip:
    """One lane that is not driven on, from the carriageway outwards: kerb strip, sidewalk, hard shoulder."""

    kind: str  # OpenDRIVE lane type: "shoulder" or "sidewalk"
    width_m: float


@dataclass(frozen=True)
class Profile:
    """A cross-section. Right lanes run along the road, left lanes against it; a one-way road has no left ones."""

    name: str
    right_lanes: int
    left_lanes: int
    lane_width_m: float
    right_strips: tuple[Strip, ...]
    left_strips: tuple[Strip, ...]
    speed_kmh: int
    road_type: str  # OpenDRIVE road type: "town", "rural", "motorway"

    @property
    def half_width_m(self) -> float:
        """From the reference line to the right edge of the outermost driving lane."""
        return self.right_lanes * self.lane_width_m

    @property
    def has_sidewalk(self) -> bool:
        return any(strip.kind == "sidewalk" for strip in self.right_strips)


class Control(Enum):
    """Who goes first at a node."""

    SIGNALS = "signals"  # traffic lights, opposite approaches in one phase
    STOP = "stop"  # stop signs on the arms named by ``Node.minor``
    YIELD = "yield"  # yield signs on the arms named by ``Node.minor``
    FREE = "free"  # lanes split or join: nobody crosses anybody


@dataclass(frozen=True)
class Node:
    """Where roads meet.

    ``setback_m`` is how far from ``centre_m`` the roads end. ``minor`` names the roads that give way.
    """

    name: str
    centre_m: tuple[float, float]
    control: Control
    setback_m: float = 18.0
    minor: tuple[str, ...] = ()
    crosswalks: bool = True


@dataclass(frozen=True)
class Roundabout:
    """A one-lane ring with yield signs on its entries. A leg joins at the angle at which its road arrives."""

    name: str
    centre_m: tuple[float, float]
    radius_m: float  # of the lane's centre line
    setback_m: float  # from the centre to the end of each leg


@dataclass(frozen=True)
class End:
    """One end of a road: the node and the bearing (degrees, from the node outwards) at which the road leaves it.

    ``offset_m`` shifts the end to the left of the outward bearing, so that two carriageways can share a node.
    """

    node: str
    bearing_deg: float
    offset_m: float = 0.0
    setback_m: float | None = None  # instead of the node's own


@dataclass(frozen=True)
class Via:
    """A pose that the road passes through: position and heading along the road."""

    x_m: float
    y_m: float
    heading_deg: float


@dataclass(frozen=True)
class RoadLine:
    """A road from one node to another; the curve through its poses has continuous curvature."""

    name: str
    start: End
    end: End
    profile: Profile
    via: tuple[Via, ...] = ()
    hill_m: float = 0.0  # height of a hill in the middle of the road, both ends at zero
    speed_kmh: int | None = None  # instead of the profile's
    speed_sign_m: float = 15.0  # from a node to the speed sign behind it


@dataclass(frozen=True)
class Town:
    """One map."""

    name: str
    latitude_deg: float
    longitude_deg: float
    nodes: tuple[Node | Roundabout, ...]
    roads: tuple[RoadLine, ...]


KERB = Strip("shoulder", 0.3)  # width of CARLA's own towns
PAVEMENT = Strip("sidewalk", 2.5)
TOWN_EDGE = (KERB, PAVEMENT)

STREET = Profile("street", 1, 1, 3.5, TOWN_EDGE, TOWN_EDGE, 30, "town")
AVENUE = Profile("avenue", 2, 2, 3.5, TOWN_EDGE, TOWN_EDGE, 50, "town")
COUNTRY = Profile("country", 1, 1, 3.5, (Strip("shoulder", 1.0),), (Strip("shoulder", 1.0),), 60, "rural")
LINK = Profile("link", 2, 2, 3.5, (Strip("shoulder", 1.5),), (Strip("shoulder", 1.5),), 60, "rural")
HARD_SHOULDER = Strip("shoulder", 2.5)
INNER_SHOULDER = Strip("shoulder", 1.0)
MOTORWAY = Profile("motorway", 2, 0, 3.6, (HARD_SHOULDER,), (INNER_SHOULDER,), 90, "motorway")
MOTORWAY_3 = Profile("motorway of three lanes", 3, 0, 3.6, (HARD_SHOULDER,), (INNER_SHOULDER,), 90, "motorway")
RAMP = Profile("ramp", 1, 0, 3.8, (Strip("shoulder", 1.5),), (Strip("shoulder", 0.5),), 50, "rural")
RING = Profile("ring", 1, 0, 4.5, TOWN_EDGE, (Strip("shoulder", 1.0),), 30, "town")
