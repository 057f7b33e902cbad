"""Two-wheelers and the poses of people: natural proportions at the sizes that clients are told."""

from __future__ import annotations

import numpy as np
import pytest

from sim.server.scene.bodies.body import Body
from sim.server.scene.bodies.cycle_parts import Cycle
from sim.server.scene.bodies.cycles import CYCLES, build_cycle, rider_parts, seat_of, wheel_parts
from sim.server.scene.bodies.finish import shade
from sim.server.scene.bodies.parked_cycles import build_parked_cycles
from sim.server.scene.bodies.parts import REAR
from sim.server.scene.bodies.people import ADULT, ARM, WOMAN
from sim.server.scene.bodies.skeleton import Build, resized, seated, upright
from sim.server.scene.catalogue import PARKED_CYCLES, VEHICLE_MODELS, model_for
from sim.server.scene.mesh import Material, Tag

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


@pytest.mark.parametrize(("build", "low_m", "high_m"), [(ADULT, 0.46, 0.55), (WOMAN, 0.40, 0.48)])
def test_shoulders_are_as_broad_as_those_of_people(build: Build, low_m: float, high_m: float) -> None:
    upper_arm_m = max(radius for at, radius in ARM if at < 0.2) * build.girth
    assert low_m < 2.0 * (build.shoulder_m + upper_arm_m) < high_m


def test_one_who_stands_has_feet_as_far_apart_as_the_shoulders_and_hands_off_the_hips() -> None:
    joints = upright(ADULT, None)
    feet, shoulders = np.ptp(joints.ankle[:, 1]), np.ptp(joints.shoulder[:, 1])
    assert 0.6 * shoulders < feet < shoulders
    assert (np.abs(joints.wrist[:, 1]) > np.abs(joints.shoulder[:, 1]) + 0.08).all()


@pytest.mark.parametrize("cycle", CYCLES, ids=lambda c: c.name)
def test_hands_hold_the_grips_with_elbows_near_them(cycle: Cycle) -> None:
    joints = seat_of(cycle, 0)[1]
    reach = joints.shoulder - joints.wrist
    arm = resized(cycle.figure.build, cycle.rider)
    assert (np.linalg.norm(reach, axis=1) < 1.01 * (arm.upper_arm_m + arm.forearm_m)).all(), (
        "arms that long there are not"
    )
    grips = min(float(np.abs(joints.wrist[:, 1]).min()), cycle.bars[1])
    machine = [p.scaled(cycle.stretch) for p in cycle.build(cycle, 0)]
    near = [float(np.linalg.norm(p.points_m - joints.wrist[1], axis=1).min()) for p in machine]
    assert min(near) < 0.08
    assert np.abs(joints.elbow[:, 1]).max() < max(grips, np.abs(joints.shoulder[:, 1]).max()) + 0.15, "not akimbo"


@pytest.mark.parametrize("cycle", CYCLES, ids=lambda c: c.name)
def test_the_front_wheel_turns_between_two_dark_or_chromed_blades(cycle: Cycle) -> None:
    hub = np.array([cycle.hubs[0], 0.0, cycle.radius_m])
    tyre = cycle.tyre_m
    for side in (-1.0, 1.0):
        beside = [p for p in cycle.build(cycle, 0) if p.points_m[:, 1].mean() * side > tyre]
        held = [p for p in beside if np.linalg.norm((p.points_m - hub)[:, [0, 2]], axis=1).min() < 0.05]
        assert held
        assert all((p.points_m[:, 1] * side > 0.0).any() for p in held)
        assert all(set(p.material.tolist()) <= {int(Material.PLASTIC), int(Material.RIM)} for p in held)


@pytest.mark.parametrize("cycle", CYCLES, ids=lambda c: c.name)
def test_a_red_lamp_or_reflector_looks_back(cycle: Cycle) -> None:
    body = build_cycle(cycle, None)
    behind = shade(body.lods[0], body.frame, 0)
    assert body.charts is not None
    painted = behind.faces[(behind.material == int(Material.PAINT)) & (behind.chart == REAR) & ~behind.rider]
    uv = behind.uv[painted].mean(axis=1)
    canvas = body.charts[REAR].canvas
    row = np.clip((uv[:, 1] * canvas.shape[0]).astype(int), 0, canvas.shape[0] - 1)
    column = np.clip((uv[:, 0] * canvas.shape[1]).astype(int), 0, canvas.shape[1] - 1)
    corner = behind.vertices_m[painted].astype(np.float64)
    area = 0.5 * np.linalg.norm(np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0]), axis=1)
    lit = area * canvas[row, column, 2]
    assert float(lit.sum()) > (0.004 if cycle.crank_m else 0.012), "square metres"
    assert (corner[lit > 0.0, :, 0].mean(axis=1) < 0.0).all(), "no lamp looks at the rider"


@pytest.mark.parametrize("name", ["cruiser", "sport_bike", "scooter"])
def test_nothing_of_a_motorcycle_stands_above_the_chest_of_its_rider(name: str) -> None:
    cycle = BY_NAME[name]
    parts = build_cycle(cycle, 0).lods[0]
    top = {ridden: max(float(p.points_m[:, 2].max()) for p in parts if p.rider.any() == ridden) for ridden in (0, 1)}
    assert top[0] < 0.75 * top[1]


def test_the_rear_tyre_of_a_heavy_motorcycle_is_the_wider() -> None:
    front, rear = (float(np.ptp(wheel.points_m[:, 1])) for wheel in wheel_parts(BY_NAME["sport_bike"], 0))
    assert rear > 1.2 * front


def test_leather_covers_a_rider_from_neck_to_ankle_or_to_the_hips() -> None:
    for name, bare in (("sport_bike", set()), ("cruiser", {int(Material.BOTTOM)})):
        worn = np.concatenate([p.material for p in rider_parts(BY_NAME[name], 0, 0)])
        cloth = {int(Material.TOP), int(Material.BOTTOM), int(Material.SKIN)}
        assert set(worn.tolist()) & cloth == bare


@pytest.mark.parametrize("cycle", CYCLES, ids=lambda c: c.name)
def test_far_two_wheelers_are_drawn_with_a_fraction_of_the_triangles(cycle: Cycle) -> None:
    faces = [sum(len(part.faces) for part in level) for level in build_cycle(cycle, None).lods]
    assert faces[0] < 7000
    assert faces[1] < 0.55 * faces[0]
    assert faces[2] < 0.40 * faces[0]


@pytest.mark.parametrize("body", build_parked_cycles(), ids=lambda body: body.name)
def test_the_catalogue_knows_the_sizes_of_two_wheelers_without_riders(body: Body) -> None:
    frame = body.frame
    assert (frame.length_m, frame.width_m, frame.height_m) == pytest.approx(PARKED_CYCLES[body.name], abs=0.01)
