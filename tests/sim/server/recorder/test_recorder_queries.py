"""The three questions about a log, in CARLA's words."""

from __future__ import annotations

import time

from sim.server.recorder import queries
from sim.server.recorder.log_file import RecorderLog, read_log
from sim.server.recorder.packets import NO_ACTOR, PacketId
from tests.sim.server.recorder.logs import REAL, log_bytes, needs_real_logs, table, vehicle

P = PacketId
HEAD = f"Version: 2\nMap: Town01\nDate: {time.strftime('%m/%d/%y %H:%M:%S', time.localtime(0))}\n\n"


def position(*places: tuple[int, float]) -> tuple[int, object]:
    return P.POSITION, table(P.POSITION, *((i, (100.0 * x, 0.0, 0.0), (0.0, 0.0, 90.0)) for i, x in places))


def crash(*pairs: tuple[int, int]) -> tuple[int, object]:
    return P.COLLISION, table(P.COLLISION, *((k, a, b, a == 1, b == 1) for k, (a, b) in enumerate(pairs)))


LOG = RecorderLog(
    log_bytes(
        [
            (0.5, 0.0, [(P.EVENT_ADD, [vehicle(1, role="hero"), vehicle(2, 12.345678)]), position((1, 0.0), (2, 9.0))]),
            (0.5, 0.5, [crash((1, 2), (2, NO_ACTOR)), position((1, 2.0), (2, 9.0))]),
            (0.5, 1.0, [crash((1, 2)), position((1, 4.0), (2, 9.0))]),
            (-1.0, 1.5, [(P.EVENT_DEL, table(P.EVENT_DEL, (2,))), position((1, 4.0))]),
        ]
    )
)


def test_file_info_tells_the_frames_in_which_something_happened() -> None:
    assert queries.file_info(LOG, False) == HEAD + (
        "Frame 1 at 0 seconds\n"
        " Create 1: vehicle.tesla.model3 (1) at (0, 0, 0)\n"
        "  role_name = hero\n"
        " Create 2: vehicle.tesla.model3 (1) at (1234.57, 0, 0)\n"
        "Frame 2 at 0.5 seconds\n"
        " Collision id 0 between 1 (hero)  with 2\n"
        " Collision id 1 between 2 with 4294967295\n"
        "Frame 3 at 1 seconds\n"
        " Collision id 0 between 1 (hero)  with 2\n"
        "Frame 4 at 1.5 seconds\n"
        " Destroy 2\n"
        "\nFrames: 4\nDuration: 1.5 seconds\n"
    )


def test_file_info_shows_everything_on_request() -> None:
    light = (P.STATE, table(P.STATE, (5, 1, 2.5, 2)))
    control = (P.ANIM_VEHICLE, table(P.ANIM_VEHICLE, (1, -0.25, 0.5, 0.0, 1, -1)))
    lamps = (P.VEHICLE_LIGHT, table(P.VEHICLE_LIGHT, (1, 0b110000011), (2, 0)))
    doors = (P.VEHICLE_DOOR, table(P.VEHICLE_DOOR, (1, 6, 1)))
    log = RecorderLog(
        log_bytes([(-1.0, 0.0, [doors, position((1, 2.0)), light, control, lamps, (P.VISUAL_TIME, 1.0)])])
    )
    assert queries.file_info(log, True) == HEAD + (
        "Frame 1 at 0 seconds\n"
        " Vehicle door animations: 1\n  Id: 1\n  Doors opened:  All \n"
        " Positions: 1\n  Id: 1 Location: (200, 0, 0) Rotation: (0, 0, 90)\n"
        " State traffic lights: 1\n  Id: 5 state: 2 frozen: 1 elapsedTime: 2.5\n"
        " Vehicle animations: 1\n  Id: 1 Steering: -0.25 Throttle: 0.5 Brake: 0 Handbrake: 1 Gear: -1\n"
        " Vehicle light animations: 2\n  Id: 1 Position LowBeam Interior Fog\n  Id: 2 None\n"
        "\nFrames: 1\nDuration: 0 seconds\n"
    )


def test_collisions_are_told_once_when_they_begin() -> None:
    name = f"{'vehicle.tesla.model3':<35}"
    title = f"    Time  Types     Id {'Actor 1':<35}     Id {'Actor 2':<35}\n"
    first = f"       0   v v       1 {name}      2 {name}\n"  # CARLA writes whole seconds, half ones to even
    second = f"       0   v o       2 {name} 4294967295 {'':<35}\n"
    end = "\nFrames: 4\nDuration: 2 seconds\n"
    assert queries.collisions(LOG, "a", "a") == HEAD + title + first + second + end
    assert queries.collisions(LOG, "h", "v") == HEAD + title + first + end
    assert queries.collisions(LOG, "w", "a") == HEAD + title + "\nFrames: 4\nDuration: 1.5 seconds\n"


def test_blocked_actors_are_told_longest_first() -> None:
    title = f"    Time     Id {'Actor':<35}   Duration\n"
    line = f"       0      2 {'vehicle.tesla.model3':<35}          1\n"  # it came to 9 m in the first frame
    end = "\nFrames: 4\nDuration: 1.5 seconds\n"
    assert queries.actors_blocked(LOG, 1.0, 100.0) == HEAD + title + line + end
    assert queries.actors_blocked(LOG, 5.0, 100.0) == HEAD + title + end


def test_a_damaged_log_is_told_up_to_the_damage() -> None:
    data = log_bytes([(-1.0, 0.0, [(P.EVENT_ADD, [vehicle(1)])])])
    told = queries.file_info(RecorderLog(data + b"\x00"), False)
    assert " Create 1: vehicle.tesla.model3" in told
    assert told.endswith(
        f"damaged from there on: byte {len(data)}: the file ends within the head of a packet (1 of 5 bytes)\n"
    )


@needs_real_logs
def test_what_carlas_own_log_is_asked() -> None:
    log = read_log(REAL[0])
    info = queries.file_info(log, False)
    assert " Create 174: vehicle.lincoln.mkz_2017 (1) at (10700, 13300, 64.5025)\n" in info
    assert " Parenting 181 with 174 (parent)\n" in info
    assert info.endswith(" Destroy 174\n\nFrames: 847\nDuration: 24.7237 seconds\n")
    everything = queries.file_info(log, True)
    assert "   torque_curve = (1000, 347) (1500, 523) (2000, 606)" in everything
    assert everything.count(" State traffic lights: 36\n") == 847
    assert "vehicle.nissan.patrol" not in queries.actors_blocked(log, 10.0, 100.0)
