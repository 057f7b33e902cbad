"""``sensor.camera.labels``: boxes and pixel counts of every body in a picture, as a table (``sim.label_table``).

A sensor of this server's own; CARLA has none. It stands where a camera stands and has a camera's attributes (those of
the lens have no effect: the table is of the picture without distortion).
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from sim import label_table
from sim.server.protocol.payloads import StreamIndex, flow_body
from sim.server.sensors.camera import intrinsics_of
from sim.server.sensors.instances import View
from sim.server.sensors.kernel import F32, F64, I32, I64
from sim.server.sensors.renderer import SceneRenderer
from sim.server.sensors.silhouettes import Silhouettes


class LabelCamera:
    """One label camera (``Sensor``)."""

    stream_index = int(StreamIndex.OPTICAL_FLOW)

    def __init__(self, attributes: Mapping[str, str], renderer: SceneRenderer) -> None:
        self.intrinsics = intrinsics_of("labels", attributes)
        self._renderer = renderer

    def measure(
        self,
        position_m: npt.NDArray[np.float64],
        rotation_rad: npt.NDArray[np.float64],
        view: View,
        parent_id: int,
        dt_s: float,
    ) -> bytes:
        """Flow body whose pixels are the table. The body that carries the camera has its rows, too."""
        pose = position_m, rotation_rad, self.intrinsics, view
        labels = self._renderer.render(*pose, ("semantic", "instance", "depth"))
        assert labels.instance is not None
        assert labels.depth_m is not None
        outlines = self._renderer.silhouettes(*pose, labels=labels)
        rows = _rows(outlines, view, position_m, mean_depth(labels.instance, labels.depth_m, outlines.actor_id))
        fov_deg = math.degrees(self.intrinsics.fov_rad)
        size = self.intrinsics.width, self.intrinsics.height
        return flow_body(label_table.encode(rows, size, fov_deg), fov_deg)


def mean_depth(instance: I32, depth_m: F32, actor_id: I64) -> F64:
    """Mean depth (n,) of the visible pixels of each actor (n,), -1 where it has none. instance, depth_m (h, w)."""
    pixels = np.flatnonzero(instance)
    wanted, row = np.unique(actor_id, return_inverse=True)
    found = instance.ravel()[pixels]
    place = np.searchsorted(wanted, found)
    known = place < len(wanted)
    known[known] = wanted[place[known]] == found[known]
    place, depth = place[known], depth_m.ravel()[pixels[known]].astype(np.float64)
    count = np.bincount(place, minlength=len(wanted))
    total = np.bincount(place, depth, minlength=len(wanted))
    return np.where(count > 0, total / np.maximum(count, 1), -1.0)[row]


def _rows(outlines: Silhouettes, view: View, eye_m: F64, depth_m: F64) -> F32:
    """Table (n, columns)."""
    at = np.searchsorted(view.instances.actor_id, outlines.actor_id)
    away_m = np.linalg.norm(view.instances.position_m[at] - eye_m, axis=1)
    near_m = np.where(depth_m >= 0.0, depth_m, away_m)
    actors, first, row = np.unique(outlines.actor_id, return_index=True, return_inverse=True)
    rank = np.empty(len(actors), np.int64)
    rank[np.argsort(near_m[first], kind="stable")] = np.arange(len(actors))
    columns = [
        outlines.actor_id, outlines.part, view.instances.tag[at], outlines.visible_px, *outlines.visible_box.T,
        outlines.amodal_px, *outlines.amodal_box.T, depth_m, rank[row],
    ]  # fmt: skip
    return np.stack([np.asarray(column, np.float32) for column in columns], axis=1)
