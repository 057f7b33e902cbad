"""The manoeuvre table: what the car does in a situation, measured on a bicycle model in closed loop."""

from __future__ import annotations

import math

import numpy as np
import pytest

from perception.objects import LightState, MapLight, ObjectClass
from planning.lanes import Conflict, LaneGraph, StopKind, StopLine
from tests.planning.world import (
    MKZ,
    Actor,
    Car,
    Drive,
    Roads,
    arc,
    drive,
    line,
    steady,
    still,
    straight,
    walker,
)

FRONT = 0.5 * MKZ.length_m
RED, YELLOW, GREEN, UNKNOWN = LightState.RED, LightState.YELLOW, LightState.GREEN, LightState.UNKNOWN


def gentle(run: Drive, brake: float = 3.0, jerk: float = 5.0) -> None:
    """Nobody spills coffee: nuPlan allows -4.05..2.40 m/s2."""
    assert run.acceleration.min() > -brake
    assert run.acceleration.max() < 2.4


def test_drives_an_empty_road_to_its_end_at_the_limit() -> None:
    run = drive(straight(300), (5, 0, 0), (280, 0))
    assert run.done
    assert 0.95 * 13.9 < run.speed.max() < 1.02 * 13.9
    assert run.t[-1] < 30.0  # 275 m: 20 s at the limit, and starting and stopping
    gentle(run)


def test_follows_a_leader_at_its_headway() -> None:
    lead = Actor(7, ObjectClass.CAR, steady(40, 0, 0, 8.0))
    run = drive(straight(600), (5, 0, 0), (580, 0), actors=[lead], speed=8.0, seconds=40)
    gap = np.array([40 + 8.0 * t for t in run.t]) - 2.25 - run.x - FRONT
    settled = run.t > 30
    assert abs(run.speed[settled] - 8.0).max() < 0.3
    assert abs(gap[settled] - (3.0 + 1.2 * 8.0)).max() < 1.5
    assert run.plans[350].behavior == "follow"
    assert run.plans[350].target == "7"
    gentle(run)


def test_stops_behind_a_standing_car_and_waits() -> None:
    run = drive(straight(), (5, 0, 0), (280, 0), actors=[Actor(3, ObjectClass.CAR, still(150, 0))], seconds=35)
    assert run.collided < 0
    assert 2.0 < 150 - 2.25 - (run.x[-1] + FRONT) < 5.0
    assert run.speed[-1] < 0.05
    gentle(run)


def test_a_leader_that_brakes_hard_is_not_hit() -> None:
    def state(t: float) -> tuple[float, float, float, float]:
        brake = min(max(t - 5.0, 0.0), 12.0 / 6.0)
        return 40 + 12 * min(t, 5.0) + 12 * brake - 3.0 * brake**2, 0.0, 0.0, 12.0 - 6.0 * brake

    run = drive(straight(), (10, 0, 0), (280, 0), actors=[Actor(3, ObjectClass.CAR, state)], speed=12.0, seconds=25)
    assert run.collided < 0
    assert run.speed[-1] < 0.05


def test_stops_within_a_metre_and_a_half_before_a_red_light() -> None:
    run = drive(straight(light_at=150), (5, 0, 0), (280, 0), lights=lambda t: {"1": RED}, seconds=30)
    front = run.x + FRONT
    assert front.max() <= 150.0
    assert front[-1] >= 148.5
    assert run.speed[-1] < 0.05
    assert run.plans[-1].behavior == "stop_light"
    assert run.plans[-1].target == "1"
    gentle(run)


def test_stops_where_the_light_beside_the_line_stays_in_view() -> None:
    """The head hangs 5 m high, 2.6 m to the right of the line's middle: a camera 1.6 m high that sees 32 degrees
    upwards needs 6.05 m; it sits 1.85 m behind the front bumper. Once past that point, a green just seen is gone
    through."""
    light = MapLight("1", np.array([[150.0, -2.6, 5.0]]), np.array([-1.0, 0.0]))
    car = Car(5, 0, 0)

    def seen(t: float) -> dict[str, LightState]:
        in_view = 150.0 - (car.x + 0.6) > 4.7
        return {"1": (RED if t < 25 else GREEN) if in_view else UNKNOWN}

    run = drive(straight(light_at=150), (5, 0, 0), (280, 0), car=car, seconds=60, lights=seen, map_lights=(light,))
    stood = (run.t > 23) & (run.t < 25)
    assert (run.x[stood] + FRONT).max() == pytest.approx(150 - (3.75 / 0.62 - 1.85), abs=0.4)
    assert run.done
    assert run.speed[run.t > 27].min() > 1.5  # it never hesitates after the start


