"""Swaps, families, equivalence, verdicts, power and looks."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from synmix.statistics import (
    Estimate,
    answer,
    equivalent,
    holm,
    information_fractions,
    planned_looks,
    power,
    random_effects,
    spent_error,
    swap_test,
)
from synmix.statistics.swap import SwapTest


def mean_of(first, second):
    return lambda a, b: (first @ a + second @ b) / len(first)


@settings(deadline=None)
@given(st.lists(st.integers(-5, 5), min_size=2, max_size=8))
def test_many_swaps_give_the_exact_permutation_test(gains):
    gains = np.array(gains, dtype=float)
    signs = np.array(list(itertools.product([-1, 1], repeat=len(gains))))
    exact = np.mean(np.abs(signs @ gains) >= abs(gains.sum()) - 1e-9)
    test = swap_test(mean_of(np.zeros_like(gains), gains), len(gains), swaps=4000)
    assert test.value[0] == pytest.approx(gains.mean())
    assert test.p_value()[0] == pytest.approx(exact, abs=0.045)  # above five standard errors


def test_exchangeable_models_are_told_apart_as_often_as_the_level_says():
    generator = np.random.default_rng(0)
    p_values = []
    for _ in range(1000):
        first, second = generator.exponential(size=(2, 25)) ** 2  # anything but normal
        p_values.append(swap_test(mean_of(first, second), 25, swaps=99).p_value()[0])
    assert np.mean(np.array(p_values) <= 0.05) == pytest.approx(0.05, abs=0.021)  # three standard errors
    assert np.mean(np.array(p_values) <= 0.5) == pytest.approx(0.5, abs=0.05)


def test_swaps_do_not_care_for_units_and_sides():
    first, second = np.random.default_rng(1).normal(size=(2, 30))
    second = second + 0.3
    test = swap_test(mean_of(first, second), 30, 500)
    assert swap_test(mean_of(5 * first + 1, 5 * second + 1), 30, 500).p_value() == pytest.approx(test.p_value())
    back = swap_test(mean_of(second, first), 30, 500)
    assert back.value == pytest.approx(-test.value) and back.p_value() == pytest.approx(test.p_value())
    assert back.p_value(alternative="less") == pytest.approx(test.p_value(alternative="greater"))


def test_swaps_against_a_least_gain():
    generator = np.random.default_rng(2)
    first = generator.normal(size=100)
    second = first + 1.0 + 0.5 * generator.normal(size=100)
    test = swap_test(mean_of(first, second), 100, 2000)
    above = [float(test.p_value(gain, "greater")[0]) for gain in (0.0, 0.5, 1.0, 1.5)]
    assert above == sorted(above)
    assert above[0] < 0.001 and above[1] < 0.01 and above[3] > 0.99


def test_swaps_of_several_figures_and_an_unknown_one():
    def figure(a, b):
        return np.stack([a.sum(axis=0), b.sum(axis=0), np.full(a.shape[1], np.nan)], axis=1)

    test = swap_test(figure, 10, 50)
    assert test.value[:2].tolist() == [-10, 10]
    assert np.isnan(test.p_value()).tolist() == [False, False, True]
    assert swap_test(figure, 2, 1).swapped.shape == (1, 3)
    for images, swaps in ((1, 50), (2, 0)):
        with pytest.raises(ValueError, match=f"two images .* not {images} and {swaps}"):
            swap_test(figure, images, swaps)


def test_the_p_value_of_swaps_by_hand():
    """Of differences -3, 1 and 3 (and one that is unknown) the true one, 3, is counted with them."""
    test = SwapTest(np.array([3.0]), np.array([[-3 + 1e-12], [1.0], [3 - 1e-12], [np.nan]]))
    found = [test.p_value(alternative=which)[0] for which in ("two-sided", "greater", "less")]
    assert found == [3 / 4, 2 / 4, 4 / 4]
    assert [test.p_value(gain, "greater")[0] for gain in (2.0, 6.0)] == [3 / 4, 4 / 4]
    assert test.p_value(5.0)[0] == 3 / 4  # 2 below the least gain


def test_more_swaps_begin_with_the_same_ones_and_the_seed_decides():
    figure = mean_of(*np.random.default_rng(3).normal(size=(2, 40)))
    few, many = swap_test(figure, 40, 700), swap_test(figure, 40)
    assert few.swapped.shape == (700, 1) and many.swapped.shape == (1000, 1)
    np.testing.assert_allclose(few.swapped, many.swapped[:700], rtol=0, atol=1e-12)
    np.testing.assert_array_equal(swap_test(figure, 40, 700, seed=0).swapped, few.swapped)
    assert (swap_test(figure, 40, 700, seed=1).swapped != few.swapped).any()
    assert len(np.unique(many.swapped)) > 990  # each swap is drawn anew


p_lists = st.lists(st.floats(0, 1), min_size=1, max_size=12)


@settings(deadline=None)
@given(p_lists)
def test_holm_is_stricter_than_plain_and_kinder_than_bonferroni(p_values):
    family = holm(p_values)
    assert (family.adjusted >= family.p_values).all()
    assert (family.adjusted <= np.minimum(1, len(p_values) * family.p_values) + 1e-12).all()
    assert not (family.decided & ~family.plain).any()
    order = np.argsort(p_values, kind="stable")
    assert (np.diff(family.adjusted[order]) >= 0).all()


@settings(deadline=None)
@given(p_lists, st.randoms())
def test_holm_does_not_care_for_order(p_values, random):
    shuffled = list(range(len(p_values)))
    random.shuffle(shuffled)
    adjusted = holm(p_values).adjusted
    np.testing.assert_array_equal(holm([p_values[i] for i in shuffled]).adjusted, adjusted[shuffled])


@settings(deadline=None)
@given(p_lists)
def test_holm_steps_down_as_he_wrote_it(p_values):
    decided = np.zeros(len(p_values), dtype=bool)
    for rank, place in enumerate(np.argsort(p_values, kind="stable")):
        if p_values[place] * (len(p_values) - rank) > 0.05:
            break
        decided[place] = True
    np.testing.assert_array_equal(holm(p_values).decided, decided)


def test_holm_leaves_out_what_was_not_tested():
    family = holm([0.03, math.nan, 0.02])
    assert family.adjusted[[0, 2]].tolist() == [0.04, 0.04] and np.isnan(family.adjusted[1])
    assert family.decided.tolist() == [True, False, True]
    with pytest.raises(ValueError, match="between 0 and 1"):
        holm([1.2])


estimates = st.builds(Estimate, st.floats(-5, 5), st.floats(0.01, 4), st.floats(1, 50))


@settings(deadline=None)
@given(estimates, st.floats(0.1, 5))
def test_equivalence_is_the_narrower_interval_within_the_margin(estimate, margin):
    low, high = estimate.interval(0.9)
    if min(abs(low + margin), abs(high - margin)) > 1e-6:
        assert equivalent(estimate, margin).holds == (-margin < low and high < margin)


def test_not_refuted_is_not_equivalent():
    assert not equivalent(Estimate(0.0, 4.0, 2.0), margin=1.0).holds
    assert not equivalent(random_effects([0.0], 0.0), margin=100.0).holds
    with pytest.raises(ValueError, match="positive"):
        equivalent(Estimate(0.0, 1.0, 2.0), margin=0.0)


@pytest.mark.parametrize(
    "value, error, expected",
    [(3, 0.2, "pass"), (1.5, 0.1, "fail"), (1.8, 0.5, "inconclusive"), (0.1, 0.1, "equivalent"), (-3, 0.2, "fail")],
)
def test_the_four_verdicts(value, error, expected):
    estimate = Estimate(value, error**2, math.inf)
    assert answer(estimate, least_gain=2.0, margin=0.5) == expected
    without = "fail" if expected == "equivalent" else expected
    assert answer(estimate, least_gain=2.0) == without


def test_open_and_unknown_are_inconclusive():
    assert answer(random_effects([9.0], 0.0), 2.0, 0.5) == "inconclusive"
    assert answer(Estimate(math.nan, math.nan, 2.0), 2.0, 0.5) == "inconclusive"


def test_power_before_the_money_is_spent():
    """A gate of 2 with a spread of 0.7 over seeds and an image error of 0.4."""
    shown = {
        (gain, seeds): round(100 * power(gain, 2.0, seeds, 0.7, 0.4, experiments=40_000).passes)
        for gain, seeds in [(3, 3), (3, 5), (3, 20), (4, 3), (4, 5)]
    }
    for cell, percent in {(3, 3): 36, (3, 5): 48, (3, 20): 64, (4, 3): 83, (4, 5): 96}.items():
        assert shown[cell] == pytest.approx(percent, abs=1), cell


def test_power_is_how_often_the_verdict_comes_out():
    generator = np.random.default_rng(0)
    found = []
    for _ in range(1500):
        shared = 0.3 * generator.standard_normal()
        seeds = 0.4 + shared + math.hypot(0.5, 0.2) * generator.standard_normal(4)
        found.append(answer(random_effects(seeds, 0.3**2 + 0.2**2 / 4, 0.2**2), least_gain=1.0, margin=1.2))
    expected = power(0.4, 1.0, 4, 0.5, 0.3, 0.2, margin=1.2, experiments=20_000)
    shares = [found.count(verdict) / len(found) for verdict in ("pass", "fail", "equivalent", "inconclusive")]
    shown = [expected.passes, expected.fails, expected.equivalent, expected.inconclusive]
    assert shares == pytest.approx(shown, abs=0.04)
    assert sum(shown) == pytest.approx(1)


def test_more_images_help_until_seeds_are_what_is_missing():
    few, many, endless = (power(3, 2, 3, 0.7, 0.8, image_factor=f, experiments=20_000).passes for f in (1, 4, 1e6))
    assert few < many
    alone = power(3, 2, 3, 0.7, 0.0, experiments=20_000).passes
    assert endless == pytest.approx(alone, abs=0.01)
    assert power(3, 2, 1, 0.7, 0.4).inconclusive == 1.0
    with pytest.raises(ValueError):
        power(3, 2, 0, 0.7, 0.4)


def test_known_boundaries_of_five_equal_looks():
    """As in Lan and DeMets's own program (R package ldbounds)."""
    fifths = [0.2, 0.4, 0.6, 0.8, 1.0]
    found = [look.boundary for look in planned_looks(fifths)]
    assert found == pytest.approx([4.8769, 3.3569, 2.6803, 2.2898, 2.0310], abs=2e-3)
    found = [look.boundary for look in planned_looks(fifths, "pocock")]
    assert found == pytest.approx([2.4380, 2.4268, 2.4101, 2.3966, 2.3859], abs=2e-3)


