"""The paper's training against Detectron2's own trainer: images a second, peak memory, and the losses.

The real model (R50-FPN PointRend of configs/cityscapes.yaml) on random images of the real size. Every variant trains in
a process of its own, from the same weights on the same images: have the machine to yourself. Medians, the first quarter
of the iterations left out; on a CPU the memory is the whole process's.

    uv run benchmarks/train_gpu.py --iterations 200 --batch 2 8
    uv run benchmarks/train_gpu.py --device cpu --batch 1 --iterations 3 --variants stock ours "packed masks"
    uv run benchmarks/train_gpu.py --device cpu --batch 2 --iterations 4 --toy      # does it run?
"""

import gc
import math
import multiprocessing
import statistics
import time
import warnings
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import synmix.before_detectron2  # noqa: F401

from results import Table, add_json, write_results

from synmix.cli.parser import argument_parser
from synmix.errors import UserError, run_tool

_AMP16 = ["SOLVER.AMP.ENABLED", True, "SOLVER.AMP.DTYPE", "float16"]
_AMPB16 = ["SOLVER.AMP.ENABLED", True, "SOLVER.AMP.DTYPE", "bfloat16"]
_PACKED = ["SPEED.PACKED_MASKS", True]
_CHANNELS = ["SPEED.CHANNELS_LAST", True]
#: variant -> config keys; "stock" is Detectron2's own trainer and mask format under PyTorch's own settings
VARIANTS: dict[str, list[Any]] = {
    "stock": [],
    "stock, AMP float16": _AMP16,
    "ours": [],
    "packed masks": _PACKED,
    "channels last": _CHANNELS,
    "TF32 nowhere": ["SPEED.TF32", False],
    "TF32 everywhere": ["SPEED.TF32", True],
    "cudnn benchmark": ["CUDNN_BENCHMARK", True],
    "AMP float16": _AMP16,
    "AMP bfloat16": _AMPB16,
    "compiled backbone": ["SPEED.COMPILE_BACKBONE", True],
    "packed, TF32 everywhere": [*_PACKED, "SPEED.TF32", True],
    "packed, AMP float16, channels last": [*_PACKED, *_AMP16, *_CHANNELS],
    "packed, AMP bfloat16, channels last": [*_PACKED, *_AMPB16, *_CHANNELS],
}
_INSTANCES = 18  # labels of a Cityscapes image: 54,060 of 2,975 (paper 4.1)


@dataclass(frozen=True)
class Setting:
    """What one process measures."""

    name: str
    batch: int
    iterations: int
    device: str
    toy: bool
    size: tuple[int, int]

    @property
    def stock(self) -> bool:
        """Whether Detectron2's own trainer runs it."""
        return self.name.startswith("stock")


