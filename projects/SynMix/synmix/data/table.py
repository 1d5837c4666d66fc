"""The instance table: one row per labelled instance, built once per data set and read by everything that counts labels.

Removal, statistics, manifests and pictures read this table, never the images.
"""

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import polars as pl

from synmix.data.attributes import ATTRIBUTES, read_attributes
from synmix.data.cityscapes import IMAGE_SUFFIX, INSTANCE_SUFFIX, Frame
from synmix.data.images import image_size, read_instance_map
from synmix.data.run_lengths import regions_of, runs_of
from synmix.errors import UserError
from synmix.files import atomic_path, why_absent
from synmix.labels import CATEGORY_OF_LABEL, CLASS_NAMES, INSTANCE_FACTOR, label_of
from synmix.progress import console, parallel_map

#: One row per frame, sorted by name. ``instance_map`` is null where masks come from elsewhere (COCO).
FRAME_SCHEMA = {
    "frame": pl.String,
    "image": pl.String,
    "instance_map": pl.String,
    "height": pl.Int32,
    "width": pl.Int32,
}
#: One row per labelled instance, sorted by frame and id. Boxes in pixels, the maxima exclusive; ``crowd`` marks groups.
INSTANCE_SCHEMA = {
    "frame": pl.String,
    "instance_id": pl.Int64,
    "category": pl.String,
    "pixels": pl.Int64,
    "x_min": pl.Int32,
    "y_min": pl.Int32,
    "x_max": pl.Int32,
    "y_max": pl.Int32,
    "crowd": pl.Boolean,
}
#: A box's columns, in the order of ``BoxMode.XYXY_ABS``.
BOX = ("x_min", "y_min", "x_max", "y_max")
_REGION_COLUMNS = tuple(INSTANCE_SCHEMA)[1:]
#: With all attributes; a table has those columns of which its data set says something.
WITH_ATTRIBUTES = {**INSTANCE_SCHEMA, **dict.fromkeys(ATTRIBUTES, pl.Float64)}
_REGIONS = pl.Struct([pl.Field(column, kind) for column, kind in WITH_ATTRIBUTES.items() if column != "frame"])
_CACHE_SCHEMA = {
    "frame": pl.String(),
    "stamp": pl.String(),
    "height": pl.Int32(),
    "width": pl.Int32(),
    "instances": pl.List(_REGIONS),
}
_VERSION = 2  # part of the cache's file name: a change of schema makes every older cache stale


@dataclass(frozen=True)
class InstanceTable:
    """The labels of one data set, or of a part of it.

    >>> from synmix.data import source
    >>> table = source("mini_cityscapes_instance_val").table()
    >>> table.instances.columns[:4]
    ['frame', 'instance_id', 'category', 'pixels']
    """

    name: str  # the registered data set
    frames: pl.DataFrame  # FRAME_SCHEMA
    instances: pl.DataFrame  # INSTANCE_SCHEMA, and of ATTRIBUTES the columns that the data set has


def instances_in(instance_map: np.ndarray) -> dict[str, list]:
    """The evaluated classes' instances and groups of one map, as columns (INSTANCE_SCHEMA without ``frame``).

    Args:
        instance_map: (H, W) uint16, Cityscapes instanceIds.

    >>> labels = np.zeros((20, 20), dtype=np.uint16)
    >>> labels[5:15, :10] = 26_000  # a car
    >>> found = instances_in(labels)
    >>> found["category"], found["pixels"], found["y_min"]
    (['car'], [100], [5])
    """
    regions = regions_of(runs_of(instance_map))
    labels = label_of(regions.values)
    known = np.isin(labels, list(CATEGORY_OF_LABEL))
    boxes = regions.boxes[known].T.tolist()
    columns: list[list] = [
        regions.values[known].tolist(),
        [CLASS_NAMES[CATEGORY_OF_LABEL[label]] for label in labels[known].tolist()],
        regions.pixels[known].tolist(),
        *boxes,
        (regions.values[known] < INSTANCE_FACTOR).tolist(),
    ]
    return dict(zip(_REGION_COLUMNS, columns, strict=True))


