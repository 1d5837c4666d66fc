"""Why an AP is what it is: errors by cause and AP by size, as numbers, as plain tables and as JSON."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from synmix.evaluate.average_precision import MatchTable, average_precision, figure_names, figures_of
from synmix.evaluate.by_size import COCO_EDGES, Edges, SizeBin, by_size
from synmix.evaluate.error_causes import CAUSES, error_points
from synmix.evaluate.result import Result
from synmix.files import nan_to_null


@dataclass(frozen=True)
class Why:
    """Errors by cause and AP by size; means where there are several trainings."""

    classes: tuple[str, ...]
    objects: tuple[int, ...]  # of each class
    figures: dict[str, float]  # percent, nan without objects
    causes: dict[str, dict[str, float]]  # cause -> figure -> points of AP that its errors cost
    sizes: tuple[SizeBin, ...]


@dataclass(frozen=True)
class PlainTable:
    """A table to be shown anywhere; ``-`` stands where there is nothing."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def explain(tables: Sequence[MatchTable], edges: Edges = COCO_EDGES) -> Why:
    """The reasons behind the figures of one training, or of several on the same images.

    Args:
        edges: see :func:`synmix.evaluate.by_size.by_size`.

    Raises:
        UserError: a table comes from a result of format 1, or the edges do not rise.
    """
    classes = tables[0].classes
    names = figure_names(classes)
    figures = [dict(zip(names, figures_of(average_precision(table)).tolist(), strict=True)) for table in tables]
    causes, sizes = [error_points(table) for table in tables], [by_size(table, edges) for table in tables]
    bins = [
        SizeBin(same[0].low, same[0].high, same[0].objects, _mean([size.figures for size in same]))
        for same in zip(*sizes, strict=True)
    ]
    by_cause = {cause: _mean([points[cause] for points in causes]) for cause in CAUSES}
    return Why(classes, tuple(tables[0].truths.sum(axis=0).tolist()), _mean(figures), by_cause, tuple(bins))


def why_table(result: Result | Sequence[Result], figure: str = "AP") -> PlainTable:
    """What each kind of error costs, a row for each class and one for all.

    Args:
        result: of one training, or of several on the same images.
        figure: ``"AP"`` (mean over the thresholds) or ``"AP50"``.

    Raises:
        UserError: a result of format 1.
    """
    return causes_table(explain(_tables(result)), figure)


def causes_table(why: Why, figure: str = "AP") -> PlainTable:
    """Objects and figure of each class, and the points each of the six causes costs."""
    rows = [
        (name, str(objects), number_text(why.figures[key]), *(number_text(why.causes[cause][key]) for cause in CAUSES))
        for name, objects, key in _rows(why.classes, why.objects, figure)
    ]
    return PlainTable(f"points of {figure} that errors cost", ("class", "objects", figure, *CAUSES), tuple(rows))


def sizes_table(why: Why, figure: str = "AP") -> PlainTable:
    """The figure of each class among objects of each range of sizes, with how many those are."""
    columns = [_rows(why.classes, size.objects, figure) for size in why.sizes]
    rows = [
        (
            same[0][0],
            *(f"{number_text(size.figures[key])} ({n})" for size, (_, n, key) in zip(why.sizes, same, strict=True)),
        )
        for same in zip(*columns, strict=True)
    ]
    return PlainTable(f"{figure} by true size (objects)", ("class", *_ranges(why.sizes)), tuple(rows))


def why_json(why: Why) -> dict[str, Any]:
    """As plain data, null without objects; an open range ends at null."""
    sizes = [
        {
            "from_pixels": dict(zip(why.classes, size.low, strict=True)),
            "below_pixels": dict(zip(why.classes, map(nan_to_null, size.high), strict=True)),
            "objects": dict(zip(why.classes, size.objects, strict=True)),
            "figures": {name: nan_to_null(value) for name, value in size.figures.items()},
        }
        for size in why.sizes
    ]
    causes = {
        cause: {name: nan_to_null(value) for name, value in points.items()} for cause, points in why.causes.items()
    }
    return {"causes": causes, "sizes": sizes}


def _tables(result: Result | Sequence[Result]) -> list[MatchTable]:
    return [one.table for one in ([result] if isinstance(result, Result) else result)]


def _rows(classes: Sequence[str], objects: Sequence[int], figure: str) -> list[tuple[str, int, str]]:
    """Name, objects and figure's name of each row: the classes, then all."""
    rows = [(name, count, f"{figure}-{name}") for name, count in zip(classes, objects, strict=True)]
    return [*rows, ("all", sum(objects), figure)]


def _ranges(sizes: Sequence[SizeBin]) -> list[str]:
    """A title for each range: its pixels where they are the same for all classes, else between which edges it lies."""
    if all(len(set(size.low)) == len(set(size.high)) == 1 for size in sizes):
        return [_range(f"{size.low[0]:,.0f}", size.high[0]) for size in sizes]
    last = len(sizes) - 1
    return [
        f"below edge {n + 1}" if n == 0 else f"from edge {n}" if n == last else f"edge {n} to {n + 1}"
        for n in range(last + 1)
    ]


def _range(low: str, high: float) -> str:
    return f"from {low} px" if np.isinf(high) else f"{low} to {high:,.0f} px"


def _mean(parts: Sequence[dict[str, float]]) -> dict[str, float]:
    return {name: float(np.mean([part[name] for part in parts])) for name in parts[0]}


def number_text(value: float) -> str:
    """A figure as tables show it."""
    return "-" if np.isnan(value) else f"{value:.1f}"
