"""The data sets by name, for all rooms; what only counts labels finds them here without importing torch.

Registering costs nothing; a data set is looked for under ``$DETECTRON2_DATASETS`` when it is first used. Those that
``configs/data`` describes are NAME_instance_{train,val,test}, and mini_NAME_... in the miniature (docs/data.md); call
:func:`register_cityscapes_format` for others in the Cityscapes layout.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from synmix.data import cityscapes, described
from synmix.data.description import Description, Domain
from synmix.data.table import BOX, FRAME_SCHEMA, InstanceTable, build_table
from synmix.errors import UserError, did_you_mean
from synmix.files import expanded
from synmix.labels import CLASS_NAMES

#: The folder of the miniatures under $DETECTRON2_DATASETS.
MINI = "mini"
_SUFFIX = "_instance_"


@dataclass(frozen=True)
class DataSource:
    """A registered data set: what it is, its instance table, and how labels become Detectron2 dicts.

    >>> about = source("mini_synscapes_instance_train")
    >>> about.domain, about.classes[2]
    ('synthetic', 'car')
    """

    name: str
    domain: Domain
    table: Callable[[], InstanceTable]
    #: Detectron2 dicts of the source's table or of a part of it (fewer frames, fewer instances).
    dicts: Callable[[InstanceTable], list[dict[str, Any]]]
    #: Further Detectron2 metadata; overrides ``thing_classes``, ``thing_colors`` and ``evaluator_type`` where given.
    metadata: Mapping[str, Any] = field(default_factory=dict)
    #: Classes that nobody has labelled there: their objects look like background.
    missing: tuple[str, ...] = ()
    #: The classes that its files know, read with the table; where that is None, the metadata say it.
    found: Callable[[], Sequence[str]] | None = None

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of its classes, in the order of its dicts' category ids."""
        return tuple(self.metadata.get("thing_classes", CLASS_NAMES))


_SOURCES: dict[str, DataSource] = {}


def register(source: DataSource) -> None:
    """Registers a data set; a name can be registered again to replace it.

    >>> from dataclasses import replace
    >>> register(replace(source("mini_cityscapes_instance_val"), name="another", domain="synthetic"))
    >>> source("another").domain
    'synthetic'
    """
    _SOURCES[source.name] = source


def names() -> list[str]:
    """The names of all registered data sets, sorted."""
    return sorted({*_SOURCES, *_described()})


def source(name: str) -> DataSource:
    """The registered data set of this name.

    Raises:
        UserError: no such data set, the message lists the known ones; or its description is wrong.

    >>> source("mini_cityscapes_instance_val").domain
    'real'
    """
    if name not in _SOURCES:
        known = _described()
        if name not in known:
            raise UserError(f"unknown data set '{name}'.{did_you_mean(name, names())} Known: {_in_short(names())}.")
        _register_described(name, *known[name])
    return _SOURCES[name]


def _in_short(registered: list[str]) -> str:
    """Names, those of a data set's splits together."""
    splits: dict[str, list[str]] = {}
    for name in registered:
        first, suffix, last = name.rpartition(_SUFFIX)
        splits.setdefault(first + suffix if last in cityscapes.SPLITS else name, []).append(last)
    return ", ".join(f"{name}{{{','.join(each)}}}" if name.endswith(_SUFFIX) else name for name, each in splits.items())


def _described() -> dict[str, tuple[str, str, str]]:
    """The described data sets' registered names: description, the folder above, split."""
    return {
        f"{prefix}{name}{_SUFFIX}{split}": (name, folder, split)
        for name in described.names()
        for prefix, folder in (("", ""), (f"{MINI}_", MINI))
        for split in cityscapes.SPLITS
    }


def _register_described(registered: str, name: str, above: str, split: str) -> None:
    """Its description is read now, and not before."""
    about = described.described(name)
    remedy = _MINI_REMEDY if above and name in _DRAWN else _MINI_ENCODING.format(name=name) if above else _remedy(about)
    register_cityscapes_format(registered, Path(above) / about.copy, split, about.domain, remedy, about.missing)


def _remedy(about: Description) -> str:
    if about.name in _REMEDIES:
        return _REMEDIES[about.name]
    return (
        f"Unpack {about.title} and run 'datasets/prepare.py {about.name} --input DIR', which writes this folder "
        "(docs/data.md)."
    )


def register_cityscapes_format(
    name: str, folder: str | Path, split: str, domain: Domain, remedy: str = "", missing: Sequence[str] = ()
) -> None:
    """Registers one split of a data set in the Cityscapes layout.

    Args:
        folder: holds ``leftImg8bit`` and ``gtFine``; a relative one is looked for under ``$DETECTRON2_DATASETS``.
        remedy: how to get the data, for the message where it is absent.
        missing: evaluated classes that nobody has labelled there.

    >>> register_cityscapes_format("mine_val", "mini/cityscapes", "val", "real", "Run datasets/make_mini.py.")
    >>> len(source("mine_val").table().frames)
    2
    """

    @lru_cache(maxsize=1)
    def table_at(root: Path) -> InstanceTable:
        return build_table(name, cityscapes.list_frames(root, split, remedy))

    register(DataSource(name, domain, lambda: table_at(datasets_root() / folder), to_dicts, missing=tuple(missing)))


def datasets_root() -> Path:
    """``$DETECTRON2_DATASETS``, as Detectron2 reads it (default: ``datasets``).

    >>> (datasets_root() / "mini").is_dir()
    True
    """
    return expanded(os.environ.get("DETECTRON2_DATASETS", "datasets"))


def to_dicts(table: InstanceTable) -> list[dict[str, Any]]:
    """Detectron2's standard dicts: one a frame, plus ``instance_map`` (path) and ``dataset``; each annotation carries
    its ``instance_id`` in that map, from which the mapper makes the mask."""
    import synmix.before_detectron2  # noqa: F401

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


_REMEDIES = {
    "cityscapes": "Download leftImg8bit_trainvaltest.zip and gtFine_trainvaltest.zip from cityscapes-dataset.com and "
    "unpack both there, or set DETECTRON2_DATASETS to the folder that holds 'cityscapes' (datasets/README.md).",
    "synscapes": "Unpack Synscapes under DETECTRON2_DATASETS and run datasets/prepare_synscapes.py, which writes this "
    "folder (datasets/README.md).",
}
_DRAWN = ("cityscapes", "synscapes")  # by every miniature
_MINI_REMEDY = "Run datasets/make_mini.py, which draws the miniature."
_MINI_ENCODING = "Run 'datasets/make_mini.py --encodings {name}', which draws it."
_START_REMEDY = "The study draws it when it first needs it: tools/study.py run --scale mini."

for _split in cityscapes.SPLITS:  # what the study's miniature starts from; no encoding of its own
    register_cityscapes_format(f"mini_start{_SUFFIX}{_split}", "mini_start/cityscapes", _split, "real", _START_REMEDY)
