"""A tiny Synscapes folder, written to the specification: frames of 45 x 90 pixels with one instance of each kind."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from synmix.data.synscapes import instance_colors

ROAD, POLE, PERSON, RIDER, CAR, MOTORCYCLE, BICYCLE = 7, 17, 24, 25, 26, 32, 33


def draw_labels(shift: int = 0) -> tuple[np.ndarray, np.ndarray, dict[int, int]]:
    """Class map (45, 90) uint8, instance ids (45, 90) uint32, meta's classes."""
    class_map, ids = np.full((45, 90), ROAD, np.uint8), np.zeros((45, 90), np.uint32)
    boxes = {
        (2600003, CAR): (20, 40, 2, 22),
        (3300001, BICYCLE): (30, 40, 40 + shift, 60 + shift),
        (3300007, BICYCLE): (30, 36, 65, 75),
        (3200002, MOTORCYCLE): (10, 18, 70, 85),
        (2400004, PERSON): (15, 35, 26, 32),
    }
    for (instance, label), (top, bottom, left, right) in boxes.items():
        class_map[top:bottom, left:right], ids[top:bottom, left:right] = label, instance
    class_map[15:33, 46 + shift : 53 + shift], ids[15:33, 46 + shift : 53 + shift] = RIDER, 3300001
    class_map[4:14, 75:80], ids[4:14, 75:80] = RIDER, 3200002
    classes = {instance: label for instance, label in boxes}
    return class_map, ids, {**classes, 2600050: CAR}  # the last one has no visible pixel


def write_frame(root: Path, number: int, *, scale: int = 1, alpha: bool = False) -> None:
    """Writes the four files of a frame; the frame's number moves one bicycle."""
    class_map, ids, classes = draw_labels(number % 5)
    class_map, ids = (np.kron(each, np.ones((scale, scale), each.dtype)) for each in (class_map, ids))
    colors = instance_colors(ids)
    if alpha:
        colors = np.dstack([colors, np.full(ids.shape, 255, np.uint8)])
    rng = np.random.default_rng(number)
    files = {
        "img/rgb": rng.integers(0, 255, (*ids.shape, 3), dtype=np.uint8),
        "img/class": class_map,
        "img/instance": colors,
    }
    for folder, image in files.items():
        path = root / folder / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        assert cv2.imwrite(str(path), image)
    keyed = {str(key): label for key, label in classes.items()}
    meta = {"camera": {}, "scene": {}, "instance": {"class": keyed, "bbox2d": {}, "bbox3d": {}, "occluded": {}}}
    (root / "meta").mkdir(exist_ok=True)
    (root / "meta" / f"{number}.json").write_text(json.dumps(meta))


@pytest.fixture
def synscapes_root(tmp_path: Path) -> Path:
    """Frames 1..10."""
    root = tmp_path / "Synscapes"
    for number in range(1, 11):
        write_frame(root, number)
    return root


@pytest.fixture
def draw():
    return draw_labels


@pytest.fixture
def write():
    return write_frame
