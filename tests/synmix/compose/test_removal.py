"""Removal (paper 4.1): the laws it must keep, on any labels, and the counts of the paper."""

import hashlib
import random
from decimal import ROUND_HALF_EVEN, Decimal

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from synmix.compose.removal import class_order, describe_removal, mark_removed, percent_of_class, remaining
from synmix.data.table import INSTANCE_SCHEMA

CLASSES = ("person", "car", "train")
# few sizes, so that ties are the rule; some groups
LABELS = st.lists(st.tuples(st.sampled_from(CLASSES), st.integers(1, 6), st.booleans()), max_size=60)
PERCENT = st.one_of(st.integers(0, 100), st.decimals(0, 100, places=2).map(float))


def table(labels):
    rows = [(f"f{i % 5}", i, category, pixels, 0, 0, 1, 1, crowd) for i, (category, pixels, crowd) in enumerate(labels)]
    return pl.DataFrame(rows, schema=INSTANCE_SCHEMA, orient="row")


def kept_ids(labels, percentages):
    return set(remaining(mark_removed(table(labels), percentages))["instance_id"].to_list())


@given(LABELS, PERCENT, PERCENT)
def test_a_higher_threshold_removes_the_same_labels_and_more(labels, a, b):
    low, high = sorted((a, b))
    assert kept_ids(labels, {"default": high}) <= kept_ids(labels, {"default": low})


@given(LABELS, PERCENT, PERCENT)
def test_a_class_does_not_feel_the_thresholds_of_others(labels, mine, other):
    persons = {i for i, label in enumerate(labels) if label[0] == "person"}
    alone = kept_ids(labels, {"person": mine})
    assert kept_ids(labels, {"person": mine, "default": other}) & persons == alone & persons


@given(LABELS, PERCENT)
def test_no_label_goes_while_a_smaller_one_of_its_class_stays(labels, percent):
    marked = mark_removed(table(labels), {"default": percent}).filter(~pl.col("crowd"))
    for _, rows in marked.group_by("category"):
        removed, kept = rows.filter(pl.col("removed"))["pixels"], rows.filter(~pl.col("removed"))["pixels"]
        if len(removed) and len(kept):
            assert removed.max() <= kept.min()


@given(LABELS, st.integers(0, 100))
def test_counts_are_exact_and_groups_stay(labels, percent):
    marked = mark_removed(table(labels), {"default": percent})
    assert not marked.filter(pl.col("crowd"))["removed"].any()
    for report in describe_removal(marked, {"default": percent}):
        exact = (Decimal(percent) * report.labels / 100).to_integral_value(ROUND_HALF_EVEN)
        assert report.removed == exact
        assert report.kept == report.labels - exact


@given(LABELS, PERCENT, st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(labels, percent, random):
    rows = table(labels)
    order = list(range(len(rows)))
    random.shuffle(order)
    shuffled = rows[order] if len(rows) else rows
    assert set(remaining(mark_removed(shuffled, {"default": percent}))["instance_id"]) == kept_ids(
        labels, {"default": percent}
    )


def test_half_counts_round_to_even_as_the_user_wrote_them(make_instances):
    five = make_instances([("f", i, "car", 10 + i) for i in range(5)])
    assert mark_removed(five, {"car": 30})["removed"].sum() == 2  # 1.5 -> 2
    assert mark_removed(five, {"car": 50})["removed"].sum() == 2  # 2.5 -> 2
    thousand = make_instances([("f", i, "car", 10 + i) for i in range(1000)])
    assert mark_removed(thousand, {"car": 57.35})["removed"].sum() == 574  # 573.5, which a float makes 573.4999...


def test_ties_favour_neither_early_frames_nor_low_ids(make_instances):
    rows = make_instances([(f"f{i:04d}", 26000 + i, "car", 7) for i in range(1000)])
    removed = mark_removed(rows, {"car": 50})["removed"]
    assert removed.sum() == 500
    assert 200 < removed[:500].sum() < 300


@given(st.integers(0, 100))
def test_ties_go_by_the_checksum_of_frame_and_id(percent):
    """On every machine, by what anyone can compute again; smaller labels go before."""
    labels = [("car", 1 + (i >= 4), False) for i in range(20)]
    sums = {i: hashlib.sha256(f"f{i % 5}\n{i}".encode()).hexdigest() for i in range(20)}
    order = sorted(sums, key=lambda i: (i >= 4, sums[i]))
    assert kept_ids(labels, {"car": percent}) == set(order[round(percent / 5) :])


def test_classes_without_a_percentage_lose_nothing(make_instances):
    rows = make_instances([("f", i, category, 1 + i) for category in ("car", "bus") for i in range(200)])
    marked = mark_removed(rows, {"bus": 1})
    assert marked.filter(pl.col("removed"))["category"].to_list() == ["bus"] * 2
    reports = {report.category: report for report in describe_removal(marked, {"bus": 1})}
    assert (reports["car"].percent, reports["car"].removed) == (0.0, 0)
    assert percent_of_class({"bus": 1, "default": 7}, "car") == 7.0


def test_the_papers_classes_come_first_in_its_order():
    classes = ["trailer", "bicycle", "caravan", "person", "rider"]
    assert sorted(classes, key=class_order) == ["person", "rider", "bicycle", "caravan", "trailer"]


def test_the_report_counts_what_the_metric_never_scores(make_instances):
    rows = make_instances(
        [("f", i, "bus", pixels) for i, pixels in enumerate((99, 100, 101, 5))] + [("f", 9, "car", 3)]
    )
    reports = describe_removal(mark_removed(rows, {"bus": 75}), {"bus": 75})
    assert [report.category for report in reports] == ["car", "bus"]  # the paper's order
    assert reports[1].to_dict() == {
        "category": "bus",
        "percent": 75.0,
        "labels": 4,
        "removed": 3,
        "threshold": 100,
        "removed_unscored": 2,
        "kept": 1,
    }
    assert (reports[0].removed, reports[0].threshold) == (0, None)


def test_the_papers_label_counts_follow_from_its_thresholds():
    """137,255 -> 70,744 labels (4.1): 60 % of the persons, 30 % of the rest, where 61 % of the labels are persons."""
    persons = round(0.61 * 137_255)
    rows = pl.DataFrame(
        {
            "category": ["person"] * persons + ["car"] * (137_255 - persons),
            "pixels": range(137_255),
            "crowd": [False] * 137_255,
            "frame": ["f"] * 137_255,
            "instance_id": range(137_255),
        }
    )
    kept = len(remaining(mark_removed(rows, {"person": 60, "default": 30})))
    assert kept == pytest.approx(70_744, rel=0.01)


@given(st.integers(0, 2**32), st.integers(1, 99))
def test_of_many_labels_of_all_sizes_the_smallest_go(seed, percent):
    """Many: selecting a few goes another way than sorting them all."""
    sizes = random.Random(seed).sample(range(1, 100_000), 300)
    removed = mark_removed(table([("car", size, False) for size in sizes]), {"default": percent})
    assert sorted(removed.filter(pl.col("removed"))["pixels"]) == sorted(sizes)[: 3 * percent]
