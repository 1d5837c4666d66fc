"""The Cityscapes metric as a Detectron2 evaluator, for any registered data set of either domain.

Nothing is written but the result: masks become stretches of pixels and are matched as they come from the network, and
only the match tables are gathered. Every rank matches its own images, so that it works on any number of GPUs, machines
or CPUs.
"""

import logging
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import synmix.before_detectron2  # noqa: F401

import numpy as np
import torch
from detectron2.config import CfgNode
from detectron2.data import DatasetCatalog, MetadataCatalog
from detectron2.evaluation import DatasetEvaluator
from detectron2.structures import Instances
from detectron2.utils import comm

from synmix.data import sources
from synmix.data.catalog import register_all
from synmix.data.classes import seen_as
from synmix.errors import UserError
from synmix.evaluate import result as results
from synmix.evaluate.average_precision import match_table
from synmix.evaluate.coco_figures import Detection, coco_figures, detections
from synmix.evaluate.dataset_truth import read_ground_truth
from synmix.evaluate.masks import Crop, MaskSet, crop_of, from_crops
from synmix.evaluate.matching import ImageMatches, match_image

logger = logging.getLogger(__name__)

#: Called with each image's Detectron2 dict, masks, classes, scores and matches, on the rank that scored it.
Observer = Callable[[Mapping[str, Any], MaskSet, np.ndarray, np.ndarray, ImageMatches], None]


class CityscapesInstanceEvaluator(DatasetEvaluator):
    """Scores instance masks of a registered data set with the Cityscapes metric.

    Data sets with an ``instance_map`` are scored like Cityscapes itself. COCO-format data sets, which have
    ``segmentation`` instead, are scored with crowds as groups and without void.
    """

    def __init__(
        self,
        dataset_name: str,
        output_dir: str | None = None,
        *,
        resamples: int = 1000,
        confidence: float = 0.95,
        seed: int = 0,
        coco: bool = False,
        classes: Sequence[str] = (),
        observers: Sequence[Observer] = (),
    ) -> None:
        """
        Args:
            dataset_name: a registered data set.
            output_dir: where ``results/<data set>.json`` is written; None writes nothing.
            resamples, confidence, seed: of the bootstrap; 0 resamples leave the intervals out.
            coco: also report pycocotools' figures, where the data set is in COCO format.
            classes: those that are scored, in the order of predicted categories; () takes the data set's.
            observers: see each image's predictions and matches before they are dropped.
        """
        register_all()
        self._dataset_name, self._output_dir = dataset_name, output_dir
        self._resampling = (resamples, confidence, seed)
        self.observers = tuple(observers)
        records, self.classes = _records_and_classes(dataset_name, classes)
        self._frames = {str(frame["image_id"]): frame for frame in records}
        if not self._frames:
            raise UserError(f"the data set '{dataset_name}' holds no image, so there is nothing to evaluate.")
        self._coco = coco and not any(frame.get("instance_map") for frame in self._frames.values())
        self._matches: dict[str, ImageMatches] = {}
        self._detections: list[Detection] = []
        #: Further provenance to note in the result.
        self.source: dict[str, Any] = {}
        #: The last result, on the main process after :meth:`evaluate`.
        self.result: results.Result | None = None

    @classmethod
    def from_config(cls, cfg: CfgNode, dataset_name: str) -> "CityscapesInstanceEvaluator":
        """The evaluator that ``cfg.TEST`` describes; it writes below ``cfg.OUTPUT_DIR``."""
        bootstrap = cfg.TEST.BOOTSTRAP
        sampling = {"resamples": bootstrap.RESAMPLES, "confidence": bootstrap.CONFIDENCE, "seed": bootstrap.SEED}
        return cls(dataset_name, cfg.OUTPUT_DIR, coco=cfg.TEST.COCO, classes=cfg.DATASETS.CLASSES, **sampling)

    def reset(self) -> None:
        """Forgets all predictions."""
        self._matches, self._detections = {}, []

    def process(self, inputs: Sequence[Mapping[str, Any]], outputs: Sequence[Mapping[str, Any]]) -> None:
        """Matches the predictions of some images.

        Args:
            inputs: Detectron2 dicts; only ``image_id`` is read.
            outputs: for each, ``instances`` with ``pred_masks`` (M, H, W) bool at the image's full size, ``scores``
                (M,) and ``pred_classes`` (M,), on any device. An image without ``instances`` has no prediction.
        """
        for image, output in zip(inputs, outputs, strict=True):
            self._process_image(str(image["image_id"]), output.get("instances"))

    def evaluate(self) -> OrderedDict[str, dict[str, float]]:
        """Gathers the matches of all ranks and computes the figures.

        Returns:
            on the main process ``{"segm": {"AP", "AP50", "AP-person", .., "AP50-person", ..}}`` in percent, nan for a
            class without ground truth, and ``"segm-coco"`` where that was asked for; on the others an empty dict.
        """
        gathered = comm.gather((self._matches, self._detections), dst=0)
        if not comm.is_main_process():
            return OrderedDict()
        matches = {name: found for part, _ in gathered for name, found in part.items()}
        self._add_missing(matches)
        table = match_table(matches, self.classes)
        source = results.provenance(self._output_dir, **self.source)
        self.result = results.make_result(self._dataset_name, table, *self._resampling, provenance=source)
        figures = OrderedDict(segm=dict(self.result.figures))
        if self._coco:
            found = [detection for _, part in gathered for detection in part]
            figures["segm-coco"] = coco_figures(list(self._frames.values()), self.classes, found)
            self.result.coco.update(figures["segm-coco"])
        if self._output_dir is not None:
            results.write_result(results.result_path(self._output_dir, self._dataset_name), self.result)
        return figures

    def _process_image(self, name: str, instances: Instances | None) -> None:
        if name not in self._frames:
            raise UserError(f"a prediction for '{name}', which is not an image of '{self._dataset_name}'.")
        frame = self._frames[name]
        truth = read_ground_truth(frame, self.classes)
        masks, categories, scores = _predictions(instances, truth.shape)
        if len(categories) and int(categories.max()) >= len(self.classes):
            raise UserError(
                f"class {int(categories.max())} was predicted for '{name}', but '{self._dataset_name}' has only "
                f"{len(self.classes)}; set MODEL.ROI_HEADS.NUM_CLASSES to that."
            )
        try:
            found = match_image(truth, masks, categories, scores)
        except ValueError as error:
            raise UserError(f"the predictions for '{name}' cannot be scored: {error}.") from None
        self._matches[name] = found
        if self._coco:
            self._detections += detections(name, masks, categories, scores)
        for observer in self.observers:
            observer(frame, masks, categories, scores, found)

    def _add_missing(self, matches: dict[str, ImageMatches]) -> None:
        """Images that no rank has seen count as images without predictions, as in Detectron2's COCO evaluator."""
        missing = [name for name in self._frames if name not in matches]
        if missing:
            logger.warning(
                "%d of %d images of '%s' were not evaluated, the first is '%s': all their objects count as missed",
                *(len(missing), len(self._frames), self._dataset_name, missing[0]),
            )
        nothing = np.zeros(0)
        for name in missing:
            truth = read_ground_truth(self._frames[name], self.classes)
            matches[name] = match_image(truth, from_crops([], truth.shape), nothing, nothing)


