"""OKS-mAP and PCK against pycocotools and hand-computed cases; bootstrap weights against repeated images."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synmix.errors import UserError
from vehicle_keypoints.average_precision import Predictions, Truth, _coco_eval, average_precision, match, summary
from vehicle_keypoints.pck import assign, box_overlap, count_points, count_points_as_seed
from vehicle_keypoints.result import FIGURES, read_result, score, write_result

POINTS = ("left_wheel", "right_wheel", "centre")
SIGMAS = (0.05, 0.05, 0.05)


def truth(*boxes, points=None, visibility=2):
    boxes = np.array(boxes, dtype=float).reshape(-1, 4)
    if points is None:  # the box's lower corners and its middle
        points = np.stack([boxes[:, [0, 3]], boxes[:, [2, 3]], (boxes[:, :2] + boxes[:, 2:]) / 2], axis=1)
    triples = np.concatenate([points, np.full((*points.shape[:2], 1), visibility)], axis=2)
    return Truth(boxes, triples)


def predicted(scores, like, shift=0.0):
    keypoints = like.keypoints.copy()
    keypoints[..., 0] += shift
    return Predictions(np.array(scores, dtype=float), like.boxes, keypoints)


NOTHING = Predictions(np.zeros(0), np.zeros((0, 4)), np.zeros((0, 3, 3)))


def test_exact_predictions_score_one_hundred():
    vehicles = truth((10, 10, 50, 40), (60, 10, 90, 30))
    table = match([vehicles], [predicted((0.9, 0.8), vehicles)], SIGMAS)
    assert summary(table)["AP"] == pytest.approx(100)


def test_oks_of_a_shift_by_hand():
    """Area 100 x 100, sigma 0.05: similarity exp(-d^2 / (2 * area * (2 * 0.05)^2)) = exp(-d^2 / 200)."""
    vehicles = truth((0, 0, 100, 100))
    for shift, similarity in ((5.0, np.exp(-25 / 200)), (10.0, np.exp(-0.5)), (12.0, np.exp(-144 / 200))):
        hits = match([vehicles], [predicted((0.9,), vehicles, shift)], SIGMAS).hit[:, 0]
        assert hits.sum() == (similarity >= np.arange(0.5, 1.0, 0.05)).sum()


def test_one_of_two_vehicles_found_gives_the_interpolated_half():
    vehicles = truth((10, 10, 50, 40), (60, 10, 90, 30))
    only_first = Predictions(np.array([0.9]), vehicles.boxes[:1], vehicles.keypoints[:1])
    # Precision 1 up to recall 0.5: 51 of the 101 recalls.
    assert summary(match([vehicles], [only_first], SIGMAS))["AP"] == pytest.approx(100 * 51 / 101)


def test_a_false_positive_above_the_true_one_halves_precision():
    vehicles = truth((10, 10, 50, 40))
    both = Predictions(
        np.array([0.9, 0.8]),
        np.concatenate([vehicles.boxes + 200, vehicles.boxes]),
        np.concatenate([vehicles.keypoints + np.array([200, 200, 0]), vehicles.keypoints]),
    )
    assert summary(match([vehicles], [both], SIGMAS))["AP"] == pytest.approx(50)


def test_no_vehicle_gives_nan_and_no_prediction_gives_zero():
    assert np.isnan(summary(match([truth()], [NOTHING], SIGMAS))["AP"])
    assert summary(match([truth((0, 0, 9, 9))], [NOTHING], SIGMAS))["AP"] == 0


def scenes(seed, images=6):
    """Random truths, and predictions that hit some, miss some and invent some."""
    generator = np.random.default_rng(seed)
    truths, predictions = [], []
    for _ in range(images):
        low = generator.uniform(0, 60, (generator.integers(0, 4), 2))
        vehicles = truth(*np.concatenate([low, low + generator.uniform(8, 40, low.shape)], axis=1))
        vehicles.keypoints[..., 2] = generator.integers(0, 3, vehicles.keypoints.shape[:2])
        extra = truth(*np.concatenate([generator.uniform(0, 50, (2, 2)), generator.uniform(60, 90, (2, 2))], axis=1))
        boxes = np.concatenate([vehicles.boxes + generator.normal(0, 1, vehicles.boxes.shape), extra.boxes])
        points = np.concatenate([vehicles.keypoints, extra.keypoints]) + 0.0
        points[..., :2] += generator.normal(0, 2, points[..., :2].shape)
        kept = generator.random(len(boxes)) < 0.8
        scores = generator.choice((0.3, 0.5, 0.5, 0.9), kept.sum()) + generator.choice((0, 1e-3), kept.sum())
        truths.append(vehicles)
        predictions.append(Predictions(scores, boxes[kept], points[kept]))
    return truths, predictions


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(["keypoints", "bbox"]))
def test_equal_to_pycocotools_accumulate(seed, kind):
    truths, predictions = scenes(seed)
    evaluator = _coco_eval(truths, predictions, SIGMAS, kind)
    evaluator.accumulate()
    theirs = evaluator.eval["precision"][:, :, 0, 0, 0]  # (T, 101)
    ours = average_precision(match(truths, predictions, SIGMAS, kind))[:, 0]
    if (theirs == -1).all():
        assert np.isnan(ours).all()
    else:
        np.testing.assert_allclose(ours, theirs.mean(axis=1), atol=1e-12)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000))
def test_a_weight_is_as_good_as_repeating_the_image(seed):
    truths, predictions = scenes(seed)
    # Without ties: pycocotools breaks those by the order of the files, which repeating changes.
    generator = np.random.default_rng(seed)
    predictions = [Predictions(generator.uniform(0.3, 1, len(p.scores)), p.boxes, p.keypoints) for p in predictions]
    weights = generator.integers(1, 4, len(truths))
    again = np.repeat(np.arange(len(truths)), weights)
    repeated = match([truths[index] for index in again], [predictions[index] for index in again], SIGMAS)
    weighted = average_precision(match(truths, predictions, SIGMAS), weights[:, None].astype(float))[:, 0]
    np.testing.assert_allclose(weighted, average_precision(repeated)[:, 0], atol=1e-12)


def test_pck_counts_a_missed_vehicle_as_wrong():
    vehicles = truth((10, 10, 50, 40), (60, 10, 90, 30))
    only_first = Predictions(np.array([0.9]), vehicles.boxes[:1], vehicles.keypoints[:1])
    counts = count_points(vehicles, only_first)
    assert counts.correct.tolist() == [1, 1, 1] and counts.labelled.tolist() == [2, 2, 2]
    assert count_points(vehicles, NOTHING).correct.sum() == 0
    assert count_points(vehicles, NOTHING).labelled.sum() == 6


def test_pck_threshold_is_a_twentieth_of_the_diagonal():
    vehicles = truth((0, 0, 30, 40))  # diagonal 50: a point counts below 2.5 pixels
    assert count_points(vehicles, predicted((0.9,), vehicles, 2.49)).correct.sum() == 3
    assert count_points(vehicles, predicted((0.9,), vehicles, 2.5)).correct.sum() == 0


def test_pck_ignores_unlabelled_points():
    vehicles = truth((0, 0, 30, 40))
    vehicles.keypoints[0, 1, 2] = 0
    counts = count_points(vehicles, predicted((0.9,), vehicles))
    assert counts.correct.tolist() == [1, 0, 1] == counts.labelled.tolist()


def test_one_prediction_stands_for_one_vehicle():
    vehicles = truth((10, 10, 50, 40), (12, 11, 52, 41))
    one = Predictions(np.array([0.9]), vehicles.boxes[:1], vehicles.keypoints[:1])
    assert count_points(vehicles, one).correct.sum() == 3
    found, by = assign(vehicles.boxes, one.boxes)
    assert found.tolist() == [0] and by.tolist() == [0]


def test_the_seeds_own_pck_leaves_out_images_without_predictions_and_reuses_one():
    vehicles = truth((10, 10, 50, 40), (60, 10, 90, 30))
    assert count_points_as_seed(vehicles, NOTHING).labelled.sum() == 0  # ours counts six
    one = Predictions(np.array([0.9]), vehicles.boxes[:1], vehicles.keypoints[:1])
    counts = count_points_as_seed(vehicles, one)
    assert counts.labelled.sum() == 6 and counts.correct.sum() == 3


def test_the_seeds_own_pck_takes_the_prediction_whose_first_point_is_nearest_the_box_centre():
    vehicle = truth((0, 0, 40, 30))
    far, near = vehicle.keypoints[0].copy(), vehicle.keypoints[0] + np.array([7, 0, 0])
    near[0, :2] = (20, 15)  # its first point lies on the centre, its others are 7 px off
    both = Predictions(np.array([0.9, 0.3]), np.repeat(vehicle.boxes, 2, axis=0), np.stack([far, near]))
    assert count_points_as_seed(vehicle, both).correct.sum() == 0
    assert count_points(vehicle, both).correct.sum() == 3


def test_box_overlap_by_hand():
    overlap = box_overlap(np.array([[0, 0, 10, 10.0]]), np.array([[5, 0, 15, 10.0], [20, 20, 30, 30.0]]))
    np.testing.assert_allclose(overlap, [[50 / 150, 0]])


BOX = st.tuples(*[st.integers(0, 12)] * 4).map(
    lambda b: (min(b[0], b[2]), min(b[1], b[3]), max(b[0], b[2]), max(b[1], b[3]))
)


@settings(deadline=None)
@given(BOX, BOX)
def test_box_overlap_is_that_of_the_pixels_inside(first, second):
    grid = np.arange(12)
    inside = [
        np.outer((y0 <= grid) & (grid < y1), (x0 <= grid) & (grid < x1)) for x0, y0, x1, y1 in (first, second)
    ]  # fmt: skip
    union = (inside[0] | inside[1]).sum()
    expected = (inside[0] & inside[1]).sum() / union if union else 0  # two empty boxes share nothing
    found = box_overlap(np.array([first], dtype=float), np.array([second], dtype=float))
    np.testing.assert_allclose(found, [[expected]])
    np.testing.assert_allclose(box_overlap(*(np.array([box]) / 100 for box in (first, second))), [[expected]])


def test_a_prediction_stands_for_a_vehicle_from_half_its_box_on():
    vehicle = np.array([[0, 0, 10, 10.0]])
    for height, kept in ((5.0, 1), (4.9, 0), (0.0, 0)):
        assert len(assign(vehicle, np.array([[0, 0, 10, height]]))[0]) == kept
    assert len(assign(vehicle, vehicle + 50)[0]) == 0


def correct_by_loops(vehicles, found, choose):
    """(K,) labelled points closer than a twentieth of the diagonal to those of the prediction chosen for a vehicle."""
    correct = np.zeros(3, dtype=int)
    for number, ((x0, y0, x1, y1), points) in enumerate(zip(vehicles.boxes, vehicles.keypoints, strict=True)):
        chosen = choose(number)
        for place in range(3) if chosen is not None else ():
            distance = np.hypot(*(found.keypoints[chosen, place, :2] - points[place, :2]))
            correct[place] += points[place, 2] in (1, 2) and distance < 0.05 * np.hypot(x1 - x0, y1 - y0)
    return correct.tolist()


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000))
def test_points_are_counted_as_a_loop_over_vehicles_does(seed):
    for vehicles, found in zip(*scenes(seed, images=3), strict=True):
        labelled = (vehicles.keypoints[..., 2] != 0).sum(axis=0).tolist()
        theirs = dict(zip(*(index.tolist() for index in assign(vehicles.boxes, found.boxes)), strict=True))
        counts = count_points(vehicles, found)
        assert counts.labelled.tolist() == labelled
        assert counts.correct.tolist() == correct_by_loops(vehicles, found, theirs.get)
        if not len(found.scores):
            continue

        def nearest(number, vehicles=vehicles, found=found):
            x0, y0, x1, y1 = vehicles.boxes[number]
            return np.argmin([np.hypot(x - (x0 + x1) / 2, y - (y0 + y1) / 2) for x, y, _ in found.keypoints[:, 0]])

        counts = count_points_as_seed(vehicles, found)
        assert counts.labelled.tolist() == labelled
        assert counts.correct.tolist() == correct_by_loops(vehicles, found, nearest)


def test_counts_are_one_for_each_point_also_where_nothing_is_found():
    pair = truth((0, 0, 30, 40))
    pair = Truth(pair.boxes, pair.keypoints[:, :2])
    nothing = Predictions(np.zeros(0), np.zeros((0, 4)), np.zeros((0, 2, 3)))
    for counts in (count_points(pair, nothing), count_points_as_seed(pair, nothing)):
        assert counts.correct.tolist() == [0, 0] and counts.labelled.shape == (2,)


def results(seed, noise, images=24):
    truths, _ = scenes(7, images)
    generator = np.random.default_rng(seed)
    found = []
    for vehicles in truths:
        keypoints = vehicles.keypoints.copy()
        keypoints[..., :2] += generator.normal(0, noise, keypoints[..., :2].shape)
        found.append(Predictions(generator.uniform(0.3, 1, len(keypoints)), vehicles.boxes, keypoints))
    names = [f"frame{index:02}" for index in range(images)]
    return score("drawn", POINTS, SIGMAS, dict(zip(names, truths, strict=True)), dict(zip(names, found, strict=True)))


def test_predictions_below_the_threshold_do_not_count():
    vehicles = truth((0, 0, 30, 40))
    for confidence, expected in ((0.24, 0), (0.25, 100)):
        result = score("d", POINTS, SIGMAS, {"a": vehicles}, {"a": predicted((confidence,), vehicles)})
        figures = result.figures
        assert figures["AP"] == pytest.approx(expected) and figures["PCK@0.05"] == pytest.approx(expected)


def test_a_result_survives_its_file(tmp_path):
    result = results(0, 1.0)
    write_result(tmp_path / "r.json", result, 50, 0, {"who": "test"})
    back = read_result(tmp_path / "r.json")
    assert back.images == result.images and back.points == result.points
    for name in FIGURES:
        np.testing.assert_array_equal(back.figures[name], result.figures[name])
    (tmp_path / "other.json").write_text("{}")
    with pytest.raises(UserError, match=r"other\.json' is no vehicle-keypoint result"):
        read_result(tmp_path / "other.json")
