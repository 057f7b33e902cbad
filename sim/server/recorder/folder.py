"""Where recordings live: one folder, which no name that a client sends leads out of."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs

RECORDINGS_VARIABLE = "ROADLAB_RECORDINGS"
MAX_NAME_BYTES = 255
"""Of a file on every common file system."""


class RecordingPathError(ValueError):
    """A recording's name that leads out of the recordings folder, or can be no file; the message says what to do."""


class Recordings:
    """The recordings folder."""

    def __init__(self, folder: str | None = None) -> None:
        """folder comes before ``$ROADLAB_RECORDINGS``, which comes before the user's data folder. It need not exist."""
        named = folder or os.environ.get(RECORDINGS_VARIABLE)
        default = Path(platformdirs.user_data_dir("roadlab")) / "recordings"
        self.folder = (Path(named) if named else default).expanduser().resolve()

    def path(self, name: str) -> Path:
        """The file of a recording: a relative name lives in the folder, an absolute one must lead into it.

        Links are followed before the check. Raises RecordingPathError.
        """
        if not name or "\0" in name:
            raise RecordingPathError(f"a recording needs a file name, got {name!r}")
        if max(len(part.encode("utf-8", "replace")) for part in name.split("/")) > MAX_NAME_BYTES:
            raise RecordingPathError(f"a recording's name has at most {MAX_NAME_BYTES} bytes, got {name[:40]!r}...")
        try:
            path = (self.folder / name).resolve()
        except (OSError, RuntimeError) as error:  # a loop of links, a name too long
            raise RecordingPathError(f"recording {name!r}: {error}") from None
        if not path.is_relative_to(self.folder):
            raise RecordingPathError(
                f"recording {name!r} lies outside the recordings folder {self.folder}; use a plain file name, or start "
                f"the server with --recordings {path.parent} (or {RECORDINGS_VARIABLE}={path.parent})"
            )
        if path == self.folder or path.is_dir():
            raise RecordingPathError(f"recording {name!r} is a folder; a recording needs a file name")
        return path
