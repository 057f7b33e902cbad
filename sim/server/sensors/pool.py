"""A small pool of threads for ``nogil`` kernels.

A kernel takes ``(worker, workers, *arguments)`` and does every ``workers``-th piece of its work, beginning with
piece ``worker``. Pieces do not depend on each other, so the result does not depend on the number of threads.
"""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Callable
from typing import Any

DEFAULT_THREADS = 2  # the machine that the speed targets are stated for has two cores
MAX_THREADS = 64


def threads_from_environment() -> int:
    """Number of threads asked for by ``ROADLAB_THREADS``, else the default, never more than there are cores.

    Raises ValueError where the variable is not a whole number from 1 to 64.
    """
    text = os.environ.get("ROADLAB_THREADS")
    if text is None:
        return max(1, min(DEFAULT_THREADS, os.cpu_count() or 1))
    if not text.strip().isdigit() or not 1 <= int(text) <= MAX_THREADS:
        raise ValueError(f"ROADLAB_THREADS: expected a whole number from 1 to {MAX_THREADS}, got {text!r}")
    return int(text)


class WorkerPool:
    """Calls one kernel on all threads at once and returns when all are done."""

    def __init__(self, threads: int | None = None) -> None:
        self.threads = threads if threads is not None else threads_from_environment()
        if not 1 <= self.threads <= MAX_THREADS:
            raise ValueError(f"WorkerPool: expected 1 to {MAX_THREADS} threads, got {self.threads}")
        self._tasks: list[queue.SimpleQueue[tuple[Callable[..., Any], tuple[Any, ...]] | None]] = []
        self._done: queue.SimpleQueue[BaseException | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        for worker in range(1, self.threads):
            tasks: queue.SimpleQueue[tuple[Callable[..., Any], tuple[Any, ...]] | None] = queue.SimpleQueue()
            self._tasks.append(tasks)
            threading.Thread(target=self._work, args=(worker, tasks), daemon=True, name=f"render-{worker}").start()

    def _work(self, worker: int, tasks: queue.SimpleQueue[tuple[Callable[..., Any], tuple[Any, ...]] | None]) -> None:
        while (task := tasks.get()) is not None:
            function, arguments = task
            failure: BaseException | None = None
            try:
                function(worker, self.threads, *arguments)
            except BaseException as error:  # handed to the caller, who raises it
                failure = error
            self._done.put(failure)

    def run(self, function: Callable[..., Any], *arguments: Any) -> None:
        """Run ``function(worker, workers, *arguments)`` on every thread; raises what a worker raised."""
        with self._lock:
            if not getattr(function, "overloads", True):  # not compiled yet: compile once, not in every thread
                for worker in range(self.threads):
                    function(worker, self.threads, *arguments)
                return
            for tasks in self._tasks:
                tasks.put((function, arguments))
            failures: list[BaseException | None] = []
            try:
                function(0, self.threads, *arguments)
            finally:
                failures = [self._done.get() for _ in self._tasks]
        for failure in failures:
            if failure is not None:
                raise failure

    def close(self) -> None:
        """Let the threads end."""
        for tasks in self._tasks:
            tasks.put(None)
        self._tasks = []
        self.threads = 1
