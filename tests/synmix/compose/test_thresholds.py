"""Choosing thresholds: by matching sizes, checked against scipy, and by the knee of a sweep."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import isotonic_regression
from scipy.stats import ks_2samp, wasserstein_distance

from synmix.compose.mixing import percentage_of
from synmix.compose.thresholds import (
    PERCENTS,
    _never_rising,
    _rise_and_fall,
    distances,
    knee,
    knee_interval,
    label_sizes,
    match_sizes,
)
from synmix.data.table import InstanceTable
from synmix.errors import UserError
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


def test_nothing_to_match_is_told():
    with pytest.raises(UserError, match="share no class"):
        match_sizes({"car": np.ones(2)}, {"bus": np.ones(2)}, "wasserstein")


def test_sizes_scale_to_equal_frames_and_leave_groups_out(make_instances, make_table):
    frames = make_table("set", 1).frames  # 100 x 200 pixels
    rows = make_instances([("city_000000", 26001, "car", 50), ("city_000000", 26, "car", 900, True)])
    table = InstanceTable("set", frames, rows)
    assert label_sizes(table) == {"car": np.array([50.0])}
    assert label_sizes(table, frame_pixels=80_000) == {"car": np.array([200.0])}


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
