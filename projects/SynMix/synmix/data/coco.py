"""Any COCO-format instance data set as a source, real or synthetic, its categories mapped to the project's classes.

Registering costs nothing; the JSON is read when the data set is first used, and again when the file changes.
"""

import math
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, get_args

import polars as pl
from pycocotools import mask as mask_util

from synmix.data.attributes import ATTRIBUTES
from synmix.data.coco_categories import class_of_category
from synmix.data.coco_checks import (
    ANNOTATION,
    CATEGORY,
    IMAGE,
    OPTIONAL,
    check_annotation,
    check_entry,
    check_image_file,
    check_registration,
    numbers_in,
)
from synmix.data.segmentation import rle_of
from synmix.data.sources import DataSource, Domain, datasets_root, register
from synmix.data.table import FRAME_SCHEMA, WITH_ATTRIBUTES, InstanceTable, without_unused
from synmix.errors import UserError
from synmix.files import is_file, read_json
from synmix.labels import CLASS_NAMES
from synmix.progress import console

_REQUIRED = ("name", "annotations", "images", "domain")
_OPTIONAL = ("categories",)


def register_all(entries: Sequence[Mapping[str, Any]], classes: Sequence[str] = ()) -> None:
    """Registers the data sets of ``DATASETS.COCO``: mappings of the arguments of :func:`register_coco_format`.

    Args:
        classes: of ``DATASETS.CLASSES``; where they are given, ``categories`` may map to any names, of which the others
            are left out, and without ``categories`` those of equal name are taken.

    Raises:
        UserError: an entry lacks a key, or has one that is unknown.
    """
    for entry in entries:
        check_registration(entry, _REQUIRED)
        missing = [key for key in _REQUIRED if key not in entry]
        unknown = [key for key in entry if key not in _REQUIRED + _OPTIONAL]
        if missing or unknown:
            problem = f"lacks '{missing[0]}'" if missing else f"has the unknown key '{unknown[0]}'"
            raise UserError(
                f"an entry of DATASETS.COCO {problem}; give {', '.join(_REQUIRED)} and, if names differ, categories."
            )
        targets = tuple(dict.fromkeys((entry.get("categories") or {}).values())) if classes else ()
        register_coco_format(**entry, classes=targets or tuple(classes) or CLASS_NAMES)


def register_coco_format(
    name: str,
    annotations: str | os.PathLike[str],
    images: str | os.PathLike[str],
    domain: Domain,
    categories: Mapping[str, str] | None = None,
    classes: Sequence[str] = CLASS_NAMES,
    metadata: Mapping[str, Any] | None = None,
) -> None:
    """Registers a data set in COCO's instance format.

    Args:
        annotations: the JSON file, relative to ``$DETECTRON2_DATASETS`` or absolute.
        images: the folder that the JSON's file names start from, likewise.
        domain: the role it takes in a mixture.
        categories: its category names -> ours, or patterns of them (``blue_cone*``, as of file names); an exact name
            wins over a pattern. None maps by equal name. Labels of other categories are left out.
        classes: the classes to train on; the project's eight unless said otherwise.
        metadata: further Detectron2 metadata (keypoint names, ...).

    Raises:
        UserError: a domain or a class in ``categories`` that is unknown.

    >>> from synmix.data import source
    >>> register_coco_format("mine", "coco.json", "images", "synthetic")
    >>> source("mine").table().instances["category"].to_list()
    ['car']
    """
    if domain not in get_args(Domain):
        raise UserError(f"data set '{name}' has the domain '{domain}'; give {' or '.join(get_args(Domain))}.")
    for target in (categories or {}).values():
        if target not in classes:
            raise UserError(
                f"data set '{name}' maps to the unknown class '{target}'; known: {', '.join(classes)}; others are "
                "to be named in DATASETS.CLASSES."
            )
    mapping = None if categories is None else tuple(categories.items())

    def contents() -> "_Contents":
        path = datasets_root() / annotations
        return _read(name, path, datasets_root() / images, _stamp(name, path), mapping, tuple(classes))

    def dicts(table: InstanceTable) -> list[dict[str, Any]]:
        return contents().dicts(table, list(classes))

    extra = {"thing_classes": list(classes), **(metadata or {})}
    missing = () if categories is None else tuple(each for each in classes if each not in categories.values())
    found = (lambda: contents().categories) if categories is None else None
    register(DataSource(name, domain, lambda: contents().table, dicts, extra, missing, found))


