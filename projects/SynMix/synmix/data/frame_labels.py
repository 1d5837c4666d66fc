"""The labels of one raw frame, in the one form that every reader gives and that harmonising and the audit take.

Shape legend: H, W are the label maps' height and width.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from synmix.data.attributes import Attributes

#: Instances are numbered ``label id * ID_FACTOR + k``, as Synscapes does it (public readers of that data set agree).
ID_FACTOR = 100_000
#: What a class map holds where the data set's own value is not in its table of classes.
UNKNOWN = 255


@dataclass(frozen=True)
class Labels:
    """The labels of one frame.

    >>> car = 26 * ID_FACTOR
    >>> labels = Labels(np.full((2, 2), 26, np.uint8), np.full((2, 2), car, np.uint32), classes={car: 26})
    >>> labels.classes
    {2600000: 26}
    """

    class_map: np.ndarray  # (H, W) uint8, Cityscapes label ids
    instance_ids: np.ndarray  # (H, W) uint32; 0 is no instance
    classes: Mapping[int, int]  # instance id -> label id, for every instance that is listed
    attributes: Attributes = field(default_factory=dict)  # as far as the data set has them
    unknown: Mapping[str, int] = field(default_factory=dict)  # values that no table of classes has -> pixels or labels
