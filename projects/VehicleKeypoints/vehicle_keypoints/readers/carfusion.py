"""CarFusion as it is downloaded: ``<scene>/gt/<camera>_<frame>.txt`` beside ``<scene>/images_jpg`` (or ``images``).

Rows are ``x, y, keypoint 1..14, instance, visibility 1..3``. The conversion is the maker's own (carfusion_to_coco):
visibility 1 -> 2 (visible), 2 -> 1 (hidden), 3 -> 2; a point off the frame is not labelled; the box is
:func:`~vehicle_keypoints.frames.box_of_points`.
"""

from pathlib import Path

import numpy as np

from synmix.data.images import image_size
from synmix.errors import UserError
from synmix.files import read_text
from synmix.progress import parallel_map
from vehicle_keypoints.frames import VehicleFrame, box_of_points, check_frame

NUM_POINTS = 14
IMAGE_FOLDERS = ("images_jpg", "images")
_VISIBILITY = {1: 2, 2: 1, 3: 2}
_COLUMNS = 5


def read_carfusion(root: Path, num_workers: int = 0) -> list[VehicleFrame]:
    """All frames of the scenes under ``root``, at any depth (the download has ``train/<scene>`` and ``test/<scene>``).

    Raises:
        UserError: no label file, a label file without its image, or a damaged row.
    """
    paths = sorted(root.glob("**/gt/*.txt"))
    if not paths:
        raise UserError(f"'{root}' holds no '<scene>/gt/<camera>_<frame>.txt'; unpack CarFusion's scenes there.")
    return list(parallel_map(read_frame, paths, f"CarFusion labels of {root.name}", num_workers))


def read_frame(path: Path) -> VehicleFrame:
    """One label file and the size of its image."""
    scene = path.parents[1]
    candidates = [scene / folder / f"{path.stem}{suffix}" for folder in IMAGE_FOLDERS for suffix in (".jpg", ".png")]
    image = next((candidate for candidate in candidates if candidate.is_file()), None)
    if image is None:
        raise UserError(f"'{path}' has no image: expected '{candidates[0]}'.")
    height, width = image_size(image)
    keypoints = _read_rows(path, height, width)
    labelled = (keypoints[:, :, 2] > 0).sum(axis=1) > 0
    boxes = np.array([box_of_points(points, height, width) for points in keypoints[labelled]]).reshape(-1, 4)
    # One labelled point, or points in a row, enclose nothing: the maker's boxes are empty there and never matched.
    extent = (boxes[:, 2:] - boxes[:, :2] > 0).all(axis=1)
    frame = VehicleFrame(
        f"{scene.name}__{path.stem}", image, height, width, scene.name, boxes[extent], keypoints[labelled][extent]
    )
    check_frame(frame, path)
    return frame


def _read_rows(path: Path, height: int, width: int) -> np.ndarray:
    """(N, 14, 3) keypoints of a label file, instances in order of their ids."""
    vehicles: dict[int, np.ndarray] = {}
    for number, line in enumerate(read_text(path).splitlines(), 1):
        if not line.strip():
            continue
        x, y, point, instance, visibility = _parse(line, f"'{path}', line {number}")
        inside = 0 < x <= width and 0 < y <= height
        points = vehicles.setdefault(instance, np.zeros((NUM_POINTS, 3)))
        points[point - 1] = x, y, _VISIBILITY[visibility] if inside else 0
    return np.array([vehicles[instance] for instance in sorted(vehicles)]).reshape(-1, NUM_POINTS, 3)


def _parse(line: str, where: str) -> tuple[float, float, int, int, int]:
    fields = line.split(",")
    try:
        x, y, *rest = (float(field) for field in fields)
    except ValueError:
        raise UserError(f"{where}: '{line}' is not 'x, y, keypoint, instance, visibility' in numbers.") from None
    if len(fields) != _COLUMNS or not np.isfinite([x, y, *rest]).all() or any(value % 1 for value in rest):
        raise UserError(
            f"{where}: '{line}' needs five finite numbers: x, y, and keypoint, instance, visibility without fractions."
        )
    point, instance, visibility = (int(value) for value in rest)
    if not 1 <= point <= NUM_POINTS:
        raise UserError(f"{where}: keypoint {point} is outside 1..{NUM_POINTS}.")
    if visibility not in _VISIBILITY:
        raise UserError(
            f"{where}: visibility {visibility} is outside 1..3 (CarFusion: 1 visible, 2 hidden, 3 visible)."
        )
    return x, y, point, instance, visibility
