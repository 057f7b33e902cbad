"""Debug shapes: drawn into the world for cameras to see."""

from __future__ import annotations

import math
from typing import Any

from sim.server.calls.table import Arguments, Method, void
from sim.server.protocol import structs
from sim.server.protocol.wire import WireError
from sim.server.session import Session
from sim.server.world.debug_shapes import Stroke, arrow_strokes, box_strokes

POINT, LINE, ARROW, BOX, STRING, HUD_POINT, HUD_LINE, HUD_ARROW, HUD_BOX = range(9)
"""Primitives by their index in the variant of the wire."""


def _rgb(value: Any) -> tuple[int, int, int]:
    red, green, blue = (structs.integer(part, "color", 0, 255) for part in structs.fields(value, 3, "color"))
    return red, green, blue


def _line(value: Any) -> tuple[Stroke, float]:
    begin, end, thickness = structs.fields(value, 3, "debug line")
    stroke = (structs.vector(begin, "debug line begin"), structs.vector(end, "debug line end"))
    return stroke, structs.number(thickness, "thickness")


def _strokes(index: int, value: Any) -> tuple[list[Stroke], float]:
    """The lines of a primitive and their thickness."""
    if index in (LINE, HUD_LINE):
        stroke, thickness = _line(value)
        return [stroke], thickness
    if index in (ARROW, HUD_ARROW):
        line, size = structs.fields(value, 2, "debug arrow")
        (begin, end), thickness = _line(line)
        return arrow_strokes(begin, end, structs.number(size, "arrow size")), thickness
    if index == HUD_POINT:
        place, size = structs.fields(value, 2, "debug point")
        where = structs.vector(place, "debug point")
        return [(where, where)], structs.number(size, "debug point size")
    box, rotation, thickness = structs.fields(value, 3, "debug box")
    location, extent, *_ = structs.fields(box, 3, "debug box")
    edges = box_strokes(
        structs.vector(location, "debug box location"),
        structs.vector(extent, "debug box extent"),
        structs.rotation(rotation, "debug box rotation"),
    )
    return edges, structs.number(thickness, "thickness")


def _life_s(value: Any) -> float:
    """Seconds; infinity is as good as 0."""
    return 0.0 if value == math.inf else structs.number(value, "life time")


def _draw(session: Session, arguments: Arguments) -> None:
    primitive, color, life, _ = structs.fields(arguments[0], 4, "debug shape")
    index, value = structs.fields(primitive, 2, "debug primitive")
    world = session.world
    now, rgb, life_s = (world.frame, world.elapsed_s), _rgb(color), _life_s(life)
    if structs.integer(index, "debug primitive", 0, HUD_BOX) == POINT:
        place, size = structs.fields(value, 2, "debug point")
        where = structs.vector(place, "debug point")
        world.debug.point(now, life_s, rgb, where, structs.number(size, "debug point size"))
    elif index == STRING:
        place, text, shadow = structs.fields(value, 3, "debug string")
        if not isinstance(text, str | bytes):
            raise WireError(f"debug string: expected a text, got {type(text).__name__}")
        label = text if isinstance(text, str) else text.decode("utf-8", "replace")
        where = structs.vector(place, "debug string")
        world.debug.text(now, life_s, rgb, where, label, structs.boolean(shadow, "draw shadow"))
    else:
        strokes, width = _strokes(index, value)
        world.debug.lines(now, life_s, rgb, strokes, width, hud=index > STRING)


_WINDOW = (
    "Texts and HUD shapes belong to CARLA's own window, which this server has not: they are drawn into RGB pictures "
    "where ROADLAB_HUD=1 is set, and nowhere otherwise; of more than 50,000 lines the oldest go."
)

METHODS: dict[str, Method] = {
    "draw_debug_shape": void(1, _draw, _WINDOW),
    "clear_debug_shape": void(0, lambda session, arguments: session.world.debug.clear()),
    "clear_debug_string": void(0, lambda session, arguments: session.world.debug.clear_texts()),
}
