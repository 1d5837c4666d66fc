"""Scoring beside the network: while it works on an image, a thread scores those before."""

import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from queue import SimpleQueue
from typing import Any

import torch
from detectron2.evaluation import DatasetEvaluator

#: Images between network and scorer; their masks are in memory, with those of one in either's hands.
WAITING = 2
_GRACE = 5.0  # seconds for the image that is being scored when an evaluation is broken off

Batch = Sequence[Mapping[str, Any]]


class Overlapped(DatasetEvaluator):
    """An evaluator whose ``process`` runs in a thread, in the order of the calls; the caller goes on meanwhile.

    What ``process`` raises is raised, as it is, by the next call here; no image is scored after it. A context: at its
    end no thread is left, and what was not scored yet is dropped.

    Args:
        evaluator: any; outputs of the network must stay as they are until it has seen them.
        settings: what ``process`` runs within: PyTorch's modes are of a thread, not of the process.
    """

    def __init__(
        self, evaluator: DatasetEvaluator, settings: Callable[[], AbstractContextManager[object]] = nullcontext
    ) -> None:
        self._evaluator, self._settings = evaluator, settings
        self._thread: threading.Thread | None = None
        self._error: BaseException | None = None
        self._drop = False

    def __enter__(self) -> "Overlapped":
        return self

    def __exit__(self, *_: object) -> None:
        self._drop = True
        self._end(_GRACE)
        self._error = None  # its traceback holds this object

    def reset(self) -> None:
        """Drops what waits, and forgets all predictions."""
        self._drop = True
        self._end()
        self._error, self._drop = None, False
        self._evaluator.reset()

    def process(self, inputs: Batch, outputs: Batch) -> None:
        """Hands in predictions; waits where ``WAITING`` images do."""
        if self._thread is None:  # not earlier: loaders fork when their first batch is asked for
            self._begin()
        self._places.get()
        self._raise()
        self._batches.put((inputs, outputs))

    def evaluate(self) -> Any:
        """Waits for the rest; the evaluator's figures."""
        self._end()
        self._raise()
        return self._evaluator.evaluate()

    def _begin(self) -> None:
        # In C, so that a signal's exception leaves no lock behind; Queue and Semaphore are in Python.
        self._places: SimpleQueue[None] = SimpleQueue()
        self._batches: SimpleQueue[tuple[Batch, Batch] | None] = SimpleQueue()
        for _ in range(WAITING + 1):
            self._places.put(None)
        # Copies on the network's stream would wait for the next image's kernels. Outputs are complete: Detectron2's
        # loop synchronises before it hands them in. The stream has the caller's device, too.
        stream = torch.cuda.Stream() if torch.cuda.is_available() else None
        # A daemon: a scorer that hangs must not keep a process that was told to end.
        self._thread = threading.Thread(target=self._score, args=(stream,), name="scoring", daemon=True)
        self._thread.start()

    def _score(self, stream: torch.cuda.Stream | None) -> None:
        while (batch := self._batches.get()) is not None:
            try:
                if not self._drop and self._error is None:
                    with self._settings(), torch.cuda.stream(stream):
                        self._evaluator.process(*batch)
                    if stream is not None:
                        stream.synchronize()  # before the memory is given back to the network's stream
            except BaseException as error:
                self._error = error
            self._places.put(None)

    def _end(self, timeout: float | None = None) -> None:
        if self._thread is not None and self._thread.is_alive():
            self._batches.put(None)
            self._thread.join(timeout)
        self._thread = None

    def _raise(self) -> None:
        if self._error is not None:
            raise self._error
