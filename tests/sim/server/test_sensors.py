"""Every sensor through the official client, on a real map: what it reports is held against what was done."""

from __future__ import annotations

import queue
from collections.abc import Iterator
from typing import Any

import carla
import numpy as np
import pytest

from tests.sim.server.conftest import synchronous
from tests.sim.server.serving import Running

STEP_S = 0.05
WAIT_S = 60.0
SMALL = {"image_size_x": "160", "image_size_y": "120"}
EVENT = np.dtype([("x", "<u2"), ("y", "<u2"), ("t", "<i8"), ("pol", "u1")])


@pytest.fixture
def world(client: carla.Client) -> Iterator[carla.World]:
    synchronous(client, STEP_S)
    world = client.reload_world(reset_settings=False)
    world.tick()
    yield world
    for actor in [*world.get_actors().filter("sensor.*"), *world.get_actors().filter("vehicle.*")]:
        actor.destroy()


class Ears:
    """A sensor and what came from it."""

    def __init__(
        self,
        world: carla.World,
        blueprint: str,
        parent: Any = None,
        place: carla.Transform | None = None,
        mount: carla.AttachmentType = carla.AttachmentType.Rigid,
        **attributes: str,
    ) -> None:
        described = world.get_blueprint_library().find(blueprint)
        for name, value in attributes.items():
            described.set_attribute(name, value)
        place = carla.Transform() if place is None else place
        self.actor = world.spawn_actor(described, place, parent, mount)
        self.came: queue.Queue[Any] = queue.Queue()
        self.actor.listen(self.came.put)

    def get(self) -> Any:
        return self.came.get(timeout=WAIT_S)

    def nothing(self, world: carla.World) -> bool:
        """Whether a tick brings nothing (a snapshot of a later tick cannot overtake it for long)."""
        world.tick()
        try:
            self.came.get(timeout=0.3)
        except queue.Empty:
            return True
        return False


def car(world: carla.World, ahead_m: float = 0.0, kind: str = "vehicle.tesla.model3", lift_m: float = 0.0) -> Any:
    """A vehicle so many metres in front of the first spawn point; standing still, brake on."""
    point = world.get_map().get_spawn_points()[0]
    point.location += point.get_forward_vector() * ahead_m + carla.Location(0.0, 0.0, lift_m)
    actor = world.spawn_actor(world.get_blueprint_library().find(kind), point)
    actor.apply_control(carla.VehicleControl(hand_brake=True, brake=1.0))
    return actor


def settle(world: carla.World, ticks: int = 20) -> None:
    for _ in range(ticks):
        world.tick()


def pixels(image: Any) -> np.ndarray:
    return np.frombuffer(image.raw_data, np.uint8).reshape(image.height, image.width, 4)


AHEAD = carla.Transform(carla.Location(1.5, 0.0, 1.6))


def test_normals_are_those_of_the_world(world: carla.World) -> None:
    ears = Ears(world, "sensor.camera.normals", car(world), AHEAD, **SMALL)
    settle(world, 1)
    image = pixels(ears.get())
    assert image[-5, 80].tolist() == [255, 127, 127, 255]  # the road faces up: z is blue, x and y are zero
    length = np.linalg.norm(image[..., :3].astype(float) / 127.5 - 1.0, axis=2)
    assert (np.minimum(np.abs(length - 1.0), length) < 0.02).all()  # units, and the sky has none


def test_flow_of_a_still_camera_is_zero_and_of_a_teleported_body_is_its_path(world: carla.World) -> None:
    ego, other = car(world), car(world, 12.0)
    settle(world)
    flow = Ears(world, "sensor.camera.optical_flow", ego, AHEAD, **SMALL)
    labels = Ears(world, "sensor.camera.instance_segmentation", ego, AHEAD, **SMALL)
    depth = Ears(world, "sensor.camera.depth", ego, AHEAD, **SMALL)
    for actor in (ego, other):
        actor.set_simulate_physics(False)
    world.tick()
    for ears in (flow, labels, depth):
        ears.get()
    world.tick()
    motion = np.frombuffer(flow.get().raw_data, np.float32).reshape(120, 160, 2)
    assert np.abs(motion).max() < 1e-5
    labels.get(), depth.get()
    place = other.get_transform()
    place.location += place.get_right_vector() * 0.5
    other.set_transform(place)
    world.tick()
    image = flow.get()
    motion = np.frombuffer(image.raw_data, np.float32).reshape(120, 160, 2)
    tags, far = pixels(labels.get()), pixels(depth.get()).astype(np.float64)
    body = (tags[..., 1] == other.id % 256) & (tags[..., 2] == 14)
    assert body.sum() > 50
    metres = 1000.0 / (2**24 - 1) * (far[..., 2] + 256.0 * far[..., 1] + 65536.0 * far[..., 0])
    assert np.allclose(motion[body, 0], 0.5 / metres[body], atol=2e-3)  # focal length = half the width
    assert np.abs(motion[~body]).max() < 1e-5
    coded = image.get_color_coded_flow()  # its bytes live as long as it does
    colors = np.frombuffer(coded.raw_data, np.uint8).reshape(120, 160, 4)
    assert colors[body][:, :3].max() > 0
    assert colors[~body][:, :3].max() == 0