@dataclass(frozen=True)
class Measured:
    """Seconds and total loss of each iteration, and the peak memory in GiB."""

    times: list[float]
    losses: list[float]
    memory: float

    @property
    def seconds(self) -> float:
        """Of an iteration: the median without the first quarter."""
        return statistics.median(self.times[len(self.times) // 4 :])


def main() -> None:
    """Prints a table for each batch size."""
    parser = argument_parser(__doc__)
    parser.add_argument("--iterations", type=int, default=200)
    parser.add_argument("--batch", type=int, nargs="+", default=[2, 8])
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--size", type=int, nargs=2, default=[1024, 2048], metavar=("HEIGHT", "WIDTH"))
    parser.add_argument("--toy", action="store_true", help="the miniature's model on 128 x 256")
    parser.add_argument("--variants", nargs="+", default=list(VARIANTS), choices=VARIANTS, metavar="NAME")
    add_json(parser)
    arguments = parser.parse_args()
    import torch

    if arguments.device.startswith("cuda") and not torch.cuda.is_available():
        raise UserError("this machine has no usable GPU; give --device cpu.")
    size = (128, 256) if arguments.toy else tuple(arguments.size)
    tables = {}
    for batch in arguments.batch:
        rest = (batch, arguments.iterations, arguments.device, arguments.toy, size)
        tables[f"batch{batch}"] = _compare([Setting(name, *rest) for name in arguments.variants])
    on_gpu = arguments.device.startswith("cuda")
    write_results(arguments, tables, **({"gpu": torch.cuda.get_device_name()} if on_gpu else {}))


def _compare(settings: list[Setting]) -> Table:
    first = settings[0]
    print(
        f"\nbatch {first.batch} of {first.size[0]} x {first.size[1]}, {first.iterations} iterations on {first.device}"
    )
    print(f"{'':36}{'images/s':>10}{'x':>7}{'GiB':>7}{'loss, first 20':>16}{'last 20':>10}", flush=True)
    figures = {"images/s": "{:.3f}", "x": "{:.2f}", "GiB": "{:.1f}", "loss, first 20": "{:.4f}", "last 20": "{:.4f}"}
    table = Table({"variant": "", **figures})
    base: float | None = None
    for setting in settings:
        found = _alone(setting)
        if isinstance(found, str):
            print(f"{setting.name:36}  {found}", flush=True)
            table.rows.append([setting.name, found, *[None] * 4])
            continue
        base = base or found.seconds
        early, late = statistics.mean(found.losses[:20]), statistics.mean(found.losses[-20:])
        speed, gain = setting.batch / found.seconds, base / found.seconds
        print(f"{setting.name:36}{speed:10.3f}{gain:7.2f}{found.memory:7.1f}{early:16.4f}{late:10.4f}", flush=True)
        table.rows.append([setting.name, speed, gain, found.memory, early, late])
    if not base:
        raise UserError("no variant came to its end.")
    return table


def _alone(setting: Setting) -> Measured | str:
    """Measures in a new process, so that neither peak memory nor caches are another variant's; or why it could not."""
    if setting.stock and "SOLVER.AMP.ENABLED" in VARIANTS[setting.name] and not setting.device.startswith("cuda"):
        return "Detectron2's AMP needs a GPU"
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        try:
            return pool.submit(_measure, setting).result()
        except BrokenProcessPool:
            return "its process was killed: too little memory?"
        except (RuntimeError, UserError, FloatingPointError) as error:
            return str(error).splitlines()[0]


def _measure(setting: Setting) -> Measured:
    warnings.simplefilter("ignore")  # Detectron2's old ways
    import torch
    from detectron2.engine import AMPTrainer, SimpleTrainer
    from detectron2.solver import build_optimizer
    from detectron2.utils.events import EventStorage

    from synmix.config import build_model, load_config
    from synmix.train import memory
    from synmix.train.speed import amp_dtype, speed_settings
    from synmix.train.step import GuardedStep
    from synmix.train.trainer import SynMixTrainer

    config = Path(__file__).parents[1] / "configs" / ("mini.yaml" if setting.toy else "cityscapes.yaml")
    options = ["MODEL.WEIGHTS", "", "MODEL.DEVICE", setting.device, "SOLVER.IMS_PER_BATCH", setting.batch]
    cfg = load_config(config, [*options, "SOLVER.BASE_LR", 1e-3, "SPEED.PACKED_MASKS", False, *VARIANTS[setting.name]])
    amp = cfg.SOLVER.AMP.ENABLED
    torch.manual_seed(0)
    batches = Batches(setting.batch, setting.size, cfg.SPEED.PACKED_MASKS)
    with speed_settings(cfg), EventStorage() as storage:
        model = build_model(cfg) if setting.stock else SynMixTrainer.build_model(cfg)
        calibrate(model, next(iter(batches))[:1])
        optimizer = build_optimizer(cfg, model)
        if setting.stock:
            trainer = (AMPTrainer if amp else SimpleTrainer)(model, batches, optimizer)
        else:
            trainer = GuardedStep(model, optimizer, amp=amp_dtype(cfg))
            trainer.data_loader = batches
        gc.collect()
        memory.reset()
        times, losses = [], []
        for trainer.iter in range(setting.iterations):
            storage.iter = trainer.iter
            started = time.perf_counter()
            trainer.run_step()
            if setting.device.startswith("cuda"):
                torch.cuda.synchronize()
            times.append(time.perf_counter() - started)
            losses.append(storage.latest()["total_loss"][0])
    if not all(map(math.isfinite, losses)):
        raise UserError(f"the losses left the finite: {losses}")
    return Measured(times, losses, memory.peak())


def calibrate(model: Any, records: list[dict[str, Any]]) -> None:
    """Gives each frozen norm the statistics of what enters it, layer by layer.

    Trained weights come with such statistics. Random ones come with mean 0 and variance 1, so that every residual block
    adds to the one before, and the first losses are beyond what a step can bear. The numbers in the norms change no
    arithmetic: the same layers are frozen, and a step computes and keeps what it does from ImageNet's weights."""
    import torch
    from detectron2.layers import FrozenBatchNorm2d

    def take(norm: FrozenBatchNorm2d, inputs: tuple[torch.Tensor]) -> None:
        norm.running_mean.copy_(inputs[0].mean((0, 2, 3)))
        norm.running_var.copy_(inputs[0].var((0, 2, 3)))

    norms = [module for module in model.modules() if isinstance(module, FrozenBatchNorm2d)]
    handles = [norm.register_forward_pre_hook(take) for norm in norms]
    cropped = [{"image": record["image"][:, :256, :512]} for record in records]
    with torch.no_grad():
        model.backbone.forward(model.preprocess_image(cropped).tensor)  # not called: that would compile the hooks too
    for handle in handles:
        handle.remove()


class Batches:
    """Endless batches of noise with bright rectangles for instances; the same for every variant."""

    def __init__(self, batch: int, size: tuple[int, int], packed: bool) -> None:
        self.batch, self.size, self.packed = batch, size, packed

    def __iter__(self) -> Iterator[list[dict[str, Any]]]:
        import torch

        generator = torch.Generator().manual_seed(0)
        pool = [self._record(generator) for _ in range(2 * self.batch)]
        while True:
            for first in (0, self.batch):
                yield pool[first : first + self.batch]

    def _record(self, generator: Any) -> dict[str, Any]:
        import torch
        from detectron2.structures import BitMasks, Boxes, Instances

        from synmix.data.packed_masks import PackedMasks

        height, width = self.size
        image = torch.randint(0, 128, (3, height, width), generator=generator, dtype=torch.uint8)
        numbers, boxes, classes = torch.zeros(height, width, dtype=torch.uint8), [], []
        for number in range(1, _INSTANCES + 1):  # a column of its own each, so that none hides another
            left, right = (number - 1) * width // _INSTANCES, number * width // _INSTANCES - 1
            top = int(torch.randint(0, height // 2, (1,), generator=generator))
            bottom = top + int(torch.randint(8, height // 2, (1,), generator=generator))
            numbers[top:bottom, left:right] = number
            image[:, top:bottom, left:right] += 100
            boxes.append([left, top, right, bottom])
            classes.append(number % 8)
        instances = Instances(self.size)
        instances.gt_boxes = Boxes(torch.tensor(boxes, dtype=torch.float32))
        instances.gt_classes = torch.tensor(classes)
        packed = PackedMasks(numbers, torch.arange(1, _INSTANCES + 1))
        instances.gt_masks = packed if self.packed else BitMasks(packed.to("cpu").tensor)
        return {"image": image, "instances": instances, "height": height, "width": width, "image_id": "noise"}


if __name__ == "__main__":
    run_tool(main)
