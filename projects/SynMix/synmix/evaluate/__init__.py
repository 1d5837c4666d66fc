"""The Cityscapes instance metric, exact, with error bars.

>>> from synmix.evaluate import evaluate_folders
>>> result = evaluate_folders("predictions", "gtFine")
>>> round(result.figures["AP-car"], 1), result.intervals["AP-car"].low <= result.intervals["AP-car"].high
(80.0, True)
"""

from typing import TYPE_CHECKING

from synmix.lazy import lazily

if TYPE_CHECKING:
    from synmix.evaluate.average_precision import MatchTable, match_table
    from synmix.evaluate.bootstrap import Difference, Interval, confidence_intervals, paired_difference
    from synmix.evaluate.cityscapes_format import match_folders
    from synmix.evaluate.error_causes import error_points
    from synmix.evaluate.folders import evaluate_folders
    from synmix.evaluate.ground_truth import MapGroundTruth, MaskGroundTruth
    from synmix.evaluate.masks import MaskSet, from_masks
    from synmix.evaluate.matching import match_image
    from synmix.evaluate.result import Result, make_result, read_result, write_result

__all__ = [
    "Difference",
    "Interval",
    "MapGroundTruth",
    "MaskGroundTruth",
    "MaskSet",
    "MatchTable",
    "Result",
    "confidence_intervals",
    "error_points",
    "evaluate_folders",
    "from_masks",
    "make_result",
    "match_folders",
    "match_image",
    "match_table",
    "paired_difference",
    "read_result",
    "write_result",
]

__getattr__, __dir__ = lazily(__name__, {
    "average_precision": ("MatchTable", "match_table",),
    "bootstrap": ("Difference", "Interval", "confidence_intervals", "paired_difference",),
    "cityscapes_format": ("match_folders",),
    "error_causes": ("error_points",),
    "folders": ("evaluate_folders",),
    "ground_truth": ("MapGroundTruth", "MaskGroundTruth",),
    "masks": ("MaskSet", "from_masks",),
    "matching": ("match_image",),
    "result": ("Result", "make_result", "read_result", "write_result",),
})  # fmt: skip
