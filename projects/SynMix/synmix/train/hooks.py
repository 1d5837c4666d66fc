"""What happens around the steps: evaluation that is never lost, checkpoints, an orderly end, metrics."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from detectron2.engine import HookBase, hooks
from detectron2.utils import comm
from detectron2.utils.events import EventStorage, EventWriter, JSONWriter

from synmix.train.checkpoint import BEST, FINAL, SafeCheckpointer
from synmix.train.signals import Stop, TrainingInterrupted

_HISTORY = 1000  # values of each scalar that a checkpoint keeps: what the ETA's median looks at


class Evaluation(hooks.EvalHook):
    """Detectron2's ``EvalHook``, which also makes up for an evaluation that was cut off; a signal ends it at once."""

    def __init__(self, period: int, function: Callable[[], dict[str, Any]], stop: Stop) -> None:
        super().__init__(period, function)
        self._stop = stop
        self._last = -1

    def _do_eval(self) -> None:
        with self._stop.at_once():
            super()._do_eval()
        self._last = self.trainer.iter

    def before_train(self) -> None:
        """Runs the evaluation that was due when the run was killed, before training goes on."""
        done = self.trainer.start_iter
        if (
            self._period > 0
            and 0 < done < self.trainer.max_iter
            and done % self._period == 0
            and self._last != done - 1
        ):
            self.trainer.storage.iter = self.trainer.iter = done - 1
            self._do_eval()
            self.trainer.storage.iter = self.trainer.iter = done

    def after_train(self) -> None:
        """Evaluates what was trained to the end; a run that broke off is not worth it."""
        if self.trainer.iter >= self.trainer.max_iter:
            self.trainer.storage.iter = self.trainer.max_iter
            self._do_eval()
        del self._func

    def state_dict(self) -> dict[str, int]:
        """The iteration of the last evaluation."""
        return {"last": self._last}

    def load_state_dict(self, state_dict: dict[str, int]) -> None:
        """Goes back to a saved state."""
        self._last = state_dict["last"]


class Checkpoints(HookBase):
    """Saves every ``period`` iterations and at the end, keeps the latest few and the best.

    A checkpoint is written before the evaluation that is due with it, so that a crash there loses nothing, and once
    more after it, by a second of these hooks with ``after_evaluation``.
    """

    def __init__(
        self,
        checkpointer: SafeCheckpointer,
        period: int,
        evaluation_period: int,
        keep: int,
        after_evaluation: bool = False,
    ) -> None:
        self._checkpointer = checkpointer
        self._period = period
        self._evaluation_period = evaluation_period
        self._keep = keep
        self._after = after_evaluation

    def after_step(self) -> None:
        """Saves where it is due."""
        done = self.trainer.iter + 1
        if done == self.trainer.max_iter:
            if not self._after:
                self._checkpointer.save(FINAL, iteration=self.trainer.iter)
            return
        evaluated = self._evaluation_period > 0 and done % self._evaluation_period == 0
        if done % self._period == 0 or evaluated:
            if not self._after or evaluated:
                self._checkpointer.save(f"model_{self.trainer.iter:07d}", iteration=self.trainer.iter)
            self._checkpointer.keep_only(self._keep)


