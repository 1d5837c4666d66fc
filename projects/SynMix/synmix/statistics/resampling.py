"""Replicates of figures: what each of several runs would have scored on other images of the same kind.

A figure is computed from a weight for each image, so that masks, keypoints and any other metric are resampled alike:
draw weights once, compute every run's figure under each column of them, and stack the results to (B, S). The weights
are the same for all runs, so that what hard images do to all of them cancels in differences.

Shape legend: I images, B resamples, S runs (trainings).
"""

import numpy as np


def image_weights(num_images: int, resamples: int, seed: int) -> np.ndarray:
    """(I, B) float32, how often each image is drawn in each resample; equal seeds draw alike on every machine.

    >>> image_weights(num_images=3, resamples=4, seed=0).sum(axis=0).tolist()
    [3.0, 3.0, 3.0, 3.0]
    """
    generator = np.random.default_rng(seed)
    draws = generator.integers(0, num_images, size=(resamples, num_images))
    keys = draws + num_images * np.arange(resamples)[:, None]
    counts = np.bincount(keys.ravel(), minlength=resamples * num_images)
    return counts.reshape(resamples, num_images).T.astype(np.float32)


def jackknife_weights(num_images: int, groups: int = 500, seed: int = 0) -> np.ndarray:
    """(I, G) float32, all images but one group of them in each column, G = min(I, groups); where there are more images
    than groups, groups are drawn at random and differ in size by one at most.

    >>> jackknife_weights(3).tolist()
    [[0.0, 1.0, 1.0], [1.0, 0.0, 1.0], [1.0, 1.0, 0.0]]

    Raises:
        ValueError: fewer than two images, of which none can be left out.
    """
    groups = min(groups, num_images)
    if groups < 2:
        raise ValueError(f"a jackknife needs two images at least, not {num_images}")
    member: np.ndarray = np.arange(num_images)
    if groups < num_images:
        member = np.random.default_rng(seed).permutation(num_images) % groups
    return (member[:, None] != np.arange(groups)).astype(np.float32)


def jackknife_replicates(left_out: np.ndarray) -> np.ndarray:
    """Figures without one group of images each, spread so that their sample variance is the jackknife's variance: from
    here on they serve wherever bootstrap replicates do, except for percentiles.

    Args:
        left_out: (G, ...) figures under :func:`jackknife_weights`.

    >>> values = np.array([1.0, 2.0, 6.0])
    >>> left_out = np.array([np.delete(values, i).mean() for i in range(3)])
    >>> bool(np.isclose(jackknife_replicates(left_out).var(ddof=1), values.var(ddof=1) / 3))  # exact for a mean
    True
    """
    groups = len(left_out)
    middle = left_out.mean(axis=0)
    return middle + (left_out - middle) * (groups - 1) / np.sqrt(groups)


def known_replicates(replicates: np.ndarray) -> np.ndarray:
    """(B', S) the resamples in which every run has the figure; one without any object of a class has none.

    >>> known_replicates(np.array([[1.0, 2.0], [np.nan, 3.0]])).tolist()
    [[1.0, 2.0]]
    """
    replicates = np.asarray(replicates, dtype=np.float64)
    replicates = replicates[:, None] if replicates.ndim == 1 else replicates
    return replicates[np.isfinite(replicates).all(axis=1)]


def image_covariance(replicates: np.ndarray) -> np.ndarray:
    """(S, S) how the figures of S runs vary together with the images; nan with fewer than two known resamples.

    >>> image_covariance(np.array([[1.0, 1.0], [3.0, 5.0]])).tolist()
    [[2.0, 4.0], [4.0, 8.0]]
    """
    known = known_replicates(replicates)
    if len(known) < 2:
        return np.full((known.shape[1], known.shape[1]), np.nan)
    return np.atleast_2d(np.cov(known, rowvar=False))


def image_variance(replicates: np.ndarray) -> float:
    """V_img: the variance, over images, of the mean of the runs' figures (or of their paired differences).

    Args:
        replicates: (B, S), for differences ``after - before``; (B,) for one run.

    >>> image_variance(np.array([[1.0, 1.0], [3.0, 5.0]]))
    4.5
    """
    return float(image_covariance(replicates).mean())


def interaction_variance(replicates: np.ndarray) -> float:
    """V_e: the variance, over images, of what is a run's own, averaged over runs; the seeds' spread holds it already.

    It is what the runs' replicates do not share: the mean of their variances less the mean of their covariances. One
    run cannot tell it from what all runs share: 0, the cautious answer.

    >>> shared = np.array([[-1.0], [1.0], [-1.0], [1.0]])
    >>> own = np.array([[-1.0, 1.0], [1.0, -1.0], [1.0, -1.0], [-1.0, 1.0]])
    >>> round(interaction_variance(shared + own), 6)  # the variance of ``own`` is 4 / 3, its covariance -4 / 3
    2.666667
    """
    covariance = image_covariance(replicates)
    runs = len(covariance)
    if runs < 2:
        return 0.0
    own = np.trace(covariance) / runs
    shared = (covariance.sum() - np.trace(covariance)) / (runs * (runs - 1))
    return float(max(own - shared, 0.0))


def percentile_interval(replicates: np.ndarray, confidence: float = 0.95) -> tuple[float, float]:
    """Efron's percentile interval of a figure of **one** run over other images; it knows nothing of other trainings.

    >>> [round(end, 6) for end in percentile_interval(np.arange(101.0), confidence=0.9)]
    [5.0, 95.0]

    Returns:
        low and high, nan without a known resample.
    """
    known = known_replicates(replicates)[:, 0]
    if not len(known):
        return float("nan"), float("nan")
    tail = 50.0 * (1.0 - confidence)
    low, high = np.percentile(known, [tail, 100.0 - tail])
    return float(low), float(high)
