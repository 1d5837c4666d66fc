"""Labels that stand in one JSON file for many frames: Scalabel's (``frames[].labels[]``) and COCO's format.

Shape legend: H, W are an image's height and width.
"""

import base64
import binascii
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from synmix.data.class_tables import ClassTable
from synmix.data.frame_labels import ID_FACTOR, Labels
from synmix.data.segmentation import counts_of, rle_of
from synmix.errors import UserError
from synmix.files import read_json
from synmix.labels import INSTANCE_LABELS

_CLOSED = 3  # points that a polygon needs


@dataclass(frozen=True)
class Entry:
    """One label: its category's name, and its shape as COCO writes it (polygons or run lengths)."""

    category: str
    shape: Any
    crowd: bool = False
    ignore: bool = False


@dataclass(frozen=True)
class LabelList:
    """A file: for each image, by its name with folders, the labels; and the names that stand there twice."""

    path: Path
    entries: Mapping[str, tuple[Entry, ...]]
    twice: Sequence[str]
    used: set[str] = field(default_factory=set)  # names that an image was found for

    def of(self, image: Path) -> tuple[str, tuple[Entry, ...]] | None:
        """The name that the list has for an image, and its labels; None where it is not listed."""
        for depth in sorted({name.count("/") + 1 for name in self.entries}, reverse=True):
            name = "/".join(image.parts[-depth:])
            if name in self.entries:
                return name, self.entries[name]
        return None


def read_list(path: Path, form: str) -> LabelList:
    """Reads a file of labels.

    Args:
        form: ``scalabel`` or ``coco``.

    Raises:
        UserError: missing, damaged, or of another format.
    """
    document = read_json(path)
    found: dict[str, tuple[Entry, ...]] = {}
    twice = []
    try:
        for name, entries in (_scalabel if form == "scalabel" else _coco)(document):
            if name in found:
                twice.append(name)
            else:
                found[name] = tuple(entries)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        kind = {"scalabel": "Scalabel's", "coco": "COCO's"}[form]
        raise UserError(
            f"'{path}' is not in {kind} format ({type(error).__name__}: {error}); fetch it again, or correct 'lists' "
            "in the description."
        ) from None
    if not found:
        raise UserError(f"'{path}' lists no frame; fetch it again.")
    return LabelList(path, found, twice)


def _scalabel(document: Any) -> Iterator[tuple[str, list[Entry]]]:
    """Frames of {"frames": [...]}, or of the bare list that older versions wrote."""
    for frame in document["frames"] if isinstance(document, dict) else list(document):
        video = frame.get("videoName") or frame.get("video_name")
        name = f"{video}/{frame['name']}" if video else str(frame["name"])
        yield name, [_scalabel_entry(label) for label in frame.get("labels") or ()]


def _scalabel_entry(label: Mapping[str, Any]) -> Entry:
    attributes = label.get("attributes") or {}
    shape: Any = label.get("rle")
    if shape is None and label.get("poly2d"):
        shape = [[side for point in each["vertices"] for side in point] for each in label["poly2d"]]
    return Entry(
        str(label["category"]), shape, bool(attributes.get("crowd", False)), bool(attributes.get("ignored", False))
    )


def _coco(document: Any) -> Iterator[tuple[str, list[Entry]]]:
    names = {category["id"]: str(category["name"]) for category in document["categories"]}
    labels: dict[Any, list[Entry]] = {image["id"]: [] for image in document["images"]}
    for raw in document["annotations"]:
        entry = Entry(names[raw["category_id"]], raw.get("segmentation"), bool(raw.get("iscrowd", 0)))
        labels[raw["image_id"]].append(entry)
    for image in document["images"]:
        yield str(image["file_name"]), labels[image["id"]]


def labels_of(
    entries: Sequence[Entry], size: tuple[int, int], classes: ClassTable, background: int, where: str
) -> Labels:
    """A frame's labels as maps. Larger shapes lie below smaller ones; groups and what is to be left out have no id.

    Args:
        size: H, W of the image.
        background: the label id of all other pixels.
        where: the frame, for sentences.

    Raises:
        UserError: a shape is damaged, or of another size.
    """
    class_map, ids = np.full(size, background, np.uint8), np.zeros(size, np.uint32)
    unknown: dict[str, int] = {}
    shapes = []
    for number, entry in enumerate(entries, start=1):
        if entry.category not in classes.names:
            unknown[entry.category] = unknown.get(entry.category, 0) + 1
        elif entry.shape:
            shapes.append((_mask(entry, size, where), number, entry))
    for mask, number, entry in sorted(shapes, key=lambda each: -int(each[0].sum())):
        label = 0 if entry.ignore else classes.names[entry.category]
        alone = not entry.crowd and label in INSTANCE_LABELS
        class_map[mask], ids[mask] = label, label * ID_FACTOR + number if alone else 0
    present = np.unique(ids).tolist()
    return Labels(class_map, ids, {value: value // ID_FACTOR for value in present if value}, unknown=unknown)


def _mask(entry: Entry, size: tuple[int, int], where: str) -> np.ndarray:
    """(H, W) bool of a label's shape."""
    from pycocotools import mask as mask_util

    height, width = size
    try:
        shape = _plain(entry.shape)
        if isinstance(shape, Mapping) and list(shape["size"]) != [height, width]:
            rows, columns = shape["size"]
            raise UserError(
                f"{where} has a '{entry.category}' label of {columns} x {rows} pixels, but the image is {width} x "
                f"{height}; fetch both again."
            )
        if isinstance(shape, Mapping) and int(counts_of(shape["counts"]).sum()) != height * width:
            raise ValueError("its run lengths do not fill the image")
        return mask_util.decode(rle_of(shape, height, width)).astype(bool)
    except (KeyError, TypeError, ValueError, IndexError, binascii.Error) as error:
        raise UserError(
            f"{where} has a '{entry.category}' label whose shape cannot be read ({error}); fetch the labels again."
        ) from None


def _plain(shape: Any) -> Any:
    """Polygons with an area, or run lengths; nuImages writes the latter's text once more in base64."""
    if not isinstance(shape, Mapping):
        return [polygon for polygon in shape if len(polygon) >= 2 * _CLOSED]
    counts = shape["counts"]
    if not isinstance(counts, str):
        return shape
    try:
        height, width = shape["size"]
        if int(counts_of(counts).sum()) == height * width:
            return shape
    except ValueError:
        pass
    return {**shape, "counts": base64.b64decode(counts, validate=True).decode("ascii")}
