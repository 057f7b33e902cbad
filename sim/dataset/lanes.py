"""Lane lines of the map, near the car and in its pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from perception.frame import FloatArray
from sim.dataset.capture import CameraCapture
from sim.dataset.geometry import inverse, moved
from sim.dataset.records import ImageLine, LaneLine, vec

Flags = npt.NDArray[np.bool_]

REACH_M = 70.0
"""From the car: a line 0.15 m wide is one pixel wide there in a picture of 800 pixels and 90 degrees at half of it."""
AHEAD_M = 0.5
"""Nearer to the camera's plane nothing is projected."""
ROAD_TAGS = (1, 24)
"""Roads and road lines: a line can be seen where the picture shows either."""
DEPTH_SHARE, DEPTH_M = 0.03, 0.4
"""With a depth picture a point is seen if its depth is that of the picture within this share and length: a grazed road
changes its depth by some per cent from one pixel to the next."""


@dataclass(frozen=True)
class MapLine:
    """A lane line of the map: kind and colour as OpenDRIVE names them, points (k, 3) in the world, about a metre
    apart."""

    kind: str
    color: str
    points_world_m: FloatArray


def near_lines(lines: Sequence[MapLine], world_from_ego: FloatArray) -> list[LaneLine]:
    """Pieces of the lines within REACH_M of the car, in its frame."""
    ego_from_world = inverse(world_from_ego)
    out = []
    for line in lines:
        near = np.linalg.norm(line.points_world_m[:, :2] - world_from_ego[:2, 3], axis=1) < REACH_M
        for piece in _runs(near):
            points = moved(line.points_world_m[piece], ego_from_world)
            out.append(LaneLine(line.kind, line.color, tuple(vec(p, 3) for p in points)))
    return out


def image_lines(near: Sequence[LaneLine], camera: CameraCapture) -> tuple[ImageLine, ...]:
    """Where near lines run in a picture, and which of their points are not hidden."""
    model = camera.model
    camera_from_ego = inverse(model.ego_from_camera)
    out = []
    for k, line in enumerate(near):
        points = moved(np.array(line.points_ego_m), camera_from_ego)
        depth = np.maximum(points[:, 2], AHEAD_M)
        uv = np.round(
            (points / depth[:, None]) @ model.intrinsics.T, 2
        )  # as written: what is seen is what is read back
        inside = (points[:, 2] > AHEAD_M) & (uv[:, 0] >= 0) & (uv[:, 0] < model.width)
        inside &= (uv[:, 1] >= 0) & (uv[:, 1] < model.height)
        for piece in _runs(inside):
            seen = _seen(uv[piece], depth[piece], camera)
            out.append(ImageLine(k, tuple(vec(p[:2], 2) for p in uv[piece]), tuple(bool(s) for s in seen)))
    return tuple(out)


def _seen(uv: FloatArray, depth_m: FloatArray, camera: CameraCapture) -> Flags:
    column, row = uv[:, 0].astype(int), uv[:, 1].astype(int)
    seen: Flags = np.isin(camera.tags[row, column], ROAD_TAGS)
    if camera.depth_m is not None:
        seen &= np.abs(camera.depth_m[row, column] - depth_m) < DEPTH_M + DEPTH_SHARE * depth_m
    return seen


def _runs(flags: Flags) -> list[slice]:
    """Unbroken runs of at least two true values."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags.astype(np.int8), [0]])))
    return [slice(int(a), int(b)) for a, b in edges.reshape(-1, 2) if b - a >= 2]
