"""Pictures of one tick: the camera with what was detected and planned, and the scene from above."""

from __future__ import annotations

import math

import cv2
import numpy as np
import numpy.typing as npt

from perception.frame import FloatArray, Frame, Image
from perception.geometry import box_corners_bev, invert, project, transform_boxes, transform_points
from perception.objects import Detections, LightState, ObjectClass, Tracks
from planning.lanes import LaneGraph
from planning.records import Plan
from sim.log.foxglove import COLORS

Picture = npt.NDArray[np.uint8]

FONT = cv2.FONT_HERSHEY_SIMPLEX
PLAN_BGR = (90, 220, 60)
LIGHT_BGR = {LightState.RED: (40, 40, 230), LightState.YELLOW: (0, 200, 240), LightState.GREEN: (60, 200, 60)}
AHEAD_M, BEHIND_M, ASIDE_M = 60.0, 20.0, 40.0


def class_bgr(kind: int) -> tuple[int, int, int]:
    """Colour of a class for OpenCV."""
    r, g, b = COLORS[ObjectClass(kind)]
    return int(b * 255), int(g * 255), int(r * 255)


def camera_view(name: str, image: Image, detections: Detections, tracks: Tracks | None, plan: Plan | None) -> Picture:
    """The picture of camera ``name`` with boxes, light states and the planned path on the road."""
    canvas = image.bgr.copy()
    if plan is not None and tracks is not None:
        _draw_path(canvas, image, plan, tracks)
    found = detections.camera(name)
    if found is not None:
        for box, kind, score, light in zip(found.boxes_px, found.classes, found.scores, found.light_state, strict=True):
            state = LightState(int(light))
            color = LIGHT_BGR.get(state, class_bgr(int(kind)))
            x0, y0, x1, y1 = (int(v) for v in np.clip(box, -10_000, 10_000))
            cv2.rectangle(canvas, (x0, y0), (x1, y1), color, 2, cv2.LINE_AA)
            label = ObjectClass(int(kind)).name.lower() if state == LightState.UNKNOWN else state.name.lower()
            _label(canvas, f"{label} {score:.2f}", (x0, y0 - 3), color)
    return canvas


def _draw_path(canvas: Picture, image: Image, plan: Plan, tracks: Tracks) -> None:
    """The planned path as a strip as wide as the car's track, on the ground."""
    ego_from_world = invert(tracks.ego.world_from_ego)
    points = np.column_stack([plan.points_world_m[:, :2], np.full(len(plan.times_s), tracks.ego.world_from_ego[2, 3])])
    yaw = plan.points_world_m[:, 2]
    side = np.column_stack([-np.sin(yaw), np.cos(yaw), np.zeros(len(yaw))]) * 0.8
    camera_from_ego = invert(image.camera.ego_from_camera)
    edges = []
    for offset in (side, -side):
        ego = transform_points(ego_from_world, points + offset)
        pixels, _ = project(image.camera.intrinsics, transform_points(camera_from_ego, ego))
        edges.append(pixels)
    good = np.isfinite(edges[0]).all(axis=1) & np.isfinite(edges[1]).all(axis=1)
    if good.sum() < 2:
        return
    outline = np.concatenate([edges[0][good], edges[1][good][::-1]]).clip(-5000, 5000)
    overlay = canvas.copy()
    cv2.fillPoly(overlay, [np.round(outline).astype(np.int32)], PLAN_BGR, cv2.LINE_AA)
    cv2.addWeighted(overlay, 0.35, canvas, 0.65, 0.0, dst=canvas)


