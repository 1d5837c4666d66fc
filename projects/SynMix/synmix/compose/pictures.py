"""Pictures of the removal: one frame's labels at several thresholds (paper, Figure 3), and the size distributions or
curves behind a choice of thresholds."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl
from matplotlib.figure import Figure

from synmix.compose.mixing import percentage_of
from synmix.compose.removal import DEFAULT, mark_removed
from synmix.compose.removal_rules import PIXELS, RemovalRule
from synmix.compose.thresholds import Match
from synmix.data.images import read_rgb
from synmix.data.segmentation import label_masks
from synmix.data.sources import DataSource
from synmix.data.table import InstanceTable
from synmix.errors import UserError
from synmix.labels import MIN_PIXELS
from synmix.pictures import draw_masks, side_by_side

#: The thresholds of the paper's Figure 3.
FIGURE_3 = (0, 40, 60, 70, 80, 90)
_REAL, _ALL, _KEPT = "#1f6fb4", "#c9a27e", "#d9541e"


def removal_sheet(
    source: DataSource,
    table: InstanceTable,
    frame: str,
    percents: Sequence[float] = FIGURE_3,
    columns: int = 3,
    rule: RemovalRule = PIXELS,
) -> np.ndarray:
    """One frame with the labels that remain at each threshold.

    Args:
        table: the set that the percentages are taken of.
        frame: its name in ``table``.

    Returns:
        (H, W, 3) RGB: a sheet with a panel for each threshold.

    Raises:
        UserError: no such frame, or the set lacks what the rule asks for.
    """
    rule.check(table)
    frames = table.frames.filter(frame=frame)
    if frames.is_empty():
        raise UserError(f"'{table.name}' has no frame '{frame}'; the first is '{table.frames['frame'][0]}'.")
    record = source.dicts(InstanceTable(table.name, frames, table.instances.filter(frame=frame)))[0]
    image = read_rgb(record["file_name"])
    masks = {number: (category, mask) for number, category, mask in label_masks(record)}
    panels = [_panel(table, frame, percent, image, masks, rule, source.classes) for percent in percents]
    rows = [panels[start : start + columns] for start in range(0, len(panels), columns)]
    return side_by_side(rows, width=min(960, max(480, image.shape[1] // 2)))


def fullest_frame(table: InstanceTable) -> str:
    """The name of the frame with the most labels.

    Raises:
        UserError: there are no labels.
    """
    counts = table.instances.filter(~pl.col("crowd")).group_by("frame").len()
    if counts.is_empty():
        raise UserError(f"'{table.name}' has no labels to show.")
    name: str = counts.sort("len", "frame", descending=[True, False])["frame"][0]
    return name


def labels_left(table: InstanceTable, frame: str, percent: float, rule: RemovalRule = PIXELS) -> tuple[set[int], int]:
    """The ids of a frame's labels that remain at a threshold, and how many labels it has."""
    marked = mark_removed(table.instances, {DEFAULT: percent}, rule).filter(frame=frame, crowd=False)
    return set(marked.filter(removed=False)["instance_id"].to_list()), len(marked)


def _panel(
    table: InstanceTable,
    frame: str,
    percent: float,
    image: np.ndarray,
    masks: Mapping[int, tuple[int, np.ndarray]],
    rule: RemovalRule,
    classes: Sequence[str],
) -> tuple[str, np.ndarray]:
    remaining, count = labels_left(table, frame, percent, rule)
    # A removed label is drawn as an empty mask, so that the others keep their shades from panel to panel.
    shown = [
        (category, mask if instance_id in remaining else np.zeros_like(mask))
        for instance_id, (category, mask) in masks.items()
    ]
    how = "" if rule is PIXELS else f" by {rule.name}"
    title = f"{percent:g} % removed{how}: {len(remaining)} of {count} labels"
    return title, draw_masks(image, shown, classes=classes)


def size_distributions(
    real: Mapping[str, np.ndarray],
    synthetic: Mapping[str, np.ndarray],
    matches: Sequence[Match],
    rule: RemovalRule = PIXELS,
) -> Figure:
    """Cumulative size distributions of each matched class, or those of another rule's values: real, synthetic, and
    synthetic after the removal.

    Args:
        real, synthetic: class -> sizes in pixels, or the rule's values.
    """
    columns = min(4, len(matches))
    rows = -(-len(matches) // columns)
    figure = Figure(figsize=(3.4 * columns, 2.9 * rows + 0.7), layout="constrained")
    for index, match in enumerate(matches):
        axes = figure.add_subplot(rows, columns, index + 1)
        kept = rule.in_order(synthetic[match.category])
        kept = kept[percentage_of(match.percent, len(kept)) :]
        _cumulative(axes, synthetic[match.category], _ALL, "synthetic, all labels")
        _cumulative(axes, kept, _KEPT, "synthetic, after removal")
        _cumulative(axes, real[match.category], _REAL, "real")
        if rule is PIXELS:
            label = f"{MIN_PIXELS} pixels, the least that is scored"
            axes.axvline(MIN_PIXELS, color="#777777", linewidth=1, linestyle=":", label=label)
        axes.set_title(f"{match.category}: {match.percent} %  ({match.before:.2f} → {match.after:.2f})", fontsize=10)
        axes.set_xscale("log" if rule.is_size else "linear")
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
        if index % columns == 0:
            axes.set_ylabel("share of labels")
        if index >= len(matches) - columns:
            axes.set_xlabel("pixels" if rule is PIXELS else f"{rule.name} [{rule.unit}]")
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=4, frameon=False)
    return figure


def _cumulative(axes: Any, sizes: np.ndarray, color: str, label: str) -> None:
    values, counts = np.unique(sizes, return_counts=True)
    axes.step(values, np.cumsum(counts) / len(sizes), where="post", color=color, label=label, linewidth=1.6)


def removal_curves(
    curves: Mapping[str, Mapping[float, Sequence[float]]], knees: Mapping[str, float], value: str = "AP"
) -> Figure:
    """A class's AP against the percentage removed (paper, Figure 4), its knee marked.

    Args:
        curves: class -> percentage -> AP of every run.
        knees: class -> percentage.
    """
    columns = min(4, len(curves))
    rows = -(-len(curves) // columns)
    figure = Figure(figsize=(3.2 * columns, 2.6 * rows), layout="constrained")
    for index, (category, curve) in enumerate(curves.items()):
        axes = figure.add_subplot(rows, columns, index + 1)
        percents = sorted(curve)
        for percent in percents:
            axes.plot([percent] * len(curve[percent]), curve[percent], ".", color=_ALL, markersize=5)
        axes.plot(percents, [np.mean(curve[percent]) for percent in percents], color=_KEPT, linewidth=1.6)
        axes.axvline(knees[category], color=_REAL, linestyle="--", linewidth=1)
        axes.set_title(f"{category}: {knees[category]:g} %", fontsize=10)
        axes.set_ylim(bottom=0)
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
        if index % columns == 0:
            axes.set_ylabel(value)
        if index >= len(curves) - columns:
            axes.set_xlabel("% of labels removed")
    return figure
