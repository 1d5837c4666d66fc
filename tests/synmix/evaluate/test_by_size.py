"""AP by true size: only objects of the range are asked for, and only predictions of the range are held against it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.synmix.evaluate.drawn import CAR, scene, scenes, table_of

from synmix.errors import UserError
from synmix.evaluate.average_precision import average_precision, figures_of
from synmix.evaluate.by_size import by_size
from synmix.labels import CLASS_NAMES

SMALL, LARGE, AWAY = (0, 0, 12, 12), (16, 0, 20, 15), (0, 20, 12, 12)  # 144, 300 and 144 pixels
CARS = [(26001, *SMALL), (26002, *LARGE)]


def ap50(predictions, regions=CARS, edges=(200,)) -> list:
    return [size.figures["AP50-car"] for size in by_size(table_of([scene(regions, predictions)]), edges)]


def test_each_object_counts_in_its_range():
    assert ap50([(26, 0.9, *SMALL)]) == [100, 0]
    assert ap50([(26, 0.9, *LARGE)]) == [0, 100]


def test_a_false_positive_counts_in_the_range_of_its_own_size():
    assert ap50([(26, 0.9, *AWAY), (26, 0.8, *SMALL), (26, 0.7, *LARGE)]) == [25, 100]


def test_a_size_on_an_edge_belongs_above_and_an_empty_range_has_no_figure():
    bins = by_size(table_of([scene(CARS, [])]), (144, 300, 301))
    assert [size.objects[CAR] for size in bins] == [0, 1, 1, 0]
    assert np.isnan(bins[0].figures["AP"]) and bins[1].figures["AP"] == 0 and np.isnan(bins[3].figures["AP-car"])


def test_each_class_may_have_edges_of_its_own():
    edges = [(200,)] * len(CLASS_NAMES)
    edges[CAR] = (400,)
    first, second = by_size(table_of([scene([*CARS, (24001, 0, 16, 30, 15)], [])]), edges)
    assert (first.objects[CAR], second.objects[CAR], second.objects[0]) == (2, 0, 1)
    assert (first.high[CAR], second.low[CAR]) == (400, 400)


@pytest.mark.parametrize("edges", [(50,), (300, 200), (float("nan"),), [(200,), (300,)]])
def test_edges_that_cannot_be_meant(edges):
    with pytest.raises(UserError, match=r"edges of sizes (must rise, from the metric's 100 pixels|are given for 2)"):
        by_size(table_of([scene(CARS, [])]), edges)


@settings(max_examples=30, deadline=None)
@given(images=st.lists(scenes(), min_size=1, max_size=3), edge=st.integers(100, 900))
def test_ranges_share_the_objects_and_one_range_differs_by_small_predictions_alone(images, edge):
    table = table_of(images)
    parts = by_size(table, (edge,))
    np.testing.assert_array_equal(np.sum([size.objects for size in parts], axis=0), table.truths.sum(axis=0))
    (whole,) = by_size(table, ())
    plain = figures_of(average_precision(table))
    if (table.details.pixels >= 100).all():
        np.testing.assert_array_equal(list(whole.figures.values()), plain)
    else:
        known = ~np.isnan(plain[2:])  # fewer false positives count
        assert (np.array(list(whole.figures.values()))[2:][known] >= plain[2:][known] - 1e-9).all()
