"""A picture of the miniature: frames of both looks above their labels."""

from pathlib import Path

import cv2
import numpy as np
from cityscapesscripts.helpers.labels import id2label
from PIL import Image

from miniature.streets.annotate_synscapes import CLASS_FACTOR
from miniature.streets.write import Drawing, draw_real, draw_synthetic
from synmix.files import atomic_path
from synmix.labels import INSTANCE_FACTOR, label_of


def overlay(image: np.ndarray, instance_ids: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The picture with every instance in its class's colour and an outline; groups are hatched, void is black.

    Args:
        image: (H, W, 3) uint8, RGB.
        instance_ids: (H, W), 0 for no instance.
        labels: (H, W) Cityscapes label ids.
    """
    ids = np.where(instance_ids, instance_ids.astype(np.int64) * 100 + labels, 0)
    colors = np.array([id2label[label].color for label in range(34)], np.uint8)[labels]
    groups = (instance_ids == 0) & (labels >= 24)
    stripes = np.add.outer(np.arange(ids.shape[0]), np.arange(ids.shape[1])) % 6 < 3
    share = np.where((ids > 0) | (groups & stripes), 0.6, np.where(labels < 6, 0.75, 0.0))[..., None]
    shown = image * (1 - share) + colors * share
    edge = cv2.morphologyEx(ids.astype(np.float32), cv2.MORPH_GRADIENT, np.ones((2, 2), np.uint8)) > 0
    shown[edge] = 0.25 * shown[edge] + 0.75 * 255
    return shown.astype(np.uint8)


def contact_sheet(drawing: Drawing, columns: int = 3, first: int = 0) -> np.ndarray:
    """Four rows of ``columns`` frames, RGB: real, its labels, synthetic, its labels."""
    rows: list[list[np.ndarray]] = [[], [], [], []]
    for number in range(first, first + columns):
        drawn, real = draw_real(drawing, "train", number)
        instances = np.where(real.instance_ids >= INSTANCE_FACTOR, real.instance_ids, 0)
        rows[0].append(drawn.image)
        rows[1].append(overlay(drawn.image, instances, label_of(real.instance_ids)))
        drawn, synthetic = draw_synthetic(drawing, number)
        rows[2].append(drawn.image)
        rows[3].append(overlay(drawn.image, synthetic.instance_map % CLASS_FACTOR, synthetic.class_map))
    return np.vstack([np.hstack(row) for row in rows])


def write_preview(path: Path, drawing: Drawing, columns: int = 3, first: int = 0) -> None:
    """Writes :func:`contact_sheet` as a PNG of 256 colours."""
    sheet = Image.fromarray(contact_sheet(drawing, columns, first))
    with atomic_path(path) as temporary:
        sheet.quantize(256, dither=Image.Dither.NONE).save(temporary, format="PNG", optimize=True)