def test_goes_on_green_without_delay() -> None:
    run = drive(
        straight(light_at=150), (5, 0, 0), (280, 0), lights=lambda t: {"1": RED if t < 30 else GREEN}, seconds=60
    )
    assert run.done
    assert run.speed[np.searchsorted(run.t, 32.0)] > 2.5


def test_green_is_driven_through() -> None:
    run = drive(straight(light_at=150), (5, 0, 0), (280, 0), lights=lambda t: {"1": GREEN})
    middle = (run.x > 100) & (run.x < 200)
    assert run.speed[middle].min() > 13.0


@pytest.mark.parametrize(("distance", "stops"), [(15.0, False), (25.0, False), (45.0, True), (60.0, True)])
def test_dilemma_zone_of_a_yellow_light(distance: float, stops: bool) -> None:
    """At 13.5 m/s: 3 m/s2 stop the car within 34 m (reaction of 0.3 s included)."""
    start = 150 - distance - FRONT
    run = drive(
        straight(light_at=150), (start, 0, 0), (280, 0), speed=13.5, seconds=30,
        lights=lambda t: {"1": YELLOW if t < 3 else RED if t < 20 else GREEN},
    )  # fmt: skip
    at_red = run.x[np.searchsorted(run.t, 19.0) if stops else -1] + FRONT
    assert (at_red <= 150) == stops
    if stops:
        gentle(run, brake=3.6)
    else:
        assert run.speed[run.x < 160].min() > 12.0


def test_unknown_light_is_approached_as_red_and_left_when_seen_green() -> None:
    """The lamp is recognised 25 m before the line: the car has slowed down, but never stands."""
    graph = straight(light_at=150)
    car = Car(5, 0, 0)
    run = drive(
        graph, (5, 0, 0), (280, 0), car=car, seconds=60,
        lights=lambda t: {"1": GREEN if car.x + FRONT > 125 else UNKNOWN},
    )  # fmt: skip
    assert run.done
    assert run.speed[(run.x > 20) & (run.x < 250)].min() > 5.0


def test_a_light_never_seen_does_not_block_for_ever() -> None:
    run = drive(straight(light_at=100), (5, 0, 0), (200, 0), lights=lambda t: {"1": UNKNOWN}, seconds=80)
    assert run.done
    assert run.speed[(run.x > 94) & (run.x < 99)].min() < 0.05


def test_full_stop_at_a_stop_sign_then_goes() -> None:
    roads = Roads()
    roads.add(line((0, 0), (300, 0)))
    roads.lines.append(StopLine(0, 150.0, StopKind.STOP_SIGN, "s"))
    run = drive(roads.graph(), (5, 0, 0), (280, 0), seconds=60)
    assert run.done
    near = (150 - run.x - FRONT < 4.0) & (run.x + FRONT <= 150.0)
    assert run.speed[near].min() < 0.1
    standing = np.count_nonzero(run.speed < 0.1) * 0.1
    assert standing - 0.3 < 3.0  # it does not dawdle


def crossroads(ego_yields: bool, sign: StopKind | None) -> LaneGraph:
    """The ego comes from the west; a lane crosses from the south. The junction is 20 m wide about x = 100."""
    roads = Roads()
    a = roads.add(line((0, 0), (90, 0)))
    b = roads.add(line((90, 0), (110, 0)), after=(a,), junction=1)
    roads.add(line((110, 0), (250, 0)), after=(b,))
    c = roads.add(line((101.75, -150), (101.75, -10)))
    d = roads.add(line((101.75, -10), (101.75, 10)), after=(c,), junction=1)
    roads.add(line((101.75, 10), (101.75, 150)), after=(d,))
    roads.conflicts.append(Conflict(b, d, (9.0, 14.0), (7.5, 12.5), ego_yields))
    roads.conflicts.append(Conflict(d, b, (7.5, 12.5), (9.0, 14.0), not ego_yields))
    if sign is not None:
        roads.lines.append(StopLine(a, 88.0, sign, "y"))
    return roads.graph()


def test_yields_to_crossing_traffic_and_uses_the_gap_behind_it() -> None:
    cross = [Actor(k, ObjectClass.CAR, steady(101.75, -60.0 - 25.0 * k, math.pi / 2, 10.0)) for k in range(3)]
    run = drive(crossroads(True, StopKind.YIELD), (20, 0, 0), (230, 0), actors=cross, speed=10.0, seconds=60)
    assert run.collided < 0
    assert run.done
    last_clear = (60.0 + 50.0 + 3.0) / 10.0
    crossed = run.t[np.argmax(run.x + FRONT > 99.0)]
    assert last_clear - 1.0 < crossed < last_clear + 6.0
    assert any(plan.behavior == "yield" for plan in run.plans)
    gentle(run, brake=4.0)


