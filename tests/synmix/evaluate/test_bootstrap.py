"""Error bars: resampling is copying images, intervals are repeatable, differences are found where they are."""

import numpy as np
import pytest

from synmix.errors import UserError
from synmix.evaluate.average_precision import MatchTable, average_precision, figure_names, figures_of
from synmix.evaluate.bootstrap import (
    confidence_intervals,
    image_weights,
    mixed_models,
    paired_difference,
    remarks,
    resampled_figures,
)

CLASSES = ("person", "car", "train")


def random_table(seed: int, skill: float, images: int = 40, world: int = 0) -> MatchTable:
    """Matches of a model that finds a share ``skill`` of the objects; no trains are there."""
    truths = np.random.default_rng(world).integers(0, 6, (images, len(CLASSES)))
    truths[:, 2] = 0
    generator = np.random.default_rng([seed, 1])
    rows = [
        (image, category, 1 if generator.random() < skill else 2)
        for image in range(images)
        for category in range(2)
        for _ in range(truths[image, category])
    ]
    image, category, first = np.array(rows).T
    survives = generator.random((len(rows), 10)) < np.linspace(1, 0.3, 10)
    outcome = np.where(survives, first[:, None], 2).astype(np.int8)
    score = generator.random(len(rows)) * 0.5 + 0.5 * (first == 1)
    return MatchTable(CLASSES, tuple(f"{i:03}" for i in range(images)), truths, image, category, score, outcome)


def test_weights_are_draws_with_replacement():
    weights = image_weights(30, 200, seed=3)
    assert weights.shape == (30, 200)
    assert (weights.sum(axis=0) == 30).all()
    assert 0.3 < (weights == 0).mean() < 0.42  # 1 / e of the images are absent from a resample
    np.testing.assert_array_equal(weights, image_weights(30, 200, seed=3))
    assert (weights != image_weights(30, 200, seed=4)).any()


def test_a_resample_gives_the_figures_of_its_images():
    table = random_table(0, 0.6)
    figures = resampled_figures(table, resamples=300, seed=5)
    weights = image_weights(40, 300, seed=5)
    for column in (0, 150, 299):
        drawn = np.repeat(np.arange(40), weights[:, column].astype(int))
        rows = np.concatenate([np.flatnonzero(table.image == image) for image in drawn])
        places = np.concatenate([np.full((table.image == image).sum(), place) for place, image in enumerate(drawn)])
        columns = (table.category[rows], table.score[rows], table.outcome[rows])
        copied = MatchTable(CLASSES, tuple(map(str, range(40))), table.truths[drawn], places, *columns)
        np.testing.assert_allclose(figures[column], figures_of(average_precision(copied)), atol=1e-4)


def test_intervals_hold_the_value_and_are_repeatable():
    table = random_table(0, 0.6)
    intervals = confidence_intervals(table, resamples=300)
    assert list(intervals) == figure_names(CLASSES)
    for name in ("AP", "AP50", "AP-person", "AP50-car"):
        assert intervals[name].low < intervals[name].value < intervals[name].high
    again = confidence_intervals(table, resamples=300)
    assert intervals["AP"] == again["AP"]
    assert np.isnan([intervals["AP-train"].value, intervals["AP-train"].low, intervals["AP-train"].high]).all()


def test_a_wider_confidence_is_a_wider_interval_and_more_images_a_narrower_one():
    few, many = random_table(0, 0.6), random_table(0, 0.6, images=400)
    width = {name: i.high - i.low for name, i in confidence_intervals(few, 300).items()}
    wide = {name: i.high - i.low for name, i in confidence_intervals(few, 300, confidence=0.99).items()}
    narrow = {name: i.high - i.low for name, i in confidence_intervals(many, 300).items()}
    assert wide["AP"] > width["AP"] > 2 * narrow["AP"]


def test_a_model_does_not_differ_from_itself():
    table = random_table(0, 0.6)
    difference = paired_difference([table], [table], resamples=200)["AP"]
    assert (difference.value, difference.low, difference.high, difference.p_value) == (0, 0, 0, 1)


def test_a_clear_difference_is_found_and_signed():
    worse, better = random_table(1, 0.4), random_table(2, 0.8)
    forth = paired_difference([worse], [better], resamples=400)["AP"]
    back = paired_difference([better], [worse], resamples=400)["AP"]
    assert forth.low > 0
    assert forth.p_value < 0.02
    assert (back.value, back.low, back.high) == pytest.approx((-forth.value, -forth.high, -forth.low))
    assert np.isnan(paired_difference([worse], [better], resamples=50)["AP-train"].p_value)


