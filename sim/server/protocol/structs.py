"""Structs of the wire as plain values: decoders that say what is wrong, encoders that give msgpack-able lists.

Inside the server angles are radians (pitch, yaw, roll); degrees end here. Arrays may be longer than the
struct (the rest is ignored), as with the reference server.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sim.server.protocol.wire import WireError

Vector = tuple[float, float, float]

MAX_COORDINATE = 1.0e7
"""Metres (or SI units): beyond this a float32 has no sub-metre digits left, so such a vector is a mistake."""


@dataclass(frozen=True)
class Pose:
    """position_m x, y, z and rotation_rad pitch, yaw, roll, CARLA frame."""

    position_m: Vector
    rotation_rad: Vector


@dataclass(frozen=True)
class ActorDescription:
    """What a client asks to be spawned."""

    uid: int
    type_id: str
    attributes: Mapping[str, str]


# --- decoding ---------------------------------------------------------------------------------------------


def fields(value: Any, count: int, what: str) -> list[Any]:
    """The first count elements of a struct."""
    if not isinstance(value, list | tuple):
        raise WireError(f"{what}: expected an array of {count} fields, got {_kind(value)}")
    if len(value) < count:
        raise WireError(f"{what}: expected {count} fields, got {len(value)}")
    return list(value[:count])


def number(value: Any, what: str) -> float:
    """A finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise WireError(f"{what}: expected a number, got {_kind(value)}")
    if not math.isfinite(value):
        raise WireError(f"{what}: expected a finite number, got {value}")
    return float(value)


def integer(value: Any, what: str, low: int = 0, high: int = (1 << 32) - 1) -> int:
    """An integer within low..high (default: u32)."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise WireError(f"{what}: expected an integer, got {_kind(value)}")
    if not low <= value <= high:
        raise WireError(f"{what}: expected an integer in {low}..{high}, got {value}")
    return value


def boolean(value: Any, what: str) -> bool:
    """A bool; 0 and 1 are not."""
    if not isinstance(value, bool):
        raise WireError(f"{what}: expected a bool, got {_kind(value)}")
    return value


def text(value: Any, what: str) -> str:
    """A string."""
    if not isinstance(value, str):
        raise WireError(f"{what}: expected a string, got {_kind(value)}")
    return value


def sequence(value: Any, what: str) -> list[Any]:
    """A vec<T>."""
    if not isinstance(value, list):
        raise WireError(f"{what}: expected an array, got {_kind(value)}")
    return value


def numbers(value: Any, count: int, what: str) -> list[float]:
    """A struct of count numbers."""
    return [number(item, f"{what}[{i}]") for i, item in enumerate(fields(value, count, what))]


def vector(value: Any, what: str) -> Vector:
    """Vector3D or Location."""
    x, y, z = numbers(value, 3, what)
    if max(abs(x), abs(y), abs(z)) > MAX_COORDINATE:
        raise WireError(f"{what}: components must be within +-{MAX_COORDINATE:g}, got ({x:g}, {y:g}, {z:g})")
    return x, y, z


def rotation(value: Any, what: str) -> Vector:
    """Rotation in degrees, as pitch, yaw, roll in radians within -pi..pi: the client's maps give slopes of 360.9."""
    pitch, yaw, roll = (math.radians(turned(angle)) for angle in numbers(value, 3, what))
    return pitch, yaw, roll


def turned(angle_deg: float) -> float:
    """The same direction within -180..180: clients let angles grow. Compiled code uses it too, with the same bits."""
    if -180.0 <= angle_deg <= 180.0:
        return angle_deg
    rest = angle_deg % 360.0
    return rest - 360.0 if rest > 180.0 else rest


def pose(value: Any, what: str) -> Pose:
    """Transform."""
    location, angles = fields(value, 2, what)
    return Pose(vector(location, f"{what}.location"), rotation(angles, f"{what}.rotation"))


def optional(value: Any, what: str) -> Any | None:
    """``[false]`` or ``[true, value]``."""
    present = boolean(fields(value, 1, what)[0], what)
    return fields(value, 2, what)[1] if present else None


def description(value: Any, what: str = "actor description") -> ActorDescription:
    """ActorDescription; attributes become a mapping of texts."""
    uid, type_id, attributes = fields(value, 3, what)
    values: dict[str, str] = {}
    for item in sequence(attributes, f"{what}.attributes"):
        name, _, content = fields(item, 3, f"{what}.attributes")
        values[text(name, "attribute id")] = text(content, "attribute value")
    return ActorDescription(integer(uid, f"{what}.uid"), text(type_id, f"{what}.id"), values)


def command(value: Any) -> tuple[int, list[Any]]:
    """Variant index and body of a batch command."""
    (variant,) = fields(value, 1, "command")
    index, body = fields(variant, 2, "command")
    return integer(index, "command index"), sequence(body, "command body")


# --- encoding ---------------------------------------------------------------------------------------------


def rotation_value(rotation_rad: Sequence[float]) -> list[float]:
    """Rotation in degrees."""
    pitch, yaw, roll = rotation_rad
    return [math.degrees(pitch), math.degrees(yaw), math.degrees(roll)]


def transform_value(position_m: Sequence[float], rotation_rad: Sequence[float]) -> list[Any]:
    """Transform."""
    x, y, z = position_m
    return [[float(x), float(y), float(z)], rotation_value(rotation_rad)]


def box_value(
    centre_m: Sequence[float], half_m: Sequence[float], rotation_rad: Sequence[float] = (0.0, 0.0, 0.0), owner: int = 0
) -> list[Any]:
    """BoundingBox with its actor id (0 = none)."""
    return [[float(v) for v in centre_m], [float(v) for v in half_m], rotation_value(rotation_rad), owner]


def optional_value(content: float | None) -> list[Any]:
    """optional<f64>."""
    return [False] if content is None else [True, content]


def _kind(value: Any) -> str:
    return "nil" if value is None else type(value).__name__
