"""The replayer in a world without a server: who plays whom, where they are between frames, and what damage does."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sim.server.protocol.structs import ActorDescription, Pose
from sim.server.recorder.log_file import RecorderLog, read_log
from sim.server.recorder.packets import ActorAdded, Attribute, BrokenLogError, PacketId
from sim.server.recorder.recorder import Recorder
from sim.server.recorder.replayer import DEFAULT_OFFSET, Replayer, ReplayOptions, Span, span_of
from sim.server.scene.doors import Door
from sim.server.serve import Server
from sim.server.world.parts import PARTS
from sim.server.world.world import World
from tests.sim.server.fakes import FAKE_PARTS
from tests.sim.server.recorder.logs import log_bytes, table, vehicle
from tests.sim.server.serving import OPENDRIVE

P = PacketId
PARTS_HERE = dataclasses.replace(FAKE_PARTS, make_dynamics=PARTS.make_dynamics, make_bench=PARTS.make_bench)
SCENE = FAKE_PARTS.build_scene("straight", OPENDRIVE, 0)


def empty_world() -> World:
    return World(SCENE, PARTS_HERE, 0, 1, 0, 2, 2001)


def at(*places: tuple[int, float, float]) -> tuple[int, Any]:
    """Positions: id, x m, yaw degrees."""
    return P.POSITION, table(P.POSITION, *((i, (100.0 * x, 0.0, 0.0), (0.0, 0.0, yaw)) for i, x, yaw in places))


def play(world: World, *frames: tuple[float, float, list[tuple[int, Any]]], **span: Any) -> Replayer:
    log = RecorderLog(log_bytes(frames))
    wanted = Span(**{"start_s": 0.0, "stop_s": log.total_s, **span})
    return Replayer(world, log, wanted, ReplayOptions(), True)


def x_of(world: World, actor_id: int) -> float:
    return float(world.pose_of(world.actors.get(actor_id))[0][0])


def test_between_frames_an_actor_is_on_the_way() -> None:
    world = empty_world()
    frames = [(0.1, 0.0, [(P.EVENT_ADD, [vehicle(90)]), at((90, 0.0, 170.0))]), (-1.0, 0.1, [at((90, 1.0, -170.0))])]
    replay = play(world, *frames)
    replay.advance(0.025)
    assert x_of(world, 90) == pytest.approx(0.25)
    assert world.pose_of(world.actors.get(90))[1][1] == pytest.approx(math.radians(175.0)), "the short way round"
    row = int(np.searchsorted(world.dynamics.actor_id, 90))
    assert world.dynamics.velocity_mps[row] == pytest.approx((10.0, 0.0, 0.0))
    assert world.dynamics.angular_velocity_radps[row, 2] == pytest.approx(math.radians(5.0) / 0.025)


def test_who_is_put_elsewhere_does_not_fly_there() -> None:
    world = empty_world()
    frames = [(0.1, 0.0, [(P.EVENT_ADD, [vehicle(90)]), at((90, 0.0, 0.0))]), (-1.0, 0.1, [at((90, 300.0, 0.0))])]
    replay = play(world, *frames)
    replay.advance(0.05)
    assert x_of(world, 90) == 0.0
    replay.advance(0.05)
    assert x_of(world, 90) == pytest.approx(300.0)


def test_ids_are_kept_where_free_and_actors_of_the_same_type_taken_over() -> None:
    world = empty_world()
    mine = world.spawn(ActorDescription(0, "vehicle.audi.tt", {}), Pose((50.0, 0.0, 0.5), (0.0, 0.0, 0.0)))
    same = world.spawn(ActorDescription(0, "vehicle.tesla.model3", {}), Pose((70.0, 0.0, 0.5), (0.0, 0.0, 0.0)))
    recorded = [vehicle(i) for i in (mine.actor_id, same.actor_id, 500)]
    replay = play(world, (-1.0, 0.0, [(P.EVENT_ADD, recorded)]))
    ids = replay.cast.ids
    assert (ids[same.actor_id], ids[500]) == (same.actor_id, 500)
    assert ids[mine.actor_id] == 501, "the id of another type of actor is not free"
    assert [actor.actor_id for actor in world.actors] == sorted(actor.actor_id for actor in world.actors)


def test_actors_come_and_go_with_the_frames() -> None:
    world = empty_world()
    replay = play(
        world,
        (0.1, 0.0, [(P.EVENT_ADD, [vehicle(90)])]),
        (0.1, 0.1, [(P.EVENT_ADD, [vehicle(91, 9.0)])]),
        (-1.0, 0.2, [(P.EVENT_DEL, table(P.EVENT_DEL, (90,)))]),
    )
    assert world.actors.find(91) is None
    replay.advance(0.1)
    assert world.actors.find(91) is not None
    replay.stop(keep_actors=False)
    assert (world.actors.find(90), world.actors.get(91).actor_id) == (None, 91)


@pytest.mark.parametrize("recorded_m", [(1.5, 0.0, 2.4), (101.5, 0.0, 2.4)], ids=["relative", "in the world"])
def test_a_recorded_sensor_sits_where_it_sat(recorded_m: tuple[float, float, float]) -> None:
    world = empty_world()
    x, y, z = (100.0 * v for v in recorded_m)
    camera = ActorAdded(91, 5, (x, y, z), (0.0, 0.0, 0.0), 0, "sensor.other.gnss", ())
    parent = (P.EVENT_PARENT, table(P.EVENT_PARENT, (91, 90)))
    play(world, (-1.0, 0.0, [(P.EVENT_ADD, [vehicle(90, 100.0), camera]), parent]))
    sensor = world.actors.get(91)
    assert sensor.parent_id == 90
    assert sensor.relative_m == pytest.approx((1.5, 0.0, 2.4))


def test_the_props_of_a_level_are_props_here() -> None:
    world = empty_world()
    mesh = Attribute(4, "mesh_path", "/Game/Carla/Static/Dynamic/Garden/SM_PlasticChair.SM_PlasticChair")
    chair = ActorAdded(90, 0, (0.0, 0.0, 0.0), (0.0, 0.0, 0.0), 195, "static.prop.mesh", (mesh,))
    play(world, (-1.0, 0.0, [(P.EVENT_ADD, [chair])]))
    assert world.actors.get(90).type_id == "static.prop.plasticchair"


def test_doors_open_with_the_recording() -> None:
    world = empty_world()
    doors = [(P.VEHICLE_DOOR, table(P.VEHICLE_DOOR, (90, 0, 1), (90, 3, 1)))]
    shut = [(P.VEHICLE_DOOR, table(P.VEHICLE_DOOR, (90, 0, 0)))]
    replay = play(world, (0.1, 0.0, [(P.EVENT_ADD, [vehicle(90)]), *doors]), (0.1, 0.1, shut), (-1.0, 0.2, []))
    assert world.postures.open_doors(90) == {Door.FRONT_LEFT, Door.REAR_RIGHT}
    replay.advance(0.1)
    assert world.postures.open_doors(90) == {Door.REAR_RIGHT}


def test_a_start_before_the_beginning_counts_from_the_end() -> None:
    log = RecorderLog(log_bytes([(1.0, float(k), []) for k in range(11)]))
    spans = [span_of(log, *part, 0, DEFAULT_OFFSET) for part in ((-4.0, 0.0), (-40.0, 3.0), (2.0, 5.0), (2.0, 0.0))]
    assert [(s.start_s, s.stop_s) for s in spans] == [(6.0, 10.0), (0.0, 3.0), (2.0, 7.0), (2.0, 10.0)]


WALKER = ActorAdded(91, 2, (0.0, 500.0, 100.0), (0.0, 0.0, 0.0), 0, "walker.pedestrian.0001", ())
EVERYTHING = log_bytes(
    [
        (
            0.1,
            0.1 * k,
            [
                (P.EVENT_ADD, [vehicle(90 + 3 * k, 10.0 * k, "hero"), WALKER] if k < 2 else []),
                (P.EVENT_DEL, table(P.EVENT_DEL, (93,)) if k == 2 else table(P.EVENT_DEL)),
                (P.EVENT_PARENT, table(P.EVENT_PARENT, (93, 90))),
                (P.VEHICLE_DOOR, table(P.VEHICLE_DOOR, (90, k, 1))),
                at((90, k, 0.0), (91, k, 3.0), (93, k, 90.0)),
                (P.STATE, table(P.STATE, (2, 0, 1.0, 2))),
                (P.ANIM_VEHICLE, table(P.ANIM_VEHICLE, (90, 0.1, 0.2, 0.3, 0, 1))),
                (P.ANIM_WALKER, table(P.ANIM_WALKER, (91, 1.5))),
                (P.VEHICLE_LIGHT, table(P.VEHICLE_LIGHT, (90, 3))),
            ],
        )
        for k in range(4)
    ]
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_a_damaged_log_ends_a_replay_and_nothing_worse(data: st.DataObject) -> None:
    broken = bytearray(EVERYTHING)
    for at_byte in data.draw(st.lists(st.integers(30, len(broken) - 1), min_size=1, max_size=6)):
        broken[at_byte] = data.draw(st.integers(0, 255))
    world = empty_world()
    try:
        log = RecorderLog(bytes(broken))
        replay = Replayer(world, log, Span(0.0, max(log.total_s, 0.3)), ReplayOptions(), True)
    except BrokenLogError:
        return
    for _ in range(6):
        replay.advance(0.07)
        world.tick(0.07, ())
    assert np.isfinite(world.dynamics.position_m).all()
    assert np.isfinite(world.records()["location"]).all()


def test_the_end_of_the_server_ends_a_recording(tmp_path: Path) -> None:
    (tmp_path / "straight.xodr").write_text(OPENDRIVE)
    server = Server(str(tmp_path / "straight.xodr"), port=0, parts=FAKE_PARTS, recordings=str(tmp_path / "logs"))
    session = server.session
    session.recorder = Recorder(session.recordings.path("a.log"), session.world, 0, False)
    for _ in range(3):
        session.tick()
    server.start().stop()
    log = read_log(tmp_path / "logs" / "a.log")
    assert log.fault is None
    assert len(log) >= 3
    assert log.duration_s[-1] == -1.0
