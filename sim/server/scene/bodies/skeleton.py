"""Poses of people: where the joints are while standing, walking and riding.

Joint positions in metres for a figure of ``Build`` proportions; x forward, y right, z up, the feet on z = 0.
Angles of the walk follow the gait curves in D. Winter, "Biomechanics and Motor Control of Human Movement"
(hip +-25 degrees, knee up to 62 degrees in mid-swing), simplified to sines.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from sim.server.scene.bodies.parts import Floats

WALK_PHASES = 8
HIP_SWING_RAD = np.radians(25.0)
KNEE_SWING_RAD = np.radians(57.0)
ARM_SWING_RAD = np.radians(24.0)
STANDING_THIGH_RAD = np.array([0.20, -0.06])
STANCE = 0.065  # how much the legs of one who stands point outward for each part down: feet as wide as shoulders
SHOULDER_SHARE = 0.92  # the arms hang from a little below the top of the trunk


@dataclass(frozen=True)
class Build:
    """Lengths of a body in metres; girth scales all thicknesses."""

    height_m: float = 1.78
    shoulder_m: float = 0.20  # half distance of the shoulder joints: with the upper arms half a metre, as men have
    hip_m: float = 0.088
    thigh_m: float = 0.43
    shin_m: float = 0.42
    ankle_m: float = 0.085
    trunk_m: float = 0.53  # hip joints to shoulder joints
    upper_arm_m: float = 0.29
    forearm_m: float = 0.255
    head_m: float = 0.235  # chin to crown
    girth: float = 1.0
    belly: float = 0.0


def resized(build: Build, factor: float) -> Build:
    """The same proportions at ``factor`` times the size."""
    return Build(*(getattr(build, f.name) * factor for f in fields(Build)))


@dataclass(frozen=True)
class Joints:
    """pelvis, chest (between the shoulders), head (centre) (3,); per side (left, right): hip, knee, ankle,
    toe direction, shoulder, elbow, wrist (2, 3)."""

    pelvis: Floats
    chest: Floats
    head: Floats
    hip: Floats
    knee: Floats
    ankle: Floats
    toe: Floats
    shoulder: Floats
    elbow: Floats
    wrist: Floats


SIDES = np.array([-1.0, 1.0])


def _swing(angle: npt.NDArray[np.float64]) -> Floats:
    """Downward unit vectors (2, 3) swung forward by ``angle`` (2,) about the y axis."""
    return np.stack([np.sin(angle), np.zeros_like(angle), -np.cos(angle)], axis=1)


def upright(build: Build, phase_rad: float | None) -> Joints:
    """Walking at ``phase_rad`` of the gait cycle (0: left thigh passing the vertical), standing at None."""
    if phase_rad is None:
        thigh = STANDING_THIGH_RAD  # the weight is on the right leg, the left one is set a little forward
        knee_bend = np.array([0.16, 0.03])
        arm, elbow_bend, spread = np.array([-0.12, 0.14]), np.array([0.42, 0.55]), 0.40
        lean, stance = 0.02, STANCE
    else:
        phi = phase_rad + np.array([0.0, np.pi])
        thigh = HIP_SWING_RAD * np.sin(phi) + 0.06
        knee_bend = 0.08 + KNEE_SWING_RAD * np.maximum(np.cos(phi + 0.35), 0.0) ** 2
        arm = -ARM_SWING_RAD * np.sin(phi) + 0.02
        elbow_bend, spread = 0.30 + 0.22 * np.maximum(-np.sin(phi), 0.0), 0.28
        lean, stance = 0.045, 0.0
    pelvis = np.array([0.0, 0.0, build.ankle_m + build.shin_m + build.thigh_m])
    chest = pelvis + build.trunk_m * np.array([np.sin(lean), 0.0, np.cos(lean)])
    head = chest + np.array([0.02, 0.0, build.height_m - chest[2] - build.head_m / 2])
    hip = pelvis + np.outer(SIDES * build.hip_m, [0.0, 1.0, 0.0])
    knee = hip + build.thigh_m * _out(_swing(thigh), stance)
    ankle = knee + build.shin_m * _out(_swing(thigh - knee_bend), stance)
    pitch = np.clip(0.75 * (thigh - knee_bend) + 0.05, -0.9, 0.32)
    toe = np.stack([np.cos(pitch), SIDES * 0.14, np.sin(pitch)], axis=1)
    shoulder = pelvis + SHOULDER_SHARE * (chest - pelvis) + np.outer(SIDES * build.shoulder_m, [0.0, 1.0, 0.0])
    elbow = shoulder + build.upper_arm_m * _out(_swing(arm), spread)
    wrist = elbow + build.forearm_m * _out(_swing(arm + elbow_bend), spread * 0.2)
    return Joints(pelvis, chest, head, hip, knee, ankle, toe, shoulder, elbow, wrist)


def _out(direction: Floats, spread: float) -> Floats:
    tilted = direction + np.outer(SIDES * spread, [0.0, 1.0, 0.0])
    return np.asarray(tilted / np.linalg.norm(tilted, axis=1, keepdims=True))


def seated(
    build: Build,
    pelvis_m: tuple[float, float, float],
    feet_m: npt.ArrayLike,
    hands_m: npt.ArrayLike,
    lean_rad: float,
    splay: float = 0.18,
    elbows_out: float = 0.7,
) -> Joints:
    """Riding: the pelvis on a saddle, ankles ``feet_m`` (2, 3) on pegs or pedals, wrists ``hands_m`` (2, 3) on bars.

    ``splay`` and ``elbows_out`` are how much knees point outward for each part forward, elbows for each part down.
    Limbs that do not reach are stretched straight towards their target.
    """
    pelvis = np.asarray(pelvis_m, np.float64)
    feet, hands = np.asarray(feet_m, np.float64), np.asarray(hands_m, np.float64)
    chest = pelvis + build.trunk_m * np.array([np.sin(lean_rad), 0.0, np.cos(lean_rad)])
    nod = 0.45 * lean_rad
    head = chest + (build.head_m / 2 + 0.115) * np.array([np.sin(nod) + 0.15, 0.0, np.cos(nod)])
    hip = pelvis + np.outer(SIDES * build.hip_m, [0.0, 1.0, 0.0])
    shoulder = pelvis + SHOULDER_SHARE * (chest - pelvis) + np.outer(SIDES * build.shoulder_m, [0.0, 1.0, 0.0])
    ahead = np.stack([np.ones(2), SIDES * splay, np.full(2, 0.6)], axis=1)
    below = np.stack([np.full(2, -0.2), SIDES * elbows_out, np.full(2, -0.8)], axis=1)
    knee = np.stack([_bend(h, a, build.thigh_m, build.shin_m, d) for h, a, d in zip(hip, feet, ahead, strict=True)])
    elbow = np.stack(
        [_bend(s, w, build.upper_arm_m, build.forearm_m, d) for s, w, d in zip(shoulder, hands, below, strict=True)]
    )
    toe = np.tile([1.0, 0.0, -0.12], (2, 1))
    return Joints(pelvis, chest, head, hip, knee, feet, toe, shoulder, elbow, hands)


def _bend(start: Floats, end: Floats, first_m: float, second_m: float, towards: Floats) -> Floats:
    """Middle joint of a two-bone chain from start to end that bends ``towards`` (law of cosines)."""
    span = end - start
    distance = float(np.linalg.norm(span))
    axis = span / distance
    along = (distance**2 + first_m**2 - second_m**2) / (2.0 * distance)
    height = np.sqrt(max(first_m**2 - along**2, 0.0))
    side = towards - axis * float(towards @ axis)
    return np.asarray(start + axis * along + side / np.linalg.norm(side) * height)
