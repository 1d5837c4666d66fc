"""Errors by cause as stacked bars."""

import os
from collections.abc import Mapping

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

from synmix.evaluate.error_causes import CAUSES
from synmix.evaluate.why import Why
from synmix.pictures import save_figure

#: Okabe and Ito's colours, which the colour-blind tell apart.
_COLORS = dict(zip(CAUSES, ("#d55e00", "#0072b2", "#cc79a7", "#e69f00", "#009e73", "#7a7a7a"), strict=True))
_GRAY, _LABELLED = "#4a5568", 4.0  # points from which on a part has room for its number


def draw_causes(path: str | os.PathLike[str], whys: Mapping[str, Why]) -> None:
    """Draws what each kind of error costs, AP on the left and AP50 on the right, a row of panels for each model, in the
    format of the path's ending.

    Args:
        whys: by the name that stands above the panels, all of the same classes.
    """
    rows = len(next(iter(whys.values())).classes) + 1
    size = (10.5, len(whys) * (0.9 + 0.3 * rows) + 0.5)
    figure, axes = plt.subplots(len(whys), 2, figsize=size, sharex="col", squeeze=False, layout="constrained")
    for panels, (name, why) in zip(axes, whys.items(), strict=True):
        for axis, key in zip(panels, ("AP", "AP50"), strict=True):
            _draw_panel(axis, why, key)
            axis.set_title(f"{name}: {key} {why.figures[key]:.1f}", fontsize=10, color=_GRAY, loc="left")
        panels[1].set_yticklabels([])
    for axis, key in zip(axes[-1], ("AP", "AP50"), strict=True):
        axis.set_xlabel(f"points of {key} that errors of a kind cost")
    handles, labels = axes[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=len(CAUSES), frameon=False)
    save_figure(path, figure)
    plt.close(figure)


def _draw_panel(axis: Axes, why: Why, key: str) -> None:
    names = [key, *(f"{key}-{name}" for name in why.classes)]
    places = np.arange(len(names)) + np.where(np.arange(len(names)) > 0, 0.35, 0)  # the mean stands apart
    left = np.zeros(len(names))
    for cause in CAUSES:
        points = np.nan_to_num([why.causes[cause][name] for name in names])
        axis.barh(places, points, 0.75, left=left, color=_COLORS[cause], label=cause)
        for place, start, value in zip(places, left, points, strict=True):
            if value >= _LABELLED:
                axis.text(start + value / 2, place, f"{value:.0f}", color="white", ha="center", va="center", fontsize=7)
        left += points
    for place, name in zip(places, names, strict=True):
        if np.isnan(why.figures[name]):
            axis.text(0.5, place, "no ground truth", color=_GRAY, va="center", fontsize=8)
    axis.set_yticks(places, ["all", *why.classes])
    axis.grid(axis="x", color="#e2e8f0")
    axis.set_axisbelow(True)
    axis.spines[["top", "right", "left"]].set_visible(False)
    axis.tick_params(left=False)
    axis.margins(x=0.03)
    axis.invert_yaxis()
