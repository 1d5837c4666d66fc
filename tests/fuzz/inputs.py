"""The inputs that are edited, and the functions that the tools call on them."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from pycocotools import mask as mask_util
from torch import nn

from synmix.compose.manifest import differences, read_manifest
from synmix.config import load_config
from synmix.config_files import CONFIGS
from synmix.data import coco, sources
from synmix.data.cityscapes import frame_paths, list_frames
from synmix.data.images import read_label_map, read_rgb
from synmix.data.segmentation import mask_of
from synmix.data.synscapes import instance_colors
from synmix.data.table import build_table
from synmix.evaluate.average_precision import MatchTable
from synmix.evaluate.commands import Sampling, Wishes, compare, report, score_folders
from synmix.evaluate.matching import TRUE_POSITIVE
from synmix.evaluate.result import make_result, read_result, write_result
from synmix.files import write_json
from synmix.harmonize.prepare import prepare
from synmix.labels import CLASS_NAMES, label_of
from synmix.report.report import write_report
from synmix.study.experiments import baseline
from synmix.study.index import index_of, readable_records
from synmix.study.scale import load_scale
from synmix.study.store import Store
from synmix.train.checkpoint import latest_whole, load_weights
from vehicle_keypoints.readers.carfusion import read_carfusion
from vehicle_keypoints.readers.coco import read_coco
from vehicle_keypoints.readers.yolo import read_description, read_yolo
from vehicle_keypoints.schemas import CARFUSION

HEIGHT, WIDTH = 40, 60
FEW = Sampling(resamples=20)


@dataclass(frozen=True)
class Input:
    """How to write an input into a folder, and what reads it."""

    write: Callable[[Path], None]
    read: Callable[[Path, Path], object]  # the folder, and one for output


def picture(path: Path, array: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), array)


def street() -> np.ndarray:
    instance_map = np.full((HEIGHT, WIDTH), 7, np.uint16)
    instance_map[5:25, 5:25], instance_map[5:25, 30:50], instance_map[30:38, 5:50] = 26001, 24000, 25
    return instance_map


def write_cityscapes(root: Path) -> None:
    for number in range(2):
        frame = frame_paths(root, "train", f"town_000000_{number:06}")
        picture(frame.image, np.zeros((HEIGHT, WIDTH, 3), np.uint8))
        picture(frame.instance_map, street())
        picture(frame.label_map, label_of(street()).astype(np.uint8))


def read_cityscapes(root: Path, output: Path) -> None:
    frames = list_frames(root, "train")
    sources.to_dicts(build_table("fuzzed", frames, num_workers=1))
    for frame in frames:
        read_rgb(frame.image)
        read_label_map(frame.label_map)


def write_synscapes(root: Path) -> None:
    ids, classes = np.zeros((HEIGHT, WIDTH), np.uint32), np.full((HEIGHT, WIDTH), 7, np.uint8)
    ids[5:25, 5:25], classes[5:25, 5:25] = 2600001, 26
    ids[5:25, 30:50], classes[5:25, 30:50] = 3300002, 33
    classes[5:12, 35:45] = 25
    for number in (1, 2):
        picture(root / f"img/rgb/{number}.png", np.zeros((HEIGHT, WIDTH, 3), np.uint8))
        picture(root / f"img/class/{number}.png", classes)
        picture(root / f"img/instance/{number}.png", instance_colors(ids))
        write_json(root / f"meta/{number}.json", {"instance": {"class": {"2600001": 26, "3300002": 33}}})


def read_synscapes(root: Path, output: Path) -> None:
    prepare(root, output / "prepared", split="train", num_workers=1)
    prepare(root, output / "prepared", split="train", num_workers=1)


def write_coco(root: Path) -> None:
    square = [[2, 3, 12, 3, 12, 9, 2, 9]]
    runs = {"size": [HEIGHT, WIDTH], "counts": [0, 100, HEIGHT * WIDTH - 100]}
    compressed = mask_util.frPyObjects(runs, HEIGHT, WIDTH)
    compressed["counts"] = compressed["counts"].decode()
    shapes = (square, runs, compressed, square)
    annotations = [
        {
            "id": number, "image_id": 1, "category_id": 1, "bbox": [2, 3, 10, 6], "area": 60, "iscrowd": number % 2,
            "segmentation": shape, "keypoints": [3, 4, 2],
        }
        for number, shape in enumerate(shapes, 1)
    ]  # fmt: skip
    images = [{"id": number, "file_name": f"{number}.png", "height": HEIGHT, "width": WIDTH} for number in (1, 2)]
    for number in (1, 2):
        picture(root / f"{number}.png", np.zeros((HEIGHT, WIDTH, 3), np.uint8))
    entry = {
        "name": "fuzzed",
        "annotations": "labels.json",
        "images": ".",
        "domain": "real",
        "categories": {"c": "car"},
    }
    write_json(root / "entry.json", [entry])
    write_json(
        root / "labels.json", {"images": images, "categories": [{"id": 1, "name": "c"}], "annotations": annotations}
    )


def read_coco_source(root: Path, output: Path) -> None:
    entries = load_plain(root / "entry.json")
    for entry in entries if isinstance(entries, list) else [entries]:
        if isinstance(entry, dict):
            for key in ("annotations", "images"):
                if isinstance(entry.get(key), str) and "\0" not in entry[key]:
                    entry[key] = str(root / entry[key])
        coco.register_all([entry])
        source = sources.source(entry["name"])
        for record in source.dicts(source.table()):
            for annotation in record["annotations"]:
                if "segmentation" in annotation:
                    mask_of(annotation["segmentation"], record["height"], record["width"])


def load_plain(path: Path) -> object:
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError, RecursionError):
        return []  # the config's own reader is fuzzed elsewhere


def write_predictions(root: Path) -> None:
    picture(root / "gtFine/val/town/town_000000_000019_gtFine_instanceIds.png", street())
    for name, value in (("car", 26001), ("person", 24000)):
        picture(root / f"predictions/{name}.png", (street() == value).astype(np.uint8) * 255)
    (root / "predictions/town_000000_000019_pred.txt").write_text("car.png 26 0.9\nperson.png 24 0.5\n")


def read_predictions(root: Path, output: Path) -> None:
    wishes = Wishes(json=output / "result.json", errors=output / "errors", why=True)
    score_folders(root / "predictions", root / "gtFine", wishes, FEW, num_workers=1)


def table_of(seed: int) -> MatchTable:
    generator = np.random.default_rng(seed)
    truths = np.full((4, len(CLASS_NAMES)), 2)
    image = np.repeat(np.arange(4), 2 * len(CLASS_NAMES))
    category = np.tile(np.repeat(np.arange(len(CLASS_NAMES)), 2), 4)
    outcome = np.full((len(image), 10), TRUE_POSITIVE, np.int8)
    return MatchTable(CLASS_NAMES, tuple("abcd"), truths, image, category, generator.random(len(image)), outcome)


def write_results(root: Path) -> None:
    for number in range(2):
        write_result(root / f"{number}.json", make_result("set", table_of(number), resamples=20))


def read_results(root: Path, output: Path) -> None:
    paths = [str(root / f"{number}.json") for number in range(2)]
    report({path: read_result(path) for path in paths}, Wishes(json=output / "again.json"))
    compare(paths[:1], paths[1:], Wishes(json=output / "compared.json"), FEW)


def write_checkpoint(root: Path) -> None:
    torch.save({"model": nn.Linear(3, 2).state_dict()}, root / "model.pth")
    write_json(root / "checkpoints.json", [{"file": "model.pth", "sha256": "0" * 64, "iteration": 3}])
    parts = {"list": [1], "nan": {"model": {"weight": float("nan")}}, "shape": {"model": {"weight": torch.ones(9)}}}
    for name, part in parts.items():
        torch.save(part, root / f"{name}.pth")


def read_checkpoint(root: Path, output: Path) -> None:
    load_weights(nn.Linear(3, 2), str(root / "model.pth"))
    latest_whole(root)


def read_foreign_checkpoints(root: Path, output: Path) -> None:
    for name in ("list", "nan", "shape"):
        load_weights(nn.Linear(3, 2), str(root / f"{name}.pth"))


def write_manifests(root: Path) -> None:
    for number in range(2):
        part = {
            "name": "set", "domain": "real", "available": 3, "images": 2, "repeat": 1, "images_without_labels": 0,
            "classes": {"car": {"percent": 0, "labels": 9, "kept": 9 - number, "threshold": None}},
            "labels_sha256": "ab", "frames": ["a", f"b{number}"],
        }  # fmt: skip
        head = {"version": 1, "checksum": str(number), "seed": number, "removal_scope": "image", "drop_empty": True}
        write_json(
            root / f"{number}.json", {**head, "images": 2, "labels": 9, "labels_removed": 0, "data_sets": [part]}
        )


def read_manifests(root: Path, output: Path) -> None:
    differences(read_manifest(root / "0.json"), read_manifest(root / "1.json"))


def write_store(root: Path) -> None:
    store, run = Store(root), baseline(load_scale("mini"))
    with store.lock(run):
        store.begin(run)
        write_manifests(store.folder(run))
        (store.folder(run) / "0.json").rename(store.folder(run) / "manifest.json")
        (store.folder(run) / "1.json").unlink()
        write_result(store.folder(run) / "results/set.json", make_result("set", table_of(0), resamples=20))
        (store.folder(run) / "config.yaml").write_text("SEED: 0\n")
        store.end(run, "finished", "", 3.0)


def read_store(root: Path, output: Path) -> None:
    store = Store(root)
    index_of(readable_records(store)[0])
    for run in store.ids():
        store.status(run)
    write_report(store, load_scale("mini"), output / "report")


def write_scale(root: Path) -> None:
    (root / "own.yaml").write_text((CONFIGS / "sweep/scale/mini.yaml").read_text())


def read_scale(root: Path, output: Path) -> None:
    scale = load_scale(str(root / "own.yaml"))
    scale.described().STUDY.names(scale) if hasattr(scale.described().STUDY, "names") else scale.described()


def write_config(root: Path) -> None:
    text = (CONFIGS / "mini.yaml").read_text()
    for base in CONFIGS.glob("Base-*.yaml"):
        (root / base.name).write_text(base.read_text())
    (root / "mine.yaml").write_text(text + "MODEL:\n  WEIGHTS: ''\n")


def read_config(root: Path, output: Path) -> None:
    load_config(root / "mine.yaml", ["SEED", "3"])


def write_keypoints(root: Path) -> None:
    picture(root / "img.png", np.zeros((HEIGHT, WIDTH, 3), np.uint8))
    points = [5, 5, 2, *[9 + number for number in range(2)], 1] + [20, 20, 2] * 12
    image = {"id": 1, "file_name": "img.png", "height": HEIGHT, "width": WIDTH}
    annotation = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [2, 2, 30, 30], "keypoints": points}
    category = {"id": 1, "name": "car", "keypoints": list(CARFUSION.points)}
    write_json(root / "coco.json", {"images": [image], "annotations": [annotation], "categories": [category]})
    picture(root / "raw/scene/images/1_1.png", np.zeros((HEIGHT, WIDTH, 3), np.uint8))
    (root / "raw/scene/gt").mkdir(parents=True)
    (root / "raw/scene/gt/1_1.txt").write_text("5,5,1,0,1\n9,20,2,0,2\n30,30,3,0,3\n")
    picture(root / "yolo/images/train/a_1.png", np.zeros((HEIGHT, WIDTH, 3), np.uint8))
    (root / "yolo/labels/train").mkdir(parents=True)
    row = " ".join(["0", "0.5", "0.5", "0.4", "0.4", *["0.5", "0.5", "2"] * 14])
    (root / "yolo/labels/train/a_1.txt").write_text(row + "\n")
    (root / "yolo/data.yaml").write_text("kpt_shape: [14, 3]\nflip_idx: [1, 0]\n")


INPUTS = {
    "config": Input(write_config, read_config),
    "cityscapes": Input(write_cityscapes, read_cityscapes),
    "synscapes": Input(write_synscapes, read_synscapes),
    "coco": Input(write_coco, read_coco_source),
    "predictions": Input(write_predictions, read_predictions),
    "results": Input(write_results, read_results),
    "checkpoint": Input(write_checkpoint, read_checkpoint),
    "foreign checkpoints": Input(write_checkpoint, read_foreign_checkpoints),
    "manifests": Input(write_manifests, read_manifests),
    "store": Input(write_store, read_store),
    "scale": Input(write_scale, read_scale),
    "keypoints: coco": Input(write_keypoints, lambda root, output: read_coco(root / "coco.json", root, CARFUSION)),
    "keypoints: text": Input(write_keypoints, lambda root, output: read_carfusion(root / "raw", num_workers=1)),
    "keypoints: yolo": Input(
        write_keypoints,
        lambda root, output: (read_yolo(root / "yolo", "train", CARFUSION), read_description(root / "yolo")),
    ),
}
