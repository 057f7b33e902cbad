"""Contacts between upright boxes (vehicles, props, scenery) and upright cylinders (walkers).

Broad phase: static boxes in a uniform grid, moving bodies sorted along x; a pair is kept if it can touch within
the tick. Narrow phase, every sub-step: separating axes in the plane and an overlap of heights. Response: an
impulse at the contact point with restitution and Coulomb friction, and a push apart (Catto, Box2D).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit

from sim.server.world.bodies import VEHICLE, WALKER, Bodies
from sim.server.world.contact_shapes import body_shape, box_shape, touch
from sim.server.world.tumble_kernel import free_give, free_strike, mass_centre
from sim.server.world.walkers import KNOCK_MPS, KNOCKED_S

CELL_M = 16.0
"""Grid cell of the static boxes: about two buildings or a row of parked cars."""
RESTITUTION = 0.15
"""Cars crumple: at 10 m/s about an eighth of the closing speed comes back (crash tests: 0.1 to 0.2)."""
SOFT_SPEED_MPS = 1.0
"""Slower touches do not bounce."""
FRICTION = 0.4
"""Metal on metal or concrete, dry."""
SLOP_M = 0.01
"""Overlap left uncorrected, so that resting contacts stay contacts."""
ON_TOP_M = 0.06
"""A tumbling body that was no deeper than this in another one's upper or lower side came from above or below."""
PUSH_SHARE = 0.4
"""Share of the overlap corrected per sub-step; below 1 for neighbours that push back."""

IMPULSE_X, IMPULSE_Y, IMPULSE_Z, POINT_X, POINT_Y, POINT_Z, TOTAL = range(7)
"""Columns of what the sub-steps of a tick add up for each pair; points are weighted by impulse."""

StaticGrid = tuple[
    npt.NDArray[np.float64],  # (m, 7) box: centre x y, low z, high z, half x y, yaw
    npt.NDArray[np.float64],  # (4,) x0, y0, columns, rows
    npt.NDArray[np.int64],  # (cells + 1,) first entry of each cell
    npt.NDArray[np.int64],  # (entries,) box of each entry
]


def static_grid(boxes: npt.NDArray[np.float64]) -> StaticGrid:
    """Index boxes ``(m, 7)``: centre x y z, half sizes x y z, yaw."""
    boxes = np.asarray(boxes, np.float64).reshape(-1, 7)
    table = np.column_stack(
        [boxes[:, :2], boxes[:, 2] - boxes[:, 5], boxes[:, 2] + boxes[:, 5], boxes[:, 3:5], boxes[:, 6]]
    )
    cos, sin = np.abs(np.cos(boxes[:, 6])), np.abs(np.sin(boxes[:, 6]))
    reach = np.column_stack([cos * boxes[:, 3] + sin * boxes[:, 4], sin * boxes[:, 3] + cos * boxes[:, 4]])
    low, high = boxes[:, :2] - reach, boxes[:, :2] + reach
    origin = low.min(axis=0) if len(boxes) else np.zeros(2)
    first = np.floor((low - origin) / CELL_M).astype(np.int64)
    last = np.floor((high - origin) / CELL_M).astype(np.int64)
    columns, rows = (last.max(axis=0) + 1) if len(boxes) else (1, 1)
    cells: list[list[int]] = [[] for _ in range(int(columns) * int(rows))]
    for box in range(len(boxes)):
        for j in range(first[box, 1], last[box, 1] + 1):
            for i in range(first[box, 0], last[box, 0] + 1):
                cells[j * int(columns) + i].append(box)
    start = np.zeros(len(cells) + 1, np.int64)
    start[1:] = np.cumsum([len(c) for c in cells])
    entry = np.array([box for cell in cells for box in cell], np.int64)
    return table, np.array([*origin, columns, rows], np.float64), start, entry


@njit(cache=True, nogil=True)
def _reach(b: Any, dt: float) -> float:
    """Radius around the position that the body cannot leave within ``dt`` (20 m/s^2: more than any tyre gives)."""
    size = math.hypot(b.half[0], b.half[1]) + math.hypot(b.centre[0], b.centre[1])
    if b.tumbling:
        size += b.half[2] + b.centre[2]
    return size + (math.hypot(b.velocity[0], b.velocity[1]) + 20.0 * dt) * dt + SLOP_M


