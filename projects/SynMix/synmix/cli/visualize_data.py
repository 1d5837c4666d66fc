"""Draws the ground truth of registered data sets: a sheet of evenly spread frames, or the frames named.

Instances have their class's colour (Cityscapes' own where it has one) and name; groups and what is not evaluated stay
unpainted.

uv run tools/visualize_data.py --config-file configs/mini.yaml     # all that a config trains on and tests on
uv run tools/visualize_data.py mini_synscapes_instance_val
"""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import polars as pl

from synmix.cli.parser import argument_parser
from synmix.cli.results import add_json, write_result_json
from synmix.cli.words import add_data_set
from synmix.data import coco
from synmix.data.classes import source
from synmix.data.images import read_instance_map, read_rgb
from synmix.data.segmentation import mask_of
from synmix.data.table import InstanceTable
from synmix.errors import UserError
from synmix.kinds import SIZE, Whole, argument
from synmix.pictures import draw_masks, save_picture, side_by_side
from synmix.progress import console, track

#: Images narrower than this are enlarged before drawing, so that names can be read.
_MIN_WIDTH = 1024
#: Instances that cover less of the image get no name.
_NAMED_SHARE = 0.001
_POINT = (255, 221, 0)


def _parser() -> argparse.ArgumentParser:
    parser = argument_parser(__doc__)
    add_data_set(parser, "datasets", nargs="*", help="such as cityscapes_instance_train")
    parser.add_argument(
        "--config-file", metavar="FILE", help="its data sets, those of DATASETS.COCO too, with its classes"
    )
    parser.add_argument("--frames", type=argument(SIZE), default=6, metavar="N", help="how many of each")
    parser.add_argument("--frame", nargs="+", default=[], metavar="NAME", help="these frames instead")
    parser.add_argument("--columns", type=argument(Whole(1, 20)), default=2, metavar="N", help="of the sheet")
    parser.add_argument("--no-names", action="store_true", help="leave class names out")
    parser.add_argument(
        "--output", type=Path, default=Path("output/pictures"), metavar="DIR", help="folder for DATASET.png"
    )
    parser.add_argument("--single", action="store_true", help="a file per frame in full size instead of a sheet")
    add_json(parser)
    return parser


def _chosen(table: InstanceTable, names: Sequence[str], count: int) -> InstanceTable:
    """The part of a table that holds the frames named, or ``count`` evenly spread ones."""
    known = table.frames["frame"].to_list()
    absent = [name for name in names if name not in known]
    if absent:
        raise UserError(f"'{table.name}' has no frame '{absent[0]}'; the first is '{known[0]}'.")
    picked = list(names) or [
        known[i] for i in np.linspace(0, len(known) - 1, min(count, len(known))).round().astype(int)
    ]
    inside = pl.col("frame").is_in(picked)
    return InstanceTable(table.name, table.frames.filter(inside), table.instances.filter(inside))


def _masks(record: Mapping[str, Any], size: tuple[int, int]) -> Iterator[tuple[int, np.ndarray]]:
    """Category and (H, W) bool mask of each annotation, at ``size`` pixels (height, width), largest first."""
    instance_map = read_instance_map(record["instance_map"]) if record.get("instance_map") else None
    labels = [annotation for annotation in record["annotations"] if not annotation["iscrowd"]]
    masks = []
    for annotation in labels:
        if instance_map is not None:
            mask = instance_map == annotation["instance_id"]
        elif annotation.get("segmentation"):
            mask = mask_of(annotation["segmentation"], record["height"], record["width"])
        else:
            mask = np.zeros((record["height"], record["width"]), bool)  # keypoints alone
        mask = cv2.resize(mask.astype(np.uint8), size[::-1], interpolation=cv2.INTER_NEAREST).astype(bool)
        masks.append((annotation["category_id"], mask))
    yield from sorted(masks, key=lambda item: -int(item[1].sum()))


def _draw(record: Mapping[str, Any], classes: Sequence[str], names: bool) -> np.ndarray:
    """A frame with its labels: (H, W, 3) RGB, enlarged where it is small."""
    image = read_rgb(record["file_name"])
    scale = max(1, -(-_MIN_WIDTH // image.shape[1]))
    image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    size = image.shape[0], image.shape[1]
    masks = list(_masks(record, size))
    captions = [classes[category] if mask.mean() > _NAMED_SHARE and names else "" for category, mask in masks]
    shown = draw_masks(image, masks, captions, opacity=0.45, classes=classes)
    return _draw_points(shown, record, scale)


def _draw_points(image: np.ndarray, record: Mapping[str, Any], scale: int) -> np.ndarray:
    for annotation in record["annotations"]:
        for x, y, visibility in np.reshape(annotation.get("keypoints", []), (-1, 3)).tolist():
            if visibility:
                cv2.circle(image, (round(x * scale), round(y * scale)), 4, _POINT, -1 if visibility == 2 else 1)
    return image


def _visualize(name: str, names: Sequence[str], args: argparse.Namespace) -> dict[str, Any]:
    """Draws a data set as having these classes; returns where, and how many labels each frame has."""
    data = source(name, names)
    records = data.dicts(_chosen(data.table(), args.frame, args.frames))
    classes = data.classes
    panels = [
        (f"{record['image_id']}: {len(record['annotations'])} labels", _draw(record, classes, not args.no_names))
        for record in track(records, f"drawing {name}", len(records))
    ]
    written = args.output / (name if args.single else f"{name}.png")
    if args.single:
        for (_, picture), record in zip(panels, records, strict=True):
            save_picture(written / f"{Path(record['image_id']).stem}.png", picture)
    else:
        rows = [panels[start : start + args.columns] for start in range(0, len(panels), args.columns)]
        save_picture(written, side_by_side(rows, width=_MIN_WIDTH if args.columns < 3 else 720))
    console.print(f"written: {written}")
    frames = [{"frame": record["image_id"], "labels": len(record["annotations"])} for record in records]
    return {"dataset": name, "written": written, "frames": frames}


def main() -> None:
    args = _parser().parse_args()
    found, names = args.datasets, ()
    if args.config_file:
        from synmix.config import load_config  # here: it takes a second

        data = load_config(args.config_file).DATASETS
        coco.register_all(data.COCO, data.CLASSES)
        found, names = found or list(dict.fromkeys((*data.TRAIN, *data.TEST))), data.CLASSES
    if not found:
        raise UserError("give a DATASET, or --config-file with a config whose data sets are to be drawn.")
    write_result_json(args.json, [_visualize(name, names, args) for name in found])
