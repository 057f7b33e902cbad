"""Frames rendered through the official client: their labels agree with each other, and come again to the byte."""

from __future__ import annotations

from multiprocessing import Pipe
from pathlib import Path

import numpy as np
import pytest

from sim.dataset import consistency
from sim.dataset.config import DatasetConfig, load_dataset_config
from sim.dataset.export import kitti
from sim.dataset.export.nuscenes import attribute_of
from sim.dataset.label import EGO_ID
from sim.dataset.plan import scenes_of
from sim.dataset.store import DataSet, Frame, checksums
from sim.dataset.worker import render_scene
from tests.sim.dataset.kitti_readers import read_by_open3d, read_by_torchvision, within
from tests.sim.server.serving import Running

COMMON = [
    "maps=[Roadlab01]",
    "weathers=[CloudyNoon]",
    "sensors.cameras={front: {width: 480, height: 360}}",
    "sensors.lidars={top: {channels: 16, points_per_second: 120000}}",
    "seed=4",
]
SHOTS = [*COMMON, "count=8", "shots.per_scene=4", "traffic.vehicles=[16,18]", "traffic.walkers=[10,12]"]
SEQUENCE = [
    *COMMON,
    "mode=sequences",
    "count=3",
    "sequence.frames=3",
    "sequence.warm_up_s=2.0",
    "sensors.flow=true",
    "traffic.vehicles=[20,22]",
    "traffic.walkers=[10,12]",
    "traffic.reach_m=40",
]


def rendered(server: Running, words: list[str], folder: Path, only: int | None = None) -> DataSet:
    from sim.source.studio import Studio

    config: DatasetConfig = load_dataset_config(None, words)
    _, far = Pipe()
    studio = Studio("127.0.0.1", server.port, config)
    try:
        for scene in scenes_of(config):
            if only in (None, scene.number):
                render_scene(studio, config, folder, scene, far)
    finally:
        studio.close()
    return DataSet.open(folder)


@pytest.fixture(scope="module")
def shots(server: Running, tmp_path_factory: pytest.TempPathFactory) -> DataSet:
    return rendered(server, SHOTS, tmp_path_factory.mktemp("shots"))


@pytest.fixture(scope="module")
def sequence(server: Running, tmp_path_factory: pytest.TempPathFactory) -> DataSet:
    return rendered(server, SEQUENCE, tmp_path_factory.mktemp("sequence"))


def frames(*sets: DataSet) -> list[Frame]:
    found = [frame for data in sets for frame in data.frames()]
    assert any(view.pixels > 200 for frame in found for view in frame.labels.cameras["front"].objects)
    return found


def test_masks_lie_within_their_projected_boxes(shots: DataSet, sequence: DataSet) -> None:
    worst = consistency.worst_overshoots(frames(shots, sequence))
    assert sum(count for *_, count in worst.values()) > 60
    for kind, (_, most, _) in worst.items():
        # bodies are fitted to their boxes; people's limbs swing, pixels at outlines are up to half a pixel outside
        assert most < (0.1 if kind in ("adult", "child") else 0.06), kind


def test_visible_boxes_lie_in_amodal_ones_and_those_in_the_projected_box(shots: DataSet, sequence: DataSet) -> None:
    for frame in frames(shots, sequence):
        inner, outer = consistency.nesting_px(frame, "front")
        assert inner == 0.0
        assert outer < 1.0  # corners are rounded to float32 by the client, poses to 0.1 mm by us


def test_pixels_of_an_object_have_the_tag_of_its_class(shots: DataSet, sequence: DataSet) -> None:
    assert sum(consistency.wrong_tags(frame, "front") for frame in frames(shots, sequence)) == 0


def test_riders_belong_to_their_machines(shots: DataSet, sequence: DataSet) -> None:
    bikes = 0
    for frame in frames(shots, sequence):
        assert consistency.loose_riders(frame, "front") == []
        for view in frame.labels.cameras["front"].objects:
            bikes += frame.labels.object(view.id).category in ("motorcycle", "bicycle") and view.rider_pixels > 0
    assert bikes > 3


def test_lidar_and_pictures_show_the_same_objects_at_the_same_depth(shots: DataSet, sequence: DataSet) -> None:
    found = [consistency.point_agreement(frame, "front", "top") for frame in frames(shots, sequence)]
    seen = [one for one in found if one is not None]
    assert len(seen) == len(found)
    weight = np.array([one.points for one in seen])
    assert np.average([one.same_object for one in seen], weights=weight) > 0.97  # the rest lies on outlines
    assert np.average([one.inside_box for one in seen], weights=weight) > 0.98  # the rest are hands and feet
    assert np.average([one.depth_median_m for one in seen], weights=weight) < 0.03  # 1 cm of range noise
    assert np.average([one.depth_p95_m for one in seen], weights=weight) < 0.25  # a pixel of grazed road


