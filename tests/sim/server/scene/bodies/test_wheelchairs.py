"""People in wheelchairs: how they sit, push and roll; two-wheelers on their stands."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from sim.server.scene.bodies.assemble import assemble
from sim.server.scene.bodies.cycles import CYCLES
from sim.server.scene.bodies.parked_cycles import LEAN_RAD, build_parked_cycle
from sim.server.scene.bodies.parts import Floats
from sim.server.scene.bodies.wheelchairs import PEOPLE, Seated, build_seated, model_joints
from sim.server.scene.mesh import Material
from sim.server.scene.variants import library_level
from sim.server.world.postures import Postures
from sim.server.world.skeleton import ROW

CHAIR = (Material.PLASTIC, Material.RIM, Material.TYRE, Material.METAL)
EVERYONE = pytest.mark.parametrize("person", PEOPLE, ids=lambda person: person.name)


def angle_deg(a: Floats, corner: Floats, b: Floats) -> float:
    u, v = a - corner, b - corner
    return float(np.degrees(np.arccos(u @ v / np.linalg.norm(u) / np.linalg.norm(v))))


@EVERYONE
@pytest.mark.parametrize("phase", [None, 0, 4, 6])
def test_hips_and_knees_are_at_right_angles_and_feet_rest_over_the_ground(person: Seated, phase: int | None) -> None:
    joints = model_joints(person, phase)
    for side in (0, 1):
        assert angle_deg(joints.hip[side], joints.knee[side], joints.ankle[side]) == pytest.approx(90.0, abs=8.0)
        hip = angle_deg(joints.knee[side] - joints.hip[side] + joints.pelvis, joints.pelvis, joints.chest)
        assert hip == pytest.approx(90.0, abs=16.0)  # who pushes leans forward
        assert 0.05 < joints.ankle[side, 2] - person.figure.build.ankle_m < 0.2


@EVERYONE
def test_hands_hold_the_rims_while_they_push_and_no_arm_is_stretched(person: Seated) -> None:
    build = person.figure.build
    wheels = np.array(build_seated(person, 0).wheels_m)[2:]
    for phase in (*range(8), None):
        joints = model_joints(person, phase)
        for side in (0, 1):
            x, y, z, radius = wheels[side]
            wrist = joints.wrist[side]
            away = np.hypot(wrist[0] - x, wrist[2] - z) - radius
            assert 0.0 < away < (0.05 if phase is None or phase <= 4 else 0.1)
            assert abs(wrist[1] - y) < 0.06
            reach = float(np.linalg.norm(wrist - joints.shoulder[side]))
            assert reach < 0.98 * (build.upper_arm_m + build.forearm_m)


@EVERYONE
def test_a_push_brings_the_hands_forward_and_they_come_back_higher(person: Seated) -> None:
    wrist = np.array([model_joints(person, phase).wrist[0] for phase in range(8)])
    assert (np.diff(wrist[:5, 0]) > 0.02).all()
    assert (np.diff(wrist[4:, 0]) < -0.02).all()
    hub = np.array(build_seated(person, 0).wheels_m[2])
    away = np.hypot(wrist[:, 0] - hub[0], wrist[:, 2] - hub[2])
    assert away[5:].min() > away[:5].max() + 0.02


@EVERYONE
def test_the_large_wheels_turn_about_their_hubs_and_stand_on_the_ground(person: Seated) -> None:
    body = build_seated(person, None)
    assert body.wheels_m[2][1] < 0.0 < body.wheels_m[3][1]
    for lod in body.lods:
        for k in (3, 4):
            x, _, z, radius = body.wheels_m[k - 1]
            mine = np.concatenate([p.points_m for p in lod if (p.wheel == k).all()])
            assert np.hypot(mine[:, 0] - x, mine[:, 2] - z).max() == pytest.approx(radius, rel=0.02)
            assert abs(mine[:, 2].min()) < 0.01


@EVERYONE
def test_chair_and_person_are_told_apart_by_their_materials(person: Seated) -> None:
    for detail, lod in enumerate(build_seated(person, None).lods):
        stiff = [np.isin(p.material, CHAIR) for p in lod]
        assert all(part.all() or not part.any() for part in stiff), detail
        chair = np.concatenate([p.points_m for p, part in zip(lod, stiff, strict=True) if part.all()])
        other = np.concatenate([p.points_m for p, part in zip(lod, stiff, strict=True) if not part.any()])
        assert chair[:, 2].max() < 0.75 * other[:, 2].max()
        assert chair[:, 2].min() < 0.01 < other[:, 2].min()


@pytest.mark.parametrize("cycle", CYCLES, ids=lambda cycle: cycle.name)
def test_a_parked_two_wheeler_leans_on_a_stand_that_reaches_the_ground(cycle) -> None:  # type: ignore[no-untyped-def]
    body = build_parked_cycle(cycle)
    lean = LEAN_RAD.get(cycle.name, 0.0)
    cos, sin = np.cos(lean), np.sin(lean)
    for lod in body.lods:
        points = np.concatenate([p.points_m for p in lod])
        height = sin * points[:, 1] + cos * points[:, 2]  # to the left
        beside = points[:, 1] < -0.12
        assert abs(height[beside].min()) < 0.03
        assert height.min() > -0.03
        assert not any(p.rider.any() for p in lod)
        assert not any(p.wheel.any() for p in lod)


def test_a_pose_given_by_a_client_moves_the_person_and_leaves_the_chair() -> None:
    person = PEOPLE[0]
    library = assemble([build_seated(person, None), build_parked_cycle(CYCLES[0])])  # which brings a chart
    postures, name = Postures(), f"{person.name}@stand"
    rest = postures.walking(name)
    raised = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])
    local = postures.local_bones(7, name, 1.0)
    arm = ROW["crl_arm__L"]
    postures.set_bones(7, name, 1.0, [("crl_arm__L", local.position_m[arm], local.rotation[arm] @ raised)])
    postures.blend(7, name, 1.0, 1.0)
    bench = SimpleNamespace(library=lambda: library)
    columns = np.array([7]), np.array([0], np.int32), np.ones((1, 3), np.float32)
    (variant,) = postures.variants(*columns, bench).values()  # type: ignore[arg-type]
    for lod in range(3):
        before, after = library_level(library, 0, lod), variant.level(lod)
        stiff = np.unique(before.faces[np.isin(before.material, CHAIR)])
        moved = np.linalg.norm(after.vertices_m - before.vertices_m, axis=1)
        assert moved[stiff].max() == 0.0
        assert moved.max() > 0.25
    assert np.abs(rest.position_m[ROW["crl_leg__L"]] - model_joints(person, None).knee[0]).max() < 1e-9
