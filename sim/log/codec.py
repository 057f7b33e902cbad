"""Records as JSON and back, exactly: every float survives the round trip bit for bit.

A record is a frozen dataclass of arrays, numbers, strings, enums, tuples, mappings and other records. Arrays become
``{"shape": [...], "type": "f8", "data": [...]}``; what is not finite becomes the strings ``nan``, ``inf``, ``-inf``,
since JSON has no such numbers.
"""

from __future__ import annotations

import dataclasses
import enum
import json
import math
import types
import typing
from collections.abc import Mapping
from typing import Any, TypeVar

import numpy as np

Record = TypeVar("Record")
_ODD = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}


class CodecError(ValueError):
    """Bytes that are not the record they should be."""


def encode(record: Any) -> bytes:
    """JSON bytes of a dataclass record."""
    return json.dumps(_plain(record), separators=(",", ":"), allow_nan=False).encode()


def decode(kind: type[Record], data: bytes) -> Record:
    """The record of type ``kind`` that ``encode`` wrote. Raises CodecError."""
    try:
        return typing.cast(Record, _build(kind, json.loads(data)))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise CodecError(f"not a {kind.__name__} record: {error}") from error


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        flat = value.ravel()
        data = flat.tolist()
        if value.dtype.kind == "f" and not np.isfinite(flat).all():
            data = [_number(v) for v in data]
        return {"shape": list(value.shape), "type": value.dtype.str[1:], "data": data}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: _plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    return value


def _number(value: float) -> float | str:
    if math.isfinite(value):
        return value
    return "nan" if math.isnan(value) else ("inf" if value > 0 else "-inf")


def _build(kind: Any, value: Any) -> Any:
    if isinstance(value, dict) and value.keys() == {"shape", "type", "data"}:
        data = [_ODD.get(v, v) if isinstance(v, str) else v for v in value["data"]]
        return np.array(data, dtype=np.dtype(value["type"])).reshape(value["shape"])
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        hints = _hints(kind)
        return kind(
            **{f.name: _build(hints[f.name], value[f.name]) for f in dataclasses.fields(kind) if f.name in value}
        )
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        if value is None:
            return None
        return _build(next(a for a in arguments if a is not type(None)), value)
    if origin is tuple:
        item = arguments[0]
        each = [item] * len(value) if len(arguments) == 2 and arguments[1] is Ellipsis else arguments
        return tuple(_build(k, v) for k, v in zip(each, value, strict=True))
    if origin in (dict, Mapping) or (isinstance(origin, type) and issubclass(origin, Mapping)):
        return {key: _build(arguments[1], item) for key, item in value.items()}
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return kind(value)
    if kind is float and isinstance(value, str):
        return _ODD[value]
    return value


_HINTS: dict[type, dict[str, Any]] = {}


def _hints(kind: type) -> dict[str, Any]:
    if kind not in _HINTS:
        _HINTS[kind] = typing.get_type_hints(kind)
    return _HINTS[kind]
