"""Choosing thresholds: by matching sizes, checked against scipy, and by the knee of a sweep."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import isotonic_regression
from scipy.stats import ks_2samp, wasserstein_distance

from synmix.compose.mixing import percentage_of
from synmix.compose.removal_rules import RULES
from synmix.compose.thresholds import (
    PERCENTS,
    Knee,
    Match,
    _never_rising,
    _rise_and_fall,
    distances,
    knee,
    knee_interval,
    label_sizes,
    match_sizes,
    median_frame_pixels,
)
from synmix.data.table import InstanceTable
from synmix.errors import UserError
from synmix.labels import CLASS_NAMES
from synmix.statistics import Runs

SIZES = st.lists(st.integers(1, 50), min_size=1, max_size=40).map(lambda sizes: np.array(sizes, dtype=float))


@given(SIZES, SIZES, st.sampled_from(PERCENTS))
def test_distances_equal_scipys_on_what_remains(real, synthetic, percent):
    kept = np.sort(synthetic)[percentage_of(percent, len(synthetic)) :]
    if len(kept):
        kolmogorov = distances(real, synthetic, "kolmogorov-smirnov")[percent]
        assert kolmogorov == pytest.approx(ks_2samp(real, kept, method="asymp").statistic)
        wasserstein = distances(real, synthetic, "wasserstein")[percent]
        assert wasserstein == pytest.approx(wasserstein_distance(np.log2(real), np.log2(kept)))


@pytest.mark.parametrize("distance", ["kolmogorov-smirnov", "wasserstein"])
def test_a_planted_surplus_of_small_labels_is_found(distance):
    draw = np.random.default_rng(0)
    real = {"person": draw.lognormal(7, 1, 3000) + 60, "car": draw.lognormal(8, 1, 3000) + 60}
    synthetic = {
        "person": np.append(draw.lognormal(7, 1, 4000) + 60, draw.uniform(1, 55, 6000)),
        "car": np.append(draw.lognormal(8, 1, 7000) + 60, draw.uniform(1, 55, 3000)),
        "train": np.ones(3),
    }
    matches, overall = match_sizes(real, synthetic, distance)
    found = {match.category: match.percent for match in matches}
    assert found["person"] == pytest.approx(60, abs=2) and found["car"] == pytest.approx(30, abs=2)
    assert set(found) == {"person", "car"} and 30 <= overall <= 60
    for match in matches:
        assert match.after < match.before / 4
        assert 45 < match.threshold < 500


def test_sets_that_already_agree_lose_nothing():
    sizes = {"car": np.random.default_rng(0).lognormal(7, 1, 500)}
    [match], overall = match_sizes(sizes, sizes, "kolmogorov-smirnov")
    assert (match.percent, match.threshold, match.after, overall) == (0, None, 0.0, 0)


def test_a_match_by_hand():
    real, synthetic = {"car": np.array([10.0, 20, 30, 40])}, {"car": np.array([40.0, 30, 20, 10, 2, 1])}
    [match], overall = match_sizes(real, synthetic, "kolmogorov-smirnov")
    assert match == Match("car", 25, 2.0, 4, 6, before=pytest.approx(1 / 3), after=0.0)  # 1.5 of 6 are two
    assert overall == 25


def test_only_classes_with_labels_on_both_sides_are_matched():
    real = {"bus": np.ones(3), "truck": np.zeros(0), "car": np.arange(1.0, 9), "train": np.ones(2)}
    synthetic = {"truck": np.ones(3), "car": np.arange(1.0, 9), "train": np.zeros(0)}
    matches, overall = match_sizes(real, synthetic, "wasserstein")
    assert [match.category for match in matches] == ["car"] and overall == 0


@pytest.mark.parametrize(("agreeing", "surplus", "overall"), [(100, 1, 0), (1, 100, 50)])
def test_one_percentage_for_all_is_that_of_most_labels(agreeing, surplus, overall):
    sizes = np.array([10.0, 20.0])
    synthetic = {"car": np.repeat(sizes, 2 * agreeing), "bus": np.repeat([1.0, 1, 10, 20], surplus)}
    matches, found = match_sizes({"car": sizes, "bus": sizes}, synthetic, "kolmogorov-smirnov")
    assert matches[0].percent == 0 and matches[1].threshold == 1.0
    assert found == overall


def test_a_set_of_which_nothing_is_left_is_the_farthest():
    one = np.array([5.0])
    assert (PERCENTS[0], PERCENTS[-1]) == (0, 99) and len(distances(one, one, "wasserstein")) == 100
    assert distances(one, one, "kolmogorov-smirnov")[[0, 50, 51, 99]].tolist() == [0, 0, 1, 1]
    [match], _ = match_sizes({"car": one}, {"car": one + 1}, "kolmogorov-smirnov")
    assert (match.percent, match.before, match.after) == (0, 1, 1)  # of equals, the one that removes least


def test_nothing_to_match_is_told():
    with pytest.raises(UserError, match="share no class"):
        match_sizes({"car": np.ones(2)}, {"bus": np.ones(2)}, "wasserstein")


def test_sizes_scale_to_equal_frames_and_leave_groups_out(make_instances, make_table):
    frames = make_table("set", 1).frames  # 100 x 200 pixels
    rows = make_instances([("city_000000", 26001, "car", 50), ("city_000000", 26, "car", 900, True)])
    table = InstanceTable("set", frames, rows)
    assert label_sizes(table) == {"car": np.array([50.0])}
    assert label_sizes(table, frame_pixels=80_000) == {"car": np.array([200.0])}


def test_what_is_no_size_does_not_grow_with_the_frame(make_table):
    table = make_table("set", 3)
    known = table.instances.with_columns(pl.lit(30.0).alias("distance"))
    values = label_sizes(InstanceTable("set", table.frames, known), frame_pixels=80_000, rule=RULES["distance"])
    assert list(values) == sorted(values, key=CLASS_NAMES.index)
    assert {value for each in values.values() for value in each.tolist()} == {30.0}


def test_the_median_frame(make_table):
    frames = make_table("set", 5).frames.with_columns(pl.Series("width", [10, 20, 30, 40, 1000], dtype=pl.Int32))
    table = make_table("set", 5)
    assert median_frame_pixels(InstanceTable("set", frames, table.instances)) == 100 * 30
    assert median_frame_pixels(InstanceTable("set", frames.clear(), table.instances)) == 0


def curve(knee_at, slope=0.4, noise=0.0, seed=0):
    draw = np.random.default_rng(seed)
    return {p: [30 - slope * max(0, p - knee_at) + noise * draw.normal() for _ in range(3)] for p in range(0, 100, 10)}


@pytest.mark.parametrize("knee_at", [0, 30, 60, 90])
def test_the_papers_knees_are_found_under_noise(knee_at):
    found = [knee(curve(knee_at, noise=0.4, seed=seed)).percent for seed in range(20)]
    assert np.mean(np.array(found) == knee_at) >= 0.9


def test_a_slight_rise_belongs_to_the_plateau():
    values = {0: [28.0], 10: [28.6], 20: [29.1], 30: [29.4], 40: [27.2], 50: [25.0]}
    found = knee(values)
    assert (found.percent, found.best, found.value) == (30, 29.4, 29.4)
    assert knee(values, tolerance=5).percent == 50


def test_where_removal_helps_its_gain_is_not_given_away():
    assert knee({0: [5.0], 30: [8.0], 60: [20.0], 90: [10.0]}).percent == 60


def test_the_knee_is_the_last_within_the_tolerance():
    assert knee({0: [30.0], 10: [29.0], 20: [28.5]}) == Knee(10, best=30.0, value=29.0)  # exactly a point below is in
    assert knee({0: [30.0], 10: [29.0], 20: [28.5]}, tolerance=0.5).percent == 0


def test_more_seeds_weigh_more():
    found = knee({0: [10.0], 30: [12.0], 60: [10.0, 10.0, 10.0], 90: [11.0]}, tolerance=2)
    assert found == Knee(90, best=12.0, value=10.25)  # the last two are one level of the falling part


@given(st.lists(st.floats(-50, 50), min_size=1, max_size=8), st.data())
def test_smoothing_rises_falls_and_is_never_worse_than_a_falling_curve(values, data):
    weights = np.array(data.draw(st.lists(st.integers(1, 5), min_size=len(values), max_size=len(values))))
    fit = _rise_and_fall(np.array(values), weights)
    top = int(fit.argmax())
    assert (np.diff(fit[: top + 1]) >= -1e-9).all() and (np.diff(fit[top:]) <= 1e-9).all()
    errors = [weights @ (curve - values) ** 2 for curve in (fit, _never_rising(np.array(values), weights))]
    assert errors[0] <= errors[1] + 1e-9


@given(st.lists(st.floats(-50, 50), min_size=1, max_size=12), st.data())
def test_smoothing_is_scipys_isotonic_regression(values, data):
    weights = data.draw(st.lists(st.integers(1, 5), min_size=len(values), max_size=len(values)))
    expected = isotonic_regression(values, weights=np.array(weights, float), increasing=False).x
    np.testing.assert_allclose(_never_rising(np.array(values), np.array(weights)), expected, atol=1e-9)


@pytest.mark.parametrize("percents", [(), (0, 30), (10, 20, 30)])
def test_a_sweep_too_short_is_told(percents):
    with pytest.raises(UserError, match="without removal"):
        knee({percent: [1.0] for percent in percents})


def test_the_interval_of_a_knee_holds_it_and_grows_with_the_noise():
    def sweep(noise, seeds=3):
        draw = np.random.default_rng(1)
        means = {percent: 30 - 0.4 * max(0, percent - 30) for percent in range(0, 100, 10)}
        spread = {percent: noise * draw.normal(size=(100, 1)) + np.zeros(seeds) for percent in means}
        return {p: Runs(np.full(seeds, mean), mean + spread[p]) for p, mean in means.items()}

    assert knee_interval(sweep(0.0)) == (30, 30)
    low, high = knee_interval(sweep(2.0))
    assert low <= 30 <= high and high > low
    assert knee_interval(sweep(2.0)) == (low, high)
    nothing = {percent: Runs(np.full(2, np.nan), np.full((5, 2), np.nan)) for percent in (0, 30, 60)}
    assert np.isnan(knee_interval(nothing)).all()


def steady(percents, ap=10.0, draws=300):
    return {percent: Runs(np.full(1, ap), np.full((draws, 1), ap)) for percent in percents}


NEARLY_ALL = 1 - 1e-9  # the interval then reaches from the least knee to the largest


def test_two_hundred_resamples_are_drawn_where_there_are_as_many():
    sweep = steady((0, 30, 60, 90))
    for last, drop in ((198, 90), (199, 60), (200, 30)):  # from this threshold on the resample falls
        for percent, runs in sweep.items():
            runs.replicates[last] -= 5.0 * (percent >= drop)
    assert knee_interval(sweep, confidence=NEARLY_ALL) == (30, 90)
    assert knee_interval(sweep, confidence=NEARLY_ALL, draws=199) == (60, 90)
    assert knee_interval(sweep, confidence=NEARLY_ALL, draws=201) == (0, 90)
    assert knee_interval(sweep) == (90, 90)
    assert knee_interval(steady((0, 30, 60), draws=7)) == (60, 60)


def test_confidence_cuts_both_tails():
    def between(lowest, up_to_30):
        """At half confidence, where so many of 200 knees are at 0, and so many at 0 or 30."""
        sweep = steady((0, 30, 60), draws=200)
        sweep[60].replicates[:up_to_30] -= 5
        sweep[30].replicates[:lowest] -= 5
        return knee_interval(sweep, confidence=0.5)

    assert between(50, 150) == (0, 30) and between(49, 149) == (30, 60)  # the 50th and the 150th of them
    sweep = steady((0, 30, 60), draws=100)
    sweep[60].replicates[:3] -= 5  # three of a hundred are cut at 90 %, and not at 95 %
    assert [knee_interval(sweep, confidence=share)[0] for share in (0.9, 0.95)] == [60, 30]
    assert knee_interval(sweep)[0] == 30
    assert knee_interval(sweep, tolerance=5)[0] == 60


@pytest.mark.parametrize(
    ("values", "high"),
    [
        ((6.9, 6.9, 9.9), 60),  # 1.1 short: two or three draws of the best, 7 in 27, bring 1.22 or more
        ((6.7, 6.7, 9.7), 30),  # 1.3 short
        ((6.8, 8.8), 60),  # 1.2 short: both draws the better, one in four, bring 1.41
        ((6.5, 8.5), 30),
    ],
)
def test_seeds_move_the_knee_as_far_as_other_seeds_would(values, high):
    sweep = steady((0, 30, 60))
    sweep[60] = Runs(np.array(values), np.full((300, len(values)), np.mean(values)))
    assert knee_interval(sweep, confidence=0.8)[1] == high


def test_seeds_move_the_knee_towards_the_values_that_they_have():
    """One high seed of three can lift the curve by 2.4, never let it fall as deep; one low seed the other way."""
    for values, reached in (((6.5, 6.5, 9.5), 60), ((5.5, 8.5, 8.5), 30)):
        sweep = steady((0, 30, 60))
        sweep[60] = Runs(np.array(values), np.full((300, 3), 7.5))
        assert knee_interval(sweep, confidence=NEARLY_ALL) == (30, reached)


def test_the_seed_decides_which_seeds_are_drawn():
    sweep = steady((0, 30, 60))
    sweep[60] = Runs(np.array([6.0, 12.0]), np.full((300, 2), 9.0))
    found = [knee_interval(sweep, draws=1, seed=seed)[0] for seed in range(20)]
    assert knee_interval(sweep, draws=1)[0] == found[0] and set(found) == {30, 60}
