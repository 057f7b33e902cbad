"""Recording and replaying through the official client, with the product's own physics."""

from __future__ import annotations

import math
import queue
import shutil
from collections.abc import Iterator
from pathlib import Path

import carla
import numpy as np
import pytest

from sim.server.recorder.log_file import read_log
from sim.server.recorder.packets import PacketId
from tests.sim.server.recorder.logs import DATA, REAL, needs_real_logs
from tests.sim.server.serving import Running, running_server

STEP_S = 0.05
TICKS = 60
FLOAT_M = 2e-4
"""Positions travel as float32 centimetres and metres: 200 m have steps of 1.5e-5 m, each of three conversions one."""


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    maps = DATA / "maps"
    with running_server("real", "Roadlab01", maps=maps if maps.is_dir() else None) as running:
        yield running


@pytest.fixture(scope="module")
def client(server: Running) -> carla.Client:
    client = carla.Client("127.0.0.1", server.port)
    client.set_timeout(120.0)
    return client


def fresh(client: carla.Client) -> carla.World:
    """A synchronous world of Roadlab01 without actors."""
    client.set_replayer_time_factor(1.0)
    client.set_replayer_ignore_hero(False)
    client.set_replayer_ignore_spectator(True)
    world = client.load_world("Roadlab01", reset_settings=False)
    settings = world.get_settings()
    settings.synchronous_mode, settings.fixed_delta_seconds = True, STEP_S
    world.apply_settings(settings)
    while world.get_snapshot().timestamp.elapsed_seconds < 10 * STEP_S - 1e-6:  # loading takes a tick, or two, or three
        world.tick()
    return world


def poses(world: carla.World, ids: list[int]) -> list[list[float]]:
    snapshot = world.get_snapshot()
    found = [snapshot.find(i).get_transform() for i in ids]
    return [
        [t.location.x, t.location.y, t.location.z, t.rotation.pitch, t.rotation.yaw, t.rotation.roll] for t in found
    ]


def traffic(world: carla.World) -> list[carla.Actor]:
    """A hero, two more vehicles and a walker, all on the move."""
    library, points = world.get_blueprint_library(), world.get_map().get_spawn_points()
    hero = library.find("vehicle.lincoln.mkz_2020")
    hero.set_attribute("role_name", "hero")
    kinds = [hero, library.find("vehicle.audi.tt"), library.find("vehicle.bh.crossbike")]
    actors = [world.spawn_actor(kind, points[3 * k]) for k, kind in enumerate(kinds)]
    for vehicle in actors:
        vehicle.apply_control(carla.VehicleControl(throttle=0.6, steer=0.05))
    beside = carla.Transform(points[20].location + carla.Location(z=1.0), points[20].rotation)
    walker = world.spawn_actor(library.filter("walker.pedestrian.*")[0], beside)
    walker.apply_control(carla.WalkerControl(carla.Vector3D(1.0, 0.0, 0.0), 1.5))
    return [*actors, walker]


@pytest.fixture(scope="module")
def drive(client: carla.Client) -> tuple[Path, list[int], np.ndarray]:
    """A recording; the ids in it; what the client saw, (ticks, actors, 6)."""
    world = fresh(client)
    actors = traffic(world)
    ids = [actor.id for actor in actors]
    world.spawn_actor(
        world.get_blueprint_library().find("sensor.other.collision"), carla.Transform(), attach_to=actors[0]
    )
    path = Path(client.start_recorder("drive.log", True))
    seen = []
    for k in range(TICKS):
        if k == 10:
            actors[0].open_door(carla.VehicleDoor.FL)
        world.tick()
        seen.append(poses(world, ids))
    client.stop_recorder()
    client.get_server_version()  # answered after the recorder has stopped
    return path, ids, np.array(seen)


