"""What the report shows of the paper beside its tables: claims, labels, honest selections, notes on its text."""

from collections.abc import Callable

from synmix.errors import UserError
from synmix.report import figures
from synmix.report.answer_section import answer_section
from synmix.report.choices import budget_section, knee_section, optimum_section
from synmix.report.claims import Claim, judge_page
from synmix.report.claims_alignment import alignment
from synmix.report.claims_counted import label_counts
from synmix.report.claims_finetuning import finetuning
from synmix.report.claims_mixing import mixing
from synmix.report.estimates import CONFIDENCE, Estimates
from synmix.report.models import models_section
from synmix.report.report_model import Block, CheckItem, Checklist, Grid, Paragraph, Section
from synmix.report.steps import steps_section
from synmix.study import published
from synmix.study.experiments import REAL, SYNTHETIC, TEST, TITLES, baseline
from synmix.study.scale import Scale

#: What stands under an experiment's title: figure, caption.
PICTURES: dict[str, tuple[Callable[[Estimates], str], str]] = {
    "removal": (figures.removal_figure, "AP on Synscapes of each class, with 95 % bands; dashed: the paper's knees."),
    "ratio": (figures.ratio_figure, "AP on both domains, with 95 % bands."),
    "hyperparameters": (figures.hyperparameter_figure, "AP on Cityscapes after fine-tuning, with 95 % bands."),
}


def claims(scale: Scale) -> list[Claim]:
    """The paper's claims at a scale, in its order.

    Raises:
        UserError: its grids lack what the claims compare.
    """
    shares, amounts = sorted(scale.grid["real_share"]), scale.grid["amounts"]
    if len(shares) < 3 or (shares[0], shares[-1]) != (0, 100):
        raise UserError(f"the scale '{scale.name}' has {shares} under 'grid.real_share'; give 0, 100 and some between.")
    if len(amounts) < 2 or 0 not in amounts:
        raise UserError(f"the scale '{scale.name}' has {amounts} under 'grid.amounts'; give 0 and at least one more.")
    return [*alignment(scale), *mixing(scale), *finetuning(scale)]


def opening(estimates: Estimates) -> list[Section]:
    """What stands before the tables."""
    items = tuple(
        CheckItem(
            v.answer, v.adjusted, v.claim.quote, v.claim.section, v.claim.criterion, v.findings, v.claim.note
        )
        for v in judge_page(claims(estimates.scale), estimates)
    )  # fmt: skip
    claimed = Section("claims", "The paper's claims", (Checklist(items), Paragraph(_HOW_JUDGED, "dim")))
    return [answer_section(estimates), *models_section(estimates), claimed, steps_section(estimates)]


def closing(estimates: Estimates) -> list[Section]:
    """What stands behind the tables."""
    chosen = [knee_section(estimates), budget_section(estimates), optimum_section(estimates)]
    return [_label_section(estimates), *chosen, _notes(estimates)]


_HOW_JUDGED = (
    f"A comparison holds where its whole {CONFIDENCE:.0%} interval is beyond the margin of its criterion, does not "
    "hold where the whole interval is on the other side, and is open in between. A claim of several comparisons "
    "holds where all do. Intervals are Student's over the seeds and the images, paired in the seeds where both sides "
    "have the same; with a single training on a side nobody knows what another one would change, and it is open. "
    "With so many comparisons one in twenty would fall outside its interval by chance alone: “after Holm” says what is "
    "left when the chance of any such error on this page is to stay at 5 %. Counts, and sets found by Hsu's comparison "
    "with the best, which keeps its own error, are not adjusted."
)


def _label_section(estimates: Estimates) -> Section:
    """The paper's counts of labels beside ours."""
    ours = label_counts(estimates) or (None, None, None)
    theirs = published.LABELS_BEFORE, published.LABELS_AFTER, published.LABELS_CITYSCAPES
    titles = "Synscapes, all labels", "Synscapes, after removal", "Cityscapes"
    shares = ["", *(f"{100 * after / before:.1f} %" if before and after else "–" for before, after in
                    ((theirs[0], theirs[1]), (ours[0], ours[1])))]  # fmt: skip
    rows = [
        (title, f"{paper:,}", f"{own:,}" if own is not None else "not yet run")
        for title, paper, own in zip(titles, theirs, ours, strict=True)
    ]
    rows.append(("left after removal", shares[1], shares[2]))
    text = f"Labels of as many images: 2,975 in the paper, {estimates.scale.images:,} here."
    table = Grid(("labels", "paper", "ours"), tuple(rows), numeric=(1, 2))
    return Section("labels", "Labels before and after removal (section 4.1)", (Paragraph(text), table))


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
