"""The ranks of one run, from inside: how they meet, hear that one of them ends, and part.

They meet at a TCP store. A thread of each rank looks there, so that a rank waiting in a collective for one that has
ended is ended too, however the ranks were started.
"""

import contextlib
import multiprocessing
import os
import socket
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from detectron2.utils import comm

from synmix.errors import UserError
from synmix.train.signals import SAVING, Stop, listening

#: How long all ranks may take to come: jobs that start late, imports from a slow file system.
START = timedelta(minutes=15)
#: What one rank may do alone while the others wait: the first instance tables, figures of a large evaluation.
COLLECTIVE = timedelta(hours=2)

USER_ERROR, INTERRUPTED, CRASHED = 2, 130, 1  # how a rank ends, as in errors.run_tool
_LEAVE = 60.0  # seconds in which a rank hears that all are done
_POLL, _GRACE = 0.25, 5.0  # seconds between two looks; seconds for ending by oneself when another rank has ended


@dataclass(frozen=True)
class Seat:
    """A rank's place in its run, and where the ranks meet."""

    rank: int
    ranks: int
    local_rank: int
    local_ranks: int  # on this machine; on each the same number
    host: str
    port: int
    serves: bool = False  # the store runs in this process
    key: str = "run"  # of this run in a store that has seen others
    own_parent: bool = False  # this process was started for this run, and ends with the one that started it


def take_seat(seat: Seat, device: str, function: Callable[..., Any], args: tuple = ()) -> Any:
    """Runs ``function(*args)`` as one of the ranks.

    Raises:
        UserError: the ranks do not find each other in time, or one of them has raised it, here: this one.
    """
    with listening() as stop:
        server = _connect(seat, serves=True) if seat.serves else None
        store, watch = _connect(seat), _Watch(_connect(seat), seat, stop)
        watch.start()
        try:
            _meet(seat, store, device)
            result = function(*args)
            _part(seat, store)
        except BaseException as error:
            watch.tell(_exit_code(error))
            if not (watch.first or seat.own_parent) and isinstance(error, Exception):
                _end(watch.code)  # another rank says why; this one only lost it in a collective
            raise
        finally:
            watch.over.set()
        watch.join()
        dist.destroy_process_group()
        del server
        return result


def meeting_store(host: str, port: int, serves: bool) -> dist.TCPStore:
    """The store that ranks meet at, served here (port 0: a free one) or by another process.

    Raises:
        UserError: it cannot be served, or is not there in time.
    """
    try:
        if not serves:
            _await(host, port)
        return dist.TCPStore(host, port, is_master=serves, timeout=START, wait_for_workers=False)
    except (RuntimeError, OSError) as error:
        reason = str(error).splitlines()[0][:200]
        raise UserError(f"the ranks cannot meet at {host}:{port}: {reason}; name another address or port.") from None


def _await(host: str, port: int) -> None:
    """Waits until somebody serves there; TCPStore does too, but hears no signal meanwhile."""
    deadline = time.monotonic() + START.total_seconds()
    while True:
        try:
            socket.create_connection((host, port), timeout=5).close()
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
        time.sleep(_POLL)


def _connect(seat: Seat, serves: bool = False) -> dist.Store:
    host = "127.0.0.1" if serves else seat.host
    return dist.PrefixStore(seat.key, meeting_store(host, seat.port, serves))


