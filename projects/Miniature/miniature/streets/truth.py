"""What a frame shows, before any data set's way of writing it.

Shape legend: H, W are the frame's height and width.
"""

from dataclasses import dataclass

import numpy as np

from synmix.labels import INSTANCE_LABELS, RIDER


@dataclass(frozen=True)
class Truth:
    """What a frame shows: every instance apart, riders and their vehicles too."""

    class_map: np.ndarray  # (H, W) uint8, Cityscapes label ids
    numbers: np.ndarray  # (H, W) int64: the instances of each class from 1, 0 where there is none
    actors: np.ndarray  # (H, W) int64: the same from 1 through all classes, a rider and the vehicle one

    @classmethod
    def of(cls, class_map: np.ndarray, instance_map: np.ndarray) -> "Truth":
        """From a class map and an instance map (0: none) in which riders are parts of their vehicles."""
        things = (instance_map > 0) & np.isin(class_map, list(INSTANCE_LABELS))
        values, actors = np.unique(np.where(things, instance_map, 0), return_inverse=True)
        actors = actors.reshape(class_map.shape) + int(values[0] != 0)
        numbers = np.zeros_like(actors)
        for label in np.unique(class_map[things]).tolist():
            mine = things & (class_map == label)
            numbers[mine] = np.unique(actors[mine], return_inverse=True)[1] + 1
        return cls(class_map, numbers, actors)

    @property
    def apart(self) -> np.ndarray:
        """(H, W) int64: instances from 1 through all classes, a rider apart from the vehicle."""
        shown = self.numbers > 0
        keys = np.where(shown, self.actors * 2 + (self.class_map == RIDER), 0)
        values, numbers = np.unique(keys, return_inverse=True)
        return numbers.reshape(keys.shape) + int(values[0] != 0)
