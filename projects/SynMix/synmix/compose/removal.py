"""The removal of labels (paper 4.1): a percentage of each class's labels is removed, smallest pixel count first, or by
another of the rules of ``removal_rules.py``.

A removed label is a missing row of the instance table, hence background; groups (crowd rows) are left alone.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import polars as pl

from synmix.compose.mixing import percentage_of
from synmix.compose.removal_rules import PIXELS, RemovalRule
from synmix.labels import CLASS_NAMES, MIN_PIXELS

#: What a percentage is taken of: the labels of the chosen images, or of their whole data set.
Scope = Literal["chosen", "data_set"]
DEFAULT = "default"


@dataclass(frozen=True)
class ClassRemoval:
    """What the removal did to one class."""

    category: str
    percent: float
    labels: int  # before
    removed: int
    threshold: float | None  # value of the last label removed, by the rule: pixels of the largest; None where none was
    removed_unscored: int  # of the removed, those under the metric's MIN_PIXELS, which no evaluation ever scores

    @property
    def kept(self) -> int:
        return self.labels - self.removed

    def to_dict(self) -> dict[str, Any]:
        """Plain data for the manifest."""
        return {**asdict(self), "kept": self.kept}


def mark_removed(instances: pl.DataFrame, percentages: Mapping[str, float], rule: RemovalRule = PIXELS) -> pl.DataFrame:
    """Marks the given percentage of each class's labels, in the rule's order, in a new Boolean column ``removed``.

    30 % of n labels are round-half-even(0.3 n) labels, exactly; labels of equal value go in the order of
    sha256(frame, instance id), so that ties favour neither early frames nor low ids and fall alike on every machine.

    Args:
        instances: rows of ``INSTANCE_SCHEMA``.
        percentages: class name, or ``default`` for every other class, to 0..100.
        rule: which go first; the smallest unless said otherwise.

    >>> from synmix.data import source
    >>> labels = source("mini_synscapes_instance_train").table().instances
    >>> marked = mark_removed(labels, {"default": 50})
    >>> len(remaining(marked)) == len(labels) - marked["removed"].sum()
    True
    """
    ranks = rule.ranks(rule.values(instances))
    removed = np.zeros(len(instances), dtype=bool)
    for category, rows in _rows_by_class(instances).items():
        count = percentage_of(percent_of_class(percentages, category), len(rows))
        removed[_first(instances, ranks, rows, count)] = True
    return instances.with_columns(pl.Series("removed", removed))


def remaining(marked: pl.DataFrame) -> pl.DataFrame:
    """The rows that :func:`mark_removed` did not mark, in their order, without the mark.

    >>> from synmix.data import source
    >>> labels = source("mini_synscapes_instance_train").table().instances
    >>> marked = mark_removed(labels, {"default": 50})
    >>> len(remaining(marked)) == len(labels) - marked["removed"].sum()
    True
    """
    return marked.filter(~pl.col("removed")).drop("removed")


def describe_removal(
    marked: pl.DataFrame, percentages: Mapping[str, float], rule: RemovalRule = PIXELS
) -> list[ClassRemoval]:
    """What was removed of each class that has labels, in :func:`class_order`; ``marked`` comes from
    :func:`mark_removed` by the same rule."""
    gone = pl.col("removed")
    values = rule.value.filter(gone)
    rows = (
        marked.filter(~pl.col("crowd"))
        .group_by("category")
        .agg(
            pl.len(),
            gone.sum().alias("removed"),
            (values.max() if rule.first == "low" else values.min()).alias("threshold"),
            (gone & (pl.col("pixels") < MIN_PIXELS)).sum().alias("unscored"),
        )
    )
    return [
        ClassRemoval(category, percent_of_class(percentages, category), *numbers)
        for category, *numbers in sorted(rows.iter_rows(), key=lambda row: class_order(row[0]))
    ]


def class_order(category: str) -> tuple[int, str]:
    """A key that sorts the eight classes as the paper lists them, then others by name."""
    return (CLASS_NAMES.index(category) if category in CLASS_NAMES else len(CLASS_NAMES), category)


def percent_of_class(percentages: Mapping[str, float], category: str) -> float:
    """The class's own percentage, else the default's, else 0."""
    return float(percentages.get(category, percentages.get(DEFAULT, 0.0)))


def _rows_by_class(instances: pl.DataFrame) -> dict[str, np.ndarray]:
    """Row numbers of each class's labels, groups left out; classes by name."""
    rows = instances.select("category", "crowd").with_row_index("row").filter(~pl.col("crowd"))
    groups = rows.group_by("category").agg("row").sort("category")
    return {
        category: np.sort(group.to_numpy())
        for category, group in zip(groups["category"].to_list(), groups["row"], strict=True)
    }


def _first(instances: pl.DataFrame, ranks: np.ndarray, rows: np.ndarray, count: int) -> np.ndarray:
    """The ``count`` rows with the lowest ranks. Only the ties at the threshold need a hash."""
    if count == 0:
        return rows[:0]
    found = ranks[rows]
    threshold = np.partition(found, count - 1)[count - 1]
    below, ties = rows[found < threshold], rows[found == threshold]
    if len(below) + len(ties) == count:
        return np.concatenate([below, ties])
    names = instances[ties].select("frame", "instance_id").iter_rows()
    digests = [hashlib.sha256(f"{frame}\n{instance_id}".encode()).digest() for frame, instance_id in names]
    order = sorted(range(len(ties)), key=digests.__getitem__)
    return np.concatenate([below, ties[order[: count - len(below)]]])
