"""Which candidates cannot be told from the best: Hsu's multiple comparisons with the best.

Source: Hsu, Multiple Comparisons: Theory and Methods, 1996, chapter 4. His critical values suppose independent groups
and a known pattern of variances; here candidates are correlated by their images, so that the values are simulated.

Shape legend: K candidates, S runs of one, D simulated draws.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from synmix.statistics.comparison import Runs
from synmix.statistics.estimate import check_share
from synmix.statistics.resampling import image_covariance

_DRAWS = 20_000


@dataclass(frozen=True)
class BestSet:
    """The best of the sample, and whom it cannot be told from.

    >>> comparison_with_best([Runs(np.array([30.0]), np.array([[30.0], [31.0]]))], paired=True).best
    0
    """

    best: int
    contenders: np.ndarray  # (K,) bool: may be the best; the best of the sample always is among them
    low: np.ndarray  # (K,) simultaneous interval of how far a candidate is ahead of the best of the others: <= 0 ..
    high: np.ndarray  # (K,) .. >= 0; a candidate whose high is 0 is not the best, or equals it where nothing varies


def comparison_with_best(
    candidates: Sequence[Runs], paired: bool, level: float = 0.05, higher_is_better: bool = True, seed: int = 0
) -> BestSet:
    """Compares each candidate with the best of the others; with probability ``1 - level`` the true best is a contender.

    Seeds are supposed to move all candidates equally strongly, so that their spread is pooled: with three seeds of six
    candidates ten degrees of freedom estimate it. Where a candidate has one run and there are several, the answer is
    open: all of them are contenders.

    Args:
        candidates: with replicates of the same resamples of the images.
        paired: run i of all candidates has the same seed.
        seed: of the simulation of critical values.

    Raises:
        ValueError: no candidate, candidates that do not pair, or the level lies outside 0..1.

    >>> images = np.random.default_rng(0).normal(size=(200, 1))
    >>> values = np.array([[20, 21, 22], [30, 31, 33], [31, 32, 32]])
    >>> arms = [Runs(own, own + images) for own in values]
    >>> found = comparison_with_best(arms, paired=True)
    >>> found.best, found.contenders.tolist()
    (2, [False, True, True])
    """
    check_share(level, "level")
    if not candidates:
        raise ValueError("there is no candidate")
    if paired and len({len(runs) for runs in candidates}) > 1:
        raise ValueError("candidates with different numbers of runs do not pair")
    sign = 1.0 if higher_is_better else -1.0
    means = sign * np.array([runs.values.mean() for runs in candidates])
    count, best = len(candidates), int(means.argmax())
    if count == 1:
        return BestSet(0, np.array([True]), np.zeros(1), np.zeros(1))
    if min(map(len, candidates)) < 2:
        return BestSet(best, np.ones(count, dtype=bool), np.full(count, -np.inf), np.full(count, np.inf))
    spread, degrees = _pooled_spread(candidates, paired)
    seeds = spread * np.diag([1.0 / len(runs) for runs in candidates])
    images = _image_part(candidates, paired)
    margins = np.stack(
        [_margins(one, seeds, images, degrees, level, np.random.default_rng([seed, one])) for one in range(count)]
    )  # (K, K): row i holds the margins of i against the others
    ahead = means[:, None] - means
    others = ~np.eye(count, dtype=bool)
    high = np.maximum(np.where(others, ahead + margins, np.inf).min(axis=1), 0.0)
    contenders = (high > 0) | (means == means[best])  # its equals too where nothing varies
    rivals = others & contenders
    low = np.minimum(np.where(rivals, ahead - margins.T, np.inf).min(axis=1), 0.0)
    low[~rivals.any(axis=1)] = 0.0
    if higher_is_better:
        return BestSet(best, contenders, low, high)
    return BestSet(best, contenders, -high, -low)


def _pooled_spread(candidates: Sequence[Runs], paired: bool) -> tuple[float, int]:
    """Variance of a run beyond what its candidate, and its seed where these pair, do to it; its degrees of freedom."""
    if paired:
        values = np.stack([runs.values for runs in candidates])  # (K, S)
        rest = values - values.mean(axis=0) - values.mean(axis=1, keepdims=True) + values.mean()
        degrees = (values.shape[0] - 1) * (values.shape[1] - 1)
        return float((rest**2).sum() / degrees), degrees
    degrees = sum(len(runs) - 1 for runs in candidates)
    return float(sum(((runs.values - runs.values.mean()) ** 2).sum() for runs in candidates) / degrees), degrees


def _image_part(candidates: Sequence[Runs], paired: bool) -> np.ndarray:
    """(K, K) how images move the candidates together, without what is a run's own: that is in the runs' spread."""
    member = np.repeat(np.arange(len(candidates)), [len(runs) for runs in candidates])
    place = np.concatenate([np.arange(len(runs)) for runs in candidates])
    covariance = image_covariance(np.concatenate([runs.replicates for runs in candidates], axis=1))
    own = place[:, None] == place if paired else np.eye(len(member), dtype=bool)
    sums = (member == np.arange(len(candidates))[:, None]).astype(np.float64)  # (K, runs)
    shared = (sums @ np.where(own, 0.0, covariance) @ sums.T) / (sums @ ~own @ sums.T)
    eigenvalues, vectors = np.linalg.eigh((shared + shared.T) / 2)
    return (vectors * np.maximum(eigenvalues, 0.0)) @ vectors.T


def _margins(
    one: int, seeds: np.ndarray, images: np.ndarray, degrees: int, level: float, generator: np.random.Generator
) -> np.ndarray:
    """(K,) how far the others, all of them together, must be ahead of ``one`` to count as better; 0 for itself."""
    count = len(seeds)
    against = np.delete(np.eye(count)[one] - np.eye(count), one, axis=0)  # (K - 1, K)
    from_seeds, from_images = against @ seeds @ against.T, against @ images @ against.T
    normal = generator.standard_normal((_DRAWS, count - 1))
    eigenvalues, vectors = np.linalg.eigh(from_seeds + from_images)
    moved = normal @ (vectors * np.sqrt(np.maximum(eigenvalues, 0.0))).T
    estimated = generator.chisquare(degrees, (_DRAWS, 1)) / degrees
    errors = np.sqrt(estimated * np.diag(from_seeds) + np.diag(from_images))
    ratios = np.divide(moved, errors, out=np.zeros_like(moved), where=errors > 0)
    critical = float(np.quantile(ratios.max(axis=1), 1 - level))
    return np.insert(critical * np.sqrt(np.diag(from_seeds + from_images)), one, 0.0)
