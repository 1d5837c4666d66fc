"""The keypoint result of one run on one data set, and the paired comparison of two sets of runs.

Written to ``OUTPUT_DIR/results/<data set>.json``: figures in percent and their intervals at the top, then per point,
then the match tables from which every figure of any resample of the images follows.

Shape legend: I images, D detections, T thresholds, K points, B resamples.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from synmix.errors import UserError
from synmix.evaluate.bootstrap import image_weights
from synmix.files import nan_to_null, read_json, write_json
from vehicle_keypoints.average_precision import MatchTable, Predictions, Truth, match, summary
from vehicle_keypoints.pck import PointCounts, count_points, count_points_as_seed

#: The figures, as they are named everywhere. The last is Phase 0's own, which flatters a model that finds little.
FIGURES = ("AP", "AP50", "AP75", "box-AP50", "PCK@0.05", "PCK@0.05-original")
_FORMAT = 1


@dataclass(frozen=True)
class KeypointResult:
    """All that is kept of one evaluation."""

    dataset: str
    points: tuple[str, ...]
    images: tuple[str, ...]
    keypoints: MatchTable
    boxes: MatchTable
    correct: np.ndarray  # (2, I, K) points right: one to one, and as in Phase 0
    labelled: np.ndarray  # (2, I, K) points that could be right

    def figures(self, weights: np.ndarray | None = None) -> dict[str, np.ndarray]:
        """(B,) each of :data:`FIGURES` in percent, with images weighted by (I, B)."""
        if weights is None:
            weights = np.ones((len(self.images), 1))
        shares = [
            100
            * np.divide(
                right @ weights, total @ weights, out=np.full(weights.shape[1], np.nan), where=total @ weights > 0
            )
            for right, total in zip(self.correct.sum(axis=2), self.labelled.sum(axis=2), strict=True)
        ]
        keypoints = summary(self.keypoints, weights)
        values = [keypoints["AP"], keypoints["AP50"], keypoints["AP75"], summary(self.boxes, weights)["AP50"], *shares]
        return dict(zip(FIGURES, values, strict=True))

    def by_point(self) -> dict[str, float | None]:
        """PCK@0.05 of each point, one to one, in percent; None for a point that is never labelled."""
        right, total = self.correct[0].sum(axis=0), self.labelled[0].sum(axis=0)
        return {
            name: float(100 * right[index] / total[index]) if total[index] else None
            for index, name in enumerate(self.points)
        }


def score(
    dataset: str,
    points: Sequence[str],
    sigmas: Sequence[float],
    truths: dict[str, Truth],
    predictions: dict[str, Predictions],
) -> KeypointResult:
    """Scores predictions by image name; an image without predictions has none. Those below the score threshold are
    dropped."""
    names = sorted(truths)
    none = Predictions(np.zeros(0), np.zeros((0, 4)), np.zeros((0, len(points), 3)))
    found = [predictions.get(name, none).confident() for name in names]
    known = [truths[name] for name in names]
    pairs = list(zip(known, found, strict=True))
    counts: list[list[PointCounts]] = [
        [count(*pair) for pair in pairs] for count in (count_points, count_points_as_seed)
    ]
    return KeypointResult(
        dataset,
        tuple(points),
        tuple(names),
        match(known, found, sigmas, "keypoints"),
        match(known, found, sigmas, "bbox"),
        np.array([[image.correct for image in way] for way in counts]),
        np.array([[image.labelled for image in way] for way in counts]),
    )


def paired_difference(
    a: Sequence[KeypointResult],
    b: Sequence[KeypointResult],
    resamples: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
) -> dict[str, dict[str, float]]:
    """How much better the runs ``b`` are than ``a``: a bootstrap over images and seeds, paired in both.

    Each resample draws images, the same for all runs, and seeds, the same for both sides (run i of ``a`` and run i of
    ``b`` started from the same weights with the same seed).

    Returns:
        for each figure ``difference``, ``low``, ``high`` in percentage points and the two-sided ``p_value``.

    Raises:
        UserError: sides of different length, or results on different images.
    """
    _check_pairs(a, b)
    weights = image_weights(len(a[0].images), resamples, seed)
    drawn = np.random.default_rng([seed, 1]).integers(0, len(a), (resamples, len(a)))
    sides = [[run.figures(weights) for run in side] for side in (a, b)]
    plain = [[run.figures() for run in side] for side in (a, b)]
    report = {}
    for name in FIGURES:
        gains = np.stack([after[name] - before[name] for before, after in zip(*sides, strict=True)])  # (seeds, B)
        replicates = np.take_along_axis(gains.T, drawn, axis=1).mean(axis=1)
        difference = np.mean([after[name] - before[name] for before, after in zip(*plain, strict=True)])
        report[name] = {"difference": float(difference), **_interval(replicates, confidence)}
    return report


def mean_with_interval(
    runs: Sequence[KeypointResult], resamples: int = 1000, confidence: float = 0.95, seed: int = 0
) -> dict[str, dict[str, float]]:
    """For each figure the mean over an arm's seeds, and its interval from resampling images and seeds together."""
    weights = image_weights(len(runs[0].images), resamples, seed)
    drawn = np.random.default_rng([seed, 1]).integers(0, len(runs), (resamples, len(runs)))
    sampled, plain = [run.figures(weights) for run in runs], [run.figures() for run in runs]
    report = {}
    for name in FIGURES:
        replicates = np.take_along_axis(np.stack([run[name] for run in sampled], axis=1), drawn, axis=1).mean(axis=1)
        report[name] = {"mean": float(np.mean([run[name] for run in plain])), **_interval(replicates, confidence)}
    return report