def test_trainings_that_disagree_widen_the_interval():
    steady = [random_table(seed, 0.6) for seed in range(3)]
    scattered = [random_table(seed, skill) for seed, skill in enumerate((0.4, 0.6, 0.8))]
    base = [random_table(9, 0.5)] * 3
    narrow, wide = (paired_difference(base, runs, resamples=300)["AP"] for runs in (steady, scattered))
    assert wide.high - wide.low > 1.3 * (narrow.high - narrow.low)
    values = [figures_of(average_precision(table))[0] for table in scattered]
    assert wide.value == pytest.approx(np.mean(values) - figures_of(average_precision(base[0]))[0])


def test_trainings_that_belong_together_cancel():
    tables = [random_table(seed, 0.2 + 0.3 * seed) for seed in range(3)]
    together = paired_difference(tables, tables, resamples=100, swaps=0)["AP"]
    apart = paired_difference(tables, tables, resamples=100, swaps=0, paired_trainings=False)["AP"]
    assert (together.low, together.high) == (0, 0)
    assert apart.low < -5 and apart.high > 5


def test_one_training_a_side_is_open_and_says_why():
    worse, better = random_table(1, 0.4), random_table(2, 0.8)
    for sides in ([[worse], [better]], [[worse] * 3, [better]]):
        found = paired_difference(*sides, resamples=100, swaps=200)["AP"]
        assert found.open and "one training" in found.why
        assert found.estimate.interval() == (-np.inf, np.inf)  # no verdict can be built on it
        assert found.low > 0 and found.p_value == found.image_p_value < 0.02  # of these trainings, on other images
    closed = paired_difference([worse] * 3, [better] * 3, resamples=100, swaps=0)["AP"]
    assert not closed.open and closed.why == ""
    assert (closed.low, closed.high) == closed.estimate.interval()
    assert "two trainings" in paired_difference([worse] * 2, [better] * 2, resamples=50, swaps=0)["AP"].why


def test_seeds_widen_what_images_leave_open():
    """Trainings that vary make a difference doubtful which these very trainings show beyond doubt."""
    base = [random_table(9, 0.5)] * 3
    varied = [random_table(seed, skill) for seed, skill in enumerate((0.45, 0.65, 0.95))]
    found = paired_difference(base, varied, resamples=200, swaps=400)["AP"]
    assert found.image_p_value < 0.01 < 0.05 < found.p_value
    assert found.low < 0 < found.high


def test_the_swap_test_mixes_models_image_by_image():
    a, b = random_table(1, 0.4, images=12), random_table(2, 0.8, images=12)
    second = (np.random.default_rng(0).random((12, 5)) < 0.5).astype(np.float32)
    figures = mixed_models([a], [b])(1 - second, second)
    for column in range(5):
        parts = [(a if not second[place, column] else b).subset([name]) for place, name in enumerate(a.images)]
        columns = [np.concatenate([getattr(part, key) for part in parts]) for key in ("category", "score", "outcome")]
        image = np.repeat(np.arange(12), [len(part.score) for part in parts])
        mixed = MatchTable(CLASSES, a.images, a.truths, image, *columns)
        np.testing.assert_allclose(figures[column], figures_of(average_precision(mixed)), atol=1e-4)


def test_rare_classes_are_marked():
    table = random_table(0, 0.6)
    truths = table.truths.copy()
    truths[:, 1] = 0
    truths[:9, 1] = 1
    rare = MatchTable(CLASSES, table.images, truths, table.image, table.category, table.score, table.outcome)
    intervals = confidence_intervals(rare, resamples=20)
    shares = [intervals[name].rare for name in ("AP", "AP50", "AP-person", "AP-car", "AP-train")]
    assert shares == [0.5, 0.5, 0.0, 1.0, 0.0]  # trains are not there at all
    assert remarks(intervals) == [
        "fewer than 15 objects: car; their intervals promise too much, and 50% of AP rests on them"
    ]
    assert remarks(confidence_intervals(table, resamples=20)) == []


def test_what_cannot_be_compared():
    table = random_table(0, 0.6)
    with pytest.raises(UserError, match="at least one result"):
        paired_difference([], [table])
    with pytest.raises(UserError, match="same images, but 1 are in one only, the first is '040'"):
        paired_difference([table], [random_table(0, 0.6, images=41)])
    with pytest.raises(UserError, match="different ground truth"):
        paired_difference([table], [random_table(0, 0.6, world=1)])
    with pytest.raises(UserError, match="3 and 2 trainings do not pair"):
        paired_difference([table] * 3, [table] * 2, paired_trainings=True)
    with pytest.raises(UserError, match=r"one image \('000'\) says nothing of others"):
        paired_difference([table.subset(["000"])], [table.subset(["000"])])
    with pytest.raises(UserError, match="empty set"):
        confidence_intervals(table.subset([]))
