"""Traffic lights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from sim.server.calls.table import Arguments, Method, value, void
from sim.server.protocol import structs
from sim.server.session import Session
from sim.server.world.blueprints import Kind
from sim.server.world.traffic_lights import TrafficLights


def _light(session: Session, arguments: Arguments) -> int:
    """Signal index of the light that the first argument names."""
    return session.world.actors.get(structs.integer(arguments[0], "actor id"), Kind.LIGHT).signal


def set_state(session: Session, arguments: Arguments) -> None:
    """Show a state."""
    state = structs.integer(arguments[1], "traffic light state", 0, 255)
    session.world.lights.set_state(_light(session, arguments), state)


def _timer(setter: Callable[[TrafficLights, int, float], None]) -> Callable[[Session, Arguments], None]:
    def run(session: Session, arguments: Arguments) -> None:
        setter(session.world.lights, _light(session, arguments), structs.number(arguments[1], "seconds"))

    return run


def _freeze_all(session: Session, arguments: Arguments) -> None:
    session.world.lights.freeze(structs.boolean(arguments[0], "frozen"))


def _freeze(session: Session, arguments: Arguments) -> None:
    session.world.lights.freeze_light(_light(session, arguments), structs.boolean(arguments[1], "frozen"))


def _reset_group(session: Session, arguments: Arguments) -> None:
    session.world.lights.reset(session.scene.signals[_light(session, arguments)].group)


def _reset_all(session: Session, _: Arguments) -> None:
    session.world.lights.reset_all()


def _group(session: Session, arguments: Arguments) -> list[int]:
    rows = session.world.lights.group_of(_light(session, arguments))
    ids: list[int] = session.world.signal_ids[rows].tolist()
    return ids


def _boxes(session: Session, arguments: Arguments) -> list[Any]:
    boxes = np.asarray(session.scene.signals[_light(session, arguments)].lamp_boxes, np.float64)
    return [structs.box_value(b[:3], b[3:6], (0.0, b[6], 0.0)) for b in boxes.tolist()]


METHODS: dict[str, Method] = {
    "set_traffic_light_state": void(2, set_state),
    "set_traffic_light_green_time": void(2, _timer(TrafficLights.set_green_time)),
    "set_traffic_light_yellow_time": void(2, _timer(TrafficLights.set_yellow_time)),
    "set_traffic_light_red_time": void(2, _timer(TrafficLights.set_red_time)),
    "freeze_all_traffic_lights": void(1, _freeze_all),
    "freeze_traffic_light": void(2, _freeze),
    "reset_traffic_light_group": void(1, _reset_group),
    "reset_all_traffic_lights": void(0, _reset_all),
    "get_group_traffic_lights": value(1, _group),
    "get_light_boxes": value(1, _boxes),
}
