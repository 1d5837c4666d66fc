"""Gains at equal compute and at best, the split, and the verdict."""

import numpy as np
import pytest

from synmix.answer import Cell, Training, make_table
from synmix.answer.gains import compare, equal_compute, gain_at_best, judge, largest_split
from synmix.statistics import Estimate, random_effects


def table_of(values, image_se=None):
    """From {(real, synthetic, iterations): [AP of seed 0, 1, ...]}; None leaves a seed out."""
    return make_table(
        (
            Training(Cell(*cell), seed, ap, image_se)
            for cell, runs in values.items()
            for seed, ap in enumerate(runs)
            if ap is not None
        ),
        "test",
    )


def test_the_longest_common_length_at_the_largest_real_set_is_compared():
    table = table_of(
        {
            (50, 0, 99): [20, 21],
            (50, 9, 99): [25, 26],
            (100, 0, 10): [30, 31],
            (100, 5, 10): [33, 34],
            (100, 0, 20): [32, 33],
            (100, 5, 20): [33, 35],
            (100, 9, 20): [34, 37],
            (100, 9, 40): [39, 40],
        }
    )
    found = equal_compute(table)
    assert (found.control, found.mixture, found.seeds) == (Cell(100, 0, 20), Cell(100, 9, 20), 2)
    assert found.estimate.value == 3


def test_lengths_within_a_percent_are_equal_compute_and_others_are_not():
    near = table_of({(100, 0, 1000): [30, 31], (100, 9, 1009): [33, 34]})
    assert equal_compute(near).control == Cell(100, 0, 1000)
    assert equal_compute(table_of({(100, 0, 1000): [30, 31], (100, 9, 1011): [33, 34]})) is None


def test_shared_seeds_pair_so_that_what_a_seed_does_to_both_cancels():
    table = table_of({(9, 0, 5): [10, 20, 30], (9, 9, 5): [11.1, 21.0, 30.9]})
    estimate = compare(table, Cell(9, 0, 5), Cell(9, 9, 5))
    assert estimate.value == pytest.approx(1.0)
    assert estimate.standard_error == pytest.approx(0.1 / np.sqrt(3))


def test_sides_without_shared_seeds_are_welchs():
    table = table_of({(9, 0, 5): [1, 2, 3], (9, 9, 5): [None, None, None, 2, 4, 6]})
    estimate = compare(table, Cell(9, 0, 5), Cell(9, 9, 5))
    assert (estimate.value, estimate.variance) == (2.0, pytest.approx(5 / 3))


def test_one_training_a_side_is_open():
    table = table_of({(9, 0, 5): [1], (9, 9, 5): [9]})
    estimate = compare(table, Cell(9, 0, 5), Cell(9, 9, 5))
    assert estimate.is_open
    assert judge(estimate) == "open"


def test_image_errors_widen_the_interval():
    values = {(9, 0, 5): [1, 2, 3], (9, 9, 5): [2.1, 3.0, 3.9]}
    narrow, wide = (compare(table_of(values, se), Cell(9, 0, 5), Cell(9, 9, 5)) for se in (None, 0.5))
    assert wide.variance == pytest.approx(narrow.variance + 2 * 0.25)


def test_the_best_length_is_chosen_on_other_seeds():
    """Seed 0's lucky 99 at 10 iterations is chosen for the others, never shown itself."""
    table = table_of({(9, 0, 10): [99, 1, 1], (9, 0, 20): [5, 5, 5], (9, 9, 20): [7, 7, 7]})
    found = gain_at_best(table, 9, 9)
    assert found.estimate.value == pytest.approx(((7 - 5) + (7 - 1) + (7 - 1)) / 3)
    assert found.control == Cell(9, 0, 10)


def test_the_gain_at_best_needs_two_seeds_that_both_sides_share():
    assert gain_at_best(table_of({(9, 0, 10): [1], (9, 9, 10): [2]}), 9, 9) is None
    assert gain_at_best(table_of({(9, 0, 10): [1, 2], (9, 9, 10): [None, None, 1, 2]}), 9, 9) is None


def test_the_split_goes_by_way_of_the_control():
    table = table_of({(9, 0, 10): [30, 31], (9, 0, 40): [33, 35], (9, 9, 40): [34, 37]})
    split = largest_split(table)
    assert (split.total.value, split.length.value, split.data.value) == (5, 3.5, 1.5)
    assert largest_split(table_of({(9, 0, 10): [30, 31], (9, 9, 40): [34, 37]})) is None


@pytest.mark.parametrize(
    "differences, least, margin, verdict",
    [
        ([2.0, 2.2, 2.1], 0, None, "helps"),
        ([2.0, 2.2, 2.1], 2.05, None, "open"),
        ([2.0, 2.2, 2.1], 3, None, "does not help"),
        ([0.1, -0.1, 0.05], 0, None, "open"),
        ([0.1, -0.1, 0.05], 0, 0.5, "does not help"),
        ([0.0, 0.0, 0.0], 0, None, "does not help"),
        ([-2.0, -2.2, -2.1], 0, None, "does not help"),
    ],
)
def test_verdicts(differences, least, margin, verdict):
    assert judge(random_effects(differences, 0.0), least, margin) == verdict


def test_a_higher_confidence_keeps_the_verdict_open_longer():
    estimate = Estimate(1.0, 0.2, 50)
    assert (judge(estimate), judge(estimate, confidence=0.99)) == ("helps", "open")