def _records_and_classes(name: str, classes: Sequence[str]) -> tuple[list[dict[str, Any]], tuple[str, ...]]:
    """The Detectron2 dicts of a data set, seen as having some classes, and these."""
    if name not in sources.names():  # registered with Detectron2 alone
        return DatasetCatalog.get(name), tuple(MetadataCatalog.get(name).thing_classes)
    seen = seen_as(sources.source(name), classes)
    return seen.dicts(seen.table()), seen.classes


def _predictions(instances: Instances | None, shape: tuple[int, int]) -> tuple[MaskSet, np.ndarray, np.ndarray]:
    """Masks, (M,) classes and (M,) scores of Detectron2's predictions of one image."""
    if instances is None or not len(instances):
        return from_crops([], shape), np.zeros(0, dtype=np.int64), np.zeros(0)
    masks = instances.pred_masks
    size = (int(masks.shape[1]), int(masks.shape[2]))
    categories = instances.pred_classes.cpu().numpy().astype(np.int64)
    return from_crops(crops_of(masks), size), categories, instances.scores.cpu().double().numpy()


def crops_of(masks: torch.Tensor) -> list[Crop]:
    """Box crops of (M, H, W) masks, on the CPU; only the crops leave the GPU."""
    masks = masks.detach()
    if masks.dtype != torch.bool:
        masks = masks > 0.5 if masks.is_floating_point() else masks != 0
    if masks.device.type == "cpu":
        return [crop_of(mask) for mask in masks.numpy()]
    rows, columns = masks.any(dim=2).cpu().numpy(), masks.any(dim=1).cpu().numpy()
    crops: list[Crop] = []
    for mask, row, column in zip(masks, rows, columns, strict=True):
        y, x = np.flatnonzero(row), np.flatnonzero(column)
        box = (int(y[0]), int(y[-1]) + 1, int(x[0]), int(x[-1]) + 1) if len(y) else (0, 0, 0, 0)
        crops.append((box[2], box[0], mask[box[0] : box[1], box[2] : box[3]].cpu().numpy()))
    return crops