def test_does_not_yield_when_the_other_is_far() -> None:
    cross = [Actor(1, ObjectClass.CAR, steady(101.75, -145.0, math.pi / 2, 8.0))]
    run = drive(crossroads(True, StopKind.YIELD), (40, 0, 0), (230, 0), actors=cross, speed=10.0, seconds=40)
    assert run.done
    assert run.speed[(run.x > 50) & (run.x < 150)].min() > 9.0


def test_waits_for_a_walker_who_crosses() -> None:
    roads = Roads()
    roads.add(line((0, 0), (300, 0)))
    roads.crosswalks.append(np.array([[148.0, -5.0], [152.0, -5.0], [152.0, 5.0], [148.0, 5.0]]))
    person = walker(5, steady(150, -8.0, math.pi / 2, 1.4, start=3.0, until=3.0 + 16 / 1.4))
    run = drive(roads.graph(), (60, 0, 0), (280, 0), actors=[person], speed=10.0, seconds=60)
    assert run.collided < 0
    assert run.done
    on_road = (run.t > 3.0 + 4.5 / 1.4) & (run.t < 3.0 + 9.5 / 1.4)
    assert (run.x[on_road] + FRONT).max() < 148.0
    gentle(run, brake=4.0)


def test_jaywalker_is_not_hit() -> None:
    person = walker(5, steady(100, -6.0, math.pi / 2, 1.5, start=3.5, until=3.5 + 12 / 1.5))
    run = drive(straight(), (50, 0, 0), (280, 0), actors=[person], speed=10.0, seconds=60)
    assert run.collided < 0
    assert run.done


def test_walkers_on_the_pavement_do_not_slow_the_car() -> None:
    people = [walker(k, steady(60 + 20 * k, -4.5 if k % 2 else 4.5, 0.0 if k % 2 else math.pi, 1.3)) for k in range(8)]
    run = drive(straight(), (5, 0, 0), (280, 0), actors=people, speed=12.0)
    assert run.done
    assert run.speed[(run.x > 30) & (run.x < 200)].min() > 12.0


def test_oncoming_traffic_does_not_slow_the_car() -> None:
    roads = Roads()
    roads.add(line((0, 0), (300, 0)))
    roads.add(line((300, 3.5), (0, 3.5)))
    others = [Actor(k, ObjectClass.CAR, steady(120 + 40 * k, 3.5, math.pi, 12.0)) for k in range(6)]
    run = drive(roads.graph(), (5, 0, 0), (280, 0), actors=others, speed=12.0)
    assert run.done
    assert run.speed[(run.x > 30) & (run.x < 200)].min() > 12.0


def test_emergency_brake_for_a_cut_in() -> None:
    def state(t: float) -> tuple[float, float, float, float]:
        u = min(max((t - 1.0) / 1.2, 0.0), 1.0)
        y = 3.5 * (1 - u**2 * (3 - 2 * u))
        return 42.0 + 6.0 * t, y, -0.25 if 0 < u < 1 else 0.0, 6.0

    run = drive(straight(500), (20, 0, 0), (480, 0), actors=[Actor(9, ObjectClass.CAR, state)], speed=13.0, seconds=25)
    assert run.collided < 0
    assert run.acceleration.min() < -2.5
    assert abs(run.speed[-1] - 6.0) < 0.5


def test_a_phantom_of_two_frames_is_not_braked_for_hard() -> None:
    """A car in the next lane seems to swerve for 0.2 s, then drives straight on."""
    swerves = {20, 21}

    def disturb(k: int, tracks):  # type: ignore[no-untyped-def]
        if k in swerves:
            tracks.velocity_world_mps[0] = [9.0, -2.5]
            tracks.yaw_rate_radps[0] = -0.3
        return tracks

    beside = Actor(4, ObjectClass.CAR, steady(25, 3.5, 0, 10.0))
    run = drive(straight(500), (10, 0, 0), (480, 0), actors=[beside], speed=12.0, seconds=10, disturb=disturb)
    gentle(run)


def test_passes_a_parked_car_that_juts_into_the_lane() -> None:
    """0.35 m of the car's width is in the way; the lane leaves room to pass it."""
    parked = Actor(4, ObjectClass.CAR, still(120, -2.05))
    run = drive(straight(), (5, 0, 0), (280, 0), actors=[parked], seconds=60)
    assert run.collided < 0
    assert run.done
    assert run.speed[(run.x > 80) & (run.x < 200)].min() > 4.0


def turn_road(radius: float) -> LaneGraph:
    roads = Roads()
    a = roads.add(line((0, 0), (80, 0)))
    b = roads.add(arc(80, 0, 0, radius, math.pi / 2), after=(a,), junction=1, turn=1)
    roads.add(line((80 + radius, radius), (80 + radius, radius + 100)), after=(b,))
    return roads.graph()