def test_events_lie_in_the_tick_and_where_the_picture_changed(world: carla.World) -> None:
    ego, other = car(world), car(world, 12.0)
    settle(world)
    ears = Ears(world, "sensor.camera.dvs", ego, AHEAD, **SMALL)
    assert ears.nothing(world)  # the first picture is what events are told against
    for actor in (ego, other):
        actor.set_simulate_physics(False)
    world.tick()
    place = other.get_transform()
    place.location += place.get_right_vector() * 0.4
    other.set_transform(place)
    world.tick()
    time_s = world.get_snapshot().timestamp.elapsed_seconds
    events = None
    while events is None or events.frame != world.get_snapshot().frame:
        events = ears.get()
    table = np.frombuffer(events.raw_data, EVENT)
    assert len(table) == len(events) > 20
    assert (np.diff(table["t"]) >= 0).all()
    assert table["t"].min() >= (time_s - STEP_S) * 1e9 - 1e3
    assert table["t"].max() <= time_s * 1e9 + 1e3
    assert 40 < np.median(table["x"]) < 120
    assert set(table["pol"].tolist()) == {0, 1}


def reddish(image: np.ndarray) -> np.ndarray:
    """Where pure red shows, smoothed at its rims."""
    return (image[..., 2] > 120) & (image[..., 0] < 8) & (image[..., 1] < 8)


def test_cosmos_draws_boxes_of_others_but_not_of_the_hero(world: carla.World) -> None:
    library = world.get_blueprint_library()
    described = library.find("vehicle.tesla.model3")
    described.set_attribute("role_name", "hero")
    hero = world.spawn_actor(described, world.get_map().get_spawn_points()[0])
    ears = Ears(world, "sensor.camera.cosmos_visualization", hero, AHEAD, **SMALL)
    world.unload_map_layer(carla.MapLayer.ParkedVehicles)  # they have boxes, too
    world.tick()
    before = reddish(pixels(ears.get())).sum()  # edges of the road are of a duller red
    world.load_map_layer(carla.MapLayer.ParkedVehicles)
    assert before < 20
    car(world, 12.0)
    settle(world, 2)
    ears.get()
    image = pixels(ears.get())
    assert reddish(image).sum() > 20
    assert (image[..., :3] == (0, 0, 0)).all(axis=2).mean() > 0.5


@pytest.mark.parametrize("kind", ["sensor.camera.rgb", "sensor.lidar.ray_cast_semantic"])
def test_an_ignored_vehicle_is_not_seen(world: carla.World, kind: str) -> None:
    ego, other = car(world), car(world, 12.0)
    settle(world)
    if kind == "sensor.camera.rgb":
        kind = "sensor.camera.instance_segmentation"
        ears = Ears(world, kind, ego, AHEAD, **SMALL)
    else:
        ears = Ears(world, kind, ego, AHEAD, range="50", points_per_second="400000", rotation_frequency="20")

    def seen() -> int:
        world.tick()
        data = ears.get()
        if kind == "sensor.camera.instance_segmentation":
            blue, green, red = (pixels(data)[..., k].astype(int) for k in range(3))
            return int(((red == 14) & (green + 256 * blue == other.id & 0xFFFF)).sum())
        return sum(hit.object_idx == other.id for hit in data)

    assert seen() > 20
    ears.actor.set_ignored_vehicles([other.id])
    assert seen() == 0
    ears.actor.set_ignored_vehicles([])
    assert seen() > 20
    with pytest.raises(RuntimeError, match="vehicle"):
        ears.actor.set_ignored_vehicles([ears.actor.id])


