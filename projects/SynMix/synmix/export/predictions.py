"""Predictions in the Cityscapes result format (``tools/eval_cityscapes.py --export``) as a COCO file."""

from bisect import bisect_left
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from synmix.data import sources
from synmix.errors import UserError
from synmix.evaluate.cityscapes_format import Predictions, file_stem, read_predictions
from synmix.evaluate.masks import MaskSet, crop_of
from synmix.export.coco_file import Shape, segmentation_of
from synmix.export.labels import Export, Record
from synmix.labels import CLASS_NAMES


def predictions_of(name: str, folder: Path) -> Export:
    """The predictions for the images of a data set; images and categories are numbered as its labels' export does, so
    that pycocotools can score one against the other.

    Args:
        folder: text files and masks, anywhere below.

    Raises:
        UserError: no such folder, an image without predictions or with several files, or other classes than the eight.
    """
    if not folder.is_dir():
        raise UserError(_no_folder(folder))
    source = sources.source(name)
    classes = source.classes
    if not set(CLASS_NAMES) <= set(classes):
        raise UserError(
            f"'{name}' has the classes {', '.join(classes)}, but the Cityscapes result format holds "
            f"{', '.join(CLASS_NAMES)}."
        )
    texts = sorted(folder.rglob("*.txt"), key=lambda path: path.name)
    names = [path.name for path in texts]
    records = [_with_text(record, texts, names, folder) for record in source.dicts(source.table())]
    info = {
        "description": f"predictions for '{name}'",
        "predictions": folder.name,
        "data_sets": [{"name": name, "domain": source.domain, "images": len(records)}],
    }
    return Export(info, classes, records, partial(_annotations, root=folder, classes=classes))


def _no_folder(path: Path) -> str:
    if path.suffix == ".json" and path.is_file():
        return (
            f"'{path}' holds what was counted of predictions, not their masks; write these with "
            "tools/eval_cityscapes.py --export DIR, and give that folder."
        )
    return f"there is no folder '{path}' of predictions; tools/eval_cityscapes.py --export writes one."


def _with_text(record: Record, texts: Sequence[Path], names: Sequence[str], folder: Path) -> Record:
    """The record of an image with its file of predictions instead of its labels."""
    stem = file_stem(record["image_id"])
    found = []
    for index in range(bisect_left(names, stem), len(names)):
        if not names[index].startswith(stem):
            break
        found.append(texts[index])
    exact = [path for path in found if path.stem in (stem, f"{stem}_pred")]
    found = exact or found
    if len(found) != 1:
        problem = f"several, '{found[0]}' and '{found[1]}'; keep one" if found else f"'{stem}*.txt' is not there"
        raise UserError(f"predictions for the image '{record['image_id']}' below '{folder}': {problem}.")
    return {**record, "annotations": [], "predictions": found[0]}


def _annotations(record: Record, shape: Shape, root: Path, classes: Sequence[str]) -> list[dict[str, Any]]:
    size = record["height"], record["width"]
    found = read_predictions(record["predictions"], root, size)
    ids = [classes.index(CLASS_NAMES[category]) + 1 for category in found.categories.tolist()]
    return scored_annotations(found, ids, shape)


def scored_annotations(found: Predictions, category_ids: Sequence[int], shape: Shape = "rle") -> list[dict[str, Any]]:
    """COCO's annotations of predictions, each with its ``score``; empty masks are left out.

    Args:
        category_ids: of each prediction, as the file numbers them.
    """
    annotations = []
    for index, (category, score) in enumerate(zip(category_ids, found.scores.tolist(), strict=True)):
        left, top, crop = _tight(found.masks, index)
        if crop.any():
            annotations.append(
                {
                    "category_id": category,
                    "bbox": [left, top, crop.shape[1], crop.shape[0]],
                    "area": int(crop.sum()),
                    "iscrowd": 0,
                    "score": score,
                    "segmentation": segmentation_of(crop, left, top, found.masks.shape, shape, False),
                }
            )
    return annotations


def _tight(masks: MaskSet, index: int) -> tuple[int, int, np.ndarray]:
    """Column, row and mask of the tight box of a prediction."""
    left, top, crop = crop_of(masks.mask(index))
    columns = np.flatnonzero(crop.any(axis=0))
    first, last = (int(columns[0]), int(columns[-1]) + 1) if len(columns) else (0, 0)
    return left + first, top, crop[:, first:last]
