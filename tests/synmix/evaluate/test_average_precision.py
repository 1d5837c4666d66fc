"""The metric is cityscapesScripts', on random scenes that hold every special case it knows."""

from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from synmix.evaluate.average_precision import MatchTable, average_precision, match_table
from synmix.evaluate.ground_truth import MapGroundTruth
from synmix.evaluate.masks import from_masks
from synmix.evaluate.matching import match_image
from synmix.evaluate.official import official_average_precision
from synmix.labels import LABEL_IDS

HEIGHT, WIDTH = 32, 48
#: Ground, groups and instances of few classes (so that they meet), void, and a caravan (29000 is not void, 29 is).
VALUES = (7, 0, 4, 26, 24, 29, 29000, 26000, 26001, 26002, 24000, 24001, 33007, 25003)
#: Classes of predictions: evaluated ones, an absent one, and 29, which is skipped.
PREDICTED = (26, 26, 24, 33, 25, 31, 29)

rectangles = st.tuples(
    st.integers(0, WIDTH - 1), st.integers(0, HEIGHT - 1), st.integers(1, WIDTH // 2), st.integers(1, HEIGHT // 2)
)


@st.composite
def scenes(draw):
    """One image: (H, W) uint16 instance map, and (mask, label, score) predictions, many of them near a true region."""
    instance_map = np.full((HEIGHT, WIDTH), 7, dtype=np.uint16)
    for x, y, width, height in draw(st.lists(rectangles, max_size=7)):
        instance_map[y : y + height, x : x + width] = draw(st.sampled_from(VALUES))
    ids = [value for value in np.unique(instance_map).tolist() if value != 7]
    predictions = []
    for x, y, width, height in draw(st.lists(rectangles, max_size=6)):
        mask = np.zeros((HEIGHT, WIDTH), dtype=bool)
        label = draw(st.sampled_from(PREDICTED))
        if ids and draw(st.integers(0, 3)):  # three in four: a true region, shifted and with a corner cut off
            value = draw(st.sampled_from(ids))
            mask = np.roll(instance_map == value, draw(st.integers(-2, 2)), axis=draw(st.integers(0, 1)))
            mask[:y, :x] = False
            own = value if value < 1000 else value // 1000
            label = own if own in LABEL_IDS and draw(st.integers(0, 5)) else label
        elif draw(st.integers(0, 5)):  # else a rectangle, or now and then an empty mask
            mask[y : y + height, x : x + width] = True
        predictions.append((mask, label, draw(st.sampled_from((0.1, 0.5, 0.5, 0.7, 0.9, 1.0)))))
    return instance_map, predictions


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


def table_of(images) -> MatchTable:
    """Our matches of the same images."""
    matches = {}
    for number, (instance_map, predictions) in enumerate(images):
        masks = np.array([mask for mask, _, _ in predictions], dtype=bool).reshape(-1, *instance_map.shape)
        categories = [LABEL_IDS.index(label) if label in LABEL_IDS else -1 for _, label, _ in predictions]
        scores = [score for _, _, score in predictions]
        matches[f"{number:06}"] = match_image(MapGroundTruth(instance_map), from_masks(masks), categories, scores)
    return match_table(matches)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(images=st.lists(scenes(), min_size=1, max_size=3))
def test_equals_cityscapesscripts(tmp_path_factory, images):
    folder = tmp_path_factory.mktemp("scenes")
    expected = official_average_precision(*write_scenes(folder, images), folder)
    areas = average_precision(table_of(images))
    if expected is None:  # the script crashed: the documented choice is 0 for the class it crashed on
        assert (areas == 0).any()
    else:
        np.testing.assert_allclose(areas, expected, rtol=0, atol=1e-12)
