"""The worst mistakes as a page of pictures: large objects that were missed, and false positives with high scores."""

import heapq
import itertools
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from synmix.data.images import read_rgb
from synmix.evaluate.dataset_truth import read_ground_truth
from synmix.evaluate.ground_truth import GroundTruth
from synmix.evaluate.masks import Crop, MaskSet, crop_of
from synmix.evaluate.matching import FALSE_POSITIVE, IOU_THRESHOLDS, ImageMatches
from synmix.pictures import save_picture, side_by_side

_TRUTH, _PREDICTED = (0, 200, 90), (255, 70, 60)  # green, red
_COLUMNS, _WIDTH, _HEIGHT = 4, 400, 300


@dataclass(frozen=True)
class _Mistake:
    """One picture: what was predicted and what is true there, as crops."""

    frame: Mapping[str, Any]
    title: str
    predicted: Crop | None
    true: Crop | None

    @property
    def box(self) -> tuple[int, int, int, int]:
        """Left, top, right and bottom of both masks."""
        crops = [crop for crop in (self.predicted, self.true) if crop is not None]
        corners = np.array([(x, y, x + mask.shape[1], y + mask.shape[0]) for x, y, mask in crops])
        left, top = corners[:, :2].min(axis=0).tolist()
        right, bottom = corners[:, 2:].max(axis=0).tolist()
        return left, top, right, bottom


class WorstMistakes:
    """Collects the worst mistakes while images are scored; an observer of the evaluator.

    A missed object is true and has no prediction of its class with an IoU above 0.5; a false positive is one at that
    threshold. Only the worst of each are kept.

    Args:
        classes: class names in the order of the categories.
        keep: how many of each kind.
    """

    def __init__(self, classes: Sequence[str], keep: int = 12) -> None:
        self._classes, self._keep = classes, keep
        self._order = itertools.count()  # heapq compares what follows among equals; a mistake has no order
        self.missed: list[tuple[float, int, _Mistake]] = []
        self.invented: list[tuple[float, int, _Mistake]] = []

    def __call__(
        self,
        frame: Mapping[str, Any],
        masks: MaskSet,
        categories: np.ndarray,
        scores: np.ndarray,
        matches: ImageMatches,
    ) -> None:
        """Looks at one image."""
        truth: list[GroundTruth] = []  # read once, and only where something is kept

        def true_crop(region: int) -> Crop | None:
            if region < 0:
                return None
            if not truth:
                truth.append(read_ground_truth(frame, len(self._classes)))
            return crop_of(truth[0].region_mask(region))

        def predicted_crop(index: int) -> Crop | None:
            return crop_of(masks.mask(index)) if index >= 0 else None

        for row in np.flatnonzero(matches.outcomes[:, 0] == FALSE_POSITIVE).tolist():
            if self._is_worse(self.invented, matches.scores[row]):
                title = f"{self._classes[matches.categories[row]]}, score {matches.scores[row]:.2f}, "
                title += f"best IoU {matches.ious[row]:.2f}"
                predicted, true = predicted_crop(int(matches.index[row])), true_crop(int(matches.regions[row]))
                self._push(self.invented, matches.scores[row], _Mistake(frame, title, predicted, true))
        for row in np.flatnonzero(matches.truth_ious <= IOU_THRESHOLDS[0]).tolist():
            if self._is_worse(self.missed, matches.truth_pixels[row]):
                best = int(matches.truth_best[row])
                title = f"{self._classes[matches.truth_categories[row]]}, {matches.truth_pixels[row]:,} pixels, "
                title += f"best IoU {matches.truth_ious[row]:.2f}" if best >= 0 else "nothing predicted"
                mistake = _Mistake(frame, title, predicted_crop(best), true_crop(int(matches.truth_ids[row])))
                self._push(self.missed, matches.truth_pixels[row], mistake)

    def _is_worse(self, heap: list[tuple[float, int, _Mistake]], badness: float) -> bool:
        return len(heap) < self._keep or badness > heap[0][0]

    def _push(self, heap: list[tuple[float, int, _Mistake]], badness: float, mistake: _Mistake) -> None:
        heapq.heappush(heap, (float(badness), next(self._order), mistake))
        if len(heap) > self._keep:
            heapq.heappop(heap)

    def write(self, folder: str | os.PathLike[str], name: str) -> list[Path]:
        """Writes ``<name>_missed.png`` and ``<name>_false_positives.png``, the worst first; what has no mistakes or no
        images gets no page.

        Returns:
            the pages written.
        """
        pages = []
        for kind, heap in (("missed", self.missed), ("false_positives", self.invented)):
            mistakes = [mistake for _, _, mistake in sorted(heap, key=lambda entry: (-entry[0], entry[1]))]
            pictures = [_picture(mistake) for mistake in mistakes if Path(mistake.frame["file_name"]).is_file()]
            if pictures:
                rows = [pictures[first : first + _COLUMNS] for first in range(0, len(pictures), _COLUMNS)]
                pages.append(Path(folder) / f"{name}_{kind}.png")
                save_picture(pages[-1], side_by_side(rows, _WIDTH))
        return pages


def _picture(mistake: _Mistake) -> tuple[str, np.ndarray]:
    """Title and (300, 400, 3) picture: the surroundings, what is true in green, what was predicted in red."""
    image = read_rgb(mistake.frame["file_name"])
    left, top, right, bottom = _window(mistake, image.shape[0], image.shape[1])
    scale = _WIDTH / (right - left)
    enlarged = cv2.resize(image[top:bottom, left:right], (_WIDTH, _HEIGHT), interpolation=cv2.INTER_LINEAR)
    for crop, color in ((mistake.true, _TRUTH), (mistake.predicted, _PREDICTED)):
        if crop is not None:
            x, y, mask = crop
            canvas = np.zeros(image.shape[:2], dtype=np.uint8)
            canvas[y : y + mask.shape[0], x : x + mask.shape[1]] = mask
            shown = cv2.resize(canvas[top:bottom, left:right], (_WIDTH, _HEIGHT), interpolation=cv2.INTER_NEAREST)
            contours, _ = cv2.findContours(shown, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
            cv2.drawContours(enlarged, contours, -1, color, 2 if scale < 4 else 3, cv2.LINE_AA)
    return mistake.title, enlarged


def _window(mistake: _Mistake, height: int, width: int) -> tuple[int, int, int, int]:
    """The part of the image to show: both masks with some surroundings, in the picture's proportions."""
    left, top, right, bottom = mistake.box
    columns, rows = right - left, bottom - top
    wide = max(1.8 * columns, 1.8 * rows * _WIDTH / _HEIGHT, 64.0)
    wide = min(wide, width, height * _WIDTH / _HEIGHT)
    high = wide * _HEIGHT / _WIDTH
    x = min(max(0.0, left + columns / 2 - wide / 2), width - wide)
    y = min(max(0.0, top + rows / 2 - high / 2), height - high)
    return round(x), round(y), round(x + wide), round(y + high)
