"""Drawn scenes: random ones that hold every special case the metric knows, and given ones."""

import numpy as np
from hypothesis import strategies as st

from synmix.evaluate.average_precision import MatchTable, match_table
from synmix.evaluate.ground_truth import MapGroundTruth
from synmix.evaluate.masks import from_masks
from synmix.evaluate.matching import ImageMatches, match_image
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


def category_of(label: int) -> int:
    return LABEL_IDS.index(label) if label in LABEL_IDS else -1


def matches_of(image) -> ImageMatches:
    """Our matches of an image."""
    instance_map, predictions = image
    masks = np.array([mask for mask, _, _ in predictions], dtype=bool).reshape(-1, *instance_map.shape)
    categories = [category_of(label) for _, label, _ in predictions]
    return match_image(
        MapGroundTruth(instance_map), from_masks(masks), categories, [score for *_, score in predictions]
    )


def table_named(images: dict) -> MatchTable:
    """Our matches of images by name."""
    return match_table({name: matches_of(image) for name, image in images.items()})


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


def expected_matches(regions, predictions) -> dict:
    """What the matching must report of an image beside outcomes, from masks, pixel by pixel.

    Args:
        regions: (id, category, mask, whether it must be found).
        predictions: (mask, category or -1, score).
    """
    known = [(index, *one) for index, one in enumerate(predictions) if one[0].any() and one[1] >= 0]
    asked = [region for region in regions if region[3]]

    def share(mask, region):
        return int((mask & region[2]).sum())

    def iou(mask, region):
        return share(mask, region) / (mask | region[2]).sum()

    def closest(candidates, value):
        """The first with the highest value, and that; -1 and 0 where none has any."""
        values = [value(one) for one in candidates]
        best = max(values, default=0)
        return (values.index(best), best) if best > 0 else (-1, 0)

    found = {name: [] for name in ("ious", "regions", "own_truth", "own_shared", "other_truth", "other_shared")}
    for _, mask, category, _ in known:
        place, highest = closest(regions, lambda r, m=mask, c=category: iou(m, r) * (r[1] == c))
        found["ious"].append(highest)
        found["regions"].append(regions[place][0] if place >= 0 else -1)
        for which, same in (("own", True), ("other", False)):
            place, _ = closest(asked, lambda r, m=mask, c=category, s=same: iou(m, r) * ((r[1] == c) == s))
            found[f"{which}_truth"].append(place)
            found[f"{which}_shared"].append(share(mask, asked[place]) if place >= 0 else 0)
    nearest = [closest(known, lambda p, r=region: iou(p[1], r) * (p[2] == r[1])) for region in asked]
    return {
        **found,
        "index": [index for index, *_ in known],
        "categories": [category for *_, category, _ in known],
        "scores": [score for *_, score in known],
        "pixels": [mask.sum() for _, mask, *_ in known],
        "truth_ids": [region[0] for region in asked],
        "truth_categories": [region[1] for region in asked],
        "truth_pixels": [region[2].sum() for region in asked],
        "truth_ious": [highest for _, highest in nearest],
        "truth_best": [known[place][0] if place >= 0 else -1 for place, _ in nearest],
    }


def assert_matches(found: ImageMatches, expected: dict) -> None:
    """The report is the expected one."""
    for name, values in expected.items():
        ours = getattr(found if hasattr(found, name) else found.overlaps, name)
        np.testing.assert_allclose(ours, values, rtol=1e-12, atol=0, err_msg=name)
