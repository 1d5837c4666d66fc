"""The metric is cityscapesScripts', on random scenes that hold every special case it knows."""

from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from tests.synmix.evaluate.drawn import (
    CAR,
    PERSON,
    TRUCK,
    assert_matches,
    category_of,
    expected_matches,
    matches_of,
    scene,
    scenes,
    table_named,
    table_of,
)

from synmix.data.images import read_instance_map
from synmix.evaluate.average_precision import (
    MatchTable,
    average_precision,
    figure_names,
    figures_of,
    match_table,
    resampled_average_precision,
)
from synmix.evaluate.matching import IOU_THRESHOLDS
from synmix.evaluate.official import official_average_precision
from synmix.labels import CLASS_NAMES, LABEL_IDS


def write_scenes(folder: Path, images) -> tuple[list[Path], list[Path]]:
    """The images in the Cityscapes result format: text files, instance maps."""
    texts, maps = [], []
    for number, (instance_map, predictions) in enumerate(images):
        maps.append(folder / f"town_{number:06}_000019_gtFine_instanceIds.png")
        Image.fromarray(instance_map).save(maps[-1])
        lines = []
        for index, (mask, label, score) in enumerate(predictions):
            Image.fromarray(mask.astype(np.uint8) * 255).save(folder / f"{number}_{index}.png")
            lines.append(f"{number}_{index}.png {label} {score}\n")
        texts.append(folder / f"town_{number:06}_000019_pred.txt")
        texts[-1].write_text("".join(lines))
    return texts, maps


@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
@given(images=st.lists(scenes(), min_size=1, max_size=3))
def test_equals_cityscapesscripts(tmp_path_factory, images):
    folder = tmp_path_factory.mktemp("scenes")
    expected = official_average_precision(*write_scenes(folder, images), folder)
    areas = average_precision(table_of(images))
    if expected is not None:
        np.testing.assert_allclose(areas, expected, rtol=0, atol=1e-12)
        return
    crashed = 0  # the script cannot say which class it crashed on: ask it for each alone
    for category, label in enumerate(LABEL_IDS):
        own = [(truth, [one for one in predictions if one[1] == label]) for truth, predictions in images]
        folder = tmp_path_factory.mktemp("scenes")
        alone = official_average_precision(*write_scenes(folder, own), folder)
        if alone is None:
            crashed += 1
            assert (areas[category] == 0).any()  # the documented choice
        else:
            np.testing.assert_allclose(areas[category], alone[category], rtol=0, atol=1e-12)
    assert crashed


A, B, AWAY = (0, 0, 12, 12), (20, 0, 12, 12), (0, 20, 12, 12)  # three places of 144 pixels


@pytest.mark.parametrize(
    "predictions, expected",
    [
        ([(26, 0.9, *A)], 1.0),
        ([(26, 0.8, *A), (26, 0.9, *AWAY)], 0.25),  # a false positive above a true one
        ([(26, 0.9, *A), (26, 0.9, *AWAY)], 0.75),  # a tie
        ([(26, 0.9, *A), (26, 0.8, *AWAY)], 1.0),  # a false positive below
        ([(26, 0.9, *A), (26, 0.8, *A)], 1.0),  # the second to find a region is false, below
        ([(24, 0.9, *A)], 0.0),  # another class
        ([], 0.0),
    ],
)
def test_worked_examples(predictions, expected):
    areas = average_precision(table_of([scene([(26001, *A)], predictions)]))
    np.testing.assert_allclose(areas[CAR], expected)
    assert np.isnan(areas[TRUCK]).all()  # no truck there: nan, also were one predicted


def test_an_absent_class_stays_absent_whatever_is_predicted():
    with np.errstate(all="raise"):
        areas = average_precision(table_of([scene([(26001, *A)], [(26, 1.0, *A), (27, 1.0, *AWAY)])]))
    assert np.isnan(areas[TRUCK]).all()
    assert figures_of(areas)[:2].tolist() == [100.0, 100.0]


@pytest.mark.parametrize(
    "region, counts",
    [
        (26, False),  # a group of its class
        (24, True),  # a group of another class
        (4, False),  # void
        (29, False),  # a group of caravans is void
        (29001, True),  # a caravan is not
        (7, True),  # road
    ],
)
def test_what_may_be_predicted_on(region, counts):
    table = table_of([scene([(26001, *A), (region, *AWAY)], [(26, 0.5, *A), (26, 0.9, *AWAY)])])
    np.testing.assert_allclose(average_precision(table)[CAR], 0.25 if counts else 1.0)


