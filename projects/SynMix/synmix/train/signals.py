"""Signals that ask a training to stop. The first one is a request: whatever must be whole ends, is saved, and then
:class:`TrainingInterrupted` is raised; a second one ends at once."""

import logging
import multiprocessing
import multiprocessing.util
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

logger = logging.getLogger(__name__)

#: SLURM's notice, Ctrl-C, and what schedulers send before a time limit.
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGUSR2)
#: Held while a checkpoint is written: nobody ends the process meanwhile.
SAVING = threading.RLock()
_ECHO = 1.0  # seconds in which further signals are the first one's: a group's, a launcher's, a cluster's


class TrainingInterrupted(KeyboardInterrupt):
    """A signal came; what could be saved is saved, and ``--resume`` goes on.

    Args:
        signal: its number, 0 where it is not known.
    """

    def __init__(self, message: str = "", signal: int = 0) -> None:
        super().__init__(message)
        self.signal = signal


class Stop:
    """A request to stop, raised where it comes unless it is deferred."""

    def __init__(self) -> None:
        #: The number of the signal that came; 0 while none has.
        self.signal = 0
        #: Told of a request, from within the signal's handler.
        self.listeners: list[Callable[[], None]] = []
        self._deferred = False
        self._pid = os.getpid()
        self._since = 0.0

    def hear(self, number: int, frame: FrameType | None = None) -> None:
        """The handler of the signals."""
        if os.getpid() != self._pid:  # a forked child has other business
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        elif not self.signal:
            self.signal, self._since = number, time.monotonic()
            for listener in self.listeners:
                listener()
            if not self._deferred:
                self.check()
            self._say(signal.Signals(number).name)
        elif time.monotonic() - self._since > _ECHO:
            raise TrainingInterrupted("a second signal came, and ended it at once", self.signal)

    @staticmethod
    def _say(name: str) -> None:
        """From another thread: a handler that writes while the program does breaks the stream's buffer."""
        said = "%s: ending what must be whole; another one ends at once"
        threading.Thread(target=logger.warning, args=(said, name)).start()

    def check(self) -> None:
        """Ends here where a stop was requested.

        Raises:
            TrainingInterrupted: it was.
        """
        if self.signal:
            name = signal.Signals(self.signal).name
            raise TrainingInterrupted(f"{name} came; --resume goes on from what was saved before", self.signal)

    @contextmanager
    def deferred(self) -> Iterator[None]:
        """A request within is only noted."""
        with self._mode(True):
            yield

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """A request within, or noted before, ends there: nothing would be lost."""
        with self._mode(False):
            self.check()
            yield

    @contextmanager
    def _mode(self, deferred: bool) -> Iterator[None]:
        before, self._deferred = self._deferred, deferred
        try:
            yield
        finally:
            self._deferred = before


_current: Stop | None = None


@contextmanager
def listening() -> Iterator[Stop]:
    """Hears the signals within, and leaves their handlers as they were. Within another one, that one goes on; outside
    a process's main thread nothing is heard."""
    global _current
    if _current is not None or threading.current_thread() is not threading.main_thread():
        yield _current or Stop()
        return
    _current = stop = Stop()
    previous = {number: signal.signal(number, stop.hear) for number in SIGNALS}
    try:
        yield stop
    finally:
        _current = None
        for number, handler in previous.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)


def hand_on(number: int) -> None:
    """Gives a signal that stopped a training (:attr:`TrainingInterrupted.signal`) to the handler that was there before
    it, if a Python one is: submitit's requeues the job. Call it when the state is saved and recorded."""
    handler = signal.getsignal(number) if number else None
    if callable(handler) and handler is not signal.default_int_handler:
        handler(number, None)


@contextmanager
def shielded() -> Iterator[None]:
    """Processes that are started within do not get the signals, unless they say so (:func:`unshield`); those that come
    to this process meanwhile are delivered afterwards."""
    # At its end multiprocessing would ask them to end by a signal that they do not get, and wait for ever.
    multiprocessing.util.Finalize(None, _kill_daemons, exitpriority=100)
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def unshield() -> None:
    """Lets a process that was started :func:`shielded` get the signals, also those that came meanwhile."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)


def shield_worker(worker: int = 0) -> None:
    """A loader's ``worker_init_fn``, for workers that a server forked which was not :func:`shielded`: a signal to the
    whole process group must not end a worker while the step that needs its batch is finished and saved."""
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)


def _kill_daemons() -> None:
    for process in multiprocessing.active_children():
        if process.daemon:
            process.kill()
