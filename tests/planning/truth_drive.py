"""Drive planning and control on a CARLA server with the truth for perception: the stack's lower half by itself.

``python -m tests.planning.truth_drive --port 2000 --seed 0`` against a running server; prints what an examiner notes.
"""

from __future__ import annotations

import argparse
import math
import time
from collections import Counter
from dataclasses import replace

import numpy as np

from control.control import Control
from perception.frame import Frame
from perception.objects import EgoEstimate, LightState, ObjectClass, Tracks, TrafficLightView
from planning.plan import Planning
from sim.scenario import RouteSpec, Scenario, SensorsSpec, SimSpec, TrafficSpec, TruthSpec
from sim.source.carla import CarlaSource
from sim.truth import Truth

SIGHT_M = 60.0
LIGHT_SIGHT_M = 45.0


def in_view(heads_m: np.ndarray, pose: np.ndarray) -> bool:
    """Whether the front camera of the default rig would show one of the heads."""
    eye = pose @ np.array([0.6, 0.0, 1.6, 1.0])
    rel = (heads_m - eye[:3]) @ pose[:3, :3]
    x = np.maximum(rel[:, 0], 1e-3)
    return bool(((x < LIGHT_SIGHT_M) & (np.abs(rel[:, 1]) < 0.9 * x) & (rel[:, 2] + 0.3 < 0.75 * x) & (x > 1.0)).any())