def test_small_objects_are_not_asked_for_and_may_be_found():
    small = (0, 20, 9, 11)  # 99 pixels
    found = table_of([scene([(26001, *A), (26002, *small)], [(26, 0.5, *A), (26, 0.9, *small)])])
    assert found.truths[0, CAR] == 1
    np.testing.assert_allclose(average_precision(found)[CAR], 1.0)


@pytest.mark.parametrize(
    "regions, predictions",
    [
        ([(26001, *A)], [(26, 0.9, 0, 0, 12, 6)]),  # an IoU of 0.5 exactly is no match
        ([(26001, *A), (0, *AWAY)], [(26, 0.5, *A), (26, 0.9, 0, 20, 24, 12)]),  # half on void exactly counts
        ([(26001, *A), (26002, 0, 20, 9, 11)], [(26, 0.5, *A), (26, 0.9, 0, 20, 5, 8)]),  # mostly on a small object
        ([(26001, *A), (26, 0, 20, 9, 11)], [(26, 0.5, *A), (26, 0.9, 5, 20, 12, 8)]),  # a small group counts twice
        (
            [(26001, *A)],
            [(26, 0.9, 0, 0, 12, 7), (26, 0.8, *A), (26, 0.7, *A)],
        ),  # who is first depends on the threshold
    ],
)
def test_borders_equal_cityscapesscripts(tmp_path, regions, predictions):
    images = [scene(regions, predictions)]
    expected = official_average_precision(*write_scenes(tmp_path, images), tmp_path)
    np.testing.assert_allclose(average_precision(table_of(images)), expected, rtol=0, atol=1e-12)


def test_where_the_script_crashes_the_area_is_zero(tmp_path):
    images = [scene([(26001, *A), (26, *AWAY)], [(26, 0.9, *AWAY)])]  # the only prediction is ignored: its issue 89
    assert official_average_precision(*write_scenes(tmp_path, images), tmp_path) is None
    np.testing.assert_array_equal(average_precision(table_of(images))[CAR], 0.0)


@settings(max_examples=40, deadline=None)
@given(images=st.lists(scenes(), min_size=1, max_size=4), data=st.data())
def test_a_weight_is_a_number_of_copies(images, data):
    weights = data.draw(st.lists(st.integers(0, 3), min_size=len(images), max_size=len(images)))
    copies = {
        f"{index}-{copy}": image
        for index, (image, weight) in enumerate(zip(images, weights, strict=True))
        for copy in range(weight)
    }
    areas = resampled_average_precision(table_of(images), np.array(weights, dtype=float)[:, None])[0]
    if copies:
        np.testing.assert_allclose(areas, average_precision(table_named(copies)), rtol=0, atol=1e-12)
    else:
        assert np.isnan(areas).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_each_resample_is_computed_as_if_it_were_alone(dtype):
    """Few or many: sums of many resamples are taken block by block, in another way than those of one."""
    generator = np.random.default_rng(0)
    images, each = 30, 20
    number = images * each
    outcome = generator.choice([0, 1, 2, 2], (number, 10)).astype(np.int8)
    score = generator.integers(0, 300, number) / 300  # with ties
    columns = np.repeat(np.arange(images), each), generator.integers(0, 2, number), score, outcome
    truths = generator.integers(0, 30, (images, 2))
    table = MatchTable(("a", "b"), tuple(f"{i:02}" for i in range(images)), truths, *columns)
    weights = generator.integers(0, 3, (images, 5000)).astype(dtype)
    weights[:, 0] = 0
    with np.errstate(all="raise"):
        many = resampled_average_precision(table, weights)
        few = resampled_average_precision(table, weights[:, :40])
    np.testing.assert_allclose(few, many[:40], rtol=0, atol=1e-5)
    assert np.isnan(many[0]).all()
    for column in (0, 1, 39, 4999):
        alone = resampled_average_precision(table, weights[:, [column]].astype(np.float64))[0]
        np.testing.assert_allclose(many[column], alone, rtol=0, atol=1e-5)


@settings(max_examples=30, deadline=None)
@given(images=st.lists(scenes(), min_size=2, max_size=4), data=st.data())
def test_the_order_of_images_does_not_matter(images, data):
    named = {f"{index}": image for index, image in enumerate(images)}
    shuffled = {name: named[name] for name in data.draw(st.permutations(sorted(named)))}
    np.testing.assert_array_equal(average_precision(table_named(named)), average_precision(table_named(shuffled)))


