"""The worst mistakes as a page of pictures: large objects that were missed, and false positives with high scores."""

import bisect
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
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


#: The worst first; what is equally bad in the order of image names, so that it does not depend on who saw it when.
_Rank = tuple[float, str, int]
_Ranked = tuple[_Rank, _Mistake]


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
        self.missed: list[_Ranked] = []  # the worst first
        self.invented: list[_Ranked] = []

    @classmethod
    def merged(cls, parts: Sequence["WorstMistakes"]) -> "WorstMistakes":
        """The worst of all, whoever saw them."""
        whole = cls(parts[0]._classes, parts[0]._keep)
        for part in parts:
            for kept, ranked in ((whole.missed, part.missed), (whole.invented, part.invented)):
                for rank, mistake in ranked:
                    whole._keep_if_among_worst(kept, rank, partial(_itself, mistake))
        return whole

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
                truth.append(read_ground_truth(frame, self._classes))
            return crop_of(truth[0].region_mask(region))

        def predicted_crop(index: int) -> Crop | None:
            return crop_of(masks.mask(index)) if index >= 0 else None

        def invented(row: int) -> _Mistake:
            title = f"{self._classes[matches.categories[row]]}, score {matches.scores[row]:.2f}, "
            title += f"best IoU {matches.ious[row]:.2f}"
            predicted, true = predicted_crop(int(matches.index[row])), true_crop(int(matches.regions[row]))
            return _Mistake(frame, title, predicted, true)

        def missed(row: int) -> _Mistake:
            best = int(matches.truth_best[row])
            title = f"{self._classes[matches.truth_categories[row]]}, {matches.truth_pixels[row]:,} pixels, "
            title += f"best IoU {matches.truth_ious[row]:.2f}" if best >= 0 else "nothing predicted"
            return _Mistake(frame, title, predicted_crop(best), true_crop(int(matches.truth_ids[row])))

        for row in np.flatnonzero(matches.outcomes[:, 0] == FALSE_POSITIVE).tolist():
            rank = (-float(matches.scores[row]), str(frame["image_id"]), row)
            self._keep_if_among_worst(self.invented, rank, partial(invented, row))
        for row in np.flatnonzero(matches.truth_ious <= IOU_THRESHOLDS[0]).tolist():
            rank = (-float(matches.truth_pixels[row]), str(frame["image_id"]), row)
            self._keep_if_among_worst(self.missed, rank, partial(missed, row))

    def _keep_if_among_worst(self, kept: list[_Ranked], rank: _Rank, mistake: Callable[[], _Mistake]) -> None:
        if len(kept) < self._keep or rank < kept[-1][0]:
            bisect.insort(kept, (rank, mistake()), key=lambda entry: entry[0])
            del kept[self._keep :]

    def write(self, folder: str | os.PathLike[str], name: str) -> list[Path]:
        """Writes ``<name>_missed.png`` and ``<name>_false_positives.png``, the worst first; what has no mistakes or no
        images gets no page.

        Returns:
            the pages written.
        """
        pages = []
        for kind, ranked in (("missed", self.missed), ("false_positives", self.invented)):
            mistakes = [mistake for _, mistake in ranked]
            pictures = [_picture(mistake) for mistake in mistakes if Path(mistake.frame["file_name"]).is_file()]
            if pictures:
                rows = [pictures[first : first + _COLUMNS] for first in range(0, len(pictures), _COLUMNS)]
                pages.append(Path(folder) / f"{name}_{kind}.png")
                save_picture(pages[-1], side_by_side(rows, _WIDTH))
        return pages


def _itself(mistake: _Mistake) -> _Mistake:
    return mistake


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
