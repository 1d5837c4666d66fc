"""The metric in one call: a folder of predictions, a folder of labels, and the figures with their intervals."""

import os

from synmix.evaluate.cityscapes_format import match_folders
from synmix.evaluate.result import Result, make_result, provenance


def evaluate_folders(
    predictions: str | os.PathLike[str],
    ground_truth: str | os.PathLike[str],
    *,
    resamples: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
    num_workers: int = 0,
) -> Result:
    """Scores predictions in the Cityscapes result format.

    Args:
        predictions: a text file an image, ``{city}_{sequence}_{frame}*.txt``, with lines ``mask.png label score``.
        ground_truth: the instance maps, ``*_instanceIds.png``.
        resamples: of the images, for the intervals; 0 leaves these out.
        num_workers: processes; 0 takes all cores.

    Returns:
        ``figures`` in percent by name (``AP``, ``AP50``, ``AP-car``, ..) and their ``intervals``.

    Raises:
        UserError: a folder or file is missing, or cannot be read.

    >>> result = evaluate_folders("predictions", "gtFine", num_workers=1)
    >>> {name: round(value, 1) for name, value in result.figures.items() if value == value}
    {'AP': 80.0, 'AP50': 100.0, 'AP-car': 80.0, 'AP50-car': 100.0}
    """
    table = match_folders(predictions, ground_truth, num_workers)
    source = provenance(predictions=str(predictions), ground_truth=str(ground_truth))
    return make_result(str(ground_truth), table, resamples, confidence, seed, source)
