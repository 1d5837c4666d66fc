"""Results as tables to read on a terminal."""

from collections.abc import Mapping, Sequence

import numpy as np
from rich import box
from rich.table import Table

from synmix.evaluate.bootstrap import Difference, Interval
from synmix.evaluate.result import Result
from synmix.evaluate.why import PlainTable, number_text


def result_table(result: Result, official: np.ndarray | None = None, title: str = "") -> Table:
    """AP and AP50 of each class with their intervals.

    Args:
        official: (C, T) what cityscapesScripts found, to be shown beside.
    """
    percent = f"{100 * result.confidence:g} %"
    table = _table(title or f"{result.dataset}: {len(result.table.images)} images")
    table.add_column("class", justify="left")
    table.add_column("objects", justify="right")
    for key in ("AP", "AP50"):
        columns = [key, *([f"{percent} interval"] if result.intervals else [])]
        for column in [*columns, *(["official"] if official is not None else [])]:
            table.add_column(column, justify="right")
    counts = result.table.truths.sum(axis=0).tolist()
    rows = [(name, f"-{name}", count) for name, count in zip(result.table.classes, counts, strict=True)]
    for row, (name, suffix, count) in enumerate(rows):
        area = None if official is None else official[row]
        table.add_row(name, str(count), *_cells(result, suffix, area))
    table.add_section()
    table.add_row("all", str(sum(counts)), *_cells(result, "", official), style="bold")
    return table


def _cells(result: Result, suffix: str, official: np.ndarray | None) -> list[str]:
    cells = []
    for key in ("AP", "AP50"):
        cells.append(number_text(result.figures[key + suffix]))
        if result.intervals:
            cells.append(_ends(result.intervals[key + suffix]))
        if official is not None:
            areas = official if key == "AP" else official[..., :1]
            known = areas[~np.isnan(areas)]
            cells.append(number_text(100 * float(known.mean())) if known.size else "-")
    return cells


def comparison_table(
    differences: Mapping[str, Difference],
    first: Mapping[str, float],
    second: Mapping[str, float],
    classes: Sequence[str],
) -> Table:
    """The figures of two models and their difference with interval and p-value.

    Args:
        first, second: the figures of both, means where there are several trainings.
    """
    table = _table("second minus first, percentage points")
    for column in ("", "first", "second", "difference", "interval", "p"):
        table.add_column(column, justify="left" if not column else "right")
    for name in ("AP", "AP50", *(f"AP-{name}" for name in classes), *(f"AP50-{name}" for name in classes)):
        difference = differences[name]
        sure = difference.low > 0 or difference.high < 0
        table.add_row(
            name,
            number_text(first[name]),
            number_text(second[name]),
            _signed(difference.value),
            _ends(difference, signed=True),
            "-" if np.isnan(difference.p_value) else f"{difference.p_value:.3f}",
            style="bold" if sure else "",
            end_section=name in ("AP50", f"AP-{classes[-1]}"),
        )
    return table


def plain_table(table: PlainTable) -> Table:
    """A plain table, names on the left and numbers on the right; its last row is that of all."""
    shown = _table(table.title)
    for number, column in enumerate(table.header):
        shown.add_column(column, justify="right" if number else "left")
    for number, row in enumerate(table.rows, start=1):
        last = number == len(table.rows)
        shown.add_row(*row, style="bold" if last else "", end_section=number == len(table.rows) - 1)
    return shown


def figures_table(figures: Mapping[str, float], title: str) -> Table:
    """Any figures, one a row."""
    table = _table(title)
    table.min_width = len(title)  # a title is folded at the table's width
    table.add_column("figure", justify="left")
    table.add_column("percent", justify="right")
    for name, value in figures.items():
        table.add_row(name, number_text(value))
    return table


def _table(title: str) -> Table:
    return Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, header_style="bold")


def _signed(value: float) -> str:
    return "-" if np.isnan(value) else f"{value:+.1f}"


def _ends(interval: Interval, signed: bool = False) -> str:
    show = _signed if signed else number_text
    return "-" if np.isnan(interval.low) else f"{show(interval.low)} .. {show(interval.high)}"
