"""Where a training step's time goes, and where it makes the host wait: Detectron2's own step beside ours.

The model of configs/cityscapes.yaml (or ``--toy``: the miniature's) on noise with 18 rectangles an image, as
benchmarks/train_gpu.py has it. Processor time on a CPU, the clock's on a GPU. *Waits* are operations whose result the
host must know before it goes on (``item``, ``nonzero``, boolean indices, ``unique``, NMS): each drains a GPU's queue.
On a CPU those on float64 are left out: only what has come to the host already is of that type.

    OMP_NUM_THREADS=1 uv run benchmarks/step_profile.py --device cpu --batch 1 --steps 2
    uv run benchmarks/step_profile.py                                       # on a GPU
"""

import statistics
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import synmix.before_detectron2  # noqa: F401

import torch
from results import Table, add_json, write_results
from torch.utils._python_dispatch import TorchDispatchMode
from train_gpu import Batches, calibrate

from synmix.cli.parser import argument_parser
from synmix.errors import run_tool

_PARTS = ("copies", "backbone", "proposals", "boxes", "masks", "backward", "update", "rest")
_VARIANTS = ("stock", "ours")
_WAITING = {"_local_scalar_dense", "nonzero", "masked_select", "equal", "_unique2", "unique_dim", "nms"}
_INDEXING = {"index", "index_put", "index_put_", "_index_put_impl_"}


class Parts:
    """Seconds of each part of a step, innermost first: what a part calls is not counted twice."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.seconds = dict.fromkeys(_PARTS, 0.0)
        self._within: list[list[Any]] = []

    def wrap(self, function: Callable, part: str) -> Callable:
        """The same function, its time noted."""

        def timed(*arguments: Any, **named: Any) -> Any:
            self._within.append([self._clock(), 0.0])
            try:
                return function(*arguments, **named)
            finally:
                started, inner = self._within.pop()
                took = self._clock() - started
                self.seconds[part] += took - inner
                if self._within:
                    self._within[-1][1] += took

        return timed


class Waits(TorchDispatchMode):
    """Counts the operations that make the host wait, by the line of Detectron2 or SynMix that asks for them."""

    def __init__(self) -> None:
        super().__init__()
        self.places: Counter[str] = Counter()

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = function._schema.name.split("::")[1]
        indices = args[1] if name in _INDEXING else ()
        asks = name in _WAITING or any(index is not None and index.dtype == torch.bool for index in indices)
        if asks and not (isinstance(args[0], torch.Tensor) and args[0].dtype == torch.float64):
            frames = [f for f in traceback.extract_stack() if "detectron2" in f.filename or "synmix/" in f.filename]
            self.places[f"{Path(frames[-1].filename).name} {frames[-1].name}"] += 1
        return function(*args, **(kwargs or {}))


def main() -> None:
    """Prints a table of parts, and one of waits."""
    parser = argument_parser(__doc__)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--batch", type=int, default=2)
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--size", type=int, nargs=2, default=[1024, 2048], metavar=("HEIGHT", "WIDTH"))
    parser.add_argument("--toy", action="store_true", help="the miniature's model on 128 x 256")
    add_json(parser)
    arguments = parser.parse_args()
    size = (128, 256) if arguments.toy else tuple(arguments.size)
    found = {name: _profile(name, arguments, size) for name in _VARIANTS}
    titles = {"part": "", **dict.fromkeys((f"{name}, ms" for name in found), "{:.1f}")}
    parts = Table(titles, [[part, *(1000 * seconds[part] for seconds, _ in found.values())] for part in _PARTS])
    parts.rows.append(["all", *(1000 * sum(seconds.values()) for seconds, _ in found.values())])
    places = Counter[str]()
    for _, counted in found.values():
        places |= counted
    titles = {"where": "", **dict.fromkeys(found, "{:.0f}")}
    waits = Table(titles, [[place, *(counted[place] for _, counted in found.values())] for place in places])
    waits.rows.sort(key=lambda row: -int(row[-1] or 0))
    waits.rows.append(["all", *(counted.total() for _, counted in found.values())])
    print(f"\n{arguments.batch} images of {size[0]} x {size[1]} on {arguments.device}\n\n{parts.markdown()}\n")
    print(waits.markdown())
    write_results(arguments, {"parts": parts, "waits": waits})


def _profile(name: str, arguments: Any, size: tuple[int, int]) -> tuple[dict[str, float], Counter[str]]:
    from detectron2.engine import SimpleTrainer
    from detectron2.solver import build_optimizer as build_sgd
    from detectron2.utils.events import EventStorage

    from synmix.config import build_model, load_config
    from synmix.train.step import GuardedStep
    from synmix.train.trainer import SynMixTrainer

    stock = name == "stock"
    config = Path(__file__).parents[1] / "configs" / ("mini.yaml" if arguments.toy else "cityscapes.yaml")
    keys = ["MODEL.WEIGHTS", "", "MODEL.DEVICE", arguments.device, "SOLVER.IMS_PER_BATCH", arguments.batch]
    keys += ["SOLVER.BASE_LR", 1e-3, "SPEED.CHANNELS_LAST", False, "SPEED.PACKED_MASKS", not stock]
    cfg = load_config(config, [*keys, *(["MODEL.ROI_MASK_HEAD.NAME", "PointRendMaskHead"] if stock else [])])
    torch.manual_seed(0)
    batches = Batches(arguments.batch, size, cfg.SPEED.PACKED_MASKS)
    model = build_model(cfg) if stock else SynMixTrainer.build_model(cfg)
    calibrate(model, next(iter(batches))[:1])
    optimizer = build_sgd(cfg, model) if stock else SynMixTrainer.build_optimizer(cfg, model)
    step = SimpleTrainer(model, batches, optimizer) if stock else GuardedStep(model, optimizer)
    step.data_loader = batches
    parts = Parts(_clock(arguments.device))
    rounds: list[dict[str, float]] = []
    with _watched(step, parts), EventStorage() as storage:
        for step.iter in range(arguments.steps + 1):
            storage.iter = step.iter
            parts.seconds = dict.fromkeys(_PARTS, 0.0)
            step.run_step()
            rounds.append(parts.seconds)
        with Waits() as waits:
            step.run_step()
    kept = rounds[1:] or rounds
    return {part: statistics.median(one[part] for one in kept) for part in _PARTS}, waits.places


@contextmanager
def _watched(step: Any, parts: Parts) -> Iterator[None]:
    """The parts' clocks around a step's modules."""
    model = step.model
    heads = model.roi_heads
    model.preprocess_image = parts.wrap(model.preprocess_image, "copies")
    for module, part in (
        (model.backbone, "backbone"),
        (model.proposal_generator, "proposals"),
        (heads, "boxes"),
        (heads.mask_head, "masks"),
    ):
        module.forward = parts.wrap(module.forward, part)
    step.optimizer.step = parts.wrap(step.optimizer.step, "update")
    step.run_step = parts.wrap(step.run_step, "rest")
    backward = torch.Tensor.backward
    torch.Tensor.backward = parts.wrap(backward, "backward")  # type: ignore[method-assign]
    try:
        yield
    finally:
        torch.Tensor.backward = backward  # type: ignore[method-assign]


def _clock(device: str) -> Callable[[], float]:
    if not device.startswith("cuda"):
        return time.process_time

    def synchronised() -> float:
        torch.cuda.synchronize()
        return time.perf_counter()

    return synchronised


if __name__ == "__main__":
    run_tool(main)
