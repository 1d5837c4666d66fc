"""Error bars of AP: match tables in, :mod:`synmix.statistics` does the rest.

A figure of one training has a percentile interval over resamples of the images. Two models are compared over seeds and
images (random effects); with one training a side that question is open, and what is said is about these two trainings
on other images. Whether a figure rests on classes with hardly an object is said too: nothing can know of objects that
it never saw.

Shape legend: I images, B resamples, S trainings, N swaps, F figures (AP, AP50, and both per class).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from synmix.errors import UserError
from synmix.evaluate.average_precision import (
    MatchTable,
    average_precision,
    figure_names,
    figures_of,
    resampled_average_precision,
)
from synmix.statistics import (
    Estimate,
    Runs,
    difference,
    image_variance,
    image_weights,
    percentile_interval,
    swap_test,
)

#: Below so many objects a class's interval promises too much (docs/benchmarks/statistics.md).
LEAST_OBJECTS = 15
_CHUNK = 1000  # resamples at a time: bounds the memory
_SWAPS = 1000
_OPEN = Estimate(np.nan, np.inf, 0.0)


@dataclass(frozen=True)
class Interval:
    """A figure in percent with its confidence interval; nan throughout where the class has no ground truth.

    >>> Interval(36.2, low=34.9, high=37.4).high
    37.4
    """

    value: float
    low: float
    high: float
    rare: float = 0.0  # the share of the figure that rests on classes with less than LEAST_OBJECTS objects


@dataclass(frozen=True)
class Difference(Interval):
    """``b - a`` in percentage points.

    With two trainings or more on each side, interval and p-value are over other seeds and other images. With one on a
    side the difference is *open*: they are over other images only, of these very trainings, and ``estimate``, on which
    verdicts are built, has no ends.

    >>> from synmix.evaluate import match_folders
    >>> a, b = (match_folders(name, "gtFine") for name in ("worse", "predictions"))
    >>> difference = paired_difference([a], [b])["AP-car"]
    >>> difference.open, difference.low <= difference.value <= difference.high
    (True, True)
    """

    p_value: float = np.nan  # two-sided; the swap test's where the difference is open
    image_p_value: float = np.nan  # the swap test's: these very trainings on other images
    open: bool = False
    why: str = ""  # it is open, or what the interval cannot hold
    estimate: Estimate = _OPEN


def resampled_figures(table: MatchTable, resamples: int = 1000, seed: int = 0) -> np.ndarray:
    """(B, F) the figures of each resample of the table's images, in percent."""
    return _figures(table, image_weights(len(table.images), resamples, seed))


def runs_of(tables: Sequence[MatchTable], resamples: int = 1000, seed: int = 0) -> dict[str, Runs]:
    """Every figure of an arm's trainings, ready for :mod:`synmix.statistics`.

    Raises:
        UserError: no table, fewer than two images, or tables of different images or classes.
    """
    check_tables(tables)
    values = np.stack([figures_of(average_precision(table)) for table in tables])  # (S, F)
    replicates = np.stack([resampled_figures(table, resamples, seed) for table in tables], axis=1)  # (B, S, F)
    names = figure_names(tables[0].classes)
    return {name: Runs(values[:, place], replicates[:, :, place]) for place, name in enumerate(names)}


def confidence_intervals(
    table: MatchTable, resamples: int = 1000, confidence: float = 0.95, seed: int = 0
) -> dict[str, Interval]:
    """Percentile intervals of every figure of one training over resamples of the images.

    Raises:
        UserError: the table has no image.

    >>> from synmix.evaluate import match_folders
    >>> interval = confidence_intervals(match_folders("worse", "gtFine"))["AP-car"]
    >>> interval.low <= interval.value <= interval.high
    True
    """
    if not table.images:
        raise UserError("there is no image to resample: the results are of an empty set.")
    values, replicates = figures_of(average_precision(table)), resampled_figures(table, resamples, seed)
    rare = rare_shares(table)
    return {
        name: Interval(float(value), *percentile_interval(replicates[:, place], confidence), rare[name])
        for place, (name, value) in enumerate(zip(figure_names(table.classes), values, strict=True))
    }


