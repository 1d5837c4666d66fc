"""True masks that overlap, as in COCO: each is matched once, as pycocotools does.

The two metrics differ, on purpose, in four things, which the comparison takes out: ours wants an IoU strictly above the
threshold (pycocotools at least), asks for no truth below 100 pixels, excuses what lies on several groups together, and
takes the area under the plain precision-recall curve (pycocotools: of the curve made monotone, at 101 places).
"""

import contextlib
import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools import mask as mask_util
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from tests.synmix.evaluate.drawn import assert_matches, expected_matches

from synmix.evaluate.average_precision import MatchTable, average_precision, match_table
from synmix.evaluate.ground_truth import MaskGroundTruth
from synmix.evaluate.masks import from_masks
from synmix.evaluate.matching import DROPPED, IOU_THRESHOLDS, TRUE_POSITIVE, match_image

HEIGHT, WIDTH = 40, 60
CLASSES = ("a", "b")
Box = tuple[int, int, int, int]  # x, y, width, height


def box_mask(box: Box) -> np.ndarray:
    x, y, width, height = box
    mask = np.zeros((HEIGHT, WIDTH), dtype=bool)
    mask[y : y + height, x : x + width] = True
    return mask


def table_of(images) -> MatchTable:
    """Our matches of images of (box, class, crowd) truths and (box, class, score) predictions."""
    matches = {}
    for number, (truths, predictions) in enumerate(images):
        masks = from_masks(np.array([box_mask(box) for box, *_ in truths], dtype=bool).reshape(-1, HEIGHT, WIDTH))
        truth = MaskGroundTruth(masks, [kind for _, kind, _ in truths], [crowd for *_, crowd in truths])
        found = from_masks(np.array([box_mask(box) for box, *_ in predictions], dtype=bool).reshape(-1, HEIGHT, WIDTH))
        categories, scores = [kind for _, kind, _ in predictions], [score for *_, score in predictions]
        matches[f"{number:03}"] = match_image(truth, found, np.array(categories, dtype=int), np.array(scores))
    return match_table(matches, CLASSES)


def coco_evaluation(images) -> COCOeval:
    """pycocotools' evaluation of the same, with "at least" made "above"."""
    annotations, found = [], []
    for number, (truths, predictions) in enumerate(images):
        for box, kind, crowd in truths:
            rle = mask_util.encode(np.asfortranarray(box_mask(box)))
            entry = {"id": len(annotations) + 1, "image_id": number, "category_id": kind, "iscrowd": int(crowd)}
            annotations.append({**entry, "segmentation": rle, "area": int(mask_util.area(rle)), "bbox": list(box)})
        for box, kind, score in predictions:
            rle = mask_util.encode(np.asfortranarray(box_mask(box)))
            found.append({"image_id": number, "category_id": kind, "segmentation": rle, "score": score})
    truth = COCO()
    truth.dataset = {
        "images": [{"id": number, "height": HEIGHT, "width": WIDTH} for number in range(len(images))],
        "annotations": annotations,
        "categories": [{"id": number, "name": name} for number, name in enumerate(CLASSES)],
    }
    with contextlib.redirect_stdout(io.StringIO()):
        truth.createIndex()
        evaluation = COCOeval(truth, truth.loadRes(found), "segm")
        evaluation.params.iouThrs = np.nextafter(IOU_THRESHOLDS, 1)
        evaluation.params.maxDets = [1000, 1000, 1000]
        evaluation.params.areaRng, evaluation.params.areaRngLbl = [[0, 1e10]], ["all"]
        evaluation.evaluate()
        evaluation.accumulate()
    return evaluation


def interpolated(table: MatchTable) -> np.ndarray:
    """(C, T) pycocotools' area (precision made monotone, at 101 recalls) from our outcomes; nan without truth."""
    areas = np.full((len(CLASSES), len(IOU_THRESHOLDS)), np.nan)
    for category in range(len(CLASSES)):
        truths = table.truths[:, category].sum()
        rows = np.flatnonzero(table.category == category)
        rows = rows[np.argsort(-table.score[rows], kind="stable")]
        for threshold in range(len(IOU_THRESHOLDS)) if truths else ():
            counted = table.outcome[rows, threshold]
            hits = counted[counted != DROPPED] == TRUE_POSITIVE
            recall = np.cumsum(hits) / truths
            precision = np.cumsum(hits) / (np.arange(len(hits)) + 1)
            precision = np.append(np.maximum.accumulate(precision[::-1])[::-1], 0.0)
            places = np.searchsorted(recall, np.linspace(0, 1, 101), side="left")
            areas[category, threshold] = precision[np.minimum(places, len(hits))].mean()
    return areas


