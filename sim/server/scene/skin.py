"""Figures bent to any pose of their bones: linear blend skinning of the standing model.

Every vertex belongs to the bone whose segment it is nearest to, measured in thicknesses of the limb, and near a joint
shares itself with that bone's parent and child: v' = sum_k w_k G_k(pose) G_k(standing)^-1 v (Lewis, Cordner and
Fong, "Pose space deformation", 2000, section 3.1). Figures are made of closed pieces, a sleeve, a trouser leg, a coat;
a piece follows only the bones of the limb that most of it lies along, so that no hand pulls at a coat.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from sim.server.scene.mesh import Material
from sim.server.scene.models import ModelLibrary
from sim.server.scene.variants import Level, Variant, library_level

Array = npt.NDArray[np.float64]

SOFTNESS = 5.0
"""How sharply a vertex decides between neighbouring bones: e-fold per fifth of a limb's thickness."""
HAND_M = 0.18
FAR = 1.0e3  # thicknesses: further from a bone than any point of a figure
WELD_M = 1.0e-4
CROWN_M = 0.22
STIFF = (Material.PLASTIC, Material.RIM, Material.TYRE, Material.METAL)
"""Of these is a wheelchair made, which stays where it is, and nothing of who sits in it."""

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
_LIMBS: tuple[tuple[str, ...], ...] = (
    ("hips__C", "spine__C", "spine01__C", "neck__C", "shoulder__L", "shoulder__R", "thigh__L", "thigh__R"),
    ("neck__C", "Head__C"),
    *(("spine01__C", f"shoulder__{s}", f"arm__{s}", f"foreArm__{s}", f"hand__{s}") for s in "LR"),
    *(("hips__C", f"thigh__{s}", f"leg__{s}", f"foot__{s}") for s in "LR"),
)
_TRUNK = 0
_LIMB_OF = {"Head": 1, "armL": 2, "foreArmL": 2, "handL": 2, "armR": 3, "foreArmR": 3, "handR": 3}
_LIMB_OF |= {f"{part}{s}": 4 + k for k, s in enumerate("LR") for part in ("thigh", "leg", "foot")}
LEG_SHARE = 0.9
"""What lies along legs, and more of it than this along one of them, is a trouser leg; else it is a coat or a skirt."""
BONES: tuple[str, ...] = tuple(row[0] for row in _SEGMENTS)
"""Bones that carry skin; fingers, eyes and toes go with theirs."""


def weights(
    points_m: Array, faces: npt.NDArray[np.uint32], joints_m: Mapping[str, Array], size: float
) -> npt.NDArray[np.float32]:
    """Share (v, len(BONES)) of each bone in each point (v, 3) of a mesh with these faces.

    joints_m: of the standing figure; size 1 for an adult.
    """
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
    distance[~_followed(points_m, faces, distance.argmin(axis=1))] = FAR
    nearest = distance.argmin(axis=1)
    best = distance.min(axis=1, keepdims=True)
    share = np.where(kin[nearest], np.exp(-SOFTNESS * (distance - best)), 0.0)
    return (share / share.sum(axis=1, keepdims=True)).astype(np.float32)


def _followed(points_m: Array, faces: npt.NDArray[np.uint32], nearest: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Which bones each point may follow (v, len(BONES)); ``nearest`` (v,) row of its nearest bone."""
    short = [bone.removeprefix("crl_") for bone in BONES]
    limb_of = np.array([_LIMB_OF.get(name.replace("__", "").removesuffix("C"), _TRUNK) for name in short])
    allowed = np.array([[name in limb for name in short] for limb in _LIMBS])
    _, welded = np.unique(np.round(points_m / WELD_M).astype(np.int64), axis=0, return_inverse=True)
    corner = welded.ravel()[faces.astype(np.int64)]
    edges = np.concatenate([corner[:, :2], corner[:, 1:]])
    count = int(corner.max()) + 1
    graph = coo_matrix((np.ones(len(edges), np.int8), (edges[:, 0], edges[:, 1])), shape=(count, count))
    pieces, piece = connected_components(graph, directed=False)
    piece = piece[welded.ravel()]
    votes = np.zeros((pieces, len(_LIMBS)))
    np.add.at(votes, (piece, limb_of[nearest]), 1.0)
    limb = votes.argmax(axis=1)
    legs = votes[:, 4:].sum(axis=1)
    limb[(limb >= 4) & (votes.max(axis=1) < LEG_SHARE * legs)] = _TRUNK
    return np.asarray(allowed[limb[piece]])


class PosedFigure(Variant):
    """A person in a pose. ``rest`` and ``pose``: position (3,) and rotation (3, 3) of each of BONES.

    skins: weights by model and level of detail, added to; the standing model decides them, whatever the pose.
    """

    def __init__(
        self,
        library: ModelLibrary,
        model: int,
        rest: Mapping[str, tuple[Array, Array]],
        pose: Mapping[str, tuple[Array, Array]],
        size: float,
        skins: dict[tuple[int, int], npt.NDArray[np.float32]],
    ) -> None:
        super().__init__()
        self._library, self._model, self._size, self._skins = library, model, size, skins
        self._joints = {bone: place for bone, (place, _) in rest.items()}
        turns, shifts = [], []
        for bone in BONES:
            turn = pose[bone][1] @ rest[bone][1].T
            turns.append(turn)
            shifts.append(pose[bone][0] - turn @ rest[bone][0])
        self._turn, self._shift = np.array(turns, np.float32), np.array(shifts, np.float32)

    def _make(self, lod: int) -> Level:
        level = library_level(self._library, self._model, lod)
        key = (self._model, lod)
        if key not in self._skins:
            points = level.vertices_m.astype(np.float64)
            self._skins[key] = weights(points, level.faces, self._joints, self._size)
        share = self._skins[key]
        stiff = np.unique(level.faces[np.isin(level.material, STIFF)])
        turn = np.tensordot(share, self._turn, axes=1)  # (v, 3, 3)
        vertices = np.einsum("vij,vj->vi", turn, level.vertices_m) + share @ self._shift
        normals = np.einsum("vij,vj->vi", turn, level.normals)
        vertices[stiff], normals[stiff] = level.vertices_m[stiff], level.normals[stiff]
        normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9)
        return replace(level, vertices_m=vertices.astype(np.float32), normals=normals.astype(np.float32))