def _meet(seat: Seat, store: dist.Store, device: str) -> None:
    """Waits for all ranks, then connects them: by NCCL on GPUs, by gloo on the CPU."""
    store.set(f"here/{seat.rank}", "")
    _wait_for_all(seat, store, "here", START.total_seconds())
    on_gpu = device.startswith("cuda")
    if on_gpu:
        _take_gpu(seat)
    group = dist.PrefixStore("group", store)
    backend = "nccl" if on_gpu else "gloo"
    dist.init_process_group(backend, store=group, rank=seat.rank, world_size=seat.ranks, timeout=COLLECTIVE)
    for machine in range(seat.ranks // seat.local_ranks):  # every rank must make all groups
        first = machine * seat.local_ranks
        local = dist.new_group(list(range(first, first + seat.local_ranks)), timeout=COLLECTIVE)
        if machine == seat.rank // seat.local_ranks:
            comm._LOCAL_PROCESS_GROUP = local
    if on_gpu:  # Detectron2's own for small objects waits half an hour only
        objects = dist.new_group(backend="gloo", timeout=COLLECTIVE)
        comm._get_global_gloo_group = lambda: objects


def _take_gpu(seat: Seat) -> None:
    """This rank's GPU: the one of its number, or the only one that its scheduler lets it see."""
    visible = torch.cuda.device_count()
    if visible != 1 and visible < seat.local_ranks:
        raise UserError(
            f"{seat.local_ranks} ranks were started on a machine with {visible} usable GPU(s); start as many as there "
            "are, or add MODEL.DEVICE cpu to train on the CPU."
        )
    torch.cuda.set_device(seat.local_rank if visible > 1 else 0)


def _wait_for_all(seat: Seat, store: dist.Store, what: str, seconds: float = float("inf")) -> None:
    keys, deadline = [f"{what}/{rank}" for rank in range(seat.ranks)], time.monotonic() + seconds
    while not store.check(keys):
        if time.monotonic() > deadline:
            missing = [str(rank) for rank, key in enumerate(keys) if not store.check([key])]
            raise UserError(
                f"rank(s) {', '.join(missing)} of {seat.ranks} did not come to {seat.host}:{seat.port} within "
                f"{seconds / 60:.0f} minutes; are all machines started, with the same address?"
            )
        time.sleep(_POLL / 5)  # in short sleeps, which a signal may interrupt


def _part(seat: Seat, store: dist.Store) -> None:
    """Waits until all have done their work: the store must live as long as the slowest. Rank 0 goes last, since the
    store ends with it, or with the process that waits for it: the others must have seen that all are done."""
    store.set(f"done/{seat.rank}", "")
    _wait_for_all(seat, store, "done")
    store.set(f"leaves/{seat.rank}", "")
    if seat.rank == 0:
        with contextlib.suppress(UserError):  # one died on its way out, when all was done
            _wait_for_all(seat, store, "leaves", _LEAVE)


def _exit_code(error: BaseException) -> int:
    if isinstance(error, SystemExit) and isinstance(error.code, int):
        return error.code
    if isinstance(error, KeyboardInterrupt):
        return INTERRUPTED
    return USER_ERROR if isinstance(error, UserError) else CRASHED


def _end(code: int) -> None:
    """Ends this process without a further word; not by an exception, which would wait for ranks that are gone."""
    sys.stdout.flush()
    sys.stderr.flush()
    with SAVING:
        os._exit(code)


class _Watch(threading.Thread):
    """Passes a request to stop on to all ranks, and ends this one when another has ended with an error."""

    def __init__(self, store: dist.Store, seat: Seat, stop: Stop) -> None:
        super().__init__(daemon=True)
        self.over = threading.Event()
        #: Whether no rank has ended with an error before this one.
        self.first = True
        #: What the first one ended with.
        self.code = CRASHED
        self._store, self._seat, self._asked = store, seat, stop
        self._told = False

    def run(self) -> None:
        """Looks until :attr:`over`."""
        while not self.over.wait(_POLL):
            try:
                code = self._look()
            except Exception:  # who serves the store is gone: whatever it is called, it cannot be asked any more
                code = CRASHED
            if code is not None:
                break
        else:
            return
        if not self.over.wait(_GRACE):
            _end(code)

    def _look(self) -> int | None:
        """How this process must end, None while it need not."""
        parent = multiprocessing.parent_process()
        if self._seat.own_parent and parent is not None and parent.pid != os.getppid():
            return CRASHED  # killed, without a word
        if self._asked.signal and not self._told:
            self._store.set("stop", str(self._asked.signal))
            self._told = True
        elif not self._told and self._store.check(["stop"]):
            self._told = True
            os.kill(os.getpid(), int(self._store.get("stop")))
        return int(self._store.get("failed")) if self._store.check(["failed"]) else None

    def tell(self, code: int) -> None:
        """Tells the other ranks that this one ends with an error; one that serves the store waits until they know."""
        self.over.set()
        if threading.current_thread() is not self and self.is_alive():
            self.join()
        try:
            self.first = self._store.add("ended", 1) == 1
            if self.first:
                self._store.set("failed", str(code))
            self._store.wait(["failed"], timedelta(seconds=_GRACE))
            self.code = int(self._store.get("failed"))
            deadline = time.monotonic() + 2 * _GRACE
            while self._seat.serves and time.monotonic() < deadline and self._store.add("ended", 0) < self._seat.ranks:
                time.sleep(_POLL)
        except RuntimeError:
            pass  # the store is gone, and so everybody knows
