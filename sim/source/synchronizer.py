"""Sensor messages of many streams, put together by frame number."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Iterable
from typing import Any


class Synchronizer:
    """Collects what sensors deliver, each message only ever under the frame it was measured in.

    ``put`` is called from the streams' threads, ``collect`` from the loop's. The messages of one stream come in order,
    as from a socket; streams may overtake each other.
    """

    def __init__(self, names: Iterable[str], clock: Callable[[], float] = time.monotonic) -> None:
        self._queues: dict[str, deque[tuple[int, Any]]] = {name: deque() for name in names}
        self._arrived = threading.Condition()
        self._clock = clock

    def put(self, name: str, frame: int, data: Any) -> None:
        """A message of stream ``name``, measured in ``frame``. Raises KeyError for a stream that was not announced."""
        with self._arrived:
            self._queues[name].append((frame, data))
            self._arrived.notify_all()

    def collect(self, frame: int, due: Collection[str], timeout_s: float) -> tuple[dict[str, Any], tuple[str, ...]]:
        """Messages of exactly ``frame`` from the streams in ``due``, and the names of those that gave none.

        Waits until each has given it, has given a later one (then this one is lost), or ``timeout_s`` is over. Older
        messages are thrown away, later ones kept for their turn.
        """
        deadline = self._clock() + timeout_s
        found: dict[str, Any] = {}
        with self._arrived:
            while True:
                waiting = [name for name in due if name not in found and not self._take(name, frame, found)]
                if not waiting:
                    break
                left = deadline - self._clock()
                if left <= 0.0 or not self._arrived.wait(left):
                    break
            for name in due:  # what came in the last instant
                if name not in found:
                    self._take(name, frame, found)
        return found, tuple(sorted(set(due) - set(found)))

    def _take(self, name: str, frame: int, found: dict[str, Any]) -> bool:
        """Move the message of ``frame`` into ``found``. True where nothing more is to be waited for."""
        queue = self._queues[name]
        while queue and queue[0][0] < frame:
            queue.popleft()
        if queue and queue[0][0] == frame:
            found[name] = queue.popleft()[1]
        return name in found or bool(queue)

    def clear(self) -> None:
        """Forget everything that came."""
        with self._arrived:
            for queue in self._queues.values():
                queue.clear()
