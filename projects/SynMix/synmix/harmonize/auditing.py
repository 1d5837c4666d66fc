"""The audit of a data set's labels, frame by frame: the facts that tell two conventions apart.

The same facts are gathered of Cityscapes-format data sets and of raw folders, so that the three columns 'real',
'synthetic as delivered' and 'synthetic harmonised' can stand side by side.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import polars as pl

from synmix.data import cityscapes, listing, measured
from synmix.data.described import described
from synmix.data.description import Description
from synmix.data.frame_labels import ID_FACTOR, Labels
from synmix.data.raw import read_labels
from synmix.data.run_lengths import regions_of, runs_of
from synmix.data.sources import MINI, datasets_root, source
from synmix.errors import UserError
from synmix.harmonize.contacts import borders
from synmix.harmonize.relabel import Tally, harmonize
from synmix.harmonize.rules import VEHICLES
from synmix.labels import INSTANCE_LABELS, MIN_PIXELS, RIDER
from synmix.progress import console, parallel_map

#: One row per visible instance. ``share`` is of the image, in thousandths; ``partners`` counts the vehicles that a
#: rider touches, or the riders that a vehicle touches; ``hole_pixels`` are stuff pixels that the outline encloses.
VISIBLE_INSTANCE_SCHEMA = {
    "frame": pl.String,
    "label": pl.Int32,
    "pixels": pl.Int64,
    "share": pl.Float64,
    "partners": pl.Int32,
    "hole_pixels": pl.Int64,
}
#: One row per frame, instance class and class found inside: how many instances hold how many such pixels.
INSIDE_SCHEMA = {
    "frame": pl.String,
    "label": pl.Int32,
    "found": pl.Int32,
    "instances": pl.Int64,
    "pixels": pl.Int64,
}


@dataclass(frozen=True)
class Item:
    """One frame to look at: its name, and how to read its labels."""

    name: str
    image: Path
    read: Callable[[], Labels]


@dataclass(frozen=True)
class Facts:
    """What was found in one frame."""

    name: str
    instances: list[tuple]
    inside: list[tuple]
    group_pixels: int
    image_pixels: int
    tally: Tally
    problem: str = ""


@dataclass
class Audit:
    """The facts of one data set.

    >>> found = audit("mini", registered_frames("mini_cityscapes_instance_val"), num_workers=1)
    >>> found.frames, found.problems
    (2, [])
    """

    name: str
    frames: int
    instances: pl.DataFrame  # VISIBLE_INSTANCE_SCHEMA
    inside: pl.DataFrame  # INSIDE_SCHEMA
    group_pixels: int
    image_pixels: int
    tally: Tally  # which rules of harmonising its frames meet
    problems: list[tuple[str, str]] = field(default_factory=list)  # frame, reason


@dataclass(frozen=True)
class _Reader:
    """Reads a frame's labels as its description says."""

    description: Description
    frame: listing.Frame

    def __call__(self) -> Labels:
        return read_labels(self.description, self.frame)


def registered_frames(name: str) -> list[Item]:
    """The frames of a registered data set.

    Raises:
        UserError: it is unknown or absent, or has no label maps.

    >>> [item.name for item in registered_frames("mini_cityscapes_instance_val")][:1]
    ['tinyburg_000000_000019']
    """
    items, description = [], described("cityscapes")
    for frame, image, instance_map in source(name).table().frames.select("frame", "image", "instance_map").iter_rows():
        if not (instance_map or "").endswith(cityscapes.INSTANCE_SUFFIX):
            raise UserError(f"'{name}' is not in the Cityscapes format, which the audit compares; name one that is.")
        label_map = instance_map.removesuffix(cityscapes.INSTANCE_SUFFIX) + cityscapes.LABEL_SUFFIX
        files = {"class map": Path(label_map), "instance map": Path(instance_map)}
        items.append(Item(frame, Path(image), _Reader(description, listing.Frame(frame, frame, Path(image), files))))
    return items


def raw_folder(data_sets: Sequence[str], name: str = "synscapes") -> Path:
    """Where a raw data set lies, if anywhere: the miniature's has its own place.

    Args:
        data_sets: those that it is compared with.
        name: the described data set.
    """
    root = datasets_root()
    return (root / MINI if all(each.startswith("mini_") for each in data_sets) else root) / described(name).folder


def raw_frames(root: Path, name: str = "synscapes") -> list[Item]:
    """The whole frames of a described data set's raw folder.

    >>> [item.name for item in raw_frames(Path("mini/Synscapes"))][:2]
    ['1', '2']
    """
    description = described(name)
    whole = listing.list_frames(description, root).whole
    description, notes = measured.settle(description, whole)
    for note in notes:
        console.print(f"measured: {note}")
    return [Item(str(frame.key), frame.image, _Reader(description, frame)) for frame in whole]


