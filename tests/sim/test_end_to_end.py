"""From the command to the report: a drive, its scores, its replay."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import yaml

from sim.log.reader import LogReader
from tests.sim.conftest import TinyRun, roadlab
from tests.sim.streams import streams


def test_a_run_leaves_a_whole_folder(tiny_run: TinyRun) -> None:
    assert tiny_run.process.returncode == 0, tiny_run.process.stderr
    assert {path.name for path in tiny_run.folder.iterdir()} == {
        "config.yaml",
        "log.mcap",
        "metrics.json",
        "report.html",
        "server.log",
    }
    assert (tiny_run.out / "latest").is_symlink()
    assert "ready: Roadlab01" in (tiny_run.folder / "server.log").read_text()
    config = yaml.safe_load((tiny_run.folder / "config.yaml").read_text())
    assert (config["name"], config["traffic"]["vehicles"], config["traffic"]["walkers"]) == ("tiny", 4, 2)


def test_the_log_holds_every_frame_and_its_origin(tiny_run: TinyRun) -> None:
    log = LogReader(tiny_run.log)
    ticks = list(log.ticks())
    assert not log.truncated
    assert [tick.t_us for tick in ticks] == [100_000 * k for k in range(21)]
    assert {"commit", "seed", "config", "version.carla"} <= log.metadata.keys()
    for tick in ticks:
        assert tick.frame is not None
        assert tick.frame.missing == ()
        assert tick.frame.images["front"].bgr.shape == (120, 160, 3)
        assert len(tick.frame.sweeps["top"].points_lidar_m) > 300
        assert tick.truth is not None
        assert len(tick.truth.actor_id) == 6
    assert ticks[-1].frame is not None
    assert ticks[-1].frame.speed_mps > 1.0
    assert any(len(tick.detections.cameras[0].scores) for tick in ticks)


def test_metrics_are_of_this_drive(tiny_run: TinyRun) -> None:
    metrics = json.loads((tiny_run.folder / "metrics.json").read_text())
    assert metrics["frames"] == metrics["ending"]["frames"] == 21
    assert metrics["ending"]["reason"] == "duration"
    assert metrics["localization"]["position_rmse_m"] < 1.0
    assert metrics["driving"]["infractions"]["collision_vehicle"] == 0
    assert {"perception", "planning", "control", "source"} <= metrics["timing_ms"].keys()


class References(HTMLParser):
    """What a page refers to, and what can be referred to in it."""

    def __init__(self) -> None:
        super().__init__()
        self.used: list[str] = []
        self.ids: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in ("src", "href", "xlink:href", "poster", "data") and value:
                self.used.append(value)
            elif name == "id" and value:
                self.ids.add(value)


def broken_references(report: Path) -> list[str]:
    page = References()
    text = report.read_text(encoding="utf-8")
    page.feed(text)
    used = page.used + re.findall(r"url\((#[^)]*)\)", text)
    return [
        reference
        for reference in used
        if not reference.startswith("data:")
        and not (reference.startswith("#") and reference[1:] in page.ids)
        and not ("://" not in reference and not reference.startswith("#") and (report.parent / reference).is_file())
    ]


def test_the_report_stands_alone(tiny_run: TinyRun) -> None:
    report = tiny_run.folder / "report.html"
    text = report.read_text(encoding="utf-8")
    assert broken_references(report) == []
    assert text.count("data:image/jpeg") == 6
    assert text.count("<svg") >= 3
    assert "position RMSE [m]" in tiny_run.process.stdout


def test_the_report_shows_the_video_that_is_there(tiny_run: TinyRun, tmp_path: Path) -> None:
    from sim.report.page import gallery_frames, write_report
    from sim.report.video import write_video

    log = LogReader(tiny_run.log)
    write_video(tiny_run.log, tmp_path / "drive.mp4")
    metrics = json.loads((tiny_run.folder / "metrics.json").read_text())
    report = write_report(tmp_path, log, list(log.ticks(sensors=gallery_frames(21))), metrics)
    text = report.read_text(encoding="utf-8")
    assert 'src="drive.mp4"' in text
    assert 'poster="data:image/jpeg' in text, "a page that is looked at before the video is loaded shows a picture"
    assert broken_references(report) == []


def test_eval_gives_the_metrics_of_the_run(tiny_run: TinyRun, tmp_path: Path) -> None:
    scored = roadlab("eval", tiny_run.folder, "--json", tmp_path / "again.json")
    assert scored.returncode == 0, scored.stderr
    metrics = json.loads((tiny_run.folder / "metrics.json").read_text())
    del metrics["ending"]
    assert json.loads((tmp_path / "again.json").read_text()) == metrics


def test_replay_repeats_the_drive_to_the_bit(tiny_run: TinyRun, tmp_path: Path) -> None:
    again = roadlab("replay", tiny_run.folder, "--out", tmp_path)
    assert again.returncode == 0, again.stderr
    recorded, replayed = streams(tiny_run.log), streams(tmp_path / "latest" / "log.mcap")
    assert {"/roadlab/tracks", "/roadlab/plan", "/roadlab/forecasts", "/roadlab/command"} <= recorded.keys()
    assert replayed == recorded
