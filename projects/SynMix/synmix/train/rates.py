"""How fast a training will be once it runs evenly, and what holds it up: the data or the steps."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import cycle, islice
from statistics import median
from typing import Any

import torch
from detectron2.structures import BitMasks, Boxes
from detectron2.utils.events import EventStorage

from synmix.data.packed_masks import PackedMasks
from synmix.train import memory
from synmix.train.loader import build_loader, raise_failure
from synmix.train.trainer import SynMixTrainer

_ROUNDS = 5  # measured; a round is a batch of each worker, since theirs come in bursts
_FEWEST = 2  # batches of a round
_PATIENCE = 120.0  # seconds after which a measurement makes do with the rounds it has
_NEAR = 1.15  # the data alone must be so much faster than the steps to hold nothing up


@dataclass(frozen=True)
class Rates:
    """Seconds of an iteration, of the slowest process: data and steps as in the training, the data alone, and the steps
    alone on batches that are there already."""

    together: float
    data: float
    compute: float
    workers: int
    #: of one batch's tensors, of this process
    batch_bytes: int

    @property
    def bound(self) -> str:
        """What holds the training up, and the remedy."""
        if not self.workers:
            share = 100 * self.data / (self.data + self.compute)
            return f"{share:.0f} % of it for loading, which DATALOADER.NUM_WORKERS above 0 would do meanwhile"
        if self.data > self.compute:
            return "bound by the data: more DATALOADER.NUM_WORKERS where cores are left, or INPUT.RESIZE opencv"
        if self.data * _NEAR > self.compute:
            return "bound by the steps, the data hardly keeps up"
        return "bound by the steps"


def measure_rates(trainer: SynMixTrainer) -> Rates:
    """Tries real steps from the trainer's first iteration on, and leaves its weights as they were.

    What the workers have prepared before the clock starts would make them look fast: so many batches are dropped first.
    """
    step, cfg = trainer._trainer, trainer.cfg
    workers = cfg.DATALOADER.NUM_WORKERS
    queued = workers * cfg.DATALOADER.PREFETCH
    size = max(workers, _FEWEST)
    before = {name: value.clone() for name, value in trainer.checkpointer.model.state_dict().items()}

    def batches() -> Iterator[Any]:
        return iter(build_loader(cfg, trainer.records, trainer.seed, trainer.start_iter))

    def run_step() -> None:
        step.run_step()
        step.iter += 1

    kept, data = _data_alone(batches(), queued, size)
    memory.reset()
    step.iter = trainer.start_iter
    with EventStorage(trainer.start_iter):
        step._batches = cycle(kept)
        compute = _seconds(run_step, 2, size)
        step._batches = batches()
        together = _seconds(run_step, queued + 2, size)
    step._batches = None
    trainer.checkpointer.model.load_state_dict(before)
    return Rates(together, data, compute, workers, max(map(_bytes, kept)))


def _data_alone(source: Iterator[Any], warm_up: int, size: int) -> tuple[list[Any], float]:
    """Two batches, and the seconds of one."""
    kept = list(islice(source, 2))
    return kept, _seconds(lambda: raise_failure(next(source)), warm_up, size)


def _seconds(action: Callable[[], Any], warm_up: int, size: int) -> float:
    """Seconds of an action, of the slowest process: the median of rounds, after a warm-up. All processes do it equally
    often: a step waits for the others."""
    started = time.perf_counter()
    for _ in range(warm_up):
        action()
    times: list[float] = []
    while len(times) < _ROUNDS and not (times and max(memory.of_all(time.perf_counter() - started)) > _PATIENCE):
        _synchronise()
        begun = time.perf_counter()
        for _ in range(size):
            action()
        _synchronise()
        times.append((time.perf_counter() - begun) / size)
    return max(memory.of_all(median(times)))


def _synchronise() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def _bytes(batch: list[dict[str, Any]]) -> int:
    """Bytes of all tensors of a batch, as workers hand them over."""
    tensors = []
    for record in batch:
        tensors.append(record.get("image"))
        for value in record["instances"].get_fields().values() if "instances" in record else ():
            if isinstance(value, PackedMasks):
                tensors.append(value.numbers)
            elif isinstance(value, Boxes | BitMasks):
                tensors.append(value.tensor)
            else:
                tensors.append(value)
    return sum(tensor.nbytes for tensor in tensors if isinstance(tensor, torch.Tensor))
