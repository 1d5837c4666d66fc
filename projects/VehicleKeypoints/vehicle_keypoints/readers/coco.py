"""COCO keypoint JSON: CitySample's ``annotations/coco.json`` and CarFusion's ``annotations/car_keypoints_*.json``."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from synmix.data.coco_checks import BOX, IMAGE, Identity, check_entry, check_image_file
from synmix.errors import UserError
from synmix.files import is_file, read_json
from synmix.kinds import Many, Name, Number
from synmix.progress import console
from vehicle_keypoints.frames import VehicleFrame, check_frame
from vehicle_keypoints.schemas import KeypointSchema, check_names, side_of


def read_coco(path: Path, image_root: Path, schema: KeypointSchema) -> list[VehicleFrame]:
    """All frames of a COCO keypoint file.

    Args:
        image_root: what the file names are relative to.

    Raises:
        UserError: missing keys, values of another kind, another number of points or other names than the schema's, an
            annotation of an unknown image, or labels that :func:`~vehicle_keypoints.frames.check_frame` refuses.
    """
    data = read_json(path)
    _check_entries(data, path)
    _check_category(data, path, schema)
    rows: dict[Any, list[dict]] = {image["id"]: [] for image in data["images"]}
    for annotation in data["annotations"]:
        if annotation["image_id"] not in rows:
            raise UserError(
                f"'{path}': annotation {annotation.get('id')} belongs to image {annotation['image_id']!r}, which is "
                "not listed under 'images'."
            )
        rows[annotation["image_id"]].append(annotation)
    windows = sum("\\" in image["file_name"] for image in data["images"])
    if windows:
        console.print(f"'{path}': {windows} file names have Windows separators ('\\\\'); they are read as '/'.")
    return [_frame(image, rows[image["id"]], path, image_root, schema) for image in data["images"]]


_ANNOTATION = {"image_id": Identity(), "bbox": BOX, "keypoints": Many(Number(-1e9, 1e9))}


def _check_entries(data: Any, path: Path) -> None:
    for kind in ("images", "annotations", "categories"):
        if not isinstance(data, dict) or not isinstance(data.get(kind), list):
            raise UserError(f"'{path}' is not a COCO file: it has no list '{kind}'.")
    for image in data["images"]:
        check_entry(image, IMAGE, path, "image")
    for annotation in data["annotations"]:
        check_entry(annotation, _ANNOTATION, path, "annotation")
    if len({image["id"] for image in data["images"]}) < len(data["images"]):
        raise UserError(f"'{path}' gives an image id twice; ids must be unique.")


def _check_category(data: Any, path: Path, schema: KeypointSchema) -> None:
    for category in data["categories"]:
        check_entry(category, {}, path, "category", {"keypoints": Many(Name())})
        names = [name.replace(" ", "_") for name in category.get("keypoints", [])]
        check_names(names)
        if all(name.isdigit() for name in names):  # none, or the "0".."13" of CarFusion's own converter
            continue
        if len(names) != len(schema.points):
            raise UserError(
                f"'{path}' names {len(names)} keypoints, but schema '{schema.name}' has {len(schema.points)}."
            )
        # The wording differs between releases ('center', 'centre'); what must agree is the side.
        for index, (name, expected) in enumerate(zip(names, schema.points, strict=True)):
            if side_of(name) != side_of(expected):
                raise UserError(
                    f"'{path}' calls point {index} '{name}' where schema '{schema.name}' has '{expected}'; left and "
                    "right would be mixed up, so bring the points into the schema's order."
                )


def _frame(
    image: Mapping[str, Any], annotations: list[dict], path: Path, image_root: Path, schema: KeypointSchema
) -> VehicleFrame:
    name = image["file_name"].replace("\\", "/")
    if name.startswith("/") or ".." in name.split("/"):
        raise UserError(f"'{path}': the file name '{image['file_name']}' leaves the image folder; make it relative.")
    keypoints = [_points(annotation, path, schema) for annotation in annotations]
    boxes = np.array([annotation["bbox"] for annotation in annotations], dtype=np.float64).reshape(-1, 4)
    points = np.array(keypoints, dtype=np.float64).reshape(-1, len(schema.points), 3)
    height, width = image["height"], image["width"]
    corners = np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1).clip(0, [width, height] * 2)
    # The maker's converter gives vehicles with collinear points an empty box; nothing can be matched to it.
    extent = (corners[:, 2:] > corners[:, :2]).all(axis=1)
    frame = VehicleFrame(
        _frame_name(name), image_root / name, height, width, group_of(image, name), corners[extent], points[extent]
    )
    check_frame(frame, path)
    if is_file(frame.image):  # whoever needs a missing image says so
        check_image_file(frame.image, height, width, path)
    return frame


def _points(annotation: Mapping[str, Any], path: Path, schema: KeypointSchema) -> list[float]:
    points = annotation["keypoints"]
    if len(points) != 3 * len(schema.points):
        raise UserError(
            f"'{path}': annotation {annotation.get('id')} has {len(points) / 3:g} keypoints, but schema "
            f"'{schema.name}' has {len(schema.points)}."
        )
    return points


def _frame_name(file_name: str) -> str:
    """``car_craig1/images_jpg/12_35273.jpg`` -> ``car_craig1__12_35273``, as the text layouts call it."""
    *folders, last = file_name.split("/")
    scene = next((folder for folder in folders if folder not in ("images", "images_jpg")), "")
    stem = last.rsplit(".", 1)[0]
    return f"{scene}__{stem}" if scene else stem


def group_of(image: Mapping[str, Any], file_name: str) -> str:
    """The group of alike frames: the entry's own ``group``, or its ``venue`` and ``lighting``, or its folder, or the
    file name without its number."""
    if "group" in image:
        return str(image["group"])
    if "venue" in image:
        return "_".join(str(image[key]) for key in ("venue", "lighting") if key in image)
    name = _frame_name(file_name)
    scene, _, stem = name.rpartition("__")
    return scene or stem.rstrip("0123456789").rstrip("_-") or stem
