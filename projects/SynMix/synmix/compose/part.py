"""A part of a training set: what it takes of one data set."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import polars as pl

from synmix.compose.removal import ClassRemoval
from synmix.data.sources import DataSource
from synmix.data.table import INSTANCE_SCHEMA, InstanceTable


@dataclass(frozen=True)
class Part:
    """What a training set takes of one data set."""

    source: DataSource
    table: InstanceTable  # the chosen frames and their remaining labels
    repeat: int  # how often an epoch sees each frame
    available: int  # frames of the whole data set
    removal: Sequence[ClassRemoval]  # per class with labels in the chosen frames
    #: labels in the chosen frames of each class that ``DATASETS.CLASSES`` does not name
    left_out: Mapping[str, int] = field(default_factory=dict)

    @property
    def num_images(self) -> int:
        """Images that an epoch sees, repeats counted, images without labels included."""
        return self.repeat * len(self.table.frames)

    @cached_property
    def labelled_frames(self) -> frozenset[str]:
        """Frames with at least one label that is no group: what Detectron2's filter keeps."""
        return frozenset(self.table.instances.filter(~pl.col("crowd"))["frame"].unique().to_list())

    @property
    def num_empty(self) -> int:
        """Frames without a label, repeats not counted."""
        return len(self.table.frames) - len(self.labelled_frames)

    @cached_property
    def labels_sha256(self) -> str:
        """Of the remaining labels, every column that all data sets have; independent of file formats and of library
        versions."""
        columns = pl.col(*INSTANCE_SCHEMA).cast(pl.String).fill_null("")  # a null would drop its whole row
        rows = self.table.instances.select(pl.concat_str(columns, separator="\t").str.join("\n"))
        return hashlib.sha256((rows.item() or "").encode()).hexdigest()
