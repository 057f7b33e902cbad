"""What lights and signs look like: poles, mast arms, heads with three lamps, sign plates, stop lines."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from sim.server.scene.ground import Ground
from sim.server.scene.mesh import Material, SignFace, Tag
from sim.server.scene.objects import Layer, ObjectBook
from sim.server.scene.roads import STOP_LINE_LENGTH_M, STOP_LINE_LIFT_M
from sim.server.scene.signals import LIGHT, SPEED_LIMIT, STOP, YIELD, PlacedSignal
from sim.server.scene.static import Box, Signal
from sim.server.scene.triangles import Triangles
from sim.server.scene.triggers import Approach

Array = npt.NDArray[np.float64]

LIGHT_POLE_M = (6.1, 0.10)
"""Height and radius; the arm leaves room for trucks (5.2 m) below the overhead head."""
ARM_BELOW_TOP_M = 0.15
HEAD_HALF_M = (0.11, 0.17, 0.50)
"""Half depth, width and height of a head with three 200 mm lamps."""
LAMP_RADIUS_M = 0.105
LAMP_STEP_M = 0.31
LAMP_SIDES = 10
NEAR_HEAD_M = 2.7
"""Height of the middle of the head on the pole, for the first car in the queue."""
SHORTEST_ARM_M, LONGEST_ARM_M = 1.2, 8.0
FOOT_DEPTH_M = 0.3
"""Poles reach into the ground, which may slope."""
SIGN_POLE_RADIUS_M = 0.04
SIGN_CENTRE_M = 2.35
SIGN_RADIUS_M = {STOP: 0.40, YIELD: 0.48, SPEED_LIMIT: 0.36}
SIGN_NAME = {STOP: "BP_Stop", YIELD: "BP_Yield"}
SIGN_SIDES = {STOP: 8, YIELD: 3, SPEED_LIMIT: 16}
SIGN_PHASE_RAD = {STOP: math.pi / 8.0, YIELD: -math.pi / 2.0, SPEED_LIMIT: 0.0}
"""Direction of the first corner: octagons stand on an edge, the yield triangle on its tip."""


def add_signals(
    triangles: Triangles, placed: Sequence[PlacedSignal], book: ObjectBook
) -> tuple[tuple[Signal, ...], list[Box]]:
    """Shapes of all signals; pole, heads and plates are objects of their own.

    Returns the signals with their lamp boxes, and the poles as obstacles.
    """
    signals: list[Signal] = []
    poles: list[Box] = []
    for index, item in enumerate(placed):
        if item.kind == LIGHT:
            boxes, owner = _add_light(triangles, item, index, book)
            signals.append(replace(item.signal, lamp_boxes=boxes))
            poles.append(_pole_box(item.signal, *LIGHT_POLE_M, owner))
        else:
            owner = _add_sign(triangles, item, index, book)
            signals.append(item.signal)
            poles.append(_pole_box(item.signal, SIGN_CENTRE_M, SIGN_POLE_RADIUS_M, owner))
    return tuple(signals), poles


def add_stop_lines(triangles: Triangles, placed: Sequence[PlacedSignal], ground: Ground, book: ObjectBook) -> None:
    """A bar across every lane that must stop; yield signs have none."""
    lanes: dict[tuple[int, int], Approach] = {}
    for item in placed:
        if item.kind in (LIGHT, STOP):
            lanes.update({(a.road, a.lane): a for a in item.approaches})
    bars = list(lanes.values())
    points = np.array([lane.point_m for lane in bars]).reshape(-1, 3)
    yaws = np.array([math.atan2(lane.forward[1], lane.forward[0]) for lane in bars])
    owners = book.add(book.number("Road_StopLine", len(bars)), Tag.ROAD_LINES, Layer.NONE, points, yaws)
    for lane, owner in zip(bars, owners.tolist(), strict=True):
        right = np.array([-lane.forward[1], lane.forward[0]]) * (lane.width_m / 2.0 - 0.1)  # clear of the edge marks
        front = lane.point_m[:2]
        back = front - lane.forward * STOP_LINE_LENGTH_M
        corners = np.array([front - right, front + right, back + right, back - right])
        heights = ground.heights(np.column_stack([corners, np.full(4, lane.point_m[2])])) + STOP_LINE_LIFT_M
        bar, up = np.column_stack([corners, heights])[None], [[0.0, 0.0, 1.0]]
        triangles.add_quads(bar, up, (0.0, 0.0, 0.0), Material.STOP_LINE, owner=owner)


def _shift(point: Array, level: Array | tuple[float, float] = (0.0, 0.0), up: float = 0.0) -> Array:
    """A point moved by ``level`` (2,) and ``up``."""
    out: Array = point + np.array([level[0], level[1], up])
    return out


def _pole_box(signal: Signal, height_m: float, radius_m: float, owner: int) -> Box:
    x, y, z = signal.position_m
    return Box((x, y, z + height_m / 2.0), (radius_m, radius_m, height_m / 2.0), 0.0, int(Tag.POLES), owner)


def _add_light(triangles: Triangles, item: PlacedSignal, index: int, book: ObjectBook) -> tuple[Array, int]:
    """Pole, arm and heads of one light; returns the heads' boxes (k, 7) and the pole's object."""
    foot = np.array(item.signal.position_m)
    height, radius = LIGHT_POLE_M
    top = _shift(foot, up=height)
    face = -item.forward
    name, yaw = f"BP_TrafficLight_{index}", math.atan2(face[1], face[0])
    pole = int(book.add([f"{name}_Poles_0"], Tag.POLES, Layer.NONE, foot, yaw)[0])
    radii = np.array([[radius, 0.7 * radius]])
    triangles.add_cylinders(_shift(foot, up=-FOOT_DEPTH_M), top, radii, Material.POLE, owner=pole)
    right = np.array([-item.forward[1], item.forward[0]])
    offsets = sorted({round(float((a.point_m[:2] - foot[:2]) @ right), 1) for a in item.approaches}, key=abs)
    reach = [o for o in offsets if SHORTEST_ARM_M <= abs(o) <= LONGEST_ARM_M]
    if not reach and offsets:
        reach = [float(np.clip(abs(offsets[0]), SHORTEST_ARM_M, LONGEST_ARM_M)) * (1.0 if offsets[0] > 0 else -1.0)]
    heads = [_shift(foot, face * (radius + HEAD_HALF_M[0]), NEAR_HEAD_M)]
    if reach:
        arm_foot = _shift(top, up=-ARM_BELOW_TOP_M)
        arm_end = _shift(arm_foot, right * (reach[-1] + math.copysign(0.3, reach[-1])), 0.05)
        triangles.add_cylinders(arm_foot, arm_end, np.array([[0.06, 0.045]]), Material.POLE, 6, owner=pole)
        heads.extend(_shift(arm_foot, right * o + face * 0.12, 0.12 - HEAD_HALF_M[2]) for o in reach)
    centres = np.array(heads)
    names = [f"{name}_TrafficLight_{k + 1}" for k in range(len(heads))]
    owners = book.add(names, Tag.TRAFFIC_LIGHT, Layer.NONE, centres, yaw)
    triangles.add_boxes(centres, HEAD_HALF_M, yaw, Material.SIGNAL_HOUSING, owner=owners)
    lamps = zip((Material.SIGNAL_RED, Material.SIGNAL_YELLOW, Material.SIGNAL_GREEN), (1.0, 0.0, -1.0), strict=True)
    for material, place in lamps:
        for centre, owner in zip(centres, owners.tolist(), strict=True):
            lamp = _shift(centre, face * (HEAD_HALF_M[0] + 0.005), place * LAMP_STEP_M)
            _add_disc(triangles, lamp, face, LAMP_RADIUS_M, LAMP_SIDES, 0.0, material, index, owner)
    half = np.tile(HEAD_HALF_M, (len(centres), 1))
    return np.column_stack([centres, half, np.full(len(centres), yaw)]), pole


def _add_sign(triangles: Triangles, item: PlacedSignal, index: int, book: ObjectBook) -> int:
    """Pole and plate of one sign; returns the pole's object."""
    foot = np.array(item.signal.position_m)
    centre = _shift(foot, up=SIGN_CENTRE_M)
    radius = SIGN_RADIUS_M[item.kind]
    top = _shift(centre, up=radius * 0.8)
    face = -item.forward
    stem = f"BP_SpeedLimit{round(item.value)}" if item.kind == SPEED_LIMIT else SIGN_NAME[item.kind]
    yaw = math.atan2(face[1], face[0])
    pole = int(book.add([f"{stem}_{index}_SM_0"], Tag.POLES, Layer.NONE, foot, yaw)[0])
    plate = int(book.add([f"{stem}_{index}_SM_1"], Tag.TRAFFIC_SIGNS, Layer.NONE, centre, yaw)[0])
    triangles.add_cylinders(_shift(foot, up=-FOOT_DEPTH_M), top, SIGN_POLE_RADIUS_M, Material.POLE, 6, owner=pole)
    faces = {STOP: int(SignFace.STOP), YIELD: int(SignFace.YIELD)}
    param = faces.get(item.kind, int(SignFace.SPEED) + round(item.value))
    sides, phase = SIGN_SIDES[item.kind], SIGN_PHASE_RAD[item.kind]
    front = _shift(centre, face * (SIGN_POLE_RADIUS_M + 0.02))
    _add_disc(triangles, front, face, radius, sides, phase, Material.SIGN_FACE, param, plate)
    back = _shift(centre, face * (SIGN_POLE_RADIUS_M + 0.005))
    _add_disc(triangles, back, -face, radius, sides, math.pi - phase, Material.SIGN_BACK, param, plate)
    return pole


def _add_disc(
    triangles: Triangles,
    centre: Array,
    face: Array,
    radius: float,
    sides: int,
    phase: float,
    material: Material,
    param: int,
    owner: int,
) -> None:
    """A regular polygon looking along ``face`` (2,); uvw = 0..1 to the right and up as seen from the front."""
    angle = phase + np.arange(sides) * (2.0 * math.pi / sides)
    across, up = np.cos(angle), np.sin(angle)
    right = np.array([face[1], -face[0], 0.0])  # of someone who looks at the face, in the left-handed world
    vertex = centre + radius * (across[:, None] * right + up[:, None] * np.array([0.0, 0.0, 1.0]))
    uvw = np.stack([0.5 + across / 2.0, 0.5 + up / 2.0, np.zeros(sides)], axis=1)
    k = np.arange(1, sides - 1)
    faces = np.stack([0 * k, k, k + 1], axis=1)
    triangles.add(vertex, (face[0], face[1], 0.0), uvw, faces, material, param, owner)
