"""The paper's rule for a budget (4.2, Table 4): 50 epochs of as many images as it allows, all the real ones first."""

import math
from dataclasses import dataclass

from synmix.compose import published
from synmix.compose.budget import PAPER_FRACTIONS, epochs_of, iterations_of, steps_of
from synmix.errors import UserError


@dataclass(frozen=True)
class Plan:
    """A recommended training; ``iterations`` never exceeds ``budget``.

    >>> found = plan(80_000)
    >>> found.images, round(found.epochs, 1)
    (12800, 50.0)
    """

    budget: int  # iterations at hand
    batch_size: int
    real: int  # images
    synthetic: int
    iterations: int

    @property
    def images(self) -> int:
        return self.real + self.synthetic

    @property
    def epochs(self) -> float:
        """How often an image is seen."""
        return epochs_of(self.iterations, self.images, self.batch_size)

    def overrides(self, real_set: str, synthetic_set: str) -> list[tuple[str, str]]:
        """Config keys and values that make this training of any config, the removal of the paper (4.1) included."""
        sets = [(real_set, self.real), (synthetic_set, self.synthetic)]
        used = [(name, count) for name, count in sets if count]
        removal = [(f"DATASETS.REMOVAL.{name}", str(percent)) for name, percent in published.REMOVAL.items()]
        return [
            ("DATASETS.TRAIN", "(" + "".join(f'"{name}",' for name, _ in used) + ")"),
            ("DATASETS.IMAGES", str(tuple(count for _, count in used))),
            *(removal if self.synthetic else []),
            ("SOLVER.IMS_PER_BATCH", str(self.batch_size)),
            ("SOLVER.EPOCHS", "None"),
            ("SOLVER.MAX_ITER", str(self.iterations)),
            ("SOLVER.STEPS", str(steps_of(self.iterations, PAPER_FRACTIONS))),
        ]


def plan(
    budget: int,
    num_real: int = published.REAL_IMAGES,
    num_synthetic: int = published.SYNTHETIC_IMAGES,
    batch_size: int = published.BATCH_SIZE,
    epochs: float = published.RULE_EPOCHS,
) -> Plan:
    """The paper's rule: 80,000 iterations of 8 are 50 epochs of 12,800 images, 2,975 real and 9,825 synthetic.

    A budget too small for so many epochs of the real images goes to these alone, seen less often: the paper finds no
    use for synthetic images there, and a real image always the better one (Figure 5). A budget too large for all
    images is left unspent: Table 3 gains nothing from 66 epochs.

    Args:
        budget: iterations.
        num_real: real images at hand.
        num_synthetic: synthetic ones.

    Raises:
        UserError: a budget, batch size, number of epochs or of real images that is not above 0.

    >>> found = plan(80_000)
    >>> found.real, found.synthetic
    (2975, 9825)
    """
    for what, value in (("budget", budget), ("batch size", batch_size), ("epochs", epochs), ("real images", num_real)):
        if value <= 0:
            raise UserError(f"the {what} is {value}; give a number above 0.")
    images = min(math.floor(budget * batch_size / epochs), num_real + max(0, num_synthetic))
    if images < num_real:
        return Plan(budget, batch_size, num_real, 0, budget)
    return Plan(budget, batch_size, num_real, images - num_real, iterations_of(epochs, images, batch_size))


def nearest_cells(iterations: int, count: int = 4) -> list[published.Cell]:
    """The published trainings of Table 3 whose cost is nearest, the cheapest first."""
    by_distance = sorted(published.CELLS, key=lambda cell: abs(math.log(cell.iterations / iterations)))
    return sorted(by_distance[:count], key=lambda cell: cell.iterations)
