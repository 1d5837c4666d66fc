"""Data sets by name: raw layouts, the instance table, registration, and the training mapper.

>>> from synmix.data import source
>>> table = source("mini_cityscapes_instance_val").table()
>>> table.frames["height"].to_list()
[64, 64]
"""

from typing import TYPE_CHECKING

from synmix.lazy import lazily

if TYPE_CHECKING:
    from synmix.data.coco import register_coco_format
    from synmix.data.frame_labels import Labels
    from synmix.data.images import read_instance_map
    from synmix.data.mapper import SynMixMapper
    from synmix.data.sources import DataSource, datasets_root, register, register_cityscapes_format, source
    from synmix.data.table import InstanceTable, instances_in

__all__ = [
    "DataSource",
    "InstanceTable",
    "Labels",
    "SynMixMapper",
    "datasets_root",
    "instances_in",
    "read_instance_map",
    "register",
    "register_cityscapes_format",
    "register_coco_format",
    "source",
]

__getattr__, __dir__ = lazily(__name__, {
    "coco": ("register_coco_format",),
    "frame_labels": ("Labels",),
    "images": ("read_instance_map",),
    "mapper": ("SynMixMapper",),
    "sources": ("DataSource", "datasets_root", "register", "register_cityscapes_format", "source",),
    "table": ("InstanceTable", "instances_in",),
})  # fmt: skip
