"""Full-resolution scenes for the benchmark: drawn, since nobody may redistribute Cityscapes."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from synmix.labels import CATEGORY_OF_LABEL, LABEL_IDS

HEIGHT, WIDTH = 1024, 2048
NUM_INSTANCES, NUM_PREDICTIONS = 23, 63
_STUFF = (7, 8, 11, 21, 22, 23, 4, 3, 17, 20, 26, 24)  # the last two: groups


@dataclass(frozen=True)
class Scene:
    """A drawn image: its instance map and its predictions."""

    name: str
    instance_map: np.ndarray  # (H, W) uint16
    masks: np.ndarray  # (M, H, W) bool
    categories: np.ndarray  # (M,)
    scores: np.ndarray  # (M,)


def draw_scene(number: int) -> Scene:
    """A scene of 23 instances and 63 predictions: each instance found well, found badly, and things that are not there.

    The outlines are ragged, as those of annotated frames are: the number of runs of a map, on which the cost depends,
    is that of real frames (about 20,000).
    """
    generator = np.random.default_rng(number)
    instance_map = np.full((HEIGHT, WIDTH), 23, dtype=np.uint16)
    for value in generator.choice(_STUFF, 60):
        cv2.fillPoly(instance_map, [_outline(generator, 200.0)], int(value))
    for index in range(NUM_INSTANCES):
        label = int(generator.choice(LABEL_IDS, p=(0.3, 0.05, 0.45, 0.03, 0.03, 0.02, 0.04, 0.08)))
        cv2.fillPoly(instance_map, [_outline(generator, 45.0)], label * 1000 + index)
    ids = [value for value in np.unique(instance_map).tolist() if value >= 1000]
    masks, categories = [], []
    for index in range(NUM_PREDICTIONS):
        value = ids[index % len(ids)]
        if index < 2 * len(ids):
            shift = generator.integers(-3, 4, 2) * (1 + 3 * (index >= len(ids)))
            mask = np.roll(instance_map == value, shift, axis=(0, 1))
        else:
            canvas = np.zeros((HEIGHT, WIDTH), dtype=np.uint8)
            cv2.fillPoly(canvas, [_outline(generator, 45.0)], 1)
            mask = canvas.astype(bool)
        masks.append(mask)
        categories.append(CATEGORY_OF_LABEL[value // 1000])
    scores = generator.random(NUM_PREDICTIONS)
    return Scene(f"town_{number:06}_000019", instance_map, np.array(masks), np.array(categories), scores)


def _outline(generator: np.random.Generator, size: float) -> np.ndarray:
    angles = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    radius = size * generator.lognormal(0, 0.5) * (1 + 0.15 * generator.standard_normal(40))
    center = generator.uniform((0, 0.35 * HEIGHT), (WIDTH, 0.75 * HEIGHT))
    points = center + np.stack([radius * np.cos(angles), 0.7 * radius * np.sin(angles)], axis=1)
    return points.round().astype(np.int32)


def write_files(scene: Scene, folder: Path) -> tuple[Path, Path]:
    """The scene in the Cityscapes result format: its text file and its instance map, both below ``folder``."""
    truths, predictions = folder / "gtFine" / "town", folder / "predictions"
    truths.mkdir(parents=True, exist_ok=True)
    predictions.mkdir(parents=True, exist_ok=True)
    instance_map = truths / f"{scene.name}_gtFine_instanceIds.png"
    cv2.imwrite(str(instance_map), scene.instance_map)
    lines = []
    for index, mask in enumerate(scene.masks):
        name = f"{scene.name}_{index}.png"
        Image.fromarray(mask.astype(np.uint8) * 255).save(predictions / name)  # as Detectron2 writes them
        lines.append(f"{name} {LABEL_IDS[scene.categories[index]]} {float(scene.scores[index])!r}\n")
    text = predictions / f"{scene.name}_pred.txt"
    text.write_text("".join(lines))
    return text, instance_map
