"""Trains and evaluates one run in its folder of the store: never twice, resumed where it broke, failures recorded."""

import time
import traceback
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

from synmix.errors import UserError
from synmix.evaluate.result import result_path
from synmix.files import read_yaml, write_text
from synmix.locks import BusyError
from synmix.study.gpus import hold_gpus
from synmix.study.index import write_index
from synmix.study.mini_pretraining import START_SET, draw_start
from synmix.study.runs import Run, config_of
from synmix.study.store import Computed, Store
from synmix.train.signals import listening

Result = Literal["finished", "skipped", "failed", "busy", "stopped"]
WEIGHTS = "model_final.pth"
_POLL_SECONDS = 5.0


@dataclass(frozen=True)
class Options:
    """How runs are executed; none of it changes a number."""

    missing_pretraining: Literal["train", "fail"] = "train"  # what to do where the run it starts from is missing
    trust_pickle: bool = False  # load initial weights that could run code


DEFAULTS = Options()


@dataclass(frozen=True)
class Outcome:
    """What became of a run this time."""

    run: str
    result: Result
    reason: str = ""
    seconds: float = 0.0


def execute(run: Run, store: Store, options: Options = DEFAULTS) -> Outcome:
    """Brings a run to its end: skips it when it is finished, resumes it when it was cut off, starts it otherwise.

    A finished run is not trained again for a data set that its config has gained since: its weights are evaluated.

    Returns:
        The outcome; a failure of the training is one too, recorded in the store with its reason.

    Raises:
        UserError: the store is unreadable, or a finished run was edited: what a person has to look at.
        KeyboardInterrupt, SystemExit: stopped from outside; the run can be resumed.
    """
    try:
        with store.lock(run), listening():
            if store.status(run).state != "finished":
                return _work(run, store, options)
            store.verify(run)
            if further := store.unevaluated(run):
                return _evaluate_further(run, store, further)
            return Outcome(run.id, "skipped", "finished before")
    except BusyError as busy:
        return Outcome(run.id, "busy", f"{busy}")


def execute_or_wait(run: Run, store: Store, options: Options = DEFAULTS) -> Outcome:
    """As :func:`execute`, but waits while another process trains the run: two jobs of a sweep may need the same one."""
    while (outcome := execute(run, store, options)).result == "busy":
        time.sleep(_POLL_SECONDS)
    return outcome


def _work(run: Run, store: Store, options: Options) -> Outcome:
    started, reason = time.time(), ""
    state: Literal["finished", "failed"] = "finished"
    try:
        weights = _pretrained(run, store, options)
        started = time.time()  # the pre-training's time is its own
        store.begin(run)
        _train(run, store, weights, options)
    except (KeyboardInterrupt, SystemExit):
        if store.status(run).state == "running":
            store.end(run, "broken", "it was stopped", time.time() - started)
            write_index(store)
        raise
    except Exception as error:
        state, reason = "failed", _reason(error, store.folder(run))
        if store.status(run).state != "running":
            store.begin(run)  # it failed before it began: recorded all the same
    seconds = time.time() - started
    store.end(run, state, reason, seconds)
    write_index(store)
    return Outcome(run.id, state, reason, seconds)


def _pretrained(run: Run, store: Store, options: Options) -> Path | None:
    """The weights the run starts from, trained first where they are missing.

    Raises:
        UserError: the run it starts from is missing and may not be trained here, or it failed.
    """
    if run.init is None:
        return None
    if store.status(run.init).state != "finished":
        if options.missing_pretraining == "fail":
            raise UserError(
                f"the pre-training '{run.init.id}' is not finished; train it first, or set missing_pretraining=train."
            )
        outcome = execute_or_wait(run.init, store, options)
        if outcome.result == "failed":
            raise UserError(f"the pre-training '{run.init.id}' failed ({outcome.reason}); mend that and repeat.")
    store.verify(run.init)
    weights = store.folder(run.init) / WEIGHTS
    if not weights.is_file():
        raise UserError(f"'{weights}' is gone; remove that folder to train the pre-training again.")
    return weights


def _train(run: Run, store: Store, weights: Path | None, options: Options) -> None:
    from synmix.train.run import train  # torch: seconds that a skipped run need not wait

    folder = store.folder(run)
    cfg = config_of(run, folder, weights)
    if START_SET in cfg.DATASETS.TRAIN:
        draw_start(cfg.DATASETS.IMAGES[0])
    computed = _launch(run, cfg, train, (True, options.trust_pickle))
    store.note(run, replace(computed, iterations=_trained_iterations(folder)))
    if missing := store.unevaluated(run):
        raise RuntimeError(f"the training ended without a result on {', '.join(missing)}")


def _trained_iterations(folder: Path) -> int:
    """What the epochs of the config came to."""
    return int(read_yaml(folder / "config.yaml")["SOLVER"]["MAX_ITER"])


def _launch(run: Run, cfg: Any, function: Any, arguments: Sequence[Any]) -> Computed:
    """Calls a function of the config in the run's ranks, each on a GPU of its own.

    Returns:
        how it was computed.
    """
    from synmix.train.launch import launch, settle_processes

    on_gpu = cfg.MODEL.DEVICE.startswith("cuda")
    with hold_gpus(run.processes) if on_gpu else nullcontext(()) as gpus:
        cfg, ranks = settle_processes(cfg, run.processes, gpus if on_gpu else None)
        launch(function, ranks, device=cfg.MODEL.DEVICE, gpus=gpus[:ranks] or None, args=(cfg, *arguments))
    devices = f"{ranks} x {_device_name()}" if on_gpu else "cpu"
    return Computed(ranks, devices, ranks * cfg.SOLVER.ACCUMULATE, cfg.SOLVER.IMS_PER_BATCH)


def _device_name() -> str:
    import synmix.before_detectron2  # noqa: F401

    import torch

    return torch.cuda.get_device_name(0)


def _evaluate_further(run: Run, store: Store, data_sets: list[str]) -> Outcome:
    """Evaluates a finished run on further data sets. Whatever goes wrong, it stays finished with what it had."""
    from synmix.train.run import evaluate

    started, weights = time.time(), store.folder(run) / WEIGHTS
    try:
        if not weights.is_file():
            raise UserError(
                f"'{weights}' is gone, so the run cannot be evaluated on {', '.join(data_sets)}; remove its folder to "
                "train it again."
            )
        with TemporaryDirectory(dir=store.folder(run), prefix="evaluation-") as scratch:
            cfg = config_of(run, Path(scratch), weights)
            cfg.DATASETS.TEST = tuple(data_sets)
            _launch(run, cfg, evaluate, ())
            for name in data_sets:
                result_path(scratch, name).rename(result_path(store.folder(run), name))
            store.end(run, "finished", "", time.time() - started)
            write_index(store)
    except Exception as error:
        return Outcome(run.id, "failed", _reason(error, store.folder(run)), time.time() - started)
    return Outcome(run.id, "finished", f"evaluated on {', '.join(data_sets)}", time.time() - started)


def _reason(error: Exception, folder: Path) -> str:
    """A mistake of the user in its own words, anything else in short; then its traceback lies in ``failure.txt``."""
    if isinstance(error, UserError):
        return str(error)
    write_text(folder / "failure.txt", "".join(traceback.format_exception(error)))
    return f"{type(error).__name__}: {' '.join(str(error).split())}"[:500]
