"""Published numbers on composition and budget: Tables 3 and 4 of the paper (4.2), average precision on Cityscapes.

Where the two disagree is told by :func:`best_affordable` against ``TABLE_4``: at 20,000 iterations Table 4 prints 35.1,
but Table 3's cell within that limit (50 epochs of the 2975 real images, 18,594 iterations) has 36.2.
"""

from dataclasses import dataclass

from synmix.compose.budget import iterations_of

REAL_IMAGES = 2975
SYNTHETIC_IMAGES = 20_000
BATCH_SIZE = 8
#: The paper's rule: spend so many epochs on as many images as the budget allows.
RULE_EPOCHS = 50
#: Where removal stops being harmless (4.1, Figure 4): 60 % of the persons, 30 % of the other classes.
REMOVAL: dict[str, int] = {"default": 30, "person": 60}

#: epochs -> synthetic images beside the 2975 real ones -> AP
TABLE_3: dict[int, dict[int, float]] = {
    33: {0: 32.6, 3_000: 37.6, 6_000: 38.4, 9_000: 38.8, 12_000: 38.9, 20_000: 40.3},
    50: {0: 36.2, 3_000: 37.9, 6_000: 38.9, 9_000: 39.3, 12_000: 39.3, 20_000: 40.9},
    66: {0: 35.7, 3_000: 37.2, 6_000: 37.7, 9_000: 39.3, 12_000: 38.9, 20_000: 40.5},
}
#: iteration limit -> (AP, synthetic images)
TABLE_4: dict[int, tuple[float, int]] = {
    20_000: (35.1, 0),
    40_000: (38.4, 6_000),
    60_000: (38.9, 6_000),
    80_000: (39.3, 9_000),
    100_000: (40.3, 20_000),
    150_000: (40.9, 20_000),
}


@dataclass(frozen=True)
class Cell:
    """One training of Table 3."""

    epochs: int
    synthetic: int
    average_precision: float

    @property
    def iterations(self) -> int:
        """What the training cost, at batch 8."""
        return iterations_of(self.epochs, REAL_IMAGES + self.synthetic, BATCH_SIZE)


CELLS: tuple[Cell, ...] = tuple(
    Cell(epochs, synthetic, value) for epochs, row in TABLE_3.items() for synthetic, value in row.items()
)


def best_affordable(iterations: int) -> Cell | None:
    """The best cell of Table 3 within a limit, the cheaper one of equals: how Table 4 follows from Table 3."""
    affordable = [cell for cell in CELLS if cell.iterations <= iterations]
    return max(affordable, key=lambda cell: (cell.average_precision, -cell.iterations), default=None)
