"""What is really in a rendered picture, as the rule wants it."""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np
import numpy.typing as npt

from sim.realism.rule import F32, Objects, area, objects
from sim.server.scene.mesh import Tag
from sim.server.sensors.instances import View
from sim.server.sensors.silhouettes import Part, Silhouettes

VEHICLE_TAGS = [int(tag) for tag in (Tag.CAR, Tag.TRUCK, Tag.BUS)]
FEWEST_PX = 12
"""Bodies of which fewer pixels are seen are nothing that a detection could be about."""
SCENERY_PX = 60
"""Parked cars of fewer pixels are not told from their neighbours."""


def real_objects(
    outlines: Silhouettes,
    view: View,
    kinds: Mapping[int, tuple[str, str]],
    eye_m: npt.NDArray[np.float64],
    height: int,
    width: int,
) -> Objects:
    """Every body of which something is seen; two-wheelers as two rows, machine and rider.

    Both rows of a two-wheeler are asked for when the rule asks for the whole of it (the machine) or for the rider.
    """
    position = dict(zip(view.instances.actor_id.tolist(), view.instances.position_m, strict=True))
    share = outlines.share_visible * _share_inside(outlines.amodal_box, height, width)
    tall = np.minimum(outlines.amodal_box[:, 3], height) - np.maximum(outlines.amodal_box[:, 1], 0.0)
    by_part = {(int(a), int(p)): k for k, (a, p) in enumerate(zip(outlines.actor_id, outlines.part, strict=True))}
    rows = []
    for (actor, part), k in by_part.items():
        if actor not in kinds or outlines.visible_px[k] < FEWEST_PX:
            continue
        kind, name = kinds[actor]
        ridden = (actor, int(Part.MACHINE)) in by_part
        if part == Part.WHOLE and ridden:
            continue
        whole = by_part.get((actor, int(Part.WHOLE)), k) if part == Part.MACHINE else k
        kind = "rider" if part == Part.RIDER else kind
        away = float(np.linalg.norm(position[actor] - eye_m))
        boxes = outlines.visible_box[k], outlines.visible_box[whole]
        rows.append((kind, name, *boxes, float(tall[whole]), float(share[whole]), away, True))
    return objects(rows)


def _share_inside(box: F32, height: int, width: int) -> npt.NDArray[np.float64]:
    """Share (n,) of boxes (n, 4) inside the picture."""
    cut = np.column_stack([
        np.clip(box[:, 0], 0, width), np.clip(box[:, 1], 0, height),
        np.clip(box[:, 2], 0, width), np.clip(box[:, 3], 0, height),
    ]).astype(np.float32)  # fmt: skip
    return area(cut) / np.maximum(area(box), 1e-6)


def scenery_vehicles(semantic: npt.NDArray[np.uint8], instance: npt.NDArray[np.int32]) -> F32:
    """Boxes (k, 4) of vehicles that belong to the map: connected pixels with a vehicle's tag and nobody's id."""
    mask = (np.isin(semantic, VEHICLE_TAGS) & (instance == 0)).astype(np.uint8)
    if not mask.any():
        return np.zeros((0, 4), np.float32)
    _, _, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    large = stats[1:][stats[1:, cv2.CC_STAT_AREA] >= SCENERY_PX]
    x, y, w, h = (large[:, k] for k in (cv2.CC_STAT_LEFT, cv2.CC_STAT_TOP, cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT))
    return np.column_stack([x, y, x + w, y + h]).astype(np.float32)
