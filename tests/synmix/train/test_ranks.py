"""How ranks part: nobody leaves before all are done, and who serves the store leaves last."""

import threading
import time

import pytest
import torch.distributed as dist

from synmix.train import ranks
from synmix.train.ranks import Seat


def seat(rank: int, number: int = 2) -> Seat:
    return Seat(rank, number, rank, number, "127.0.0.1", 0)


@pytest.fixture
def part():
    """Starts the parting of a rank in a thread of its own, all at one store in memory."""
    store, threads = dist.HashStore(), []

    def start(rank: int, number: int = 2) -> threading.Thread:
        threads.append(threading.Thread(target=ranks._part, args=(seat(rank, number), store), daemon=True))
        threads[-1].start()
        return threads[-1]

    yield start, store
    for thread in threads:
        thread.join(20)


def is_waiting(thread: threading.Thread) -> bool:
    thread.join(0.4)  # several looks at the store
    return thread.is_alive()


@pytest.mark.parametrize("early", [0, 1])
def test_a_rank_that_is_done_waits_for_the_other(part, early):
    start, _ = part
    first = start(early)
    assert is_waiting(first)
    start(1 - early).join(20)
    assert not is_waiting(first)


def test_rank_0_leaves_after_every_other_has_seen_that_all_are_done(part):
    start, store = part
    store.set("done/1", "")
    store.set("done/2", "")
    last = start(0, 3)
    store.set("leaves/1", "")
    assert is_waiting(last), "rank 2 may still be looking at the store, which ends with rank 0"
    store.set("leaves/2", "")
    last.join(20)
    assert not last.is_alive()


def test_rank_0_does_not_wait_for_ever_for_one_that_died_on_its_way_out(part, monkeypatch):
    monkeypatch.setattr(ranks, "_LEAVE", 0.3)
    start, store = part
    store.set("done/1", "")
    begun = time.monotonic()
    last = start(0)
    last.join(20)
    assert not last.is_alive() and time.monotonic() - begun >= 0.3
