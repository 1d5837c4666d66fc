"""Pictures of what goes into a training and what comes out of it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from detectron2.config import CfgNode
from detectron2.data import DatasetCatalog, DatasetMapper, MetadataCatalog
from detectron2.structures import Instances
from detectron2.utils.visualizer import Visualizer
from torch import nn

from synmix.data.images import read_instance_map, read_rgb
from synmix.labels import CLASS_NAMES
from synmix.pictures import draw_masks, instance_masks, save_picture, side_by_side

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
        cells.append((title, _with_labels(image, record["instances"], name)))
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
        for record in DatasetCatalog.get(name)[:_PICTURED]:
            image = read_rgb(record["file_name"])
            row = [(f"{name}: labels", _truth(image, record, name))]
            for title, model in models.items():
                with torch.no_grad():
                    found = model.eval()([mapper(dict(record))])[0]["instances"].to("cpu")
                found = found[found.scores >= _MIN_SCORE]
                row.append((f"{title}: {len(found)}", _with_predictions(image, found, name)))
            rows.append(row)
    for title, model in models.items():
        model.train(training[title])
    if rows:
        save_picture(path, side_by_side(rows))


def _with_labels(image: np.ndarray, instances: Instances, name: str) -> np.ndarray:
    if instances.has("gt_masks") and hasattr(instances.gt_masks, "to"):
        masks = instances.gt_masks.to("cpu").tensor.numpy()
        return draw_masks(image, zip(instances.gt_classes.tolist(), masks, strict=True))
    keypoints = instances.gt_keypoints.tensor if instances.has("gt_keypoints") else None
    visualizer = Visualizer(image, MetadataCatalog.get(name))
    return visualizer.overlay_instances(boxes=instances.gt_boxes, keypoints=keypoints).get_image()


def _with_predictions(image: np.ndarray, found: Instances, name: str) -> np.ndarray:
    classes = MetadataCatalog.get(name).thing_classes
    if not (found.has("pred_masks") and tuple(classes) == CLASS_NAMES):
        return Visualizer(image, MetadataCatalog.get(name)).draw_instance_predictions(found).get_image()
    captions = [
        f"{classes[c]} {s:.2f}" for c, s in zip(found.pred_classes.tolist(), found.scores.tolist(), strict=True)
    ]
    return draw_masks(image, zip(found.pred_classes.tolist(), found.pred_masks.numpy(), strict=True), captions)


def _truth(image: np.ndarray, record: dict[str, Any], name: str) -> np.ndarray:
    if record.get("instance_map"):
        return draw_masks(image, instance_masks(read_instance_map(record["instance_map"])))
    return Visualizer(image, MetadataCatalog.get(name)).draw_dataset_dict(record).get_image()
