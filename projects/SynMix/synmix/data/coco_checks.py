"""What is checked of a COCO file before anything is trained on it; a sentence names the entry and what is wrong.

Detectron2 and pycocotools take much of this silently, or read beyond their buffers.
"""

import reprlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from synmix.data.attributes import ATTRIBUTES, values_of
from synmix.data.images import MOST_PIXELS, image_size
from synmix.data.segmentation import counts_of
from synmix.errors import UserError
from synmix.kinds import Anything, Choice, Kind, Many, Maybe, Name, Number, Whole

_LEAST_POLYGON = 6  # coordinates; Detectron2 leaves out what has fewer
_OVERHANG = 0.1  # of a side: labels reach over the edge by roundings and by habit, but not by more


class Identity(Kind):
    """A whole number that fits a table's column, or text."""

    what = "a whole number below 2 ** 63, or text"
    _number = Whole(-(2**63), 2**63 - 1)

    def accepts(self, value: Any) -> bool:
        """See :class:`Kind`."""
        return isinstance(value, str) or self._number.accepts(value)


class Attributes(Kind):
    """What tools for labelling note beside a label, of which the attributes that we know must be what they can be."""

    what = "a table in which occluded and truncated are shares from 0 to 1, or true or false, and distance is metres"

    def accepts(self, value: Any) -> bool:
        """See :class:`Kind`."""
        return isinstance(value, Mapping) and all(
            values_of(name, {name: number}) for name, number in numbers_in(value).items()
        )


class IdentityNumber(Identity):
    """A whole number that fits a table's column."""

    what = "a whole number below 2 ** 63"

    def accepts(self, value: Any) -> bool:
        """See :class:`Kind`."""
        return self._number.accepts(value)


IMAGE: Mapping[str, Kind] = {
    "id": Identity(),
    "file_name": Name("the image's file name"),
    "height": Whole(1, MOST_PIXELS),
    "width": Whole(1, MOST_PIXELS),
}
CATEGORY: Mapping[str, Kind] = {"id": Identity(), "name": Name()}
BOX: Kind = Many(Number(-1e9, 1e9), 4, 4)
ANNOTATION: Mapping[str, Kind] = {
    "id": IdentityNumber(),
    "image_id": Identity(),
    "category_id": Identity(),
    "bbox": BOX,
}
OPTIONAL: Mapping[str, Kind] = {
    "iscrowd": Choice((0, 1, False, True)),
    "area": Maybe(Number(0), "count the pixels"),
    "segmentation": Anything(),
    "keypoints": Maybe(Many(Number(-1e9, 1e9)), "none"),
    "attributes": Maybe(Attributes(), "none"),
}


def numbers_in(attributes: Mapping[str, Any]) -> dict[str, float]:
    """Of the attributes of an annotation those of ``ATTRIBUTES`` that are numbers or yes and no, as numbers."""
    known = {name: attributes[name] for name in ATTRIBUTES if name in attributes}
    return {name: float(value) for name, value in known.items() if isinstance(value, bool | int | float)}


def check_entry(
    entry: Any, kinds: Mapping[str, Kind], path: str | Path, what: str, optional: Mapping[str, Kind] | None = None
) -> None:
    """Checks the values of one entry of a COCO file.

    Args:
        kinds: of the keys that it must have.
        optional: of keys that it may have.
        what: "annotation", for the sentence.

    Raises:
        UserError: the entry is no mapping, lacks a key, or a value is of another kind.
    """
    if not isinstance(entry, Mapping):
        raise UserError(f"'{path}' lists {reprlib.repr(entry)} where the keys and values of an {what} belong.")
    where = f"{what} {reprlib.repr(entry.get('id', '?'))} of '{path}'"
    for key, kind in kinds.items():
        if key not in entry:
            raise UserError(f"{where} has no '{key}'.")
        _check_value(where, key, entry[key], kind)
    for key, kind in (optional or {}).items():
        if key in entry:
            _check_value(where, key, entry[key], kind)


def _check_value(where: str, key: str, value: Any, kind: Kind) -> None:
    if not kind.accepts(value):
        raise UserError(f"{where} has the {key} {reprlib.repr(value)}; give {kind.what}.")


