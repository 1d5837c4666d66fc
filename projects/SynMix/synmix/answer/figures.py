"""The answer's four figures, as SVG whose colours a page can set."""

import io
import re
from dataclasses import dataclass

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from synmix.answer.answer import Answer
from synmix.answer.laws import Points, points
from synmix.answer.sentences import change
from synmix.answer.surface import Surface
from synmix.answer.table import EQUAL_COMPUTE, Cell
from synmix.minus import signed
from synmix.statistics import Estimate

#: Colours of a light page; :mod:`synmix.answer.page` puts variables in their place.
INK, GRAY, LINE, REAL, MIXED = "#22262e", "#6b7280", "#d5d9df", "#2563a8", "#d9730d"
STYLE = {
    "font.family": "sans-serif",
    "font.sans-serif": ["system-ui", "Segoe UI", "Helvetica Neue", "Arial", "DejaVu Sans", "sans-serif"],
    "font.size": 11,
    "svg.fonttype": "none",  # text stays text: small files, selectable, the reader's font
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": GRAY,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": GRAY,
    "ytick.color": GRAY,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "axes.grid": True,
    "grid.color": LINE,
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "legend.frameon": False,
}
_SIZE = (5.4, 3.7)  # readable at the width of a phone
_GRID = 40


@dataclass(frozen=True)
class Picture:
    """An SVG with its file's name, title and caption."""

    name: str
    title: str
    caption: str
    svg: str


def pictures(answer: Answer) -> list[Picture]:
    """The figures that the table allows; each that it does not is left out."""
    with matplotlib.rc_context(STYLE):
        drawn = [_curves(answer), _equal_lines(answer), _differences(answer), _variances(answer)]
    return [picture for picture in drawn if picture is not None]


def _curves(answer: Answer) -> Picture | None:
    """AP against real images with and without synthetic ones, or against synthetic ones where one real size was run."""
    surface, mixture = answer.surface, answer.mixture
    sizes = sorted({cell.real for cell in answer.table.cells if cell.real})
    if surface is None or not sizes:
        return None
    if len(sizes) == 1:
        return _synthetic_curve(answer, surface)
    figure, axes = _panel("real images", "AP of one training")
    places = np.geomspace(sizes[0], sizes[-1], _GRID, dtype=np.float64)
    for synthetic, color, name in (
        (0, REAL, "real images alone"),
        (mixture.synthetic, MIXED, f"+ {mixture.synthetic:,} synthetic"),
    ):
        at = Points(places, np.full(_GRID, float(synthetic)), np.full(_GRID, float(mixture.iterations)))
        _band(axes, surface, places, at, color, name)
        runs = [run for run in answer.table.trainings if _is_near(run.cell, mixture.iterations) and run.cell.real]
        found = [(run.cell.real, run.average_precision) for run in runs if run.cell.synthetic == synthetic]
        axes.plot(*_columns(found), "o", color=color, markersize=4.5, alpha=0.75)
    axes.set_xscale("log")
    _plain_ticks(axes, sizes)
    axes.legend(loc="best")
    title = f"AP against real images at equal compute, {mixture.iterations:,} iterations"
    caption = (
        f"Lines: the fitted law; bands: the {answer.question.confidence:.0%} interval of one training; dots: trainings."
    )
    return Picture("curves", title, caption, as_svg(figure, title))


