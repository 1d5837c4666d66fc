"""The keypoint metrics as a Detectron2 evaluator, for any registered vehicle-keypoint data set."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

import synmix.before_detectron2  # noqa: F401

import numpy as np
from detectron2.config import CfgNode
from detectron2.data import DatasetCatalog, MetadataCatalog
from detectron2.evaluation import DatasetEvaluator
from detectron2.utils import comm

from synmix.data.catalog import register_all
from synmix.errors import UserError
from synmix.evaluate.result import provenance, result_path
from synmix.evaluators import EVALUATORS, FIGURES
from vehicle_keypoints import sources  # noqa: F401  registers the data sets
from vehicle_keypoints.average_precision import Predictions, Truth
from vehicle_keypoints.result import FIGURES as FIGURE_NAMES
from vehicle_keypoints.result import KeypointResult, score, write_result


class VehicleKeypointEvaluator(DatasetEvaluator):
    """OKS-mAP, box AP50 and PCK@0.05; right on several ranks, each of which hands in its own images.

    Args:
        dataset_name: a registered data set with ``keypoint_names`` and ``keypoint_sigmas``.
        output_dir: where ``results/<data set>.json`` is written; None writes nothing.
        resamples, seed: of the bootstrap behind the intervals.
    """

    def __init__(self, dataset_name: str, output_dir: str | None = None, resamples: int = 1000, seed: int = 0) -> None:
        register_all()
        self._name, self._output_dir, self._resampling = dataset_name, output_dir, (resamples, seed)
        metadata = MetadataCatalog.get(dataset_name)
        self._points, self._sigmas = tuple(metadata.keypoint_names), tuple(metadata.keypoint_sigmas)
        records, count = DatasetCatalog.get(dataset_name), len(self._points)
        self._truths = {str(record["image_id"]): _truth_of(record, count) for record in records}
        self._predictions: dict[str, Predictions] = {}
        #: Further provenance to note in the result.
        self.source: dict[str, Any] = {}
        #: The last result, on the main process after :meth:`evaluate`.
        self.result: KeypointResult | None = None

    def reset(self) -> None:
        """Forgets all predictions."""
        self._predictions = {}

    def process(self, inputs: Sequence[Mapping[str, Any]], outputs: Sequence[Mapping[str, Any]]) -> None:
        """Takes in predictions: ``instances`` with ``pred_boxes``, ``scores`` and ``pred_keypoints`` (M, K, 3)."""
        for image, output in zip(inputs, outputs, strict=True):
            instances = output["instances"].to("cpu")
            keypoints = instances.pred_keypoints.numpy().astype(np.float64)
            if keypoints.shape[1] != len(self._points):
                raise UserError(
                    f"the model predicts {keypoints.shape[1]} keypoints but '{self._name}' has {len(self._points)}; "
                    f"set MODEL.ROI_KEYPOINT_HEAD.NUM_KEYPOINTS to {len(self._points)}."
                )
            boxes = instances.pred_boxes.tensor.numpy().astype(np.float64)
            scores = instances.scores.numpy().astype(np.float64)
            self._predictions[str(image["image_id"])] = Predictions(scores, boxes, keypoints)

    def evaluate(self) -> OrderedDict[str, dict[str, float]]:
        """Gathers all ranks' predictions and scores them.

        Returns:
            on the main process ``{"keypoints": {figure: percent}}``, else an empty dict.
        """
        gathered = comm.gather(self._predictions, dst=0)
        if not comm.is_main_process():
            return OrderedDict()
        predictions = {name: found for part in gathered for name, found in part.items()}
        self.result = score(self._name, self._points, self._sigmas, self._truths, predictions)
        if self._output_dir is not None:
            path = result_path(self._output_dir, self._name)
            write_result(path, self.result, *self._resampling, provenance=provenance(self._output_dir, **self.source))
        return OrderedDict(keypoints=dict(self.result.figures))


def _truth_of(record: Mapping[str, Any], count: int) -> Truth:
    annotations = record["annotations"]
    boxes = np.array([annotation["bbox"] for annotation in annotations], dtype=np.float64).reshape(-1, 4)
    points = [annotation["keypoints"] for annotation in annotations]
    return Truth(boxes, np.array(points, dtype=np.float64).reshape(-1, count, 3))


def _from_config(cfg: CfgNode, name: str) -> DatasetEvaluator:
    return VehicleKeypointEvaluator(name, cfg.OUTPUT_DIR, cfg.TEST.BOOTSTRAP.RESAMPLES, cfg.TEST.BOOTSTRAP.SEED)


def register_evaluator() -> None:
    """Lets the trainer score data sets whose ``evaluator_type`` is ``vehicle_keypoints``."""
    EVALUATORS["vehicle_keypoints"] = _from_config
    FIGURES["vehicle_keypoints"] = lambda classes: FIGURE_NAMES


register_evaluator()
