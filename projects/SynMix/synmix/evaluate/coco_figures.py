"""pycocotools' own figures beside the Cityscapes metric, for data sets in COCO format."""

import contextlib
import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from pycocotools import mask as mask_util
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from synmix.data.segmentation import rle_of
from synmix.evaluate.masks import MaskSet

#: What ``COCOeval.summarize`` puts first in its ``stats``, under Detectron2's names.
FIGURES = ("AP", "AP50", "AP75", "APs", "APm", "APl")
_ABSENT = -1  # COCOeval's mark of a figure without ground truth

Detection = dict[str, Any]


def detections(name: str, masks: MaskSet, categories: np.ndarray, scores: np.ndarray) -> list[Detection]:
    """The predictions of one image in COCO's result format."""
    encoded = [mask_util.encode(np.asfortranarray(masks.mask(index))) for index in range(masks.num_masks)]
    columns = zip(encoded, categories.tolist(), scores.tolist(), strict=True)
    return [
        {"image_id": name, "category_id": category, "segmentation": rle, "score": score}
        for rle, category, score in columns
    ]


def coco_figures(
    frames: Sequence[Mapping[str, Any]], classes: Sequence[str], found: Sequence[Detection]
) -> dict[str, float]:
    """AP (over IoU 0.50 to 0.95), AP50, AP75 and AP of small, medium and large objects, percent; nan without ground
    truth.

    Args:
        frames: Detectron2 dicts whose annotations have a ``segmentation``.
        found: the :func:`detections` of all images.
    """
    with contextlib.redirect_stdout(io.StringIO()):  # pycocotools prints as it goes
        truth = COCO()
        truth.dataset = _document(frames, classes)
        truth.createIndex()
        if not found:  # loadRes cannot read an empty list
            return {name: 0.0 if truth.anns else float("nan") for name in FIGURES}
        evaluation = COCOeval(truth, truth.loadRes(list(found)), "segm")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    values = evaluation.stats[: len(FIGURES)].tolist()
    numbers = [float("nan") if value == _ABSENT else 100 * value for value in values]
    return dict(zip(FIGURES, numbers, strict=True))


def _document(frames: Sequence[Mapping[str, Any]], classes: Sequence[str]) -> dict[str, Any]:
    annotations: list[dict[str, Any]] = []
    for frame in frames:
        for annotation in frame["annotations"]:
            rle = rle_of(annotation["segmentation"], int(frame["height"]), int(frame["width"]))
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": str(frame["image_id"]),
                    "category_id": annotation["category_id"],
                    "segmentation": rle,
                    "area": float(mask_util.area(rle)),
                    "bbox": mask_util.toBbox(rle).tolist(),
                    "iscrowd": annotation.get("iscrowd", 0),
                }
            )
    images = [{"id": str(frame["image_id"]), "height": frame["height"], "width": frame["width"]} for frame in frames]
    categories = [{"id": index, "name": name} for index, name in enumerate(classes)]
    return {"images": images, "annotations": annotations, "categories": categories}
