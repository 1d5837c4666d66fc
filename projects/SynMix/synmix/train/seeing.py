"""What a person sees of a training: a progress line, pictures of what goes in and what comes out."""

import logging
import time
from pathlib import Path
from typing import Any

import torch
from detectron2.config import CfgNode
from detectron2.engine import HookBase
from detectron2.utils.events import EventStorage, EventWriter, get_event_storage

from synmix.progress import console

logger = logging.getLogger(__name__)


class ProgressLine(EventWriter):
    """One line of metrics: iteration, time left, losses, learning rate, images a second, waiting for data, memory.

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

    def write(self) -> None:
        """Prints the line of this iteration, once."""
        storage = get_event_storage()
        if storage.iter == self._written or storage.iter >= self._max_iter:
            return
        self._written = storage.iter
        console.print(self._line(storage), highlight=False)

    def _line(self, storage: EventStorage) -> str:
        histories = storage.histories()
        seconds = histories["time"].avg(self._window) if "time" in histories else 0.0
        left = time.strftime("%H:%M:%S", time.gmtime(seconds * (self._max_iter - storage.iter - 1)))
        parts = [f"iteration {storage.iter + 1}/{self._max_iter}", f"left {left}"]
        names = ["total_loss", *(name for name in histories if name.startswith("loss_"))]
        parts += [f"{name} {histories[name].median(self._window):.3f}" for name in names if name in histories]
        if "lr" in histories:
            parts.append(f"lr {histories['lr'].latest():.2g}")
        if seconds:
            waiting = 100 * histories["data_time"].avg(self._window) / seconds
            parts.append(f"{self._batch_size / seconds:.1f} images/s, {waiting:.0f} % waiting for data")
        if torch.cuda.is_available():
            parts.append(f"{torch.cuda.max_memory_allocated() / 2**30:.1f} GiB")
        return "  ".join(parts)


class Pictures(HookBase):
    """Placeholder until the drawing lands below."""

    def __init__(self, cfg: CfgNode) -> None:
        self._cfg = cfg


class WandbWriter(EventWriter):
    """Sends all scalars to Weights & Biases; needs the extra ``wandb``."""

    def __init__(self, cfg: CfgNode) -> None:
        from synmix.errors import UserError

        try:
            import wandb
        except ImportError:
            raise UserError(
                "LOG.WANDB_PROJECT is set but wandb is not installed: pip install 'synmix[wandb]'."
            ) from None
        self._run = wandb.init(project=cfg.LOG.WANDB_PROJECT, dir=cfg.OUTPUT_DIR, config=dict(cfg), resume="allow")
        self._written = -1

    def write(self) -> None:
        """Sends what is new."""
        latest = get_event_storage().latest_with_smoothing_hint(20)
        new = {name: value for name, (value, iteration) in latest.items() if iteration > self._written}
        if new:
            self._written = max(iteration for _, iteration in latest.values())
            self._run.log(new, step=self._written)

    def close(self) -> None:
        """Ends the report."""
        self._run.finish()


def _unused(path: Path) -> Any:
    return path