def build_table(name: str, frames: Sequence[Frame], num_workers: int = 0) -> InstanceTable:
    """The instance table of Cityscapes-format frames, from the cache where the files have not changed since.

    Only new and changed frames are read again; files are compared by size and modification time.

    Raises:
        UserError: a label map is damaged, not 16-bit, or of another size than its image.
    """
    path = cache_path(name, frames)
    listing = pl.DataFrame(
        [(f.name, f.image_stem + IMAGE_SUFFIX, f.label_stem + INSTANCE_SUFFIX, _stamp(f)) for f in frames],
        schema={"frame": pl.String, "image": pl.String, "instance_map": pl.String, "stamp": pl.String},
        orient="row",
    )
    cached = _read_cache(path)
    fresh = listing.join(cached, on=["frame", "stamp"], how="anti") if cached is not None else listing
    if len(fresh):
        read = _read_frames(name, frames, set(fresh["frame"].to_list()), num_workers)
        parts = [read] if cached is None else [cached.join(listing, on=["frame", "stamp"], how="semi"), read]
        cached = pl.concat(parts)
        _write_cache(path, cached)
    assert cached is not None
    joined = listing.join(cached, on=["frame", "stamp"], how="left").sort("frame")
    return InstanceTable(name, joined.select(*FRAME_SCHEMA), _explode(joined))


def cache_path(name: str, frames: Sequence[Frame]) -> Path:
    """Where the table of these frames is kept: under ``$SYNMIX_CACHE``, else the user's cache folder."""
    default = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "synmix"
    folder = Path(os.environ.get("SYNMIX_CACHE", default))
    place = str(frames[0].instance_map.parents[1].absolute()) if frames else ""
    return folder / f"{name}-{hashlib.sha256(place.encode()).hexdigest()[:12]}-v{_VERSION}.parquet"


def _stamp(frame: Frame) -> str:
    status = os.stat  # of text, as Frame has it
    try:
        files = [status(frame.label_stem + INSTANCE_SUFFIX), status(frame.image_stem + IMAGE_SUFFIX)]
    except OSError as error:
        raise UserError(f"'{error.filename}' {why_absent(error.filename)}; it was there a moment ago.") from None
    return ":".join(f"{file.st_size}:{file.st_mtime_ns}" for file in files)


def _read_cache(path: Path) -> pl.DataFrame | None:
    try:
        cached = pl.read_parquet(path) if path.is_file() else None
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        console.print(f"the instance table '{path}' is unreadable and is built again ({error})")
        return None
    if cached is not None and dict(cached.schema) != _CACHE_SCHEMA:
        console.print(f"the instance table '{path}' is not one and is built again")
        return None
    return cached


@lru_cache
def _write_cache_failed(folder: Path, reason: str) -> None:
    """Said once."""
    console.print(f"work goes on without a cache in '{folder}' (SYNMIX_CACHE): {reason}")


def _write_cache(path: Path, table: pl.DataFrame) -> None:
    try:
        with atomic_path(path) as temporary:
            table.write_parquet(temporary)
    except (UserError, OSError, pl.exceptions.PolarsError) as error:
        _write_cache_failed(path.parent, str(error))


def _read_frames(name: str, frames: Sequence[Frame], wanted: set[str], num_workers: int) -> pl.DataFrame:
    items = [frame for frame in frames if frame.name in wanted]
    rows = list(parallel_map(_read_frame, items, f"instance table of {name}", num_workers))
    return pl.DataFrame(rows, schema=_CACHE_SCHEMA, orient="row")


def _read_frame(frame: Frame) -> tuple:
    stamp = _stamp(frame)
    instance_map = read_instance_map(frame.instance_map)
    size = image_size(frame.image)
    if size != instance_map.shape:
        raise UserError(
            f"'{frame.image}' is {size[1]} x {size[0]} pixels but its labels are {instance_map.shape[1]} x "
            f"{instance_map.shape[0]}; both must be of one size (prepare_synscapes.py does that for Synscapes)."
        )
    columns = instances_in(instance_map)
    known = read_attributes(frame.instance_map)
    for name in ATTRIBUTES:
        columns[name] = [known.get(name, {}).get(value) for value in columns["instance_id"]]
    rows = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
    return frame.name, stamp, *size, rows


def _explode(joined: pl.DataFrame) -> pl.DataFrame:
    nested = joined.select("frame", "instances").filter(pl.col("instances").list.len() > 0)
    rows = nested.explode("instances").unnest("instances").select(*WITH_ATTRIBUTES).sort("frame", "instance_id")
    return without_unused(rows)


def without_unused(rows: pl.DataFrame) -> pl.DataFrame:
    """Instances without the attributes that no label has."""
    return rows.drop(name for name in ATTRIBUTES if rows[name].null_count() == len(rows))
