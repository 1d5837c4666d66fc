"""The study's report: every table and figure of the paper beside our runs, its claims as a checklist, what it cost."""

from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from pathlib import Path

from synmix.compose.published import TABLE_4
from synmix.files import write_text
from synmix.study import figures, markdown, page, published
from synmix.study.claims import Answer, Verdict, claims
from synmix.study.document import (
    Block,
    CheckItem,
    Checklist,
    Document,
    Grid,
    Number,
    Numbers,
    Paragraph,
    Picture,
    Section,
)
from synmix.study.evidence import CONFIDENCE, RESAMPLES, Evidence
from synmix.study.experiments import DOMAIN_TITLES, EXPERIMENTS, REAL, Cell, Experiment, Trainings, all_runs
from synmix.study.index import readable_records
from synmix.study.runs import Run, start_of
from synmix.study.scale import Scale
from synmix.study.store import Record, Status, Store

#: What stands under an experiment's title: figure, caption.
_FIGURES: dict[str, tuple[Callable[[Evidence], str], str]] = {
    "removal": (figures.removal_figure, "AP on Synscapes of each class, with 95 % bands; dashed: the paper's knees."),
    "ratio": (figures.ratio_figure, "AP on both domains, with 95 % bands."),
    "hyperparameters": (figures.hyperparameter_figure, "AP on Cityscapes after fine-tuning, with 95 % bands."),
}
#: Titles of the first two columns of an experiment's table.
_TITLES = {
    "removal": ("labels removed", "evaluated on"),
    "ratio": ("real images", "evaluated on"),
    "removal_on_off": ("approach and evaluation", "removal"),
    "epochs": ("length", "synthetic images"),
    "finetune": ("step", "evaluated on"),
    "hyperparameters": ("learning rate", "momentum"),
    "test_set": ("training", "evaluated on"),
    "seeds": ("training", "evaluated on"),
}
_COUNTED: dict[Answer, tuple[str, str]] = {  # one claim, several
    "holds": ("claim holds", "claims hold"),
    "does not hold": ("claim does not hold", "claims do not hold"),
    "open": ("claim is open", "claims are open"),
    "not yet run": ("claim is not yet run", "claims are not yet run"),
}
_MINI = (
    "This is the miniature: drawn streets and a small network, minutes a run. Its numbers say nothing about "
    "Cityscapes or Synscapes; they show that the study runs, and how its effects look where they appear. The paper's "
    "numbers stand beside ours to show what each cell is, and the difference is not a verdict on either."
)


def write_report(store: Store, scale: Scale, output: Path) -> Document:
    """Writes ``report.html`` (one file, nothing from elsewhere), ``report.md`` and the plots it shows (``*.svg``)."""
    document = build_document(store, scale)
    write_text(output / "report.html", page.render(document))
    text, pictures = markdown.render(document)
    for name, svg in pictures.items():
        write_text(output / f"{name}.svg", svg)
    write_text(output / "report.md", text)
    return document


def build_document(store: Store, scale: Scale) -> Document:
    """The report as data; runs that are missing, unfinished or edited leave their cells open."""
    records, problems = readable_records(store)
    evidence = Evidence(records, scale)
    experiments = [build(scale) for build in EXPERIMENTS.values()]
    states = {record.run: record.status for record in evidence.records}
    answers = [(claim, claim.judge(evidence)) for claim in claims(scale)]
    items = tuple(
        CheckItem(verdict.answer, claim.title, claim.section, claim.criterion, verdict.evidence)
        for claim, verdict in answers
    )
    sections = [
        Section("claims", "The paper's claims", (Checklist(items), Paragraph(_how_judged(), "dim"))),
        *(_section(item, evidence, states) for item in experiments),
        _budget(evidence),
        _notes(evidence),
        _costs(experiments, evidence.records, states, problems),
    ]
    subtitle = f"Scale “{scale.name}”, written {datetime.now(timezone.utc):%Y-%m-%d %H:%M} UTC."
    if scale.name != "paper":
        subtitle += f" {_MINI}"
    title = "Boosting instance segmentation with synthetic data: the study"
    cards = _cards(experiments, states, [verdict for _, verdict in answers])
    return Document(title, subtitle, cards, tuple(sections))


def _cards(
    experiments: Sequence[Experiment], states: dict[Run, Status], verdicts: Sequence[Verdict]
) -> tuple[tuple[str, str], ...]:
    runs = all_runs(experiments)
    done = sum(_state(run, states) == "finished" for run in runs)
    hours = sum(status.seconds for status in states.values()) / 3600
    answers = [verdict.answer for verdict in verdicts]
    counts = [(names[answers.count(answer) > 1], answers.count(answer)) for answer, names in _COUNTED.items()]
    return (
        (f"{done} of {len(runs)}", "runs finished"),
        (f"{hours:.1f} h", "of training and evaluation"),
        *((str(count), name) for name, count in counts if count),
    )


def _how_judged() -> str:
    return (
        f"A comparison holds where its whole {CONFIDENCE:.0%} interval is beyond the margin of its criterion, does not "
        "hold where the whole interval is on the other side, and is open in between. A claim of several comparisons "
        f"holds where all do. Intervals are paired bootstraps over {RESAMPLES:,} resamples of the images, and "
        "of the seeds where there are several; with a single seed they do not contain what another seed would change. "
        "Many comparisons are made here: one in twenty would fall outside its interval by chance alone."
    )


