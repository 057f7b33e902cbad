"""Small records for tests: a frame with a picture and a sweep, and what a stack could have made of it."""

from __future__ import annotations

from types import MappingProxyType

import numpy as np

from control.command import Command
from perception.frame import CameraModel, Frame, Gnss, Image, Imu, Sweep, VehicleModel
from perception.geometry import OPTICAL_FROM_BODY, intrinsics_from_fov, invert, pose, pose_2d
from perception.objects import Detections, Detections2D, Detections3D, EgoEstimate, MapLight, Tracks
from planning.lanes import Lane, LaneGraph, StopKind, StopLine
from planning.records import Forecasts, Plan
from sim.log.schema import World
from sim.loop import Tick
from sim.pipeline import Step
from sim.source.base import Route
from sim.truth import Truth, TruthBoxes2D

VEHICLE = VehicleModel(4.9, 1.84, 1.49, 2.86, 1.4, 1.22)


def make_camera(width: int = 160, height: int = 120, fov_rad: float = np.pi / 2) -> CameraModel:
    ego_from_camera = pose(np.eye(3), (0.6, 0.0, 1.6)) @ invert(OPTICAL_FROM_BODY)
    return CameraModel(width, height, intrinsics_from_fov(width, height, fov_rad), ego_from_camera)


def straight_lane(length_m: float = 100.0, lane_id: int = 0, limit_mps: float = 13.9) -> Lane:
    s = np.arange(0.0, length_m + 1.0)
    zeros = np.zeros(len(s))
    center = np.column_stack([s, zeros, zeros])
    return Lane(lane_id, center, zeros, zeros, s, np.full(len(s), 3.5), (), (), -1, -1, limit_mps, -1, 0)


def make_graph(lanes: tuple[Lane, ...] = ()) -> LaneGraph:
    lanes = lanes or (straight_lane(),)
    counts = [len(lane.s_m) for lane in lanes]
    return LaneGraph(
        "test",
        lanes,
        (StopLine(0, 80.0, StopKind.LIGHT, "7"),),
        (),
        (),
        np.concatenate([lane.center_m[:, :2] for lane in lanes]),
        np.repeat(np.arange(len(lanes)), counts),
        np.concatenate([np.arange(n) for n in counts]),
    )


def make_world() -> World:
    light = MapLight("7", np.array([[85.0, -3.0, 5.0]]), np.array([-1.0, 0.0]))
    return World(VEHICLE, 0.1, Route((0.0, 0.0, 0.0), (95.0, 0.0, 0.0)), (light,), make_graph())


def make_frame(index: int = 0, seed: int = 0) -> Frame:
    rng = np.random.default_rng(seed)
    camera = make_camera()
    bgr = rng.integers(0, 256, (camera.height, camera.width, 3)).astype(np.uint8)
    points = rng.normal(0, 20, (500, 3)).astype(np.float32)
    sweep = Sweep(points, rng.random(500).astype(np.float32), pose(np.eye(3), (0.0, 0.0, 1.9)))
    return Frame(
        index,
        index * 100_000,
        MappingProxyType({"front": Image(bgr, camera)}),
        MappingProxyType({"top": sweep}),
        Imu(rng.normal(size=3), rng.normal(size=3), float(rng.normal())),
        Gnss(rng.normal(size=3), 49.0, 8.0, 110.0),
        float(rng.random() * 10),
        0.01,
    )


def make_tick(index: int = 0, seed: int = 0, objects: int = 3) -> Tick:
    rng = np.random.default_rng(seed + 1000)
    frame, n = make_frame(index, seed), objects
    boxes = np.column_stack([rng.normal(0, 20, (n, 3)), np.full((n, 3), (4.5, 1.9, 1.5)), rng.normal(size=n)])
    ids, cars = np.arange(1, n + 1), np.ones(n, np.int64)
    ego = EgoEstimate(pose_2d(index * 1.0, 0.0, 0.0), np.array([8.0, 0.0]), 0.0, 0.0, np.eye(3) * 0.01)
    flat = rng.random((n, 4)) * 50
    flat[:, 2:] += flat[:, :2]
    seen = Detections2D("front", flat, rng.random(n), cars, np.full(n, 4, np.int64))
    detections = Detections(index, frame.t_us, (seen,), Detections3D(boxes, rng.random(n), cars, cars * 20))
    tracks = Tracks(
        index, frame.t_us, ego, ids, boxes, rng.normal(size=(n, 2)), np.zeros(n), rng.random(n), cars, cars, cars * 0,
        np.tile(np.eye(4), (n, 1, 1)),
    )  # fmt: skip
    times = np.linspace(0, 3, 7)
    forecasts = Forecasts(
        frame.t_us, ids, times, np.zeros((n, 1, 7, 3)), np.ones((n, 1, 7)), np.ones((n, 1)), boxes[:, 3:5] / 2
    )
    line = np.column_stack([times * 8 + index, times * 0, times * 0])
    plan = Plan(
        frame.t_us, times, line, np.full(7, 8.0), np.zeros(7), np.zeros(7), "cruise", "", 1.0, {"jerk": 0.1}, {},
        5.0, 90.0,
    )  # fmt: skip
    command = Command(frame.t_us, 0.3, 0.0, 0.05, terms={"p": 0.1})
    step = Step(detections, tracks, forecasts, plan, command, {"perception": 30.0}, ())
    visible = np.where(rng.random((n, 1)) < 0.3, np.nan, flat)
    flat_truth = TruthBoxes2D(
        "front", ids, flat, visible, cars * 100, np.ones(n), np.zeros(n), cars, np.full(n, 4, np.int64)
    )
    truth = Truth(
        index, frame.t_us, pose_2d(index * 1.0, 0.0, 0.0), np.array([8.0, 0.0, 0.0]), ids, boxes,
        np.zeros((n, 3)), cars, cars * 20, ("vehicle.audi.tt",) * n, (flat_truth,), MappingProxyType({"7": 2}), (),
    )  # fmt: skip
    return Tick(frame, truth, step, 12.0)
