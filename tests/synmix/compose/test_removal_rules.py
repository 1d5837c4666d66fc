"""Removal by other rules than pixels: the same counts, in the rule's order; what a set does not say is told."""

import json

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from synmix.compose.composition import CompositionSpec, compose
from synmix.compose.manifest import differences
from synmix.compose.manifest_text import summary
from synmix.compose.removal import describe_removal, mark_removed
from synmix.compose.removal_rules import PIXELS, RULES, rule_of
from synmix.compose.thresholds import label_sizes, match_sizes
from synmix.data.table import WITH_ATTRIBUTES, InstanceTable
from synmix.errors import UserError
from synmix.keys import TABLE

SHARE = st.one_of(st.none(), st.sampled_from([0.0, 0.25, 0.5, 1.0]))
LABELS = st.lists(
    st.tuples(st.sampled_from(["car", "person"]), st.integers(1, 6), st.integers(1, 9), st.booleans(),
              SHARE, SHARE, st.one_of(st.none(), st.floats(0, 90))), max_size=40,
)  # fmt: skip
RULE = st.sampled_from(list(RULES.values()))


def rows(labels):
    full = [
        (f"f{index % 3}", index, category, pixels, 0, 0, 1, height, crowd, *attributes)
        for index, (category, pixels, height, crowd, *attributes) in enumerate(labels)
    ]
    return pl.DataFrame(full, schema=WITH_ATTRIBUTES, orient="row")


def test_the_key_offers_the_rules_that_there_are_and_the_papers_is_the_default():
    [key] = [key for key in TABLE if key.name == "DATASETS.REMOVAL_BY"]
    assert list(key.kind.options) == list(RULES) and key.default == PIXELS.name == next(iter(RULES))
    with pytest.raises(UserError, match=r"'distanc'; give pixels, .*Did you mean 'distance'"):
        CompositionSpec(("a",), removal_by="distanc")


@given(LABELS, st.integers(0, 100), RULE)
def test_what_goes_comes_before_what_stays_and_as_many_go_as_by_pixels(labels, percent, rule):
    table = rows(labels)
    marked = mark_removed(table, {"default": percent}, rule)
    by_pixels = mark_removed(table, {"default": percent})
    for category in ("car", "person"):
        own = marked.filter(category=category, crowd=False)
        assert own["removed"].sum() == by_pixels.filter(category=category, crowd=False)["removed"].sum()
        gone, left = (rule.values(own.filter(removed=removed)) for removed in (True, False))
        if gone.null_count():
            assert left.null_count() == len(left)  # what nobody knows goes last
        known = gone.drop_nulls().to_list(), left.drop_nulls().to_list()
        if all(known):
            assert max(known[0]) <= min(known[1]) if rule.first == "low" else min(known[0]) >= max(known[1])
    assert not marked.filter(crowd=True)["removed"].any()


@given(LABELS, st.integers(0, 100), st.integers(0, 100), RULE)
def test_a_higher_threshold_removes_the_same_labels_and_more(labels, a, b, rule):
    low, high = (
        set(mark_removed(rows(labels), {"default": each}, rule).filter(removed=True)["instance_id"].to_list())
        for each in sorted((a, b))
    )
    assert low <= high


def test_each_rule_in_words_and_numbers():
    table = rows([
        ("car", 9, 2, False, 0.0, 0.5, 10.0),  # visible 0.5
        ("car", 1, 9, False, 0.25, 0.0, 90.0),  # visible 0.75
        ("car", 5, 5, False, 0.5, 0.75, 40.0),  # visible 0.125
    ])  # fmt: skip
    first = {name: mark_removed(table, {"car": 30}, rule)["removed"].arg_true().item() for name, rule in RULES.items()}
    assert first == {"pixels": 1, "box_height": 0, "visible": 2, "occlusion": 2, "truncation": 2, "distance": 1}
    for name, threshold in (("distance", 40.0), ("pixels", 5), ("visible", 0.5), ("box_height", 5)):
        [report] = describe_removal(mark_removed(table, {"car": 60}, RULES[name]), {"car": 60}, RULES[name])
        assert (report.removed, report.threshold) == (2, threshold)
        assert type(report.threshold) is type(threshold)


