"""The keypoint result of one run on one data set.

Written to ``OUTPUT_DIR/results/<data set>.json``: figures in percent and their intervals at the top, then per point,
then the match tables from which every figure of any resample of the images follows.

Shape legend: I images, D detections, T thresholds, K points, B resamples.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from synmix.errors import UserError
from synmix.evaluate.bootstrap import Interval, image_weights
from synmix.evaluate.result import READERS
from synmix.files import nan_to_null, read_json, write_json
from vehicle_keypoints.average_precision import MatchTable, Predictions, Truth, match, summary
from vehicle_keypoints.pck import PointCounts, count_points, count_points_as_seed

#: The figures, as they are named everywhere. The last is Phase 0's own, which flatters a model that finds little.
FIGURES = ("AP", "AP50", "AP75", "box-AP50", "PCK@0.05", "PCK@0.05-original")
_FORMAT = 1
#: What the files of these results are called by, so that a store knows who reads them.
KIND = "vehicle keypoints"


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
    intervals: Mapping[str, Interval] = field(default_factory=dict)  # empty where there was no resampling

    @cached_property
    def figures(self) -> dict[str, float]:
        """Each of :data:`FIGURES` in percent."""
        return {name: float(value[0]) for name, value in self.weighted(np.ones((len(self.images), 1))).items()}

    def replicates(self, resamples: int = 1000, seed: int = 0) -> dict[str, np.ndarray]:
        """(B,) each of the figures over resamples of the images."""
        return self.weighted(image_weights(len(self.images), resamples, seed))

    def weighted(self, weights: np.ndarray) -> dict[str, np.ndarray]:
        """(B,) each of :data:`FIGURES` in percent, with images weighted by (I, B)."""
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


def write_result(path: Path, result: KeypointResult, resamples: int, seed: int, provenance: dict[str, Any]) -> None:
    """Writes a result, atomically, with percentile intervals from ``resamples`` resamples of its images."""
    figures = {name: nan_to_null(value) for name, value in result.figures.items()}
    intervals = {}
    if resamples and result.images:
        for name, values in result.replicates(resamples, seed).items():
            known = values[~np.isnan(values)]
            low, high = np.percentile(known, [2.5, 97.5]) if len(known) else (np.nan, np.nan)
            intervals[name] = [nan_to_null(float(low)), nan_to_null(float(high))]
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
            "kind": KIND,
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
        result = KeypointResult(*names, keypoints, boxes, correct, labelled)
        bounds = {name: ends for name, ends in data["intervals"].items() if name in FIGURES and None not in ends}
        found = {name: Interval(result.figures[name], *ends) for name, ends in bounds.items()}
        return replace(result, intervals=found)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, ArithmeticError) as error:
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


READERS[KIND] = read_result
