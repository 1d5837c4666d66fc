"""Where the figures of a training go beside ``metrics.json``: a progress line, and the writers of ``LOG.WRITERS``."""

import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
import yaml  # type: ignore[import-untyped]
from detectron2.config import CfgNode
from detectron2.utils.events import EventStorage, EventWriter, TensorboardXWriter, get_event_storage
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from synmix.extras import HOW, need
from synmix.progress import console


class ProgressLine(EventWriter):
    """Losses, learning rate, images a second, share of time spent waiting for data, memory: beside a progress bar in a
    terminal, else a plain line at a time.

    Args:
        max_iter: iterations of the training.
        batch_size: images of an iteration, all processes together.
        window: iterations that losses and times are averaged over.
    """

    def __init__(self, max_iter: int, batch_size: int, window: int = 20) -> None:
        self._max_iter = max_iter
        self._batch_size = batch_size
        self._window = window
        self._written = -1
        self._bar: Progress | None = None
        if console.is_terminal:
            columns = (BarColumn(20), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("{task.description}"))
            self._bar = Progress(*columns, console=console)
            self._task = self._bar.add_task("", total=max_iter)
            self._bar.start()

    def write(self) -> None:
        """Shows the state of this iteration, once."""
        storage = get_event_storage()
        if storage.iter == self._written or storage.iter >= self._max_iter:
            return
        self._written = storage.iter
        text = "  ".join(self._figures(storage))
        if self._bar is not None:
            self._bar.update(self._task, completed=storage.iter + 1, description=text)
        else:
            left = timedelta(seconds=round(self._seconds(storage) * (self._max_iter - storage.iter - 1)))
            line = f"iteration {storage.iter + 1}/{self._max_iter}  {left} left  {text}"
            console.print(line, highlight=False, soft_wrap=True)

    def close(self) -> None:
        """Leaves the bar where it is."""
        if self._bar is not None:
            self._bar.stop()

    def _seconds(self, storage: EventStorage) -> float:
        return storage.history("time").median(1000) if "time" in storage.histories() else 0.0

    def _figures(self, storage: EventStorage) -> list[str]:
        histories = storage.histories()
        names = ["total_loss", *(name for name in histories if name.startswith("loss_"))]
        figures = [
            f"{name.removeprefix('total_').removeprefix('loss_')} {histories[name].median(self._window):.3f}"
            for name in names
            if name in histories
        ]
        if "lr" in histories:
            figures.append(f"lr {histories['lr'].latest():.2g}")
        seconds = self._seconds(storage)
        if seconds:
            waiting = 100 * histories["data_time"].avg(self._window) / histories["time"].avg(self._window)
            figures.append(f"{self._batch_size / seconds:.1f} images/s, {waiting:.0f} % waiting for data")
        if torch.cuda.is_available():
            figures.append(f"{torch.cuda.max_memory_allocated() / 2**30:.1f} GiB")
        return figures


class ProjectWriter(EventWriter):
    """Sends all scalars to Weights & Biases or Trackio, whose functions are alike.

    Args:
        package: ``wandb`` or ``trackio``.
        options: what its ``init`` is given.
    """

    def __init__(self, package: Any, **options: Any) -> None:
        self._package = package
        self._written = -1
        with redirect_stdout(sys.stderr):
            package.init(**options)

    def write(self) -> None:
        """Sends what is new."""
        latest = get_event_storage().latest_with_smoothing_hint(20)
        new = {name: value for name, (value, iteration) in latest.items() if iteration > self._written}
        if new:
            self._written = max(iteration for _, iteration in latest.values())
            self._package.log(new, step=self._written)

    def close(self) -> None:
        """Ends the report."""
        with redirect_stdout(sys.stderr):
            self._package.finish()


def check_writers(cfg: CfgNode) -> None:
    """Looks whether the writers of ``LOG.WRITERS`` are installed, before anything is spent.

    Raises:
        UserError: one is not.
    """
    for name, title in {"wandb": "Weights & Biases", "trackio": "Trackio"}.items():
        if name in cfg.LOG.WRITERS:
            need(HOW[name], **{name: f"{title}, which LOG.WRITERS names,"})


def open_writers(cfg: CfgNode, start: int) -> list[EventWriter]:
    """The writers of ``LOG.WRITERS``, for a training that begins or goes on at an iteration."""
    return [_OPEN[name](cfg, start) for name in cfg.LOG.WRITERS]


def _tensorboard(cfg: CfgNode, start: int) -> EventWriter:
    return TensorboardXWriter(cfg.OUTPUT_DIR, purge_step=start)


def _wandb(cfg: CfgNode, start: int) -> EventWriter:
    import wandb

    return ProjectWriter(wandb, dir=cfg.OUTPUT_DIR, resume="allow", **_about(cfg))


def _trackio(cfg: CfgNode, start: int) -> EventWriter:
    """Into ``$TRACKIO_DIR``, by default a folder of the user's that ``trackio show`` looks into."""
    import trackio

    return ProjectWriter(trackio, embed=False, resume="allow" if start else "never", **_about(cfg))


def _about(cfg: CfgNode) -> dict[str, Any]:
    return {"project": cfg.LOG.PROJECT, "name": Path(cfg.OUTPUT_DIR).name, "config": yaml.safe_load(cfg.dump())}


_OPEN: dict[str, Callable[[CfgNode, int], EventWriter]] = {
    "tensorboard": _tensorboard,
    "wandb": _wandb,
    "trackio": _trackio,
}
