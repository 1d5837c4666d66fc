"""The data sets by name, for all rooms; what only counts labels finds them here without importing torch.

Registering costs nothing; a data set is looked for under ``$DETECTRON2_DATASETS`` when it is first used.
To add a data set in the Cityscapes layout, add a line to ``BUILT_IN`` or call :func:`register_cityscapes_format`.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from synmix.data import cityscapes
from synmix.data.table import BOX, FRAME_SCHEMA, InstanceTable, build_table
from synmix.errors import UserError, did_you_mean
from synmix.files import expanded
from synmix.labels import CLASS_NAMES

Domain = Literal["real", "synthetic"]


@dataclass(frozen=True)
class DataSource:
    """A registered data set: what it is, its instance table, and how labels become Detectron2 dicts."""

    name: str
    domain: Domain
    table: Callable[[], InstanceTable]
    #: Detectron2 dicts of the source's table or of a part of it (fewer frames, fewer instances).
    dicts: Callable[[InstanceTable], list[dict[str, Any]]]
    #: Further Detectron2 metadata; overrides ``thing_classes``, ``thing_colors`` and ``evaluator_type`` where given.
    metadata: Mapping[str, Any] = field(default_factory=dict)


_SOURCES: dict[str, DataSource] = {}


def register(source: DataSource) -> None:
    """Registers a data set; a name can be registered again to replace it."""
    _SOURCES[source.name] = source


def names() -> list[str]:
    """The names of all registered data sets, sorted."""
    return sorted(_SOURCES)


def source(name: str) -> DataSource:
    """The registered data set of this name.

    Raises:
        UserError: no such data set; the message lists the known ones.
    """
    if name not in _SOURCES:
        raise UserError(
            f"unknown data set '{name}'.{did_you_mean(name, _SOURCES)} Known: {', '.join(sorted(_SOURCES))}."
        )
    return _SOURCES[name]


def register_cityscapes_format(name: str, folder: str | Path, split: str, domain: Domain, remedy: str = "") -> None:
    """Registers one split of a data set in the Cityscapes layout.

    Args:
        folder: holds ``leftImg8bit`` and ``gtFine``; a relative one is looked for under ``$DETECTRON2_DATASETS``.
        remedy: how to get the data, for the message where it is absent.
    """

    @lru_cache(maxsize=1)
    def table_at(root: Path) -> InstanceTable:
        return build_table(name, cityscapes.list_frames(root, split, remedy))

    register(DataSource(name, domain, lambda: table_at(datasets_root() / folder), to_dicts))


def datasets_root() -> Path:
    """``$DETECTRON2_DATASETS``, as Detectron2 reads it (default: ``datasets``)."""
    return expanded(os.environ.get("DETECTRON2_DATASETS", "datasets"))


def to_dicts(table: InstanceTable) -> list[dict[str, Any]]:
    """Detectron2's standard dicts: one a frame, plus ``instance_map`` (path) and ``dataset``; each annotation carries
    its ``instance_id`` in that map, from which the mapper makes the mask."""
    from detectron2.structures import BoxMode  # here, since it brings torch

    annotations: dict[str, list[dict[str, Any]]] = {}
    category_ids = {category: index for index, category in enumerate(CLASS_NAMES)}
    columns = ("frame", "instance_id", "category", *BOX, "crowd")
    for frame, instance_id, category, *box, crowd in table.instances.select(columns).iter_rows():
        annotations.setdefault(frame, []).append(
            {
                "bbox": [float(side) for side in box],  # of whole numbers Detectron2 would cut the scaled sides off
                "bbox_mode": BoxMode.XYXY_ABS,
                "category_id": category_ids[category],
                "iscrowd": int(crowd),
                "instance_id": instance_id,
            }
        )
    return [
        {
            "file_name": image,
            "image_id": frame,
            "height": height,
            "width": width,
            "instance_map": instance_map,
            "dataset": table.name,
            "annotations": annotations.get(frame, []),
        }
        for frame, image, instance_map, height, width in table.frames.select(FRAME_SCHEMA.keys()).iter_rows()
    ]


_CITYSCAPES_REMEDY = (
    "Download leftImg8bit_trainvaltest.zip and gtFine_trainvaltest.zip from cityscapes-dataset.com and unpack both "
    "there, or set DETECTRON2_DATASETS to the folder that holds 'cityscapes' (datasets/README.md)."
)
_SYNSCAPES_REMEDY = (
    "Unpack Synscapes under DETECTRON2_DATASETS and run datasets/prepare_synscapes.py, which writes this folder "
    "(datasets/README.md)."
)
_MINI_REMEDY = "Run datasets/make_mini.py, which draws the miniature."
_START_REMEDY = "The study draws it when it first needs it: tools/study.py run --scale mini."

#: name prefix, folder under $DETECTRON2_DATASETS, domain, remedy
BUILT_IN: tuple[tuple[str, str, Domain, str], ...] = (
    ("cityscapes_instance", "cityscapes", "real", _CITYSCAPES_REMEDY),
    ("synscapes_instance", "synscapes_harmonized", "synthetic", _SYNSCAPES_REMEDY),
    ("mini_cityscapes_instance", "mini/cityscapes", "real", _MINI_REMEDY),
    ("mini_synscapes_instance", "mini/synscapes_harmonized", "synthetic", _MINI_REMEDY),
    ("mini_start_instance", "mini_start/cityscapes", "real", _START_REMEDY),
)


def register_built_in() -> None:
    """Registers the two data sets of the study and their miniatures, each in three splits."""
    for prefix, folder, domain, remedy in BUILT_IN:
        for split in cityscapes.SPLITS:
            register_cityscapes_format(f"{prefix}_{split}", folder, split, domain, remedy)


register_built_in()
