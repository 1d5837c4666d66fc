"""One training step: forward, backward, a look at what came out, update.

Legend: K loss terms, W processes, A parts (``SOLVER.ACCUMULATE``) that a process splits its images into.
"""

import logging
import math
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
import torch.distributed as dist
from detectron2.engine import SimpleTrainer, TrainerBase
from detectron2.utils import comm
from detectron2.utils.events import get_event_storage
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from synmix.errors import UserError
from synmix.train import memory
from synmix.train.later import log_now
from synmix.train.loader import raise_failure
from synmix.train.sampler import step_seed

logger = logging.getLogger(__name__)

_MIN_SCALE = 2.0**-10  # an AMP scale below this means that no scale keeps the gradients finite


class TrainingDiverged(UserError):
    """A loss or gradient is infinite or not a number; no process has updated its weights with it."""


class GuardedStep(SimpleTrainer):
    """Detectron2's ``SimpleTrainer`` and ``AMPTrainer`` in one, on GPU or CPU.

    The model's own randomness is drawn anew from (seed, iteration, part) in every step, so that a step depends on
    nothing that happened before it but the weights. Processes x parts is all that matters: one process with two parts
    trains as two processes do.

    Args:
        accumulate: A.
        amp: what mixed precision multiplies in; None for none. Only float16, of small range, has its losses scaled.
        seed: of the model's randomness.
        data_sets: names whose images are counted.
    """

    def __init__(
        self,
        model: nn.Module,
        optimizer: torch.optim.Optimizer,
        *,
        accumulate: int = 1,
        amp: torch.dtype | None = None,
        seed: int = 0,
        data_sets: Sequence[str] = (),
    ) -> None:
        TrainerBase.__init__(self)
        model.train()
        self.model = model
        self.optimizer = optimizer
        #: Endless batches; may be set until the first step.
        self.data_loader: Any = None
        self.accumulate = accumulate
        self.amp = amp
        self.seed = seed
        device = next(model.parameters()).device
        self.scaler = torch.amp.GradScaler(device.type, enabled=amp == torch.float16)
        self.device = device
        #: Images seen of each data set, by all processes.
        self.seen = dict.fromkeys(data_sets, 0)
        #: Images that could not be read and were replaced, by all processes.
        self.replaced = 0
        #: Set by a signal handler of any process; all agree on it at the end of a step.
        self.stop_requested = False
        self.stop_agreed = False
        self._batches: Iterator[list[dict[str, Any]]] | None = None

    def request_stop(self) -> None:
        """Asks all processes to stop after this step."""
        self.stop_requested = True

    def run_step(self) -> None:
        """Trains on one batch.

        Raises:
            TrainingDiverged: on all processes alike, before the update; names the images.
            UserError: an image cannot be read.
        """
        started = time.perf_counter()
        batch = self._next_batch()
        data_time = time.perf_counter() - started
        self.optimizer.zero_grad()
        names, losses = self._backward(batch)
        norm = gradient_norm(self.model)
        report = self._exchange(losses, norm, batch, data_time)
        self._check_finite(names, report, batch)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self._record(names, report)

    def _next_batch(self) -> list[dict[str, Any]]:
        if self._batches is None:
            self._batches = iter(self.data_loader)
        batch = next(self._batches)
        raise_failure(batch)
        for record in batch:
            for problem in record.get("replaces", ()):
                logger.warning("replaced by another image of its data set: %s", problem)
        return batch

    def _backward(self, batch: list[dict[str, Any]]) -> tuple[list[str], torch.Tensor]:
        """Names and (A, K) values of the losses; the gradients are left in the parameters."""
        size = len(batch) // self.accumulate
        names: list[str] = []
        values = []
        for part in range(self.accumulate):
            images = batch[part * size : (part + 1) * size]
            torch.manual_seed(step_seed(self.seed, self.iter, comm.get_rank() * self.accumulate + part))
            with self._synchronise(last=part == self.accumulate - 1):
                losses = self._forward(images)
                names = list(losses)
                total = sum(losses.values()) / self.accumulate
                self.scaler.scale(total).backward()
            values.append(torch.stack([losses[name].detach().float() for name in names]))
        return names, torch.stack(values)

    def _forward(self, images: list[dict[str, Any]]) -> Any:
        try:
            with torch.autocast(self.device.type, self.amp, enabled=self.amp is not None):
                return self.model(images)
        except FloatingPointError as error:  # Detectron2's region proposals look at their boxes, before the losses
            names = ", ".join(_name(record) for record in images)
            raise TrainingDiverged(
                f"{str(error).rstrip('.')} in iteration {self.iter}; nothing was updated. Look at these images, or "
                f"lower SOLVER.BASE_LR: {names}."
            ) from None

    def _synchronise(self, last: bool) -> AbstractContextManager[None]:
        """Gradients travel between processes once a step, with its last part."""
        return nullcontext() if last or not isinstance(self.model, DistributedDataParallel) else self.model.no_sync()

    def _exchange(
        self, losses: torch.Tensor, norm: torch.Tensor, batch: list[dict[str, Any]], data_time: float
    ) -> torch.Tensor:
        """What every process reports, (W, A*K + 5 + data sets) float64 on the CPU: losses, gradient norm, data time,
        wish to stop, replaced images, peak GiB, images of each data set. One small transfer, instead of one for each
        loss."""
        counts = [sum(record.get("dataset") == name for record in batch) for name in self.seen]
        replaced = sum(len(record.get("replaces", ())) for record in batch)
        rest = torch.tensor(
            [data_time, float(self.stop_requested), replaced, memory.peak(), *counts], dtype=torch.float64
        )
        own = torch.cat([losses.flatten(), norm.reshape(1).to(losses)])
        if comm.get_world_size() == 1:
            return torch.cat([own.cpu().double(), rest])[None]
        own = torch.cat([own.double(), rest.to(own.device)])
        gathered = [torch.empty_like(own) for _ in range(comm.get_world_size())]
        dist.all_gather(gathered, own)
        return torch.stack(gathered).cpu()

    def _check_finite(self, names: list[str], report: torch.Tensor, batch: list[dict[str, Any]]) -> None:
        count = len(names) * self.accumulate
        losses, norms = report[:, :count], report[:, count]
        scaling = self.scaler.is_enabled()  # then infinite gradients are expected: the scaler skips the update
        hopeless = scaling and self.scaler.get_scale() < _MIN_SCALE
        if torch.isfinite(losses).all() and (torch.isfinite(norms).all() or (scaling and not hopeless)):
            return
        means = losses.view(-1, self.accumulate, len(names)).mean(dim=(0, 1)).tolist()
        bad = [f"{name} {value:g}" for name, value in zip(names, means, strict=True) if not math.isfinite(value)]
        guilty = not torch.isfinite(losses[comm.get_rank()]).all()
        suspects = self._suspects(batch, bool(guilty or not bad))
        raise TrainingDiverged(
            f"{', '.join(bad) or 'the gradient'} became infinite or not a number in iteration {self.iter}; nothing was "
            f"updated. Look at these images, or lower SOLVER.BASE_LR: {', '.join(suspects)}."
        )

    @staticmethod
    def _suspects(batch: list[dict[str, Any]], guilty: bool) -> list[str]:
        files = [_name(record) for record in batch] if guilty else []
        return [name for part in comm.all_gather(files) for name in part]

    def _record(self, names: list[str], report: torch.Tensor) -> None:
        count = len(names) * self.accumulate
        means = report[:, :count].view(-1, self.accumulate, len(names)).mean(dim=(0, 1)).tolist()
        data_time, stop, replaced, peak = report[:, count + 1 : count + 5].unbind(1)
        self.stop_agreed = bool(stop.any())
        self.replaced += int(replaced.sum())
        for name, images in zip(self.seen, report[:, count + 5 :].sum(0).tolist(), strict=True):
            self.seen[name] += int(images)
        if not comm.is_main_process():
            return
        storage = get_event_storage()
        storage.put_scalar("data_time", data_time.max().item())
        storage.put_scalar("memory/training", peak.max().item(), smoothing_hint=False)
        storage.put_scalar("total_loss", sum(means))
        storage.put_scalars(**dict(zip(names, means, strict=True)))
        norm = report[0, count].item() / self.scaler.get_scale()
        if math.isfinite(norm):
            storage.put_scalar("gradient_norm", norm)
        log_now()
        for name, images in self.seen.items():
            storage.put_scalar(f"images/{name}", images, smoothing_hint=False)

    def state_dict(self) -> dict[str, Any]:
        """Optimizer, AMP scale and counts, as plain values and tensors."""
        return {
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.scaler.state_dict(),
            "seen": dict(self.seen),
            "replaced": self.replaced,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Goes back to a saved state. A run saved without a scale (no AMP, or bfloat16) goes on with a fresh one."""
        self.optimizer.load_state_dict(state_dict["optimizer"])
        if state_dict["scaler"]:
            self.scaler.load_state_dict(state_dict["scaler"])
        self.seen.update(state_dict["seen"])
        self.replaced = state_dict["replaced"]


def gradient_norm(model: nn.Module) -> torch.Tensor:
    """The 2-norm of all gradients, a scalar on their device; not finite where any gradient is not."""
    gradients = [parameter.grad for parameter in model.parameters() if parameter.grad is not None]
    return torch.linalg.vector_norm(torch.stack(torch._foreach_norm(gradients)))


def _name(record: dict[str, Any]) -> str:
    return str(record.get("file_name", record.get("image_id")))