def check_annotation(raw: Mapping[str, Any], height: int, width: int, path: str | Path) -> None:
    """Checks box, shape and points of an annotation against its image; run :func:`check_entry` before.

    Raises:
        UserError: they are not COCO's, or belong to an image of another size.
    """
    where = f"annotation {raw['id']} of '{path}'"
    x, y, w, h = raw["bbox"]
    if w < 0 or h < 0:
        raise UserError(f"{where} has a bbox of negative size, {raw['bbox']}; COCO's are x, y, width, height.")
    _check_inside(f"{where} has a bbox", [x, y, x + w, y + h], height, width)
    segmentation = raw.get("segmentation")
    if isinstance(segmentation, Mapping):
        _check_run_lengths(where, segmentation, height, width)
    elif segmentation is not None:
        _check_polygons(where, segmentation, height, width)
    _check_keypoints(where, raw.get("keypoints") or ())


def _check_inside(what: str, points: Sequence[float], height: int, width: int) -> None:
    for side, values in ((width, points[::2]), (height, points[1::2])):
        overhang = max(2, _OVERHANG * side)
        if min(values) < -overhang or max(values) > side + overhang:
            raise UserError(f"{what} outside of its image of {width} x {height} pixels; is it another image's?")


def _check_polygons(where: str, polygons: Any, height: int, width: int) -> None:
    if not isinstance(polygons, list) or not all(isinstance(polygon, list) for polygon in polygons):
        raise UserError(f"{where} has a segmentation that is neither polygons [[x, y, ...], ...] nor run lengths.")
    for polygon in polygons:
        if not all(map(_COORDINATE.accepts, polygon)) or len(polygon) % 2:
            raise UserError(f"{where} has a polygon of {reprlib.repr(polygon)}; give pairs x, y of finite numbers.")
        if len(polygon) >= _LEAST_POLYGON:
            _check_inside(f"{where} has a polygon", polygon, height, width)


def _check_run_lengths(where: str, segmentation: Mapping[str, Any], height: int, width: int) -> None:
    size = segmentation.get("size")
    if not _SIZE.accepts(size) or list(size) != [height, width]:  # type: ignore[arg-type]
        raise UserError(
            f"{where} has run lengths of the size {reprlib.repr(size)}, but its image is [{height}, {width}] (height, "
            "width); write them for this image."
        )
    try:
        counts = counts_of(segmentation.get("counts"))
    except ValueError as error:
        raise UserError(f"{where} has run lengths that cannot be read: {error}.") from None
    if int(counts.sum()) != height * width:
        raise UserError(f"{where} has run lengths of {counts.sum()} pixels, but its image has {height * width}.")


def _check_keypoints(where: str, points: Sequence[float]) -> None:
    if len(points) % 3 or any(visibility not in (0, 1, 2) for visibility in points[2::3]):
        raise UserError(f"{where} has keypoints that are not x, y and visibility 0, 1 or 2, one after the other.")


def check_image_file(path: str | Path, height: int, width: int, listed_in: str | Path) -> None:
    """Compares an image file's header with what a COCO file says of its size.

    Raises:
        UserError: they differ, or the file is no image.
    """
    found = image_size(path)
    if found != (height, width):
        raise UserError(
            f"'{listed_in}' says that '{path}' is {width} x {height} pixels, but it is {found[1]} x {found[0]}; labels "
            "and images must be of one size."
        )


def check_registration(entry: Any, known: Sequence[str]) -> None:
    """Checks the values of an entry of ``DATASETS.COCO``.

    Raises:
        UserError: it is not a mapping of known keys to text, or ``categories`` not one of text to text.
    """
    if not isinstance(entry, Mapping):
        raise UserError(f"DATASETS.COCO holds {reprlib.repr(entry)}; give mappings with {', '.join(known)}.")
    for key in (*known, "categories"):
        value = entry.get(key, None if key == "categories" else "left out")
        named = isinstance(value, Mapping) and all(map(Name().accepts, (*value, *value.values())))
        if not (named or value is None if key == "categories" else Name().accepts(value)):
            kind = "a mapping of its category names to ours" if key == "categories" else "text"
            raise UserError(f"an entry of DATASETS.COCO has {reprlib.repr(value)} under '{key}'; give {kind}.")


_COORDINATE = Number(-1e9, 1e9)
_SIZE = Many(Whole(1, MOST_PIXELS), 2, 2)
