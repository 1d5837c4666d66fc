"""By what labels are removed: a table of rules, each of which gives every label a value and says which end goes first.

The paper removes by pixels (4.1). The other rules ask whether something else tells better which labels teach nothing.
To add one, add an entry to ``RULES``, and its name to ``DATASETS.REMOVAL_BY`` in ``synmix/keys.py``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl

from synmix.data.table import InstanceTable
from synmix.errors import UserError, did_you_mean

_HEIGHT = pl.col("y_max") - pl.col("y_min")
_VISIBLE = (1 - pl.col("occluded")) * (1 - pl.col("truncated"))


@dataclass(frozen=True)
class RemovalRule:
    """A rule of removal."""

    name: str
    value: pl.Expr  # of a label, from the columns of the instance table
    needs: tuple[str, ...]  # the columns that a data set must have for it, beside those that each has
    first: Literal["low", "high"]  # which values are removed first
    unit: str
    meaning: str
    side_power: int = 0  # how it grows with the sides of the frame: 2 for areas, 1 for lengths, 0 for neither

    def values(self, instances: pl.DataFrame) -> pl.Series:
        """The value of each label, null where the data set says nothing of it."""
        return instances.select(self.value.alias("value"))["value"]

    def ranks(self, values: pl.Series) -> np.ndarray:
        """Values turned so that the lowest are removed first; labels without one come last."""
        turned = values if self.first == "low" else -values
        return turned.fill_null(float("inf")).to_numpy() if turned.null_count() else turned.to_numpy()

    def in_order(self, values: np.ndarray) -> np.ndarray:
        """Values in the order in which their labels are removed."""
        return np.sort(values) if self.first == "low" else np.sort(values)[::-1]

    @property
    def is_size(self) -> bool:
        """Whether values are sizes in pixels, which grow with the frame and compare by their ratio."""
        return self.side_power > 0

    def check(self, table: InstanceTable) -> None:
        """Makes sure that a data set says what the rule asks for.

        Raises:
            UserError: it does not; the sentence names the rules that it can be removed by.
        """
        lacking = [column for column in self.needs if column not in table.instances.columns]
        if lacking:
            able = [rule.name for rule in RULES.values() if set(rule.needs) <= set(table.instances.columns)]
            raise UserError(
                f"DATASETS.REMOVAL_BY is '{self.name}', but the labels of '{table.name}' have no '{lacking[0]}'; they "
                f"can go by {', '.join(able)} (a copy of Synscapes from before this was known gets it by calling "
                "datasets/prepare_synscapes.py again)."
            )


def _table(*rules: RemovalRule) -> dict[str, RemovalRule]:
    return {rule.name: rule for rule in rules}


#: By name; the first is the default.
RULES = _table(
    RemovalRule("pixels", pl.col("pixels"), (), "low", "px", "visible pixels, the smallest first (the paper's)", 2),
    RemovalRule("box_height", _HEIGHT, (), "low", "px", "rows of the box, the lowest first", 1),
    RemovalRule(
        "visible", _VISIBLE, ("occluded", "truncated"), "low", "share", "the share that is seen, the least seen first"
    ),
    RemovalRule(
        "occlusion", pl.col("occluded"), ("occluded",), "high", "share", "the share that others hide, the most first"
    ),
    RemovalRule(
        "truncation",
        pl.col("truncated"),
        ("truncated",),
        "high",
        "share",
        "the share outside the image, the most first",
    ),
    RemovalRule("distance", pl.col("distance"), ("distance",), "high", "m", "from the camera, the farthest first"),
)
PIXELS = RULES["pixels"]


def rule_of(name: str) -> RemovalRule:
    """The rule of this name.

    Raises:
        UserError: there is none.
    """
    if name not in RULES:
        known: Sequence[str] = list(RULES)
        raise UserError(f"DATASETS.REMOVAL_BY is '{name}'; give {', '.join(known)}.{did_you_mean(name, known)}")
    return RULES[name]
