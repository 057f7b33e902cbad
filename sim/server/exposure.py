"""Sensors of an asynchronous world measure in a thread of their own, so that calls are answered meanwhile.

In synchronous mode nothing of this is used: a tick is done when its sensors are, and one thing happens after the other.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from queue import Empty, SimpleQueue

from sim.server.world.measuring import Message

log = logging.getLogger(__name__)


class Exposure:
    """The measurements of one frame after the other.

    Only one thread may use it; wake is called from the thread that measures whenever there is something to ``take``.
    """

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._frames: SimpleQueue[Iterator[Message] | None] = SimpleQueue()
        self._ready: SimpleQueue[Message | None] = SimpleQueue()  # None: the frame is complete
        self._thread: threading.Thread | None = None
        self._busy = self._closing = False

    @property
    def busy(self) -> bool:
        """Whether a frame is not complete yet."""
        return self._busy

    def begin(self, messages: Iterator[Message]) -> None:
        """Measure a frame: take its messages from the iterator, one by one. The one before it must be complete."""
        assert not self._busy
        self._busy = True
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="exposure", daemon=True)
            self._thread.start()
        self._frames.put(messages)

    def take(self) -> list[Message]:
        """What was measured since the last call."""
        taken: list[Message] = []
        while self._busy:
            try:
                message = self._ready.get_nowait()
            except Empty:
                break
            if message is None:
                self._busy = False
            else:
                taken.append(message)
        return taken

    def close(self) -> None:
        """Give up the frame after the sensor that is measuring now, and end the thread."""
        self._closing = True
        if self._thread is not None:
            self._frames.put(None)
            self._thread.join()
            self._thread = None

    def _run(self) -> None:
        while (messages := self._frames.get()) is not None:
            try:
                for message in messages:
                    if self._closing:
                        break
                    self._ready.put(message)
                    self._wake()
            except Exception:  # the next frame may work; clients miss this one
                log.exception("sensors failed")
            del messages  # it holds on to its world
            self._ready.put(None)
            self._wake()
