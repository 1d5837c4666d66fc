"""The drawn streets: one generator, two looks and two conventions, all classes, and the effects the study looks for."""

from collections import Counter

import numpy as np
import pytest

from miniature.streets import annotate_cityscapes, annotate_synscapes
from miniature.streets.draw import draw_scene
from miniature.streets.looks import LOOKS
from miniature.streets.scene import sample_scene
from miniature.streets.write import LABEL_IDS as LABELS
from miniature.streets.write import Drawing, draw_real, draw_synthetic
from synmix.labels import LABEL_IDS

FRAMES = 60
ALL = np.arange(34_000)


def pixels_of(instance_ids):
    """Pixel counts of a frame's instances of evaluated classes, by label id, from a Cityscapes map."""
    values, counts = np.unique(instance_ids[instance_ids >= 1000], return_counts=True)
    return [(v // 1000, c) for v, c in zip(values.tolist(), counts.tolist(), strict=True) if v // 1000 in LABEL_IDS]


def synthetic_pixels_of(labels):
    """The same from Synscapes labels, riders apart from their vehicles."""
    keys = labels.instance_map * 10 + (labels.class_map == 25)
    values, counts = np.unique(keys[labels.instance_map > 0], return_counts=True)
    return [(25 if v % 10 else v // 1_000_000, c) for v, c in zip(values.tolist(), counts.tolist(), strict=True)]


@pytest.fixture(scope="module")
def real():
    return [draw_real(Drawing(), "train", number) for number in range(FRAMES)]


@pytest.fixture(scope="module")
def synthetic():
    return [draw_synthetic(Drawing(), number) for number in range(FRAMES)]


def test_every_class_is_seen_often_enough_to_be_learnt(real, synthetic):
    seen_real = Counter(
        label for _, labels in real for label, pixels in pixels_of(labels.instance_ids) if pixels >= 100
    )
    seen = Counter(label for _, labels in synthetic for label, pixels in synthetic_pixels_of(labels) if pixels >= 100)
    for counter in (seen_real, seen):
        assert min(counter[label] for label in LABEL_IDS) >= 5
        assert counter.most_common(1)[0][0] == 26  # cars lead, as in Cityscapes


def test_synthetic_frames_label_more_and_smaller_instances(real, synthetic):
    sizes_real = [pixels for _, labels in real for _, pixels in pixels_of(labels.instance_ids)]
    sizes = [pixels for _, labels in synthetic for _, pixels in synthetic_pixels_of(labels)]
    assert 6 <= len(sizes_real) / FRAMES <= 12
    assert len(sizes) > 1.4 * len(sizes_real)
    assert np.mean(np.array(sizes) < 30) > 2 * np.mean(np.array(sizes_real) < 30)


def test_real_frames_hold_groups_and_void(real):
    values = set(np.unique([labels.instance_ids for _, labels in real]).tolist())
    assert values & {24, 26} and {1, 5} <= values
    assert any(29_000 <= value < 31_000 for value in values) or any(value in (29, 30) for value in values)


def test_both_conventions_label_one_scene():
    """The same strokes under both conventions: a rider of its own here, a part of its vehicle there."""
    compared = 0
    for number in range(12):
        scene = sample_scene(np.random.default_rng(number))
        drawn = draw_scene(scene, LOOKS["synthetic"], 128, 256, np.random.default_rng(0), LABELS, ego=False)
        ours = annotate_cityscapes.annotate(drawn, np.random.default_rng(0)).instance_ids
        theirs = annotate_synscapes.annotate(drawn, np.random.default_rng(0))
        riders = np.unique(ours[ours // 1000 == 25])
        for rider in riders.tolist():
            shown = ours == rider
            if shown.sum() < 60:
                continue
            assert np.mean(np.isin(theirs.class_map[shown], (25, 32, 33))) > 0.6
            assert set(np.unique(theirs.instance_map[shown & (theirs.class_map == 25)]) // 100_000) <= {32, 33}
            compared += 1
    assert compared >= 5


def test_the_picture_does_not_move_the_labels():
    scene = sample_scene(np.random.default_rng(3))
    first, second = (
        draw_scene(scene, LOOKS[name], 128, 256, np.random.default_rng(seed), LABELS, ego=False)
        for name, seed in (("real", 1), ("synthetic", 2))
    )
    ahead = first.index_map >= 50
    assert np.array_equal(ahead, second.index_map >= 50)
    assert np.array_equal(first.index_map[ahead], second.index_map[ahead])
    assert np.abs(first.image.astype(int) - second.image).mean() > 15


def test_looks_differ_in_colour_and_grain(real, synthetic):
    def saturation(frames):
        return np.mean([np.ptp(drawn.image.astype(int), axis=2).mean() for drawn, _ in frames])

    def smooth(frames):
        return np.mean([np.mean(np.abs(np.diff(drawn.image[64:].astype(int), axis=1)) <= 2) for drawn, _ in frames])

    assert saturation(synthetic) > 1.5 * saturation(real)
    assert smooth(synthetic) > 1.5 * smooth(real)


def test_density_sets_the_number_of_objects():
    counts = [
        np.mean([len(sample_scene(np.random.default_rng(seed), density).objects) for seed in range(20)])
        for density in (0.0, 0.5, 1.0, 2.0)
    ]
    assert counts[0] == 0
    assert counts == sorted(counts) and counts[3] > 1.5 * counts[1]


def test_the_densest_street_fits_the_index_map():
    for seed in range(3):
        scene = sample_scene(np.random.default_rng(seed), 5.0)
        drawn = draw_scene(scene, LOOKS["real"], 64, 128, np.random.default_rng(0), LABELS, ego=True)
        assert max(entity.index for entity in drawn.entities) <= 255


def test_the_same_scene_at_another_size():
    scene = sample_scene(np.random.default_rng(5))
    small, large = (
        draw_scene(scene, LOOKS["synthetic"], height, 2 * height, np.random.default_rng(0), LABELS, ego=False)
        for height in (128, 256)
    )
    assert np.mean(small.index_map == large.index_map[1::2, 1::2]) > 0.93
