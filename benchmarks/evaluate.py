"""Times the metric against cityscapesScripts and Detectron2's evaluator, on drawn full-resolution scenes.

Every path runs once a round, on one process, so that whatever else the machine does meets all alike; reported are
processor times, which other people's work disturbs least: the minimum and the median over the rounds, and the medians
of the rounds' ratios.

  uv run benchmarks/evaluate.py --rounds 5
  uv run benchmarks/evaluate.py --images 500      # 500 images, the bootstrap, and peak memory
"""

import resource
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import synmix.before_detectron2  # noqa: F401

import numpy as np
from evaluate_scenes import LABEL_IDS, Scene, draw_scene, write_files
from pycocotools import mask as mask_util
from results import Table, add_json, write_results

from synmix.cli.parser import argument_parser
from synmix.data import png_decoding
from synmix.data.images import read_instance_map
from synmix.errors import run_tool
from synmix.evaluate.average_precision import average_precision, match_table
from synmix.evaluate.bootstrap import resampled_figures
from synmix.evaluate.cityscapes_format import match_folders
from synmix.evaluate.ground_truth import MapGroundTruth
from synmix.evaluate.masks import MaskSet, crop_of, from_coco_rle, from_crops, from_masks
from synmix.evaluate.matching import match_image
from synmix.evaluate.official import official_average_precision
from synmix.evaluate.why import explain
from synmix.labels import CLASS_NAMES

SCRIPT, DETECTRON2 = "cityscapesScripts", "Detectron2's evaluator"