@pytest.fixture
def sets(registered, make_table):
    """A set that knows distances, and one that knows nothing but its pixels."""
    plain, far = make_table("plain", 9), make_table("far", 9)
    distance = pl.Series("distance", [float(7 * index % 40) for index in range(len(far.instances))])
    registered(plain, "synthetic")
    registered(InstanceTable("far", far.frames, far.instances.with_columns(distance)), "synthetic")


def test_a_composition_says_by_what(sets):
    by_distance = compose(CompositionSpec(("far",), removal={"default": 50}, removal_by="distance"))
    manifest, usual = by_distance.manifest(), compose(CompositionSpec(("far",), removal={"default": 50})).manifest()
    assert manifest["removal_by"] == "distance" and usual["removal_by"] == "pixels"
    assert manifest["checksum"] != usual["checksum"] and manifest["labels"] == usual["labels"]
    assert "removal_by pixels -> distance" in differences(usual, manifest)
    older = {key: value for key, value in usual.items() if key != "removal_by"}
    assert differences(older, usual) == [] and "removal_by pixels -> distance" in differences(older, manifest)
    assert "[m]" in summary(manifest) and "[px]" in summary(usual)
    thresholds = [each["threshold"] for each in manifest["data_sets"][0]["classes"].values()]
    assert all(isinstance(each, float) for each in thresholds if each is not None)
    json.dumps(manifest, allow_nan=False)


def test_what_a_set_does_not_know_is_told_with_what_it_has(sets):
    with pytest.raises(
        UserError, match=r"'distance', but the labels of 'plain' have no 'distance'.*pixels, box_height"
    ):
        compose(CompositionSpec(("plain",), removal={"car": 50}, removal_by="distance"))
    assert compose(CompositionSpec(("plain",), removal={"car": 0}, removal_by="distance"))  # nothing is removed
    with pytest.raises(UserError, match=r"'far' have no 'occluded'.*pixels, box_height, distance"):
        compose(CompositionSpec(("far",), removal={"car": 50}, removal_by="visible"))


def test_columns_that_some_sets_have_do_not_change_what_a_composition_is(registered, make_table):
    registered(make_table("far", 9), "synthetic")
    without = compose(CompositionSpec(("far",), removal={"car": 40})).manifest()
    table = make_table("far", 9)
    known = table.instances.with_columns(pl.lit(0.5).alias("occluded"))
    registered(InstanceTable("far", table.frames, known), "synthetic")
    assert compose(CompositionSpec(("far",), removal={"car": 40})).manifest() == without


@pytest.mark.parametrize("distance", ["kolmogorov-smirnov", "wasserstein"])
def test_a_match_by_distance_removes_the_far_ones(distance):
    near = InstanceTable("near", pl.DataFrame(), rows([("car", 1, 1, False, 0, 0, float(d)) for d in range(50)]))
    far = InstanceTable("far", pl.DataFrame(), rows([("car", 1, 1, False, 0, 0, float(d)) for d in range(100)]))
    rule = rule_of("distance")
    values = (label_sizes(table, None, rule) for table in (near, far))
    [match], _ = match_sizes(*values, distance, rule)
    assert (match.percent, match.threshold, match.after) == (50, 50.0, 0)


def test_heights_are_scaled_by_the_side_of_the_frame_and_areas_by_its_area(make_table):
    table = make_table("a", 4)
    pixels = table.frames["height"][0] * table.frames["width"][0]
    for name, factor in (("pixels", 4), ("box_height", 2)):
        small, large = (label_sizes(table, times * pixels, rule_of(name)) for times in (1, 4))
        assert all((large[category] == factor * small[category]).all() for category in small)
