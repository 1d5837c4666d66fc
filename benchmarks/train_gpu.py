"""The paper's training against Detectron2's own trainer on a GPU: images a second, memory, and equal losses.

Random images of the right size, R50-FPN PointRend, weights from the seed. The variants train one after the other from
the same weights on the same images: have the GPU to yourself. Medians, the first quarter of the iterations left out.

    python benchmarks/train_gpu.py --iterations 200 --batch 2 8
    python benchmarks/train_gpu.py --device cpu --iterations 4 --batch 2 --toy      # does it run?
"""

import argparse
import statistics
import time
from pathlib import Path
from typing import Any

from synmix.errors import UserError, run_tool

#: variant -> config keys; "stock" is Detectron2's own trainer and mask format
VARIANTS: dict[str, list[Any]] = {
    "stock": [],
    "ours": [],
    "packed masks": ["SPEED.PACKED_MASKS", True],
    "channels last": ["SPEED.CHANNELS_LAST", True],
    "TF32": ["SPEED.TF32", True],
    "cudnn benchmark": ["CUDNN_BENCHMARK", True],
    "AMP": ["SOLVER.AMP.ENABLED", True],
    "compiled backbone": ["SPEED.COMPILE_BACKBONE", True],
    "packed, TF32, AMP, channels last": [
        *("SPEED.PACKED_MASKS", True, "SPEED.TF32", True),
        *("SOLVER.AMP.ENABLED", True, "SPEED.CHANNELS_LAST", True),
    ],
}
_INSTANCES = 18  # labels of a Cityscapes image: 54,060 of 2,975 (paper 4.1)


def main() -> None:
    """Prints a table for each batch size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--iterations", type=int, default=200)
    parser.add_argument("--batch", type=int, nargs="+", default=[2, 8])
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--toy", action="store_true", help="the miniature's model on small images")
    parser.add_argument("--variants", nargs="+", default=list(VARIANTS), choices=VARIANTS, metavar="NAME")
    arguments = parser.parse_args()
    import torch

    if arguments.device == "cuda" and not torch.cuda.is_available():
        raise UserError("this machine has no usable GPU; --device cpu --toy only shows that the script runs.")
    for batch in arguments.batch:
        _compare(arguments, batch)


def _compare(arguments: argparse.Namespace, batch: int) -> None:
    results = {name: _measure(arguments, name, batch) for name in arguments.variants}
    first = next(iter(results.values()))
    print(f"\nbatch {batch}, {arguments.iterations} iterations on {arguments.device}")
    print(f"{'':36}{'images/s':>10}{'x':>7}{'GiB':>7}{'loss, first 20':>16}{'last 20':>10}")
    for name, (seconds, memory, losses) in results.items():
        early, late = statistics.mean(losses[:20]), statistics.mean(losses[-20:])
        speed, gain = batch / seconds, first[0] / seconds
        print(f"{name:36}{speed:10.2f}{gain:7.2f}{memory:7.1f}{early:16.4f}{late:10.4f}")


def _measure(arguments: argparse.Namespace, name: str, batch: int) -> tuple[float, float, list[float]]:
    """Median seconds of an iteration, peak GiB, and the losses of all iterations."""
    import torch
    from detectron2.engine import AMPTrainer, SimpleTrainer
    from detectron2.solver import build_optimizer
    from detectron2.utils.events import EventStorage

    from synmix.config import build_model, load_config
    from synmix.train.run import speed_settings
    from synmix.train.step import GuardedStep
    from synmix.train.trainer import SynMixTrainer

    config = Path(__file__).parents[1] / "configs" / ("mini.yaml" if arguments.toy else "cityscapes.yaml")
    options = ["MODEL.WEIGHTS", "", "MODEL.DEVICE", arguments.device, "SOLVER.IMS_PER_BATCH", batch]
    cfg = load_config(config, [*options, "SOLVER.BASE_LR", 1e-4, *VARIANTS[name]])
    torch.manual_seed(0)
    stock = name == "stock"
    model = build_model(cfg) if stock else SynMixTrainer.build_model(cfg)
    optimizer = build_optimizer(cfg, model)
    batches = _Batches(batch, (128, 256) if arguments.toy else (1024, 2048), cfg.SPEED.PACKED_MASKS)
    if stock:
        trainer = (AMPTrainer if cfg.SOLVER.AMP.ENABLED else SimpleTrainer)(model, batches, optimizer)
    else:
        trainer = GuardedStep(model, optimizer, amp=cfg.SOLVER.AMP.ENABLED)
        trainer.data_loader = batches
    on_gpu = arguments.device == "cuda"
    if on_gpu:
        torch.cuda.reset_peak_memory_stats()
    times, losses = [], []
    with speed_settings(cfg), EventStorage() as storage:
        for trainer.iter in range(arguments.iterations):
            storage.iter = trainer.iter
            started = time.perf_counter()
            trainer.run_step()
            if on_gpu:
                torch.cuda.synchronize()
            times.append(time.perf_counter() - started)
            losses.append(storage.latest()["total_loss"][0])
    memory = torch.cuda.max_memory_allocated() / 2**30 if on_gpu else 0.0
    return statistics.median(times[len(times) // 4 :]), memory, losses


class _Batches:
    """Endless batches of noise with bright rectangles for instances; the same for every variant."""

    def __init__(self, batch: int, size: tuple[int, int], packed: bool) -> None:
        self.batch, self.size, self.packed = batch, size, packed

    def __iter__(self) -> Any:
        import torch

        generator = torch.Generator().manual_seed(0)
        pool = [self._record(generator) for _ in range(2 * self.batch)]
        while True:
            for first in (0, self.batch):
                yield pool[first : first + self.batch]

    def _record(self, generator: Any) -> dict[str, Any]:
        import torch
        from detectron2.structures import BitMasks, Boxes, Instances

        from synmix.data.mapper import PackedMasks

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