def test_a_recording_holds_what_the_client_saw(drive: tuple[Path, list[int], np.ndarray]) -> None:
    path, ids, seen = drive
    log = read_log(path)
    assert (log.fault, len(log), log.header.version, log.header.map_name) == (None, TICKS, 2, "Roadlab01")
    assert log.elapsed_s == pytest.approx(STEP_S * np.arange(TICKS))
    order = [p.packet for p in log.packets(TICKS // 2)]
    assert order == [20, 2, 3, 4, 5, 21, 6, 7, 8, 9, 10, 22, 23, 12, 13, 14, 19]  # as CARLA 0.9.16 writes them
    for k in (0, TICKS - 1):
        table = next(p.content() for p in log.packets(k) if p.packet == PacketId.POSITION)
        rows = [int(np.flatnonzero(table["actor_id"] == i)[0]) for i in ids]
        assert table["location_cm"][rows] / 100.0 == pytest.approx(seen[k, :, :3], abs=FLOAT_M)
        assert table["rotation_deg"][rows] == pytest.approx(seen[k][:, [5, 3, 4]], abs=1e-3)
    bones = next(p.content() for p in log.packets(TICKS - 1) if p.packet == PacketId.WALKER_BONES)
    assert [(w.actor_id, w.names[0], len(w.names)) for w in bones] == [(ids[3], "crl_root", 66)]
    doors = [p.content().tolist() for k in range(TICKS) for p in log.packets(k) if p.packet == PacketId.VEHICLE_DOOR]
    assert [rows for rows in doors if rows] == [[(ids[0], 0, 1)]]
    kinematics = next(p.content() for p in log.packets(TICKS - 1) if p.packet == PacketId.KINEMATICS)
    moved = np.linalg.norm(seen[-1, 0, :2] - seen[-2, 0, :2]) / STEP_S
    assert np.linalg.norm(kinematics["velocity_mps"][0, :2]) == pytest.approx(moved, rel=0.05)


def test_a_replay_repeats_the_drive(client: carla.Client, drive: tuple[Path, list[int], np.ndarray]) -> None:
    _, ids, seen = drive
    world = fresh(client)
    text = client.replay_file("drive.log", 0.0, 0.0, ids[0], False)
    assert text.endswith(
        "Total time recorded: 2.95\nReplaying from 0 s - 2.95 s (2.95 s) at 1.0x\nIgnoring Spectator camera\n"
    )
    for k in range(1, TICKS):
        world.tick()
        there = np.array(poses(world, ids))
        assert there[:, :3] == pytest.approx(seen[k, :, :3], abs=FLOAT_M)
        assert np.abs(np.sin(np.radians(there[:, 3:] - seen[k, :, 3:]))).max() < 1e-4
        if k == TICKS // 2:
            follower = world.get_snapshot().find(world.get_spectator().id).get_transform()
            hero = world.get_actor(ids[0])
            behind = hero.get_transform().transform(carla.Location(-10.0, 0.0, 5.0))
            assert follower.location.distance(behind) < 1e-3
            speed = np.linalg.norm(seen[k + 1, 0, :2] - seen[k, 0, :2]) / STEP_S
            assert math.hypot(hero.get_velocity().x, hero.get_velocity().y) == pytest.approx(speed, rel=0.02)
            assert hero.get_control().throttle == pytest.approx(0.6)
    stands = world.get_actor(ids[0])
    for _ in range(5):
        world.tick()
    assert stands.get_velocity().length() < 0.5, "at its end a vehicle stops and is left to physics"
    stands.apply_control(carla.VehicleControl(throttle=1.0))
    for _ in range(40):
        world.tick()
    assert stands.get_velocity().length() > 2.0


def test_a_part_of_a_drive_slower_and_without_its_hero(
    client: carla.Client, drive: tuple[Path, list[int], np.ndarray]
) -> None:
    _, ids, seen = drive
    world = fresh(client)
    client.set_replayer_time_factor(0.5)
    client.set_replayer_ignore_hero(True)
    text = client.replay_file("drive.log", -1.45, 1.0, 0, False)
    assert "Replaying from 1.5 s - 2.5 s (2.95 s) at 0.5x\nIgnoring Hero vehicle\n" in text
    world.tick()
    assert world.get_actor(ids[0]) is None
    assert sorted(a.id for a in world.get_actors().filter("*vehicle*")) == ids[1:3]
    half_way = (seen[30, 1:, :3] + seen[31, 1:, :3]) / 2.0
    assert np.array(poses(world, ids[1:]))[:, :3] == pytest.approx(half_way, abs=FLOAT_M)
    for _ in range(9):
        world.tick()
    client.stop_replayer(True)
    world.tick()
    standing = poses(world, ids[1:3])
    for _ in range(5):
        world.tick()
    assert np.array(poses(world, ids[1:3]))[:, :2] == pytest.approx(np.array(standing)[:, :2], abs=0.3)


def test_a_client_sees_a_replay_with_its_own_sensors_and_weather(
    client: carla.Client, drive: tuple[Path, list[int], np.ndarray]
) -> None:
    _, ids, _ = drive
    world = fresh(client)
    world.set_weather(carla.WeatherParameters.HardRainNight)
    client.replay_file("drive.log", 1.0, 0.0, 0, True)
    assert world.get_weather() == carla.WeatherParameters.HardRainNight
    world.tick()
    assert [a.parent.id for a in world.get_actors().filter("sensor.*")] == [ids[0]], "recorded sensors come on request"
    blueprint = world.get_blueprint_library().find("sensor.other.gnss")
    sensor = world.spawn_actor(blueprint, carla.Transform(), attach_to=world.get_actor(ids[0]))
    readings: queue.Queue[carla.GnssMeasurement] = queue.Queue()
    sensor.listen(readings.put)
    places = []
    for _ in range(10):
        world.tick()
        reading = readings.get(timeout=60.0)
        places.append(reading.transform.location)
        assert reading.transform.location.distance(world.get_snapshot().find(ids[0]).get_transform().location) < 0.01
    assert places[-1].distance(places[0]) > 0.5


def test_a_replay_runs_in_an_asynchronous_world(
    client: carla.Client, drive: tuple[Path, list[int], np.ndarray]
) -> None:
    _, ids, seen = drive
    world = fresh(client)
    settings = world.get_settings()
    settings.synchronous_mode = False
    world.apply_settings(settings)
    client.replay_file("drive.log", 0.0, 0.0, 0, False)
    for _ in range(3 * TICKS):
        snapshot = world.wait_for_tick()
    last = snapshot.find(ids[1]).get_transform().location
    assert np.hypot(last.x - seen[-1, 1, 0], last.y - seen[-1, 1, 1]) < 0.5


def test_the_same_drive_on_two_servers_gives_the_same_log() -> None:
    """On one server the ids would go on, as in CARLA."""
    logs = []
    for _ in range(2):
        with running_server("real", "Roadlab01") as own:
            client = carla.Client("127.0.0.1", own.port)
            client.set_timeout(120.0)
            fresh(client)  # a server begins asynchronous, with steps that the clock gives
            world = fresh(client)
            actors = traffic(world)
            path = Path(client.start_recorder("again.log"))
            for _ in range(20):
                world.tick()
            actors[1].destroy()
            world.tick()
            client.stop_recorder()
            client.get_server_version()
            logs.append(path.read_bytes())
    date = slice(18, 26)
    assert [data[: date.start] + data[date.stop :] for data in logs] == [
        logs[0][: date.start] + logs[0][date.stop :]
    ] * 2


def test_crashes_are_recorded_where_a_collision_sensor_is(client: carla.Client) -> None:
    world = fresh(client)
    library, point = world.get_blueprint_library(), world.get_map().get_spawn_points()[0]
    car = world.spawn_actor(library.find("vehicle.tesla.model3"), point)
    ahead = carla.Transform(point.transform(carla.Location(9.0, 0.0, 0.0)), point.rotation)
    other = world.spawn_actor(library.find("vehicle.audi.tt"), ahead)
    client.start_recorder("crash.log")
    world.spawn_actor(library.find("sensor.other.collision"), carla.Transform(), attach_to=other)
    car.apply_control(carla.VehicleControl(throttle=1.0))
    for _ in range(80):
        world.tick()
    client.stop_recorder()
    found = client.show_recorder_collisions("crash.log", "v", "v").splitlines()[5:-3]
    assert found[0].split()[1:3] == ["v", "v"]
    assert found[0].split()[3:] == [str(other.id), "vehicle.audi.tt", str(car.id), "vehicle.tesla.model3"]
    assert client.show_recorder_collisions("crash.log", "h", "a").splitlines()[5:-3] == []
    assert f" Parenting {other.id + 1} with {other.id} (parent)\n" in client.show_recorder_file_info("crash.log", False)


def test_missing_and_forbidden_files_are_told(client: carla.Client) -> None:
    for ask in (
        lambda name: client.show_recorder_file_info(name, False),
        lambda name: client.show_recorder_collisions(name, "a", "a"),
        lambda name: client.show_recorder_actors_blocked(name, 1.0, 1.0),
        lambda name: client.replay_file(name, 0.0, 0.0, 0),
    ):
        assert ask("nothing.log").endswith("nothing.log not found on server\n")
        with pytest.raises(RuntimeError, match="lies outside the recordings folder"):
            ask("../nothing.log")


@needs_real_logs
def test_carlas_own_log_is_replayed_on_its_map(client: carla.Client, drive: tuple[Path, list[int], np.ndarray]) -> None:
    shutil.copy(REAL[0], drive[0].parent / "carla.log")
    log = read_log(REAL[0])
    fresh(client)
    text = client.replay_file("carla.log", 10.0, 2.0, 0, False)
    assert "Loading map Town01\nReplayer will start after map is loaded...\n" in text
    world = client.get_world()
    assert world.get_map().name.endswith("Town01")
    for _ in range(20):
        world.tick()
    assert world.get_actor(174).type_id == "vehicle.lincoln.mkz_2017"
    frame = int(np.searchsorted(log.elapsed_s, 11.0, "right")) - 1
    packets = {p.packet: p.content() for p in log.packets(frame)}
    table = packets[PacketId.POSITION]
    x, y, z = table["location_cm"][table["actor_id"] == 174][0] / 100.0
    step = carla.Location(float(x), float(y), float(z)).distance(world.get_actor(174).get_location())
    assert step < 15.0 * float(log.duration_s[frame]), "less than it drives within a frame"
    red = {int(i): int(s) for i, _, _, s in packets[PacketId.STATE].tolist()}
    poles = {
        a.actor_id: a for p in log.packets(0) if p.packet == PacketId.EVENT_ADD for a in p.content() if a.kind == 3
    }
    lights = world.get_actors().filter("traffic.traffic_light")
    assert len(lights) == len(poles) == 36
    for light in lights:
        place = light.get_location()
        nearest = min(
            poles.values(), key=lambda a: math.dist(np.array(a.location_cm) / 100.0, (place.x, place.y, place.z))
        )
        assert int(light.state) == red[nearest.actor_id]
