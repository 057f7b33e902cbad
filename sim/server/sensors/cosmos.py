"""``sensor.camera.cosmos_visualization``: the street as lines and boxes on black, as CARLA 0.9.16 draws it for Cosmos.

Only lines are drawn, nothing hides anything but by being nearer: lane lines, edges of the road, crosswalks and stop
lines of the map, wire boxes round vehicles and people, filled boxes for the heads of traffic lights and signs, poles.
The vehicle whose role is ``hero`` or ``ego_vehicle`` is left out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from sim.server.protocol.payloads import StreamIndex, image_body
from sim.server.scene.mesh import Tag
from sim.server.scene.models import ModelLibrary
from sim.server.scene.static import StaticScene
from sim.server.sensors.camera import intrinsics_of
from sim.server.sensors.events import DescribeActor
from sim.server.sensors.instances import Instances, View
from sim.server.sensors.lens import Lens
from sim.server.sensors.raster import camera_block
from sim.server.sensors.renderer import Intrinsics
from sim.server.world.pose import rotation_matrices, rotation_matrix

Array = npt.NDArray[np.float64]

# Red, green, blue, as CARLA has them.
LANE_LINE, ROAD_EDGE, CROSSWALK, WAIT_LINE = (98, 183, 249), (200, 36, 35), (206, 131, 63), (185, 63, 34)
POLE, TRAFFIC_SIGN, TRAFFIC_LIGHT = (66, 40, 144), (131, 175, 155), (252, 157, 155)
VEHICLE, PERSON = (255, 0, 0), (0, 255, 0)

FAR_M = 250.0
NEAR_M = 0.3
STEP_M = 2.0
"""Between the points of a lane line."""
LINE_M, BOX_M = 0.2, 0.1
"""Width of drawn lines: CARLA's 20 and 10 of Unreal's units (cm)."""
STOP_LINE_M = 3.5
"""Length of a stop line: the width of a lane."""
SIGN_HALF_M = 0.35
SIGN_HEIGHT_M = 2.2
MAX_WIDTH_PX = 60
PEOPLE = frozenset({int(Tag.PEDESTRIANS)})
VEHICLES = frozenset(int(t) for t in (Tag.CAR, Tag.TRUCK, Tag.BUS, Tag.TRAIN, Tag.MOTORCYCLE, Tag.BICYCLE, Tag.RIDER))
BOX_EDGES = np.array(
    [[0, 1], [2, 3], [4, 5], [6, 7], [0, 2], [1, 3], [4, 6], [5, 7], [0, 4], [1, 5], [2, 6], [3, 7]], np.int64
)
BOX_SIDES = np.array([[0, 1, 3, 2], [4, 5, 7, 6], [0, 1, 5, 4], [2, 3, 7, 6], [0, 2, 6, 4], [1, 3, 7, 5]], np.int64)
CORNERS = np.array([[x, y, z] for x in (-1.0, 1.0) for y in (-1.0, 1.0) for z in (-1.0, 1.0)])
HEROES = ("hero", "ego_vehicle")


@dataclass(frozen=True)
class Strokes:
    """Straight lines: ends_m (n, 2, 3) world, rgb (n, 3) uint8, width_m (n,)."""

    ends_m: Array
    rgb: npt.NDArray[np.uint8]
    width_m: Array

    @staticmethod
    def of(parts: list[tuple[Array, tuple[int, int, int], float]]) -> Strokes:
        """From groups of lines (k, 2, 3) of one colour and width."""
        parts = [part for part in parts if len(part[0])]
        if not parts:
            return Strokes(np.zeros((0, 2, 3)), np.zeros((0, 3), np.uint8), np.zeros(0))
        return Strokes(
            np.concatenate([p[0] for p in parts]),
            np.concatenate([np.tile(np.array(p[1], np.uint8), (len(p[0]), 1)) for p in parts]),
            np.concatenate([np.full(len(p[0]), p[2]) for p in parts]),
        )


@dataclass(frozen=True)
class StreetPlan:
    """What of the map is drawn: its lines, and the heads of its traffic lights (k, 8, 3)."""

    strokes: Strokes
    heads_m: Array

    @staticmethod
    def of(scene: StaticScene) -> StreetPlan:
        """From a map; takes as long as walking all its lanes."""
        return StreetPlan(map_strokes(scene), head_corners(scene))


class CosmosSensor:
    """One such camera."""

    stream_index = int(StreamIndex.COSMOS)

    def __init__(
        self,
        attributes: Mapping[str, str],
        plan: StreetPlan,
        library: ModelLibrary,
        describe: DescribeActor,
    ) -> None:
        self.intrinsics = intrinsics_of("cosmos_visualization", attributes)
        self._lens = Lens.of("sensor.camera.cosmos_visualization", attributes)
        self._size_m = library.size_m.astype(np.float64)
        self._describe = describe
        self._plan = plan
        self._heroes: dict[int, bool] = {}

    def measure(
        self,
        position_m: npt.NDArray[np.float64],
        rotation_rad: npt.NDArray[np.float64],
        view: View,
        parent_id: int,
        dt_s: float,
    ) -> bytes:
        """Image body."""
        size = self.intrinsics
        canvas = np.zeros((size.height, size.width, 4), np.uint8)
        canvas[..., 3] = 255
        cam = camera_block(np.asarray(position_m, np.float64), rotation_matrix(*map(float, rotation_rad)))
        draw(canvas, cam, size, [self._plan.strokes, self._boxes(view.instances)], self._plan.heads_m)
        if self._lens is not None:
            canvas = self._lens.bend(canvas, smooth=True)
        return image_body(canvas, math.degrees(size.fov_rad))

    def _boxes(self, bodies: Instances) -> Strokes:
        """Wire boxes of vehicles and people."""
        hero = next((k for k, i in enumerate(bodies.actor_id.tolist()) if self._is_hero(i)), -1)
        half = 0.5 * self._size_m[bodies.model] * bodies.scale
        centre = bodies.position_m + np.column_stack([np.zeros((len(half), 2)), half[:, 2]])
        turned = np.einsum("nij,ncj->nci", rotation_matrices(bodies.rotation_rad), CORNERS[None] * half[:, None])
        edges = (centre[:, None] + turned)[:, BOX_EDGES]  # (n, 12, 2, 3)
        seen = np.arange(len(half)) != hero
        parts = []
        for tags, rgb in ((VEHICLES, VEHICLE), (PEOPLE, PERSON)):
            rows = np.flatnonzero(np.isin(bodies.tag, list(tags)) & seen)
            parts.append((edges[rows].reshape(-1, 2, 3), rgb, BOX_M))
        return Strokes.of(parts)

    def _is_hero(self, actor_id: int) -> bool:
        if actor_id not in self._heroes:
            attributes = self._describe(actor_id, 0)[2][2]
            role = next((value for name, _, value in attributes if name == "role_name"), "")
            self._heroes[actor_id] = any(word in role for word in HEROES)
        return self._heroes[actor_id]


def draw(canvas: npt.NDArray[np.uint8], cam: Array, size: Intrinsics, strokes: list[Strokes], heads: Array) -> None:
    """Draw lines and filled boxes (k, 8, 3) into BGRA (h, w, 4), far ones first.

    cam (12,): position, right, down, forward.
    """
    ends = np.concatenate([s.ends_m for s in strokes])
    rgb = np.concatenate([s.rgb for s in strokes])
    width_m = np.concatenate([s.width_m for s in strokes])
    axes = cam[3:].reshape(3, 3)
    local = (ends - cam[:3]) @ axes.T  # (n, 2, 3): right, down, ahead
    ahead = local[..., 2]
    rows = np.flatnonzero((ahead.max(axis=1) > NEAR_M) & (ahead.min(axis=1) < FAR_M))
    local = _cut(local[rows])
    depth = local[..., 2].mean(axis=1)
    jobs: list[tuple[float, int, int]] = [(float(d), 0, k) for k, d in enumerate(depth)]
    boxes = (heads - cam[:3]) @ axes.T  # (k, 8, 3)
    whole = np.flatnonzero((boxes[..., 2].min(axis=1) > NEAR_M) & (boxes[..., 2].max(axis=1) < FAR_M))
    jobs += [(float(boxes[k, :, 2].mean()), 1, int(k)) for k in whole]
    focal, centre = size.focal_px, np.array([size.width / 2.0, size.height / 2.0])
    points = local[..., :2] / local[..., 2:] * focal + centre
    reach = 4.0 * max(size.width, size.height)
    inside = (np.abs(points).max(axis=(1, 2)) < reach) if len(points) else np.zeros(0, bool)
    thick = np.clip(width_m[rows, None] * focal / np.maximum(local[..., 2], NEAR_M), 1.0, MAX_WIDTH_PX)  # (n, 2)
    for _, kind, k in sorted(jobs, reverse=True):
        if kind == 1:
            corners = boxes[k, :, :2] / boxes[k, :, 2:] * focal + centre
            hull = cv2.convexHull(corners.astype(np.float32)).astype(np.int32)
            cv2.fillConvexPoly(canvas, hull, (*TRAFFIC_LIGHT[::-1], 255), cv2.LINE_AA)
        elif inside[k]:
            red, green, blue = rgb[rows[k]].tolist()
            _stroke(canvas, points[k], thick[k], (blue, green, red, 255))


def _stroke(canvas: npt.NDArray[np.uint8], ends: Array, width: Array, color: tuple[int, int, int, int]) -> None:
    """A straight line between two points (2, 2) with a width in pixels at each (2,)."""
    way = ends[1] - ends[0]
    length = float(np.hypot(*way))
    if width.max() < 2.0 or length < 1e-6:
        (x0, y0), (x1, y1) = ends.round().astype(int).tolist()
        cv2.line(canvas, (x0, y0), (x1, y1), color, 1, cv2.LINE_AA)
        return
    side = np.array([-way[1], way[0]]) / (2.0 * length)
    one, two = side * width[0], side * width[1]
    corners = np.array([ends[0] - one, ends[1] - two, ends[1] + two, ends[0] + one])
    fixed = (corners * 16.0).round().astype(np.int32)  # sixteenths of a pixel
    cv2.fillConvexPoly(canvas, fixed, color, cv2.LINE_AA, 4)


def _cut(lines: Array) -> Array:
    """Lines (n, 2, 3) in camera axes, cut at the near plane; each has an end beyond it."""
    out = lines.copy()
    for end in (0, 1):
        near, far = out[:, end], out[:, 1 - end]
        behind = near[:, 2] < NEAR_M
        t = (NEAR_M - near[behind, 2]) / (far[behind, 2] - near[behind, 2])
        out[behind, end] = near[behind] + t[:, None] * (far[behind] - near[behind])
    return out


def head_corners(scene: StaticScene) -> Array:
    """Corners (k, 8, 3) of the heads of traffic lights."""
    boxes = [row for signal in scene.signals if signal.group >= 0 for row in np.asarray(signal.lamp_boxes)]
    if not boxes:
        return np.zeros((0, 8, 3))
    table = np.array(boxes, np.float64)
    turn = rotation_matrices(np.column_stack([np.zeros(len(table)), table[:, 6], np.zeros(len(table))]))
    corners: Array = table[:, None, :3] + np.einsum("nij,ncj->nci", turn, CORNERS[None] * table[:, None, 3:6])
    return corners


def map_strokes(scene: StaticScene) -> Strokes:
    """Lane lines, road edges, crosswalks, stop lines, poles and signs of a map."""
    lines, edges = _lane_lines(scene)
    crosswalks: list[list[list[float]]] = []
    corners = [[p.x, p.y, p.z] for p in scene.carla_map.get_crosswalks()]
    first = 0
    for k in range(1, len(corners)):  # each outline ends where it began
        if k > first:
            crosswalks.append([corners[k - 1], corners[k]])
        if k > first and corners[k] == corners[first]:
            first = k + 1
    stops, signs, poles = [], [], []
    for signal in scene.signals:
        for x, y, z in np.asarray(signal.stop_points_m).reshape(-1, 3).tolist():
            across = np.array([-math.sin(signal.yaw_rad), math.cos(signal.yaw_rad), 0.0]) * (STOP_LINE_M / 2.0)
            stops.append([np.array([x, y, z]) - across, np.array([x, y, z]) + across])
        if signal.group < 0:
            x, y, z = signal.position_m
            low, high = z + SIGN_HEIGHT_M - SIGN_HALF_M, z + SIGN_HEIGHT_M + SIGN_HALF_M
            signs.append([np.array([x, y, low]), np.array([x, y, high])])
    for box in scene.obstacles:
        if box.tag == Tag.POLES:
            centre, up = np.array(box.centre_m), np.array([0.0, 0.0, box.half_m[2]])
            poles.append([centre - up, centre + up])
    return Strokes.of(
        [
            (_segments(lines), LANE_LINE, LINE_M),
            (_segments(edges), ROAD_EDGE, LINE_M),
            (_segments(crosswalks), CROSSWALK, LINE_M),
            (_segments(stops), WAIT_LINE, LINE_M),
            (_segments(poles), POLE, LINE_M),
            (_segments(signs), TRAFFIC_SIGN, 2.0 * SIGN_HALF_M),
        ]
    )


def _segments(lines: object) -> Array:
    return np.array(lines, np.float64).reshape(-1, 2, 3)


def _lane_lines(scene: StaticScene) -> tuple[list[list[list[float]]], list[list[list[float]]]]:
    """Lines between driving lanes (none inside junctions), and the edges of the road."""
    import carla

    rows: dict[tuple[int, int, int], list[tuple[float, Any]]] = {}
    for waypoint in scene.carla_map.generate_waypoints(STEP_M):
        if waypoint.lane_type == carla.LaneType.Driving:
            key = (waypoint.road_id, waypoint.section_id, waypoint.lane_id)
            rows.setdefault(key, []).append((waypoint.s, waypoint))
    lines: list[list[list[float]]] = []
    edges: list[list[list[float]]] = []
    for _, places in sorted(rows.items()):
        places.sort(key=lambda place: place[0])
        for side in (-1.0, 1.0):
            last = None
            for s, waypoint in places:
                point, inner = _border(waypoint, side)
                if last is not None and s - last[0] < 2.0 * STEP_M:
                    if inner and not waypoint.is_junction:
                        lines.append([last[1], point])
                    elif not inner and not waypoint.is_junction:
                        edges.append([last[1], point])
                last = (s, point)
    return lines, edges


def _border(waypoint: Any, side: float) -> tuple[list[float], bool]:
    """Point on the left (-1) or right (1) border of a lane, and whether another driving lane lies beyond."""
    import carla

    place = waypoint.transform
    right = place.get_right_vector()
    half = side * waypoint.lane_width / 2.0
    beyond = waypoint.get_left_lane() if side < 0 else waypoint.get_right_lane()
    point = [place.location.x + right.x * half, place.location.y + right.y * half, place.location.z + right.z * half]
    return point, beyond is not None and beyond.lane_type == carla.LaneType.Driving