def paired_difference(
    a: Sequence[MatchTable],
    b: Sequence[MatchTable],
    resamples: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
    paired_trainings: bool | None = None,
    swaps: int = _SWAPS,
) -> dict[str, Difference]:
    """How much better model ``b`` is than model ``a`` on the same images.

    Args:
        a: one table for each training (seed) of the first model.
        b: of the second, of the same images.
        paired_trainings: ``a[i]`` and ``b[i]`` belong together, as with equal seeds; None: where there are as many.
        swaps: of the swap test, which is left out with 0.

    Returns:
        for each figure the difference of the means ``b - a`` in percentage points.

    Raises:
        UserError: no tables, fewer than two images, tables of different images or classes, or sides that do not pair.

    >>> from synmix.evaluate import match_folders
    >>> a, b = (match_folders(name, "gtFine") for name in ("worse", "predictions"))
    >>> round(paired_difference([a], [b])["AP-car"].value, 1)
    60.0
    """
    if not a or not b:
        raise UserError("a comparison needs at least one result on each side.")
    check_tables([*a, *b])
    paired = len(a) == len(b) if paired_trainings is None else paired_trainings
    if paired and len(a) != len(b):
        raise UserError(
            f"{len(a)} and {len(b)} trainings do not pair; give results of the same seeds on both sides, in one order."
        )
    first, second = runs_of(a, resamples, seed), runs_of(b, resamples, seed)
    rare, images = rare_shares(a[0]), len(a[0].images)
    swapped = swap_test(mixed_models(a, b), images, swaps, seed).p_value().tolist() if swaps else [np.nan] * len(first)
    p_values = dict(zip(first, swapped, strict=True))
    found = {}
    for name in first:
        estimate = difference(first[name], second[name], paired)
        shown, p_value = estimate, estimate.p_value()
        if estimate.is_open:  # Student's, which percentiles of few images fall short of
            change = second[name].replicates.mean(axis=1) - first[name].replicates.mean(axis=1)
            shown, p_value = Estimate(estimate.value, image_variance(change), images - 1), p_values[name]
        low, high = shown.interval(confidence)
        about = (p_value, p_values[name], estimate.is_open, _why(len(a), len(b)), estimate)
        found[name] = Difference(estimate.value, low, high, rare[name], *about)
    return found


def rare_shares(table: MatchTable) -> dict[str, float]:
    """For each figure the share that rests on rare classes: 0 or 1 of a class's own, and of AP, which is the mean over
    the classes that are there, their share among these."""
    count = table.truths.sum(axis=0)
    rare = (count > 0) & (count < LEAST_OBJECTS)
    share = float(rare.sum() / max((count > 0).sum(), 1))
    own = rare.astype(float).tolist()
    return dict(zip(figure_names(table.classes), [share, share, *own, *own], strict=True))


def remarks(found: Mapping[str, Interval]) -> list[str]:
    """What a reader of the figures has to know beside them, in sentences."""
    said = []
    overall = found["AP"]
    if isinstance(overall, Difference) and overall.why:
        said.append(overall.why)
    rare = [name.removeprefix("AP-") for name, figure in found.items() if name.startswith("AP-") and figure.rare]
    if rare:
        said.append(
            f"fewer than {LEAST_OBJECTS} objects: {', '.join(rare)}; their intervals promise too much, and "
            f"{overall.rare:.0%} of AP rests on them"
        )
    return said


def check_tables(tables: Iterable[MatchTable]) -> None:
    """Sees to it that tables can be compared.

    Raises:
        UserError: fewer than two images, or tables of different images, classes or truth.
    """
    tables = list(tables)
    for table in tables:
        if not table.images:
            raise UserError("there is no image to resample: the results are of an empty set.")
        if len(table.images) < 2:
            raise UserError(f"one image ('{table.images[0]}') says nothing of others; evaluate on two at least.")
        _check_same(tables[0], table)


def _figures(table: MatchTable, weights: np.ndarray) -> np.ndarray:
    """(B, F) under (I, B) weights of the images."""
    chunks = [weights[:, first : first + _CHUNK] for first in range(0, weights.shape[1], _CHUNK)]
    return figures_of(np.concatenate([resampled_average_precision(table, np.ascontiguousarray(c)) for c in chunks]))


def mixed_models(a: Sequence[MatchTable], b: Sequence[MatchTable]) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """What :func:`synmix.statistics.swap_test` asks for: the (N, F) mean figures of models whose predictions come from
    ``a`` for some images and from ``b`` for the others. Runs at equal places are mixed; of sides of different numbers,
    each with each."""
    paired = len(a) == len(b)
    both = zip(a, b, strict=True) if paired else ((one, other) for one in a for other in b)
    joined = [join_models(one, other) for one, other in both]

    def mixed(first: np.ndarray, second: np.ndarray) -> np.ndarray:
        weights = np.concatenate([first, second])
        return np.mean([_figures(table, weights) for table in joined], axis=0)

    return mixed


def join_models(a: MatchTable, b: MatchTable) -> MatchTable:
    """Both models' matches of the same images as if these were there twice; a weight for each chooses one of them."""
    return replace(
        a,
        images=(*a.images, *b.images),
        truths=np.concatenate([a.truths, b.truths]),
        image=np.concatenate([a.image, b.image + len(a.images)]),
        category=np.concatenate([a.category, b.category]),
        score=np.concatenate([a.score, b.score]),
        outcome=np.concatenate([a.outcome, b.outcome]),
    )


def _why(first: int, second: int) -> str:
    fewest = min(first, second)
    if fewest == 1:
        return (
            "open: one training on a side says nothing of another seed; interval and p-value are of these very "
            "trainings on other images"
        )
    if fewest == 2:
        return "two trainings on a side: where trainings vary much, the interval promises too much; take three"
    return ""


def _check_same(first: MatchTable, other: MatchTable) -> None:
    if first.classes != other.classes:
        raise UserError(f"results of different classes cannot be compared: {first.classes} and {other.classes}.")
    if first.images != other.images:
        differing = sorted(set(first.images) ^ set(other.images))
        raise UserError(
            f"a paired comparison needs results on the same images, but {len(differing)} are in one only, the first is "
            f"'{differing[0]}'; evaluate both on one data set."
        )
    if not np.array_equal(first.truths, other.truths):
        raise UserError("the two results were scored against different ground truth; evaluate both again.")