@njit(cache=True, nogil=True)
def _movable(b: Any) -> bool:
    return bool(b.simulate and b.collide)


@njit(cache=True, nogil=True)
def _pair_matters(a: Any, b: Any) -> bool:
    """At least one can move; a walker without collisions is still felt by vehicles (see ``solve_pairs``)."""
    if not (_movable(a) or _movable(b)):
        return False
    sensed = (a.kind == WALKER and b.kind == VEHICLE) or (a.kind == VEHICLE and b.kind == WALKER)
    return bool((a.collide and b.collide) or sensed)


@njit(cache=True, nogil=True)
def find_pairs(bodies: Bodies, grid: Any, dt: float, pairs: npt.NDArray[np.int64]) -> int:
    """Pairs that can touch within ``dt``: rows (body, other body) or (body, -1 - static box); returns their number.

    More than ``len(pairs)`` are counted but not stored.
    """
    count = 0
    n = len(bodies)
    low = np.empty(n)
    reach = np.empty(n)
    for i in range(n):
        reach[i] = _reach(bodies[i], dt)
        low[i] = bodies[i].position[0] - reach[i]
    order = np.argsort(low, kind="mergesort")
    for at in range(n):
        i = order[at]
        high = bodies[i].position[0] + reach[i]
        for k in range(at + 1, n):
            j = order[k]
            if low[j] > high:
                break
            dx = bodies[i].position[0] - bodies[j].position[0]
            dy = bodies[i].position[1] - bodies[j].position[1]
            near = reach[i] + reach[j]
            if dx * dx + dy * dy < near * near and _pair_matters(bodies[i], bodies[j]):
                if count < len(pairs):
                    pairs[count, 0], pairs[count, 1] = min(i, j), max(i, j)
                count += 1
    boxes, meta, start, entry = grid
    columns, rows = int(meta[2]), int(meta[3])
    seen = np.full(len(boxes), -1, np.int64)
    for i in range(n):
        b = bodies[i]
        if not _movable(b) or len(boxes) == 0:
            continue
        x, y, r = b.position[0] - meta[0], b.position[1] - meta[1], reach[i]
        for row in range(max(int((y - r) // CELL_M), 0), min(int((y + r) // CELL_M), rows - 1) + 1):
            for column in range(max(int((x - r) // CELL_M), 0), min(int((x + r) // CELL_M), columns - 1) + 1):
                cell = row * columns + column
                for e in range(start[cell], start[cell + 1]):
                    k = entry[e]
                    near = r + math.hypot(boxes[k, 4], boxes[k, 5])
                    dx, dy = b.position[0] - boxes[k, 0], b.position[1] - boxes[k, 1]
                    if seen[k] != i and dx * dx + dy * dy < near * near:
                        seen[k] = i
                        if count < len(pairs):
                            pairs[count, 0], pairs[count, 1] = i, -1 - k
                        count += 1
    return count


@njit(cache=True, nogil=True)
def _strike(a: Any, r: Any, jx: float, jy: float, jz: float) -> None:
    """Apply the impulse at offset r; upright bodies are held by the ground and take its level part only."""
    if a.tumbling:
        free_strike(a, r, jx, jy, jz)
        return
    a.velocity[0] += jx / a.mass
    a.velocity[1] += jy / a.mass
    if a.kind != WALKER:
        a.yaw_rate += (r[0] * jy - r[1] * jx) / a.inertia
    elif math.hypot(jx, jy) > KNOCK_MPS * a.mass:
        a.knocked_s = KNOCKED_S


@njit(cache=True, nogil=True)
def _give(b: Any, r: Any, ux: float, uy: float, uz: float) -> float:
    """Speed along the unit vector u that a unit impulse along it at offset r gives: the inverse effective mass."""
    if b.tumbling:
        return free_give(b, r, ux, uy, uz)
    if uz != 0.0:
        return 0.0  # stands on the ground
    turn = 0.0 if b.kind == WALKER else (r[0] * uy - r[1] * ux) ** 2 / b.inertia
    return float(1.0 / b.mass + turn)


@njit(cache=True, nogil=True)
def _offset(b: Any, x: float, y: float, z: float) -> tuple[float, float, float]:
    """From the mass centre to a world point; level for upright bodies."""
    if b.tumbling:
        cx, cy, cz = mass_centre(b)
        return x - cx, y - cy, z - cz
    cos, sin = math.cos(b.rotation[1]), math.sin(b.rotation[1])
    cx, cy = b.mass_centre[0], b.mass_centre[1]
    return x - b.position[0] - (cos * cx - sin * cy), y - b.position[1] - (sin * cx + cos * cy), 0.0


@njit(cache=True, nogil=True)
def _point_velocity(b: Any, r: Any) -> tuple[float, float, float]:
    if b.tumbling:
        w = b.spin
        return (
            b.velocity[0] + w[1] * r[2] - w[2] * r[1],
            b.velocity[1] + w[2] * r[0] - w[0] * r[2],
            b.velocity[2] + w[0] * r[1] - w[1] * r[0],
        )
    turn = 0.0 if b.kind == WALKER else b.yaw_rate
    return b.velocity[0] - turn * r[1], b.velocity[1] + turn * r[0], b.velocity[2]


@njit(cache=True, nogil=True)
def _impulse(a: Any, b: Any, static: bool, at: Any, n: Any) -> tuple[Any, Any, Any]:
    """Impulse on a at the world point ``at``, n pointing from b to a, and the offsets of that point from both mass
    centres; b is meaningless where ``static``."""
    ra = _offset(a, at[0], at[1], at[2])
    rb = (0.0, 0.0, 0.0)
    vx, vy, vz = _point_velocity(a, ra)
    moves_a, moves_b = _movable(a), not static and _movable(b)
    if not static:
        rb = _offset(b, at[0], at[1], at[2])
        bx, by, bz = _point_velocity(b, rb)
        vx, vy, vz = vx - bx, vy - by, vz - bz
    closing = -(vx * n[0] + vy * n[1] + vz * n[2])
    if closing <= 0.0:
        return (0.0, 0.0, 0.0), ra, rb
    tx, ty = -n[1], n[0]  # friction acts in the level plane: along the touched side, or against the slide on top
    if n[2] != 0.0:
        size = math.hypot(vx, vy)
        tx, ty = (vx / size, vy / size) if size > 1e-9 else (1.0, 0.0)
    give_n = give_t = 0.0
    # a walker that only reports is weighed as if it could move
    if moves_a or (not static and a.kind == WALKER):
        give_n, give_t = _give(a, ra, n[0], n[1], n[2]), _give(a, ra, tx, ty, 0.0)
    if moves_b or (not static and b.kind == WALKER):
        give_n += _give(b, rb, n[0], n[1], n[2])
        give_t += _give(b, rb, tx, ty, 0.0)
    if give_n <= 0.0:
        return (0.0, 0.0, 0.0), ra, rb
    bounce = RESTITUTION if closing > SOFT_SPEED_MPS else 0.0
    jn = (1.0 + bounce) * closing / give_n
    jt = -(vx * tx + vy * ty) / give_t
    jt = min(max(jt, -FRICTION * jn), FRICTION * jn)
    return (jn * n[0] + jt * tx, jn * n[1] + jt * ty, jn * n[2]), ra, rb


@njit(cache=True, nogil=True)
def _push_apart(a: Any, b: Any, static: bool, depth: float, n: Any) -> None:
    push = PUSH_SHARE * max(depth - SLOP_M, 0.0)
    inverse_a = 1.0 / a.mass if _movable(a) and (a.tumbling or n[2] == 0.0) else 0.0
    inverse_b = 1.0 / b.mass if not static and _movable(b) and (b.tumbling or n[2] == 0.0) else 0.0
    total = inverse_a + inverse_b
    if total <= 0.0:
        return
    for axis in range(3):
        a.position[axis] += push * inverse_a / total * n[axis]
        if not static:
            b.position[axis] -= push * inverse_b / total * n[axis]


@njit(cache=True, nogil=True)
def _lies_on(a: Any, b: Any, static: bool, shape_a: Any, shape_b: Any, dt: float) -> tuple[float, float]:
    """How deep a tumbling body has sunk into what it came down on, and the normal's z from b to a; 0 if it did not.

    It came from above if a sub-step ago it was no deeper than ON_TOP_M.
    """
    if not (a.tumbling or (not static and b.tumbling)):
        return 0.0, 0.0
    above = shape_a[2] + shape_a[3] > shape_b[2] + shape_b[3]
    depth = shape_b[3] - shape_a[2] if above else shape_a[3] - shape_b[2]
    falling = b.velocity[2] if not static else 0.0
    falling = falling - a.velocity[2] if above else a.velocity[2] - falling
    if depth - max(falling, 0.0) * dt > ON_TOP_M:
        return 0.0, 0.0
    return depth, 1.0 if above else -1.0


@njit(cache=True, nogil=True)
def solve_pairs(bodies: Bodies, grid: Any, pairs: Any, count: int, felt: npt.NDArray[np.float64], dt: float) -> None:
    """Resolve the contacts of one sub-step of dt; ``felt`` (pairs, 7) adds up what each pair felt in this tick.

    A walker without collisions (the client's walker controller switches them off) neither stops a vehicle nor
    is pushed, but the touch is reported with the impulse that it would have had.
    """
    boxes = grid[0]
    for p in range(count):
        i, j = pairs[p, 0], pairs[p, 1]
        static = j < 0
        a = bodies[i]
        b = bodies[i] if static else bodies[j]
        shape_a = body_shape(a)
        shape_b = box_shape(boxes, -1 - j) if static else body_shape(b)
        depth, nx, ny, x, y = touch(shape_a, a.kind == WALKER, shape_b, not static and b.kind == WALKER)
        if depth <= 0.0:
            continue
        z = 0.5 * (max(shape_a[2], shape_b[2]) + min(shape_a[3], shape_b[3]))
        n = (nx, ny, 0.0)
        sunk, up = _lies_on(a, b, static, shape_a, shape_b, dt)
        if up != 0.0:
            depth, n = sunk, (0.0, 0.0, up)
        j_a, ra, rb = _impulse(a, b, static, (x, y, z), n)
        size = math.sqrt(j_a[0] ** 2 + j_a[1] ** 2 + j_a[2] ** 2)
        felt[p, IMPULSE_X] += j_a[0]
        felt[p, IMPULSE_Y] += j_a[1]
        felt[p, IMPULSE_Z] += j_a[2]
        felt[p, POINT_X] += size * x
        felt[p, POINT_Y] += size * y
        felt[p, POINT_Z] += size * z
        felt[p, TOTAL] += size
        if not (a.collide and (static or b.collide)):
            continue
        if _movable(a):
            _strike(a, ra, j_a[0], j_a[1], j_a[2])
        if not static and _movable(b):
            _strike(b, rb, -j_a[0], -j_a[1], -j_a[2])
        _push_apart(a, b, static, depth, n)


@njit(cache=True, nogil=True)
def first_overlap(bodies: Bodies, grid: Any, shape: Any, ignore: int) -> int:
    """Actor id of the first body that the box ``shape`` overlaps, 0 for static scenery, -1 for none."""
    boxes, meta, start, entry = grid
    for i in range(len(bodies)):
        b = bodies[i]
        if b.collide and b.actor_id != ignore and touch(shape, False, body_shape(b), b.kind == WALKER)[0] > 0.0:
            return int(b.actor_id)
    columns, rows = int(meta[2]), int(meta[3])
    r = math.hypot(shape[4], shape[5])
    x, y = shape[0] - meta[0], shape[1] - meta[1]
    for row in range(max(int((y - r) // CELL_M), 0), min(int((y + r) // CELL_M), rows - 1) + 1):
        for column in range(max(int((x - r) // CELL_M), 0), min(int((x + r) // CELL_M), columns - 1) + 1):
            cell = row * columns + column
            for e in range(start[cell], start[cell + 1]):
                if touch(shape, False, box_shape(boxes, entry[e]), False)[0] > 0.0:
                    return 0
    return -1
