"""Drawn scenes: random ones that hold every special case the metric knows, and given ones."""

import numpy as np
from hypothesis import strategies as st

from synmix.evaluate.average_precision import MatchTable, match_table
from synmix.evaluate.ground_truth import MapGroundTruth
from synmix.evaluate.masks import from_masks
from synmix.evaluate.matching import match_image
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


def table_named(images: dict) -> MatchTable:
    """Our matches of images by name."""
    matches = {}
    for name, (instance_map, predictions) in images.items():
        masks = np.array([mask for mask, _, _ in predictions], dtype=bool).reshape(-1, *instance_map.shape)
        categories = [LABEL_IDS.index(label) if label in LABEL_IDS else -1 for _, label, _ in predictions]
        matches[name] = match_image(
            MapGroundTruth(instance_map), from_masks(masks), categories, [score for *_, score in predictions]
        )
    return match_table(matches)


def table_of(images) -> MatchTable:
    """Our matches of the same images."""
    return table_named({f"{number:06}": image for number, image in enumerate(images)})


CAR, PERSON, TRUCK = (LABEL_IDS.index(label) for label in (26, 24, 27))


def scene(regions, predictions):
    """An image of (value, x, y, width, height) regions and (label, score, x, y, width, height) predictions."""
    instance_map = np.full((HEIGHT, WIDTH), 7, dtype=np.uint16)
    for value, x, y, width, height in regions:
        instance_map[y : y + height, x : x + width] = value
    masks = []
    for label, score, x, y, width, height in predictions:
        mask = np.zeros((HEIGHT, WIDTH), dtype=bool)
        mask[y : y + height, x : x + width] = True
        masks.append((mask, label, score))
    return instance_map, masks
