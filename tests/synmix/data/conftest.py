"""Tiny data sets in the Cityscapes layout."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from synmix.data.cityscapes import frame_paths
from synmix.labels import label_of


@pytest.fixture
def street() -> np.ndarray:
    """(8, 16) uint16: a road with two cars, a group of persons, a caravan and void."""
    instance_map = np.full((8, 16), 7, np.uint16)
    instance_map[2:5, 1:5] = 26000
    instance_map[4:8, 3:9] = 26001  # in front of the first
    instance_map[0:2, 10:16] = 24
    instance_map[5:7, 12:14] = 29000
    instance_map[7, 15] = 0
    return instance_map


@pytest.fixture
def write_frame(tmp_path) -> Callable[..., Path]:
    """Writes a black image with the given labels; returns the data set's root."""

    def write(name: str, instance_map: np.ndarray, split: str = "train") -> Path:
        frame = frame_paths(tmp_path, split, name)
        for path in (frame.image, frame.instance_map):
            path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(frame.image), np.zeros((*instance_map.shape, 3), np.uint8))
        cv2.imwrite(str(frame.instance_map), instance_map)
        cv2.imwrite(str(frame.label_map), label_of(instance_map).astype(np.uint8))
        return tmp_path

    return write
