"""What a person sees of a training: a progress line, pictures of what goes in and what comes out."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from detectron2.config import CfgNode
from detectron2.data import DatasetCatalog, DatasetMapper, MetadataCatalog
from detectron2.structures import Instances
from detectron2.utils.events import EventStorage, EventWriter, get_event_storage
from detectron2.utils.visualizer import Visualizer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import nn

from synmix.data.images import read_instance_map, read_rgb
from synmix.errors import UserError
from synmix.labels import CLASS_NAMES
from synmix.pictures import draw_masks, instance_masks, save_picture, side_by_side
from synmix.progress import console

_MIN_SCORE = 0.5  # predictions below are not drawn
_PICTURED = 2  # images of each data set that are drawn at an evaluation


class ProgressLine(EventWriter):
    """Losses, learning rate, images a second, share of time spent waiting for data, memory: beside a progress bar in a
    terminal, else a plain line at a time.

    Args:
        max_iter: iterations of the training.
        batch_size: images of an iteration, all processes together.
        window: iterations that losses and times are averaged over.
    """

    def __init__(self, max_iter: int, batch_size: int, window: int = 20) -> None:
        self._max_iter = max_iter
        self._batch_size = batch_size
        self._window = window
        self._written = -1
        self._bar: Progress | None = None
        if console.is_terminal:
            columns = (BarColumn(20), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("{task.description}"))
            self._bar = Progress(*columns, console=console)
            self._task = self._bar.add_task("", total=max_iter)
            self._bar.start()

    def write(self) -> None:
        """Shows the state of this iteration, once."""
        storage = get_event_storage()
        if storage.iter == self._written or storage.iter >= self._max_iter:
            return
        self._written = storage.iter
        text = "  ".join(self._figures(storage))
        if self._bar is not None:
            self._bar.update(self._task, completed=storage.iter + 1, description=text)
        else:
            left = time.strftime("%H:%M:%S", time.gmtime(self._seconds(storage) * (self._max_iter - storage.iter - 1)))
            line = f"iteration {storage.iter + 1}/{self._max_iter}  {left} left  {text}"
            console.print(line, highlight=False, soft_wrap=True)

    def close(self) -> None:
        """Leaves the bar where it is."""
        if self._bar is not None:
            self._bar.stop()

    def _seconds(self, storage: EventStorage) -> float:
        return storage.history("time").median(1000) if "time" in storage.histories() else 0.0

    def _figures(self, storage: EventStorage) -> list[str]:
        histories = storage.histories()
        names = ["total_loss", *(name for name in histories if name.startswith("loss_"))]
        figures = [
            f"{name.removeprefix('total_').removeprefix('loss_')} {histories[name].median(self._window):.3f}"
            for name in names
            if name in histories
        ]
        if "lr" in histories:
            figures.append(f"lr {histories['lr'].latest():.2g}")
        seconds = self._seconds(storage)
        if seconds:
            waiting = 100 * histories["data_time"].avg(self._window) / seconds
            figures.append(f"{self._batch_size / seconds:.1f} images/s, {waiting:.0f} % waiting for data")
        if torch.cuda.is_available():
            figures.append(f"{torch.cuda.max_memory_allocated() / 2**30:.1f} GiB")
        return figures


class WandbWriter(EventWriter):
    """Sends all scalars to Weights & Biases; needs the extra ``wandb``."""

    def __init__(self, cfg: CfgNode) -> None:
        try:
            import wandb
        except ImportError:
            cure = "pip install 'synmix[wandb]', or empty the key"
            raise UserError(f"LOG.WANDB_PROJECT is set but wandb is not installed: {cure}.") from None
        self._run = wandb.init(project=cfg.LOG.WANDB_PROJECT, dir=cfg.OUTPUT_DIR, config=dict(cfg), resume="allow")
        self._written = -1

    def write(self) -> None:
        """Sends what is new."""
        latest = get_event_storage().latest_with_smoothing_hint(20)
        new = {name: value for name, (value, iteration) in latest.items() if iteration > self._written}
        if new:
            self._written = max(iteration for _, iteration in latest.values())
            self._run.log(new, step=self._written)

    def close(self) -> None:
        """Ends the report."""
        self._run.finish()


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


def draw_predictions(cfg: CfgNode, model: nn.Module, path: Path) -> None:
    """Saves a picture of the first images of each data set of ``DATASETS.TEST``, labels beside predictions."""
    mapper = DatasetMapper(cfg, is_train=False)
    training = model.training
    model.eval()
    rows = []
    for name in cfg.DATASETS.TEST:
        for record in DatasetCatalog.get(name)[:_PICTURED]:
            image = read_rgb(record["file_name"])
            with torch.no_grad():
                found = model([mapper(dict(record))])[0]["instances"].to("cpu")
            found = found[found.scores >= _MIN_SCORE]
            shown = _with_predictions(image, found, name)
            rows.append([(f"{name}: labels", _truth(image, record, name)), (f"{len(found)} predictions", shown)])
    model.train(training)
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
