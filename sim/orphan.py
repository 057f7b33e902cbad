"""A process that ends with the one that started it: its standard input is a pipe, which closes then in any case."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable


def when_stdin_ends(act: Callable[[], object]) -> None:
    """Call ``act``, in a thread of its own, once standard input has ended."""

    def wait() -> None:
        while os.read(sys.stdin.fileno(), 4096):  # not stdin.read: that holds a lock which Python's end waits for
            pass
        act()

    threading.Thread(target=wait, name="stdin", daemon=True).start()