# Sides from 10 on: 100 pixels and more, so that no truth is too small for us.
boxes = st.tuples(st.integers(0, 20), st.integers(0, 15), st.integers(10, 24), st.integers(10, 20))


@st.composite
def overlapping_images(draw):
    """Truths that overlap, a crowd at most in each image, and predictions near them."""
    truths = [(draw(boxes), draw(st.integers(0, 1)), False) for _ in range(draw(st.integers(1, 5)))]
    truths += [((40, 20, 20, 20), draw(st.integers(0, 1)), True)] * draw(st.integers(0, 1))
    predictions = []
    for _ in range(draw(st.integers(1, 8))):
        box, kind, _ = draw(st.sampled_from(truths))
        x, y, width, height = (side + draw(st.integers(-2, 2)) for side in box)
        kind = kind if draw(st.integers(0, 4)) else 1 - kind
        box = (max(x, 0), max(y, 0), max(width, 1), max(height, 1))
        predictions.append((box, kind, draw(st.sampled_from((0.2, 0.4, 0.4, 0.6, 0.8)))))
    return truths, predictions


@settings(max_examples=150, deadline=None)
@given(images=st.lists(overlapping_images(), min_size=1, max_size=3))
def test_every_prediction_fares_as_in_pycocotools(images):
    table, evaluation = table_of(images), coco_evaluation(images)
    for entry in filter(None, evaluation.evalImgs):
        rows = np.flatnonzero((table.image == entry["image_id"]) & (table.category == entry["category_id"]))
        rows = rows[np.argsort(-table.score[rows], kind="stable")]
        theirs = np.where(entry["dtIgnore"], 0, np.where(entry["dtMatches"] > 0, 1, 2)).astype(int)
        np.testing.assert_array_equal(table.outcome[rows], theirs.T.reshape(len(rows), len(IOU_THRESHOLDS)))
    precision = evaluation.eval["precision"][:, :, :, 0, 0].mean(axis=1).T  # (C, T), -1 without truth
    np.testing.assert_allclose(interpolated(table), np.where(precision < 0, np.nan, precision), rtol=0, atol=1e-12)


@settings(max_examples=50, deadline=None)
@given(images=st.lists(overlapping_images(), min_size=1, max_size=3))
def test_no_truth_is_found_twice_and_none_by_two(images):
    table = table_of(images)
    taken = table.details.taken(table.image)
    np.testing.assert_array_equal(taken >= 0, table.outcome == TRUE_POSITIVE)
    np.testing.assert_array_equal((table.details.taker >= 0).sum(axis=0), (taken >= 0).sum(axis=0))


@settings(max_examples=40, deadline=None)
@given(image=overlapping_images())
def test_the_report_of_an_image_is_what_its_masks_show(image):
    for truths, predictions in (image, ([], image[1]), (image[0], [])):
        masks, found = (
            from_masks(np.array([box_mask(box) for box, *_ in some], dtype=bool).reshape(-1, HEIGHT, WIDTH))
            for some in (truths, predictions)
        )
        truth = MaskGroundTruth(masks, [kind for _, kind, _ in truths], [crowd for *_, crowd in truths])
        ids = truth.regions.ids.tolist()
        regions = [
            (ids[number], kind, box_mask(box), not crowd and box_mask(box).sum() >= 100)
            for number, (box, kind, crowd) in enumerate(truths)
        ]
        categories, scores = [kind for _, kind, _ in predictions], [score for *_, score in predictions]
        expected = expected_matches(regions, [(box_mask(box), kind, score) for box, kind, score in predictions])
        assert_matches(match_image(truth, found, np.array(categories, dtype=int), np.array(scores)), expected)


def test_two_truths_at_two_thirds_predicted_exactly():
    first, second = (0, 0, 20, 20), (4, 0, 20, 20)  # IoU 320 / 480
    image = ([(first, 0, False), (second, 0, False)], [(first, 0, 0.9), (second, 0, 0.8)])
    np.testing.assert_array_equal(average_precision(table_of([image]))[0], 1.0)
    assert coco_evaluation([image]).eval["precision"][0, :, 0, 0, 0].mean() == pytest.approx(1)


def test_the_surest_chooses_first():
    first, second = (0, 0, 20, 20), (4, 0, 20, 20)
    image = ([(first, 0, False), (second, 0, False)], [(second, 0, 0.9), (second, 0, 0.8)])
    # At 0.5 the second prediction still finds the first truth, with IoU 0.67; from 0.7 on it is a duplicate.
    np.testing.assert_array_equal(table_of([image]).outcome[:, [0, 4]], [[1, 1], [1, 2]])