def _interval(replicates: np.ndarray, confidence: float) -> dict[str, float]:
    known = replicates[~np.isnan(replicates)]
    if not len(known):
        return {"low": float("nan"), "high": float("nan"), "p_value": float("nan")}
    tail = 50 * (1 - confidence)
    low, high = np.percentile(known, [tail, 100 - tail])
    contrary = 1 + min((known <= 0).sum(), (known >= 0).sum())
    return {"low": float(low), "high": float(high), "p_value": float(min(1.0, 2 * contrary / (len(known) + 1)))}


def _check_pairs(a: Sequence[KeypointResult], b: Sequence[KeypointResult]) -> None:
    if not a or len(a) != len(b):
        raise UserError(f"a paired comparison needs the same seeds on both sides, but got {len(a)} and {len(b)} runs.")
    for run in (*a, *b):
        if run.images != a[0].images or run.dataset != a[0].dataset:
            raise UserError(
                f"results on '{a[0].dataset}' ({len(a[0].images)} images) and '{run.dataset}' ({len(run.images)}) "
                "cannot be paired; evaluate all runs on one data set."
            )


def write_result(path: Path, result: KeypointResult, resamples: int, seed: int, provenance: dict[str, Any]) -> None:
    """Writes a result, atomically, with percentile intervals from ``resamples`` resamples of its images."""
    figures = {name: nan_to_null(float(value[0])) for name, value in result.figures().items()}
    intervals = {}
    if resamples and result.images:
        for name, values in result.figures(image_weights(len(result.images), resamples, seed)).items():
            bounds = _interval(values, 0.95)
            intervals[name] = [nan_to_null(bounds["low"]), nan_to_null(bounds["high"])]
    write_json(
        path,
        {
            **figures,
            "intervals": {"confidence": 0.95, "resamples": resamples, **intervals},
            "PCK@0.05-by-point": result.by_point(),
            "dataset": result.dataset,
            "provenance": provenance,
            "points": list(result.points),
            "images": list(result.images),
            "matches": {"keypoints": _pack(result.keypoints), "boxes": _pack(result.boxes)},
            "correct": result.correct.tolist(),
            "labelled": result.labelled.tolist(),
            "format": _FORMAT,
        },
    )


def read_result(path: Path) -> KeypointResult:
    """Reads what :func:`write_result` wrote.

    Raises:
        UserError: missing, or no keypoint result of this format.
    """
    data = read_json(path)
    try:
        if data["format"] != _FORMAT:
            raise UserError(f"'{path}' has format {data['format']}, but this version reads {_FORMAT}; evaluate again.")
        keypoints, boxes = (_unpack(data["matches"][kind]) for kind in ("keypoints", "boxes"))
        correct, labelled = (np.array(data[name], dtype=np.int64) for name in ("correct", "labelled"))
        names = data["dataset"], tuple(data["points"]), tuple(data["images"])
        return KeypointResult(*names, keypoints, boxes, correct, labelled)
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"'{path}' is no vehicle-keypoint result ({error!r}); evaluate again.") from None


def _pack(table: MatchTable) -> dict[str, Any]:
    """Outcomes as text, a row of '.', 'x' (hit) and 'i' (ignored) per threshold."""
    rows = np.where(table.hit, "x", np.where(table.ignored, "i", "."))
    outcomes = ["".join(row) for row in rows]
    return {"truths": table.truths.tolist(), "image": table.image.tolist(), "outcomes": outcomes}


def _unpack(data: dict[str, Any]) -> MatchTable:
    outcomes = np.array([list(row) for row in data["outcomes"]], dtype="<U1").reshape(len(data["outcomes"]), -1)
    image = np.array(data["image"], dtype=np.int64)
    return MatchTable(np.array(data["truths"], dtype=np.int64), image, outcomes == "x", outcomes == "i")
