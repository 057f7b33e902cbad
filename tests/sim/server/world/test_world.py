"""The world without sockets: attachment geometry, road rules, blueprints, and that a tick is deterministic."""

from __future__ import annotations

import hashlib
import math
from typing import Any

import carla
import numpy as np
import pytest

from sim.server.maps import MapCatalogue, UnknownMapError
from sim.server.protocol.structs import ActorDescription, Pose
from sim.server.scene.generation import Generation
from sim.server.sensors.instances import Contact
from sim.server.session import Session
from sim.server.world import blueprints
from sim.server.world.attachment import Attachment, attached_pose
from sim.server.world.columns import InstanceColumns
from sim.server.world.parts import Parts
from sim.server.world.pose import rotation_matrix
from sim.server.world.settings import EpisodeSettings
from sim.server.world.vehicle_spec import VehicleControl
from sim.server.world.world import SpawnError
from tests.sim.server.fakes import FAKE_PARTS, fake_scene
from tests.sim.server.serving import OPENDRIVE


class Recorded:
    """A session whose frames are kept instead of sent; every stream has a listener."""

    def __init__(self, seed: int = 0, parts: Parts = FAKE_PARTS) -> None:
        self.frames: list[tuple[int, bytes]] = []
        maps = MapCatalogue(parts.build_scene, seed)
        self.session = Session(
            parts, maps, seed, fake_scene("straight", OPENDRIVE, seed),
            lambda stream, message, lossless: self.frames.append((stream, message)), lambda stream, message: None,
            range(1, 100), lambda stream: None, 2001, EpisodeSettings(True, False, 0.05),
        )  # fmt: skip
        self.world: Any = self.session.world

    def spawn(self, type_id: str, x: float, parent: int = 0, **attributes: str) -> Any:
        pose = Pose((x, 1.75, 1.0), (0.0, 0.0, 0.0))
        return self.world.spawn(ActorDescription(1, type_id, attributes), pose, parent)


def test_same_calls_same_bytes() -> None:
    def run() -> str:
        recorded = Recorded(seed=3)
        car = recorded.spawn("vehicle.audi.tt", 10.0)
        recorded.spawn("sensor.camera.rgb", 1.0, car.actor_id, image_size_x="20", image_size_y="10")
        recorded.spawn("walker.pedestrian.0001", 30.0)
        recorded.world.control_vehicle(car.actor_id, VehicleControl(throttle=0.7, steer=0.1))
        for _ in range(20):
            recorded.session.tick()
        digest = hashlib.sha256()
        for stream, message in recorded.frames:
            clock = 48 + 8 if stream == 1 else len(message)  # the snapshot's wall clock differs
            digest.update(message[:clock] + message[clock + 8 :])
        return digest.hexdigest()

    assert run() == run()


def test_rigid_attachment_is_the_product_of_transforms() -> None:
    rng = np.random.default_rng(1)
    for _ in range(20):
        parent_m, relative_m = rng.normal(size=3), rng.normal(size=3)
        parent_rad, relative_rad = rng.uniform(-1, 1, 3), rng.uniform(-1, 1, 3)
        position, rotation = attached_pose(Attachment.RIGID, parent_m, parent_rad, relative_m, relative_rad)
        parent = carla.Transform(carla.Location(*parent_m), carla.Rotation(*np.degrees(parent_rad)))
        expected = parent.transform(carla.Location(*relative_m))
        assert np.allclose(position, (expected.x, expected.y, expected.z), atol=1e-5)
        product = rotation_matrix(*parent_rad) @ rotation_matrix(*relative_rad)
        assert np.allclose(rotation_matrix(*rotation), product, atol=1e-9)


def test_spring_arm_looks_at_its_parent_and_keeps_level() -> None:
    position, rotation = attached_pose(
        Attachment.SPRING_ARM, np.zeros(3), np.array((0.3, math.pi / 2, 0.2)), np.array((-4.0, 0.0, 4.0)), np.zeros(3)
    )
    assert np.allclose(position, (0.0, -4.0, 4.3))  # the arm starts 30 cm above its parent
    assert np.allclose(rotation, (-math.pi / 4, math.pi / 2, 0.0))


def test_every_blueprint_is_complete_and_spawns_with_its_defaults() -> None:
    library = blueprints.library()
    assert len({b.uid for b in library.values()}) == len(library) == 214 + 1  # CARLA's and sensor.camera.labels
    for blueprint in library.values():
        completed = blueprint.completed({})
        assert blueprint.completed(completed) == completed
        assert "role_name" in completed
        bodily = blueprint.kind in (blueprints.Kind.VEHICLE, blueprints.Kind.WALKER, blueprints.Kind.PROP)
        assert (min(blueprint.half_m) > 0.0) == bodily