def evenly(items: list[Item], count: int) -> list[Item]:
    """At most ``count`` of the items, evenly spread."""
    if count <= 0 or len(items) <= count:
        return items
    return [items[index] for index in np.linspace(0, len(items) - 1, count).round().astype(int)]


def audit(name: str, items: list[Item], num_workers: int = 0) -> Audit:
    """Gathers the facts of a data set.

    Args:
        name: what to call it in tables.
        items: of :func:`registered_frames` or :func:`raw_frames`.
        num_workers: processes; 0 takes all cores.

    Raises:
        UserError: no frame could be read.

    >>> found = audit("raw", raw_frames(Path("mini/Synscapes")), num_workers=1)
    >>> found.frames, found.tally.cases["rider_on_vehicle"] > 0
    (8, True)
    """
    found = list(parallel_map(_facts, items, f"auditing {name}", num_workers))
    good = [facts for facts in found if not facts.problem]
    if not good:
        reason = found[0].problem if found else "it holds no whole frame."
        raise UserError(f"no frame of '{name}' can be audited: {reason}")
    tally = Tally()
    for facts in good:
        tally.add(facts.tally)
    return Audit(
        name,
        len(good),
        pl.DataFrame([row for facts in good for row in facts.instances], schema=VISIBLE_INSTANCE_SCHEMA, orient="row"),
        pl.DataFrame([row for facts in good for row in facts.inside], schema=INSIDE_SCHEMA, orient="row"),
        sum(facts.group_pixels for facts in good),
        sum(facts.image_pixels for facts in good),
        tally,
        [(facts.name, facts.problem) for facts in found if facts.problem],
    )


def _facts(item: Item) -> Facts:
    try:
        labels = item.read()
        tally = harmonize(labels).tally
    except (UserError, OSError) as error:
        return Facts(item.name, [], [], 0, 0, Tally(), str(error))
    group_pixels = int(np.isin(labels.class_map[labels.instance_ids == 0], list(INSTANCE_LABELS)).sum())
    instances, inside = list(_instances(item.name, labels)), list(_inside(item.name, labels))
    return Facts(item.name, instances, inside, group_pixels, labels.class_map.size, tally)


def _label_of(instance: int, classes: Mapping[int, int]) -> int:
    return classes.get(instance, instance // ID_FACTOR)


def _instances(name: str, labels: Labels) -> Iterator[tuple]:
    """Rows of VISIBLE_INSTANCE_SCHEMA."""
    regions = regions_of(runs_of(labels.instance_ids))
    partners = _partners(labels)
    for value, pixels, box in zip(*(each.tolist() for each in vars(regions).values()), strict=True):
        if value:
            label = _label_of(value, labels.classes)
            share = 1000 * pixels / labels.class_map.size
            holes = _hole_pixels(labels, value, box) if pixels >= MIN_PIXELS else 0
            yield name, label, pixels, share, partners.get(value, 0), holes


def _partners(labels: Labels) -> dict[int, int]:
    """How many riders a vehicle touches and how many vehicles a rider."""
    counts: dict[int, int] = {}
    for pair in borders(labels.instance_ids):
        kinds = {_label_of(instance, labels.classes) for instance in pair}
        if RIDER in kinds and kinds & VEHICLES:
            for instance in pair:
                counts[instance] = counts.get(instance, 0) + 1
    return counts


def _hole_pixels(labels: Labels, instance: int, box: Iterable[int]) -> int:
    """Stuff pixels inside the outline, as between the spokes of a wheel; Cityscapes' policy is to fill them."""
    x_min, y_min, x_max, y_max = box
    crop = np.s_[y_min:y_max, x_min:x_max]
    mask = (labels.instance_ids[crop] == instance).astype(np.uint8)
    contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    filled = cv2.drawContours(np.zeros_like(mask), contours, -1, 1, cv2.FILLED)
    stuff = (labels.instance_ids[crop] == 0) & ~np.isin(labels.class_map[crop], list(INSTANCE_LABELS))
    return int(((filled > mask) & stuff).sum())


def _inside(name: str, labels: Labels) -> Iterator[tuple]:
    """Rows of INSIDE_SCHEMA."""
    runs = runs_of((labels.instance_ids << np.uint32(8)) | labels.class_map)
    pairs, index = np.unique(runs.values, return_inverse=True)
    pixels = np.bincount(index, weights=runs.lengths).astype(int).tolist()
    counts: dict[tuple[int, int], list[int]] = {}
    for pair, count in zip(pairs.tolist(), pixels, strict=True):
        if pair >> 8:
            entry = counts.setdefault((_label_of(pair >> 8, labels.classes), pair & 255), [0, 0])
            entry[0] += 1
            entry[1] += count
    for (label, found), (instances, total) in counts.items():
        yield name, label, found, instances, total
