"""The blueprint library: what may be spawned, with which attributes, and how big it is."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum
from functools import cache
from typing import Any

from sim.server.scene.mesh import Tag
from sim.server.world import blueprint_tables as tables

_INT = re.compile(r"\s*[+-]?\d+")
_FLOAT = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
MAX_IMAGE_SIDE = 4096
"""Pixels; more would take seconds a frame and 64 MB a picture."""


class AttributeType(IntEnum):
    """ActorAttributeType of the wire."""

    BOOL = 1
    INT = 2
    FLOAT = 3
    STRING = 4
    COLOR = 5


_LETTER = {"B": AttributeType.BOOL, "I": AttributeType.INT, "F": AttributeType.FLOAT, "S": AttributeType.STRING}


class Kind(IntEnum):
    """What an actor is to the world."""

    VEHICLE = 0
    WALKER = 1
    PROP = 2
    SENSOR = 3
    LIGHT = 4
    SIGN = 5
    OTHER = 6  # spectator, controllers, triggers: a pose and nothing else


@dataclass(frozen=True)
class Attribute:
    """One attribute; values[0] is the default, the rest are recommended."""

    name: str
    type: AttributeType
    values: tuple[str, ...]
    modifiable: bool = True
    restricted: bool = False

    def wire(self) -> list[Any]:
        """ActorAttribute."""
        recommended = list(self.values) if self.modifiable else []
        return [self.name, int(self.type), self.values[0], recommended, self.modifiable, self.restricted]

    def check(self, value: str) -> None:
        """Raise ValueError if value cannot be meant for this attribute. ``1.5f`` counts as a number, as in CARLA.

        A restricted yes-or-no takes both: CARLA enforces no restriction, and its traffic example asks one walker in
        ten to use a wheelchair, those who cannot among them.
        """
        expected = ""
        if not self.modifiable and value != self.values[0]:
            expected = f"the constant {self.values[0]!r}"
        elif self.restricted and self.type != AttributeType.BOOL and value not in self.values:
            expected = f"one of {', '.join(self.values)}"
        elif self.type == AttributeType.BOOL and value.lower() not in ("true", "false"):
            expected = "true or false"
        elif self.type == AttributeType.INT and not _INT.match(value):
            expected = "an integer"
        elif self.type == AttributeType.FLOAT and not _FLOAT.match(value):
            expected = "a number"
        elif self.type == AttributeType.COLOR:
            parts = value.split(",")
            if len(parts) != 3 or not all(p.strip().isdigit() and int(p) <= 255 for p in parts):
                expected = "R,G,B of 0..255"
        if expected:
            raise ValueError(f"attribute {self.name}: expected {expected}, got {value!r}")


@dataclass(frozen=True)
class Blueprint:
    """One entry. half_m (half sizes) and centre_m: its bounding box in the actor frame; tag: its label."""

    uid: int
    type_id: str
    kind: Kind
    attributes: tuple[Attribute, ...]
    half_m: tuple[float, float, float] = (0.0, 0.0, 0.0)
    centre_m: tuple[float, float, float] = (0.0, 0.0, 0.0)
    tag: int = Tag.NONE

    @property
    def has_stream(self) -> bool:
        """A sensor whose data the server sends."""
        return self.kind == Kind.SENSOR and self.type_id not in tables.CLIENT_SIDE

    def wire(self) -> list[Any]:
        """ActorDefinition."""
        tags = self.type_id.replace(".", ",")
        return [self.uid, self.type_id, tags, [attribute.wire() for attribute in self.attributes]]

    def completed(self, given: Mapping[str, str]) -> dict[str, str]:
        """given, checked, with defaults for what it leaves out. Raises ValueError naming what is wrong."""
        known = {attribute.name: attribute for attribute in self.attributes}
        for name, value in given.items():
            if name not in known:
                near = difflib.get_close_matches(name, known, 1)
                raise ValueError(f"{self.type_id} has no attribute {name!r}" + (f"; {near[0]!r}?" if near else ""))
            known[name].check(value)
            if name in ("image_size_x", "image_size_y") and not 1 <= leading_int(value) <= MAX_IMAGE_SIDE:
                raise ValueError(f"attribute {name}: expected 1..{MAX_IMAGE_SIDE}, got {value!r}")
            if name == "fov" and not 0.0 < leading_float(value) < 180.0:
                raise ValueError(f"attribute fov: expected an angle in 0..180 degrees, got {value!r}")
        return {name: given.get(name, attribute.values[0]) for name, attribute in known.items()}


def leading_int(value: str) -> int:
    """The integer that value starts with, 0 if none (as CARLA reads attributes)."""
    match = _INT.match(value)
    return int(match.group()) if match else 0


def leading_float(value: str) -> float:
    """The number that value starts with, 0 if none: ``3.5f`` is 3.5."""
    match = _FLOAT.match(value)
    return float(match.group()) if match else 0.0


@cache
def library() -> Mapping[str, Blueprint]:
    """Every blueprint of 0.9.16 by id."""
    rows = [*_sensors(), *_vehicles(), *_walkers(), *_props(), *_others()]
    return {
        type_id: Blueprint(uid, type_id, kind, attributes, half, centre, tag)
        for uid, (type_id, kind, attributes, half, centre, tag) in enumerate(rows, start=1)
    }


def find(type_id: str) -> Blueprint:
    """The blueprint of an id. Raises ValueError naming the nearest."""
    blueprint = library().get(type_id)
    if blueprint is None:
        near = difflib.get_close_matches(type_id, library(), 1)
        raise ValueError(f"no blueprint {type_id!r}" + (f"; did you mean {near[0]!r}?" if near else ""))
    return blueprint


_Size = tuple[float, float, float]
_Row = tuple[str, Kind, tuple[Attribute, ...], _Size, _Size, int]
_NO_SIZE = (0.0, 0.0, 0.0)


def _role(*names: str) -> Attribute:
    return Attribute("role_name", AttributeType.STRING, names)


def _const(name: str, kind: str, value: object) -> Attribute:
    content = str(value).lower() if isinstance(value, bool) else str(value)
    return Attribute(name, _LETTER[kind], (content,), modifiable=False)


def _from_rows(rows: tuple[tuple[str, str, str], ...]) -> Iterator[Attribute]:
    for name, letter, default in rows:
        choices = tuple(default.split("|"))
        yield Attribute(name, _LETTER[letter], choices, restricted=len(choices) > 1)


def _sensors() -> Iterator[_Row]:
    for type_id, rows in tables.SENSORS.items():
        role = _role("default") if type_id in tables.WITHOUT_PLACE else _role(*tables.PLACES)
        tick = (
            () if type_id in tables.WITHOUT_SENSOR_TICK else (Attribute("sensor_tick", AttributeType.FLOAT, ("0.0",)),)
        )
        yield type_id, Kind.SENSOR, (role, *tick, *_from_rows(rows)), _NO_SIZE, _NO_SIZE, Tag.NONE


_VEHICLE_TAG = {"truck": Tag.TRUCK, "bus": Tag.BUS, "motorcycle": Tag.MOTORCYCLE, "bicycle": Tag.BICYCLE}


def _vehicles() -> Iterator[_Row]:
    for index, row in enumerate(tables.VEHICLES):
        two_wheeled = row.base_type in ("motorcycle", "bicycle")
        attributes = [_role("autopilot", "scenario", "ego_vehicle")]
        if row.name not in tables.WITHOUT_COLOR:
            turn = index % len(tables.COLORS)
            colors = tables.COLORS[turn:] + tables.COLORS[:turn]
            attributes.append(Attribute("color", AttributeType.COLOR, colors))
        if two_wheeled:
            attributes.append(Attribute("driver_id", AttributeType.INT, tables.DRIVERS, restricted=True))
        wheels = 2 if two_wheeled else 6 if row.name == "carlamotors.european_hgv" else 4
        attributes += [
            Attribute("sticky_control", AttributeType.BOOL, ("true",)),
            Attribute("terramechanics", AttributeType.BOOL, ("false",)),
            _const("object_type", "S", ""),
            _const("base_type", "S", row.base_type),
            _const("special_type", "S", row.special_type),
            _const("number_of_wheels", "I", wheels),
            _const("generation", "I", row.generation),
            _const("has_dynamic_doors", "B", row.doors),
            _const("has_lights", "B", row.lights),
        ]
        half = (row.length_m / 2.0, row.width_m / 2.0, row.height_m / 2.0)
        tag = _VEHICLE_TAG.get(row.base_type, Tag.CAR)
        yield f"vehicle.{row.name}", Kind.VEHICLE, tuple(attributes), half, (0.0, 0.0, half[2]), tag


def _walkers() -> Iterator[_Row]:
    for row in tables.WALKERS:
        attributes = (
            _role("pedestrian"),
            _const("gender", "S", row.gender),
            _const("generation", "I", row.generation),
            _const("age", "S", row.age),
            _const("can_use_wheelchair", "B", row.wheelchair),
            Attribute("speed", AttributeType.FLOAT, tables.WALKER_SPEEDS[row.age]),
            Attribute("is_invincible", AttributeType.BOOL, ("true",)),
            Attribute(
                "use_wheelchair", AttributeType.BOOL, ("false", "true") if row.wheelchair else ("false",), True, True
            ),
        )
        half = tables.WALKER_HALF_M.get(row.number, tables.ADULT_HALF_M)
        yield f"walker.pedestrian.{row.number:04d}", Kind.WALKER, attributes, half, _NO_SIZE, Tag.PEDESTRIANS


def _props() -> Iterator[_Row]:
    for name, (size, length, width, height) in tables.PROPS.items():
        attributes: tuple[Attribute, ...] = (_role("prop"), _const("size", "S", size))
        if name == "mesh":
            attributes += (
                Attribute("mesh_path", AttributeType.STRING, ("",)),
                Attribute("mass", AttributeType.FLOAT, ("0.0",)),
                Attribute("scale", AttributeType.FLOAT, ("1.0",)),
            )
        half = (length / 2.0, width / 2.0, height / 2.0)
        tag = Tag.DYNAMIC if size in ("tiny", "small") else Tag.STATIC
        yield f"static.prop.{name}", Kind.PROP, attributes, half, (0.0, 0.0, half[2]), tag


def _others() -> Iterator[_Row]:
    friction = (
        Attribute("friction", AttributeType.FLOAT, ("3.5f",)),
        *(Attribute(f"extent_{axis}", AttributeType.FLOAT, ("1.0f",)) for axis in "xyz"),
    )
    yield "static.trigger.friction", Kind.OTHER, (_role("default"), *friction), _NO_SIZE, _NO_SIZE, Tag.NONE
    yield "controller.ai.walker", Kind.OTHER, (_role("default"),), _NO_SIZE, _NO_SIZE, Tag.NONE
    yield "util.actor.empty", Kind.OTHER, (_role("default"),), _NO_SIZE, _NO_SIZE, Tag.NONE
