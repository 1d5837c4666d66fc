"""The knee of each class's curve (Figure 4) from a store's runs: with its interval, and chosen and reported apart."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from synmix.compose.thresholds import Knee, knee, knee_interval
from synmix.report.estimates import Estimate, Estimates
from synmix.report.selection import change_on, figure_on, halves
from synmix.study.comparison import RESAMPLES, Arm
from synmix.study.experiments import SYNTHETIC, classes_of, removed

TOLERANCE = 1.0  # AP points that count as no loss


@dataclass(frozen=True)
class ClassKnee:
    """Up to where removal is harmless for a class."""

    knee: Knee
    low: float
    high: float
    seeds: int  # of the threshold that has the fewest
    ways: tuple[tuple[float, Estimate], ...]  # a half's knee, and what AP changes there on the other half


def sweep(estimates: Estimates) -> dict[float, Arm]:
    """Percentage removed -> its runs on the synthetic validation set, as far as they are there."""
    scale = estimates.scale
    found = {float(p): estimates.arm(removed(scale, p), SYNTHETIC) for p in sorted(scale.grid["removal"])}
    return {percent: arm for percent, arm in found.items() if arm is not None}


@lru_cache(maxsize=4)
def class_knees(estimates: Estimates) -> dict[str, ClassKnee]:
    """Of each class that is there; empty before every threshold of the scale's grid is run."""
    arms = sweep(estimates)
    if len(arms) < len(set(estimates.scale.grid["removal"])) or len(arms) < 3:
        return {}
    found = {name: _knee(arms, f"AP-{name}") for name in classes_of(estimates.scale)}
    return {name: one for name, one in found.items() if one is not None}


def _knee(arms: dict[float, Arm], figure: str) -> ClassKnee | None:
    curve = {percent: arm.runs(figure) for percent, arm in arms.items()}
    if any(np.isnan(runs.values).any() for runs in curve.values()):
        return None
    low, high = knee_interval(curve, TOLERANCE)
    images = next(iter(arms[0.0].by_seed.values())).images
    ways = []
    parts = halves(images) if len(images) >= 4 else ()
    for here, there in (parts, parts[::-1]) if parts else ():
        values = {percent: [figure_on(arm, here, figure)] for percent, arm in arms.items()}
        if not np.isnan(list(values.values())).any():
            chosen = knee(values, TOLERANCE).percent
            ways.append((chosen, change_on(there, arms[0.0], arms[chosen], figure, RESAMPLES // 4)))
    whole = knee({percent: runs.values.tolist() for percent, runs in curve.items()}, TOLERANCE)
    return ClassKnee(whole, low, high, min(len(arm.seeds) for arm in arms.values()), tuple(ways))
