"""The label camera through the official client: its table against the instance camera beside it."""

from __future__ import annotations

import queue
from typing import Any

import carla
import numpy as np
import pytest

from sim import label_table
from tests.sim.server.serving import running_server

ROW = {name: k for k, name in enumerate(label_table.COLUMNS)}


def test_the_table_agrees_with_the_instance_picture() -> None:
    with running_server("real", "straight") as server:
        client = carla.Client("127.0.0.1", server.port)
        client.set_timeout(120.0)
        world = client.get_world()
        settings = world.get_settings()
        settings.synchronous_mode, settings.fixed_delta_seconds = True, 0.05
        world.apply_settings(settings)
        library = world.get_blueprint_library()
        lane = world.get_map().get_waypoint(carla.Location(100.0, 1.75, 0.0)).transform
        ids = []
        for ahead, name in ((9.0, "vehicle.bh.crossbike"), (14.0, "vehicle.tesla.model3"), (30.0, "vehicle.audi.tt")):
            spot = carla.Location(lane.location.x + ahead, lane.location.y, lane.location.z + 0.3)
            actor = world.spawn_actor(library.find(name), carla.Transform(spot, lane.rotation))
            actor.set_simulate_physics(False)
            ids.append(actor.id)
        inboxes: list[queue.Queue[Any]] = []
        cameras = []
        eye = carla.Transform(lane.location + carla.Location(z=1.6), lane.rotation)
        for kind in ("labels", "instance_segmentation"):
            blueprint = library.find(f"sensor.camera.{kind}")
            blueprint.set_attribute("image_size_x", "320")
            blueprint.set_attribute("image_size_y", "240")
            inbox: queue.Queue[Any] = queue.Queue()
            cameras.append(world.spawn_actor(blueprint, eye))
            cameras[-1].listen(inbox.put)
            inboxes.append(inbox)
        frame = world.tick()  # waits until both are listened to
        pair = [_of_frame(inbox, frame) for inbox in inboxes]
        for camera in cameras:
            camera.stop()
            camera.destroy()
        table = label_table.decode(bytes(pair[0].raw_data))
        pixels = np.frombuffer(pair[1].raw_data, np.uint8).reshape(240, 320, 4)
    number = pixels[..., 1].astype(int) + 256 * pixels[..., 0].astype(int)
    whole = {int(row[ROW["actor_id"]]): row for row in table if row[ROW["part"]] == 0}
    assert set(ids[:2]) <= set(whole)
    for actor, row in whole.items():
        ys, xs = np.nonzero(number == actor)
        assert row[ROW["visible_px"]] == len(xs)
        assert row[ROW["amodal_px"]] >= len(xs)
        if len(xs):
            first = ROW["visible_x0"]
            assert row[first : first + 4].tolist() == [xs.min(), ys.min(), xs.max() + 1, ys.max() + 1]
    bike, car = whole[ids[0]], whole[ids[1]]
    assert bike[ROW["visible_px"]] == bike[ROW["amodal_px"]], "nothing stands before it"
    assert car[ROW["visible_px"]] < car[ROW["amodal_px"]], "the bicycle stands before it"
    assert bike[ROW["order"]] < car[ROW["order"]]
    assert bike[ROW["depth_m"]] == pytest.approx(9.0, abs=1.0)
    parts = {int(row[ROW["part"]]) for row in table if row[ROW["actor_id"]] == ids[0]}
    assert parts == {0, 1, 2}


def _of_frame(inbox: queue.Queue[Any], frame: int) -> Any:
    image = inbox.get(timeout=120.0)
    while image.frame < frame:
        image = inbox.get(timeout=120.0)
    return image


def test_a_table_reads_back_and_what_is_none_is_refused() -> None:
    rows = np.arange(2 * len(label_table.COLUMNS), dtype=np.float32).reshape(2, -1)
    pixels = label_table.encode(rows, (320, 240), 90.0)
    assert pixels.shape == (3, 8, 2)
    np.testing.assert_array_equal(label_table.decode(pixels.tobytes()), rows)
    with pytest.raises(ValueError, match="rows of 64 bytes"):
        label_table.decode(b"abc")
    with pytest.raises(ValueError, match="version 1"):
        label_table.decode(bytes(128))
