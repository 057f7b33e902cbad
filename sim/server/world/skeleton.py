"""The skeleton of CARLA's pedestrians: names, order and axes of its 66 bones, laid into our own figures.

CARLA's walkers share one skeleton. Its mesh component stands at the walker's feet and is turned by -90 degrees: the
figure looks along the component's y axis, its left hand is on +x. Bone transforms are rigid, in metres. How each
bone's own axes lie while the figure stands with its arms spread was measured by others on CARLA's models; here it is
rounded to whole degrees. A pose turns every bone by the least rotation that takes its spread direction to the present.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.spatial.transform import Rotation

from sim.server.scene.bodies.skeleton import Build, Joints
from sim.server.world.pose import rotation_matrices, rotation_matrix

Array = npt.NDArray[np.float64]

MODEL_FROM_COMPONENT: Array = rotation_matrix(0.0, -np.pi / 2.0, 0.0)
FINGERS = ("Thumb", "Index", "Middle", "Ring", "Pinky")


def _arm(side: str) -> list[tuple[str, str]]:
    chain = ["crl_spine01__C", *(f"crl_{part}__{side}" for part in ("shoulder", "arm", "foreArm", "hand"))]
    bones = list(zip(chain[1:], chain[:-1], strict=True))
    for finger in FINGERS:
        parent = chain[-1]
        for joint in ("", "01", "02", "End"):
            bones.append((f"crl_hand{finger}{joint}__{side}", parent))
            parent = bones[-1][0]
    return bones


def _leg(side: str) -> list[tuple[str, str]]:
    chain = ["crl_hips__C", *(f"crl_{part}__{side}" for part in ("thigh", "leg", "foot", "toe", "toeEnd"))]
    return list(zip(chain[1:], chain[:-1], strict=True))


_TREE: list[tuple[str, str]] = [
    ("crl_root", ""),
    ("crl_hips__C", "crl_root"),
    ("crl_spine__C", "crl_hips__C"),
    ("crl_spine01__C", "crl_spine__C"),
    *_arm("L"),
    ("crl_neck__C", "crl_spine01__C"),
    ("crl_Head__C", "crl_neck__C"),
    ("crl_eye__L", "crl_Head__C"),
    ("crl_eye__R", "crl_Head__C"),
    *_arm("R"),
    *_leg("R"),
    *_leg("L"),
]
NAMES: tuple[str, ...] = tuple(name for name, _ in _TREE)
"""Bones in the order in which CARLA lists them: parents first."""
ROW: dict[str, int] = {name: row for row, name in enumerate(NAMES)}
PARENT: npt.NDArray[np.int64] = np.array([ROW.get(parent, -1) for _, parent in _TREE], np.int64)
"""Row of each bone's parent, -1 for the root."""

_SPREAD: dict[str, tuple[tuple[float, float, float], tuple[float, float, float]]] = {
    # pitch, yaw, roll in degrees and direction of the bone, both in the component's axes, arms spread
    "crl_root": ((0, 0, 90), (0, 0, 1)),
    "crl_hips__C": ((0, 0, 90), (0, 0, 1)),
    "crl_spine__C": ((0, 0, 90), (0, 0, 1)),
    "crl_spine01__C": ((0, 0, 90), (0, 0, 1)),
    "crl_neck__C": ((0, 180, 81), (0, 0, 1)),
    "crl_Head__C": ((0, 180, 81), (0, 0, 1)),
    "crl_eye__L": ((0, 0, 90), (0, 0, 1)),
    "crl_eye__R": ((0, 180, 81), (0, 0, 1)),
    "crl_shoulder__L": ((-3, -11, 90), (1, 0, 0)),
    "crl_arm__L": ((-1, 0, -90), (1, 0, 0)),
    "crl_foreArm__L": ((-1, 15, -90), (0.966, 0.259, 0)),
    "crl_hand__L": ((0, -87, 90), (0.966, 0.259, 0)),
    "crl_shoulder__R": ((-3, -169, -90), (-1, 0, 0)),
    "crl_arm__R": ((1, 0, 90), (-1, 0, 0)),
    "crl_foreArm__R": ((1, -15, 90), (-0.966, 0.259, 0)),
    "crl_hand__R": ((0, 87, -90), (-0.966, 0.259, 0)),
    "crl_thigh__L": ((0, -15, 90), (0, 0, -1)),
    "crl_leg__L": ((0, -15, -87), (0, 0, -1)),
    "crl_foot__L": ((0, -15, -160), (0.25, 0.92, -0.31)),
    "crl_toe__L": ((-5, 74, 90), (0.25, 0.92, -0.31)),
    "crl_toeEnd__L": ((0, 164, 13), (0.25, 0.92, -0.31)),
    "crl_thigh__R": ((0, 15, -90), (0, 0, -1)),
    "crl_leg__R": ((0, 15, 93), (0, 0, -1)),
    "crl_foot__R": ((0, 15, -160), (-0.25, 0.92, -0.31)),
    "crl_toe__R": ((-5, 106, 90), (-0.25, 0.92, -0.31)),
    "crl_toeEnd__R": ((0, -164, -167), (-0.25, 0.92, -0.31)),
}
_FINGER_ACROSS_M = {"Thumb": 0.035, "Index": 0.026, "Middle": 0.008, "Ring": -0.010, "Pinky": -0.026}
"""Where a finger begins, towards the front of a hand that hangs down; forearms of 0.255 m, as all of these."""
_FINGER_BASE_M = {"Thumb": 0.03, "Index": 0.095, "Middle": 0.1, "Ring": 0.095, "Pinky": 0.085}
_FINGER_JOINT_M = (0.0, 0.036, 0.06, 0.08)
_FOREARM_M = 0.255
_ANKLE_M = 0.085
# shares of the way from the hip joints to the shoulder joints
_HIPS, _SPINE, _SPINE01, _NECK = 0.17, 0.38, 0.7, 1.06
_COLLARBONE = 0.28  # share of the half distance of the shoulder joints


