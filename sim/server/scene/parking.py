"""Parked vehicles: on parking lanes and wide shoulders, and on paved bays between sidewalks and houses.

Cars first; two-wheelers and lorries (``parking_others``) find their places after them.

They are things of the map, as CARLA's are, but drawn as bodies: ``world.parked`` puts them among the instances that
sensors see. So they have the library's shapes, paint and levels of detail, are culled, cast shadows and are labelled
as other vehicles are, at no other cost; in the static mesh they would need shading of their own in every kernel.

Everything else is placed before them, and they draw from a generator of their own: nothing else moves for them.
"""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from sim.server.scene.catalogue import model_for
from sim.server.scene.lanes import Lane, resampled
from sim.server.scene.objects import ObjectBook
from sim.server.scene.occupancy import Occupancy, rectangle
from sim.server.scene.parking_entry import enter
from sim.server.scene.parking_others import add_racks, place_others
from sim.server.scene.parking_places import Clear, Spot, Surroundings, beside, draw, pave, uneven
from sim.server.scene.static import Box, Parked
from sim.server.scene.triangles import Triangles

Array = npt.NDArray[np.float64]

SALT = 0x9A4C
"""Of the generator, beside the scene's seed and the map's digest."""
MOST_PARKED = 40
"""About as many as a town of this size shows beside its streets; each is one more body for every camera."""
BESIDE_SIDEWALK_M = (0.35, 0.8, 1.4)
"""Between the sidewalk and a vehicle on a bay: the first at which there is room."""
ALONG_M = (0.0, 1.3, -1.3)
"""Places along the road that are tried round each sample of the edge."""
MARGIN_M = (0.35, 0.3)
"""Of a bay before and behind a vehicle, and beside it: doors open."""
PARALLEL_SHARE, BACKED_SHARE, REVERSED_SHARE = 0.5, 0.3, 0.15
"""Of the places on which both have room, those along the road; of those across it, tail to the house; of those along
it, against the traffic."""
GRAVEL_SHARE = 0.3
SLOPPY_RAD = 0.02
"""Spread of a driver's heading."""
SLOT_M = 6.6
SLOT_SHARE = {"parking": 0.55, "shoulder": 0.15}
NARROWEST_M = {"parking": 2.2, "shoulder": 2.45}
FROM_KERB_M, FROM_LANE_M = 0.15, 0.5
"""A vehicle on a lane beside the road: to its outer edge, and at least to the lane of the traffic."""
BESIDE_POST_M = 4.0
VEHICLES: tuple[tuple[str, float], ...] = (
    ("vehicle.seat.leon", 11), ("vehicle.audi.a2", 9), ("vehicle.citroen.c3", 8), ("vehicle.nissan.micra", 8),
    ("vehicle.toyota.prius", 8), ("vehicle.lincoln.mkz_2020", 8), ("vehicle.mercedes.coupe_2020", 7),
    ("vehicle.tesla.model3", 7), ("vehicle.audi.etron", 7), ("vehicle.nissan.patrol", 6), ("vehicle.audi.tt", 3),
    ("vehicle.mini.cooper_s", 5), ("vehicle.bmw.grandtourer", 4), ("vehicle.ford.mustang", 2),
    ("vehicle.chevrolet.impala", 2), ("vehicle.jeep.wrangler_rubicon", 2), ("vehicle.micro.microlino", 1),
    ("vehicle.mercedes.sprinter", 4), ("vehicle.volkswagen.t2_2021", 3),
)  # fmt: skip
"""Blueprints and how often each is drawn: small cars and estates first, one van in fourteen."""
SPEED_MPS = {"mph": 0.44704, "km/h": 1.0 / 3.6, "m/s": 1.0}


def park(triangles: Triangles, around: Surroundings, book: ObjectBook, seed: Sequence[int]) -> tuple[Parked, list[Box]]:
    """Place vehicles, pave their bays, enter both in the book; the vehicles, and their boxes as obstacles."""
    rng = np.random.default_rng([*seed, SALT])
    clear = Clear(around)
    spots = _beside_lanes(around, clear, rng)
    spots += _on_bays(around, clear, MOST_PARKED - len(spots), rng)
    pave(triangles, spots, around.ground, book)
    cars, boxes = enter(spots, around.ground, book, rng)
    later = np.random.default_rng([*seed, SALT, 1])
    others, racks = place_others(around, later)
    pave(triangles, others, around.ground, book, "Stand")
    boxes += add_racks(triangles, racks, around.ground, book)
    rest, more = enter(others, around.ground, book, later, len(cars))
    return cars.followed_by(rest), boxes + more


def speed_limits(root: ET.Element) -> dict[int, float]:
    """Highest limit (m/s) of each road of an OpenDRIVE document that states one."""
    limits: dict[int, float] = {}
    for road in root.findall("road"):
        found = [
            float(speed.get("max", "nan")) * SPEED_MPS.get(speed.get("unit", "m/s"), 1.0)
            for speed in road.iter("speed")
            if speed.get("max", "").replace(".", "", 1).isdigit()
        ]
        if found:
            limits[int(road.get("id", "-1"))] = max(found)
    return limits


# --- lanes beside the road ----------------------------------------------------------------------------------------


