"""The eight evaluated classes, from cityscapesScripts' own table (``cityscapesscripts/helpers/labels.py``)."""

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


def label_of(instance_ids: np.ndarray) -> np.ndarray:
    """Label ids of instance-map values, any shape: 26001 -> 26, and a group's 26 -> 26."""
    return np.where(instance_ids < INSTANCE_FACTOR, instance_ids, instance_ids // INSTANCE_FACTOR)
