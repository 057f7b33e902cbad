"""Lamps that light the night: street lamps, head lamps, tail lamps."""

from __future__ import annotations

import numpy as np

from sim.server.scene.models import ModelLibrary
from sim.server.sensors.bodies import HIGH_BEAM
from sim.server.sensors.columns import (
    BEAM,
    LAMP_COLUMNS,
    LAMP_COS_OUTER,
    LAMP_DIR,
    LAMP_FADE,
    LAMP_KIND,
    LAMP_MAIN,
    LAMP_PER_RIM,
    LAMP_POS,
    LAMP_POWER,
    LAMP_RANGE,
    LAMP_RGB,
    LAMP_SOFT,
    LAMP_UP,
    LIT_BRAKE,
    LIT_HEAD,
    LIT_TAIL,
)
from sim.server.sensors.instances import Instances
from sim.server.sensors.kernel import F32, F64, I64
from sim.server.world.pose import rotation_matrices

REACH_M = 150.0  # lamps further away do not light anything that is seen
HEAD, TAIL = 1, 2  # kinds in ModelLibrary.lamps_m
PAIR_APART_M = 30.0  # head lamps of a vehicle further away are one lamp of double power
UNLIT = 0.1  # LIT_HEAD of lamps that are off is below: they look like glass, they light nothing
# power, range m, softening m2, RGB, cosine outer, cosine inner. Power 1 is about 35 lx at a metre's distance squared:
# a street lamp of 8 m lights the ground below it with 20 lx
STREET = (36.0, 18.0, 1.0, (1.0, 0.78, 0.50), 0.20, 0.75)
# 4 kcd where it is brightest, half of what R112 asks for, and soft near by: else the car ahead is white all over
# at the exposure of a lit street, for which an eye or a camera of more stops would adapt
HEADLAMP = (120.0, 70.0, 40.0, (1.0, 0.95, 0.86), 0.7072, 0.985)
TAILLAMP = (0.5, 6.0, 1.0, (1.0, 0.05, 0.03), 0.0, 0.6)
BRAKE_GAIN = 1.2


def lamp_table(
    eye_m: F64,
    street_m: F32,
    street_rgb: F32,
    bodies: Instances,
    attributes: F32,
    library: ModelLibrary,
) -> F32:
    """Lamps (n, LAMP_COLUMNS) that may light what a camera at ``eye_m`` sees.

    street_m (k, 6): place and direction; street_rgb (k, 3): light relative to an ordinary street lamp's.
    """
    near = np.linalg.norm(street_m[:, :3] - eye_m, axis=1) < REACH_M
    street = _lamps(street_m[near, :3], street_m[near, 3:6], STREET, np.ones(np.count_nonzero(near)))
    street[:, LAMP_RGB : LAMP_RGB + 3] *= street_rgb[near]
    rows = [street, *_vehicle_lamps(eye_m, bodies, attributes, library)]
    return np.ascontiguousarray(np.concatenate(rows), np.float32)


def _lamps(
    position_m: F64 | F32,
    direction: F64 | F32,
    kind: tuple[float, float, float, tuple[float, float, float], float, float],
    gain: F64,
) -> F32:
    """Rows of the lamp table for lamps of one kind."""
    power, reach, soft, rgb, outer, inner = kind
    table = np.zeros((len(position_m), LAMP_COLUMNS), np.float32)
    table[:, LAMP_POS : LAMP_POS + 3] = position_m
    table[:, LAMP_DIR : LAMP_DIR + 3] = direction / np.maximum(np.linalg.norm(direction, axis=1, keepdims=True), 1e-6)
    table[:, LAMP_RGB : LAMP_RGB + 3] = rgb
    table[:, LAMP_COS_OUTER], table[:, LAMP_PER_RIM] = outer, 1.0 / (inner - outer)
    table[:, LAMP_POWER], table[:, LAMP_RANGE], table[:, LAMP_SOFT] = power * gain, reach, soft
    table[:, LAMP_FADE] = 1.0 / reach**2
    return table


def _vehicle_lamps(eye_m: F64, bodies: Instances, attributes: F32, library: ModelLibrary) -> list[F32]:
    """Head and tail lamps of the vehicles that have them on."""
    on = (attributes[:, LIT_HEAD] > 0) | (attributes[:, LIT_TAIL] > 0) | (attributes[:, LIT_BRAKE] > 0)
    rows: I64 = np.flatnonzero(on & (np.linalg.norm(bodies.position_m - eye_m, axis=1) < REACH_M))
    if not len(rows):
        return []
    rotation = rotation_matrices(bodies.rotation_rad[rows])
    heads: list[tuple[F64, F64, float]] = []
    beams: list[tuple[F64, float]] = []
    tails: list[tuple[F64, F64, float]] = []
    for k, row in enumerate(rows):
        lamps = library.lamps_m[bodies.model[row]]
        forward = rotation[k, :, 0]
        head = lamps[lamps[:, 3] == HEAD, :3] * bodies.scale[row]
        if attributes[row, LIT_HEAD] > UNLIT and len(head):
            apart = np.linalg.norm(bodies.position_m[row] - eye_m) < PAIR_APART_M
            shown = head if apart else head.mean(axis=0, keepdims=True)
            main = float((int(bodies.light_state[row]) & HIGH_BEAM) != 0)
            for p in shown:
                at = rotation[k] @ (p + np.array([0.06, 0.0, 0.0])) + bodies.position_m[row]
                heads.append((at, forward, len(head) / len(shown)))
                beams.append((rotation[k, :, 2], main))
        tail = lamps[lamps[:, 3] == TAIL, :3] * bodies.scale[row]
        strength = float(attributes[row, LIT_TAIL] + BRAKE_GAIN * attributes[row, LIT_BRAKE])
        if strength > 0 and len(tail):
            at = rotation[k] @ (tail.mean(axis=0) - [0.25, 0.0, 0.0]) + bodies.position_m[row]
            tails.append((at, -forward + np.array([0.0, 0.0, -0.15]), strength))
    out = []
    for lit, kind in ((heads, HEADLAMP), (tails, TAILLAMP)):
        if lit:
            gain = np.array([x[2] for x in lit])
            out.append(_lamps(np.array([x[0] for x in lit]), np.array([x[1] for x in lit]), kind, gain))
    if heads:
        out[0][:, LAMP_KIND] = BEAM
        out[0][:, LAMP_UP : LAMP_UP + 3] = [up for up, _ in beams]
        out[0][:, LAMP_MAIN] = [main for _, main in beams]
    return out