class Best(HookBase):
    """Keeps the checkpoint with the highest value of one evaluation figure as ``model_best``."""

    def __init__(self, checkpointer: SafeCheckpointer, metric: str) -> None:
        self._checkpointer = checkpointer
        self._metric = metric
        self._best: float | None = None
        self._seen = -1

    def _look(self) -> None:
        value, iteration = self.trainer.storage.latest().get(self._metric, (None, -1))
        if value is None or iteration == self._seen:
            return
        self._seen = iteration
        if value == value and (self._best is None or value > self._best):  # nan is never the best
            self._best = value
            self._checkpointer.save(BEST, iteration=iteration)

    def before_train(self) -> None:
        """Looks at an evaluation that was just made up for."""
        self._look()

    def after_step(self) -> None:
        """Looks at an evaluation of this step."""
        self._look()

    def after_train(self) -> None:
        """Looks at the last evaluation."""
        self._look()

    def state_dict(self) -> dict[str, Any]:
        """The best value so far."""
        return {"best": self._best, "seen": self._seen}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Goes back to a saved state."""
        self._best, self._seen = state_dict["best"], state_dict["seen"]


class OrderlyEnd(HookBase):
    """Where a signal asked any process to stop, all finish their step, save, and end.

    Args:
        stop: what hears the signals; they are deferred during the steps.
        request: tells the other processes of it, with the next step.
        agreed: whether a step has brought such a request from any of them.
    """

    def __init__(
        self, checkpointer: SafeCheckpointer, stop: Stop, request: Callable[[], None], agreed: Callable[[], bool]
    ) -> None:
        self._checkpointer = checkpointer
        self._stop = stop
        self._request = request
        self._agreed = agreed

    def before_train(self) -> None:
        """Listens."""
        self._stop.listeners.append(self._request)

    def after_step(self) -> None:
        """Saves, unless the step was the last one, which is saved already, and ends."""
        if not self._agreed():
            return
        if self.trainer.iter + 1 < self.trainer.max_iter:
            self._checkpointer.save(f"model_{self.trainer.iter:07d}", iteration=self.trainer.iter)
        comm.synchronize()
        raise TrainingInterrupted(
            f"saved after iteration {self.trainer.iter}; --resume goes on from there", self._stop.signal
        )

    def after_train(self) -> None:
        """Listens no longer."""
        if self._request in self._stop.listeners:  # not where something failed before it listened
            self._stop.listeners.remove(self._request)


class Metrics(hooks.PeriodicWriter):
    """Detectron2's ``PeriodicWriter`` whose writers open their files when training begins, not before."""

    def __init__(self, build: Callable[[], list[EventWriter]], period: int) -> None:
        super().__init__([], period)
        self._build = build

    def before_train(self) -> None:
        """Opens the writers."""
        self._writers = self._build()

    def close(self) -> None:
        """Closes the writers where the training was ended before its own end."""
        for writer in self._writers:
            writer.close()
        self._writers = []

    def after_train(self) -> None:
        """Writes what is new, and closes."""
        for writer in self._writers:
            writer.write()
        self.close()


class MetricsFile(JSONWriter):
    """Detectron2's ``metrics.json``, gone on with as if a resumed training had never stopped: lines after its
    checkpoint are cut off, and one that a kill swallowed between checkpoint and line is written from the checkpoint.

    Args:
        path: the file.
        start: the iteration that the training begins at; its event storage is restored already.
        period: iterations between two lines.
    """

    def __init__(self, path: Path, start: int, period: int) -> None:
        last = trim_metrics(path, start)
        super().__init__(str(path))
        self._last_write = last
        if start and start % period == 0 and last < start - 1:
            self.write()


def trim_metrics(path: Path, start: int) -> int:
    """Cuts off what a killed run wrote to ``metrics.json`` after the checkpoint it is resumed from; returns the
    iteration of the last line that stays, -1 where none does."""
    if not path.is_file():
        return -1
    kept = [line for line in path.read_text().splitlines(keepends=True) if _iteration(line) < start]
    path.write_text("".join(kept))
    return max((int(_iteration(line)) for line in kept), default=-1)


def _iteration(line: str) -> float:
    try:
        return json.loads(line)["iteration"]
    except (json.JSONDecodeError, KeyError, TypeError):
        return float("inf")  # a torn last line


def storage_state(storage: EventStorage) -> dict[str, Any]:
    """The scalars of an event storage as plain values."""
    histories = {
        name: {"values": list(history._data[-_HISTORY:]), "count": history._count, "average": history._global_avg}
        for name, history in storage.histories().items()
    }
    return {"histories": histories, "latest": dict(storage.latest()), "hints": dict(storage.smoothing_hints())}


def restore_storage(storage: EventStorage, state: dict[str, Any]) -> None:
    """Fills a fresh event storage with what :func:`storage_state` gave."""
    for name, saved in state["histories"].items():
        history = storage._history[name]
        history._data = [tuple(pair) for pair in saved["values"]]
        history._count, history._global_avg = saved["count"], saved["average"]
    storage._latest_scalars.update({name: tuple(pair) for name, pair in state["latest"].items()})
    storage._smoothing_hints.update(state["hints"])
