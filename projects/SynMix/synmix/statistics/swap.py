"""The paired test on equal images: if two models were equally good, it would not matter which of them saw an image.

For each image it is tossed up whether the two models' predictions change places. How often the figures of the models
so mixed differ as much as those of the true ones is the p-value (a permutation test: exact for models that are
exchangeable, whatever the figure is; Fisher, The Design of Experiments, 1935).

It speaks of **these** trainings on other images. Other trainings are :mod:`synmix.statistics.estimate`'s.

Shape legend: I images, N swaps, F figures.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from synmix.statistics.estimate import Alternative

Figure = Callable[[np.ndarray, np.ndarray], np.ndarray]
_CHUNK = 500  # swaps at a time: bounds the memory
_ROUNDING = 1e-9  # what counts as equal, relative to the largest difference


@dataclass(frozen=True)
class SwapTest:
    """The true differences and those of the mixed models.

    >>> SwapTest(np.array([1.0]), np.array([[0.5], [-0.5], [0.2]])).p_value().tolist()
    [0.25]
    """

    value: np.ndarray  # (F,)
    swapped: np.ndarray  # (N, F)

    def p_value(self, least_gain: float = 0.0, alternative: Alternative = "two-sided") -> np.ndarray:
        """(F,) the share of swaps that differ as much, the true one among them: (1 + count) / (1 + N); nan where the
        figure is unknown.

        Against a least gain other than 0, swapping no longer leaves things as they are; the test then supposes that the
        gain moves all differences alike. That is exact in no case, and slightly cautious, since the gain itself widens
        the spread of the swapped differences.
        """
        distance = self.value - least_gain
        if alternative == "two-sided":
            distance, swapped = np.abs(distance), np.abs(self.swapped)
        else:
            sign = 1.0 if alternative == "greater" else -1.0
            distance, swapped = sign * distance, sign * self.swapped
        known = ~np.isnan(swapped)
        slack = _ROUNDING * np.abs(self.value)
        count = ((swapped >= distance - slack) & known).sum(axis=0)
        return np.where(np.isnan(self.value), np.nan, (1.0 + count) / (1.0 + known.sum(axis=0)))


def swap_test(figure: Figure, num_images: int, swaps: int = 1000, seed: int = 0) -> SwapTest:
    """Tests ``second - first`` on equal images.

    Args:
        figure: from (I, N) weights of the first model's images and (I, N) weights of the second's, which are 0 or 1 and
            add up to 1, the (N,) or (N, F) figures of a model that took each image from the one whose weight is 1. Of
            several trainings it is the mean: all of a side change places together.
        swaps: N, at random; the smallest p-value is 1 / (1 + N).

    Raises:
        ValueError: fewer than two images, or no swap.

    >>> first, second = np.array([1.0, 2, 3, 4, 5, 6]), np.array([2.0, 3, 5, 5, 7, 8])
    >>> test = swap_test(lambda a, b: (first @ a + second @ b) / 6, num_images=6, swaps=4000)
    >>> bool(abs(test.p_value()[0] - 2 / 2**6) < 0.01)  # all six are better: as rare as six heads or six tails
    True
    """
    if num_images < 2 or swaps < 1:
        raise ValueError(f"a swap test needs two images and one swap at least, not {num_images} and {swaps}")
    generator = np.random.default_rng(seed)
    tossed = generator.random((swaps, num_images)) < 0.5  # a row a swap: more swaps begin with the same ones
    columns = np.concatenate([np.zeros((1, num_images), dtype=bool), tossed]).T.astype(np.float32)
    chunks = [columns[:, first : first + _CHUNK] for first in range(0, columns.shape[1], _CHUNK)]
    differences = np.concatenate([_difference(figure, np.ascontiguousarray(chunk)) for chunk in chunks])
    return SwapTest(differences[0], differences[1:])


def _difference(figure: Figure, swapped: np.ndarray) -> np.ndarray:
    """(N, F) the second mixed model's figures less the first's."""
    kept = 1 - swapped
    change = np.asarray(figure(swapped, kept)) - np.asarray(figure(kept, swapped))
    return change[:, None] if change.ndim == 1 else change