def top_view(frame: Frame | None, tracks: Tracks | None, plan: Plan | None, graph: LaneGraph, size: int) -> Picture:
    """The scene from above, ego pointing up: lanes, points, tracks with velocities, the plan; ``size`` pixels wide."""
    canvas = np.full((size, size, 3), 24, np.uint8)
    scale = size / (AHEAD_M + BEHIND_M)

    def pixel(points_ego: FloatArray) -> npt.NDArray[np.int32]:
        column = size / 2 - points_ego[:, 1] * scale
        row = (AHEAD_M - points_ego[:, 0]) * scale
        return np.round(np.column_stack([column, row])).clip(-9000, 9000).astype(np.int32)

    if tracks is not None:
        ego_from_world = invert(tracks.ego.world_from_ego)
        _draw_lanes(canvas, graph, tracks.ego.world_from_ego, ego_from_world, pixel)
    for sweep in frame.sweeps.values() if frame is not None else ():
        points = transform_points(sweep.ego_from_lidar, sweep.points_lidar_m[np.isfinite(sweep.points_lidar_m).all(1)])
        dots = pixel(points[points[:, 2] > 0.25])
        dots = dots[(dots >= 0).all(axis=1) & (dots < size).all(axis=1)]
        canvas[dots[:, 1], dots[:, 0]] = (150, 150, 150)
    if tracks is not None:
        boxes = transform_boxes(ego_from_world, tracks.boxes_world_m)
        velocity = np.column_stack([tracks.velocity_world_mps, np.zeros(len(boxes))]) @ ego_from_world[:3, :3].T
        for corners, box, kind, v in zip(box_corners_bev(boxes), boxes, tracks.classes, velocity, strict=True):
            color = class_bgr(int(kind))
            cv2.polylines(canvas, [pixel(corners)], True, color, 2, cv2.LINE_AA)
            if math.hypot(v[0], v[1]) > 0.7:
                ends = pixel(np.array([box[:2], box[:2] + v[:2]]))
                cv2.arrowedLine(canvas, tuple(map(int, ends[0])), tuple(map(int, ends[1])), color, 1, cv2.LINE_AA)
        if plan is not None:
            points = np.column_stack([plan.points_world_m[:, :2], np.zeros(len(plan.times_s))])
            cv2.polylines(canvas, [pixel(transform_points(ego_from_world, points))], False, PLAN_BGR, 3, cv2.LINE_AA)
    car = pixel(np.array([[2.4, 0.9], [-2.4, 0.9], [-2.4, -0.9], [2.4, -0.9]]))
    cv2.fillPoly(canvas, [car], (235, 235, 235), cv2.LINE_AA)
    return canvas


def _draw_lanes(
    canvas: Picture, graph: LaneGraph, world_from_ego: FloatArray, ego_from_world: FloatArray, pixel: object
) -> None:
    near = np.hypot(*(graph.sample_xy_m - world_from_ego[:2, 3]).T) < AHEAD_M + ASIDE_M
    for lane_id in np.unique(graph.sample_lane[near]):
        lane = graph.lanes[int(lane_id)]
        side = np.column_stack([-np.sin(lane.yaw_rad), np.cos(lane.yaw_rad), np.zeros(len(lane.yaw_rad))])
        for sign in (0.5, -0.5):
            edge = transform_points(ego_from_world, lane.center_m + sign * lane.width_m[:, None] * side)
            cv2.polylines(canvas, [pixel(edge)], False, (70, 66, 60), 1, cv2.LINE_AA)  # type: ignore[operator]


def composite(
    frame: Frame, detections: Detections, tracks: Tracks | None, plan: Plan | None, graph: LaneGraph
) -> Picture:
    """First camera left, view from above right, a line of text below: one frame of the video."""
    views = [camera_view(n, i, detections, tracks, plan) for n, i in list(frame.images.items())[:1]]
    left = views[0] if views else np.full((480, 640, 3), 24, np.uint8)
    height = left.shape[0]
    both = np.concatenate([left, top_view(frame, tracks, plan, graph, height)], axis=1)
    bar = np.full((36, both.shape[1], 3), 16, np.uint8)
    text = f"{frame.t_us * 1e-6:7.1f} s   {frame.speed_mps * 3.6:5.1f} km/h"
    if plan is not None:
        text += f"   {plan.behavior} {plan.target}   {plan.route_progress_m:.0f}/{plan.route_length_m:.0f} m"
    if tracks is not None:
        text += f"   {len(tracks.ids)} tracks"
    if frame.missing:
        text += f"   missing: {', '.join(frame.missing)}"
    cv2.putText(bar, text, (12, 24), FONT, 0.55, (235, 235, 235), 1, cv2.LINE_AA)
    return np.ascontiguousarray(np.concatenate([both, bar], axis=0), np.uint8)


def _label(canvas: Picture, text: str, corner: tuple[int, int], color: tuple[int, int, int]) -> None:
    (width, height), _ = cv2.getTextSize(text, FONT, 0.4, 1)
    x, y = max(corner[0], 0), max(corner[1], height + 2)
    cv2.rectangle(canvas, (x, y - height - 3), (x + width + 4, y + 2), color, -1)
    cv2.putText(canvas, text, (x + 2, y - 1), FONT, 0.4, (255, 255, 255), 1, cv2.LINE_AA)
