"""Images a second of a whole evaluation, from the network to AP, on drawn images of 1024 x 2048.

Three ways in interleaved rounds: Detectron2's own evaluator, ours within Detectron2's loop, and ours beside the network
(``synmix.train.overlap``), as the trainer has it. All give the same AP.
The stand-in for a GPU's network sleeps in slices of a millisecond, since Python launches a GPU's kernels one by one,
and hands out made-up masks, on the CPU: what their way from the GPU costs is not in it.

  uv run benchmarks/inference.py --network-ms 60
  uv run benchmarks/inference.py --toy      # the real network of configs/mini.yaml, on one thread of the CPU
"""

import contextlib
import io
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import synmix.before_detectron2  # noqa: F401

import cv2
import numpy as np
import torch
from detectron2.data import DatasetCatalog, MetadataCatalog
from detectron2.evaluation import CityscapesInstanceEvaluator as Stock
from detectron2.evaluation import inference_on_dataset
from detectron2.structures import Instances
from evaluate_scenes import Scene, draw_scene
from results import Table, add_json, write_results

from synmix.cli.parser import argument_parser
from synmix.config import build_model, load_config
from synmix.data import png_decoding, sources
from synmix.data.catalog import register_all
from synmix.errors import run_tool
from synmix.evaluate.evaluator import CityscapesInstanceEvaluator
from synmix.train.loader import build_test_loader
from synmix.train.overlap import Overlapped

NAME = "benchmark_val"
STOCK, BETWEEN, BESIDE = "Detectron2's evaluator", "ours, in between", "ours, beside"
Records = list[dict[str, Any]]


def main() -> None:
    """Prints a table."""
    parser = argument_parser(__doc__)
    network = parser.add_mutually_exclusive_group(required=True)
    network.add_argument("--network-ms", type=float, help="what the stand-in for a GPU's network takes an image")
    network.add_argument("--toy", action="store_true", help="the real network, images made small for it")
    parser.add_argument("--images", type=int, default=24)
    parser.add_argument("--predictions", type=int, default=63, help="of an image, by the stand-in")
    parser.add_argument("--rounds", type=int, default=5)
    add_json(parser)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    png_decoding.take_over()
    with tempfile.TemporaryDirectory() as folder:
        began = Path.cwd()
        os.chdir(folder)  # cityscapesScripts leaves a file behind
        scenes = [draw_scene(number) for number in range(4)]
        records = write_images(scenes, Path(folder), arguments.images)
        if arguments.toy:
            model, batches = real_network()
            print("the real network of configs/mini.yaml on one thread of the CPU, its weights random")
        else:
            model, batches = stand_in(scenes, arguments.predictions, arguments.network_ms), [[one] for one in records]
            print(f"a stand-in for a GPU's network: {arguments.network_ms:g} ms, {arguments.predictions} predictions")
        table = compare(model, batches, arguments.images, arguments.rounds)
        os.chdir(began)
        write_results(arguments, {"ways": table})


def write_images(scenes: list[Scene], root: Path, images: int) -> Records:
    """Registers so many images, copies of the scenes, in the Cityscapes layout; their Detectron2 dicts."""
    picture = np.random.default_rng(0).integers(0, 255, (*scenes[0].instance_map.shape, 3), dtype=np.uint8)
    for number in range(images):
        scene = scenes[number % len(scenes)]
        for kind, array in {"leftImg8bit": picture, "gtFine_instanceIds": scene.instance_map}.items():
            path = root / kind.split("_")[0] / "val" / "town" / f"town_{number:06}_000019_{kind}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(path), array)
    sources.register_cityscapes_format(NAME, root, "val", "real")
    register_all()
    MetadataCatalog.get(NAME).set(gt_dir=str(root / "gtFine" / "val"))
    return DatasetCatalog.get(NAME)


def stand_in(scenes: list[Scene], predictions: int, milliseconds: float) -> Callable[[Records], Records]:
    """What stands for a network on a GPU."""
    outputs = [made_up(scene, predictions) for scene in scenes]

    def network(inputs: Records) -> Records:
        end = time.perf_counter() + milliseconds / 1000
        while (left := end - time.perf_counter()) > 0:
            time.sleep(min(left, 0.001))
        return [{"instances": outputs[int(inputs[0]["image_id"].split("_")[1]) % len(outputs)]}]

    return network


def made_up(scene: Scene, predictions: int) -> Instances:
    chosen = np.arange(predictions) % len(scene.scores)
    found = Instances(scene.instance_map.shape)
    found.pred_masks = torch.from_numpy(scene.masks[chosen])
    found.scores = torch.from_numpy(np.random.default_rng(0).random(predictions))
    found.pred_classes = torch.from_numpy(scene.categories[chosen])
    return found


def real_network() -> tuple[torch.nn.Module, Iterable]:
    """The miniature's network, and a loader that decodes the images and makes them small; masks are at full size."""
    torch.manual_seed(0)
    cfg = load_config("mini.yaml")
    return build_model(cfg), build_test_loader(cfg, NAME)


def compare(model: Callable, batches: Iterable, images: int, rounds: int) -> Table:
    """Images a second of every way; the minimum of seconds is what other people's work disturbs least."""
    ways: dict[str, Callable[[], dict]] = {
        STOCK: lambda: inference_on_dataset(model, batches, Stock(NAME)),
        BETWEEN: lambda: inference_on_dataset(model, batches, CityscapesInstanceEvaluator(NAME, resamples=0)),
        BESIDE: lambda: beside(model, batches, CityscapesInstanceEvaluator(NAME, resamples=0)),
    }
    taken: dict[str, list[float]] = {name: [] for name in ways}
    ways[BESIDE]()  # warms up
    for _ in range(rounds):
        found = []
        for name, way in ways.items():
            start = time.perf_counter()
            with torch.inference_mode(), contextlib.redirect_stdout(io.StringIO()):
                found.append(way()["segm"]["AP"])
            taken[name].append(time.perf_counter() - start)
        np.testing.assert_allclose(found, found[-1], atol=1e-9)
    against = {f"against {base}": "{:.2f}x" for base in (STOCK, BETWEEN)}
    table = Table({"scoring": "", "images/s, median": "{:.2f}", "images/s, best": "{:.2f}", **against})
    for name, seconds in taken.items():
        ratios = [statistics.median(np.divide(taken[base], seconds)) for base in (STOCK, BETWEEN)]
        table.rows.append([name, images / statistics.median(seconds), images / min(seconds), *map(float, ratios)])
    print(table.markdown())
    return table


def beside(model: Callable, batches: Iterable, scorer: CityscapesInstanceEvaluator) -> dict:
    """As the trainer does it."""
    with Overlapped(scorer, torch.inference_mode) as evaluator:
        return inference_on_dataset(model, batches, evaluator)


if __name__ == "__main__":
    run_tool(main)
