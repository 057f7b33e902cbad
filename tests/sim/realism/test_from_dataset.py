"""A data set made by hand, as the judge takes it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sim.dataset.label import EGO_ID
from sim.dataset.records import Labels, SceneInfo, from_json, to_json
from sim.dataset.store import SCENES, DataSetError
from sim.realism.from_dataset import dataset_pictures
from tests.sim.dataset import handmade


def test_objects_are_those_of_the_labels_and_a_cyclist_is_machine_and_rider(tmp_path: Path) -> None:
    handmade.data_set(tmp_path)
    pictures = list(dataset_pictures(tmp_path))
    assert [p.name for p in pictures[:2]] == ["00000_Straight_ClearNoon_000000_front",
                                              "00000_Straight_ClearNoon_000001_front"]  # fmt: skip
    assert (len(pictures), pictures[0].map, pictures[0].weather) == (4, "Straight", "ClearNoon")
    real = pictures[0].real
    assert real.kind == ("car", "bicycle", "rider")
    np.testing.assert_array_equal(real.box, [[70, 60, 90, 75], [42, 66, 47, 74], [42, 58, 47, 66]])
    np.testing.assert_array_equal(real.whole_box, [[70, 60, 90, 75], [42, 58, 47, 74], [42, 58, 47, 66]])
    assert real.height_px.tolist() == [15.0, 16.0, 16.0]
    assert real.share_visible.tolist() == pytest.approx([1.0, 0.5, 0.5])
    assert real.distance_m.tolist() == pytest.approx([8.0, 9.0, 9.0])
    assert not len(pictures[0].unlabelled)


def test_what_lies_outside_of_the_picture_is_not_seen(tmp_path: Path) -> None:
    handmade.data_set(tmp_path)
    file = tmp_path / SCENES / "00000_Straight_ClearNoon" / "000000.json"
    labels = from_json(Labels, file)
    car, bike = labels.cameras["front"].objects
    cut = replace(labels.cameras["front"], objects=(replace(car, truncation=0.75), bike))
    file.write_bytes(to_json(replace(labels, cameras={"front": cut})))
    assert next(dataset_pictures(tmp_path)).real.share_visible[0] == pytest.approx(0.25)


def test_the_cars_own_bonnet_is_no_false_alarm(tmp_path: Path) -> None:
    import cv2

    handmade.data_set(tmp_path)
    file = tmp_path / SCENES / "00000_Straight_ClearNoon" / "000000_front_instance.png"
    mask = cv2.imread(str(file), cv2.IMREAD_UNCHANGED)
    mask[100:, 30:130] = EGO_ID
    cv2.imwrite(str(file), mask)
    own, none = (p.unlabelled for p in list(dataset_pictures(tmp_path))[:2])
    assert own.tolist() == [[30.0, 100.0, 130.0, 120.0]]
    assert not len(none)


def test_a_data_set_that_cannot_be_judged_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataSetError, match="holds no scene"):
        next(dataset_pictures(tmp_path))
    handmade.data_set(tmp_path)
    with pytest.raises(ValueError, match=r"no camera 'rear' .* there are: front"):
        next(dataset_pictures(tmp_path, "rear"))
    file = tmp_path / SCENES / "00000_Straight_ClearNoon" / "scene.json"
    file.write_bytes(to_json(replace(from_json(SceneInfo, file), has_masks=False)))
    with pytest.raises(ValueError, match="no masks"):
        next(dataset_pictures(tmp_path))