@pytest.mark.parametrize("dt", [0.05, 0.1])
def test_tracks_a_ten_metre_turn(dt: float) -> None:
    run = drive(turn_road(10.0), (5, 0, 0), (90, 100), dt=dt)
    assert run.done
    assert abs(run.lateral_error).max() < 0.3
    speeds = run.speed[(run.x > 82) & (run.y < 8)]
    assert speeds.max() ** 2 / 10.0 < 2.5 * 1.1


@pytest.mark.parametrize("dt", [0.05, 0.1])
def test_no_oscillation_at_thirty_metres_a_second(dt: float) -> None:
    """Starts 0.5 m beside the line: comes back once, without swinging."""
    run = drive(straight(1500, limit=31.0), (5, 0.5, 0), (1400, 0), speed=30.0, seconds=20, dt=dt)
    late = run.t > 8.0
    assert abs(run.lateral_error[late]).max() < 0.05
    assert run.lateral_error.min() > -0.15
    steer = np.array([c.steer for c in run.commands])[late]
    assert np.ptp(steer) < 0.002


def test_motorway_curve_is_tracked() -> None:
    roads = Roads()
    a = roads.add(line((0, 0), (100, 0)), limit=30.0)
    roads.add(arc(100, 0, 0, 500.0, 1.2, step=1.0), after=(a,), limit=30.0)
    run = drive(
        roads.graph(), (5, 0, 0), (100 + 500 * math.sin(1.1), 500 * (1 - math.cos(1.1))), speed=28.0, seconds=40
    )
    assert run.done
    assert abs(run.lateral_error).max() < 0.2


@pytest.mark.parametrize(("strength", "steer_gain"), [(0.7, 1.0), (1.3, 1.0), (1.0, 0.8), (1.0, 1.2)])
def test_model_errors_are_corrected(strength: float, steer_gain: float) -> None:
    car = Car(5, 0, 0, strength=strength, steer_gain=steer_gain)
    run = drive(turn_road(12.0), (5, 0, 0), (92, 100), car=car)
    assert run.done
    assert abs(run.lateral_error).max() < 0.45
    assert run.speed.max() < 1.04 * 13.9


def two_lanes(length: float = 300.0) -> LaneGraph:
    """Left lane 0, right lane 1; only the right one goes on into the exit 2, only the left one straight on to 3."""
    roads = Roads()
    left = roads.add(line((0, 3.5), (length, 3.5)))
    right = roads.add(line((0, 0), (length, 0)))
    roads.beside(left, right)
    roads.add(arc(length, 0, 0, 60.0, -0.6), after=(right,), turn=-1)
    roads.add(line((length, 3.5), (length + 100, 3.5)), after=(left,))
    return roads.graph()


EXIT = (300 + 60 * math.sin(0.55), -60 * (1 - math.cos(0.55)))


def test_changes_lanes_to_reach_an_exit() -> None:
    run = drive(two_lanes(), (5, 3.5, 0), EXIT, seconds=60)
    assert run.done
    assert abs(run.lateral_error).max() < 0.3
    assert len(run.planning.route.changes) == 1  # type: ignore[union-attr]
    gentle(run)


def test_a_lane_change_waits_for_the_gap() -> None:
    """A column drives beside the ego; the change has to wait until it is past or fall in behind it."""
    others = [Actor(k, ObjectClass.CAR, steady(-15.0 + 14.0 * k, 0, 0, 11.0)) for k in range(4)]
    run = drive(two_lanes(), (5, 3.5, 0), EXIT, actors=others, speed=11.0, seconds=60)
    assert run.collided < 0
    assert run.done


def test_missing_ego_estimate_brakes_to_a_stop() -> None:
    def lose(k: int, tracks):  # type: ignore[no-untyped-def]
        if k > 60:
            tracks.ego.world_from_ego[:] = np.nan
        return tracks

    run = drive(straight(), (5, 0, 0), (280, 0), disturb=lose, seconds=20)
    assert run.speed[-1] < 0.05
    assert run.plans[-1].behavior == "emergency"
    assert all(np.isfinite(c.steer) for c in run.commands)
    assert run.acceleration.min() > -5.0


def test_tracks_that_are_not_finite_are_left_out() -> None:
    def spoil(k: int, tracks):  # type: ignore[no-untyped-def]
        tracks.boxes_world_m[0] = np.nan
        tracks.velocity_world_mps[1] = np.inf
        return tracks

    others = [Actor(1, ObjectClass.CAR, still(60, 0)), Actor(2, ObjectClass.CAR, still(80, 20)),
              Actor(3, ObjectClass.CAR, still(200, 0))]  # fmt: skip
    run = drive(straight(), (5, 0, 0), (280, 0), actors=others[1:], disturb=None, seconds=5)
    run = drive(straight(), (70, 0, 0), (280, 0), actors=others, disturb=spoil, seconds=30)
    assert run.collided < 0
    assert run.speed[-1] < 0.05  # behind the third car, the one with numbers
    assert run.x[-1] > 180
