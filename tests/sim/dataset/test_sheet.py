"""The data sheet of the hand-made data set."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from sim.dataset.records import CameraLabels, LightLabel, to_json
from sim.dataset.sheet import write_sheet
from sim.dataset.store import DataSet, Frame
from tests.sim.dataset.handmade import config, data_set


def with_lights(frame: Frame, *states: str) -> None:
    box = (5.0, 5.0, 9.0, 15.0)
    front: CameraLabels = frame.labels.cameras["front"]
    lights = tuple(LightLabel("7", state, box, box, 40, 1.0, 0.0) for state in states)
    labels = replace(frame.labels, cameras={"front": replace(front, lights=lights)})
    frame.file(".json").write_bytes(to_json(labels))


def test_every_row_of_the_classes_is_counted_by_split(tmp_path: Path) -> None:
    data = data_set(tmp_path)
    for frame in data.frames("train"):
        with_lights(frame, "red", "red", "green")
    for frame in data.frames("val"):
        with_lights(frame, "red")
    text = write_sheet(DataSet.open(tmp_path), config()).read_text()
    rows = [
        re.findall(r"<td[^>]*>(.*?)</td>", row, re.DOTALL) for row in re.findall(r"<tr>(.*?)</tr>", text, re.DOTALL)
    ]
    counted = {row[0].strip(): [cell.strip() for cell in row[1:3]] for row in rows if len(row) > 3}
    assert counted["car"] == ["2", "2"]
    assert counted["traffic light, red"] == ["4", "2"]
    assert counted["traffic light, green"] == ["2", "0"]
    assert "traffic light, off" not in counted
