"""Comparison with the best, where variance comes from, and replicates."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synmix.statistics import (
    Runs,
    comparison_with_best,
    image_variance,
    image_weights,
    jackknife_replicates,
    jackknife_weights,
    percentile_interval,
    variance_split,
)


def arms(generator, levels, seeds=3, spread=1.0, images=1.0):
    """Candidates whose seeds vary, and whose images err alike for all and a little for each."""
    common, own = generator.normal(size=(100, 1)), 0.3 * generator.normal(size=(len(levels), 100, 1))
    values = np.array(levels)[:, None] + spread * generator.normal(size=(len(levels), seeds))
    values += 0.3 * images * generator.normal(size=(len(levels), 1))  # what the images at hand do to each
    return [Runs(row, row + images * (common + shift)) for row, shift in zip(values, own, strict=True)]


@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(-10, 10), min_size=1, max_size=5), st.integers(0, 99), st.booleans())
def test_the_best_is_a_contender_and_intervals_are_constrained(levels, seed, paired):
    candidates = arms(np.random.default_rng(seed), levels)
    found = comparison_with_best(candidates, paired)
    assert found.contenders[found.best]
    assert found.best == np.argmax([runs.values.mean() for runs in candidates])
    assert (found.low <= 0).all() and (found.high >= 0).all()
    assert ((found.high > 0) == found.contenders).all() or len(levels) == 1


def test_lower_is_better_where_asked():
    candidates = arms(np.random.default_rng(0), [10.0, 30.0, 60.0])
    mirrored = [Runs(-runs.values, -runs.replicates) for runs in candidates]
    found, other = comparison_with_best(candidates, True), comparison_with_best(mirrored, True, higher_is_better=False)
    assert (found.best, found.contenders.tolist()) == (2, [False, False, True])
    assert (other.best, other.contenders.tolist()) == (2, [False, False, True])


@pytest.mark.parametrize("paired", [True, False])
def test_the_true_best_is_a_contender_as_often_as_promised(paired):
    generator = np.random.default_rng(1)
    kept = [comparison_with_best(arms(generator, [0, 0, 0, 0.0]), paired).contenders[0] for _ in range(200)]
    assert np.mean(kept) > 0.95 - 0.04  # four equals: the hardest case; two and a half standard errors
    assert np.mean(kept) < 1.0


def test_what_images_do_to_all_candidates_cancels():
    generator = np.random.default_rng(2)
    candidates = arms(generator, [20, 26, 25.8])
    hard = 50 * generator.normal(size=(100, 1))
    moved = [Runs(runs.values, runs.replicates + hard) for runs in candidates]
    assert comparison_with_best(moved, True).contenders.tolist() == [False, True, True]
    apart = [Runs(runs.values, runs.replicates + 50 * generator.normal(size=(100, 1))) for runs in candidates]
    assert comparison_with_best(apart, True).contenders.all()


def test_one_training_leaves_all_in_the_running():
    one = [Runs(np.array([value]), np.full((5, 1), value)) for value in (1.0, 50.0)]
    found = comparison_with_best(one, True)
    assert found.best == 1 and found.contenders.all() and np.isinf(found.low).all()


@pytest.mark.parametrize("paired", [True, False])
def test_equals_of_the_best_are_contenders_also_where_nothing_varies(paired):
    """As trainings of which none finds anything."""
    found = comparison_with_best([still([value] * 3) for value in (0.0, 0.0, -1.0, 0.0)], paired)
    assert (found.best, found.contenders.tolist()) == (0, [True, True, False, True])
    assert found.high.tolist() == [0, 0, 0, 0] and found.low.tolist() == [0, 0, -1, 0]
    least = comparison_with_best([still([value] * 3) for value in (0.0, 0.0, -1.0)], paired, higher_is_better=False)
    assert (least.best, least.contenders.tolist()) == (2, [False, False, True])


def test_candidates_that_make_no_sense():
    runs = arms(np.random.default_rng(0), [1.0, 2.0])
    with pytest.raises(ValueError, match="no candidate"):
        comparison_with_best([], True)
    with pytest.raises(ValueError, match="do not pair"):
        comparison_with_best([runs[0], Runs(np.zeros(2), np.zeros((100, 2)))], True)


def still(values):
    return Runs(np.asarray(values, dtype=float), np.tile(np.asarray(values, dtype=float), (2, 1)))


def test_a_nested_design_is_the_textbooks_analysis_of_variance():
    generator = np.random.default_rng(0)
    groups, each = 6, 4
    values = (3 * generator.normal(size=(groups, 1)) + generator.normal(size=(groups, each))).ravel()
    starts = np.repeat(np.arange(groups), each)
    table = values.reshape(groups, each)
    within = table.var(axis=1, ddof=1).mean()
    between = each * table.mean(axis=1).var(ddof=1)
    found = {part.name: part for part in variance_split(still(values), {"seed": range(24), "start": starts})}
    assert found["seed"].variance == pytest.approx(within)
    assert found["start"].variance == pytest.approx((between - within) / each)
    assert found["start"].of_mean + found["seed"].of_mean == pytest.approx(between / (groups * each))


def test_crossed_factors_are_found_on_average():
    generator = np.random.default_rng(1)
    cells = list(itertools.product(range(6), range(5)))
    starts, draws = zip(*cells, strict=True)
    parts = []
    for _ in range(300):
        start, draw = 2 * generator.normal(size=6), 1 * generator.normal(size=5)
        values = [start[s] + draw[d] + 0.5 * generator.normal() for s, d in cells]
        split = variance_split(still(values), {"start": starts, "draw": draws})
        parts.append([part.variance for part in split[2:]])
    assert [part.name for part in split[2:]] == ["start", "draw", "rest"]
    assert np.mean(parts, axis=0) == pytest.approx([4, 1, 0.25], rel=0.15)


def test_what_a_design_cannot_tell_is_said():
    shared = {part.name: part for part in variance_split(still([1, 2, 4]), {"seed": [0, 1, 2], "start": ["a"] * 3})}
    assert "share one start" in shared["start"].unknown and np.isnan(shared["start"].of_mean)
    assert shared["seed"].variance == pytest.approx(np.var([1, 2, 4], ddof=1))
    alike = variance_split(still([1, 2, 4]), {"seed": [0, 1, 2], "start": ["a", "b", "c"]})
    assert alike[-1].name == "seed + start" and not alike[-1].unknown
    single = variance_split(still([1]), {"seed": [0]})
    assert single[-1].unknown and single[1].unknown
    with pytest.raises(ValueError, match="'start' has 2 levels for 3 runs"):
        variance_split(still([1, 2, 4]), {"start": [0, 1]})


def test_images_are_a_component_of_their_own():
    generator = np.random.default_rng(2)
    common, own = 2 * generator.normal(size=(4000, 1)), 1 * generator.normal(size=(4000, 4))
    runs = Runs(np.array([1.0, 2, 3, 4]), common + own)
    images, one, seed = variance_split(runs, {"seed": range(4)})
    assert (images.variance, one.variance) == pytest.approx((4, 1), rel=0.1)
    assert one.of_mean == pytest.approx(one.variance / 4)
    assert seed.variance == pytest.approx(np.var(runs.values, ddof=1) - one.variance)
    assert images.of_mean + one.of_mean == pytest.approx(image_variance(runs.replicates))


@settings(deadline=None)
@given(st.lists(st.integers(-20, 20), min_size=2, max_size=30))
def test_the_jackknife_is_exact_for_means(scores):
    scores = np.array(scores, dtype=float)
    weights = jackknife_weights(len(scores))
    left_out = scores @ weights / weights.sum(axis=0)
    expected = scores.var(ddof=1) / len(scores)
    assert image_variance(jackknife_replicates(left_out)) == pytest.approx(expected, abs=1e-5)


def test_bootstrap_and_grouped_jackknife_agree():
    scores = np.random.default_rng(3).exponential(size=2000)
    weights, groups = image_weights(2000, 2000, 0), jackknife_weights(2000, groups=400)
    assert groups.shape == (2000, 400) and (groups == 0).sum(axis=0).tolist() == [5] * 400
    drawn = image_variance(scores @ weights / 2000)
    left = image_variance(jackknife_replicates(scores @ groups / groups.sum(axis=0)))
    assert drawn == pytest.approx(scores.var() / 2000, rel=0.1)
    assert left == pytest.approx(scores.var() / 2000, rel=0.2)
    with pytest.raises(ValueError, match="two images"):
        jackknife_weights(1)


def test_percentiles_leave_unknown_resamples_out():
    values = np.array([1.0, np.nan, 2.0, 3.0])
    assert percentile_interval(values, 0.5) == (1.5, 2.5)
    assert np.isnan(percentile_interval(np.array([np.nan]))).all()
