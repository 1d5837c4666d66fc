"""A file in COCO's instance format, written frame by frame: a data set's labels need not fit into memory at once."""

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from synmix.data.outlines import polygons_of_crop, rle_of_crop
from synmix.errors import UserError
from synmix.files import atomic_path
from synmix.labels import CLASSES

#: How masks are written. Run lengths are what every tool reads exactly; both give the same pixels in pycocotools.
Shape = Literal["rle", "polygons"]
SHAPES: tuple[Shape, ...] = get_args(Shape)
_SUPERCATEGORIES = {label.name: label.category for label in CLASSES}


@dataclass(frozen=True)
class Picture:
    """One image and what is labelled or predicted in it, in COCO's keys but for the numbers that the file gives."""

    file_name: str  # below the folder of images
    height: int
    width: int
    annotations: Sequence[dict[str, Any]]
    data_set: str = ""


@dataclass(frozen=True)
class Written:
    """How much a file holds."""

    images: int
    annotations: int
    groups: int  # of the annotations, those with ``iscrowd``


def write_coco(
    path: str | os.PathLike[str], info: dict[str, Any], classes: Sequence[str], pictures: Iterable[Picture]
) -> Written:
    """Writes a COCO file, atomically. Images, labels and categories are numbered from 1, in order; equal input gives
    equal bytes.

    Args:
        info: what ``info`` says, as plain data.
        classes: names in the order of the annotations' ``category_id``, which counts from 1.

    Raises:
        UserError: it cannot be written.
    """
    images: list[dict[str, Any]] = []
    number = groups = 0
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        file.write(f'{{"info": {_json(info)},\n"licenses": [],\n"categories": {_json(categories(classes))},\n')
        file.write('"annotations": [')
        for image_id, picture in enumerate(pictures, start=1):
            images.append(_image(image_id, picture))
            for annotation in picture.annotations:
                number += 1
                groups += annotation["iscrowd"]
                line = _json({"id": number, "image_id": image_id, **annotation})
                file.write(f"{',' if number > 1 else ''}\n{line}")
        file.write('\n],\n"images": [\n' + ",\n".join(map(_json, images)) + "\n]}\n")
    return Written(len(images), number, groups)


def categories(classes: Sequence[str]) -> list[dict[str, Any]]:
    """COCO's ``categories``, numbered from 1."""
    return [
        {"id": number, "name": name, "supercategory": _SUPERCATEGORIES.get(name, name)}
        for number, name in enumerate(classes, start=1)
    ]


def segmentation_of(crop: np.ndarray, left: int, top: int, size: tuple[int, int], shape: Shape, crowd: bool) -> Any:
    """COCO's ``segmentation`` of a (h, w) bool crop of a frame of ``size`` (height, width); crowds are run lengths
    always, as COCO's readers expect."""
    if shape == "rle" or crowd:
        return rle_of_crop(crop, left, top, *size)
    return polygons_of_crop(crop, left, top)


def places_of(files: Sequence[str | os.PathLike[str]], wanted: Path | None = None) -> tuple[Path, list[str]]:
    """The folder that file names start from, and the name of each file below it.

    Args:
        wanted: the folder; None takes the deepest that holds all files, links followed: a harmonised copy's images are
            links out of their folder, which other tools refuse.

    Raises:
        UserError: the folder wanted does not hold one of them.
    """
    if wanted is None:
        paths = [Path(file).resolve() for file in files]
        folder = Path(os.path.commonpath([path.parent for path in paths])) if paths else Path.cwd()
    else:  # os.path.abspath, since Path.resolve would follow links
        paths = [Path(os.path.abspath(file)) for file in files]  # noqa: PTH100
        folder = Path(os.path.abspath(wanted))  # noqa: PTH100
    stray = next((path for path in paths if not path.is_relative_to(folder)), None)
    if stray:
        raise UserError(f"'{stray}' does not lie below '{folder}'; give a folder that holds all images.")
    return folder, [path.relative_to(folder).as_posix() for path in paths]


def _image(number: int, picture: Picture) -> dict[str, Any]:
    image = {"id": number, "file_name": picture.file_name, "height": picture.height, "width": picture.width}
    return {**image, "data_set": picture.data_set} if picture.data_set else image


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