def tracks_from_truth(truth: Truth, frame: Frame, before: Truth | None, heads: dict[str, np.ndarray]) -> Tracks:
    """What a perfect perception within ``SIGHT_M`` would say; lights are known within ``LIGHT_SIGHT_M``."""
    pose = truth.world_from_ego
    dt = (truth.t_us - before.t_us) * 1e-6 if before is not None else 0.1
    yaw = math.atan2(pose[1, 0], pose[0, 0])
    velocity = pose[:2, :2].T @ truth.ego_velocity_mps[:2]
    rate = acceleration = 0.0
    if before is not None:
        old = before.world_from_ego
        rate = math.remainder(yaw - math.atan2(old[1, 0], old[0, 0]), 2 * math.pi) / dt
        acceleration = (velocity[0] - float((old[:2, :2].T @ before.ego_velocity_mps[:2])[0])) / dt
    ego = EgoEstimate(pose, velocity, rate, acceleration, np.eye(3) * 1e-4)
    vehicles = np.isin(truth.classes, [int(c) for c in ObjectClass if c != ObjectClass.TRAFFIC_LIGHT])
    near = np.linalg.norm(truth.boxes_world_m[:, :2] - pose[:2, 3], axis=1) < SIGHT_M
    rows = np.flatnonzero(vehicles & near)
    n = len(rows)
    views = tuple(
        TrafficLightView(name, LightState(state), 0.95, 0.0)
        for name, state in truth.lights.items()
        if name in heads and in_view(heads[name], pose)
    )
    return Tracks(
        frame.index, frame.t_us, ego, truth.actor_id[rows].astype(np.int64), truth.boxes_world_m[rows],
        truth.velocity_world_mps[rows, :2].copy(), np.zeros(n), np.ones(n), truth.classes[rows],
        np.full(n, 10, np.int64), np.zeros(n, np.int64), np.tile(np.eye(4) * 0.01, (n, 1, 1)), views,
    )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=2000)
    parser.add_argument("--map", default="Roadlab01")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--vehicles", type=int, default=20)
    parser.add_argument("--walkers", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--step", type=float, default=0.1)
    parser.add_argument("--length", type=float, default=600.0)
    parser.add_argument("--verbose", action="store_true")
    parser.add_argument("--save", help="write the rows as .npy")
    asked = parser.parse_args()
    scenario = Scenario(
        map=asked.map, route=RouteSpec(length_m=asked.length), seed=asked.seed, duration_s=asked.seconds,
        traffic=replace(TrafficSpec(), vehicles=asked.vehicles, walkers=asked.walkers),
        sensors=replace(SensorsSpec(), cameras={}, lidars={}), truth=TruthSpec(0),
        sim=replace(SimSpec(), step_s=asked.step, substeps=max(round(asked.step / 0.05), 1)),
    )  # fmt: skip
    source = CarlaSource("127.0.0.1", asked.port, scenario)
    try:
        run(source, asked)
    finally:
        source.close()


def run(source: CarlaSource, asked: argparse.Namespace) -> None:
    planning = Planning(source.lane_graph, source.vehicle, None, source.map_lights)
    control = Control(source.vehicle)
    heads = {light.signal_id: light.heads_world_m for light in source.map_lights}
    print("vehicle", source.vehicle)
    planning.set_route(
        np.array(source.route.start_world), np.array(source.route.goal_world),
        tuple(np.array(place) for place in source.route.via_world),
    )  # fmt: skip
    frame, truth = source.reset()
    before = None
    rows, cpu = [], []
    behaviors: Counter[str] = Counter()
    events: list[tuple[float, dict[str, object]]] = []
    behavior = ""
    first_us = frame.t_us
    while (frame.t_us - first_us) * 1e-6 < asked.seconds:
        assert truth is not None
        tracks = tracks_from_truth(truth, frame, before, heads)
        began = time.process_time()
        _, plan = planning.plan(tracks)
        command = control.control(plan, tracks.ego, frame.steer_rad, frame.t_us)
        cpu.append(time.process_time() - began)
        t = (frame.t_us - first_us) * 1e-6
        _, d = planning.reference.project(
            truth.world_from_ego[None, :2, 3].copy(), planning._s_m - 15.0, planning._s_m + 15.0
        )
        v = float(tracks.ego.velocity_ego_mps[0])
        rows.append((t, v, tracks.ego.acceleration_mps2, d[0], plan.route_progress_m, v * tracks.ego.yaw_rate_radps,
                     command.terms.get("speed_error_mps", 0.0), command.throttle, command.brake, frame.steer_rad,
                     command.steer, tracks.ego.yaw_rate_radps, plan.curvature_pm[0],
                     plan.acceleration_mps2[0]))  # fmt: skip
        behaviors[plan.behavior] += 1
        for event in truth.events:
            events.append((round(t, 1), dict(event)))
            print(
                "EVENT",
                round(t, 1),
                dict(event),
                "at",
                truth.world_from_ego[:2, 3].round(1),
                plan.behavior,
                round(v, 1),
            )
        if asked.verbose and (plan.behavior != behavior or len(rows) % 20 == 0):
            print(f"{t:6.1f} s={plan.route_progress_m:6.1f}/{plan.route_length_m:.0f} v={v:5.2f} a={rows[-1][2]:5.2f} "
                  f"d={d[0]:5.2f} {plan.behavior} {plan.target} thr={command.throttle:.2f} br={command.brake:.2f} "
                  f"plan a={plan.acceleration_mps2[0]:.2f} v={plan.speed_mps[0]:.2f} {plan.rejected}")  # fmt: skip
            if plan.behavior in ("emergency", "obstacle", "follow") and plan.target.isdigit():
                row = int(np.flatnonzero(tracks.ids == int(plan.target))[0])
                rel = truth.world_from_ego[:2, :2].T @ (tracks.boxes_world_m[row, :2] - truth.world_from_ego[:2, 3])
                vel = truth.world_from_ego[:2, :2].T @ tracks.velocity_world_mps[row]
                print(f"        {ObjectClass(int(tracks.classes[row])).name} at {rel.round(1)} velocity {vel.round(1)}")
        behavior = plan.behavior
        if plan.done:
            break
        before = truth
        frame, truth = source.step(command)
    r = np.array(rows).T
    if asked.save:
        np.save(asked.save, r)
    jerk = np.diff(r[2]) / np.diff(r[0])
    still_s = np.mean(r[1] < 0.1) * r[0, -1]
    print(f"seed {asked.seed} done {plan.done} t {r[0, -1]:.0f} s, {plan.route_progress_m:.0f} m")
    print(f"mean {r[1].mean():.1f} m/s, still {still_s:.0f} s, lateral max {abs(r[3]).max():.2f} m")
    print(f"a {r[2].min():.1f}..{r[2].max():.1f} m/s2, jerk p99 {np.percentile(abs(jerk), 99):.1f}")
    print(f"speed error p95 {np.percentile(abs(r[6]), 95):.2f} m/s, cpu {1e3 * np.median(cpu):.1f} ms")
    print(dict(behaviors), "events", events)


if __name__ == "__main__":
    main()
