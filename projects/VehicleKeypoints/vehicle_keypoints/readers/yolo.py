"""YOLO-pose text: ``labels/<split>/<frame>.txt`` beside ``images/<split>/<frame>.jpg``, described by ``data.yaml``.

A row is ``class cx cy w h`` and then ``x y visibility`` for each point, all but the visibility normalised by the image.
``data.yaml`` is where Phase 0's bug sat: its ``flip_idx`` was the identity.
"""

from pathlib import Path

import numpy as np

from synmix.data.images import image_size
from synmix.errors import UserError
from synmix.files import read_text, read_yaml
from vehicle_keypoints.frames import VehicleFrame, check_frame
from vehicle_keypoints.schemas import KeypointSchema

_BOX_FIELDS = 5


def read_yolo(root: Path, split: str, schema: KeypointSchema) -> list[VehicleFrame]:
    """The frames of one split.

    Raises:
        UserError: no such split, an image without labels, or a row that does not fit the schema.
    """
    folder = root / "images" / split
    images = sorted(path for path in folder.glob("*") if path.suffix in (".jpg", ".png"))
    if not images:
        raise UserError(f"'{folder}' holds no image; expected the YOLO layout images/{split} and labels/{split}.")
    return [_read_frame(image, root / "labels" / split / f"{image.stem}.txt", schema) for image in images]


def read_description(root: Path) -> dict:
    """``data.yaml``, read safely: ``kpt_shape``, ``flip_idx`` and what else it says.

    Raises:
        UserError: missing, or not a YAML mapping.
    """
    return read_yaml(root / "data.yaml")


def _read_frame(image: Path, labels: Path, schema: KeypointSchema) -> VehicleFrame:
    if not labels.is_file():
        raise UserError(f"'{image}' has no labels: expected '{labels}' (empty where nothing is to be seen).")
    height, width = image_size(image)
    rows = [
        _parse(line, labels, number, schema)
        for number, line in enumerate(read_text(labels).splitlines(), 1)
        if line.strip()
    ]
    values = np.array(rows, dtype=np.float64).reshape(len(rows), _BOX_FIELDS + 3 * len(schema.points))
    scale = np.array([width, height])
    centre, size = values[:, 1:3] * scale, values[:, 3:5] * scale
    keypoints = values[:, _BOX_FIELDS:].reshape(len(rows), len(schema.points), 3) * [width, height, 1]
    boxes = np.concatenate([centre - size / 2, centre + size / 2], axis=1).clip(0, [width, height] * 2)
    scene = image.stem.split("__")[0] if "__" in image.stem else image.stem.rstrip("0123456789").rstrip("_-")
    frame = VehicleFrame(image.stem, image, height, width, scene, boxes, keypoints)
    check_frame(frame, labels)
    return frame


def _parse(line: str, path: Path, number: int, schema: KeypointSchema) -> list[float]:
    try:
        values = [float(field) for field in line.split()]
    except ValueError:
        raise UserError(f"'{path}', line {number}: '{line[:60]}' holds something that is not a number.") from None
    if not np.isfinite(values).all():
        raise UserError(f"'{path}', line {number}: '{line[:60]}' holds a number that is not finite.")
    expected = _BOX_FIELDS + 3 * len(schema.points)
    if len(values) != expected:
        raise UserError(
            f"'{path}', line {number}: {len(values)} numbers, but schema '{schema.name}' needs {expected} "
            f"(class, box and {len(schema.points)} x 3)."
        )
    return values
