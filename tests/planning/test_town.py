"""Through the shipped town in kinematic traffic, with errors such as a tracker makes."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import carla
import numpy as np
import pytest

from control.control import Control
from perception.objects import LightState, ObjectClass, Tracks
from planning.lanes import LaneGraph
from planning.plan import Planning
from sim.source.infractions import InfractionWatch
from sim.source.lanes import lane_graph
from tests.planning.town import Town
from tests.planning.world import MKZ, Car, overlaps

TOWN = Path(__file__).resolve().parents[2] / "configs" / "maps" / "Roadlab01.xodr"


@pytest.fixture(scope="module")
def graph() -> LaneGraph:
    return lane_graph(carla.Map("Roadlab01", TOWN.read_text(encoding="utf-8")))[0]


def noisy(tracks: Tracks, rng: np.random.Generator) -> Tracks:
    """Positions off by 0.2 m, velocities by 0.4 m/s, yaw by 0.1 rad, 5 % missed, a tenth without a class."""
    n = len(tracks.ids)
    boxes = tracks.boxes_world_m.copy()
    boxes[:, :2] += rng.normal(0, 0.2, (n, 2))
    boxes[:, 6] += rng.normal(0, 0.1, n)
    velocity = tracks.velocity_world_mps + rng.normal(0, 0.4, (n, 2))
    unnamed = (tracks.ids % 10 == 0) & (tracks.classes != ObjectClass.PEDESTRIAN)
    kept = rng.random(n) > 0.05
    return replace(
        tracks, ids=tracks.ids[kept], boxes_world_m=boxes[kept], velocity_world_mps=velocity[kept],
        yaw_rate_radps=rng.normal(0, 0.1, n)[kept], scores=tracks.scores[kept],
        classes=np.where(unnamed, int(ObjectClass.UNKNOWN), tracks.classes)[kept], age=tracks.age[kept],
        misses=tracks.misses[kept], covariance=tracks.covariance[kept],
    )  # fmt: skip


@pytest.mark.parametrize("seed", [1, 3])
def test_a_minute_in_town_without_a_scratch(graph: LaneGraph, seed: int) -> None:
    rng = np.random.default_rng(seed)
    planning = Planning(graph, MKZ)
    while True:
        rows = rng.integers(len(graph.sample_xy_m), size=2)
        start, goal = (
            (*graph.sample_xy_m[row], graph.lanes[graph.sample_lane[row]].yaw_rad[graph.sample_index[row]])
            for row in rows
        )
        if any(graph.lanes[graph.sample_lane[row]].junction >= 0 for row in rows):
            continue
        planning.set_route(np.array(start), np.array(goal))
        if planning.reference.goal_s_m > 400:
            break
    car, town = Car(*start), Town(graph, rng)
    town.populate(20, 10, np.array(start[:2]))
    control, watch = Control(MKZ), InfractionWatch(graph, 0.5 * MKZ.length_m)
    accelerations = []
    for k in range(600):
        actors = town.actors()
        tracks = noisy(town.tracks(car, k, actors), rng)
        _, plan = planning.plan(tracks)
        command = control.control(plan, tracks.ego, car.steer, tracks.t_us)
        lights = {signal: int(LightState(state)) for signal, state in town.lights().items()}
        assert not watch.update(tracks.ego.world_from_ego, car.speed, lights)
        assert not any(
            overlaps(car, actor, 0.0) for actor in actors if math.dist(actor.state(0)[:2], (car.x, car.y)) < 8
        )
        car.step(command, 0.1)
        town.step(0.1, car)
        accelerations.append(car.acceleration)
    assert plan.route_progress_m > 180.0  # 3 m/s with the lights' waits: it is not timid
    assert np.mean(np.array(accelerations) < -3.0) < 0.02
