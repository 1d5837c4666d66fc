"""Sizes and overlaps beside a match table: what an analysis of errors needs and AP alone does not.

Shape legend: I images, P predictions and G truths in all images, T IoU thresholds.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

import numpy as np

from synmix.errors import UserError
from synmix.evaluate.matching import IOU_THRESHOLDS, ImageMatches

if TYPE_CHECKING:
    from synmix.evaluate.average_precision import MatchTable

#: Columns with a value for each truth; the others have one for each prediction.
TRUTH_COLUMNS = ("truth_image", "truth_category", "truth_pixels", "taker")


@dataclass(frozen=True)
class Details:
    """Pixels of predictions and truths, and what they share, in the order of the match table.

    Truths are regions that must be found. ``own_truth``, ``other_truth`` and ``taker`` count within the image, so that
    a part of the images needs no renumbering.
    """

    pixels: np.ndarray  # (P,) int64
    own_truth: np.ndarray  # (P,) int64, the truth of the prediction's class with the highest IoU; -1: it meets none
    own_shared: np.ndarray  # (P,) int64, pixels shared with it
    other_truth: np.ndarray  # (P,) int64, the same among truths of other classes
    other_shared: np.ndarray  # (P,) int64
    truth_image: np.ndarray  # (G,) int64, index into the table's images, ascending
    truth_category: np.ndarray  # (G,) int64
    truth_pixels: np.ndarray  # (G,) int64
    taker: np.ndarray  # (G, T) int64, the prediction that is the truth's true positive; -1: missed

    def subset(self, predictions: np.ndarray, images: np.ndarray) -> "Details":
        """The part of some predictions, (P,) bool, and of the images (ascending) they are of."""
        truths = np.isin(self.truth_image, images)
        rows = {column.name: truths if column.name in TRUTH_COLUMNS else predictions for column in fields(self)}
        part = replace(self, **{name: getattr(self, name)[keep] for name, keep in rows.items()})
        return replace(part, truth_image=np.searchsorted(images, part.truth_image))

    def truth_rows(self, image: np.ndarray, place: np.ndarray) -> np.ndarray:
        """Where truths, given by image and place within it, stand among all truths; -1 stays -1."""
        return np.where(place >= 0, np.searchsorted(self.truth_image, image) + place, -1)

    def ious(self, truth_rows: np.ndarray, shared: np.ndarray) -> np.ndarray:
        """(P,) float64, the IoU of each prediction with its truth; 0 where it has none (-1)."""
        if not len(self.truth_pixels):
            return np.zeros(len(shared))
        return np.where(truth_rows >= 0, shared / (self.pixels + self.truth_pixels[truth_rows] - shared), 0.0)

    def taken(self, image: np.ndarray) -> np.ndarray:
        """(P, T) int64, which of all truths each prediction takes; -1 where it is no true positive.

        Args:
            image: (P,) the table's column.
        """
        found = np.full((len(self.pixels), self.taker.shape[1]), -1)
        truth, threshold = np.nonzero(self.taker >= 0)
        prediction = np.searchsorted(image, self.truth_image[truth]) + self.taker[truth, threshold]
        found[prediction, threshold] = truth
        return found


def details_of_images(parts: Sequence[ImageMatches]) -> Details:
    """Puts the details of all images, in the table's order, into one."""
    overlaps = [part.overlaps for part in parts]
    empty = np.zeros(0, dtype=np.int64)
    names = [column.name for column in fields(Details) if column.name not in TRUTH_COLUMNS]
    return Details(
        **{name: np.concatenate([empty, *(getattr(part, name) for part in overlaps)]) for name in names},
        truth_image=np.repeat(np.arange(len(parts)), [len(part.truth_ids) for part in parts]),
        truth_category=np.concatenate([empty, *(part.truth_categories for part in parts)]),
        truth_pixels=np.concatenate([empty, *(part.truth_pixels for part in parts)]),
        taker=np.concatenate([np.zeros((0, len(IOU_THRESHOLDS)), np.int64), *(part.taker for part in overlaps)]),
    )


def details_of(table: "MatchTable", wanted: str) -> Details:
    """The details of a table.

    Args:
        wanted: what needs them, for the message.

    Raises:
        UserError: a table of an older result file, which has none.
    """
    if table.details is None:
        raise UserError(
            f"{wanted} needs sizes and overlaps of predictions, which a result of format 1 lacks; evaluate again."
        )
    return table.details
