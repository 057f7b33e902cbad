"""One command at a time in a data set's folder, by a lock of the system's on the folder itself.

No file tells of it, so none can be left behind: the lock is gone when the last process that holds it is, however it
ended. Rendering processes hold it together with the command that started them, for they write, too, and may outlive it
by a moment.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
from collections.abc import Callable, Iterator
from multiprocessing.reduction import DupFd
from pathlib import Path
from typing import Any

from sim.dataset.store import DataSetError

TAKEN = (errno.EWOULDBLOCK, errno.EACCES)
KNOWS_NONE = (errno.EBADF, errno.EINVAL, errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS)
"""What file systems answer that have no locks for folders: NFS locks files that are open for writing, others none."""


class FolderLock:
    """A lock that is held for as long as this, or a copy of it that a child process was started with, is open."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor

    def __reduce__(self) -> tuple[Callable[[Any], FolderLock], tuple[Any]]:
        return _inherited, (DupFd(self.descriptor),)


def _inherited(descriptor: Any) -> FolderLock:
    return FolderLock(descriptor.detach())


@contextlib.contextmanager
def alone_in(folder: Path, say: Callable[[str], None]) -> Iterator[FolderLock]:
    """Keep other commands out of a folder while the block runs; ``say`` is told where the file system cannot.

    Raises DataSetError at once where another command is in it.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in TAKEN:
                raise DataSetError(
                    f"{folder}: another `roadlab dataset` is writing there; wait until it has ended, or give another "
                    "--out"
                ) from error
            if error.errno not in KNOWS_NONE:
                raise
            say(f"{folder}: its file system has no locks for folders: see that no other command writes there")
        yield FolderLock(descriptor)
    finally:
        os.close(descriptor)
