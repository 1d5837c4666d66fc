"""Trains and evaluates one run in its folder of the store: never twice, resumed where it broke, failures recorded."""

import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from synmix.errors import UserError
from synmix.evaluate.result import result_path
from synmix.files import write_text
from synmix.study.runs import Run
from synmix.study.scale import Scale, config_checksum
from synmix.study.start import draw_start
from synmix.study.store import BusyError, Store

Result = Literal["finished", "skipped", "failed", "busy", "stopped"]
WEIGHTS = "model_final.pth"
_POLL_SECONDS = 5.0


@dataclass(frozen=True)
class Outcome:
    """What became of a run this time."""

    run: str
    result: Result
    reason: str = ""
    seconds: float = 0.0


def execute(run: Run, scale: Scale, store: Store, missing_pretraining: str = "train") -> Outcome:
    """Brings a run to its end: skips it when it is finished, resumes it when it was cut off, starts it otherwise.

    A finished run is not trained again for a data set that the scale has gained since: its weights are evaluated there.

    Args:
        missing_pretraining: what to do where the run it starts from is missing: ``train`` it first (or wait for whoever
            trains it), or ``fail``.

    Returns:
        The outcome; a failure of the training is one too, recorded in the store with its reason.

    Raises:
        UserError: the store is unreadable, or a finished run was edited: what a person has to look at.
        KeyboardInterrupt, SystemExit: stopped from outside; the run can be resumed.
    """
    try:
        with store.lock(run):
            store.check_config(run, config_checksum(scale.config))
            if store.status(run).state == "finished":
                store.verify(run)
                if further := store.unevaluated(run, scale.evaluated.values()):
                    return _evaluate_further(run, scale, store, further)
                return Outcome(run.id, "skipped", "finished before")
            return _work(run, scale, store, missing_pretraining)
    except BusyError as busy:
        return Outcome(run.id, "busy", f"{busy}")


def execute_or_wait(run: Run, scale: Scale, store: Store, missing_pretraining: str = "train") -> Outcome:
    """As :func:`execute`, but waits while another process trains the run: two jobs of a sweep may need the same one."""
    while (outcome := execute(run, scale, store, missing_pretraining)).result == "busy":
        time.sleep(_POLL_SECONDS)
    return outcome


def _work(run: Run, scale: Scale, store: Store, missing_pretraining: str) -> Outcome:
    started = time.time()
    try:
        weights = _pretrained(run, scale, store, missing_pretraining)
        started = time.time()  # the pre-training's time is its own
        with _recorded(run, scale, store):
            _train(run, scale, store, weights)
    except Exception as error:
        reason = _reason(error, store.folder(run))
    else:
        return Outcome(run.id, "finished", seconds=time.time() - started)
    if store.status(run).state != "running":
        store.begin(run, config_checksum(scale.config))  # it failed before it began: recorded all the same
    store.end(run, "failed", reason, time.time() - started)
    return Outcome(run.id, "failed", reason, time.time() - started)


def _evaluate_further(run: Run, scale: Scale, store: Store, data_sets: list[str]) -> Outcome:
    """Evaluates a finished run on further data sets. Whatever goes wrong, it stays finished with what it had."""
    from synmix.study.recipe import recipe
    from synmix.train.run import evaluate

    started, weights = time.time(), store.folder(run) / WEIGHTS
    try:
        if not weights.is_file():
            raise UserError(
                f"'{weights}' is gone, so the run cannot be evaluated on {', '.join(data_sets)}; remove its folder to "
                "train it again."
            )
        with TemporaryDirectory(dir=store.folder(run), prefix="evaluation-") as scratch:
            cfg = recipe(run, scale, Path(scratch), weights)
            cfg.DATASETS.TEST = tuple(data_sets)
            evaluate(cfg)
            store.begin(run, config_checksum(scale.config))
            for name in data_sets:
                result_path(scratch, name).rename(result_path(store.folder(run), name))
            store.end(run, "finished", "", time.time() - started)
    except Exception as error:
        return Outcome(run.id, "failed", _reason(error, store.folder(run)), time.time() - started)
    return Outcome(run.id, "finished", f"evaluated on {', '.join(data_sets)}", time.time() - started)


def _reason(error: Exception, folder: Path) -> str:
    """A mistake of the user in its own words, anything else in short; then its traceback lies in ``failure.txt``."""
    if isinstance(error, UserError):
        return str(error)
    write_text(folder / "failure.txt", "".join(traceback.format_exception(error)))
    return f"{type(error).__name__}: {' '.join(str(error).split())}"[:500]


@contextmanager
def _recorded(run: Run, scale: Scale, store: Store) -> Iterator[None]:
    """Status "running" inside, "finished" after; "broken" where something stops it from outside."""
    started = time.time()
    store.begin(run, config_checksum(scale.config))
    try:
        yield
    except (KeyboardInterrupt, SystemExit):
        store.end(run, "broken", "it was stopped", time.time() - started)
        raise
    store.end(run, "finished", "", time.time() - started)


def _pretrained(run: Run, scale: Scale, store: Store, missing_pretraining: str) -> Path | None:
    """The weights the run starts from, trained first where they are missing.

    Raises:
        UserError: the pre-training is missing and may not be trained here, or it failed.
    """
    if run.init is None:
        return None
    store.check_config(run.init, config_checksum(scale.config))
    weights = store.folder(run.init) / WEIGHTS
    if store.status(run.init).state != "finished":
        if missing_pretraining == "fail":
            raise UserError(
                f"the pre-training '{run.init.id}' is not finished; train it first, or set missing_pretraining=train."
            )
        outcome = execute_or_wait(run.init, scale, store, missing_pretraining)
        if outcome.result == "failed":
            raise UserError(f"the pre-training '{run.init.id}' failed ({outcome.reason}); mend that and repeat.")
    if not weights.is_file():
        raise UserError(f"'{weights}' is gone; remove that folder to train the pre-training again.")
    return weights


def _train(run: Run, scale: Scale, store: Store, weights: Path | None) -> None:
    from synmix.study.recipe import recipe  # torch: five seconds that a skipped run need not wait
    from synmix.train.run import train

    folder = store.folder(run)
    if run.is_start:
        draw_start(run.real)
    train(recipe(run, scale, folder, weights), resume=True)
    if missing := store.unevaluated(run, scale.evaluated.values()):
        raise RuntimeError(f"the training ended without a result on {', '.join(missing)}")
