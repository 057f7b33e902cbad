"""Which client runs a traffic manager on which port. The managers themselves live in the clients."""

from __future__ import annotations

from typing import Any

from sim.server.calls.table import Arguments, Method, value, void
from sim.server.protocol import structs
from sim.server.session import Session


def _port(argument: Any) -> int:
    return structs.integer(argument, "traffic manager port", 0, 65535)


def _running(session: Session, arguments: Arguments) -> bool:
    return _port(arguments[0]) in session.traffic_managers


def _address(session: Session, arguments: Arguments) -> list[Any]:
    return list(session.traffic_managers.get(_port(arguments[0]), ("", 0)))


def _add(session: Session, arguments: Arguments) -> bool:
    ip, port = structs.fields(arguments[0], 2, "traffic manager address")
    address = structs.text(ip, "ip"), _port(port)
    return session.traffic_managers.setdefault(address[1], address) == address


def _remove(session: Session, arguments: Arguments) -> None:
    session.traffic_managers.pop(_port(arguments[0]), None)


METHODS: dict[str, Method] = {
    "is_traffic_manager_running": value(1, _running),
    "get_traffic_manager_running": value(1, _address),
    "add_traffic_manager_running": value(1, _add),
    "destroy_traffic_manager": void(1, _remove),
}
