"""Figures 4, 5 and 6 as SVG: our curves with their intervals, and the paper's values where its text gives them."""

from collections.abc import Callable, Sequence

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from synmix.answer.figures import GRAY, STYLE, as_svg
from synmix.answer.figures import MIXED as ORANGE
from synmix.answer.figures import REAL as BLUE
from synmix.compose.budget import effective_learning_rate
from synmix.report.estimates import Estimate, Estimates
from synmix.study import published
from synmix.study.experiments import (
    REAL,
    SYNTHETIC,
    TITLES,
    classes_of,
    finetuned,
    published_ap,
    removed,
    with_real_share,
)
from synmix.study.runs import Run
from synmix.study.scale import Scale

COLORS = {REAL: BLUE, SYNTHETIC: ORANGE}  # as in the paper's Figure 5

Point = tuple[float, Estimate]


def removal_figure(estimates: Estimates) -> str:
    """Figure 4: AP on Synscapes of each class against the labels removed, the paper's knees dashed."""
    scale = estimates.scale
    with matplotlib.rc_context(STYLE):
        classes = classes_of(scale)
        rows = -(-len(classes) // 4)
        figure = Figure(figsize=(9, 2.3 * rows), layout="constrained")
        panels = figure.subplots(rows, min(4, len(classes)), sharex=True, squeeze=False).ravel()
        for axes in panels[len(classes) :]:
            axes.remove()
        for axes, name in zip(panels, classes, strict=False):
            runs = [(percent, removed(scale, percent)) for percent in sorted(scale.grid["removal"])]
            knee = published.FIGURE_4_KNEE.get(name, published.FIGURE_4_KNEE_OTHERS)
            axes.axvline(knee, color=GRAY, linestyle=(0, (4, 3)), linewidth=1.2)
            _curve(axes, _points(estimates, runs, SYNTHETIC, f"AP-{name}"), ORANGE)
            axes.set_title(name, fontsize=11, loc="left", fontweight="bold")
            axes.set_xlim(-4, 94)
            axes.set_xticks([0, 30, 60, 90])
            axes.set_ylim(bottom=0)
        figure.supxlabel("labels removed, smallest first (%)", fontsize=11)
        figure.supylabel("AP on Synscapes (%)", fontsize=11)
        return as_svg(figure, "Average precision of each class on Synscapes against the percentage of labels removed")


def ratio_figure(estimates: Estimates) -> str:
    """Figure 5: AP on both domains against the share of real images."""
    scale = estimates.scale
    with matplotlib.rc_context(STYLE):
        figure, axes = _one_panel("real images in the training set (%)", "AP (%)")
        for data_set in (REAL, SYNTHETIC):
            runs = [(share, with_real_share(scale, share)) for share in sorted(scale.grid["real_share"])]
            _curve(axes, _points(estimates, runs, data_set), COLORS[data_set], f"on {TITLES[data_set]}")
            _marks(axes, scale, runs, data_set, COLORS[data_set])
        return _finish(figure, axes, "Average precision on both domains against the share of real training images")


def hyperparameter_figure(estimates: Estimates) -> str:
    """Figure 6: AP on Cityscapes against the learning rate and, beside it, the effective one."""
    scale = estimates.scale
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(9, 3.6), layout="constrained")
        panels = figure.subplots(1, 2, sharey=True)
        for momentum, color in zip(scale.grid["momentum"], (ORANGE, BLUE), strict=False):
            runs = [(rate, finetuned(scale, rate, momentum)) for rate in sorted(scale.grid["lr"])]
            points = _points(estimates, runs, REAL)
            effective = [(effective_learning_rate(rate, momentum), estimate) for rate, estimate in points]
            for axes, curve in zip(panels, (points, effective), strict=True):
                _curve(axes, curve, color, f"momentum {momentum:g}")
        for axes, label in zip(panels, ("learning rate", "effective learning rate, lr / (1 − momentum)"), strict=True):
            axes.set_xscale("log")
            axes.set_xlabel(label)
            _marks(panels[0], scale, runs, REAL, color)
        if scale.name == "paper":
            panels[1].axvline(published.FIGURE_6_OPTIMUM, color=GRAY, linestyle=(0, (4, 3)), linewidth=1.2)
        panels[0].set_ylabel("AP on Cityscapes (%)")
        return _finish(figure, panels[0], "Average precision of fine-tuning against learning rate and momentum")


def drawn(size: tuple[float, float], draw: Callable[[Axes], None], title: str) -> str:
    """A figure of one panel in the report's style, as SVG.

    Args:
        size: inches.
        draw: puts everything on the axes.
        title: what the picture shows, for those who cannot see it.
    """
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=size, layout="constrained")
        draw(figure.subplots())
        return as_svg(figure, title)


def _one_panel(x_label: str, y_label: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(7, 3.8), layout="constrained")
    axes = figure.subplots()
    axes.set_xlabel(x_label)
    axes.set_ylabel(y_label)
    return figure, axes


def _points(estimates: Estimates, runs: Sequence[tuple[float, Run]], data_set: str, figure: str = "AP") -> list[Point]:
    found = [(place, estimates.estimate(run, data_set, figure)) for place, run in runs]
    return [(place, estimate) for place, estimate in found if estimate is not None and not np.isnan(estimate.value)]


def _curve(axes: Axes, points: Sequence[Point], color: str, label: str | None = None) -> None:
    """A line through the values and a band of their intervals; nothing but a note where there is nothing yet."""
    if not points:
        axes.text(0.5, 0.5, "not yet run", transform=axes.transAxes, ha="center", color=GRAY)
        return
    places = [place for place, _ in points]
    axes.fill_between(places, [e.low for _, e in points], [e.high for _, e in points], color=color, alpha=0.15, lw=0)
    axes.plot(places, [e.value for _, e in points], color=color, marker="o", markersize=5, linewidth=2, label=label)


def _marks(axes: Axes, scale: Scale, runs: Sequence[tuple[float, Run]], data_set: str, color: str) -> None:
    """The paper's values where its text gives them; at another scale they are other trainings'."""
    for place, run in runs if scale.name == "paper" else ():
        value = published_ap(scale, run, data_set)
        if value is not None:
            _mark(axes, place, value, color)


def _mark(axes: Axes, place: float, value: float, color: str) -> None:
    axes.plot([place], [value], "D", markersize=8, markerfacecolor="white", markeredgecolor=color, zorder=5)
    axes.annotate(f"paper {value:g}", (place, value), xytext=(-8, 8), textcoords="offset points", ha="right")


def _finish(figure: Figure, axes: Axes, title: str) -> str:
    axes.set_ylim(bottom=0)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc="best")
    return as_svg(figure, title)
