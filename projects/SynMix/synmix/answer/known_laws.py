"""Laws that are known, and tables drawn from them: what an answer is checked against.

Two of the laws lie outside the family that is fitted: ``saturates`` (exponentials) and ``needs length``.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from synmix.answer.table import Cell, Table, Training, make_table

REAL, SYNTHETIC, LENGTHS = (750, 1500, 3000), (0, 3000, 9000), (10_000, 20_000, 40_000)
TRAINING_SD, SEED_SD = 0.4, 0.3  # of one training, and of what a seed does to all of its trainings
_STEP = 1e-3  # relative, of the true slopes


@dataclass(frozen=True)
class Law:
    """A known law: the mean AP of real images, synthetic images and iterations."""

    name: str
    ap: Callable[[float, float, float], float]
    truth: str  # the verdict that is right at the longest common length, or "none" where either side of 0 would be

    def rate(self, real: float, synthetic: float, iterations: float) -> float:
        """The true exchange rate."""
        up, down = 1 + _STEP, 1 - _STEP
        of_real = (self.ap(real * up, synthetic, iterations) - self.ap(real * down, synthetic, iterations)) / real
        of_more = (self.ap(real, synthetic * up, iterations) - self.ap(real, synthetic * down, iterations)) / synthetic
        return max(of_real, 0) / of_more if of_more > 1e-12 else math.inf


def _helps(real: float, synthetic: float, iterations: float) -> float:
    return 48 - 6 * (iterations / 2e4) ** -0.7 - 9 * ((real + 0.25 * synthetic) / 1000) ** -0.5


def _nothing(real: float, synthetic: float, iterations: float) -> float:
    return 48 - 6 * (iterations / 2e4) ** -0.7 - 9 * (real / 1000) ** -0.5


def _length(real: float, synthetic: float, iterations: float) -> float:
    """Only length counts, and hardly the images."""
    return 45 - 8 * (iterations / 2e4) ** -0.6 - 0.3 * (real / 1000) ** -0.5


def _needs_length(real: float, synthetic: float, iterations: float) -> float:
    """Real images alone are learned quickly and then overlearned; the mixture is ahead only where training is long."""
    share = real / (real + synthetic)
    learned = 9 * math.exp(-iterations * (share + 0.35 * (1 - share)) / 9e3)
    return 46 - learned - 8 * ((real + 0.3 * synthetic) / 1000) ** -0.5 - 1.0 * iterations / (real + synthetic) / 13


def _saturates(real: float, synthetic: float, iterations: float) -> float:
    worth = real + 800 * (1 - math.exp(-synthetic / 4000))
    return 45 - 5 * math.exp(-iterations / 1.5e4) - 8 * math.exp(-worth / 2000)


def _harms(real: float, synthetic: float, iterations: float) -> float:
    share = real / (real + synthetic)
    return 46 - 6 * (iterations * (share + 0.1 * (1 - share)) / 2e4) ** -0.7 - 7 * (real / 1000) ** -0.5


LAWS = (
    Law("helps", _helps, "helps"),
    Law("does not", _nothing, "none"),
    Law("only by length", _length, "none"),
    Law("needs length", _needs_length, "helps"),
    Law("saturates", _saturates, "helps"),
    Law("harms", _harms, "does not help"),
)


def full_design() -> list[Cell]:
    """Every real size x synthetic amount x length."""
    return [Cell(real, synthetic, length) for real in REAL for synthetic in SYNTHETIC for length in LENGTHS]


def draw_table(law: Law, cells: Sequence[Cell], seeds: int, generator: np.random.Generator) -> Table:
    """A table as a study would give: AP to a tenth, seeds that move all trainings alike."""
    shared = generator.normal(0, SEED_SD, seeds)
    return make_table(
        (
            Training(cell, seed, round(float(law.ap(*cell) + shared[seed] + generator.normal(0, TRAINING_SD)), 1))
            for cell in cells
            for seed in range(seeds)
        ),
        law.name,
    )
