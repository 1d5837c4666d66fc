"""The labels of a data set as it is read, and those of a training set as they are trained on, in COCO's format."""

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import synmix
from synmix.compose.composition import Composition
from synmix.data import sources
from synmix.data.attributes import ATTRIBUTES
from synmix.data.images import read_instance_map
from synmix.data.segmentation import mask_of, rle_of
from synmix.data.table import InstanceTable
from synmix.errors import UserError
from synmix.export.coco_file import Picture, Shape, Written, places_of, segmentation_of, write_coco
from synmix.progress import parallel_map

Record = dict[str, Any]  # a Detectron2 dict


@dataclass(frozen=True)
class Export:
    """What is to be written: the images as Detectron2 dicts, and who makes COCO's annotations of one of them."""

    info: dict[str, Any]
    classes: Sequence[str]
    records: Sequence[Record]
    annotate: Callable[[Record, Shape], list[dict[str, Any]]]  # pickled for other processes


def data_set_labels(name: str) -> Export:
    """All labels of a registered data set.

    Raises:
        UserError: it is unknown, absent or damaged.
    """
    source = sources.source(name)
    table = source.table()
    info = {"description": f"the labels of '{name}', as SynMix reads them", "data_sets": [_about(source, table)]}
    return Export(info, source.classes, _measured(source.dicts(table), [table]), annotations_of)


def composition_labels(composition: Composition, config: str, only: str | None = None) -> Export:
    """What a config trains on: the images chosen and the labels left, each image once.

    Args:
        config: what to call it in ``info``.
        only: a data set of it; None takes all.

    Raises:
        UserError: ``only`` is none of its data sets.
    """
    parts = [part for part in composition.parts if only in (None, part.source.name)]
    if not parts:
        known = ", ".join(part.source.name for part in composition.parts)
        raise UserError(f"'{config}' does not train on '{only}'; it trains on {known}.")
    names = {part.source.name for part in parts}
    once = {id(record): record for record in composition.dicts() if record["dataset"] in names}  # repeats are the same
    manifest = composition.manifest()
    info = {
        "description": f"what '{config}' trains on, as SynMix composes it",
        "composition": {"config": config, "checksum": manifest["checksum"], "labels_removed": _removed(parts)},
        "data_sets": [{**_about(part.source, part.table), "repeat": part.repeat} for part in parts],
    }
    records = _measured(list(once.values()), [part.table for part in parts])
    return Export(info, parts[0].source.classes, records, annotations_of)


def write_export(
    export: Export, path: Path, shape: Shape = "rle", images: Path | None = None, num_workers: int = 0
) -> tuple[Written, Path]:
    """Writes an export as a COCO file.

    Args:
        images: the folder that file names start from; None takes the deepest that holds all images, links followed.
        num_workers: processes; 0 takes all cores.

    Returns:
        how much was written, and the folder of images.

    Raises:
        UserError: an image does not lie below ``images``, a label cannot be read, or the file cannot be written.
    """
    folder, names = places_of([record["file_name"] for record in export.records], images)
    work = partial(_picture, shape=shape, annotate=export.annotate)
    pictures = parallel_map(work, list(zip(names, export.records, strict=True)), "exporting", num_workers)
    info = {**export.info, "version": synmix.__version__, "images": _place(folder), "shape": shape}
    return write_coco(path, info, export.classes, pictures), folder


def _picture(named: tuple[str, Record], shape: Shape, annotate: Callable[..., list[dict[str, Any]]]) -> Picture:
    name, record = named
    return Picture(name, record["height"], record["width"], annotate(record, shape), record.get("dataset", ""))


def annotations_of(record: Record, shape: Shape) -> list[dict[str, Any]]:
    """COCO's annotations of the labels of a Detectron2 dict."""
    instance_map = read_instance_map(record["instance_map"]) if record.get("instance_map") else None
    size = record["height"], record["width"]
    return [_annotation(raw, size, shape, instance_map) for raw in record["annotations"]]


