"""Figures of sweeps on points made by hand, and the readers of other people's sweeps."""

from __future__ import annotations

import math
import os
from pathlib import Path

import numpy as np
import pytest

from sim.realism.recorded_sweeps import heaps, kitti_sweeps, kitti_things
from sim.realism.sweep_tables import sweeps_text
from sim.realism.sweeps import (
    Sweep,
    Things,
    count_points,
    figures,
    in_box,
    ring_by_elevation,
    ring_by_turns,
    shares,
)

DATA = Path(os.environ.get("ROADLAB_DATA", "../shared/data"))
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason=f"recorded data absent at {DATA}")


def turn(elevations_deg: list[float], rays: int, keep: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Points at 10 m of beams that each keep the first share of their rays, and their ring numbers."""
    points, ring = [], []
    for k, elevation in enumerate(elevations_deg):
        azimuth = np.linspace(0.01, 2.0 * math.pi, rays, endpoint=False)[: round(rays * (1.0 if k == 0 else keep))]
        e = math.radians(elevation)
        points.append(10.0 * np.stack([np.cos(azimuth) * math.cos(e), np.sin(azimuth) * math.cos(e),
                                       np.full(len(azimuth), math.sin(e))], axis=1))  # fmt: skip
        ring += [k] * len(azimuth)
    return np.concatenate(points), np.array(ring)


def test_shares_add_up_and_the_last_bin_is_open():
    got = shares(np.array([1.0, 6.0, 7.0, 500.0]), (0.0, 5.0, 10.0, math.inf))
    assert got == {"0-5": 0.25, "5-10": 0.5, ">= 10": 0.25}


def test_rings_are_known_by_elevation_and_by_turns():
    points, ring = turn([-5.0, -10.0, 2.0], 36)
    np.testing.assert_array_equal(ring_by_elevation(points, np.radians([-5.0, -10.0, 2.0])), ring)
    np.testing.assert_array_equal(ring_by_turns(points), ring)


def test_dropout_is_the_share_of_rays_to_the_ground_that_are_missing():
    points, ring = turn([2.0, -6.0, -12.0], 400, keep=0.75)
    told = figures([Sweep(points, ring=ring, rays=400)])["rings"]
    assert told["beams"] == 3
    assert told["ground_dropout"] == pytest.approx(0.25)
    assert told["spacing_deg"] == pytest.approx(7.0)
    assert told["scatter_deg"] == pytest.approx(0.0, abs=1e-6)


def test_a_turned_box_holds_the_points_along_its_own_axis():
    points = np.array([[10.0, 0.0, 0.0], [10.0, 1.9, 0.0], [11.9, 0.0, 0.0], [10.0, 0.0, 2.0]])
    size, centre = np.array([4.0, 2.0, 1.5]), np.array([10.0, 0.0, 0.0])
    assert in_box(points, centre, size, math.pi / 2.0).tolist() == [True, True, False, False]
    assert in_box(points, centre, size, 0.0).tolist() == [True, False, True, False]


def test_points_of_bodies_by_distance_leave_out_what_nobody_saw():
    centres, size = np.array([[8.0, 0.0, 0.0], [30.0, 0.0, 0.0]]), np.array([[2.0, 2.0, 2.0]] * 2)
    sweep = Sweep(np.array([[8.0, 0.1, 0.0], [7.5, 0.0, 0.2], [50.0, 0.0, 0.0]]), np.array([0.2, 0.4, 0.6]),
                  things=Things(("car", "car"), centres, size, np.zeros(2)))  # fmt: skip
    assert count_points(sweep) == [("car", 8.0, 2), ("car", 30.0, 0)]
    told = figures([sweep])
    assert told["objects"]["car"] == {"5-10": {"bodies": 1, "median": 2.0, "mean": 2.0}}
    assert told["objects"]["person"] == {}
    assert told["intensity"]["mean"] == pytest.approx(0.4)
    assert told["intensity"]["mean_by_range"] == {"0-10": pytest.approx(0.3), ">= 40": pytest.approx(0.6)}
    assert "8.0" not in sweeps_text({"ours": told, "other": figures([Sweep(sweep.points_m)])}).split("median range")[0]


def test_heaps_are_points_that_touch():
    near = np.array([[0.0, 0.0, 0.0], [0.3, 0.0, 0.0], [0.6, 0.3, 0.0]])
    far = near + np.array([20.0, 0.0, 0.0])
    lone = np.array([[50.0, 0.0, 0.0]])
    assert [n for _, n in heaps(np.concatenate([near, far, lone]))] == [3, 3]
    assert heaps(np.zeros((0, 3))) == []


def test_a_label_in_front_of_the_camera_lies_in_front_of_the_lidar():
    # axes only: the camera's z is the LiDAR's x, its x is -y, its y is -z; no offset
    calib = "R0_rect: 1 0 0 0 1 0 0 0 1\nTr_velo_to_cam: 0 -1 0 0 0 0 -1 0 1 0 0 0\n"
    label = (
        "Car 0.0 0 0 0 0 1 1 1.5 1.8 4.0 2.0 1.7 20.0 -1.5707963267948966\nDontCare -1 -1 -10 0 0 1 1 -1 -1 -1 0 0 0 0"
    )
    things = kitti_things(label, calib)
    assert things.kind == ("car",)
    np.testing.assert_allclose(things.centre_m, [[20.0, -2.0, -1.7 + 0.75]], atol=1e-9)
    np.testing.assert_allclose(things.size_m, [[4.0, 1.8, 1.5]])
    assert things.yaw_rad[0] == pytest.approx(0.0)  # rotation -90 degrees in the camera looks away along its z


@needs_data
def test_the_boxes_of_kitti_hold_lidar_points():
    sweep = kitti_sweeps(DATA)[1]
    near = [n for kind, away, n in count_points(sweep) if kind == "car" and away < 30.0]
    assert sweep.ring is not None
    assert len(np.unique(sweep.ring)) == 64
    assert all(n > 20 for n in near)
