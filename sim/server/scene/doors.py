"""Vehicles with open doors and wheels turned one by one.

The shell of a vehicle is one closed skin on which doors are painted. To open one, the skin is cut along the door's
gaps: what lies inside becomes a panel with a dark back, swung about its hinge, and what it uncovers turns dark.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from sim.server.scene.bodies.car_styles import CAR_STYLES
from sim.server.scene.bodies.heavy_styles import HEAVY_STYLES
from sim.server.scene.bodies.livery import Livery
from sim.server.scene.bodies.parts import REAR, SIDE, TOP
from sim.server.scene.bodies.shell import Shape
from sim.server.scene.mesh import Material
from sim.server.scene.models import ModelLibrary
from sim.server.scene.variants import Level, Variant, library_level
from sim.server.world.pose import rotation_matrix

Array = npt.NDArray[np.float64]


class Door(IntEnum):
    """``carla.VehicleDoor``."""

    FRONT_LEFT = 0
    FRONT_RIGHT = 1
    REAR_LEFT = 2
    REAR_RIGHT = 3
    HOOD = 4
    TRUNK = 5
    ALL = 6


OPEN_SIDE_RAD = np.radians(62.0)  # as far as the stop of a car's door lets it
OPEN_LID_RAD = np.radians(48.0)
OPEN_GATE_RAD = np.radians(80.0)
BOOT_M = 0.3  # a deck behind the rear window that is shorter than this is no boot: the whole tail opens
EVERYWHERE_M = 100.0


@dataclass(frozen=True)
class Panel:
    """What opens: painted faces of one chart inside a box, metres, that turn about a hinge."""

    chart: int
    low_m: tuple[float, float, float]
    high_m: tuple[float, float, float]
    hinge_m: tuple[float, float, float]
    turn_rad: tuple[float, float, float]  # pitch, yaw, roll


def panels(model: str) -> Mapping[Door, Panel]:
    """The doors of a model by its name in the library; empty where none is painted."""
    styles: dict[str, tuple[Shape, Livery]] = {shape.name: (shape, livery) for shape, livery in CAR_STYLES}
    styles |= {style.shape.name: (style.shape, style.livery) for style in HEAVY_STYLES}
    if model not in styles:
        return {}
    shape, livery = styles[model]
    out: dict[Door, Panel] = {}
    pairs = ((Door.FRONT_LEFT, Door.FRONT_RIGHT), (Door.REAR_LEFT, Door.REAR_RIGHT))
    for pair, front, rear in zip(pairs, livery.doors[:-1], livery.doors[1:], strict=False):
        for door, side in zip(pair, (-1.0, 1.0), strict=True):
            out[door] = _side_door(shape, livery, side, front, rear)
    return out | _lids(shape)


def _side_door(shape: Shape, livery: Livery, side: float, front_m: float, rear_m: float) -> Panel:
    half = shape.width_m / 2
    y = (0.45 * half, EVERYWHERE_M) if side > 0.0 else (-EVERYWHERE_M, -0.45 * half)
    low = shape.sill_m + livery.trim_m + 0.04
    return Panel(
        SIDE,
        (rear_m, y[0], low),
        (front_m, y[1], EVERYWHERE_M),
        (front_m, side * half * 0.97, low),
        (0.0, -side * float(OPEN_SIDE_RAD), 0.0),
    )


def _lids(shape: Shape) -> dict[Door, Panel]:
    cabin, half = shape.cabin, shape.width_m / 2
    if cabin is None:
        return {}
    foot, back = cabin.screen[0] + 0.06, cabin.back[0] - 0.06
    out: dict[Door, Panel] = {}
    reach = (half * 0.85, EVERYWHERE_M)
    if shape.front_end_m - foot > BOOT_M:
        hinge = (foot, 0.0, float(np.interp(foot, *_sorted(shape.deck))))
        edge = (shape.front_end_m - 0.12, reach[0], reach[1])
        out[Door.HOOD] = Panel(TOP, (foot, -reach[0], 0.0), edge, hinge, (float(OPEN_LID_RAD), 0.0, 0.0))
    if back - shape.rear_end_m > BOOT_M:
        hinge = (back, 0.0, float(np.interp(back, *_sorted(shape.deck))))
        low = (shape.rear_end_m + 0.05, -reach[0], 0.0)
        out[Door.TRUNK] = Panel(TOP, low, (back, reach[0], reach[1]), hinge, (-float(OPEN_LID_RAD), 0.0, 0.0))
    elif shape.rear_m is None:
        top = float(max(z for _, z in cabin.roof)) - 0.08
        low = (-EVERYWHERE_M, -half, shape.sill_m + 0.35)
        gate = (shape.rear_end_m + 0.9, half, top)
        out[Door.TRUNK] = Panel(REAR, low, gate, (cabin.back[1], 0.0, top), (-float(OPEN_GATE_RAD), 0.0, 0.0))
    return out


def _sorted(profile: tuple[tuple[float, float], ...]) -> tuple[list[float], list[float]]:
    points = sorted(profile)
    return [x for x, _ in points], [z for _, z in points]


class ChangedVehicle(Variant):
    """A vehicle with some doors open, and its wheels at angles of their own where ``wheels_rad`` gives them.

    wheels_rad (4, 2): steering and rolling angle of each wheel, None where all turn as the vehicle drives.
    """

    def __init__(
        self, library: ModelLibrary, model: int, open_doors: frozenset[Door], wheels_rad: Array | None
    ) -> None:
        super().__init__()
        self._library, self._model, self._wheels = library, model, wheels_rad
        known = panels(library.names[model].partition("@")[0])
        self._panels = [known[door] for door in sorted(open_doors) if door in known]

    def _make(self, lod: int) -> Level:
        level = library_level(self._library, self._model, lod)
        if self._wheels is not None:
            level = turned_wheels(level, self._library.wheels_m[self._model].astype(np.float64), self._wheels)
        for panel in self._panels:
            level = opened(level, panel)
        return level


def turned_wheels(level: Level, wheels_m: Array, angles_rad: Array) -> Level:
    """Wheels (4, 4: centre and radius) turned by ``angles_rad (4, 2)``: steering, rolling; they stay so."""
    vertices, normals = level.vertices_m.copy(), level.normals.copy()
    for k, (steer, roll) in enumerate(angles_rad.tolist()):
        chosen = np.unique(level.faces[level.wheel == k + 1])
        turn = rotation_matrix(-roll, steer, 0.0)
        vertices[chosen] = (level.vertices_m[chosen] - wheels_m[k, :3]) @ turn.T + wheels_m[k, :3]
        normals[chosen] = level.normals[chosen] @ turn.T
    return replace(level, vertices_m=vertices, normals=normals, wheel=np.zeros_like(level.wheel))


def opened(level: Level, panel: Panel) -> Level:
    """The level with one panel swung open."""
    low, high = np.array(panel.low_m), np.array(panel.high_m)
    candidate = (level.material == int(Material.PAINT)) & (level.chart == panel.chart)
    skin, rest = level.faces_of(candidate), level.faces_of(~candidate)
    for axis in range(3):
        for at in (low[axis], high[axis]):
            if abs(at) < EVERYWHERE_M:
                skin = cut(skin, axis, float(at))
    middle = skin.vertices_m[skin.faces].mean(axis=1)
    inside = ((middle > low) & (middle < high)).all(axis=1)
    door, frame = skin.faces_of(inside), skin.faces_of(~inside)
    dark = np.full(len(door.faces), int(Material.PLASTIC), np.uint8)
    bay = replace(door, material=dark)
    back = replace(door, faces=door.faces[:, ::-1], normals=-door.normals, material=dark)
    turn, hinge = rotation_matrix(*panel.turn_rad), np.array(panel.hinge_m)
    return Level.join([rest, frame, bay, door.moved(turn, hinge), back.moved(turn, hinge)])


def cut(level: Level, axis: int, at: float) -> Level:
    """The same surface with no triangle on both sides of a plane across an axis."""
    side = level.vertices_m[:, axis].astype(np.float64) - at
    faces = level.faces.astype(np.int64)
    above = side[faces] > 0.0
    crossing = np.flatnonzero(above.any(axis=1) & ~above.all(axis=1))
    if not len(crossing):
        return level
    # turn each face so that its lone corner, the only one on its side, comes first
    lone_above = above[crossing].sum(axis=1) == 1
    lone = np.where(lone_above, above[crossing].argmax(axis=1), (~above[crossing]).argmax(axis=1))
    a, b, c = (faces[crossing, (lone + k) % 3] for k in range(3))
    columns = (level.vertices_m, level.normals, level.uv)
    ab, ac = (_between(columns, side, a, end) for end in (b, c))
    first = len(level.vertices_m)
    p = first + np.arange(len(crossing))
    q = p + len(crossing)
    fresh = np.concatenate([np.stack(corner, axis=1) for corner in ((a, p, q), (p, b, c), (p, c, q))])
    kept = np.ones(len(faces), np.bool_)
    kept[crossing] = False
    order = np.concatenate([np.flatnonzero(kept), np.tile(crossing, 3)])
    vertices, normals, uv = (
        np.concatenate([column, ab[k], ac[k]]).astype(np.float32) for k, column in enumerate(columns)
    )
    return Level(
        vertices,
        normals,
        uv,
        np.concatenate([faces[kept], fresh]).astype(np.uint32),
        level.material[order],
        level.chart[order],
        level.wheel[order],
        level.rider[order],
    )


def _between(columns: tuple[npt.NDArray[np.float32], ...], side: Array, a: Array, b: Array) -> list[Array]:
    """Values of vertex columns where the edges from a to b meet the plane."""
    share = (side[a] / (side[a] - side[b]))[:, None]
    return [column[a] + share * (column[b] - column[a]) for column in columns]