class _Contents:
    """A COCO file, read: its instance table, its annotations by id, and the names of all its categories."""

    def __init__(self, table: InstanceTable, annotations: dict[int, dict[str, Any]], categories: Sequence[str]) -> None:
        self.table, self.categories = table, categories
        self._annotations = annotations

    def dicts(self, table: InstanceTable, classes: list[str]) -> list[dict[str, Any]]:
        """Detectron2 dicts of the table or of a part of it; masks are the file's ``segmentation``."""
        category_ids = {category: index for index, category in enumerate(classes)}
        by_frame: dict[str, list[dict[str, Any]]] = {}
        for frame, instance_id, category in table.instances.select("frame", "instance_id", "category").iter_rows():
            if instance_id not in self._annotations:
                raise UserError(f"annotation {instance_id} of '{table.name}' is gone: the file changed; start again.")
            annotation = _annotation(self._annotations[instance_id], category_ids[category])
            by_frame.setdefault(frame, []).append(annotation)
        return [
            {
                "file_name": image,
                "image_id": frame,
                "height": height,
                "width": width,
                "dataset": table.name,
                "annotations": by_frame.get(frame, []),
            }
            for frame, image, _, height, width in table.frames.iter_rows()
        ]


def _annotation(raw: Mapping[str, Any], category_id: int) -> dict[str, Any]:
    """A COCO annotation as Detectron2's ``load_coco_json`` gives it (``detectron2/data/datasets/coco.py``)."""
    import synmix.before_detectron2  # noqa: F401

    from detectron2.structures import BoxMode  # here, since it brings torch

    annotation = {
        "bbox": list(raw["bbox"]),
        "bbox_mode": BoxMode.XYWH_ABS,
        "category_id": category_id,
        "iscrowd": int(raw.get("iscrowd", 0)),
        "instance_id": raw["id"],
    }
    if raw.get("segmentation"):
        annotation["segmentation"] = _segmentation(raw)
    if raw.get("keypoints"):
        # Detectron2's coordinates are continuous: the centre of the first pixel is 0.5.
        annotation["keypoints"] = [v if i % 3 == 2 else v + 0.5 for i, v in enumerate(raw["keypoints"])]
    return annotation


def _segmentation(raw: Mapping[str, Any]) -> Any:
    """Polygons without degenerate ones, or a compressed RLE."""
    segmentation = raw["segmentation"]
    if not isinstance(segmentation, dict):
        return [polygon for polygon in segmentation if len(polygon) % 2 == 0 and len(polygon) >= 6]
    return rle_of(segmentation, *segmentation["size"])


def _stamp(name: str, path: Path) -> tuple[int, int]:
    try:
        status = path.stat()
    except (OSError, ValueError):  # also a name that none can have
        raise UserError(f"expected the annotations of '{name}' in '{path}', but there is no such file.") from None
    return status.st_size, status.st_mtime_ns


