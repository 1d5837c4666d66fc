"""What a study chooses, honestly: knees (Figure 4), the best use of a budget (Table 4), the optimum (Figure 6)."""

import math
from collections.abc import Callable, Mapping
from itertools import product
from typing import Any

from synmix.compose.published import TABLE_4
from synmix.minus import signed
from synmix.report.claims_counted import optima
from synmix.report.estimates import Estimate, Estimates
from synmix.report.knees import TOLERANCE, class_knees
from synmix.report.report_model import Grid, Paragraph, Section
from synmix.report.selection import Selection, select
from synmix.study import published
from synmix.study.comparison import RESAMPLES, Arm
from synmix.study.experiments import REAL, mixture
from synmix.study.runs import Run

_HONEST = (
    "What is chosen on the images that also judge it flatters itself. Honest: chosen on one half of the validation "
    "images, reported on the other, both ways round; half as many images, so wider intervals. Beside it stand all that "
    "cannot be told from the best (Hsu), over other seeds and images."
)
_RESAMPLES = RESAMPLES // 4  # of a half: enough for an interval that is shown, at a quarter of the cost


def knee_section(estimates: Estimates) -> Section:
    """Each class's knee, with its interval and honestly."""
    rows = []
    for name, one in class_knees(estimates).items():
        theirs = published.FIGURE_4_KNEE.get(name, published.FIGURE_4_KNEE_OTHERS)
        ways = "; ".join(f"{percent:g} %: {_change(change)}" for percent, change in one.ways) or "too few images"
        rows.append((name, f"{theirs:g} %", f"{one.knee.percent:g} % [{one.low:g}, {one.high:g}]", ways))
    text = (
        f"The largest percentage removed at which a class's AP is within {TOLERANCE:g} point of its best, after "
        "smoothing; its interval over other images and, where there are several, seeds. Honest: the knee that one half "
        "of the images shows, and what AP changes there against no removal on the other half."
    )
    header = ("class", "paper", "ours [95 %]", "honest: each half's knee, AP there on the other")
    blocks = (Paragraph(text), Grid(header, tuple(rows)) if rows else Paragraph("Not yet run.", "dim"))
    return Section("knees", "Figure 4: the knees", blocks)


def budget_section(estimates: Estimates) -> Section:
    """Table 4, which follows from Table 3: the best composition that fits into so many iterations."""
    scale = estimates.scale
    grid = list(product(scale.grid["amounts"], scale.grid["epochs"]))
    cells: dict[Run, tuple[int, float]] = {}
    for amount, count in grid:
        cells.setdefault(mixture(scale, amount, count), (amount, count))
    arms = {run: arm for run in cells if (arm := estimates.arm(run, REAL))}
    rows = []
    for limit in scale.grid["budgets"]:
        value, amount = TABLE_4.get(limit, (None, None))
        paper = "–" if value is None else f"{value:g} with {amount:,} synthetic"
        known = {run: arm for run, arm in arms.items() if (estimates.iterations(run) or math.inf) <= limit}
        rows.append((f"{limit:,}", paper, *_told(known, lambda run: _cell(cells[run]))))
    text = f"From the cells of Table 3: of the trainings within an iteration limit, the best on Cityscapes. {_HONEST}"
    header = ("iterations", "paper: AP, composition", *_TOLD)
    return Section(
        "budget", "Table 4: the best use of a budget (section 4.2)", (Paragraph(text), Grid(header, tuple(rows)))
    )


def optimum_section(estimates: Estimates) -> Section:
    """Figure 6's optimum, of each curve."""
    curves = optima(estimates)
    title = "Figure 6: the optimum"
    if curves is None:
        return Section("optimum", title, (Paragraph("Not yet run.", "dim"),))
    rows = [(f"{momentum:g}", *_told(arms, lambda rate: f"{rate:.3g}")) for momentum, arms in curves.items()]
    paper = f"the paper's optimum is {published.FIGURE_6_OPTIMUM:g}"
    text = f"Effective learning rates, lr / (1 − momentum); {paper}. {_HONEST}"
    return Section("optimum", title, (Paragraph(text), Grid(("momentum", *_TOLD), tuple(rows))))


_TOLD = ("ours: best, flattered", "honest: chosen, AP on the other half", "cannot be told from the best")


def _told(candidates: "Mapping[Any, Arm]", name: Callable[..., str]) -> tuple[str, str, str]:
    if not candidates:
        return "not yet run", "", ""
    found: Selection[object] = select(candidates, resamples=_RESAMPLES)
    ways = "; ".join(f"{name(way.chosen)}: {_value(way.reported)}" for way in found.ways) or "too few images"
    rest = ", ".join(name(key) for key in found.contenders)
    if found.is_open:
        rest = "open: one training each"
    elif len(candidates) == 1:
        rest = "the only one"
    return f"{found.value:.1f} with {name(found.best)}", ways, rest


def _cell(cell: tuple[int, float]) -> str:
    return f"+{cell[0]:,} for {cell[1]:g} epochs"


def _value(ours: Estimate) -> str:
    return f"{ours.value:.1f} [{ours.low:.1f}, {ours.high:.1f}]"


def _change(ours: Estimate) -> str:
    if ours.is_open:
        return f"{signed(ours.value)}, one training"
    return f"{signed(ours.value)} [{signed(ours.low)}, {signed(ours.high)}]"