def _synthetic_curve(answer: Answer, surface: Surface) -> Picture:
    figure, axes = _panel("synthetic images beside the real ones", "AP of one training")
    cells = surface.means.cells
    size, top = cells[0].real, max(cell.synthetic for cell in cells)
    lengths = sorted({cell.iterations for cell in cells})
    places = np.linspace(0, top, _GRID, dtype=np.float64)
    for length, color in ((answer.mixture.iterations, REAL), (lengths[-1], MIXED)):
        at = Points(np.full(_GRID, float(size)), places, np.full(_GRID, float(length)))
        _band(axes, surface, places, at, color, f"{length:,} iterations")
    runs = [(run.cell.synthetic, run.average_precision) for run in answer.table.trainings if run.cell.real]
    axes.plot(*_columns(runs), "o", color=INK, markersize=4.5, alpha=0.75, label="trainings, any length")
    axes.xaxis.set_major_locator(matplotlib.ticker.MaxNLocator(5))
    axes.xaxis.set_major_formatter(matplotlib.ticker.FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.legend(loc="lower right")
    title = f"AP against synthetic images beside {size:,} real ones"
    caption = (
        f"The table holds one real size, so nothing is known of fewer or more. Lines: the fitted law at two "
        f"lengths; bands: the {answer.question.confidence:.0%} interval of one training, wide where no training had "
        "that amount and length."
    )
    return Picture("curves", title, caption, as_svg(figure, title))


def _equal_lines(answer: Answer) -> Picture | None:
    """Lines of equal AP over real x synthetic images, or over iterations x synthetic ones with one real size."""
    surface, mixture = answer.surface, answer.mixture
    if surface is None or len({cell.synthetic for cell in surface.means.cells}) < 2:
        return None
    cells = np.array(surface.means.cells, dtype=np.float64)
    axis, name = (0, "real images") if np.ptp(cells[:, 0]) else (2, "iterations")
    if not np.ptp(cells[:, axis]):
        return None
    across = np.geomspace(cells[:, axis].min(), cells[:, axis].max(), _GRID)
    up = np.linspace(0, cells[:, 1].max(), _GRID)
    grid = np.empty((_GRID, _GRID, 3))
    grid[...] = cells[0, 0], 0, mixture.iterations
    grid[..., axis], grid[..., 1] = across[None, :], up[:, None]
    at = points(grid)
    values = surface.average(at).reshape(_GRID, _GRID)
    beyond = surface.hull.distance(at).reshape(_GRID, _GRID)
    figure, axes = _panel(name, "synthetic images")
    lines = axes.contour(across, up, values, levels=7, colors=REAL, linewidths=1.4)
    axes.clabel(lines, fmt="%.3g", fontsize=10)
    axes.contourf(across, up, beyond, levels=[0.03, np.inf], colors=[GRAY], alpha=0.18)
    shown = [cell for cell in surface.means.cells if axis == 2 or _is_near(cell, mixture.iterations)]
    axes.plot(
        [cell[axis] for cell in shown],
        [cell.synthetic for cell in shown],
        "o",
        color=INK,
        markersize=4.5,
        clip_on=False,
    )
    axes.set_xscale("log")
    _plain_ticks(axes, sorted({int(cell[axis]) for cell in shown}))
    axes.yaxis.set_major_formatter(matplotlib.ticker.FuncFormatter(lambda value, _: f"{value:,.0f}"))
    where = f"at {mixture.iterations:,} iterations" if axis == 0 else f"beside {int(cells[0, 0]):,} real ones"
    title = f"Lines of equal AP over {name} and synthetic images {where}"
    caption = "Dots: what was run; shaded: beyond it, where the lines are the law's guess."
    return Picture("equal_ap", title, caption, as_svg(figure, title))


def _differences(answer: Answer) -> Picture | None:
    """What the gain is made of: the differences with their intervals, one below the other."""
    rows: list[tuple[str, Estimate, str]] = []
    level, plain = answer.question.verdict_confidence, answer.question.confidence
    if answer.split is not None:
        rows.append(("both: longer\nand mixed", answer.split.total, GRAY))
        rows.append(("of it: longer", answer.split.length, REAL))
    if answer.gain is not None:
        rows.append(("data alone,\nequal compute", answer.gain.estimate, MIXED))
    if answer.best is not None:
        rows.append(("each at its\nbest length", answer.best.estimate, MIXED))
    if not rows:
        return None
    figure, axes = _panel("change of AP", "")
    for place, (_, estimate, color) in enumerate(rows):
        low, high = estimate.interval(level if color == MIXED else plain)
        axes.plot([low, high], [place, place], color=color, linewidth=5, alpha=0.35, solid_capstyle="round")
        axes.plot([estimate.value], [place], "o", color=color, markersize=8)
        axes.annotate(
            signed(estimate.value), (estimate.value, place), xytext=(0, 9), textcoords="offset points", ha="center"
        )
    axes.axvline(0, color=INK, linewidth=1)
    if answer.question.least_gain:
        axes.axvline(answer.question.least_gain, color=GRAY, linewidth=1, linestyle=(0, (4, 3)))
    axes.set_yticks(range(len(rows)), [name for name, _, _ in rows])
    axes.set_ylim(len(rows) - 0.4, -0.7)
    axes.grid(axis="y", visible=False)
    title = "What the gain is made of"
    parts = ", ".join(f"{name}: {change(estimate, plain)}".replace("\n", " ") for name, estimate, _ in rows)
    caption = f"Each difference with its {plain:.0%} interval."
    return Picture("made_of", title, caption, as_svg(figure, f"{title}: {parts}"))


def _variances(answer: Answer) -> Picture | None:
    """Where the uncertainty of one training's AP at the mixture comes from."""
    surface = answer.surface
    if surface is None or surface.unknown(answer.mixture):
        return None
    law = float(surface.laws.at(points([answer.mixture])).std())
    errors = [run.image_se for run in answer.table.trainings if run.image_se is not None]
    images = float(np.sqrt(np.mean(np.square(errors)))) if errors else None
    has_pairs = not np.isnan(surface.means.training_variance)
    own = ("one training", surface.noise.training) if has_pairs else ("one training\nand misfit", surface.noise.misfit)
    misfit = [("misfit of the law", float(np.sqrt(surface.noise.misfit)))] if has_pairs else []
    rows = [
        ("evaluated images", images),
        ("seed, shared", float(np.sqrt(surface.noise.seed))),
        (own[0], float(np.sqrt(own[1]))),
        *misfit,
        ("the law's\nparameters", law),
    ]
    figure, axes = _panel("standard deviation of AP", "")
    for place, (_, value) in enumerate(rows):
        axes.barh(place, value or 0, color=REAL, height=0.55, alpha=0.85)
        text = "unknown: no image_se" if value is None else f"{value:.2f}"
        axes.annotate(text, (value or 0, place), xytext=(5, 0), textcoords="offset points", va="center")
    axes.set_yticks(range(len(rows)), [name for name, _ in rows])
    axes.set_xlim(0, 1.3 * max(value or 0 for _, value in rows))
    axes.invert_yaxis()
    axes.grid(axis="y", visible=False)
    title = "Where the variance comes from"
    caption = (
        f"Of one training on {answer.mixture}. Images: evaluate on more; seeds and trainings: run more of "
        "them; the law: run further compositions and lengths."
    )
    return Picture("variance", title, caption, as_svg(figure, title))


def _panel(x_label: str, y_label: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=_SIZE, layout="constrained")
    axes = figure.subplots()
    axes.set_xlabel(x_label)
    axes.set_ylabel(y_label)
    return figure, axes


def _band(axes: Axes, surface: Surface, places: np.ndarray, at: Points, color: str, label: str) -> None:
    value, low, high, _ = surface.predict(at)
    axes.fill_between(places, low, high, color=color, alpha=0.15, linewidth=0)
    axes.plot(places, value, color=color, linewidth=2, label=label)


def _is_near(cell: Cell, iterations: int) -> bool:
    return abs(cell.iterations / iterations - 1) <= EQUAL_COMPUTE


def _columns(rows: list[tuple[int, float]]) -> tuple[list[int], list[float]]:
    return [row[0] for row in rows], [row[1] for row in rows]


def _plain_ticks(axes: Axes, places: list[int]) -> None:
    """Ticks at what was run, in plain numbers: the largest, and of the others those that have room beside it."""
    logarithms = np.log(np.maximum(places, 1))
    room, shown = 0.15 * np.ptp(logarithms), [len(places) - 1]
    for index in reversed(range(len(places) - 1)):
        if logarithms[shown[-1]] - logarithms[index] >= room:
            shown.append(index)
    axes.set_xticks([places[index] for index in shown])
    axes.xaxis.set_major_formatter(matplotlib.ticker.FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axes.xaxis.set_minor_locator(matplotlib.ticker.NullLocator())


def as_svg(figure: Figure, title: str) -> str:
    """The figure as an ``<svg>`` element that scales with the page and tells a screen reader what it shows."""
    stream = io.StringIO()
    with matplotlib.rc_context({"svg.hashsalt": title}):
        figure.savefig(stream, format="svg", metadata={"Date": None}, transparent=True)
    text = stream.getvalue()
    text = re.sub(r"<metadata>.*?</metadata>", "", text[text.index("<svg") :], flags=re.DOTALL)
    text = re.sub(r'<g id="[^"]*"', "<g", text)  # nothing leads to groups, and figures of a page name them alike
    label = title.replace("&", "and").replace('"', "'").replace("<", "less than ")
    return text.replace("<svg ", f'<svg role="img" aria-label="{label}" ', 1)