@pytest.mark.parametrize(("text", "number"), [("3.5f", 3.5), ("-2", -2.0), (".5e1x", 5.0), ("wide", 0.0)])
def test_numbers_are_read_from_the_front_as_in_carla(text: str, number: float) -> None:
    assert blueprints.leading_float(text) == number


def test_spawning_an_unknown_id_names_the_nearest() -> None:
    with pytest.raises(SpawnError, match=r"did you mean 'vehicle\.tesla\.model3'"):
        Recorded().spawn("vehicle.tesla.model4", 10.0)


def test_collision_is_told_to_the_sensor_of_the_car_that_was_hit() -> None:
    recorded = Recorded()
    car, other = recorded.spawn("vehicle.audi.tt", 10.0), recorded.spawn("vehicle.audi.a2", 40.0)
    sensor = recorded.spawn("sensor.other.collision", 0.0, car.actor_id)
    recorded.world.dynamics.contacts = [
        Contact(other.actor_id, car.actor_id, 0, (-5.0, 0.0, 0.0), (0.0, 0.0, 0.0)),
        Contact(car.actor_id, 0, 3, (1.0, 2.0, 3.0), (0.0, 0.0, 0.0)),
        Contact(other.actor_id, 0, 3, (9.0, 0.0, 0.0), (0.0, 0.0, 0.0)),
    ]
    recorded.session.tick()
    import msgpack

    events = [msgpack.unpackb(m[48:]) for stream, m in recorded.frames if stream == sensor.stream_id]
    assert [(e[0][0], e[1][0], e[2]) for e in events] == [
        (car.actor_id, other.actor_id, [5.0, 0.0, 0.0]),
        (car.actor_id, 0, [1.0, 2.0, 3.0]),
    ]
    assert events[1][1][2][1] == "static.buildings"
    assert events[1][1][4] == bytes([3])


def test_a_collision_sensor_on_nobody_hears_of_no_crash() -> None:
    recorded = Recorded()
    car = recorded.spawn("vehicle.audi.tt", 10.0)
    sensor = recorded.spawn("sensor.other.collision", 0.0)
    recorded.world.dynamics.contacts = [Contact(car.actor_id, 0, 3, (1.0, 2.0, 3.0), (0.0, 0.0, 0.0))]
    recorded.session.tick()
    assert sensor.stream_id not in [stream for stream, _ in recorded.frames]


@pytest.mark.parametrize("part", ["measure", "transmit"])
def test_a_sensor_that_fails_does_not_stop_the_world(caplog: pytest.LogCaptureFixture, part: str) -> None:
    recorded = Recorded()
    sensor = recorded.spawn("sensor.camera.rgb", 10.0)

    def fail(*_: Any) -> bytes:
        raise RuntimeError("broken lens")

    sensor.sensing.sensor.measure = lambda *_: None
    setattr(sensor.sensing.sensor, part, fail)
    assert recorded.session.tick() + 1 == recorded.session.tick()
    assert "broken lens" in caplog.text
    assert {stream for stream, _ in recorded.frames} == {1}


def test_chance_in_an_episode_does_not_depend_on_those_before_it() -> None:
    """Ids go on from episode to episode; what is drawn by chance for an actor, such as its dirt, does not."""
    recorded = Recorded()
    looks, serials = [], []
    for _ in range(2):
        car = recorded.spawn("vehicle.audi.tt", 10.0)
        recorded.session.tick()
        looks.append(InstanceColumns().refresh(recorded.world).seed.tolist())
        serials.append((recorded.world.actors.serial(car.actor_id), car.actor_id))
        recorded.session.load("", reset_settings=False)
        recorded.world = recorded.session.world
    assert looks[0] == looks[1] != []
    assert serials[0][0] == serials[1][0]
    assert serials[1][1] > serials[0][1]


def test_a_scene_is_built_once() -> None:
    built: list[str] = []

    def build(name: str, opendrive: str, seed: int, generation: Any) -> Any:
        built.append(name)
        return fake_scene(name, opendrive, seed)

    maps = MapCatalogue(build, 0)
    maps.stage(OPENDRIVE, Generation())
    assert maps.scene("/Game/Carla/Maps/OpenDriveMap") is maps.scene("OpenDriveMap")
    assert built == ["OpenDriveMap"]
    with pytest.raises(UnknownMapError, match="Map 'Nowhere' not found"):
        maps.scene("Nowhere")