def test_a_kitti_export_agrees_with_itself_in_readers_of_others(shots: DataSet, tmp_path: Path) -> None:
    kitti.export(shots, tmp_path / "kitti", load_dataset_config(None, SHOTS))
    read = read_by_open3d(tmp_path / "kitti", tmp_path / "cache")
    pictures = read_by_torchvision(tmp_path / "kitti", tmp_path / "torchvision")
    ours = frames(shots)
    assert [one.number for one in read] == sorted(pictures) == [f"{k:06d}" for k in range(len(ours))]
    shares: dict[str, list[float]] = {"Pedestrian": [], "other": []}  # of the projected box that the label fills
    beyond, held, away = [], [], []
    for frame, one in zip(ours, read, strict=True):
        picture, labels = pictures[one.number]
        assert picture.size == (480, 360)
        assert len(labels) == len(one.boxes)
        depth = frame.depth_m("front")
        for box in one.boxes:
            x0, y0, x1, y1 = box.labelled_px
            assert 0.0 <= x0 < x1 <= 480.0
            assert 0.0 <= y0 < y1 <= 360.0
            if box.occlusion or box.truncation:
                continue
            size = box.projected_px[2:] - box.projected_px[:2]
            over = np.concatenate([box.projected_px[:2] - (x0, y0), (x1, y1) - box.projected_px[2:]])
            beyond.append(np.max(np.maximum(over - 1.0, 0.0) / np.tile(size, 2)))
            kind = "Pedestrian" if box.kind == "Pedestrian" else "other"
            shares[kind].append((x1 - x0) * (y1 - y0) / size.prod())
            inside = within(one.seen_m, box.corners_m, -0.05)  # not the ground under it
            held += [x0 - 1.0 < u < x1 + 1.0 and y0 - 1.0 < v < y1 + 1.0 for u, v in one.pixel[inside]]
        shown = (one.depth_m > 0.5) & (one.pixel >= 0.0).all(axis=1) & (one.pixel < (480.0, 360.0)).all(axis=1)
        column, row = one.pixel[shown].astype(int).T
        away += np.abs(depth[row, column] - one.depth_m[shown]).tolist()
    assert len(shares["Pedestrian"]) > 8
    assert len(shares["other"]) > 8
    assert len(held) > 150
    assert max(beyond) < 0.1  # beyond the rim of the 3-D box as the reader projects it
    assert np.median(shares["Pedestrian"]) > 0.4  # boxes are as wide as CARLA's, for people with swinging arms
    assert np.median(shares["other"]) > 0.65  # bodies do not fill the corners of their boxes
    assert np.mean(held) > 0.97  # of the points in a whole object's 3-D box; rims of pixels are left
    assert np.median(away) < 0.05  # m, of all points in the picture, against its depth


def test_lidar_points_are_counted_by_what_they_hit(shots: DataSet) -> None:
    for frame in frames(shots):
        known = frame.point_labels("top")
        assert known is not None
        for label in frame.labels.objects:
            assert label.lidar_points == int((known[0] == label.id).sum())


def test_flow_is_what_depth_and_motion_say(sequence: DataSet) -> None:
    first, *others = frames(sequence)
    for before, after in zip([first, *others], others, strict=False):
        still, moving = consistency.flow_errors_px(before, after, "front")
        assert still < 0.1  # depth comes in steps of 1/256 m, flow in 1/64 px
        assert moving < 0.5  # wheels and limbs turn, springs give


def test_objects_keep_their_ids_and_move_as_their_velocity_says(sequence: DataSet) -> None:
    first, second, _ = frames(sequence)
    moving = 0
    for label in second.labels.objects:
        old = first.labels.object(label.id)
        assert old.type_id == label.type_id
        way = np.array(label.center_world_m) - np.array(old.center_world_m)
        expected = 0.05 * (np.array(label.velocity_world_mps) + np.array(old.velocity_world_mps))
        assert np.linalg.norm((way - expected)[:2]) < 0.12, label.type_id
        moving += np.linalg.norm(way) > 0.2
    assert moving > 0


def test_lane_lines_run_along_the_paint(shots: DataSet, sequence: DataSet) -> None:
    away = []
    for frame in frames(shots, sequence):
        semantic, depth = frame.semantic("front"), frame.depth_m("front")
        focal = frame.info.cameras["front"].intrinsics[0][0]
        for line in frame.labels.cameras["front"].lane_lines:
            if frame.labels.lane_lines[line.line].kind != "Solid":
                continue  # broken ones have gaps, double ones no paint in their middle
            for (u, v), seen in zip(line.points_px, line.seen, strict=True):
                far = float(depth[int(v), int(u)])
                if not seen or far > 15.0:  # beyond it a pixel is more than half a line wide
                    continue
                first = max(0, int(u - focal / far))  # a metre to either side
                paint = np.flatnonzero(semantic[int(v), first : int(u + focal / far)] == 24) + first + 0.5
                away.append(np.abs(paint - u).min() * far / focal if len(paint) else 1.0)
    assert len(away) > 20
    assert np.percentile(away, 80.0) < 0.1  # half of a line's width; crossings and stop lines interrupt them


