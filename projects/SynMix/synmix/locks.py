"""Locks that die with their holder."""

import fcntl
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from synmix.errors import UserError
from synmix.files import refusals_as_sentences

_HELD: set[int] = set()  # descriptors of locks; a forked child closes them, or it would hold on to its parent's locks


class BusyError(Exception):
    """Another process holds a lock; the message says who."""


@contextmanager
def lock_file(path: Path, what: str = "", wait: bool = False) -> Iterator[None]:
    """Holds the lock of a file, which is made where it is missing; the system frees the lock of a process that dies.

    Args:
        what: what it guards, for the sentence: "the run 'x'".
        wait: wait for whoever holds it, instead of giving up.

    Raises:
        BusyError: another process holds it; also this one, by another call.
        UserError: locks do not work there.
    """
    with refusals_as_sentences(f"the lock '{path}'"):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    _HELD.add(descriptor)
    try:
        if wait:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        elif not _try_lock(descriptor, path):
            holder = os.pread(descriptor, 999, 0).decode(errors="replace").strip()
            raise BusyError(f"{what} is worked on by {holder or 'another process'}")
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, who().encode(), 0)
        yield
    finally:
        _HELD.discard(descriptor)
        os.close(descriptor)


def is_locked(path: Path) -> bool:
    """Whether any process holds the lock of a file."""
    if not path.exists():
        return False
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def who() -> str:
    """This process, for others to read: its host and number."""
    return f"{socket.gethostname()}, process {os.getpid()}"


def _try_lock(descriptor: int, path: Path, attempts: int = 5) -> bool:
    """Takes a lock; tries again for a moment, since :func:`is_locked` takes it for an instant to look."""
    for attempt in range(attempts):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            time.sleep(0.02 * (attempt + 1))
        except OSError as error:
            raise UserError(f"'{path}' cannot be locked ({error.strerror}); use a file system with locks.") from None
    return False


def _let_go() -> None:
    for descriptor in _HELD:
        os.close(descriptor)
    _HELD.clear()


os.register_at_fork(after_in_child=_let_go)
