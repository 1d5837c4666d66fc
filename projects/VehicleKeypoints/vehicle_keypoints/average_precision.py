"""OKS-mAP and box mAP from pycocotools' own matching, kept per image so that any resample of images can be scored.

pycocotools matches (``COCOeval.evaluate``); what it does afterwards (``COCOeval.accumulate``: precision made monotone,
read off at 101 recalls) is repeated here with a weight per image, which is what a bootstrap needs.

Shape legend: I images, D detections, T = 10 thresholds 0.50 .. 0.95, B resamples, K points.
"""

import contextlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

#: Predictions below this score are no predictions; the same for every figure.
SCORE_THRESHOLD = 0.25
_RECALLS = np.linspace(0, 1, 101)
_EPSILON = np.spacing(1)


@dataclass(frozen=True)
class Predictions:
    """What a model says about one image, best first or not."""

    scores: np.ndarray  # (M,)
    boxes: np.ndarray  # (M, 4) x_min, y_min, x_max, y_max
    keypoints: np.ndarray  # (M, K, 2 or more) x, y first

    def confident(self) -> "Predictions":
        """Those at or above :data:`SCORE_THRESHOLD`."""
        keep = self.scores >= SCORE_THRESHOLD
        return Predictions(self.scores[keep], self.boxes[keep], self.keypoints[keep])


@dataclass(frozen=True)
class Truth:
    """The labelled vehicles of one image."""

    boxes: np.ndarray  # (N, 4)
    keypoints: np.ndarray  # (N, K, 3) x, y, visibility


@dataclass(frozen=True)
class MatchTable:
    """What matching found, all images in one table; detections by falling score as pycocotools orders them."""

    truths: np.ndarray  # (I,) vehicles that count
    image: np.ndarray  # (D,) index of each detection's image
    hit: np.ndarray  # (T, D) bool, matched to a vehicle that counts
    ignored: np.ndarray  # (T, D) bool, matched to one that does not: neither right nor wrong


def match(
    truths: Sequence[Truth],
    predictions: Sequence[Predictions],
    sigmas: Sequence[float],
    kind: Literal["keypoints", "bbox"] = "keypoints",
) -> MatchTable:
    """Matches by object keypoint similarity (the area being the box's) or by box overlap, with pycocotools.

    Args:
        truths, predictions: one for each image, in the same order.
        sigmas: (K,) how far a point may lie off, as a share of the square root of the area.
    """
    evaluator = _coco_eval(truths, predictions, sigmas, kind)
    found = [part for part in evaluator.evalImgs if part is not None]
    thresholds = len(evaluator.params.iouThrs)
    position = {part["image_id"]: part for part in found}
    counts = np.zeros(len(truths), dtype=np.int64)
    scores, images, hits, ignored = [], [], [], []
    for index in range(len(truths)):
        part = position.get(index + 1)
        if part is None:
            continue
        counts[index] = int(np.sum(~np.asarray(part["gtIgnore"], dtype=bool)))
        scores.append(np.asarray(part["dtScores"], dtype=np.float64))
        images.append(np.full(len(part["dtScores"]), index))
        hits.append(part["dtMatches"].reshape(thresholds, -1) > 0)
        ignored.append(part["dtIgnore"].reshape(thresholds, -1).astype(bool))
    if not scores:
        empty = np.zeros((thresholds, 0), dtype=bool)
        return MatchTable(counts, np.zeros(0, dtype=np.int64), empty, empty)
    order = np.argsort(-np.concatenate(scores), kind="mergesort")
    ignore = np.concatenate(ignored, axis=1)[:, order]
    hit = np.concatenate(hits, axis=1)[:, order] & ~ignore
    return MatchTable(counts, np.concatenate(images)[order], hit, ignore)


