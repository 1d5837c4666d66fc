"""Arms as numbers: the results of a training with several seeds, compared by :mod:`synmix.statistics`.

Results of any metric: whatever has ``figures``, ``images``, ``dataset`` and ``replicates``.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from synmix.errors import UserError
from synmix.statistics import Estimate, Ratio, Runs, difference, mean, ratio

RESAMPLES = 1000


class Arm:
    """The results of one training by seed, on one data set.

    Raises:
        UserError: results of different images.
    """

    def __init__(self, name: str, by_seed: Mapping[int, Any], resamples: int = RESAMPLES) -> None:
        self.name = name
        self.by_seed = dict(sorted(by_seed.items()))
        self._replicates = {seed: result.replicates(resamples) for seed, result in self.by_seed.items()}
        if len({result.images for result in self.by_seed.values()}) > 1:
            raise UserError(f"the seeds of '{name}' saw different images; evaluate them again on one data set.")

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds, ascending."""
        return tuple(self.by_seed)

    def runs(self, figure: str) -> Runs:
        """One figure of its trainings.

        Raises:
            UserError: a result lacks it.
        """
        lacking = next((result for result in self.by_seed.values() if figure not in result.figures), None)
        if lacking is not None:
            raise UserError(f"unknown figure '{figure}' on '{lacking.dataset}'; known: {', '.join(lacking.figures)}.")
        values = np.array([result.figures[figure] for result in self.by_seed.values()])
        return Runs(values, np.stack([drawn[figure] for drawn in self._replicates.values()], axis=1))


def gain(control: Arm, candidate: Arm, figure: str = "AP") -> Estimate:
    """``candidate - control`` on the same images; where both have the same seeds, these pair: runs of one seed share
    what they start from.

    Raises:
        UserError: they saw different images, or lack the figure.
    """
    _check_images(control, candidate)
    return difference(control.runs(figure), candidate.runs(figure), control.seeds == candidate.seeds)


def quotient(control: Arm, candidate: Arm, figure: str = "AP") -> Ratio | None:
    """``candidate / control``, as :func:`gain`; None where a side is 0.

    Raises:
        UserError: as :func:`gain`.
    """
    _check_images(control, candidate)
    sides = control.runs(figure), candidate.runs(figure)
    return ratio(*sides, control.seeds == candidate.seeds) if min(float(s.values.mean()) for s in sides) > 0 else None


def contrast(weighted: Sequence[tuple[float, Arm]], figure: str = "AP") -> Estimate:
    """A weighted sum of arms on the same images, over the seeds that all of them have; open with fewer than two.

    Raises:
        UserError: as :func:`gain`.
    """
    arms = [arm for _, arm in weighted]
    for arm in arms[1:]:
        _check_images(arms[0], arm)
    shared, sides = shared_runs(arms, figure)
    if not shared:
        value = sum(weight * float(arm.runs(figure).values.mean()) for weight, arm in weighted)
        return Estimate(value, math.inf, 0.0)
    pairs = [(weight, side) for (weight, _), side in zip(weighted, sides, strict=True)]
    values = np.sum([weight * side.values for weight, side in pairs], axis=0)
    return mean(Runs(values, np.sum([weight * side.replicates for weight, side in pairs], axis=0)))


def shared_runs(arms: Sequence[Arm], figure: str = "AP") -> tuple[list[int], list[Runs]]:
    """The seeds that all arms have, and each arm's runs with these seeds; no runs where there is no such seed."""
    shared = sorted(set.intersection(*(set(arm.seeds) for arm in arms)))
    if not shared:
        return [], []
    places = [[arm.seeds.index(seed) for seed in shared] for arm in arms]
    every = [arm.runs(figure) for arm in arms]
    return shared, [Runs(r.values[p], r.replicates[:, p]) for r, p in zip(every, places, strict=True)]


def _check_images(control: Arm, candidate: Arm) -> None:
    first, second = (next(iter(arm.by_seed.values())) for arm in (control, candidate))
    if first.images != second.images:
        raise UserError(
            f"'{control.name}' and '{candidate.name}' saw different images of '{first.dataset}'; remove the runs of "
            "one of them to train and evaluate it again."
        )
