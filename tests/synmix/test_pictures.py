"""Captions on drawn masks: readable on small images, never over one another."""

import numpy as np

from synmix.pictures import draw_masks

CAR = 2


def squares(*corners):
    """20 x 20 masks on an image of 64 x 96."""
    masks = np.zeros((len(corners), 64, 96), dtype=bool)
    for mask, (x, y) in zip(masks, corners, strict=True):
        mask[y : y + 20, x : x + 20] = True
    return [(CAR, mask) for mask in masks]


def drawn(corners, captions):
    return draw_masks(np.full((64, 96, 3), 200, np.uint8), squares(*corners), captions)


def test_without_captions_the_size_stays_and_only_masks_change():
    picture = drawn([(40, 30)], ())
    assert picture.shape == (64, 96, 3)
    changed = (picture != 200).any(axis=-1)
    assert changed[30:50, 40:60].all() and not changed[:29].any()


def test_a_small_image_with_captions_is_enlarged_by_a_whole_factor():
    picture = drawn([(40, 30)], ["car 0.93"])
    assert picture.shape[0] % 64 == 0 and picture.shape[0] // 64 == picture.shape[1] // 96 == 8


def test_a_caption_that_would_cover_another_is_left_out():
    both = drawn([(40, 30), (41, 30)], ["car 0.93", "car 0.52"])
    first = drawn([(40, 30), (41, 30)], ["car 0.93", ""])
    second = drawn([(40, 30), (41, 30)], ["", "car 0.52"])
    assert (both == first).all() and (both != second).any()


def test_captions_stay_inside_the_image():
    at_the_edge = drawn([(76, 0)], ["motorcycle 0.93"])
    black = (at_the_edge == 0).all(axis=-1)
    assert black[:5].any() and not black[:, 0].any()