def average_precision(table: MatchTable, weights: np.ndarray | None = None) -> np.ndarray:
    """AP at each threshold, as pycocotools computes it.

    Args:
        weights: (I, B) how often each image counts; None counts each once.

    Returns:
        (T, B) in 0..1; nan where no vehicle counts.
    """
    if weights is None:
        weights = np.ones((len(table.truths), 1))
    positives = table.truths @ weights  # (B,)
    drawn = weights[table.image]  # (D, B)
    result = np.full((len(table.hit), weights.shape[1]), np.nan)
    for threshold, (hit, ignored) in enumerate(zip(table.hit, table.ignored, strict=True)):
        right = np.cumsum(drawn * hit[:, None], axis=0)
        wrong = np.cumsum(drawn * (~hit & ~ignored)[:, None], axis=0)
        precision = right / (right + wrong + _EPSILON)
        precision = np.maximum.accumulate(precision[::-1], axis=0)[::-1]
        for column in np.flatnonzero(positives > 0):
            recall = right[:, column] / positives[column]
            place = np.searchsorted(recall, _RECALLS, side="left")
            reached = place < len(recall)
            result[threshold, column] = precision[place[reached], column].sum() / len(_RECALLS)
    return result


def summary(table: MatchTable, weights: np.ndarray | None = None) -> dict[str, np.ndarray]:
    """(B,) each of AP (mean over the thresholds), AP50 and AP75, in percent."""
    by_threshold = 100 * average_precision(table, weights)
    return {"AP": by_threshold.mean(axis=0), "AP50": by_threshold[0], "AP75": by_threshold[5]}


def _coco_eval(truths: Sequence[Truth], predictions: Sequence[Predictions], sigmas: Sequence[float], kind: str) -> Any:
    """A ``COCOeval`` that has evaluated, for all sizes, with our sigmas."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    images = [{"id": number} for number in range(1, len(truths) + 1)]
    with contextlib.redirect_stdout(io.StringIO()):  # pycocotools prints as it goes
        ground_truth, detections = COCO(), COCO()
        for coco, annotations in ((ground_truth, _truth_rows(truths)), (detections, _prediction_rows(predictions))):
            coco.dataset = {"images": images, "categories": [{"id": 1}], "annotations": annotations}
            coco.createIndex()
        evaluator = COCOeval(ground_truth, detections, kind)
        evaluator.params.areaRng, evaluator.params.areaRngLbl = [[0, 1e10]], ["all"]
        evaluator.params.kpt_oks_sigmas = np.asarray(sigmas, dtype=np.float64)
        evaluator.params.maxDets = evaluator.params.maxDets[-1:]
        evaluator.evaluate()
    return evaluator


def _truth_rows(truths: Sequence[Truth]) -> list[dict[str, Any]]:
    rows = []
    for number, truth in enumerate(truths, 1):
        for box, points in zip(truth.boxes, truth.keypoints, strict=True):
            labelled = int((points[:, 2] > 0).sum())
            rows.append({**_row(number, box, points), "iscrowd": 0, "num_keypoints": labelled})
    return _numbered(rows)


def _prediction_rows(predictions: Sequence[Predictions]) -> list[dict[str, Any]]:
    rows = []
    for number, prediction in enumerate(predictions, 1):
        for score, box, points in zip(prediction.scores, prediction.boxes, prediction.keypoints, strict=True):
            triples = np.column_stack([points[:, :2], np.ones(len(points))])
            rows.append({**_row(number, box, triples), "score": float(score)})
    return _numbered(rows)


def _row(number: int, box: np.ndarray, points: np.ndarray) -> dict[str, Any]:
    x0, y0, x1, y1 = (float(value) for value in box)
    return {
        "image_id": number,
        "category_id": 1,
        "bbox": [x0, y0, x1 - x0, y1 - y0],
        "area": (x1 - x0) * (y1 - y0),
        "keypoints": points[:, :3].reshape(-1).tolist(),
    }


def _numbered(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Ids from 1 on: pycocotools writes the id of a match where 0 means none."""
    return [{**row, "id": number} for number, row in enumerate(rows, 1)]