def _annotation(raw: Record, size: tuple[int, int], shape: Shape, instance_map: np.ndarray | None) -> dict[str, Any]:
    annotation = {
        "category_id": raw["category_id"] + 1,
        "bbox": raw["bbox"],
        "area": raw["area"],
        "iscrowd": raw["iscrowd"],
        "instance_id": raw["instance_id"],
        **({"attributes": raw["attributes"]} if raw.get("attributes") else {}),
    }
    if instance_map is not None:
        x, y, width, height = (int(side) for side in annotation["bbox"])
        crop = instance_map[y : y + height, x : x + width] == raw["instance_id"]
        annotation["segmentation"] = segmentation_of(crop, x, y, size, shape, bool(raw["iscrowd"]))
    elif raw.get("segmentation"):
        annotation["segmentation"] = _segmentation(raw, size, shape)
    if "keypoints" in raw:
        given = np.reshape(raw["keypoints"], (-1, 3))  # Detectron2's are half a pixel further than COCO's
        points = np.where(given[:, 2:] > 0, given - (0.5, 0.5, 0), 0)
        annotation["keypoints"] = points.ravel().tolist()
        annotation["num_keypoints"] = int((points[:, 2] > 0).sum())
    return annotation


def _segmentation(raw: Record, size: tuple[int, int], shape: Shape) -> Any:
    """What a COCO data set has, in the shape asked for; polygons that are to stay polygons are not touched."""
    polygons = not isinstance(raw["segmentation"], dict)
    if polygons and shape == "polygons" and not raw["iscrowd"]:
        return raw["segmentation"]
    if shape == "polygons" and not raw["iscrowd"]:
        return segmentation_of(mask_of(raw["segmentation"], *size), 0, 0, size, shape, False)
    rle = rle_of(raw["segmentation"], *size)
    counts = rle["counts"]
    return {"size": list(size), "counts": counts.decode("ascii") if isinstance(counts, bytes) else counts}


def _measured(records: Sequence[Record], tables: Iterable[InstanceTable]) -> list[Record]:
    """The records, each annotation with COCO's box, and what the instance table says of it: Detectron2's dicts have
    neither its pixels nor its attributes."""
    said = {
        (table.name, row["frame"], row["instance_id"]): _said(row)
        for table in tables
        for row in table.instances.iter_rows(named=True)
    }
    return [
        {
            **record,
            "annotations": [
                {**_plain(raw), **said[record["dataset"], record["image_id"], raw["instance_id"]]}
                for raw in record["annotations"]
            ],
        }
        for record in records
    ]


def _said(row: dict[str, Any]) -> dict[str, Any]:
    attributes = {name: row[name] for name in ATTRIBUTES if row.get(name) is not None}
    return {"area": row["pixels"], "attributes": attributes}


def _plain(raw: Record) -> Record:
    """An annotation with COCO's box, and nothing of Detectron2's: other processes need none of it."""
    return {key: value for key, value in raw.items() if key != "bbox_mode"} | {"bbox": _box(raw)}


def _box(raw: Record) -> list[float]:
    import synmix.before_detectron2  # noqa: F401

    from detectron2.structures import BoxMode  # here, and not in other processes: it brings torch

    box: list[float] = BoxMode.convert(list(raw["bbox"]), raw["bbox_mode"], BoxMode.XYWH_ABS)
    return [int(side) if side == int(side) else side for side in box]


def _about(source: sources.DataSource, table: InstanceTable) -> dict[str, Any]:
    return {
        "name": source.name,
        "domain": source.domain,
        "images": len(table.frames),
        "labels": len(table.instances),
    }


def _removed(parts: Sequence[Any]) -> int:
    return sum(report.removed for part in parts for report in part.removal)


def _place(folder: Path) -> str:
    """The folder of images as others may read it: below ``$DETECTRON2_DATASETS``, else by its name alone."""
    given = sources.datasets_root()
    for root in (Path(os.path.abspath(given)), given.resolve()):  # noqa: PTH100 - with and without its links
        if folder.is_relative_to(root):
            return folder.relative_to(root).as_posix()
    return folder.name
