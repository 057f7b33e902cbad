"""Names that clients send stay in the recordings folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from sim.server.recorder.folder import RECORDINGS_VARIABLE, RecordingPathError, Recordings


def test_a_plain_name_lives_in_the_folder(tmp_path: Path) -> None:
    recordings = Recordings(str(tmp_path))
    assert recordings.path("a.log") == tmp_path / "a.log"
    assert recordings.path("monday/a.log") == tmp_path / "monday" / "a.log"
    assert recordings.path(str(tmp_path / "b.log")) == tmp_path / "b.log"
    assert recordings.path("x/../a.log") == tmp_path / "a.log"


@pytest.mark.parametrize("name", ["../a.log", "/etc/passwd", "x/../../a.log", "link/a.log"])
def test_a_name_that_leads_out_is_refused_and_told_how_to_allow_it(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "recordings"
    folder.mkdir()
    (folder / "link").symlink_to(tmp_path)
    with pytest.raises(RecordingPathError, match=r"outside the recordings folder .*--recordings"):
        Recordings(str(folder)).path(name)


@pytest.mark.parametrize("name", ["", "a\0b", ".", "sub"])
def test_a_name_that_can_be_no_file_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "sub").mkdir()
    with pytest.raises(RecordingPathError):
        Recordings(str(tmp_path)).path(name)


def test_the_option_comes_before_the_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(RECORDINGS_VARIABLE, str(tmp_path / "variable"))
    assert Recordings().folder == tmp_path / "variable"
    assert Recordings(str(tmp_path / "option")).folder == tmp_path / "option"