def test_traffic_lights_have_boxes_and_states(shots: DataSet) -> None:
    lights = [light for frame in frames(shots) for light in frame.labels.cameras["front"].lights]
    states = {signal: state for frame in frames(shots) for signal, state in frame.labels.lights.items()}
    assert states
    for light in lights:
        assert light.state in ("red", "yellow", "green", "off")
        assert light.signal in states


def test_the_parked_vehicles_of_the_map_are_objects_like_all_others(shots: DataSet) -> None:
    seen = hit = 0
    for frame in shots.frames():
        views = {view.id: view for view in frame.labels.cameras["front"].objects}
        mask = frame.instance("front")
        for label in frame.labels.objects:
            if label.type_id.startswith("parked."):
                assert label.velocity_world_mps == (0.0, 0.0, 0.0)
                two_wheeled = label.category in ("motorcycle", "bicycle")
                assert attribute_of(label) == ("cycle.without_rider" if two_wheeled else "vehicle.parked")
                pixels = int((mask == label.id).sum())
                assert pixels == (views[label.id].pixels if label.id in views else 0)
                seen, hit = seen + (pixels > 50), hit + (label.lidar_points > 5)
    assert seen > 0
    assert hit > 0


def test_every_object_of_a_mask_or_sweep_has_its_label(shots: DataSet) -> None:
    for frame in shots.frames():
        known = {label.id for label in frame.labels.objects}
        viewed = {view.id for view in frame.labels.cameras["front"].objects}
        assert set(np.unique(frame.instance("front")).tolist()) - {0, EGO_ID} <= viewed <= known
        points = frame.point_labels("top")
        assert points is not None
        assert set(np.unique(points[0]).tolist()) - {0, EGO_ID} <= known


def test_parked_vehicles_are_labelled_however_far_they_are_seen(
    server: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sim.source import parked

    monkeypatch.setattr(parked, "REACH_M", 5.0)  # all that are seen are beyond it
    data = rendered(server, [*SHOTS, "count=3", "shots.per_scene=3"], tmp_path)
    seen = 0
    for frame in data.frames():
        views = {view.id: view for view in frame.labels.cameras["front"].objects}
        for number, pixels in zip(*np.unique(frame.instance("front"), return_counts=True), strict=True):
            if number not in (0, EGO_ID):
                assert views[int(number)].pixels == pixels
                seen += frame.labels.object(int(number)).type_id.startswith("parked.")
    assert seen > 0


def test_people_fill_their_boxes_whatever_their_height(server: Running, tmp_path: Path) -> None:
    words = ["traffic.walkers=[40,40]", "traffic.vehicles=[0,0]", "traffic.reach_m=30", "count=8", "shots.per_scene=2"]
    shares: dict[str, list[float]] = {"adult": [], "child": []}
    for frame in rendered(server, [*SHOTS, *words], tmp_path).frames():
        for view in frame.labels.cameras["front"].objects:
            label = frame.labels.object(view.id)
            if label.category in shares and view.visibility > 0.95 and not view.truncation and view.pixels > 60:
                shares[label.category].append(
                    (view.amodal_px[2] - view.amodal_px[0]) / (view.projected_px[2] - view.projected_px[0])
                )
    for kind, found in shares.items():
        assert len(found) > 4, kind
        assert 0.5 < np.median(found) < 1.0, kind  # of the square's width, mostly seen over a corner


def test_a_scene_comes_again_to_the_byte_whatever_was_rendered_before(
    server: Running, shots: DataSet, tmp_path: Path
) -> None:
    again = rendered(server, SHOTS, tmp_path, only=1)
    name = again.scenes[0].name
    assert checksums(tmp_path / "scenes" / name) == checksums(shots.folder / "scenes" / name)


def test_a_sequence_comes_again_to_the_byte(server: Running, sequence: DataSet, tmp_path: Path) -> None:
    again = rendered(server, SEQUENCE, tmp_path)
    name = again.scenes[0].name
    assert checksums(tmp_path / "scenes" / name) == checksums(sequence.folder / "scenes" / name)


def test_a_map_that_is_not_there_is_named(server: Running, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="map 'Nowhere'"):
        rendered(server, [*SHOTS, "maps=[Nowhere]", "count=1"], tmp_path)


def test_what_carla_lacks_is_made_up_for_and_said(
    server: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the label camera, as on a real CARLA: outlines are projected boxes, the rest stays."""
    from sim.source import studio

    monkeypatch.setattr(studio, "KINDS", {**studio.KINDS, "/labels": "sensor.camera.none"})
    data = rendered(server, [*SHOTS, "count=2", "shots.per_scene=2"], tmp_path)
    assert data.scenes[0].amodal == "projected boxes"
    for frame in data.frames():
        assert consistency.nesting_px(frame, "front")[0] == 0.0
        assert all(view.amodal_pixels == -1 for view in frame.labels.cameras["front"].objects)
