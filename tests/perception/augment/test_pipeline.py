"""Pipelines: from configuration to bytes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from perception.augment.camera_faults import NAMES as FAULTS
from perception.augment.camera_faults import fault
from perception.augment.pipeline import STEPS, AugmentError, Pipeline, build_pipeline, read_pipeline
from perception.augment.sample import FAR_M, Cloud, Sample
from perception.augment.step import Sources
from perception.augment.store import cut_objects
from perception.frame import RecordError
from tests.perception.augment.scenes import SIZE, street

STORE = cut_objects([street(1)])
SOURCES = Sources(sample=lambda rng: street(int(rng.integers(5))), objects=STORE)


def apply(entries: list[dict[str, Any]], seed: int = 0, image: bool = True) -> Sample:
    return build_pipeline(entries)(street(image=image), np.random.default_rng(seed), SOURCES)


@pytest.mark.parametrize("name", sorted(STEPS))
def test_every_step_runs_repeats_and_leaves_its_input_alone(name: str) -> None:
    step: list[dict[str, Any]] = [{"name": name, "p": 1.0}]
    image = name != "noise_objects"
    sample = street(image=image)
    pixels = None if sample.image is None else sample.image.copy()
    assert sample.cloud is not None
    points = sample.cloud.points_m.copy()
    first = build_pipeline(step)(sample, np.random.default_rng(3), SOURCES)
    again = build_pipeline(step)(sample, np.random.default_rng(3), SOURCES)
    for one, other in (
        (first.image, again.image),
        (first.boxes.px, again.boxes.px),
        (first.objects.m, again.objects.m),
    ):
        assert (one is None and other is None) or np.array_equal(one, other)  # type: ignore[arg-type]
    if first.cloud is not None and again.cloud is not None:
        assert np.array_equal(first.cloud.points_m, again.cloud.points_m)
    assert np.array_equal(points, sample.cloud.points_m)
    assert pixels is None or np.array_equal(pixels, sample.image)  # type: ignore[arg-type]
    other = [build_pipeline(step)(street(image=image), np.random.default_rng(seed), SOURCES) for seed in (4, 5, 6)]
    if name not in ("grey", "letterbox"):
        changed = [
            not np.array_equal(made.image, sample.image)  # type: ignore[arg-type]
            if image and not name.endswith("cloud") and name != "drop_points"
            else made.cloud is None or not np.array_equal(made.cloud.points_m, points)
            for made in (first, *other)
        ]
        assert any(changed)


def test_steps_have_streams_of_their_own() -> None:
    """What fog looks like does not depend on whether the picture was flipped before it, nor on how often."""
    tail = {"name": "tone", "p": 1.0}
    plain = apply([{"name": "noise", "p": 0.0}, tail])
    other = apply([{"name": "noise", "p": 0.0, "read": 0.2}, tail])
    assert np.array_equal(plain.image, other.image)  # type: ignore[arg-type]
    assert not np.array_equal(plain.image, apply([{"name": "noise", "p": 0.0}, tail], seed=1).image)  # type: ignore[arg-type]


def test_fog_is_one_number_for_camera_and_lidar() -> None:
    clear = street()
    foggy = apply([{"name": "fog", "p": 1.0, "mor_m": 60.0, "patchiness": 0.0}])
    assert clear.cloud is not None
    assert foggy.cloud is not None
    assert clear.image is not None
    assert foggy.image is not None
    assert foggy.image.std() < clear.image.std()
    assert foggy.cloud.intensity.mean() < clear.cloud.intensity.mean()
    only_sweep = apply([{"name": "fog", "p": 1.0, "mor_m": 60.0}], image=False)
    assert only_sweep.image is None


@pytest.mark.parametrize(
    ("entries", "says"),
    [
        ([{"name": "fgo"}], "'fog'"),
        ([{"name": "fog", "mor": 50}], "'mor_m'"),
        ([{"name": "fog", "p": 1.5}], "0 to 1"),
        ([{"name": "fog", "mor_m": [200.0, 50.0]}], "low, high"),
        ([{"name": "fog", "mor_m": "thick"}], "mor_m"),
        ([{"name": "corruption", "names": ["motionblur"]}], "motion_blur"),
        ([{"name": "corruption", "severities": [6]}], r"corruption.severities: no 6; there are: 1, 2, 3, 4, 5"),
        ([{"name": "corruption", "names": []}], "corruption.names: expected at least one"),
        ([{"name": "camera_fault", "names": ["colour_quant"]}], "did you mean 'color_quant'"),
        ([{"name": "camera_fault", "severities": [4]}], "camera_fault.severities: no 4"),
        ([{"name": "corrupt_cloud", "names": ["crosstalks"]}], "did you mean 'crosstalk'"),
        ([{"name": "corrupt_cloud", "suite": "robo3d", "severities": [4]}], "no 4; there are: 1, 2, 3"),
        ([{"name": "corrupt_cloud", "suite": "robo"}], "suite"),
        ([{"name": "affine", "scale": [0.0, 1.0]}], "affine.scale: expected 0.01 to 100"),
        ([{"name": "crop", "share": 2.0}], "crop.share: expected 0.01 to 1, got 2.0"),
        ([{"name": "letterbox", "size": [0, 640]}], "letterbox.size: expected 1 to"),
        ([{"name": "fog", "mor_m": 0.0}], "fog.mor_m: expected 1 to"),
        ([{"name": "blur", "sigma_px": 0.0}], "blur.sigma_px: expected"),
        ([{"name": "jpeg", "quality": [-5.0, 50.0]}], "jpeg.quality: expected 1 to 100"),
        ([{"name": "paste_objects", "most": 0}], "paste_objects.most: expected 1"),
        ([{"name": "drop_points", "share": 1.5}], "drop_points.share: expected 0 to 1"),
        ([{"mor_m": 50}], "name"),
        ({"name": "fog"}, "list"),
    ],
)
def test_wrong_configurations_say_what_is_meant(entries: Any, says: str) -> None:
    with pytest.raises(AugmentError, match=says):
        build_pipeline(entries)


@pytest.mark.parametrize("name", ["fog", "rain", "snow", "night", "wet"])
def test_depth_that_is_infinite_or_unknown_is_far(name: str) -> None:
    sample = street()
    assert sample.depth_m is not None
    sky = sample.depth_m >= FAR_M
    assert sky.any()
    known = build_pipeline([{"name": name, "p": 1.0}])(sample, np.random.default_rng(3)).image
    for nothing in (np.inf, np.nan):
        other = replace(sample, depth_m=np.where(sky, np.float32(nothing), sample.depth_m))
        made = build_pipeline([{"name": name, "p": 1.0}])(other, np.random.default_rng(3)).image
        np.testing.assert_array_equal(made, known)


def test_snow_lies_nowhere_where_no_ground_is_seen() -> None:
    """A picture full of the back of a lorry, nearer than the nearest ground in the picture."""
    wall = replace(street(), depth_m=np.full(SIZE, 1.5, np.float32), cloud=None)
    made = build_pipeline([{"name": "snow", "p": 1.0, "lying": 1.0}])(wall, np.random.default_rng(0))
    assert made.image is not None
    assert wall.image is not None
    assert abs(float(made.image.mean()) - float(wall.image.mean())) < 60.0


def test_beams_without_a_return_are_left_out_of_a_cloud() -> None:
    points = np.array([[1.0, 2.0, 3.0], [np.nan, 0.0, 0.0], [4.0, 5.0, np.inf], [6.0, 7.0, 8.0]])
    cloud = Cloud.of(points, [0.1, 0.2, 0.3, 0.4], [0, 1, 2, 3])
    assert cloud.points_m.tolist() == [[1.0, 2.0, 3.0], [6.0, 7.0, 8.0]]
    assert cloud.ring.tolist() == [0, 3]
    assert cloud.intensity.tolist() == pytest.approx([0.1, 0.4])
    with pytest.raises(RecordError, match="no numbers"):
        Cloud(points.astype(np.float32), np.ones(4, np.float32), np.zeros(4, np.int32))


def test_a_file_names_its_fault(tmp_path: Path) -> None:
    good = tmp_path / "good.yaml"
    good.write_text("augment:\n  - {name: fog, mor_m: [50, 200], p: 0.3}\n")
    assert read_pipeline(good) == ({"name": "fog", "mor_m": [50, 200], "p": 0.3},)
    for text, says in (
        ("augment: [{name: fgo}]", "fog"),
        ("steps: []", "augment"),
        ("augment: [", "YAML"),
    ):
        bad = tmp_path / "bad.yaml"
        bad.write_text(text)
        with pytest.raises(AugmentError, match=says) as error:
            read_pipeline(bad)
        assert "bad.yaml" in str(error.value)


def test_steps_say_what_they_lack() -> None:
    with pytest.raises(ValueError, match="other samples"):
        build_pipeline([{"name": "mosaic", "p": 1.0}])(street(), np.random.default_rng(0))
    with pytest.raises(ValueError, match="cut objects"):
        build_pipeline([{"name": "paste_objects", "p": 1.0}])(street(), np.random.default_rng(0))
    with pytest.raises(ValueError, match="cloud"):
        build_pipeline([{"name": "turn_cloud"}])(Sample(image=street().image), np.random.default_rng(0))
    sample = street()
    assert Pipeline()(sample, np.random.default_rng(0)) is sample


def test_camera_faults_blacken_so_many_of_six() -> None:
    picture = street().image
    assert picture is not None
    rig = [picture] * 6
    for severity in (1, 2, 3):
        dead = [not made.any() for made in fault(rig, "camera_crash", severity, np.random.default_rng(0))]
        assert sum(dead) == severity
    lost = [
        sum(not made.any() for made in fault(rig, "frame_lost", 3, np.random.default_rng(seed))) for seed in range(60)
    ]
    assert np.mean(lost) == pytest.approx(3.0, abs=0.5)
    assert len(np.unique(fault([picture], "color_quant", 3, np.random.default_rng(0))[0])) <= 4
    light = [fault([picture], "low_light", s, np.random.default_rng(0))[0].mean() for s in (1, 2, 3)]
    assert light[0] > light[1] > light[2]
    for name in FAULTS:
        assert len(fault(rig[:2], name, 2, np.random.default_rng(0))) == 2
    with pytest.raises(ValueError, match="camera_crash"):
        fault(rig, "camera_crsh", 1, np.random.default_rng(0))
