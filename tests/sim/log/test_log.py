from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from perception.objects import Tracks
from sim.log.codec import decode, encode
from sim.log.options import LogConfig
from sim.log.reader import LogReader, LogReadError
from sim.log.writer import LogWriter
from sim.loop import Tick
from tests.builders import make_tick, make_world


def write(path: Path, ticks: Sequence[Tick]) -> None:
    with LogWriter(path, LogConfig(), make_world(), {"seed": "3"}) as log:
        for tick in ticks:
            log.write(tick)


def assert_same(a: object, b: object) -> None:
    assert encode(a) == encode(b)


def test_a_log_gives_back_what_was_written_bit_for_bit(tmp_path: Path) -> None:
    ticks = [make_tick(k, seed=k) for k in range(5)]
    write(tmp_path / "log.mcap", ticks)
    reader = LogReader(tmp_path / "log.mcap")
    back = list(reader.ticks())
    assert reader.metadata["seed"] == "3"
    assert not reader.truncated
    assert [t.index for t in back] == [0, 1, 2, 3, 4]
    for old, new in zip(ticks, back, strict=True):
        assert new.frame is not None
        np.testing.assert_array_equal(new.frame.images["front"].bgr, old.frame.images["front"].bgr)
        np.testing.assert_array_equal(new.frame.sweeps["top"].points_lidar_m, old.frame.sweeps["top"].points_lidar_m)
        assert_same(new.frame.images["front"].camera, old.frame.images["front"].camera)
        assert_same(new.frame.imu, old.frame.imu)
        assert_same(new.truth, old.truth)
        assert_same(new.tracks, old.step.tracks)
        assert_same(new.plan, old.step.plan)
        assert_same(new.command, old.step.command)


def test_a_truncated_log_gives_every_whole_frame_and_says_so(tmp_path: Path) -> None:
    path = tmp_path / "log.mcap"
    write(path, [make_tick(k, seed=k) for k in range(40)])
    whole = path.read_bytes()
    path.write_bytes(whole[: int(len(whole) * 0.6)])
    reader = LogReader(path)
    indices = [t.index for t in reader.ticks()]
    assert reader.truncated
    assert indices == list(range(len(indices)))
    assert 0 < len(indices) < 40


def test_what_is_no_log_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "log.mcap"
    path.write_bytes(b"not a recording")
    with pytest.raises(LogReadError, match="it is no log"):
        LogReader(path)
    with pytest.raises(LogReadError, match="no such log"):
        LogReader(tmp_path / "other.mcap")


def test_records_keep_infinities_and_empty_shapes() -> None:
    tracks = make_tick(0, seed=0).step.tracks
    assert tracks is not None
    back = decode(Tracks, encode(tracks))
    assert back.boxes_world_m.shape == tracks.boxes_world_m.shape
    empty = make_tick(0, seed=0, objects=0).step.tracks
    assert empty is not None
    assert decode(Tracks, encode(empty)).boxes_world_m.shape == (0, 7)
    assert encode({"a": float("inf"), "b": [float("nan")]}) == b'{"a":"inf","b":["nan"]}'
