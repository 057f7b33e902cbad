"""Figures bent to any pose of their bones: linear blend skinning of the standing model.

Every vertex belongs to the bone whose segment it is nearest to, measured in thicknesses of the limb, and near a joint
shares itself with that bone's parent and child: v' = sum_k w_k G_k(pose) G_k(standing)^-1 v (Lewis, Cordner and
Fong, "Pose space deformation", 2000, section 3.1).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from sim.server.scene.models import ModelLibrary
from sim.server.scene.variants import Level, Variant, library_level

Array = npt.NDArray[np.float64]

SOFTNESS = 5.0
"""How sharply a vertex decides between neighbouring bones: e-fold per fifth of a limb's thickness."""
HAND_M = 0.18
CROWN_M = 0.22

_SEGMENTS: tuple[tuple[str, str, float, str], ...] = (
    # bone, the bone it reaches to, radius m, the bone before it
    ("crl_hips__C", "crl_spine__C", 0.16, ""),
    ("crl_spine__C", "crl_spine01__C", 0.14, "crl_hips__C"),
    ("crl_spine01__C", "crl_neck__C", 0.15, "crl_spine__C"),
    ("crl_neck__C", "crl_Head__C", 0.07, "crl_spine01__C"),
    ("crl_Head__C", "", 0.13, "crl_neck__C"),
    *(
        row
        for s in "LR"
        for row in (
            (f"crl_shoulder__{s}", f"crl_arm__{s}", 0.06, "crl_spine01__C"),
            (f"crl_arm__{s}", f"crl_foreArm__{s}", 0.05, f"crl_shoulder__{s}"),
            (f"crl_foreArm__{s}", f"crl_hand__{s}", 0.045, f"crl_arm__{s}"),
            (f"crl_hand__{s}", "", 0.04, f"crl_foreArm__{s}"),
            (f"crl_thigh__{s}", f"crl_leg__{s}", 0.08, "crl_hips__C"),
            (f"crl_leg__{s}", f"crl_foot__{s}", 0.06, f"crl_thigh__{s}"),
            (f"crl_foot__{s}", f"crl_toeEnd__{s}", 0.05, f"crl_leg__{s}"),
        )
    ),
)
BONES: tuple[str, ...] = tuple(row[0] for row in _SEGMENTS)
"""Bones that carry skin; fingers, eyes and toes go with theirs."""


def weights(points_m: Array, joints_m: Mapping[str, Array], size: float) -> npt.NDArray[np.float32]:
    """Share (v, len(BONES)) of each bone in each point (v, 3); joints of the standing figure, size 1 for an adult."""
    count = len(BONES)
    distance = np.empty((len(points_m), count))
    for k, (bone, end, radius, _) in enumerate(_SEGMENTS):
        start = joints_m[bone]
        if end:
            reach = joints_m[end] - start
        elif bone == "crl_Head__C":
            reach = np.array([0.0, 0.0, CROWN_M * size])
        else:
            along = start - joints_m[bone.replace("hand", "foreArm")]
            reach = along / np.linalg.norm(along) * HAND_M * size
        share = np.clip((points_m - start) @ reach / max(float(reach @ reach), 1e-9), 0.0, 1.0)
        distance[:, k] = np.linalg.norm(points_m - start - share[:, None] * reach, axis=1) / (radius * size)
    row = {bone: k for k, bone in enumerate(BONES)}
    kin = np.eye(count, dtype=np.bool_)
    for bone, _, _, parent in _SEGMENTS:
        if parent:
            kin[row[bone], row[parent]] = kin[row[parent], row[bone]] = True
    nearest = distance.argmin(axis=1)
    best = distance.min(axis=1, keepdims=True)
    share = np.where(kin[nearest], np.exp(-SOFTNESS * (distance - best)), 0.0)
    return (share / share.sum(axis=1, keepdims=True)).astype(np.float32)


class PosedFigure(Variant):
    """A person in a pose. ``rest`` and ``pose``: position (3,) and rotation (3, 3) of each of BONES."""

    def __init__(
        self,
        library: ModelLibrary,
        model: int,
        rest: Mapping[str, tuple[Array, Array]],
        pose: Mapping[str, tuple[Array, Array]],
        size: float,
    ) -> None:
        super().__init__()
        self._library, self._model, self._size = library, model, size
        self._joints = {bone: place for bone, (place, _) in rest.items()}
        turns, shifts = [], []
        for bone in BONES:
            turn = pose[bone][1] @ rest[bone][1].T
            turns.append(turn)
            shifts.append(pose[bone][0] - turn @ rest[bone][0])
        self._turn, self._shift = np.array(turns, np.float32), np.array(shifts, np.float32)

    def _make(self, lod: int) -> Level:
        level = library_level(self._library, self._model, lod)
        share = weights(level.vertices_m.astype(np.float64), self._joints, self._size)
        turn = np.tensordot(share, self._turn, axes=1)  # (v, 3, 3)
        vertices = np.einsum("vij,vj->vi", turn, level.vertices_m) + share @ self._shift
        normals = np.einsum("vij,vj->vi", turn, level.normals)
        normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9)
        return replace(level, vertices_m=vertices.astype(np.float32), normals=normals.astype(np.float32))
