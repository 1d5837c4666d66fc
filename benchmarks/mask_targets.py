"""The mask targets of a training step beside Detectron2's: time and peak memory, from masks to targets.

That is: to the device, picked for the 512 sampled proposals and again for the 128 in the foreground, 7 x 7 coarse
targets, labels of 196 points each. Drawn ellipses for instances; proposals that overlap them. The variants take turns.

    OMP_NUM_THREADS=1 uv run benchmarks/mask_targets.py --rounds 5
    uv run benchmarks/mask_targets.py --device cuda --rounds 50
"""

import argparse
import ctypes
import os
import statistics
import time
from dataclasses import dataclass
from typing import Any

import synmix.before_detectron2  # noqa: F401

from results import Table, add_json, write_results

from synmix.cli.parser import argument_parser
from synmix.errors import UserError, run_tool

_PROPOSALS, _FOREGROUND, _POINTS, _SIDE = 512, 128, 196, 7  # Detectron2's and PointRend's defaults


@dataclass(frozen=True)
class Measured:
    """What one round took: milliseconds and MiB above what was there before."""

    milliseconds: float
    memory: float


def main() -> None:
    """Prints a table for each number of instances."""
    parser = argument_parser(__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--size", type=int, nargs=2, default=[1024, 2048], metavar=("HEIGHT", "WIDTH"))
    parser.add_argument("--instances", type=int, nargs="+", default=[15, 48])
    add_json(parser)
    arguments = parser.parse_args()
    if not arguments.device.startswith("cuda"):
        os.environ["CUDA_VISIBLE_DEVICES"] = ""  # the process's memory counts, not a GPU's
    import torch

    if arguments.device.startswith("cuda") and not torch.cuda.is_available():
        raise UserError("this machine has no usable GPU; give --device cpu.")
    clock = "ms" if arguments.device.startswith("cuda") else "processor ms"
    print(f"{arguments.size[0]} x {arguments.size[1]}, {arguments.device}")
    figures = dict.fromkeys((f"median {clock}", f"fastest {clock}", "peak MiB"), "{:,.0f}")
    table = Table({"masks": "", "instances": "{}", **figures})
    for instances in arguments.instances:
        for name, rounds in _compare(arguments, instances).items():
            times, memory = [r.milliseconds for r in rounds], max(r.memory for r in rounds)
            table.rows.append([name, instances, statistics.median(times), min(times), memory])
    print(table.markdown())
    on_gpu = arguments.device.startswith("cuda")
    write_results(arguments, {"steps": table}, **({"gpu": torch.cuda.get_device_name()} if on_gpu else {}))


def _compare(arguments: argparse.Namespace, instances: int) -> dict[str, list[Measured]]:
    import torch
    from detectron2.structures import BitMasks

    from synmix.data.packed_masks import PackedMasks

    torch.manual_seed(0)
    numbers, boxes = _drawn(instances, *arguments.size)
    packed = PackedMasks(numbers, torch.arange(1, instances + 1))
    variants = {"Detectron2": BitMasks(packed.tensor), "ours": packed}
    matched = torch.randint(instances, (_PROPOSALS,))
    proposals = _jittered(boxes[matched], *arguments.size).to(arguments.device)
    shares = torch.rand(_FOREGROUND, _POINTS, 2, device=arguments.device)
    inputs = (matched.to(arguments.device), proposals, shares)
    found: dict[str, list[Measured]] = {name: [] for name in variants}
    for turn in range(arguments.rounds + 1):
        targets = {}
        for name, masks in variants.items():
            targets[name], measured = _measured(masks, inputs, arguments.device)
            found[name] += [measured] if turn else []  # the first round warms up
        if not all(map(torch.equal, targets["Detectron2"], targets["ours"])):
            raise UserError("the targets differ from Detectron2's.")
    return found


def _drawn(instances: int, height: int, width: int) -> tuple[Any, Any]:
    """(H, W) uint8 numbers of ellipses, small ones in front, and (N, 4) the boxes of what was drawn; sizes as street
    scenes have them, a few large and many small."""
    import torch

    numbers, boxes = torch.zeros(height, width, dtype=torch.uint8), []
    rows, columns = torch.arange(height)[:, None], torch.arange(width)
    radii = torch.exp(torch.linspace(5.5, 2.5, instances))  # 245 to 12 pixels
    for number, radius in enumerate(radii.tolist(), start=1):
        x, y = torch.rand(1).item() * width, (0.35 + 0.3 * torch.rand(1).item()) * height
        numbers[((columns - x) / radius) ** 2 + ((rows - y) / (0.8 * radius)) ** 2 < 1] = number
        boxes.append([x - radius, y - 0.8 * radius, x + radius, y + 0.8 * radius])
    limits = torch.tensor([width, height, width, height])
    return numbers, torch.minimum(torch.tensor(boxes).clamp(min=0), limits)


def _jittered(boxes: Any, height: int, width: int) -> Any:
    """(R, 4) boxes moved by a tenth of their sides, inside the image."""
    import torch

    sides = (boxes[:, 2:] - boxes[:, :2]).repeat(1, 2)
    limits = torch.tensor([width, height, width, height])
    return torch.minimum((boxes + 0.1 * sides * (2 * torch.rand(boxes.shape) - 1)).clamp(min=0), limits)


def _measured(masks: Any, inputs: tuple[Any, Any, Any], device: str) -> tuple[tuple[Any, Any], Measured]:
    import torch

    from synmix.train import memory

    on_gpu = device.startswith("cuda")
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # what the allocator keeps would hide what comes next
    if trim:
        trim(0)
    memory.reset()
    before = memory.peak()
    clock = time.perf_counter if on_gpu else time.process_time
    started = clock()
    targets = _targets(masks, *inputs, device)
    if on_gpu:
        torch.cuda.synchronize()
    taken = clock() - started
    return targets, Measured(1000 * taken, 1024 * (memory.peak() - before))


def _targets(masks: Any, matched: Any, boxes: Any, shares: Any, device: str) -> tuple[Any, Any]:
    """(128, 7, 7) coarse targets and (128, 196) labels of points, as the ROI heads make them."""
    from detectron2.projects.point_rend.point_features import get_point_coords_wrt_image
    from detectron2.structures import Instances

    from synmix.train.parts.mask_targets import point_labels  # Detectron2's own, where it is given its own masks

    sampled = masks.to(device)[matched]  # ROIHeads.label_and_sample_proposals
    foreground = Instances(masks.image_size, gt_masks=sampled)[matched.new_tensor(range(_FOREGROUND))]
    coarse = foreground.gt_masks.crop_and_resize(boxes[:_FOREGROUND], _SIDE)  # mask_rcnn_loss
    return coarse, point_labels([foreground], get_point_coords_wrt_image(boxes[:_FOREGROUND], shares))


if __name__ == "__main__":
    run_tool(main)
