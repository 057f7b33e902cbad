"""Camera sensors: attributes in, wire bytes out."""

from __future__ import annotations

import math
import struct

import numpy as np
import pytest

from sim.server.scene.mesh import Material
from sim.server.sensors.camera import CameraSensor, encode_depth, encode_labels, intrinsics_of
from sim.server.sensors.instances import View, Weather
from sim.server.sensors.kernel import source_digest
from sim.server.sensors.lamplight import lamplight
from sim.server.sensors.pool import WorkerPool, threads_from_environment
from sim.server.sensors.raster import rasterise
from sim.server.sensors.renderer import SceneRenderer
from sim.server.sensors.shade import shade_frame
from sim.server.sensors.warm import box_library, box_mesh, boxes, small_scene


def test_depth_bytes_by_hand():
    # 1000 m is all ones; 500 m is 8388607.5 steps, rounded to even 8388608 = 0x800000; 1 m is 16777.2 = 0x4189
    image = encode_depth(np.array([[0.0, 1000.0, 500.0, 1.0, 2500.0]], np.float32))
    assert image.shape == (1, 5, 4)
    assert image[0, :, :3].tolist() == [
        [0, 0, 0], [255, 255, 255], [0x80, 0x00, 0x00], [0x00, 0x41, 0x89], [255, 255, 255],
    ]  # fmt: skip
    assert (image[..., 3] == 255).all()


def test_label_bytes_by_hand():
    semantic = np.array([[14, 1]], np.uint8)
    instance = np.array([[0x12345, 0]], np.int32)
    assert encode_labels(semantic, None)[0].tolist() == [[0, 0, 14, 255], [0, 0, 1, 255]]
    # green has the low byte of the lower 16 bits, blue the high one
    assert encode_labels(semantic, instance)[0].tolist() == [[0x23, 0x45, 14, 255], [0, 0, 1, 255]]


def test_size_and_field_of_view_come_from_the_attributes():
    assert intrinsics_of("rgb", {"fov": "179"}).fov_rad == pytest.approx(math.radians(179.0))
    camera = intrinsics_of("rgb", {"image_size_x": "640", "image_size_y": "384", "fov": "60"})
    assert (camera.width, camera.height) == (640, 384)
    assert camera.focal_px == pytest.approx(320 / math.tan(math.radians(30)))
    assert intrinsics_of("rgb", {}).focal_px == pytest.approx(400.0)  # 800 wide, 90 degrees


@pytest.mark.parametrize(
    ("name", "value"),
    [("image_size_x", "0"), ("image_size_y", "4097"), ("image_size_x", "wide"), ("fov", "180"), ("fov", "nan")],
)
def test_a_bad_attribute_is_named_with_what_came(name, value):
    with pytest.raises(ValueError, match=f"{name}.*{value!r}"):
        intrinsics_of("rgb", {name: value})


@pytest.fixture(scope="module")
def renderer():
    scene = small_scene(box_mesh((0.0, 0.0, -1.0), (50.0, 50.0, 1.0), Material.GRASS))
    made = SceneRenderer(scene, box_library(), threads=1)
    yield made
    made.close()


@pytest.mark.parametrize(
    ("kind", "index"), [("rgb", 13), ("depth", 1), ("semantic_segmentation", 14), ("instance_segmentation", 15)]
)
def test_a_body_is_a_header_and_four_bytes_a_pixel(renderer, kind, index):
    sensor = CameraSensor(kind, {"image_size_x": "64", "image_size_y": "48", "fov": "70"}, renderer, seed=1)
    assert sensor.stream_index == index
    view = View(1, 0.0, boxes([(6.0, 0.0, 0.0)], first_id=0x0203), np.zeros(0, np.uint8), Weather())
    body = sensor.measure(np.array([0.0, 0.0, 1.0]), np.zeros(3), view, 0, 0.05)
    width, height, fov = struct.unpack_from("<IIf", body)
    assert (width, height) == (64, 48)
    assert fov == pytest.approx(70.0)
    pixels = np.frombuffer(body, np.uint8, offset=12).reshape(48, 64, 4)
    assert (pixels[..., 3] == 255).all()
    centre = pixels[24, 32, :3].tolist()
    if kind == "depth":  # the box's back is at 4 m: 67108.9 steps = 0x010625
        assert centre == [0x01, 0x06, 0x25]
    elif kind == "semantic_segmentation":
        assert centre == [0, 0, 14]
        assert pixels[2, 2].tolist() == [0, 0, 11, 255]
    elif kind == "instance_segmentation":
        assert centre == [0x02, 0x03, 14]


def test_an_unknown_kind_is_refused(renderer):
    with pytest.raises(ValueError, match="thermal"):
        CameraSensor("thermal", {}, renderer, 0)


def test_threads_follow_the_environment(monkeypatch):
    monkeypatch.setenv("ROADLAB_THREADS", "3")
    assert threads_from_environment() == 3
    monkeypatch.setenv("ROADLAB_THREADS", "many")
    with pytest.raises(ValueError, match="many"):
        threads_from_environment()


def test_the_pool_raises_what_a_worker_raised():
    pool = WorkerPool(2)

    def fails(worker: int, workers: int) -> None:
        if worker == 1:
            raise RuntimeError("worker 1 fell")

    with pytest.raises(RuntimeError, match="worker 1 fell"):
        pool.run(fails)
    done = []
    pool.run(lambda worker, workers: done.append(worker))
    assert sorted(done) == [0, 1]
    pool.close()


def test_compiled_kernels_are_cached_under_the_digest_of_all_their_sources():
    # numba alone looks at the caller's file and would go on running a helper's old code
    for function in (shade_frame, rasterise, lamplight):
        assert function._cache._cache_file._source_stamp == source_digest()
