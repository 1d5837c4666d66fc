"""Where a figure's uncertainty comes from: images, seeds, starts, draws. It tells what to buy next.

The variances of the factors are found by equating quadratic forms of the runs' figures with their expectations (the
method of moments, MINQUE(0): Rao, Journal of Multivariate Analysis 1, 1971), for nested, crossed and incomplete designs
alike. What a design cannot tell apart is said, not guessed.

Shape legend: S runs, F factors, B resamples of the images.
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from synmix.statistics.comparison import Runs
from synmix.statistics.resampling import image_variance, interaction_variance

IMAGES, OWN, REST = "images", "images of one training", "rest"


@dataclass(frozen=True)
class Component:
    """One source of variance.

    >>> Component("seed", variance=0.5, of_mean=0.1).unknown
    ''
    """

    name: str  # factors that no run tells apart are named together, "seed + start"
    variance: float  # of a single level: of another seed, another start, another set of as many images; nan: unknown
    of_mean: float  # its part of the variance of the mean over all runs; nan: unknown
    unknown: str = ""  # why the design does not tell


def variance_split(runs: Runs, factors: Mapping[str, Sequence[Hashable]]) -> tuple[Component, ...]:
    """Splits the variance of the mean of runs.

    Args:
        runs: of one arm, or paired differences of two.
        factors: for each factor the level of each run, as ``{"seed": [0, 1, 2], "start": ["a", "a", "b"]}``.

    Returns:
        images (what they do to all runs), images of one training (what they do to it alone), then the factors; "rest"
        where no factor tells every run apart. An estimate below 0 is 0.

    Raises:
        ValueError: a factor has not one level for each run.

    >>> values = np.array([30.0, 31.0, 34.0, 35.0])
    >>> for part in variance_split(Runs(values, np.tile(values, (2, 1))), {"seed": range(4), "start": list("aabb")}):
    ...     print(part.name, round(part.variance, 3), round(part.of_mean, 3))
    images 0.0 0.0
    images of one training 0.0 0.0
    start 7.75 3.875
    seed 0.5 0.125
    """
    number = len(runs)
    for name, levels in factors.items():
        if len(levels) != number:
            raise ValueError(f"factor '{name}' has {len(levels)} levels for {number} runs")
    own = interaction_variance(runs.replicates)
    images = [
        Component(IMAGES, max(image_variance(runs.replicates) - own / number, 0.0), 0.0),
        Component(OWN, own, own / number, "" if number > 1 else "one training: it is among the images"),
    ]
    images[0] = Component(IMAGES, images[0].variance, images[0].variance)
    return (*images, *_factors(runs.values, own, factors))


def _factors(values: np.ndarray, own: float, factors: Mapping[str, Sequence[Hashable]]) -> list[Component]:
    """The components of the factors, the one that tells all runs apart last."""
    number = len(values)
    together = _partitions(factors, number)
    each = tuple(range(number))
    last = together.pop(each, REST)
    partitions = [*together, each]
    names = [*together.values(), last]
    kernels = np.array([np.equal.outer(part, part) for part in map(np.array, partitions)], dtype=np.float64)
    centre = np.eye(number) - 1.0 / number
    centred = centre @ kernels @ centre
    forms = np.einsum("i,fij,j->f", values, centred, values)
    expected = np.einsum("fij,gji->fg", centred, kernels @ centre)
    found, known = _solve(expected, forms)
    found[-1] -= own  # the runs' spread holds what images do to each of them
    found = np.maximum(found, 0.0)
    in_mean = kernels.sum(axis=(1, 2)) / number**2
    return [
        Component(name, float(variance), float(variance * share))
        if is_known
        else Component(name, np.nan, np.nan, _reason(name, part))
        for name, part, variance, share, is_known in zip(names, partitions, found, in_mean, known, strict=True)
    ]


def _partitions(factors: Mapping[str, Sequence[Hashable]], number: int) -> dict[tuple[int, ...], str]:
    """Name by grouping of the runs; factors that group them alike share an entry."""
    found: dict[tuple[int, ...], str] = {}
    for name, levels in factors.items():
        first: dict[Hashable, int] = {}
        grouping = tuple(first.setdefault(level, len(first)) for level in levels)
        found[grouping] = f"{found[grouping]} + {name}" if grouping in found else name
    return found


def _solve(expected: np.ndarray, forms: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(F,) the solution, and (F,) bool where it is the only one."""
    eigenvalues, vectors = np.linalg.eigh(expected)
    small = eigenvalues <= 1e-9 * max(eigenvalues.max(), 1e-300)
    known = (np.abs(vectors[:, small]) < 1e-6).all(axis=1)
    return np.linalg.pinv(expected, rcond=1e-9, hermitian=True) @ forms, known


def _reason(name: str, grouping: tuple[int, ...]) -> str:
    if len(set(grouping)) == 1:
        return f"all runs share one {name}"
    return f"the runs do not tell {name} from the other factors"
