"""cityscapesScripts' own evaluation, to print beside ours: its functions one after the other, as ``evaluateImgLists``
calls them, but without the files which that leaves in the working directory and in the package's folder."""

import copy
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from cityscapesscripts.evaluation import evalInstanceLevelSemanticLabeling as script
from cityscapesscripts.evaluation.instances2dict import instances2dict

from synmix.errors import UserError
from synmix.labels import CLASS_NAMES


def official_average_precision(
    predictions: Sequence[Path], ground_truth: Sequence[Path], root: Path, classes: Sequence[str] = CLASS_NAMES
) -> np.ndarray | None:
    """(C, T) average precision in 0..1 as the script finds it; None where it crashes: it raises IndexError for a class
    with ground truth whose every prediction is ignored (its issue 89).

    Args:
        predictions: the text file of each image.
        ground_truth: the instance map of each image, in the same order.
        root: the folder that no prediction may leave.
        classes: of the eight, those to give, in this order; each is scored as if it were alone.

    Raises:
        UserError: the script itself refused the files.
    """
    args = copy.copy(script.args)
    args.quiet, args.predictionPath = True, str(root.absolute())
    script.setInstanceLabels(args)
    maps = [str(path.absolute()) for path in ground_truth]
    try:
        truths = instances2dict(maps, False)
        matches = script.matchGtWithPreds([str(path) for path in predictions], maps, truths, args)
        found = script.evaluateMatches(matches, args)[0]
        return found[[args.instLabels.index(name) for name in classes]]
    except IndexError:
        return None
    except (SystemExit, KeyError, ValueError) as error:
        raise UserError(f"cityscapesScripts refuses these files ({error!r}); see its message above.") from None
