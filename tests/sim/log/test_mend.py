"""A log that was cut off is mended: its whole frames stay what they were, and it has an end again."""

from __future__ import annotations

from pathlib import Path

import pytest

from sim.log.mend import mend_log
from sim.log.options import LogConfig
from sim.log.reader import LogReader
from sim.log.writer import LogWriter
from tests.builders import make_tick, make_world


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    path = tmp_path / "log.mcap"
    with LogWriter(path, LogConfig(), make_world(), {"seed": "7"}) as log:
        for k in range(12):
            log.write(make_tick(k))
    return path


def test_a_cut_log_keeps_its_whole_frames_and_gets_an_end(whole: Path) -> None:
    ticks = list(LogReader(whole).ticks(sensors=False))
    data = whole.read_bytes()
    whole.write_bytes(data[: int(0.6 * len(data))])
    cut = LogReader(whole)
    kept = len(list(cut.ticks(sensors=False)))
    assert cut.truncated
    frames, simulated_s = mend_log(whole)
    mended = LogReader(whole)
    again = list(mended.ticks(sensors=False))
    assert not mended.truncated
    assert frames == kept == len(again)
    assert 0 < frames < 12
    assert simulated_s == pytest.approx((ticks[frames - 1].t_us - ticks[0].t_us) * 1e-6)
    assert [tick.command for tick in again] == [tick.command for tick in ticks[:frames]]
    assert mended.metadata["seed"] == "7"


def test_a_whole_log_stays_what_it_is(whole: Path) -> None:
    before = [tick.t_us for tick in LogReader(whole).ticks(sensors=False)]
    assert mend_log(whole)[0] == 12
    mended = LogReader(whole)
    assert [tick.t_us for tick in mended.ticks(sensors=False)] == before
    assert not mended.truncated


def test_a_log_without_a_whole_frame_is_left_alone(whole: Path) -> None:
    start = whole.read_bytes()[:200]
    whole.write_bytes(start)
    assert mend_log(whole) == (0, 0.0)
    assert whole.read_bytes() == start
    assert [path.name for path in whole.parent.iterdir()] == ["log.mcap"]
    whole.unlink()
    assert mend_log(whole) == (0, 0.0)
