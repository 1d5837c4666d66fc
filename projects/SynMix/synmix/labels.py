"""The eight evaluated classes, from cityscapesScripts' own table (``cityscapesscripts/helpers/labels.py``)."""

import colorsys
from collections.abc import Sequence

import numpy as np
from cityscapesscripts.helpers.labels import Label, labels

#: The evaluated classes, in the order of their label ids: person 24 .. bicycle 33.
CLASSES: tuple[Label, ...] = tuple(label for label in labels if label.hasInstances and not label.ignoreInEval)
CLASS_NAMES: tuple[str, ...] = tuple(label.name for label in CLASSES)
LABEL_IDS: tuple[int, ...] = tuple(label.id for label in CLASSES)
#: Cityscapes label id -> Detectron2's contiguous category id 0..7.
CATEGORY_OF_LABEL: dict[int, int] = {label.id: category for category, label in enumerate(CLASSES)}
COLORS: tuple[tuple[int, int, int], ...] = tuple(label.color for label in CLASSES)
#: Classes that have instances in Cityscapes, the ignored caravan and trailer among them.
INSTANCE_LABELS = frozenset(label.id for label in labels if label.hasInstances)
#: What the metric calls void: pixels whose value in the instance map is one of these, exactly.
VOID_LABEL_IDS: tuple[int, ...] = tuple(sorted(label.id for label in labels if label.ignoreInEval and label.id >= 0))
#: Instance maps hold ``label id * INSTANCE_FACTOR + k``; lower values are groups, or classes without instances.
INSTANCE_FACTOR = 1000
#: The metric scores no ground truth below this size (``evalInstanceLevelSemanticLabeling.py``, ``minRegionSizes``).
MIN_PIXELS = 100

PERSON, RIDER, MOTORCYCLE, BICYCLE = 24, 25, 32, 33

Color = tuple[int, int, int]
_GOLDEN = 0.618033988749895  # of a turn: any number of hues lies well spread
_FREE_HUES = ((0.08, 0.49), (0.70, 0.93))  # the eight have reds and blues


def colors_of(classes: Sequence[str]) -> tuple[Color, ...]:
    """A colour for each class, RGB: Cityscapes' own for the eight, hues of their own for others, in their order."""
    own = dict(zip(CLASS_NAMES, COLORS, strict=True))
    others = [name for name in classes if name not in own]
    return tuple(own[name] if name in own else _free_color(others.index(name)) for name in classes)


def _free_color(place: int) -> Color:
    widths = [high - low for low, high in _FREE_HUES]
    along = (0.25 + place * _GOLDEN) % 1 * sum(widths)
    hue = _FREE_HUES[0][0] + along if along < widths[0] else _FREE_HUES[1][0] + along - widths[0]
    red, green, blue = colorsys.hls_to_rgb(hue, 0.5, 0.75 + 0.25 * (place % 2))
    return round(255 * red), round(255 * green), round(255 * blue)


def label_of(instance_ids: np.ndarray) -> np.ndarray:
    """Label ids of instance-map values, any shape: 26001 -> 26, and a group's 26 -> 26."""
    return np.where(instance_ids < INSTANCE_FACTOR, instance_ids, instance_ids // INSTANCE_FACTOR)