def main() -> None:
    """Runs what the arguments ask for and prints tables."""
    parser = argument_parser(__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--scenes", type=int, default=4, help="different scenes in a round")
    parser.add_argument("--images", type=int, default=0, help="time so many images instead, copies of the scenes")
    add_json(parser)
    arguments = parser.parse_args()
    if arguments.images and arguments.json:
        parser.error("--json holds the table of paths; leave out --images")
    scenes = [draw_scene(number) for number in range(arguments.scenes)]
    png_decoding.take_over()
    if arguments.images:
        many_images(scenes, arguments.images)
        return
    folder = Path(tempfile.mkdtemp())
    try:
        files = [write_files(scene, folder) for scene in scenes]
        write_results(arguments, {"paths": compare_paths(scenes, files, folder, arguments.rounds)})
    finally:
        shutil.rmtree(folder)


def compare_paths(scenes: list[Scene], files: list[tuple[Path, Path]], folder: Path, rounds: int) -> Table:
    """Milliseconds an image of every path from predictions to AP."""
    paths = build_paths(scenes, files, folder)
    found = {name: path() for name, path in paths.items()}  # warms up, and shows that all agree
    for name, areas in found.items():
        if areas is not None:
            np.testing.assert_allclose(areas, found[SCRIPT], rtol=0, atol=1e-12, err_msg=name)
    times: dict[str, list[float]] = {name: [] for name in paths}
    for _ in range(rounds):
        for name, path in paths.items():
            start = time.process_time()
            path()
            times[name].append(1000 * (time.process_time() - start) / len(scenes))
    against = {f"against {base}": "{:.1f}x" for base in (SCRIPT, DETECTRON2)}
    table = Table({"path": "", "min ms": "{:.1f}", "median ms": "{:.1f}", **against})
    for name, taken in times.items():
        ratios = [
            statistics.median(other / own for other, own in zip(times[base], taken, strict=True))
            for base in (SCRIPT, DETECTRON2)
        ]
        table.rows.append([name, min(taken), statistics.median(taken), *ratios])
    print(table.markdown())
    return table


def build_paths(scenes: list[Scene], files: list[tuple[Path, Path]], folder: Path) -> dict[str, Callable]:
    """Every path, as a function that scores all scenes and returns (C, T) areas, or None where it gives no such."""
    shape = scenes[0].instance_map.shape
    maps = [truth for _, truth in files]
    stretches = [from_masks(scene.masks) for scene in scenes]
    crops = [[crop_of(mask) for mask in scene.masks] for scene in scenes]
    crops = [[(x, y, crop.copy()) for x, y, crop in of_scene] for of_scene in crops]
    encoded = [[mask_util.encode(np.asfortranarray(mask)) for mask in scene.masks] for scene in scenes]
    cached = [MapGroundTruth(scene.instance_map) for scene in scenes]

    def scored(masks: Callable[[int], MaskSet], truths: list[MapGroundTruth] | None = None) -> np.ndarray:
        matches = {}
        for index, scene in enumerate(scenes):
            truth = truths[index] if truths else MapGroundTruth(read_instance_map(maps[index]))
            matches[scene.name] = match_image(truth, masks(index), scene.categories, scene.scores)
        return average_precision(match_table(matches))

    return {
        SCRIPT: lambda: official_average_precision([text for text, _ in files], maps, folder),
        DETECTRON2: detectron2_path(scenes, folder),
        "same files": lambda: average_precision(match_folders(folder / "predictions", folder / "gtFine", 1)),
        "full-frame masks + PNG": lambda: scored(lambda index: from_masks(scenes[index].masks)),
        "COCO RLE + PNG": lambda: scored(lambda index: from_coco_rle(encoded[index], shape)),
        "box crops + PNG": lambda: scored(lambda index: from_crops(crops[index], shape)),
        "own run lengths + PNG": lambda: scored(lambda index: stretches[index]),
        "only decoding the PNG": lambda: [read_instance_map(path) for path in maps] and None,
        "own run lengths, truth cached": lambda: scored(lambda index: stretches[index], cached),
    }


def detectron2_path(scenes: list[Scene], folder: Path) -> Callable[[], None]:
    """Detectron2's evaluator on predictions in memory; it writes a PNG for each and reads them again."""
    import contextlib
    import io
    import os

    import torch
    from detectron2.data import MetadataCatalog
    from detectron2.evaluation import CityscapesInstanceEvaluator
    from detectron2.structures import Instances

    MetadataCatalog.get("benchmark").set(thing_classes=list(CLASS_NAMES), gt_dir=str(folder / "gtFine"))
    outputs = []
    for scene in scenes:
        instances = Instances(scene.instance_map.shape)
        instances.pred_masks = torch.from_numpy(scene.masks)
        instances.scores = torch.from_numpy(scene.scores)
        instances.pred_classes = torch.from_numpy(scene.categories)
        outputs.append({"instances": instances})
    inputs = [{"file_name": f"{scene.name}_leftImg8bit.png"} for scene in scenes]

    def run() -> None:
        evaluator = CityscapesInstanceEvaluator("benchmark")
        before = os.getcwd()  # noqa: PTH109
        os.chdir(folder)  # the script leaves matches.json behind
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                evaluator.reset()
                evaluator.process(inputs, outputs)
                evaluator.evaluate()
        finally:
            os.chdir(before)

    return run


def many_images(scenes: list[Scene], images: int) -> None:
    """A whole validation set on one process, from run lengths with the truth cached; the bootstrap; peak memory."""
    stretches = [from_masks(scene.masks) for scene in scenes]
    cached = [MapGroundTruth(scene.instance_map) for scene in scenes]
    generator = np.random.default_rng(0)
    scores = generator.random((images, len(scenes[0].scores)))  # no two alike: ties would shorten the curves
    for _ in range(3):
        start = time.process_time()
        matches = {}
        for number in range(images):
            index = number % len(scenes)
            found = match_image(cached[index], stretches[index], scenes[index].categories, scores[number])
            matches[f"{number:06}"] = found
        matched = time.process_time()
        table = match_table(matches)
        average_precision(table)
        scored = time.process_time()
        resampled_figures(table, 1000)
        resampled = time.process_time()
        explain([table])
        end = time.process_time()
        print(
            f"{images} images, processor times, {len(table.score)} predictions of {len(LABEL_IDS)} classes: matching "
            f"{matched - start:.2f} s, AP {scored - matched:.2f} s, 1,000 resamples "
            f"{resampled - scored:.2f} s, errors by cause and AP by size {end - resampled:.2f} s"
        )
    memory(scenes[0], images)


def memory(scene: Scene, images: int, predictions: int = 100) -> None:
    """How much the evaluation adds to the network's own full-frame masks of one image."""
    masks = np.resize(scene.masks, (predictions, *scene.masks.shape[1:]))
    categories, scores = np.resize(scene.categories, predictions), np.resize(scene.scores, predictions)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    matches = {}
    for number in range(images):
        truth = MapGroundTruth(scene.instance_map)
        matches[f"{number:06}"] = match_image(truth, from_masks(masks), categories, scores)
    table = match_table(matches)
    average_precision(table)
    added = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    print(
        f"{images} images with {predictions} predictions: one image's masks are {masks.nbytes / 2**20:.0f} MiB, "
        f"evaluation adds {added:.0f} MiB at its peak"
    )


if __name__ == "__main__":
    run_tool(main)