@dataclass(frozen=True)
class Bones:
    """Rigid transforms of all bones in one frame: position_m (66, 3), rotation (66, 3, 3)."""

    position_m: Array
    rotation: Array

    def moved(self, rotation: Array, position_m: Array, scale: float = 1.0) -> Bones:
        """The same bones in a frame from which ours is seen at this pose, our lengths scaled first."""
        return Bones(self.position_m @ rotation.T * scale + position_m, rotation @ self.rotation)


def local_of(bones: Bones) -> Bones:
    """Each bone relative to its parent."""
    parent = np.maximum(PARENT, 0)
    back = bones.rotation[parent].transpose(0, 2, 1)
    position = np.einsum("bij,bj->bi", back, bones.position_m - bones.position_m[parent])
    rotation = back @ bones.rotation
    position[0], rotation[0] = bones.position_m[0], bones.rotation[0]
    return Bones(position, rotation)


def whole_of(local: Bones) -> Bones:
    """Bones in the frame of the root's parent, from each bone relative to its own parent."""
    position, rotation = local.position_m.copy(), local.rotation.copy()
    for row, parent in enumerate(PARENT.tolist()):
        if parent >= 0:
            position[row] = position[parent] + rotation[parent] @ local.position_m[row]
            rotation[row] = rotation[parent] @ local.rotation[row]
    return Bones(position, rotation)


def blended(first: Bones, second: Bones, share: float) -> Bones:
    """Between two sets of relative transforms: lengths linear, rotations by the shortest way."""
    turn = Rotation.from_matrix(first.rotation.transpose(0, 2, 1) @ second.rotation).as_rotvec()
    rotation = first.rotation @ Rotation.from_rotvec(share * turn).as_matrix()
    return Bones(first.position_m + share * (second.position_m - first.position_m), np.asarray(rotation))


def figure_bones(build: Build, joints: Joints) -> Bones:
    """The bones of a figure in the frame of its model (x forward, y right, feet on the ground)."""
    places = _places(build, joints)
    position = np.array([places[name] for name in NAMES])
    rotation = np.empty((len(NAMES), 3, 3))
    directions = _directions(joints)
    for row, name in enumerate(NAMES):
        if name in _SPREAD:
            degrees, spread = _SPREAD[name]
            axes = MODEL_FROM_COMPONENT @ rotation_matrices(np.radians(degrees))[0]
            rotation[row] = _turn(MODEL_FROM_COMPONENT @ np.array(spread, np.float64), directions[name]) @ axes
        else:
            rotation[row] = rotation[PARENT[row]]  # fingers lie as their hand does
    return Bones(position, rotation)


