"""Ground truth counts the pixels that masks share with its regions, whatever it was made from."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from pycocotools import mask as mask_util

from synmix.errors import UserError
from synmix.evaluate.dataset_truth import read_ground_truth
from synmix.evaluate.ground_truth import MapGroundTruth, MaskGroundTruth
from synmix.evaluate.masks import from_masks
from synmix.evaluate.matching import TRUE_POSITIVE, match_image
from synmix.labels import CLASS_NAMES

SHAPE = (6, 8)
maps = arrays.arrays(np.uint16, SHAPE, elements=st.sampled_from((0, 7, 26, 26001, 24002)))
masks = st.integers(0, 3).flatmap(lambda count: arrays.arrays(bool, (count, *SHAPE)))


@settings(deadline=None)
@given(maps, masks)
def test_intersections_with_a_map(instance_map, frames):
    truth = MapGroundTruth(instance_map)
    expected = [[(frame & (instance_map == value)).sum() for value in np.unique(instance_map)] for frame in frames]
    np.testing.assert_array_equal(truth.regions.ids, np.unique(instance_map))
    np.testing.assert_array_equal(truth.intersections(from_masks(frames)).ravel(), np.array(expected).ravel())
    for value in truth.regions.ids:
        np.testing.assert_array_equal(truth.region_mask(int(value)), instance_map == value)


@settings(deadline=None)
@given(masks, masks)
def test_intersections_with_masks_that_overlap(regions, frames):
    truth = MaskGroundTruth(from_masks(regions), [0] * len(regions), [False] * len(regions))
    expected = [[(frame & region).sum() for region in regions] for frame in frames]
    np.testing.assert_array_equal(truth.intersections(from_masks(frames)).ravel(), np.array(expected).ravel())


@pytest.mark.parametrize("value", [34, 999, 34000, 65535])
def test_an_id_of_no_label_is_refused(value):
    instance_map = np.full(SHAPE, 7, dtype=np.uint16)
    instance_map[2, 3] = value
    with pytest.raises(UserError, match=f"'a.png' holds the id {value}, which belongs to no Cityscapes label"):
        MapGroundTruth(instance_map, "a.png")


def test_masks_of_another_size_are_refused():
    truth = MapGroundTruth(np.full(SHAPE, 7, dtype=np.uint16))
    with pytest.raises(ValueError, match="the masks are 6 x 8 pixels, the ground truth 8 x 6"):
        match_image(truth, from_masks(np.ones((1, 8, 6), dtype=bool)), np.array([0]), np.array([1.0]))


def test_a_score_that_is_no_number_is_refused():
    truth = MapGroundTruth(np.full(SHAPE, 7, dtype=np.uint16))
    with pytest.raises(ValueError, match="score is not a number"):
        match_image(truth, from_masks(np.ones((1, *SHAPE), dtype=bool)), np.array([0]), np.array([np.nan]))


def coco_frame(**annotation):
    return {"file_name": "street.png", "height": 40, "width": 60, "annotations": [{"category_id": 2, **annotation}]}


POLYGON = [[10.0, 5.0, 30.0, 5.0, 30.0, 25.0, 10.0, 25.0]]


def test_coco_annotations_in_each_encoding_are_the_same_ground_truth():
    compressed = mask_util.merge(mask_util.frPyObjects(POLYGON, 40, 60))
    flat = mask_util.decode(compressed).T.ravel()
    edges = np.flatnonzero(np.diff(flat)) + 1
    counts = np.diff([0, *edges.tolist(), flat.size]).tolist()
    for segmentation in (POLYGON, compressed, {"size": [40, 60], "counts": counts}):
        truth = read_ground_truth(coco_frame(segmentation=segmentation), CLASS_NAMES)
        assert truth.regions.pixels.tolist() == [400]
        found = match_image(truth, from_masks(mask_util.decode(compressed)[None]), np.array([2]), np.array([0.5]))
        assert (found.outcomes == TRUE_POSITIVE).all()


def test_a_coco_crowd_is_a_group():
    truth = read_ground_truth(coco_frame(segmentation=POLYGON, iscrowd=1), CLASS_NAMES)
    assert not truth.regions.evaluated.any()
    found = match_image(truth, from_masks(truth.region_mask(0)[None]), np.array([2]), np.array([0.5]))
    assert not found.outcomes.any()


@pytest.mark.parametrize(
    "annotation, message",
    [({}, "an annotation of 'street.png' has no segmentation"), ({"segmentation": POLYGON}, "unknown class 2")],
)
def test_coco_annotations_that_cannot_be_scored(annotation, message):
    with pytest.raises(UserError, match=message):
        read_ground_truth(coco_frame(**annotation), CLASS_NAMES[:2])


def test_an_image_without_annotations_has_no_regions():
    truth = read_ground_truth({"file_name": "a.png", "height": 40, "width": 60, "annotations": []}, CLASS_NAMES)
    found = match_image(truth, from_masks(np.ones((1, 40, 60), dtype=bool)), np.array([1]), np.array([0.5]))
    assert found.outcomes.tolist() == [[2] * 10]
