"""Honest selection: what is chosen on one half of the validation images is reported on the other, both ways round.

The best of several is partly the luckiest: on the images that chose it its figure flatters. Beside each choice stands
the set that cannot be told from the best (Hsu), over other seeds and other images.
"""

import hashlib
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np

from synmix import statistics
from synmix.evaluate.average_precision import average_precision, figure_names, figures_of
from synmix.evaluate.result import make_result
from synmix.report.estimates import CONFIDENCE, Estimate
from synmix.statistics import comparison_with_best, percentile_interval
from synmix.study.comparison import Arm, gain, shared_runs

Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True)
class Way(Generic[Key]):
    """One way round: chosen on a half, reported on the other."""

    chosen: Key
    reported: Estimate  # its figure on the others


@dataclass(frozen=True)
class Selection(Generic[Key]):
    """The best of several candidates, three ways."""

    best: Key  # on all images
    value: float  # its figure there, which flatters
    ways: tuple[Way[Key], ...]  # () with fewer than four images
    contenders: tuple[Key, ...]  # cannot be told from the best
    is_open: bool  # too few seeds for that


def halves(images: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Images in two halves, by the checksum of their names: the same on every machine, and each city in both."""
    order = sorted(images, key=lambda name: hashlib.sha256(name.encode()).hexdigest())
    return tuple(sorted(order[::2])), tuple(sorted(order[1::2]))


def on_half(arm: Arm, half: Sequence[str], resamples: int) -> Arm:
    """The same trainings, judged on some of the images."""
    by_seed = {
        seed: make_result(result.dataset, result.table.subset(half), resamples=0)
        for seed, result in arm.by_seed.items()
    }
    return Arm(arm.name, by_seed, resamples)


def figure_on(arm: Arm, half: Sequence[str], figure: str) -> float:
    """An arm's mean figure on some of the images; nan where they hold nothing of it."""
    return float(np.mean([_figure(result, half, figure) for result in arm.by_seed.values()]))


def _figure(result: Any, half: Sequence[str], figure: str) -> float:
    table = result.table.subset(half)
    place = figure_names(table.classes).index(figure)
    return float(figures_of(average_precision(table))[place])


def estimate_of(arm: Arm, figure: str) -> Estimate:
    """The mean over seeds with its interval; of one training that of its images."""
    runs = arm.runs(figure)
    found = statistics.mean(runs)
    low, high = percentile_interval(runs.replicates[:, 0], CONFIDENCE) if found.is_open else found.interval(CONFIDENCE)
    return Estimate(found.value, low, high, len(arm.seeds), found.is_open)


def select(candidates: Mapping[Key, Arm], figure: str = "AP", resamples: int = 1000) -> Selection[Key]:
    """Chooses the best of arms of mask results, all of the same images.

    Raises:
        ValueError: no candidate.
    """
    if not candidates:
        raise ValueError("there is no candidate")
    values = {key: float(arm.runs(figure).values.mean()) for key, arm in candidates.items()}
    best = max(values, key=lambda key: values[key])
    images = next(iter(candidates[best].by_seed.values())).images
    parts = halves(images) if len(images) >= 4 else ()
    ways = tuple(
        _way(candidates, figure, here, there, resamples) for here, there in (parts, parts[::-1]) if parts
    ) if parts else ()  # fmt: skip
    contenders, is_open = contenders_of(candidates, figure)
    return Selection(best, values[best], ways, contenders, is_open)


def _way(
    candidates: Mapping[Key, Arm], figure: str, here: Sequence[str], there: Sequence[str], resamples: int
) -> Way[Key]:
    found = {key: figure_on(arm, here, figure) for key, arm in candidates.items()}
    chosen = max(found, key=lambda key: (not np.isnan(found[key]), found[key]))
    return Way(chosen, estimate_of(on_half(candidates[chosen], there, resamples), figure))


def contenders_of(candidates: Mapping[Key, Arm], figure: str = "AP") -> tuple[tuple[Key, ...], bool]:
    """Those that cannot be told from the best, and whether seeds are too few to tell: then it is all of them."""
    keys, arms = list(candidates), list(candidates.values())
    seeds, runs = shared_runs(arms, figure)
    paired = len(seeds) > 1
    found = comparison_with_best(runs if paired else [arm.runs(figure) for arm in arms], paired)
    return tuple(key for key, may in zip(keys, found.contenders, strict=True) if may), len(keys) > 1 and bool(
        np.isinf(found.high).all()
    )


def change_on(half: Sequence[str], before: Arm, after: Arm, figure: str, resamples: int) -> Estimate:
    """``after - before`` on some of the images, in points."""
    found = gain(on_half(before, half, resamples), on_half(after, half, resamples), figure)
    seeds = min(len(before.seeds), len(after.seeds))
    return Estimate(found.value, *found.interval(CONFIDENCE), seeds, found.is_open, found)
