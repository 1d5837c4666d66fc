"""Estimates over seeds and images: laws, known values, and what they hold."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from synmix.statistics import (
    Runs,
    difference,
    image_variance,
    interaction_variance,
    mean,
    random_effects,
    random_effects_interval,
    ratio,
    unpaired_effects,
)

values = st.lists(st.floats(-50, 50), min_size=2, max_size=8)
variance = st.floats(0, 100)


def width(interval):
    return interval[1] - interval[0]


@settings(deadline=None)
@given(values)
def test_without_images_it_is_students(sample):
    low, high = random_effects_interval(sample, image_variance=0.0)
    error = np.std(sample, ddof=1) / math.sqrt(len(sample))
    half = stats.t.ppf(0.975, len(sample) - 1) * error
    assert (low, high) == pytest.approx((np.mean(sample) - half, np.mean(sample) + half), abs=1e-9)


def test_without_seeds_it_is_the_images_alone():
    assert random_effects_interval([2.0, 2.0, 2.0], 0.25) == pytest.approx((2 - 0.98, 2 + 0.98), abs=1e-3)


def test_the_formula_of_satterthwaite():
    sample, images, own = np.array([1.0, 2.5, 3.0]), 0.8, 0.6
    seeds = sample.var(ddof=1) / 3
    total = seeds + images - own / 3
    degrees = total**2 / (seeds**2 / 2)
    half = stats.t.ppf(0.95, degrees) * math.sqrt(total)
    expected = (sample.mean() - half, sample.mean() + half)
    assert random_effects_interval(sample, images, own, confidence=0.9) == pytest.approx(expected)


@settings(deadline=None)
@given(st.floats(-50, 50), variance, variance)
def test_one_training_is_open(value, images, own):
    found = random_effects([value], images, own)
    assert found.is_open and (found.value, found.degrees_of_freedom) == (value, 0)
    assert found.interval() == (-math.inf, math.inf)
    assert found.p_value() == found.p_value(3, "greater") == 1.0


def test_without_any_spread_the_estimate_is_beyond_doubt():
    found = random_effects([2.0, 2.0], 0.0)
    assert [found.p_value(against) for against in (1.9, 2.0, 2.1)] == [0, 1, 0]
    assert [found.p_value(against, "greater") for against in (1.9, 2.0, 2.1)] == [0, 1, 1]
    assert [found.p_value(against, "less") for against in (1.9, 2.0, 2.1)] == [1, 1, 0]
    assert found.interval() == (2, 2) and found.degrees_of_freedom == math.inf


def test_one_training_on_either_side_is_open():
    assert unpaired_effects([1.0], [2.0, 3.0], 0.1).is_open
    assert unpaired_effects([1.0, 2.0], [3.0], 0.1).is_open


@settings(deadline=None)
@given(values, variance, st.floats(0, 50))
def test_more_image_variance_is_never_a_smaller_standard_error(sample, images, more):
    narrow, wide = random_effects(sample, images), random_effects(sample, images + more)
    assert wide.variance >= narrow.variance


@settings(deadline=None)
@given(values, variance, variance, st.floats(0.5, 0.98))
def test_more_confidence_is_a_wider_interval_around_the_mean(sample, images, own, confidence):
    found = random_effects(sample, images, own)
    inner, outer = found.interval(confidence), found.interval(0.99)
    assert outer[0] <= inner[0] <= found.value <= inner[1] <= outer[1]


@settings(deadline=None)
@given(values, variance, variance)
def test_what_is_a_seeds_own_is_not_counted_twice(sample, images, own):
    known = random_effects(sample, images, own)
    assert known.variance <= random_effects(sample, images).variance
    assert known.variance >= max(np.var(sample, ddof=1) / len(sample), images) * (1 - 1e-12)


@settings(deadline=None)
@given(st.lists(st.integers(-50, 50), min_size=2, max_size=8), variance, st.integers(-9, 9), st.floats(0.1, 10))
def test_shifted_and_scaled_differences_shift_and_scale_the_interval(sample, images, shift, scale):
    plain = random_effects_interval(sample, images)
    moved = random_effects_interval(scale * (np.array(sample) + shift), scale**2 * images)
    assert moved == pytest.approx([scale * (end + shift) for end in plain], rel=1e-6, abs=1e-6)


@settings(deadline=None)
@given(values, variance, st.floats(-5, 5))
def test_interval_and_p_value_agree(sample, images, against):
    found = random_effects(sample, images)
    low, high = found.interval(0.95)
    if min(abs(low - against), abs(high - against)) > 1e-6:
        assert (found.p_value(against) < 0.05) == (not low <= against <= high)
        assert (found.p_value(against, "greater") < 0.025) == (low > against)
        assert (found.p_value(against, "less") < 0.025) == (high < against)


@settings(deadline=None)
@given(values, values)
def test_unpaired_sides_without_images_are_welchs(first, second):
    if np.var(first) + np.var(second) < 1e-6:
        return
    expected = stats.ttest_ind(second, first, equal_var=False)
    found = unpaired_effects(first, second, 0.0)
    assert found.degrees_of_freedom == pytest.approx(expected.df, rel=1e-6)
    assert found.p_value() == pytest.approx(expected.pvalue, rel=1e-6, abs=1e-12)


@pytest.mark.parametrize(
    "arguments", [([], 0.1), (1.0, 0.1), ([[1.0], [2.0]], 0.1), ([1.0, 2.0], -0.1), ([1.0, 2.0], 0.1, -1.0)]
)
def test_what_makes_no_sense_is_refused(arguments):
    with pytest.raises(ValueError):
        random_effects(*arguments)
    with pytest.raises(ValueError):
        random_effects([1.0, 2.0], 0.1).interval(95)
    for share in (0.0, 1.0):
        with pytest.raises(ValueError, match="confidence"):
            random_effects([1.0, 2.0], 0.1).interval(share)


def test_unpaired_sides_take_each_ones_own_part_off_the_images():
    first, second, images = [1.0, 2.0, 4.0], [5.0, 5.5], 3.0
    seeds = [np.var(first, ddof=1) / 3, np.var(second, ddof=1) / 2]
    total = sum(seeds) + images - 0.9 / 3 - 0.4 / 2
    found = unpaired_effects(first, second, images, (0.9, 0.4))
    assert (found.value, found.variance) == pytest.approx((5.25 - 7 / 3, total))
    assert found.degrees_of_freedom == pytest.approx(total**2 / (seeds[0] ** 2 / 2 + seeds[1] ** 2 / 1))
    assert unpaired_effects(first, second, 0.1, (9.0, 9.0)).variance == pytest.approx(sum(seeds))  # never below 0
    with pytest.raises(ValueError, match="negative"):
        unpaired_effects(first, second, images, (0.1, -0.1))


def test_unknown_figures_stay_unknown():
    found = random_effects([math.nan, math.nan], math.nan)
    assert np.isnan(found.interval()).all() and math.isnan(found.p_value())


def simulated_arms(generator, seeds, images=200, gain=2.0, spread=1.0, own=3.0, common=4.0):
    """Two arms whose figure is the mean over images; their replicates are exact bootstrap draws of that mean."""
    luck = spread * generator.standard_normal((2, seeds))
    hard = common * generator.standard_normal((2, images, 1))  # images favour one arm: what all its seeds share
    scores = hard + own * generator.standard_normal((2, images, seeds)) + luck[:, None]
    scores[1] += gain
    weights = generator.multinomial(images, np.full(images, 1 / images), size=200) / images
    return [Runs(arm.mean(axis=0), weights @ arm) for arm in scores]


@pytest.mark.parametrize("paired", [True, False])
@pytest.mark.parametrize("spread", [0.0, 0.4, 1.6])
def test_three_trainings_cover_the_true_gain(paired, spread):
    generator = np.random.default_rng(0)
    covered = []
    for _ in range(400):
        low, high = difference(*simulated_arms(generator, 3, spread=spread), paired=paired).interval()
        covered.append(low <= 2.0 <= high)
    assert 0.91 < np.mean(covered) < 0.99  # 95 % with a standard error of 1.1


@settings(deadline=None)
@given(values, values, variance, variance, variance)
def test_no_estimate_is_surer_than_its_images_allow(first, second, images, own, other):
    assert random_effects(first, images, own).variance >= images
    assert unpaired_effects(first, second, images, (own, other)).variance >= images


def test_seeds_that_agree_by_luck_do_not_narrow_what_images_leave_open():
    found = random_effects([0.47, 0.40, 0.50], image_variance=0.11, interaction_variance=0.3)
    assert (found.variance, found.degrees_of_freedom) == (pytest.approx(0.11), math.inf)


def test_images_that_move_each_seed_alone_are_covered():
    generator = np.random.default_rng(3)
    arms = ((difference(*simulated_arms(generator, 3, spread=0.0, common=0.3), paired=True)) for _ in range(400))
    covered = [low <= 2.0 <= high for low, high in (arm.interval() for arm in arms)]
    assert np.mean(covered) > 0.94  # 92 % where the seeds' spread alone is believed


def test_replicates_tell_shared_from_own():
    generator = np.random.default_rng(1)
    images, seeds = 400, 3
    shared, own = [], []
    for _ in range(60):
        arm, _ = simulated_arms(generator, seeds, images)
        own.append(interaction_variance(arm.replicates))
        shared.append(image_variance(arm.replicates) - own[-1] / seeds)
    assert np.mean(own) == pytest.approx(9 / images, rel=0.1)
    assert np.mean(shared) == pytest.approx(16 / images, rel=0.1)


def test_a_ratio_is_what_the_difference_of_logarithms_is_nearly():
    generator = np.random.default_rng(2)
    first, second = simulated_arms(generator, 3, gain=30.0)
    first, second = (Runs(side.values + 60, side.replicates + 60) for side in (first, second))
    found = ratio(first, second, paired=True)
    assert found.value == pytest.approx(second.values.mean() / first.values.mean())
    plain = difference(first, second, paired=True)
    relative = np.array(plain.interval()) / first.values.mean() + 1
    assert found.interval() == pytest.approx(relative, rel=0.03)
    with pytest.raises(ValueError, match="positive"):
        ratio(Runs(first.values - 99, first.replicates), second, paired=True)
    with pytest.raises(ValueError, match="positive"):
        ratio(first, Runs(np.zeros(3), second.replicates), paired=True)


@pytest.mark.parametrize("paired", [True, False])
def test_a_ratio_tests_what_its_interval_says(paired):
    first, second = (
        Runs(side.values + 60, side.replicates + 60) for side in simulated_arms(np.random.default_rng(7), 4)
    )
    found = ratio(first, second, paired)
    for confidence in (0.5, 0.95):
        for end in found.interval(confidence):
            assert found.p_value(end) == pytest.approx(1 - confidence)
    assert found.p_value() == found.p_value(1.0) == found.log.p_value(0.0)
    assert found.interval() == found.interval(0.95)
    back = ratio(second, first, paired)
    assert (back.value, *back.interval()) == pytest.approx((1 / found.value, *(1 / np.array(found.interval()))[::-1]))


@settings(max_examples=20, deadline=None)
@given(st.floats(0.1, 10))
def test_a_ratio_knows_no_unit(unit):
    first, second = simulated_arms(np.random.default_rng(3), 3, gain=20.0)
    first, second = (Runs(side.values + 60, side.replicates + 60) for side in (first, second))
    scaled = [Runs(unit * side.values, unit * side.replicates) for side in (first, second)]
    assert ratio(*scaled, paired=True).interval() == pytest.approx(ratio(first, second, paired=True).interval())


def test_resamples_without_the_figure_are_left_out():
    first, second = simulated_arms(np.random.default_rng(4), 3)
    holes = second.replicates.copy()
    holes[:50, 1] = np.nan
    whole = [Runs(side.values, side.replicates[50:]) for side in (first, second)]
    assert difference(first, Runs(second.values, holes), True) == difference(*whole, True)


def test_sides_that_do_not_pair_are_refused():
    arms = [simulated_arms(np.random.default_rng(5), seeds)[0] for seeds in (2, 3)]
    with pytest.raises(ValueError, match="2 and 3 runs do not pair"):
        difference(*arms, paired=True)
    with pytest.raises(ValueError, match="3 and 2 runs do not pair"):
        difference(*reversed(arms), paired=True)
    assert difference(*arms, paired=False).variance > 0
    many = Runs(np.zeros(2), np.zeros((1000, 2)))
    assert difference(many, Runs(np.ones(2), np.zeros((1000, 2))), paired=True).value == 1
    fewer = Runs(arms[0].values, arms[0].replicates[1:])
    with pytest.raises(ValueError, match="199 and 200 resamples are not of the same images"):
        difference(fewer, arms[0], paired=True)
    for shape, replicates in (((3,), (5, 2)), ((0,), (5, 0)), ((), (5,)), ((2, 3), (5, 2, 3))):
        with pytest.raises(ValueError, match="do not go with"):
            Runs(np.zeros(shape), np.zeros(replicates))


def test_a_difference_by_hand():
    """Its parts by their definitions: seeds from the values, images and each run's own from the replicates."""
    first, second = simulated_arms(np.random.default_rng(8), 3)
    change = second.replicates - first.replicates
    paired = random_effects(second.values - first.values, image_variance(change), interaction_variance(change))
    assert difference(first, second, paired=True) == paired
    images = second.replicates.mean(axis=1) - first.replicates.mean(axis=1)
    own = interaction_variance(first.replicates), interaction_variance(second.replicates)
    apart = unpaired_effects(first.values, second.values, image_variance(images), own)
    assert difference(first, second, paired=False) == apart


def test_an_arms_mean_covers_its_level():
    generator = np.random.default_rng(6)
    intervals = [mean(simulated_arms(generator, 3)[1]).interval() for _ in range(400)]
    assert 0.91 < np.mean([low <= 2.0 <= high for low, high in intervals]) < 0.99
