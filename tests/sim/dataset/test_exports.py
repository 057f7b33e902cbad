"""Exports of the hand-made data set: the structure that each format's readers rely on, and numbers known by hand."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import carla
import cv2
import numpy as np
import pytest
import yaml

from sim.dataset.drivable import mask_of
from sim.dataset.export import coco, kitti, masks, nuscenes, yolo
from sim.dataset.label import Surroundings, label
from sim.dataset.store import DataSet
from sim.source.studio import Studio
from sim.source.truth_boxes import Lights
from tests.builders import make_world
from tests.sim.dataset.handmade import EGO, capture, config, data_set
from tests.sim.dataset.kitti_readers import read_by_open3d, read_by_torchvision, within


@pytest.fixture
def data(tmp_path: Path) -> DataSet:
    return data_set(tmp_path / "data")


def out(tmp_path: Path) -> Path:
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


def test_coco_loads_and_its_masks_fill_their_boxes(data: DataSet, tmp_path: Path) -> None:
    from faster_coco_eval import COCO

    folder = out(tmp_path)
    coco.export(data, folder, config())
    for split in ("train", "val"):
        loaded = COCO(str(folder / "annotations" / f"instances_{split}.json"))
        assert len(loaded.imgs) == 2
        for image in loaded.imgs.values():
            assert (folder / split / image["file_name"]).is_file()
            found = {loaded.cats[a["category_id"]]["name"]: a for a in loaded.imgToAnns[image["id"]]}
            assert sorted(found) == ["bicycle", "car", "person"], "the rider is a person, as in COCO"
            assert found["car"]["bbox"] == [70, 60, 20, 15]
            assert found["car"]["area"] == 300
            assert found["person"]["bbox"] == [42, 58, 5, 8]
            assert found["bicycle"]["bbox"] == [42, 66, 5, 8]
            for annotation in found.values():
                rows, columns = np.nonzero(loaded.annToMask(annotation))
                x, y, w, h = annotation["bbox"]
                assert (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1) == (x, y, x + w, y + h)


def test_yolo_has_a_label_for_every_picture_in_shares_of_it(data: DataSet, tmp_path: Path) -> None:
    folder = out(tmp_path)
    yolo.export(data, folder, config())
    tree = yaml.safe_load((folder / "data.yaml").read_text())
    for split in ("train", "val"):
        pictures = sorted((folder / tree[split]).iterdir())
        assert len(pictures) == 2
        for picture in pictures:
            lines = (folder / "labels" / split / f"{picture.stem}.txt").read_text().splitlines()
            rows = {tree["names"][int(line.split()[0])]: [float(v) for v in line.split()[1:]] for line in lines}
            assert rows["car"] == pytest.approx([80 / 160, 67.5 / 120, 20 / 160, 15 / 120])
            assert sorted(rows) == ["bicycle", "car", "person"]


def test_the_trainer_finds_a_yolo_export_from_anywhere(
    data: DataSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ultralytics.data.utils import check_det_dataset

    folder = out(tmp_path)
    yolo.export(data, folder, config())
    monkeypatch.chdir(tmp_path)
    found = check_det_dataset(str(folder / "data.yaml"), autodownload=False)
    assert (found["train"], found["val"]) == (str(folder / "images/train"), str(folder / "images/val"))


def test_kitti_has_its_numbers_and_projects_boxes_onto_the_picture(data: DataSet, tmp_path: Path) -> None:
    folder = out(tmp_path)
    kitti.export(data, folder, config())
    base = folder / "training"
    assert (folder / "ImageSets" / "train.txt").read_text().split() == ["000000", "000001"]
    assert (folder / "ImageSets" / "val.txt").read_text().split() == ["000002", "000003"]
    car, cyclist = (line.split() for line in (base / "label_2" / "000000.txt").read_text().splitlines())
    assert car[0] == "Car"
    numbers = [float(word) for word in car[1:]]
    assert numbers[:2] == [0.0, 0.0]
    assert numbers[3:7] == [70, 60, 90, 75]
    assert numbers[7:10] == [1.5, 2.0, 4.0]  # h w l
    assert numbers[10:13] == pytest.approx([0.0, 1.5, 10.0])  # on the ground 1.5 m below the camera, 10 m ahead
    assert numbers[13] == pytest.approx(-math.pi / 2, abs=0.01)  # heading away from the camera
    assert numbers[2] == pytest.approx(-math.pi / 2, abs=0.01)  # alpha: straight ahead it is the rotation
    assert cyclist[0] == "Cyclist"
    assert float(cyclist[10 + 1]) == pytest.approx(-4.0)  # to the left
    alpha = float(cyclist[3])
    assert alpha == pytest.approx(-math.pi / 2 - math.atan2(-4.0, 10.0), abs=0.01)
    calibration = dict(line.split(": ") for line in (base / "calib" / "000000.txt").read_text().splitlines())
    assert sorted(calibration) == ["P0", "P1", "P2", "P3", "R0_rect", "Tr_imu_to_velo", "Tr_velo_to_cam"]
    lidar = np.array(calibration["Tr_velo_to_cam"].split(), float).reshape(3, 4)
    points = np.fromfile(base / "velodyne" / "000000.bin", np.float32).reshape(-1, 4)
    seen = points[0, :3] @ lidar[:, :3].T + lidar[:, 3]
    assert seen == pytest.approx((0.0, 0.6, 8.0))  # 1 m below a LiDAR that is 0.4 m above the camera
    assert cv2.imread(str(base / "image_2" / "000000.png")).shape == (120, 160, 3)


def test_readers_of_others_find_in_a_kitti_export_what_was_put_there(data: DataSet, tmp_path: Path) -> None:
    folder = out(tmp_path)
    kitti.export(data, folder, config())
    frames = read_by_open3d(folder, tmp_path / "cache")
    assert [frame.number for frame in frames] == ["000000", "000001", "000002", "000003"]
    for frame in frames:
        car, cyclist = frame.boxes
        assert (car.kind, cyclist.kind) == ("Car", "Cyclist")
        assert car.labelled_px == pytest.approx([70, 60, 90, 75])
        # 2 x 4 x 1.5 m on the ground, the rear 8 m ahead: at 80 px of focal length 80 +- 10 wide, 60 to 75 high
        assert car.projected_px == pytest.approx([70, 60, 90, 75], abs=0.1)
        assert car.corners_m.min(axis=0) == pytest.approx([-1.0, 0.0, 8.0], abs=0.02)
        assert car.corners_m.max(axis=0) == pytest.approx([1.0, 1.5, 12.0], abs=0.02)
        assert [int(within(frame.seen_m, box.corners_m).sum()) for box in frame.boxes] == [2, 1]
        assert frame.depth_m == pytest.approx([8.0, 8.0, 9.0, 6.0], abs=1e-4)
        # the LiDAR is 0.4 m above the camera: 1 m below it and 8 m ahead is 0.6 m below the middle of the picture
        assert frame.pixel[0] == pytest.approx([80.0, 60.0 + 80.0 * 0.6 / 8.0], abs=1e-3)
        assert frame.pixel[1] == pytest.approx([80.0 - 80.0 * 0.5 / 8.0, 60.0 + 80.0 * 0.8 / 8.0], abs=1e-3)
        assert frame.points[:, 3] == pytest.approx([0.5, 0.4, 0.3, 0.2])
    read = read_by_torchvision(folder, tmp_path / "torchvision")
    assert sorted(read) == [frame.number for frame in frames]
    for picture, labels in read.values():
        assert picture.size == (160, 120)
        assert [(one["type"], one["occluded"], one["truncated"]) for one in labels] == [
            ("Car", 0, 0),
            ("Cyclist", 1, 0),
        ]
        assert labels[0]["dimensions"] == [1.5, 2.0, 4.0]
        assert labels[0]["location"] == pytest.approx([0.0, 1.5, 10.0])
        assert labels[0]["rotation_y"] == pytest.approx(-math.pi / 2, abs=0.01)


@pytest.mark.parametrize("mode", ["shots", "sequences"])
def test_nuscenes_tables_refer_to_each_other(tmp_path: Path, mode: str) -> None:
    data = data_set(tmp_path / "data", mode)
    place = data.folder / "maps"
    place.mkdir()
    mask = mask_of(make_world().lane_graph)
    cv2.imwrite(str(place / "Straight.png"), mask.drivable)
    (place / "Straight.json").write_text(json.dumps({"origin_m": [-50.0, -60.0], "pixel_m": 0.1}))
    folder = out(tmp_path)
    nuscenes.export(data, folder, config())
    tables = {f.stem: json.loads(f.read_text()) for f in (folder / nuscenes.VERSION).glob("*.json")}
    assert set(nuscenes.TABLES) < set(tables)
    tokens = {name: {row["token"] for row in rows} for name, rows in tables.items() if name != "splits"}
    for name, rows in tables.items():
        if name == "splits":
            continue
        assert len(tokens[name]) == len(rows), f"tokens of {name} are unique"
        for row in rows:
            for key, value in row.items():
                table = key.removesuffix("_token").replace("first_", "").replace("last_", "")
                table = {"annotation": "sample_annotation"}.get(table, table)
                if key in ("prev", "next"):
                    table = name
                if (key.endswith("_token") or key in ("prev", "next")) and value:
                    assert value in tokens[table], f"{name}.{key}"
            if "rotation" in row:
                assert np.linalg.norm(row["rotation"]) == pytest.approx(1.0, abs=1e-6)
            if "filename" in row:
                assert (folder / row["filename"]).is_file()
    assert len(tables["scene"]) == (4 if mode == "shots" else 2)
    named_scenes = sorted(row["name"] for row in tables["scene"])
    assert sorted(name for names in tables["splits"].values() for name in names) == named_scenes
    assert all("00000_" in name for name in tables["splits"]["train"])
    kinds = {row["token"]: row["name"] for row in tables["category"]}
    named = {kinds[row["category_token"]] for row in tables["instance"]}
    assert named == {"vehicle.car", "vehicle.bicycle"}
    assert "human.pedestrian.wheelchair" in kinds.values()
    car = next(row for row in tables["sample_annotation"] if row["size"] == [2.0, 4.0, 1.5])  # w l h
    assert car["translation"] == pytest.approx([60.0, 60.0, 0.75])  # moved so that the map begins at 0, 0
    assert car["num_lidar_pts"] == 2
    assert car["visibility_token"] == "4"


def test_nuscenes_scenes_follow_each_other_in_time_however_long_they_are(tmp_path: Path) -> None:
    data = data_set(tmp_path / "data", "sequences")
    long = tmp_path / "data" / "scenes" / data.scenes[0].name / "000001.json"
    long.write_text(long.read_text().replace('"t_us": 100000', '"t_us": 500000000'))
    (data.folder / "maps").mkdir()
    cv2.imwrite(str(data.folder / "maps" / "Straight.png"), np.zeros((8, 8), np.uint8))
    (data.folder / "maps" / "Straight.json").write_text(json.dumps({"origin_m": [0.0, 0.0], "pixel_m": 0.1}))
    folder = out(tmp_path)
    nuscenes.export(data, folder, config())
    poses = json.loads((folder / nuscenes.VERSION / "ego_pose.json").read_text())
    stamps = [row["timestamp"] for row in poses]
    assert len(stamps) == 4
    assert stamps == sorted(stamps)
    assert stamps[2] - stamps[1] == nuscenes.GAP_US


def test_who_sits_in_a_wheelchair_is_so_from_the_actor_to_the_nuscenes_table() -> None:
    def actor(number: int, **attributes: str) -> SimpleNamespace:
        box = SimpleNamespace(
            location=SimpleNamespace(x=0.0, y=0.0, z=0.0), extent=SimpleNamespace(x=0.3, y=0.3, z=0.7)
        )
        return SimpleNamespace(
            id=number, type_id="walker.pedestrian.0001", attributes=attributes, bounding_box=box, semantic_tags=[12],
            get_transform=lambda: carla.Transform(), get_velocity=lambda: carla.Vector3D(x=1.0 if number == 3 else 0.0),
        )  # fmt: skip

    actors = {
        1: actor(1, age="adult", use_wheelchair="false"),
        2: actor(2, age="child", use_wheelchair="true"),
        3: actor(3, age="adult", use_wheelchair="true"),
    }
    studio = object.__new__(Studio)
    studio._fixed, studio.world = {}, SimpleNamespace(get_actor=actors.__getitem__)
    bodies = [studio._body(one) for one in actors.values()]
    assert [studio._body(one).in_wheelchair for one in actors.values()] == [False, True, True], "asked a second time"
    around = Surroundings({1: 1, 2: 2, 3: 3}, EGO, (), Lights((), {}, {}))
    made = label(replace(capture(), bodies=tuple(bodies)), around, True).labels.objects
    assert [nuscenes.category_of(one) for one in made] == [
        "human.pedestrian.adult", "human.pedestrian.wheelchair", "human.pedestrian.wheelchair",
    ]  # fmt: skip
    assert [nuscenes.attribute_of(one) for one in made] == [
        "pedestrian.standing", "pedestrian.sitting_lying_down", "pedestrian.moving",
    ]  # fmt: skip
    assert [one.category for one in made] == ["adult", "child", "adult"], "to all other exports they are people"


def test_nuscenes_points_lie_right_forward_up_with_their_ring(data: DataSet) -> None:
    info = data.scenes[0]
    ring = nuscenes.rings(next(data.frames()).points("top"), info.lidars["top"])
    step = 40.0 / 31
    expected = [round((math.degrees(math.atan2(-1.0, 8.0)) + 30.0) / step)]
    assert ring[0] == expected[0]


def test_masks_have_cityscapes_ids(data: DataSet, tmp_path: Path) -> None:
    folder = out(tmp_path)
    masks.export(data, folder, config())
    (first, *_) = sorted((folder / "gtFine" / "train" / data.scenes[0].name).glob("*_labelIds.png"))
    labels = cv2.imread(str(first), cv2.IMREAD_UNCHANGED)
    assert labels[67, 80] == 26  # car
    assert labels[60, 44] == 25  # rider
    assert labels[70, 44] == 33  # bicycle
    assert labels[10, 10] == 23  # sky
    assert labels[110, 10] == 7  # road
    instances = cv2.imread(str(first).replace("labelIds", "instanceIds"), cv2.IMREAD_UNCHANGED)
    assert instances[67, 80] == 26_001
    assert instances[110, 10] == 7
    drivable = cv2.imread(str(first).replace("labelIds", "drivable"), cv2.IMREAD_UNCHANGED)
    assert drivable[110, 10] == 255
    assert drivable[67, 80] == 0
    train = cv2.imread(str(first).replace("labelIds", "labelTrainIds"), cv2.IMREAD_UNCHANGED)
    assert train[67, 80] == 13
