"""The paper's numbers ("Boosting Instance Segmentation with Synthetic Data"): AP in percent, and where it contradicts
itself. Tables 1, 2 and 5 stand in the configs of their trainings (``TEST.PUBLISHED``); Tables 3 and 4 are read by the
planner too and lie in :mod:`synmix.compose.published`."""

from collections.abc import Mapping, Sequence
from typing import Any

from synmix.compose.published import CELLS

Table = Mapping[tuple[Any, Any], float]

#: (epochs, synthetic images added) -> AP on Cityscapes
TABLE_3: Table = {(cell.epochs, cell.synthetic): cell.average_precision for cell in CELLS}
#: Figure 4's text: where a class's curve begins to fall, in % of its labels removed.
FIGURE_4_KNEE: Mapping[str, float] = {"person": 60.0}
FIGURE_4_KNEE_OTHERS = 30.0
#: Figure 6.
FIGURE_6_OPTIMUM = 0.005  # effective learning rate, lr / (1 - momentum)
#: Cityscapes test server.
TEST_SET: Mapping[str, float] = {"Baseline": 30.5, "Best mixture": 34.8}

#: Labels of 2,975 images (4.1): Synscapes before and after removal, Cityscapes.
LABELS_BEFORE, LABELS_AFTER, LABELS_CITYSCAPES = 137_255, 70_744, 54_060

#: Where the text disagrees with itself or is silent, and what this project does.
CONTRADICTIONS: tuple[tuple[str, str], ...] = (
    (
        "Table 4 gives 35.1 AP at 20k iterations for 3k real images alone; Table 3's same composition at 50 epochs "
        "(18.6k iterations) has 36.2.",
        "Table 4 is derived from Table 3 here, so its first row would read 36.2; both numbers are shown.",
    ),
    (
        "Section 4.3 drops the learning rate 'in the last 60k and last 20k iterations', of 24k iterations in all.",
        "Read as 6k and 2k: the drops after 18k and 22k of section 3.3.",
    ),
    (
        "24k iterations at batch 8 over 2,975 images are 64.5 epochs; Table 3 calls them 66.",
        "66 epochs of real images alone are the 24k baseline itself (both read 35.7); mixtures get 66 epochs.",
    ),
    (
        "'Around 40 %' of the labels are removed, but 137,255 to 70,744 is 48.5 %.",
        "60 % of persons and 30 % of the rest give 48.5 % if persons are 61 % of the labels: these are used.",
    ),
    (
        "It is not said whether the removal touches the validation labels.",
        "It does not here: removed training labels become background, validation sets keep every label.",
    ),
    (
        "The metric ignores ground truth below 100 pixels: removing smaller labels touches what is never scored.",
        "The manifest of each run gives every class's threshold in pixels too.",
    ),
    (
        "Not said: what becomes of images left without labels, Figure 4's later thresholds, Figure 6's grid, seeds.",
        "Each is a key of the config; Figure 6 gets a 1-2-5 grid over the range its text gives, and seeds are 0, 1, 2.",
    ),
)


def on_grid(table: Table, rows: Sequence[float], columns: Sequence[float]) -> dict[tuple[float, float], float | None]:
    """A published table laid on another grid: the same cells where the grid is the paper's; on a coarser grid of the
    miniature each cell gets the published cell at the same place from the start, or the end for the last."""
    published_rows, published_columns = (sorted({key[axis] for key in table}) for axis in (0, 1))
    row_of, column_of = _places(rows, published_rows), _places(columns, published_columns)
    return {(row, column): table.get((row_of[row], column_of[column])) for row in rows for column in columns}


def _places(grid: Sequence[float], published: Sequence[float]) -> dict[float, float]:
    """Each value of a grid -> the published value in its place: by rank, the last to the last."""
    last = len(grid) - 1
    return {
        value: published[-1 if index == last else min(index, len(published) - 1)] for index, value in enumerate(grid)
    }
