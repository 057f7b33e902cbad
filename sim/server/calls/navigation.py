"""Pedestrians' navigation mesh, which the client fetches as a file, and the end of a pedestrian's life."""

from __future__ import annotations

from dataclasses import replace

from sim.server.calls.actors import find
from sim.server.calls.table import Arguments, Method, value, void
from sim.server.navigation.store import FOLDER
from sim.server.protocol import structs
from sim.server.protocol.wire import WireError
from sim.server.session import Session

MAX_NAME = 512
"""Characters of a file name that a client may send: more than any path that is offered."""


def _required_files(session: Session, arguments: Arguments) -> list[str]:
    """Names of the files of the current map in a folder ("" for all): the navigation mesh is in ``Nav``."""
    folder = structs.text(arguments[0], "folder").strip("/") if arguments else ""
    wanted = session.scene.generation is None or session.scene.generation.pedestrians
    offered = wanted and folder in ("", FOLDER.rsplit("/", 1)[1], FOLDER)
    return [session.navigation.name(session.scene)] if offered else []


def _mesh_ready(session: Session) -> bool:
    return session.navigation.ready(session.scene)


def _request_file(session: Session, arguments: Arguments) -> bytes:
    name = structs.text(arguments[0], "file name")
    offered = session.navigation.name(session.scene)
    if name != offered:
        raise WireError(f"file {name[:MAX_NAME]!r} does not exist; the map offers {offered!r}")
    return session.navigation.content(session.scene)


def _navigation_mesh(session: Session, _: Arguments) -> bytes:
    return session.navigation.content(session.scene)


def _set_dead(session: Session, arguments: Arguments) -> None:
    session.world.deaths.begin(session.world, find(session, arguments))


METHODS: dict[str, Method] = {
    "get_required_files": value(
        0, _required_files, "offers the navigation mesh; the map's text comes by `get_map_data`"
    ),
    "request_file": replace(value(1, _request_file), ready=_mesh_ready),
    "get_navigation_mesh": replace(value(0, _navigation_mesh), ready=_mesh_ready),
    "set_actor_dead": void(1, _set_dead),
}