@settings(max_examples=10, deadline=None)
@given(st.lists(st.integers(1, 19), min_size=0, max_size=4, unique=True), st.sampled_from(["obrien-fleming", "pocock"]))
def test_looks_together_err_as_often_as_one(twentieths, spending):
    fractions = [share / 20 for share in (*sorted(twentieths), 20)]
    looks = planned_looks(fractions, spending)
    generator = np.random.default_rng(0)
    steps = np.sqrt(np.diff(fractions, prepend=0.0)) * generator.standard_normal((40_000, len(fractions)))
    crossed = np.abs(np.cumsum(steps, axis=1) / np.sqrt(fractions)) > [look.boundary for look in looks]
    assert crossed.any(axis=1).mean() == pytest.approx(0.05, abs=0.005)
    assert looks[-1].spent == pytest.approx(0.05)
    assert [look.level for look in looks] == pytest.approx([2 * stats.norm.sf(look.boundary) for look in looks])


def test_declared_looks_at_trainings_keep_the_false_passes():
    """Adding seeds until the gate passes does not; looks at 3, 5 and 8 seeds, each at its level, do."""
    generator = np.random.default_rng(1)
    seeds, spread, images = [3, 5, 8], 0.7, 0.4
    looks = planned_looks(information_fractions(seeds, spread, images))
    naive = declared = 0
    experiments = 2000
    for _ in range(experiments):
        gains = (
            2.0 + images * generator.standard_normal() + spread * generator.standard_normal(8)
        )  # just the least gain
        found = [random_effects(gains[:number], images**2) for number in seeds]
        naive += any(answer(estimate, 2.0) == "pass" for estimate in found)
        declared += any(
            answer(one, 2.0, None, 1 - look.level) == "pass" for one, look in zip(found, looks, strict=True)
        )
    assert naive / experiments > 0.04
    assert declared / experiments < 0.035  # 2.5 % and two standard errors, and few seeds' own error


def test_spending_and_looks_that_make_no_sense():
    assert spent_error(1.0, "obrien-fleming") == pytest.approx(0.05)
    for fractions in ([], [0.5], [0.0, 1.0], [0.6, 0.3, 1.0]):
        with pytest.raises(ValueError, match="information ascends"):
            planned_looks(fractions)
    with pytest.raises(ValueError, match="unknown spending"):
        planned_looks([1.0], "all at once")
    with pytest.raises(ValueError, match="needs seeds"):
        information_fractions([], 1.0, 1.0)
