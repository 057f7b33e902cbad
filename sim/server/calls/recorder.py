"""Recording a world, asking what is in a log, and playing one back."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path

from sim.server.calls.table import Arguments, Method, alone, value, void
from sim.server.maps import UnknownMapError
from sim.server.protocol import structs
from sim.server.protocol.wire import WireError
from sim.server.recorder import queries
from sim.server.recorder.log_file import RecorderLog, read_log
from sim.server.recorder.packets import BrokenLogError
from sim.server.recorder.recorder import Recorder
from sim.server.recorder.replayer import Replayer, span_of
from sim.server.session import Session


def _start(session: Session, arguments: Arguments) -> str:
    """Path of the log."""
    path = session.recordings.path(structs.text(arguments[0], "file name"))
    additional = structs.boolean(arguments[1], "additional_data")
    _end_replay(session, keep_actors=False)
    session.stop_recording()
    try:
        session.recorder = Recorder(path, session.world, int(time.time()), additional)
    except OSError as error:
        raise WireError(f"recording {path} cannot be written: {error.strerror or error}") from None
    return str(path)


def _stop(session: Session, _: Arguments) -> None:
    session.stop_recording()


def _query(count: int, ask: Callable[[RecorderLog, Arguments], str]) -> Callable[[Session, Arguments], str]:
    """A question about the log that the first argument names."""

    def run(session: Session, arguments: Arguments) -> str:
        path = session.recordings.path(structs.text(arguments[0], "file name"))
        if session.recorder is not None:
            session.recorder.flush()  # it may be asked about itself
        try:
            return ask(read_log(path), arguments[1:count])
        except OSError:
            return _missing(path)
        except BrokenLogError as error:
            return f"{str(error).removeprefix('byte 0: ')}\n"

    return run


def _missing(path: Path) -> str:
    return f"File {path} not found on server\n"


def _info(log: RecorderLog, arguments: Arguments) -> str:
    return queries.file_info(log, structs.boolean(arguments[0], "show_all"))


def _collisions(log: RecorderLog, arguments: Arguments) -> str:
    first, second = (chr(structs.integer(code, "type", 0, 127)) for code in arguments)
    return queries.collisions(log, first, second)


def _blocked(log: RecorderLog, arguments: Arguments) -> str:
    min_time_s, min_distance_cm = (structs.number(v, "threshold") for v in arguments)
    return queries.actors_blocked(log, min_time_s, min_distance_cm)


def _replay(session: Session, arguments: Arguments) -> str:
    """What CARLA says when a replay begins, or why it does not."""
    path = session.recordings.path(structs.text(arguments[0], "file name"))
    start_s, duration_s = structs.number(arguments[1], "start"), structs.number(arguments[2], "duration")
    follow_id = structs.integer(arguments[3], "follow_id")
    sensors, offset = structs.boolean(arguments[4], "replay_sensors"), structs.pose(arguments[5], "offset")
    session.stop_recording()
    _end_replay(session, keep_actors=False)
    lines = [f"Replaying File: {path}"]
    try:
        log = read_log(path)
    except OSError:
        return lines[0] + "\n" + _missing(path)
    except BrokenLogError as error:
        return f"{lines[0]}\n{str(error).removeprefix('byte 0: ')}\n"
    name = log.header.map_name
    if not _same_map(name, session.scene.name):
        try:
            session.load(name, reset_settings=False)
        except UnknownMapError:
            return f"{lines[0]}\nCould not load mapfile {name}\n"
        lines += [f"Loading map {name}", "Replayer will start after map is loaded..."]
    span, options = span_of(log, start_s, duration_s, follow_id, offset), session.replay_options
    begin, end, total = (queries.number(v) for v in (span.start_s, span.stop_s, log.total_s))
    lines.append(f"Total time recorded: {total}")
    lines.append(f"Replaying from {begin} s - {end} s ({total} s) at {options.time_factor:.1f}x")
    if options.ignore_hero:
        lines.append("Ignoring Hero vehicle")
    if options.ignore_spectator:
        lines.append("Ignoring Spectator camera")
    if log.fault is not None:
        lines.append(f"The file is damaged from there on: {log.fault}")
    session.world.replayer = Replayer(session.world, log, span, options, sensors)
    return "\n".join(lines) + "\n"


def _same_map(recorded: str, current: str) -> bool:
    """Whether a log's map is the loaded one; the layered maps of CARLA have the same roads."""
    short = recorded.replace("\\", "/").rsplit("/", 1)[-1]
    return short.lower().removesuffix("_opt") == current.lower().removesuffix("_opt")


def _end_replay(session: Session, keep_actors: bool) -> None:
    if session.world.replayer is not None:
        session.world.replayer.stop(keep_actors)
        session.world.replayer = None


def _stop_replayer(session: Session, arguments: Arguments) -> None:
    _end_replay(session, structs.boolean(arguments[0], "keep_actors"))


def _time_factor(session: Session, arguments: Arguments) -> None:
    factor = structs.number(arguments[0], "time factor")
    if not (math.isfinite(factor) and factor >= 0.0):
        raise WireError(f"time factor: a replay cannot run backwards; expected 0 or more, got {factor}")
    session.replay_options.time_factor = factor


def _ignore_hero(session: Session, arguments: Arguments) -> None:
    session.replay_options.ignore_hero = structs.boolean(arguments[0], "ignore_hero")


def _ignore_spectator(session: Session, arguments: Arguments) -> None:
    session.replay_options.ignore_spectator = structs.boolean(arguments[0], "ignore_spectator")


_FOLDER = "files live in the recordings folder (--recordings), and no name leads out of it"

METHODS: dict[str, Method] = {
    "start_recorder": value(2, _start, f"{_FOLDER}; platform time is simulated time, street lights are not recorded"),
    "stop_recorder": void(0, _stop),
    "show_recorder_file_info": value(2, _query(2, _info), _FOLDER),
    "show_recorder_collisions": value(3, _query(3, _collisions), _FOLDER),
    "show_recorder_actors_blocked": value(3, _query(3, _blocked), _FOLDER),
    "replay_file": alone(
        value(
            6,
            _replay,
            f"{_FOLDER}; actors are where they were at the time shown (CARLA is a frame behind), have the velocity "
            "that they had, and only replayed vehicles are stopped at the end; settings survive a change of map; "
            "street lights are not replayed",
        )
    ),
    "stop_replayer": void(1, _stop_replayer),
    "set_replayer_time_factor": void(1, _time_factor, "a negative factor is refused"),
    "set_replayer_ignore_hero": void(1, _ignore_hero),
    "set_replayer_ignore_spectator": void(1, _ignore_spectator),
}
