"""Errors by cause: each kind shows where it was made and nowhere else, and mending all of them leaves none."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.synmix.evaluate.drawn import CAR, PERSON, scene, scenes, table_of

from synmix.errors import UserError
from synmix.evaluate.average_precision import average_precision
from synmix.evaluate.error_causes import CAUSES, causes_of, error_points, mended_precision
from synmix.evaluate.matching import FALSE_POSITIVE

A, B, AWAY = (0, 0, 12, 12), (20, 0, 12, 12), (0, 20, 12, 12)  # three places of 144 pixels
TRUTH = [(26001, *A), (24001, *B)]
FOUND = [(26, 0.8, *A), (24, 0.8, *B)]


def only(points: dict, figure: str = "AP50") -> dict:
    """The causes that cost something."""
    return {cause: pytest.approx(values[figure]) for cause, values in points.items() if values[figure] > 1e-9}


@pytest.mark.parametrize(
    "predictions, cause, points",
    [
        (FOUND, None, 0.0),
        ([*FOUND[:1], (26, 0.9, *B)], "classification", 50 + 37.5),  # person found as a car, which costs the car too
        ([*FOUND, (26, 0.9, *B)], "classification", 37.5),  # the person was found besides: the wrong one is gone
        ([*FOUND[:1], (24, 0.9, 20, 0, 12, 5)], "localisation", 50.0),  # IoU 0.42
        ([*FOUND, (24, 0.9, 20, 0, 12, 5)], "localisation", 37.5),
        ([*FOUND, (26, 0.9, 20, 0, 12, 5)], "both", 37.5),
        ([(26, 0.9, *A), (26, 0.8, *A), FOUND[1]], None, 0.0),  # a duplicate below all costs nothing
        ([*FOUND, (26, 0.9, *AWAY)], "background", 37.5),
        (FOUND[:1], "missed", 50.0),
        ([], "missed", 100.0),
    ],
)
def test_one_kind_of_error_shows_as_that_kind_alone(predictions, cause, points):
    found = error_points(table_of([scene(TRUTH, predictions)]))
    assert only(found) == ({cause: pytest.approx(points)} if cause else {})


def test_duplicates():
    """One above the true positive of the other car; it is of a car that is found already."""
    cars = [(26001, *A), (26002, *B)]
    found = error_points(table_of([scene(cars, [(26, 0.9, *A), (26, 0.8, *A), (26, 0.7, *B)])]))
    assert list(only(found)) == ["duplicate"]


def test_a_localisation_error_at_high_thresholds_only():
    table = table_of([scene(TRUTH, [(26, 0.9, 0, 0, 12, 9), FOUND[1]])])  # the car at IoU 0.75
    points = error_points(table)
    assert only(points, "AP50") == {}
    assert only(points, "AP") == {"localisation": pytest.approx(25.0)}  # half the thresholds of half the classes
    assert only(points, "AP-car") == {"localisation": pytest.approx(50.0)}


def test_of_several_that_would_find_a_truth_the_surest_does():
    wrong = [(24, 0.9, 20, 0, 12, 5), (24, 0.7, 20, 0, 12, 4)]
    table = table_of([scene(TRUTH, [FOUND[0], *wrong])])
    assert mended_precision(table, causes_of(table), "localisation")[PERSON, 0] == 1


@pytest.mark.parametrize("region", [26, 0, (26009, 9, 11)])
def test_what_is_ignored_is_no_error(region):
    """A car on a group of cars, on void, on a car too small to be asked for."""
    place = (region, *AWAY) if isinstance(region, int) else (region[0], 0, 20, *region[1:])
    table = table_of([scene([*TRUTH, place], [*FOUND, (26, 0.9, *place[1:])])])
    assert only(error_points(table)) == {}


def test_a_group_of_another_class_is_background():
    table = table_of([scene([*TRUTH, (24, *AWAY)], [*FOUND, (26, 0.9, *AWAY)])])
    assert list(only(error_points(table))) == ["background"]


def test_a_class_whose_objects_are_all_missed():
    table = table_of([scene(TRUTH, [FOUND[0], (24, 0.9, *AWAY)])])
    causes = causes_of(table)
    assert mended_precision(table, causes, "missed")[PERSON, 0] == 0  # what was invented remains
    assert mended_precision(table, causes, "missed", "background")[PERSON, 0] == 1


@settings(max_examples=60, deadline=None)
@given(images=st.lists(scenes(), min_size=1, max_size=4))
def test_laws(images):
    table = table_of(images)
    causes = causes_of(table)
    np.testing.assert_array_equal(causes.cause >= 0, table.outcome == FALSE_POSITIVE)
    before, present = average_precision(table), table.truths.sum(axis=0) > 0
    for cause in CAUSES:  # no error costs less than nothing
        after = mended_precision(table, causes, cause)
        assert (after[present] >= before[present] - 1e-12).all()
        np.testing.assert_array_equal(np.isnan(after), np.isnan(before))
    whole = mended_precision(table, causes, *CAUSES)
    np.testing.assert_allclose(whole[present], 1.0, rtol=0, atol=1e-12)


@settings(max_examples=30, deadline=None)
@given(images=st.lists(scenes(), min_size=2, max_size=4))
def test_a_part_of_the_images_has_the_errors_of_its_images(images):
    part = table_of(images).subset(["000001", "000000"])
    alone = table_of(images[:2])
    assert repr(error_points(part)) == repr(error_points(alone))


def test_a_table_without_details_says_so():
    with pytest.raises(UserError, match=r"needs sizes and overlaps .* format 1 lacks; evaluate again"):
        error_points(replace(table_of([scene(TRUTH, FOUND)]), details=None))


def test_nothing_true_and_nothing_predicted():
    points = error_points(table_of([scene([], [])]))
    assert all(np.isnan(value) for values in points.values() for value in values.values())
    assert np.isnan(points["missed"]["AP-car"]) and CAR == 2