def test_gbuffers_come_with_the_frame(world: carla.World) -> None:
    ears = Ears(world, "sensor.camera.rgb", car(world), AHEAD, **SMALL)
    came: dict[Any, queue.Queue[Any]] = {}
    ears.actor.enable_gbuffers(True)
    for buffer in carla.GBufferTextureID.values.values():
        came[buffer] = queue.Queue()
        ears.actor.listen_to_gbuffer(buffer, came[buffer].put)
    frame = world.tick()
    images = {buffer: q.get(timeout=WAIT_S) for buffer, q in came.items()}
    assert len(images) == 13
    assert {image.frame for image in images.values()} == {frame}
    assert {(image.width, image.height) for image in images.values()} == {(160, 120)}
    stencil = pixels(images[carla.GBufferTextureID.CustomStencil])
    assert stencil[-5, 80, 0] in (1, 24)  # road or a line on it
    normal = pixels(images[carla.GBufferTextureID.GBufferA])
    assert normal[-5, 80, 0] == 255
    ears.actor.stop_gbuffer(carla.GBufferTextureID.GBufferA)
    assert not ears.actor.is_listening_gbuffer(carla.GBufferTextureID.GBufferA)


def cam_pair(world: carla.World, **attributes: str) -> tuple[Any, Ears, Any]:
    """A listener, and a second car 30 m ahead whose sensor sends (somebody must listen to it)."""
    here, there = car(world), car(world, 30.0, "vehicle.ford.ambulance")
    quiet = {"use_etsi_fading": "false", **attributes}
    ears = Ears(world, "sensor.other.v2x", here, **quiet)
    return here, ears, (there, Ears(world, "sensor.other.v2x", there, **quiet))


def test_awareness_messages_tell_of_their_sender(world: carla.World) -> None:
    _, ears, (there, _) = cam_pair(world)
    world.tick()
    event = ears.get()
    assert event.get_message_count() == 1
    message = next(iter(event))
    told = message.get()["Message"]
    assert told["Header"]["Station ID"] == there.id
    assert told["Header"]["Message ID"] == "CAM"
    parameters = told["Message"]["CAM Parameters"]
    assert parameters["Basic Container"]["Station Type"] == "Special Vehicle"  # an ambulance
    high = parameters["High Frequency Container"]["Basic Vehicle Container High Frequency"]
    extent = there.bounding_box.extent
    assert high["Vehicle Length"]["Value"] == round(extent.x * 20.0)  # tenths of a metre
    assert high["Vehicle Width"] == round(extent.y * 20.0)
    yaw = there.get_transform().rotation.yaw
    assert high["Heading"]["Value"] == pytest.approx((yaw + 90.0) % 360.0 * 10.0, abs=5)
    assert high["Speed"]["Value"] < 20
    geo = world.get_map().transform_to_geolocation(there.get_location())
    place = parameters["Basic Container"]["Reference Position"]
    assert place["Latitude"] == pytest.approx(geo.latitude * 1e7, abs=20)
    assert place["Longitude"] == pytest.approx(geo.longitude * 1e7, abs=20)
    low = parameters["Low Frequency Container"]["Basic Vehicle Low Frequency"]
    assert low["Vehicle Role"] == "Emergency"
    # WINNER+ in line of sight on a highway, from roof to roof
    apart = 30.0
    loss = 32.4 + 20.0 * np.log10(apart) + 20.0 * np.log10(5.9)
    assert message.power == pytest.approx(21.5 + 10.0 - loss, abs=0.3)


def test_a_standing_car_sends_once_a_second(world: carla.World) -> None:
    _, ears, _ = cam_pair(world)
    settle(world, 60)
    frames = [ears.get().frame for _ in range(3)]
    assert np.diff(frames)[1] == 20  # gen_cam_max = 1 s (it still settled during the first)


def test_a_weak_sender_is_not_heard(world: carla.World) -> None:
    _, ears, _ = cam_pair(world, transmit_power="-50")
    assert ears.nothing(world)


def test_custom_messages_reach_the_others(world: carla.World) -> None:
    here, there = car(world), car(world, 30.0)
    one = Ears(world, "sensor.other.v2x_custom", here, use_etsi_fading="false")
    two = Ears(world, "sensor.other.v2x_custom", there, use_etsi_fading="false")
    world.tick()
    one.actor.send("hello")
    one.actor.send("again")
    world.tick()
    event = two.get()
    assert event.get_message_count() == 2
    assert "hello" in str([message.get() for message in event])
    assert two.nothing(world)  # a message lives for one tick
    assert one.came.empty()  # and its sender does not hear it
    one.actor.send("ü" * 80)  # 160 bytes where 99 have room
    world.tick()
    assert next(iter(two.get())).get()["Message"]["Message"] == "ü" * 49


def test_imu_feels_the_gravity_that_was_set(client: carla.Client, world: carla.World) -> None:
    ears = Ears(world, "sensor.other.imu", car(world))
    settle(world, 30)
    data = None
    while data is None or data.frame < world.get_snapshot().frame:
        data = ears.get()
    assert data.accelerometer.z == pytest.approx(9.81, abs=0.3)
    assert world.get_imui_sensor_gravity() == pytest.approx(9.81)
    world.set_imui_sensor_gravity(3.0)
    assert world.get_imui_sensor_gravity() == pytest.approx(3.0)
    world.tick()
    assert ears.get().accelerometer.z == pytest.approx(3.0, abs=0.3)


