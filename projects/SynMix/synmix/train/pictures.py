"""Pictures of what goes into a training and what comes out of it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from detectron2.config import CfgNode
from detectron2.data import DatasetMapper, MetadataCatalog
from detectron2.structures import Instances
from detectron2.utils.visualizer import Visualizer
from torch import nn

from synmix.data.classes import names_of, seen_as
from synmix.data.images import read_rgb
from synmix.data.segmentation import label_masks
from synmix.data.sources import source
from synmix.data.table import InstanceTable
from synmix.pictures import draw_masks, save_picture, side_by_side

_MIN_SCORE = 0.5  # predictions below are not drawn
_PICTURED = 2  # images of each data set that are drawn at an evaluation


def draw_inputs(cfg: CfgNode, mapped: Sequence[dict[str, Any]], path: Path) -> None:
    """Saves a picture of what the model is given: augmented images with the labels that are left."""
    cells = []
    for record in mapped:
        image = record["image"].permute(1, 2, 0).numpy()
        image = np.ascontiguousarray(image[:, :, ::-1] if cfg.INPUT.FORMAT == "BGR" else image)
        name = record.get("dataset", cfg.DATASETS.TRAIN[0])
        title = f"{name}: {len(record['instances'])} labels"
        classes = names_of(source(name), cfg.DATASETS.CLASSES)
        cells.append((title, _with_labels(image, record["instances"], name, classes)))
    save_picture(path, side_by_side([cells[row : row + 2] for row in range(0, len(cells), 2)]))


def draw_predictions(cfg: CfgNode, models: Mapping[str, nn.Module], path: Path) -> None:
    """Saves a picture of the first images of each data set of ``DATASETS.TEST``, labels beside predictions.

    Args:
        models: by what their column is called.
    """
    mapper = DatasetMapper(cfg, is_train=False)
    training = {title: model.training for title, model in models.items()}
    rows = []
    for name in cfg.DATASETS.TEST:
        seen = seen_as(source(name), cfg.DATASETS.CLASSES)
        for record in seen.dicts(_head(seen.table(), _PICTURED)):
            image = read_rgb(record["file_name"])
            row = [(f"{name}: labels", _truth(image, record, name, seen.classes))]
            for title, model in models.items():
                with torch.no_grad():
                    found = model.eval()([mapper(dict(record))])[0]["instances"].to("cpu")
                found = found[found.scores >= _MIN_SCORE]
                row.append((f"{title}: {len(found)}", _with_predictions(image, found, name, seen.classes)))
            rows.append(row)
    for title, model in models.items():
        model.train(training[title])
    if rows:
        save_picture(path, side_by_side(rows))


def _head(table: InstanceTable, count: int) -> InstanceTable:
    """The first frames of a table."""
    frames = table.frames.head(count)
    return replace(table, frames=frames, instances=table.instances.join(frames, on="frame", how="semi"))


def _with_labels(image: np.ndarray, instances: Instances, name: str, classes: Sequence[str]) -> np.ndarray:
    if instances.has("gt_masks") and hasattr(instances.gt_masks, "to"):
        masks = instances.gt_masks.to("cpu").tensor.numpy()
        return draw_masks(image, zip(instances.gt_classes.tolist(), masks, strict=True), classes=classes)
    keypoints = instances.gt_keypoints.tensor if instances.has("gt_keypoints") else None
    visualizer = Visualizer(image, MetadataCatalog.get(name))
    return visualizer.overlay_instances(boxes=instances.gt_boxes, keypoints=keypoints).get_image()


def _with_predictions(image: np.ndarray, found: Instances, name: str, classes: Sequence[str]) -> np.ndarray:
    if not found.has("pred_masks"):
        return Visualizer(image, MetadataCatalog.get(name)).draw_instance_predictions(found).get_image()
    captions = [
        f"{classes[c]} {s:.2f}" for c, s in zip(found.pred_classes.tolist(), found.scores.tolist(), strict=True)
    ]
    masks = zip(found.pred_classes.tolist(), found.pred_masks.numpy(), strict=True)
    return draw_masks(image, masks, captions, classes=classes)


def _truth(image: np.ndarray, record: dict[str, Any], name: str, classes: Sequence[str]) -> np.ndarray:
    if not any("keypoints" in annotation for annotation in record["annotations"]):
        return draw_masks(image, ((category, mask) for _, category, mask in label_masks(record)), classes=classes)
    return Visualizer(image, MetadataCatalog.get(name)).draw_dataset_dict(record).get_image()
