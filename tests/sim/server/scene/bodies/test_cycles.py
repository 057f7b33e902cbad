"""Two-wheelers and the poses of people: natural proportions at the sizes that clients are told."""

from __future__ import annotations

import numpy as np
import pytest

from sim.server.scene.bodies.cycles import CYCLES, Cycle, build_cycle, rider_parts, wheel_parts
from sim.server.scene.bodies.skeleton import Build, resized, seated, upright
from sim.server.scene.catalogue import VEHICLE_MODELS, model_for
from sim.server.scene.mesh import Tag

TWO_WHEELERS = sorted(name for name, (_, tag) in VEHICLE_MODELS.items() if tag in (Tag.BICYCLE, Tag.MOTORCYCLE))
MOST_STRETCH = np.array([0.08, 0.16, 0.06])  # of length, width, height: more than that makes heads look squashed
BY_NAME = {cycle.name: cycle for cycle in CYCLES}


@pytest.mark.parametrize("blueprint", TWO_WHEELERS)
def test_published_sizes_hardly_stretch_a_rider(blueprint: str) -> None:
    choice = model_for(f"vehicle.{blueprint}")
    frame = build_cycle(BY_NAME[choice.name], 0).frame
    factors = np.array(choice.size_m) / [frame.length_m, frame.width_m, frame.height_m]
    assert (np.abs(factors - 1.0) < MOST_STRETCH).all(), factors


@pytest.mark.parametrize("cycle", CYCLES, ids=lambda c: c.name)
def test_wheels_are_round_and_stand_on_the_ground(cycle: Cycle) -> None:
    for wheel in wheel_parts(cycle, 0):
        size = np.ptp(wheel.points_m, axis=0)
        assert size[0] == pytest.approx(size[2], rel=0.02)
        assert wheel.points_m[:, 2].min() == pytest.approx(0.0, abs=0.01)


@pytest.mark.parametrize("cycle", [c for c in CYCLES if c.crank_m > 0.0], ids=lambda c: c.name)
def test_feet_follow_the_pedals(cycle: Cycle) -> None:
    def lowest(phase: int) -> list[float]:
        shoes = [p for p in rider_parts(cycle, phase, 0) if p.rider.all() and p.points_m[:, 2].max() < 0.75]
        return [min(float(p.points_m[:, 2].min()) for p in shoes if p.points_m[:, 1].mean() * s > 0) for s in (-1, 1)]

    left, right = np.array([lowest(phase) for phase in range(0, 8, 2)]).T
    assert np.ptp(left) > cycle.crank_m
    assert np.allclose(left, np.roll(right, 2), atol=0.01), "half a turn apart"


def test_a_resized_build_keeps_its_proportions() -> None:
    small = resized(Build(), 0.9)
    assert small.height_m == pytest.approx(0.9 * Build().height_m)
    assert small.head_m / small.trunk_m == pytest.approx(Build().head_m / Build().trunk_m)


def test_elbows_and_knees_turn_outward_when_asked() -> None:
    feet, hands = [[0.0, -0.2, 0.4], [0.0, 0.2, 0.4]], [[0.2, -0.3, 1.1], [0.2, 0.3, 1.1]]
    narrow = seated(Build(), (-0.3, 0.0, 0.9), feet, hands, 0.3, splay=0.1, elbows_out=0.2)
    wide = seated(Build(), (-0.3, 0.0, 0.9), feet, hands, 0.3, splay=0.6, elbows_out=1.5)
    assert np.abs(wide.elbow[:, 1]).min() > np.abs(narrow.elbow[:, 1]).max() + 0.05
    assert np.abs(wide.knee[:, 1]).min() > np.abs(narrow.knee[:, 1]).max() + 0.05


def test_one_who_stands_sets_one_foot_forward() -> None:
    joints = upright(Build(), None)
    assert joints.ankle[0, 0] - joints.ankle[1, 0] > 0.08
    assert abs(joints.wrist[0, 0] - joints.wrist[1, 0]) > 0.05