def _section(item: Experiment, evidence: Evidence, states: dict[Run, Status]) -> Section:
    blocks: list[Block] = []
    if item.name in _FIGURES:
        draw, caption = _FIGURES[item.name]
        blocks.append(Picture(item.name, draw(evidence), caption))
    numbers = tuple(_number(cell, evidence, states) for cell in item.cells)
    blocks.append(Numbers(numbers, *_TITLES.get(item.name, ("trained on", "evaluated on"))))
    if item.name == "test_set" and "test" not in evidence.scale.evaluated:
        text = "Cityscapes keeps its test labels: submit predictions to its server and lay its figures beside these."
        blocks.append(Paragraph(text, "dim"))
    section = f" (section {item.section})" if item.section != "-" else ""
    return Section(item.name, f"{item.title}{section}", tuple(blocks))


def _number(cell: Cell, evidence: Evidence, states: dict[Run, Status]) -> Number:
    column = DOMAIN_TITLES.get(cell.column, cell.column)
    ours = evidence.estimate(cell.run, cell.domain)
    return Number(cell.row, column, cell.published, ours, _state(cell.run, states))


def _state(run: Run, states: dict[Run, Status]) -> str:
    return states[run].state if run in states else "not yet run"


def _budget(evidence: Evidence) -> Section:
    """Table 4, which follows from Table 3: the best composition that fits into so many iterations."""
    scale, trainings = evidence.scale, Trainings(evidence.scale)
    cells = [trainings.mixing(amount, count) for amount in scale.grid["amounts"] for count in scale.grid["epochs"]]
    found = [(run, evidence.estimate(run, REAL)) for run in dict.fromkeys(cells)]
    rows = []
    for limit in scale.grid["budgets"]:
        known = [(estimate, run) for run, estimate in found if estimate and run.iterations <= limit]
        value, amount = TABLE_4.get(limit, (None, None))
        paper = "–" if value is None else f"{value:g} with {amount:,} synthetic"
        rows.append((f"{limit:,}", paper, _best(known)))
    text = "From the cells of Table 3: of the trainings within an iteration limit, the best on Cityscapes."
    header = ("iteration limit", "paper: AP, composition", "ours: AP, composition")
    return Section(
        "budget", "Table 4: the best use of a budget (section 4.2)", (Paragraph(text), Grid(header, tuple(rows)))
    )


def _best(known: list) -> str:
    if not known:
        return "not yet run"
    estimate, run = max(known, key=lambda pair: (pair[0].value, -pair[1].iterations))
    return f"{estimate.value:.1f} with {run.synthetic:,} synthetic, {run.iterations:,} iterations"


def _notes(evidence: Evidence) -> Section:
    blocks: list[Block] = [
        Paragraph("Where the paper's text disagrees with itself or is silent, and what this study does:"),
        Grid(("the text", "here"), published.CONTRADICTIONS),
    ]
    start, scale = start_of(evidence.scale), evidence.scale
    if start:
        text = (
            f"In place of ImageNet's weights every run starts from a training of {start.iterations:,} iterations on "
            f"{start.real} other scenes in a third look, gray with random contrast, blur and noise; all runs of a seed "
            "share it. Grids are coarser than the paper's; where a table's sizes differ, the paper's number in a cell "
            "is the one at the same place of its table."
        )
        alone = [(DOMAIN_TITLES[domain], evidence.estimate(start, domain)) for domain in scale.evaluated]
        reached = ", ".join(f"{ours.value:.1f} on {title}" for title, ours in alone if ours)
        blocks.append(Paragraph(f"{text} The start alone has an AP of {reached}." if reached else text))
    return Section("notes", "Notes on the paper's text", tuple(blocks))


def _costs(
    experiments: Sequence[Experiment], records: Sequence[Record], states: dict[Run, Status], problems: Sequence[str]
) -> Section:
    planned = all_runs(experiments)
    others = [record.run for record in records if record.run not in set(planned)]
    rows = [_cost(run, states.get(run)) for run in [*planned, *others]]
    header = ("run", "state", "iterations", "minutes", "s/iteration", "why")
    blocks: list[Block] = [Paragraph(problem, "bad") for problem in problems]
    blocks.append(Grid(header, tuple(rows), numeric=(2, 3, 4), folded=f"{len(rows)} runs"))
    spent = sum(status.seconds for status in states.values()) / 3600
    blocks.insert(
        0, Paragraph(f"{spent:.1f} hours so far, evaluation included; each run is trained once for all tables.")
    )
    return Section("costs", "Runs and what they cost", tuple(blocks))


def _cost(run: Run, status: Status | None) -> tuple[str, ...]:
    if status is None:
        return (run.id, "not yet run", f"{run.iterations:,}", "", "", "")
    minutes, pace = f"{status.seconds / 60:.1f}", f"{status.seconds / run.iterations:.2f}"
    finished = status.state == "finished"
    return (run.id, status.state, f"{run.iterations:,}", minutes, pace if finished else "", status.reason)
