"""What the report shows of the paper beside its tables: claims, figures, Table 4, notes on its text."""

from collections.abc import Callable, Sequence
from itertools import product

from synmix.compose.published import TABLE_4
from synmix.report import figures
from synmix.report.claims import claims
from synmix.report.estimates import CONFIDENCE, Estimate, Estimates
from synmix.report.report_model import Block, CheckItem, Checklist, Grid, Paragraph, Section
from synmix.study import published
from synmix.study.experiments import REAL, SYNTHETIC, TEST, TITLES, baseline, mixture
from synmix.study.runs import Run

#: What stands under an experiment's title: figure, caption.
PICTURES: dict[str, tuple[Callable[[Estimates], str], str]] = {
    "removal": (figures.removal_figure, "AP on Synscapes of each class, with 95 % bands; dashed: the paper's knees."),
    "ratio": (figures.ratio_figure, "AP on both domains, with 95 % bands."),
    "hyperparameters": (figures.hyperparameter_figure, "AP on Cityscapes after fine-tuning, with 95 % bands."),
}


def opening(estimates: Estimates) -> list[Section]:
    """What stands before the tables."""
    answers = [(claim, claim.judge(estimates)) for claim in claims(estimates.scale)]
    items = tuple(
        CheckItem(verdict.answer, claim.title, claim.section, claim.criterion, verdict.evidence)
        for claim, verdict in answers
    )
    return [Section("claims", "The paper's claims", (Checklist(items), Paragraph(_HOW_JUDGED, "dim")))]


def closing(estimates: Estimates) -> list[Section]:
    """What stands behind the tables."""
    return [_budget(estimates), _notes(estimates)]


_HOW_JUDGED = (
    f"A comparison holds where its whole {CONFIDENCE:.0%} interval is beyond the margin of its criterion, does not "
    "hold where the whole interval is on the other side, and is open in between. A claim of several comparisons "
    "holds where all do. Intervals are Student's over the seeds and the images, paired in the seeds where both sides "
    "have the same; with a single training on a side nobody knows what another one would change, and it is open. "
    "Many comparisons are made here: one in twenty would fall outside its interval by chance alone."
)


def _budget(estimates: Estimates) -> Section:
    """Table 4, which follows from Table 3: the best composition that fits into so many iterations."""
    scale = estimates.scale
    grid = product(scale.grid["amounts"], scale.grid["epochs"])
    cells = [(amount, mixture(scale, amount, count)) for amount, count in grid]
    found = [(run, amount, ours) for amount, run in dict.fromkeys(cells) if (ours := estimates.estimate(run, REAL))]
    rows = []
    for limit in scale.grid["budgets"]:
        known = [entry for entry in found if (entry[0].iterations or 0) <= limit]
        value, amount = TABLE_4.get(limit, (None, None))
        paper = "–" if value is None else f"{value:g} with {amount:,} synthetic"
        rows.append((f"{limit:,}", paper, _best(known)))
    text = "From the cells of Table 3: of the trainings within an iteration limit, the best on Cityscapes."
    header = ("iteration limit", "paper: AP, composition", "ours: AP, composition")
    return Section(
        "budget", "Table 4: the best use of a budget (section 4.2)", (Paragraph(text), Grid(header, tuple(rows)))
    )


def _best(known: Sequence[tuple[Run, int, Estimate]]) -> str:
    if not known:
        return "not yet run"
    run, amount, estimate = max(known, key=lambda entry: (entry[2].value, -(entry[0].iterations or 0)))
    return f"{estimate.value:.1f} with {amount:,} synthetic, {run.iterations or 0:,} iterations"


def _notes(estimates: Estimates) -> Section:
    blocks: list[Block] = [
        Paragraph("Where the paper's text disagrees with itself or is silent, and what this study does:"),
        Grid(("the text", "here"), published.CONTRADICTIONS),
    ]
    start = baseline(estimates.scale).init
    if start:
        text = (
            f"In place of ImageNet's weights every run starts from a training of {start.iterations or 0:,} iterations "
            f"on {start.facts['real']} other scenes in a third look, gray with random contrast, blur and noise; all "
            "runs of a seed share it. Grids are coarser than the paper's; where a table's sizes differ, the paper's "
            "number in a cell is the one at the same place of its table."
        )
        alone = [(TITLES[data_set], estimates.estimate(start, data_set)) for data_set in (REAL, SYNTHETIC, TEST)]
        reached = ", ".join(f"{ours.value:.1f} on {title}" for title, ours in alone if ours)
        blocks.append(Paragraph(f"{text} The start alone has an AP of {reached}." if reached else text))
    return Section("notes", "Notes on the paper's text", tuple(blocks))
