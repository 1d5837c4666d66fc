"""``DATASETS.CLASSES``: a data set seen as having the classes of a config and no others.

This is the one place where a data set's own classes become those of a config; everything else asks the view, a data
source like any other.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import polars as pl

from synmix.data import sources
from synmix.data.sources import DataSource
from synmix.data.table import InstanceTable
from synmix.errors import UserError, did_you_mean
from synmix.labels import colors_of


def source(name: str, classes: Sequence[str] = ()) -> DataSource:
    """The registered data set of this name, seen as having these classes.

    Raises:
        UserError: see :func:`sources.source` and :func:`seen_as`.
    """
    return seen_as(sources.source(name), classes)


def seen_as(member: DataSource, classes: Sequence[str]) -> DataSource:
    """A view of a data set: labels of other classes are left out, category ids count in the order of ``classes``, and
    what it does not have is missing there. () is the data set itself.

    Raises:
        UserError: only its files say which classes it has, and they cannot be read.
    """
    if not classes:
        return member
    lacking = {*member.missing, *classes} - (set(known_classes(member)) - set(member.missing))
    number = {place: classes.index(name) for place, name in enumerate(member.classes) if name in classes}

    def dicts(table: InstanceTable) -> list[dict[str, Any]]:
        return [_renumbered(record, number) for record in member.dicts(_of_classes(table, classes))]

    return replace(
        member,
        table=lambda: _of_classes(member.table(), classes),
        dicts=dicts,
        metadata={**member.metadata, "thing_classes": list(classes), "thing_colors": list(colors_of(classes))},
        missing=tuple(name for name in classes if name in lacking),
        found=None,
    )


def names_of(member: DataSource, classes: Sequence[str]) -> tuple[str, ...]:
    """The classes of a data set's view, without a look at any file."""
    return tuple(classes) or member.classes


def known_classes(member: DataSource) -> tuple[str, ...]:
    """The classes that a data set has a name for.

    Raises:
        UserError: only its files say it, and they cannot be read.
    """
    return member.classes if member.found is None else tuple(member.found())


def check_known(classes: Sequence[str], members: Iterable[DataSource]) -> None:
    """Looks for every class of ``DATASETS.CLASSES`` in data sets (not in views of them).

    Raises:
        UserError: none of them has it; the close names are named.
    """
    known = dict.fromkeys(name for member in members for name in known_classes(member)) if classes else {}
    for name in classes:
        if name not in known:
            raise UserError(
                f"DATASETS.CLASSES names '{name}', which no data set has.{did_you_mean(name, known)} Known: "
                f"{', '.join(known)}; others come from 'categories' of DATASETS.COCO."
            )


def left_out(member: DataSource, classes: Sequence[str], frames: Iterable[str]) -> dict[str, int]:
    """How many labels of these frames a view leaves out, groups included, by class name."""
    if not classes:
        return {}
    rows = member.table().instances.filter(
        ~pl.col("category").is_in(list(classes)) & pl.col("frame").is_in(list(frames))
    )
    return dict(rows.group_by("category").len().sort("category").iter_rows())


def _of_classes(table: InstanceTable, classes: Sequence[str]) -> InstanceTable:
    return replace(table, instances=table.instances.filter(pl.col("category").is_in(list(classes))))


def _renumbered(record: dict[str, Any], number: dict[int, int]) -> dict[str, Any]:
    annotations = [{**raw, "category_id": number[raw["category_id"]]} for raw in record["annotations"]]
    return {**record, "annotations": annotations}