def test_obstacle_names_itself_and_the_car_ahead(world: carla.World) -> None:
    ego, other = car(world), car(world, 12.0)
    settle(world, 30)
    ears = Ears(world, "sensor.other.obstacle", ego, carla.Transform(carla.Location(2.5, 0.0, 0.9)), distance="20")
    world.tick()
    event = ears.get()
    assert event.actor.id == ears.actor.id
    assert event.other_actor.id == other.id
    gap = 12.0 - 2.5 - other.bounding_box.extent.x
    assert event.distance == pytest.approx(gap - 0.5, abs=0.35)  # half a metre of radius; a bumper is not a box
    other.destroy()


def test_sensor_tick_keeps_its_rate(world: carla.World) -> None:
    ears = Ears(world, "sensor.other.gnss", None, carla.Transform(carla.Location(z=5.0)), sensor_tick="0.12")
    frames = []
    settle(world, 61)
    while not ears.came.empty() or len(frames) < 25:
        frames.append(ears.get().frame)
    # due at 0, 0.12, 0.24, ... 3.0 s, each in the first tick of 0.05 s that reaches it
    expected = [int(np.ceil(round(k * 0.12 / STEP_S, 6))) for k in range(26)]
    assert [f - frames[0] for f in frames] == expected


def test_a_lidar_turns_by_the_tick_not_by_its_interval(world: carla.World) -> None:
    ears = Ears(
        world, "sensor.lidar.ray_cast", car(world), AHEAD, sensor_tick="0.1", rotation_frequency="10",
        points_per_second="64000", channels="16", dropoff_general_rate="0", dropoff_zero_intensity="0", range="200",
        upper_fov="-5", lower_fov="-30",
    )  # fmt: skip
    settle(world, 6)
    counts = [len(ears.get()) for _ in range(3)]
    assert all(2800 < count <= 3200 for count in counts)  # 64000 / s for 0.05 s, though 0.1 s passed


def test_two_clients_hear_one_sensor(server: Running, world: carla.World) -> None:
    ears = Ears(world, "sensor.camera.depth", car(world), AHEAD, **SMALL)
    second = carla.Client("127.0.0.1", server.port)
    second.set_timeout(WAIT_S)
    twin = second.get_world().get_actor(ears.actor.id)
    came: queue.Queue[Any] = queue.Queue()
    twin.listen(came.put)
    for _ in range(5):
        frame = world.tick()
        one, two = ears.get(), came.get(timeout=WAIT_S)
        assert one.frame == two.frame == frame
        assert bytes(one.raw_data) == bytes(two.raw_data)
    twin.stop()


def test_exposure_lens_and_gamma_change_the_picture(world: carla.World) -> None:
    ego = car(world)
    settle(world)
    asked: dict[str, dict[str, str]] = {
        "shipped": {},
        "manual": {"exposure_mode": "manual"},
        "dark": {"exposure_compensation": "-2.0"},
        "stopped": {"exposure_mode": "manual", "fstop": "2.8"},
        "warm": {"temp": "9000"},
        "flat": {"gamma": "3.0"},
        "bent": {"lens_circle_multiplier": "3.0", "lens_circle_falloff": "3.0"},
        "straight": {"lens_circle_multiplier": "0.0", "lens_k": "-0.5"},
        "plain": {"enable_postprocess_effects": "false"},
    }
    ears = {name: Ears(world, "sensor.camera.rgb", ego, AHEAD, **SMALL, **more) for name, more in asked.items()}
    settle(world, 1)
    seen = {name: pixels(e.get())[..., :3].astype(float) for name, e in ears.items()}
    mean = {name: image.mean() for name, image in seen.items()}
    assert mean["manual"] == pytest.approx(mean["shipped"], rel=0.25)  # CARLA's defaults suit a clear noon
    assert mean["dark"] < 0.75 * mean["shipped"]
    assert mean["stopped"] < 0.8 * mean["manual"]
    assert seen["warm"][..., 2].mean() / seen["warm"][..., 0].mean() > 1.1 * (
        seen["shipped"][..., 2].mean() / seen["shipped"][..., 0].mean()
    )
    assert mean["flat"] > mean["shipped"]
    assert np.abs(seen["bent"] - seen["shipped"]).mean() > 3.0
    assert np.array_equal(seen["straight"], seen["shipped"])  # without its multiplier the lens does nothing
    assert np.abs(seen["plain"] - seen["shipped"]).mean() > 5.0
