"""A bar chart of AP and AP50 per class, with confidence intervals."""

import os
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

from synmix.evaluate.bootstrap import Interval
from synmix.evaluate.result import Result
from synmix.pictures import save_figure

_COLORS = ("#2b6cb0", "#dd6b20", "#2f855a", "#805ad5", "#b83280", "#4a5568")
_GRAY = "#4a5568"
_NUMBERS = 109  # where the figures stand, right of the bars
_TEXT: dict[str, Any] = {"va": "center", "ha": "right", "fontsize": 9}


def draw_chart(path: str | os.PathLike[str], results: Mapping[str, Result]) -> None:
    """Draws the results side by side, AP on the left and AP50 on the right, and writes them in the format of the path's
    ending.

    Args:
        results: by the name they get in the legend, all of the same classes.
    """
    classes = next(iter(results.values())).table.classes
    height = 0.9 + len(classes) * (0.2 + 0.22 * len(results))
    figure, axes = plt.subplots(1, 2, figsize=(10, max(3.2, height)), sharey=True, layout="constrained")
    for axis, key in zip(axes, ("AP", "AP50"), strict=True):
        _draw_panel(axis, key, classes, results)
    if len(results) > 1:
        figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=3, frameon=False)
    else:
        figure.suptitle(next(iter(results)), fontsize=11, color=_GRAY)
    save_figure(path, figure)
    plt.close(figure)


def _draw_panel(axis: Axes, key: str, classes: Sequence[str], results: Mapping[str, Result]) -> None:
    names = [key, *(f"{key}-{name}" for name in classes)]
    places = np.arange(len(names)) + np.where(np.arange(len(names)) > 0, 0.35, 0)  # the mean stands apart
    thickness = 0.8 / len(results)
    for index, (label, result) in enumerate(results.items()):
        values = np.array([result.figures[name] for name in names])
        offset = (index - (len(results) - 1) / 2) * thickness
        color = _COLORS[index % len(_COLORS)]
        bars = np.nan_to_num(values)
        axis.barh(places + offset, bars, thickness * 0.92, color=color, alpha=0.85, label=label)
        _draw_intervals(axis, places + offset, [result.intervals.get(name) for name in names])
        for place, value in zip(places, values, strict=True):
            if not np.isnan(value):
                axis.text(_NUMBERS, place + offset, f"{value:.1f}", color=color, **_TEXT)
            elif index == 0:
                axis.text(2, place, "no ground truth", color=_GRAY, va="center", fontsize=8)
    axis.set_yticks(places, ["all", *classes])
    axis.set_xlim(0, 100)
    axis.set_xticks(range(0, 101, 20))
    axis.set_xlabel(f"{key} (%)")
    axis.grid(axis="x", color="#e2e8f0")
    axis.set_axisbelow(True)
    axis.spines[["top", "right", "left"]].set_visible(False)
    axis.tick_params(left=False)
    if not axis.yaxis_inverted():
        axis.invert_yaxis()


def _draw_intervals(axis: Axes, places: np.ndarray, intervals: Sequence[Interval | None]) -> None:
    for place, interval in zip(places, intervals, strict=True):
        if interval is not None and not np.isnan(interval.low):
            axis.plot([interval.low, interval.high], [place, place], color="#1a202c", linewidth=1.2, clip_on=False)