def _places(b: Build, j: Joints) -> dict[str, Array]:
    spine = j.chest - j.pelvis
    up = spine / np.linalg.norm(spine)
    at = {"crl_root": np.zeros(3), "crl_hips__C": j.pelvis + _HIPS * spine, "crl_spine__C": j.pelvis + _SPINE * spine}
    at["crl_spine01__C"] = j.pelvis + _SPINE01 * spine
    at["crl_neck__C"] = j.pelvis + _NECK * spine
    at["crl_Head__C"] = j.head - 0.32 * b.head_m * up
    for side, letter in enumerate("LR"):
        out = np.array([0.0, -1.0 if letter == "L" else 1.0, 0.0])
        at[f"crl_eye__{letter}"] = j.head + b.head_m * (np.array([0.38, 0.0, 0.05]) + 0.14 * out)
        middle = j.pelvis + (j.chest - j.pelvis) * 0.95
        at[f"crl_shoulder__{letter}"] = middle + _COLLARBONE * (j.shoulder[side] - middle)
        chain = (j.shoulder, j.elbow, j.wrist, j.hip, j.knee, j.ankle)
        for part, joint in zip(("arm", "foreArm", "hand", "thigh", "leg", "foot"), chain, strict=True):
            at[f"crl_{part}__{letter}"] = joint[side]
        along = _unit(j.wrist[side] - j.elbow[side])
        ahead = np.array([1.0, 0.0, 0.0])
        ahead = (
            _unit(ahead - along * float(ahead @ along)) if abs(float(ahead @ along)) < 0.99 else np.array([0, 0, 1.0])
        )
        size = b.forearm_m / _FOREARM_M
        for finger in FINGERS:
            foot = j.wrist[side] + size * (along * _FINGER_BASE_M[finger] + ahead * _FINGER_ACROSS_M[finger])
            for joint_name, reach in zip(("", "01", "02", "End"), _FINGER_JOINT_M, strict=True):
                at[f"crl_hand{finger}{joint_name}__{letter}"] = foot + size * reach * along
        size = b.ankle_m / _ANKLE_M
        sole = j.ankle[side] - np.array([0.0, 0.0, 0.45 * b.ankle_m])
        toe = _unit(j.toe[side])
        at[f"crl_toe__{letter}"], at[f"crl_toeEnd__{letter}"] = sole + 0.1 * size * toe, sole + 0.15 * size * toe
    return at


def _directions(j: Joints) -> dict[str, Array]:
    """Where each bone with axes of its own points."""
    spine = j.chest - j.pelvis
    out = dict.fromkeys(("crl_hips__C", "crl_spine__C", "crl_spine01__C", "crl_neck__C"), spine)
    up = np.array([0.0, 0.0, 1.0])
    out |= dict.fromkeys(("crl_root", "crl_Head__C", "crl_eye__L", "crl_eye__R"), up)
    for side, letter in enumerate("LR"):
        out[f"crl_shoulder__{letter}"] = j.shoulder[side] - j.pelvis - 0.95 * spine
        out[f"crl_arm__{letter}"] = j.elbow[side] - j.shoulder[side]
        out[f"crl_foreArm__{letter}"] = out[f"crl_hand__{letter}"] = j.wrist[side] - j.elbow[side]
        out[f"crl_thigh__{letter}"] = j.knee[side] - j.hip[side]
        out[f"crl_leg__{letter}"] = j.ankle[side] - j.knee[side]
        for part in ("foot", "toe", "toeEnd"):
            out[f"crl_{part}__{letter}"] = j.toe[side] - np.array([0.0, 0.0, 0.3])
    return out


def _unit(vector: Array) -> Array:
    return np.asarray(vector / np.linalg.norm(vector))


def _turn(start: Array, end: Array) -> Array:
    """The least rotation (3, 3) that takes the direction of ``start`` to that of ``end``."""
    a, b = _unit(start), _unit(end)
    axis, cosine = np.cross(a, b), float(a @ b)
    sine = float(np.linalg.norm(axis))
    if sine < 1e-9:
        if cosine > 0.0:
            return np.eye(3)
        axis = np.cross(a, [1.0, 0.0, 0.0] if abs(a[0]) < 0.9 else [0.0, 1.0, 0.0])
        sine = float(np.linalg.norm(axis))
    return np.asarray(Rotation.from_rotvec(axis / sine * np.arctan2(sine, cosine) if cosine > -1.0 + 1e-12
                                           else axis / sine * np.pi).as_matrix())  # fmt: skip