@lru_cache(maxsize=8)
def _read(
    name: str,
    path: Path,
    images: Path,
    stamp: tuple[int, int],
    mapping: tuple[tuple[str, str], ...] | None,
    classes: tuple[str, ...],
) -> _Contents:
    document = read_json(path)
    for key in ("images", "annotations", "categories"):
        if not isinstance(document, dict) or not isinstance(document.get(key), list):
            raise UserError(f"'{path}' has no list '{key}'; it is not in COCO's instance format.")
    for category in document["categories"]:
        check_entry(category, CATEGORY, path, "category")
    categories = class_of_category(path, document["categories"], mapping, classes)
    frames = _frames(path, images, document["images"])
    rows = list(_labels(path, document["annotations"], frames, categories))
    used = {row[1] for row in rows}
    _report_dropped(name, document["annotations"], used, document["categories"])
    annotations = {raw["id"]: raw for raw in document["annotations"] if raw["id"] in used}
    if len(used) < len(rows):
        raise UserError(f"'{path}' gives an annotation id twice; ids must be unique.")
    frame_table = pl.DataFrame(list(frames.values()), schema=FRAME_SCHEMA, orient="row").sort("frame")
    instances = pl.DataFrame(rows, schema=WITH_ATTRIBUTES, orient="row").sort("frame", "instance_id")
    names = [category["name"] for category in document["categories"]]
    return _Contents(InstanceTable(name, frame_table, without_unused(instances)), annotations, names)


def _frames(path: Path, images: Path, records: Sequence[Mapping[str, Any]]) -> dict[Any, tuple]:
    """Image id -> row of ``FRAME_SCHEMA``; a frame's name is its file name."""
    frames = {}
    for record in records:
        check_entry(record, IMAGE, path, "image")
        name = record["file_name"]
        frames[record["id"]] = (name, str(images / name), None, record["height"], record["width"])
    twice = [name for name, count in Counter(frame[0] for frame in frames.values()).items() if count > 1]
    if twice or len(frames) < len(records):
        raise UserError(f"'{path}' lists an image twice ({twice[0] if twice else 'equal ids'}); list each once.")
    missing = [frame[1] for frame in frames.values() if not is_file(frame[1])]
    if missing:
        raise UserError(
            f"images of '{path}' are missing, {len(missing)} in all, the first '{missing[0]}'; put them there, or take "
            "their entries out of the file."
        )
    for _, image, _, height, width in frames.values():
        check_image_file(image, height, width, path)
    return frames


def _labels(
    path: Path, annotations: Sequence[Mapping[str, Any]], frames: Mapping[Any, tuple], categories: dict[int, str | None]
) -> Iterator[tuple]:
    """Rows of ``WITH_ATTRIBUTES``; unmapped categories and labels without a shape are left out."""
    for raw in annotations:
        check_entry(raw, ANNOTATION, path, "annotation", OPTIONAL)
        if raw["image_id"] not in frames or raw["category_id"] not in categories:
            key = "image_id" if raw["image_id"] not in frames else "category_id"
            raise UserError(f"annotation {raw['id']} of '{path}' names the unlisted {key} {raw[key]!r}.")
        name, _, _, height, width = frames[raw["image_id"]]
        check_annotation(raw, height, width, path)
        category = categories[raw["category_id"]]
        if category is None or not (raw.get("keypoints") or (raw.get("segmentation") and _segmentation(raw))):
            continue
        x, y, w, h = raw["bbox"]
        box = (math.floor(x), math.floor(y), math.ceil(x + w), math.ceil(y + h))
        pixels = max(1, round(_area(raw, height, width)))
        known = numbers_in(raw.get("attributes") or {})
        crowd = bool(raw.get("iscrowd", 0))
        yield (name, raw["id"], category, pixels, *box, crowd, *(known.get(each) for each in ATTRIBUTES))


def _area(raw: Mapping[str, Any], height: int, width: int) -> float:
    if raw.get("area") is not None:
        return min(raw["area"], height * width)
    if not raw.get("segmentation"):
        return raw["bbox"][2] * raw["bbox"][3]
    return float(mask_util.area(rle_of(_segmentation(raw), height, width)))


def _report_dropped(
    name: str, annotations: Sequence[Mapping[str, Any]], used: set[int], categories: Sequence[Mapping[str, Any]]
) -> None:
    names = {category["id"]: category["name"] for category in categories}
    dropped = Counter(names[raw["category_id"]] for raw in annotations if raw["id"] not in used)
    if dropped:
        counts = ", ".join(f"{count} {category}" for category, count in dropped.most_common(8))
        console.print(f"{name}: left out {sum(dropped.values())} labels without a class or a shape ({counts})")
