"""Debug shapes through the official client: in pictures for their life time, behind what stands before them."""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterator

import carla
import numpy as np
import pytest

from tests.sim.server.conftest import synchronous

STEP_S = 0.05
RED, GREEN = carla.Color(255, 0, 0), carla.Color(0, 255, 0)
Picture = Callable[[], np.ndarray]


@pytest.fixture(scope="module")
def world(client: carla.Client) -> carla.World:
    return synchronous(client, STEP_S)


@pytest.fixture(scope="module")
def start(world: carla.World) -> carla.Transform:
    return world.get_map().get_spawn_points()[0]


def mounted(world: carla.World, kind: str, start: carla.Transform) -> tuple[carla.Sensor, queue.Queue]:
    blueprint = world.get_blueprint_library().find(kind)
    for side, pixels in (("image_size_x", "320"), ("image_size_y", "200")):
        blueprint.set_attribute(side, pixels)
    eye = carla.Transform(start.location + carla.Location(z=1.5), start.rotation)
    sensor, frames = world.spawn_actor(blueprint, eye), queue.Queue()
    sensor.listen(frames.put)
    return sensor, frames


def pixels_of(image: carla.Image) -> np.ndarray:
    return np.frombuffer(image.raw_data, np.uint8).reshape(image.height, image.width, 4)[:, :, :3].astype(int)


@pytest.fixture(scope="module")
def shoot(world: carla.World, start: carla.Transform) -> Iterator[Picture]:
    """Ticks, and gives the picture (200, 320, 3), BGR, of the camera over the first spawn point."""
    camera, frames = mounted(world, "sensor.camera.rgb", start)

    def take() -> np.ndarray:
        world.tick()
        return pixels_of(frames.get(timeout=60.0))

    take()
    yield take
    camera.stop()
    camera.destroy()


@pytest.fixture(autouse=True)
def cleared(world: carla.World) -> Iterator[None]:
    yield
    world.debug.clear_debug_shape()
    world.debug.clear_debug_string()


def ahead(start: carla.Transform, x: float, y: float = 0.0, z: float = 1.5) -> carla.Location:
    return start.transform(carla.Location(x, y, z))


def count(picture: np.ndarray, color: carla.Color) -> int:
    """Pixels of exactly that colour."""
    return int((picture == [color.b, color.g, color.r]).all(axis=2).sum())


def test_a_line_is_seen_for_its_life_in_simulated_time(
    world: carla.World, start: carla.Transform, shoot: Picture
) -> None:
    assert count(shoot(), RED) == 0
    world.debug.draw_line(ahead(start, 8, -2), ahead(start, 8, 2), 0.2, RED, 0.12)
    seen = [count(shoot(), RED) for _ in range(4)]
    # 4 m wide at 8 m and a focal length of 160 pixels: 80 x 4 pixels
    assert seen[0] == pytest.approx(320, abs=12)
    assert seen[1] == seen[0]
    assert seen[2:] == [0, 0]


def test_the_shortest_life_is_one_frame(world: carla.World, start: carla.Transform, shoot: Picture) -> None:
    world.debug.draw_point(ahead(start, 5), 0.2, RED, 0.001)
    assert count(shoot(), RED) == 400  # a square of 20 pixels
    assert count(shoot(), RED) == 0


@pytest.mark.parametrize("life_s", [0.0, -1.0])
def test_without_a_life_time_shapes_stay_until_they_are_cleared(
    world: carla.World, start: carla.Transform, shoot: Picture, life_s: float
) -> None:
    world.debug.draw_arrow(ahead(start, 9, -1), ahead(start, 9, 1), 0.1, 0.3, GREEN, life_s)
    first = count(shoot(), GREEN)
    assert first > 60
    for _ in range(3):
        assert count(shoot(), GREEN) == first
    world.debug.clear_debug_shape()
    assert count(shoot(), GREEN) == 0


def test_a_box_shows_all_its_edges(world: carla.World, start: carla.Transform, shoot: Picture) -> None:
    centre = ahead(start, 10)
    world.debug.draw_box(carla.BoundingBox(centre, carla.Vector3D(1, 1, 0.5)), start.rotation, 0.05, RED, STEP_S)
    red = (shoot() == [0, 0, 255]).all(axis=2)
    # near face at 9 m: 2 m are 35.6 pixels; far face at 11 m: 29 pixels
    rows, columns = np.flatnonzero(red.any(axis=1)), np.flatnonzero(red.any(axis=0))
    assert columns[-1] - columns[0] == pytest.approx(36, abs=2)
    assert rows[-1] - rows[0] == pytest.approx(18, abs=2)
    assert red[100, columns[0] : columns[0] + 6].any()  # near and far upright edges
    assert red[100, 150:170].sum() == 0  # nothing inside


def test_what_stands_before_a_shape_hides_it(world: carla.World, start: carla.Transform, shoot: Picture) -> None:
    car = world.spawn_actor(
        world.get_blueprint_library().find("vehicle.ford.ambulance"),
        carla.Transform(ahead(start, 12, z=0.3), start.rotation),
    )
    shoot()
    world.debug.draw_point(ahead(start, 17), 0.1, RED, STEP_S)
    world.debug.draw_point(ahead(start, 7), 0.1, GREEN, STEP_S)
    picture = shoot()
    car.destroy()
    assert count(picture, RED) == 0
    assert count(picture, GREEN) == 100


def test_labels_and_depth_know_no_shapes(world: carla.World, start: carla.Transform, shoot: Picture) -> None:
    for kind in ("sensor.camera.semantic_segmentation", "sensor.camera.depth"):
        camera, frames = mounted(world, kind, start)
        world.tick()
        before = pixels_of(frames.get(timeout=60.0))
        world.debug.draw_line(ahead(start, 8, -2), ahead(start, 8, 2), 0.5, RED, 1.0)
        world.tick()
        after = pixels_of(frames.get(timeout=60.0))
        camera.stop()
        camera.destroy()
        assert np.array_equal(before, after), kind


def test_texts_belong_to_carlas_window_and_not_to_its_sensors(
    world: carla.World, start: carla.Transform, shoot: Picture
) -> None:
    world.debug.draw_string(ahead(start, 6), "hello", False, RED, 10.0)
    assert count(shoot(), RED) == 0
