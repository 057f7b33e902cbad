"""The page and the sheets, made of a run that was made by hand."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import cv2
import numpy as np
import pytest

from sim.realism.detector import Judge
from sim.realism.judge import JudgePlan, Picture, compare, judge
from sim.realism.measure import measure
from sim.realism.page import DRIVEN_FOLDER, SMALL_FOLDER, Run, jpeg_below, write_page
from sim.realism.report import join_runs, judge_to_folder, pictures_by_weather
from sim.realism.rule import Detections, objects


class Fixed(Judge):
    """Says the same of every picture: a car at 10, 10, 60, 60 and a person where nobody is."""

    def __init__(self) -> None:
        pass

    def look(self, pictures):
        boxes = np.array([[10, 10, 60, 60], [200, 20, 220, 80]], np.float32)
        return [Detections(boxes, np.array([2, 0]), np.array([0.9, 0.4], np.float32)) for _ in pictures]


def picture(name: str, weather: str) -> Picture:
    rows = [(kind, f"vehicle.{kind}", box, box, box[3] - box[1], 1.0, 12.0, True) for kind, box in
            (("car", (12, 10, 60, 60)), ("bus", (100, 10, 180, 90)), ("truck", (100, 100, 140, 150)))]  # fmt: skip
    shade = np.tile(np.arange(240, dtype=np.uint8)[None, :, None], (180, 1, 3))
    return Picture(name, "Town", weather, shade, objects(rows))


@pytest.fixture
def run(tmp_path: Path) -> Run:
    judge_to_folder(iter([picture("Town_noon_0000", "noon"), picture("Town_night_rain_0001", "night_rain")]), Fixed(),
                    tmp_path / "run", keep=True)  # fmt: skip
    return Run(tmp_path / "run", "roadlab realism", "abc")


def test_a_finding_says_what_was_asked_found_and_made_up():
    finding = compare(picture("p", "noon"), Fixed().look([None])[0])
    assert [(row.kind, row.found) for row in finding.asked_rows] == [("car", True), ("bus", False), ("truck", False)]
    assert [(row.coco, row.right) for row in finding.said_rows] == [(2, True), (0, False)]
    assert [asdict(f.asked_rows[0])["picture"] for f in judge([picture("q", "fog")], Fixed())] == ["q"]


def test_a_run_leaves_counts_tables_rows_and_sheets(run: Run):
    counts = run.read("judge.json")
    assert counts["pictures"] == 2
    assert (counts["vehicles"]["all"]["hits"], counts["vehicles"]["all"]["total"]) == (2, 6)
    assert counts["precision"]["person"]["all"]["share"] == 0.0
    assert len(run.read("rows.json")["asked"]) == 6
    sheets = {path.name for path in run.folder.glob("*.png")}
    assert sheets == {"missed_buses.png", "missed_trucks.png", "false_alarms.png"}
    assert set(pictures_by_weather(run.folder / "pictures")) == {"ours, day", "ours, night_rain"}


def test_the_page_tells_targets_counts_and_shows_a_picture_of_each_weather(run: Run, tmp_path: Path):
    page = write_page(run, tmp_path / "docs").read_text(encoding="utf-8")
    assert "at commit abc, 2 pictures" in page
    assert "| vehicles found | 0.93 | .333 (.097–.700) 2/6 | **no** |" in page
    assert "objects of which >= 0.9 is seen it finds: vehicles .333 (.097–.700) 2/6, persons –, trucks .000" in page
    assert "![noon](pictures/realism_noon.jpg)" in page
    assert (tmp_path / "docs" / "pictures" / "realism_night_rain.jpg").is_file()
    assert "KITTI" not in page.split("## Pictures")[1]
    assert "640 × 384" not in page, "not run"


def test_the_page_puts_the_small_pictures_beside_the_large_ones(run: Run, tmp_path: Path):
    judge_to_folder(iter([picture("Town_noon_0000", "noon")]), Fixed(), run.folder / SMALL_FOLDER)
    page = write_page(run, tmp_path / "docs").read_text(encoding="utf-8")
    assert "| vehicles found | 0.93 | .333 (.097–.700) 2/6 | **no** | .333 (.061–.792) 1/3 | **no** |" in page
    worst = next(line for line in page.splitlines() if line.startswith("| vehicles found in the worst weather"))
    assert worst.count("(noon)") == 2
    assert page.index("## In pictures of 640 × 384") < page.index("## Pictures")


def test_the_page_tells_of_traffic_that_drives(run: Run, tmp_path: Path):
    judge_to_folder(iter([picture("00000_Town_noon_000003_front", "noon")]), Fixed(), run.folder / DRIVEN_FOLDER)
    page = write_page(run, tmp_path / "docs").read_text(encoding="utf-8")
    driven = page.split("## In traffic that drives")[1]
    assert "pictures of 800 × 600: 1" in driven
    assert "| vehicles | 0.93, each weather 0.88 | .333 (.061–.792) 1/3 |" in driven


def test_a_page_without_a_judged_run_says_what_to_do(tmp_path: Path):
    with pytest.raises(FileNotFoundError, match="run the judge first"):
        write_page(Run(tmp_path, "", ""), tmp_path)
    with pytest.raises(ValueError, match="no part sheets"):
        measure(JudgePlan(), ["sheets"], tmp_path, tmp_path, None, "", print)


def test_pictures_are_made_small_enough_or_refused():
    noise = np.random.default_rng(0).integers(0, 255, (200, 200, 3), np.uint8)
    assert len(jpeg_below(noise, 60_000)) < 60_000
    with pytest.raises(ValueError, match="smaller"):
        jpeg_below(noise, 1_000)
    assert cv2.imdecode(np.frombuffer(jpeg_below(noise, 60_000), np.uint8), cv2.IMREAD_COLOR).shape == noise.shape


def test_runs_taken_in_pieces_count_as_one(run: Run, tmp_path: Path):
    more = tmp_path / "more"
    judge_to_folder(iter([picture("Town2_fog_0000", "fog")]), Fixed(), more, keep=True)
    join_runs([run.folder, more], tmp_path / "all")
    counts = Run(tmp_path / "all", "", "").read("judge.json")
    assert counts["pictures"] == 3
    assert (counts["vehicles"]["all"]["hits"], counts["vehicles"]["all"]["total"]) == (3, 9)
    assert counts["precision"]["vehicle"]["all"]["total"] == 3
    assert len(list((tmp_path / "all" / "pictures").iterdir())) == 3


def test_counts_are_plain_json(run: Run):
    assert json.loads((run.folder / "judge.json").read_text(encoding="utf-8")) == run.read("judge.json")