def _beside_lanes(around: Surroundings, clear: Clear, rng: np.random.Generator) -> list[Spot]:
    """On parking lanes, and here and there on wide shoulders of streets: roads with a sidewalk."""
    streets = {lane.road for lane in around.lanes if lane.kind == "sidewalk" and around.is_slow(lane.road)}
    posts = np.array([box.centre_m[:2] for box in around.obstacles]).reshape(-1, 2)
    tree = cKDTree(posts) if len(posts) else None
    spots: list[Spot] = []
    for lane in around.lanes:
        if lane.kind not in SLOT_SHARE or lane.junction >= 0 or len(lane.s_m) < 2:
            continue
        if lane.kind == "shoulder" and lane.road not in streets:
            continue
        fine = resampled(lane, 1.0)
        for s in np.arange(fine.s_m[0] + SLOT_M / 2.0, fine.s_m[-1] - SLOT_M / 2.0, SLOT_M).tolist():
            share = rng.random()
            spot = _slot(fine, s, around.occupancy, rng)
            if spot is None or share > SLOT_SHARE[lane.kind] or not clear.of(spot.centre_m[None])[0]:
                continue
            if tree is None or tree.query(spot.centre_m)[0] > BESIDE_POST_M:
                spots.append(spot)
    chosen = np.sort(rng.permutation(len(spots))[:MOST_PARKED])
    return [spots[k] for k in chosen.tolist()]


def _slot(lane: Lane, s: float, occupancy: Occupancy, rng: np.random.Generator) -> Spot | None:
    """A vehicle beside the outer edge of a lane at ``s``, if it is wide enough."""
    type_id = draw(VEHICLES, rng)
    yaw_off, reverse = rng.normal(0.0, 0.5 * SLOPPY_RAD), rng.random() < REVERSED_SHARE / 2.0
    left, right = (
        np.array([np.interp(s, lane.s_m, edge[:, axis]) for axis in range(3)]) for edge in (lane.left_m, lane.right_m)
    )
    across = right - left
    width = float(np.linalg.norm(across[:2]))
    length, wide, _ = model_for(type_id).size_m
    if width < NARROWEST_M[lane.kind] or wide > width - FROM_KERB_M - FROM_LANE_M or length > SLOT_M - 0.6:
        return None
    across /= width
    traffic = [bool(occupancy.at(occupancy.driving, point[None])[0]) for point in (left - across, right + across)]
    if traffic[0] == traffic[1]:
        return None  # between two lanes, or beside none
    outer, inward = (right, -across) if traffic[0] else (left, across)
    centre = outer + inward * (FROM_KERB_M + wide / 2.0)
    yaw = math.atan2(-across[0], across[1]) + (math.pi if reverse else 0.0) + float(yaw_off)
    return Spot(type_id, centre[:2], yaw, float(centre[2]))


# --- bays ---------------------------------------------------------------------------------------------------------


def _on_bays(around: Surroundings, clear: Clear, most: int, rng: np.random.Generator) -> list[Spot]:
    """Between sidewalks and houses, where nothing else is; along the street or across it. Marks their ground."""
    spots: list[Spot] = []
    for k in rng.permutation(beside(around, clear)).tolist():
        type_id, parallel = draw(VEHICLES, rng), bool(rng.random() < PARALLEL_SHARE)
        turned, gravel = rng.random(), bool(rng.random() < GRAVEL_SHARE)
        yaw_off = float(rng.normal(0.0, SLOPPY_RAD))
        if len(spots) >= most:
            break
        for along in (parallel, not parallel):
            spot = _bay(around, k, type_id, along, turned, yaw_off, gravel)
            if spot is not None:
                spots.append(spot)
                break
    return spots


def _bay(
    around: Surroundings, k: int, type_id: str, along: bool, turned: float, yaw_off: float, gravel: bool
) -> Spot | None:
    """A vehicle with a bay at sample ``k`` of the edges, if there is room."""
    edges, occupancy = around.edges, around.occupancy
    forward, outward = edges.forward[k, :2], edges.outward[k, :2]
    length, width, _ = model_for(type_id).size_m
    half_along, half_out = (length / 2.0, width / 2.0) if along else (width / 2.0, length / 2.0)
    half = half_along + MARGIN_M[0 if along else 1], half_out + MARGIN_M[1 if along else 0]
    heading = math.atan2(forward[1], forward[0])
    for away in BESIDE_SIDEWALK_M:
        for shift in ALONG_M:
            foot = edges.point_m[k, :2] + forward * shift
            centre = foot + outward * (away + half[1])
            outline = rectangle(centre, half, heading)
            way = rectangle(foot + outward * (0.3 + away / 2.0), (half[0], away / 2.0), heading)
            if not (occupancy.is_free(outline) and occupancy.is_free(way)):
                continue
            depth = away + 2.0 * half[1]
            paved = rectangle(foot + outward * (depth / 2.0 - 0.05), (half[0], depth / 2.0 + 0.05), heading)
            if uneven(around.ground, paved, float(edges.point_m[k, 2])):
                continue
            occupancy.take(outline)
            occupancy.take(way)
            if along:
                yaw = heading + (math.pi if turned < REVERSED_SHARE else 0.0)
            else:
                yaw = math.atan2(outward[1], outward[0]) + (math.pi if turned < BACKED_SHARE else 0.0)
            return Spot(type_id, centre, yaw + yaw_off, float(edges.point_m[k, 2]), paved, gravel)
    return None
