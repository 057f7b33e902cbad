import numpy as np
import pytest

from sim.server.scene.static import Signal
from sim.server.world.traffic_lights import GREEN, OFF, RED, YELLOW, TrafficLights


def signal(group: int, phase: int) -> Signal:
    return Signal(
        opendrive_id=f"{group}/{phase}",
        type_id="traffic.traffic_light" if group >= 0 else "traffic.stop",
        position_m=(0.0, 0.0, 0.0),
        yaw_rad=0.0,
        trigger_centre_m=(0.0, 0.0, 0.0),
        trigger_extent_m=(4.0, 1.5, 1.0),
        group=group,
        phase=phase,
        lamp_boxes=np.zeros((0, 7)),
        stop_points_m=np.zeros((0, 3)),
        affected_lanes=(),
    )


def run(lights: TrafficLights, seconds: float, dt_s: float = 0.05) -> None:
    for _ in range(round(seconds / dt_s)):
        lights.step(dt_s)


def test_a_phase_is_green_10_s_then_yellow_3_s_then_all_red_2_s_then_the_next_phase_is_green() -> None:
    lights = TrafficLights([signal(0, 0), signal(0, 1), signal(0, 0)])
    assert lights.state.tolist() == [GREEN, RED, GREEN]
    run(lights, 9.95)
    assert lights.state.tolist() == [GREEN, RED, GREEN]
    run(lights, 0.05)
    assert lights.state.tolist() == [YELLOW, RED, YELLOW]
    run(lights, 3.0)
    assert lights.state.tolist() == [RED, RED, RED]
    run(lights, 2.0)
    assert lights.state.tolist() == [RED, GREEN, RED]
    run(lights, 15.0)
    assert lights.state.tolist() == [GREEN, RED, GREEN]


def test_no_two_phases_of_a_group_are_ever_open_together() -> None:
    lights = TrafficLights([signal(g, p) for g in range(2) for p in range(3) for _ in range(2)])
    phase = np.array([p for _ in range(2) for p in range(3) for _ in range(2)])
    seen = set()
    for _ in range(2000):
        lights.step(0.05)
        for group in (slice(0, 6), slice(6, 12)):
            open_phases = set(phase[group][lights.state[group] != RED].tolist())
            assert len(open_phases) <= 1
            seen |= open_phases
    assert seen == {0, 1, 2}


def test_elapsed_time_counts_from_the_change_of_state_whatever_the_tick() -> None:
    fine, coarse = TrafficLights([signal(0, 0), signal(0, 1)]), TrafficLights([signal(0, 0), signal(0, 1)])
    run(fine, 12.0)
    run(coarse, 12.0, dt_s=6.0)
    assert fine.state.tolist() == coarse.state.tolist() == [YELLOW, RED]
    assert fine.elapsed_s == pytest.approx([2.0, 12.0])
    assert coarse.elapsed_s == pytest.approx([2.0, 12.0])


def test_times_can_be_set_and_a_negative_one_is_refused() -> None:
    lights = TrafficLights([signal(0, 0), signal(0, 1)])
    lights.set_green_time(0, 1.0)
    lights.set_yellow_time(0, 0.5)
    lights.set_red_time(0, 0.25)
    run(lights, 1.75)
    assert lights.state.tolist() == [RED, GREEN]
    with pytest.raises(ValueError, match="not negative"):
        lights.set_green_time(0, -1.0)


def test_a_frozen_light_keeps_the_state_that_was_set() -> None:
    lights = TrafficLights([signal(0, 0), signal(0, 1)])
    lights.set_state(1, GREEN)
    lights.freeze(True)
    run(lights, 60.0)
    assert lights.state.tolist() == [GREEN, GREEN]
    lights.freeze(False)
    run(lights, 10.0)
    assert lights.state.tolist() == [YELLOW, RED]


def test_reset_starts_the_cycle_of_one_group_only() -> None:
    lights = TrafficLights([signal(0, 0), signal(0, 1), signal(1, 0), signal(1, 1)])
    run(lights, 11.0)
    lights.reset(0)
    assert lights.state.tolist() == [GREEN, RED, YELLOW, RED]
    with pytest.raises(ValueError, match="groups are"):
        lights.reset(7)


def test_a_sign_is_off_and_cannot_be_switched() -> None:
    lights = TrafficLights([signal(-1, -1)])
    run(lights, 30.0)
    assert lights.state.tolist() == [OFF]
    with pytest.raises(ValueError, match="is a sign"):
        lights.set_state(0, RED)


def test_a_cycle_of_zero_times_does_not_hang() -> None:
    lights = TrafficLights([signal(0, 0), signal(0, 1)])
    for index in (0, 1):
        lights.set_green_time(index, 0.0)
        lights.set_yellow_time(index, 0.0)
        lights.set_red_time(index, 0.0)
    run(lights, 1.0)


def test_the_lights_of_a_group_are_numbered_phase_by_phase() -> None:
    lights = TrafficLights([signal(1, 1), signal(0, 0), signal(1, 0), signal(-1, -1), signal(1, 0)])
    assert lights.pole_index.tolist() == [2, 0, 0, 0, 1]