@settings(max_examples=30, deadline=None)
@given(images=st.lists(scenes(), min_size=2, max_size=4))
def test_a_subset_is_what_its_images_alone_give(images):
    named = {f"{index}": image for index, image in enumerate(images)}
    part = table_named(named).subset(["1", "0"])
    alone = table_named({name: named[name] for name in ("0", "1")})
    assert part.images == alone.images
    np.testing.assert_array_equal(part.truths, alone.truths)
    np.testing.assert_array_equal(average_precision(part), average_precision(alone))
    for column in fields(alone.details):
        np.testing.assert_array_equal(getattr(part.details, column.name), getattr(alone.details, column.name))


@settings(max_examples=60, deadline=None)
@given(image=scenes())
def test_the_report_of_an_image_is_what_its_masks_show(image):
    instance_map, predictions = image
    regions = []
    for value in np.unique(instance_map).tolist():
        mask, category = instance_map == value, category_of(value if value < 1000 else value // 1000)
        regions.append((value, category, mask, value >= 1000 and category >= 0 and mask.sum() >= 100))
    known = [(mask, category_of(label), score) for mask, label, score in predictions]
    found, expected = matches_of(image), expected_matches(regions, known)
    assert_matches(found, expected)
    # The surest of its class that reaches a truth takes it, of equals the first.
    for number, region in enumerate(region for region in regions if region[3]):
        for place, threshold in enumerate(IOU_THRESHOLDS):
            reach = [
                (-score, row)
                for row, (index, score) in enumerate(zip(expected["index"], expected["scores"], strict=True))
                if known[index][1] == region[1]
                and (known[index][0] & region[2]).sum() / (known[index][0] | region[2]).sum() > threshold
            ]
            assert found.overlaps.taker[number, place] == min(reach, default=(0, -1))[1]


def test_a_score_that_is_no_number_is_refused():
    with pytest.raises(ValueError, match="score is not a number"):
        matches_of(scene([(26001, *A)], [(26, float("nan"), *A)]))


def test_a_set_without_images():
    empty = match_table({})
    assert empty.truths.shape == (0, len(CLASS_NAMES)) and np.isnan(average_precision(empty)).all()


def test_figures_leave_absent_classes_out_of_the_means():
    areas = np.full((len(CLASS_NAMES), 10), np.nan)
    areas[CAR], areas[PERSON] = 0.5, np.linspace(1.0, 0.1, 10)
    figures = dict(zip(figure_names(CLASS_NAMES), figures_of(areas).tolist(), strict=True))
    assert figures["AP"] == pytest.approx(100 * (0.5 + 0.55) / 2)
    assert figures["AP50"] == pytest.approx(75.0)
    assert figures["AP50-person"] == pytest.approx(100.0)
    assert np.isnan(figures["AP-truck"])
    with np.errstate(all="raise"):
        assert np.isnan(figures_of(np.full((8, 10), np.nan))[:2]).all()


def test_real_frames_equal_cityscapesscripts(samples_root, tmp_path):
    """Predictions made from the frames' own ground truth: shifted, cut, dropped, mislabelled, doubled, invented."""
    generator = np.random.default_rng(0)
    paths = sorted((samples_root / "cityscapes").rglob("*_instanceIds.png"))[:3]
    images = [(truth, predictions_of(truth, generator)) for truth in map(read_instance_map, paths)]
    expected = official_average_precision(*write_scenes(tmp_path, images), tmp_path)
    assert expected is not None and ((expected > 0) & (expected < 1)).any()
    np.testing.assert_allclose(average_precision(table_of(images)), expected, rtol=0, atol=1e-12)


def predictions_of(truth: np.ndarray, generator: np.random.Generator) -> list:
    predictions = []
    for value in np.unique(truth[truth >= 1000]).tolist():
        if value // 1000 not in LABEL_IDS or generator.random() < 0.2:
            continue
        label = value // 1000 if generator.random() < 0.9 else 26
        mask = np.roll(truth == value, generator.integers(-5, 6, 2), axis=(0, 1))
        mask[:, : generator.integers(0, truth.shape[1] // 4)] = False
        for _ in range(generator.integers(1, 3)):
            predictions.append((mask, label, round(generator.random(), 2)))
    invented = np.zeros(truth.shape, dtype=bool)
    invented[400:500, 900:1100] = True
    return [*predictions, (invented, 26, 0.95)]
