"""A study's report: each table and figure beside our runs, what its own module adds, what it cost."""

from collections.abc import Sequence
from datetime import datetime, timezone
from importlib import import_module
from pathlib import Path
from typing import Any

from synmix.files import write_text
from synmix.report import html, markdown
from synmix.report.estimates import Estimates
from synmix.report.report_model import Block, Checklist, Document, Grid, Number, Numbers, Paragraph, Picture, Section
from synmix.study.experiments import TITLES, Cell, Experiment, Study, all_runs
from synmix.study.index import readable_records
from synmix.study.runs import Run
from synmix.study.scale import Scale
from synmix.study.store import Record, Store
from synmix.study.test_scores import scores_of

_COUNTED = {  # one claim, several
    "holds": ("claim holds", "claims hold"),
    "does not hold": ("claim does not hold", "claims do not hold"),
    "open": ("claim is open", "claims are open"),
    "not yet run": ("claim is not yet run", "claims are not yet run"),
}
_CONTROLS = (
    "At equal length: ours less real images alone for as many iterations, pre-trainings counted. Only that is owed to "
    "the synthetic images; the other differences of a table are of unequal lengths too."
)


def write_report(store: Store, scale: Scale, output: Path, test_scores: Path | None = None) -> Document:
    """Writes ``report.html`` (one file, nothing from elsewhere), ``report.md`` and the plots it shows (``*.svg``).

    Args:
        test_scores: what a test server said; None: the scale's own file.

    Raises:
        UserError: the scores cannot be read.
    """
    document = build_document(store, scale, test_scores)
    write_text(output / "report.html", html.render(document))
    text, pictures = markdown.render(document)
    for name, svg in pictures.items():
        write_text(output / f"{name}.svg", svg)
    write_text(output / "report.md", text)
    return document


def build_document(store: Store, scale: Scale, test_scores: Path | None = None) -> Document:
    """The report as data; runs that are missing, unfinished or edited leave their cells open."""
    records, problems = readable_records(store)
    estimates = Estimates(records, scale, scores_of(scale, test_scores))
    study: Study = scale.described().STUDY
    parts = import_module(study.report)
    experiments = [build(scale) for build in study.experiments.values()]
    sections = [
        *parts.opening(estimates),
        *(_section(item, estimates, parts.PICTURES) for item in experiments),
        *parts.closing(estimates),
        _costs(experiments, estimates, problems),
    ]
    subtitle = f"Scale “{scale.name}”, written {datetime.now(timezone.utc):%Y-%m-%d %H:%M} UTC. {scale.note}".rstrip()
    return Document(study.title, subtitle, _cards(experiments, estimates, sections), tuple(sections))


def _cards(
    experiments: Sequence[Experiment], estimates: Estimates, sections: Sequence[Section]
) -> tuple[tuple[str, str], ...]:
    runs = all_runs(experiments)
    done = sum(estimates.state(run) == "finished" for run in runs)
    checklists = [block for section in sections for block in section.blocks if isinstance(block, Checklist)]
    items = [item for block in checklists for item in block.items]
    counts = []
    for answer, titles in _COUNTED.items():
        count = sum(item.answer == answer for item in items)
        left = sum(item.answer == item.adjusted == answer for item in items)
        after = f", {left} after Holm" if answer in ("holds", "does not hold") else ""
        counts.append((f"{titles[count > 1]}{after}", count))
    return (
        (f"{done} of {len(runs)}", "runs finished"),
        (f"{_hours(estimates.records):.1f} h", "of training and evaluation"),
        *((str(count), name) for name, count in counts if count),
    )


def _hours(records: Sequence[Record]) -> float:
    return sum(record.status.seconds for record in records) / 3600


def _section(item: Experiment, estimates: Estimates, pictures: dict[str, Any]) -> Section:
    blocks: list[Block] = []
    if item.name in pictures:
        draw, caption = pictures[item.name]
        blocks.append(Picture(item.name, draw(estimates), caption))
    controlled = any(cell.control for cell in item.cells)
    blocks.append(Numbers(tuple(_number(cell, estimates) for cell in item.cells), *item.titles, controlled))
    if controlled:
        blocks.append(Paragraph(_CONTROLS, "dim"))
    if item.note:
        blocks.append(Paragraph(item.note, "dim"))
    section = f" (section {item.section})" if item.section != "-" else ""
    return Section(item.name, f"{item.title}{section}", tuple(blocks))


def _number(cell: Cell, estimates: Estimates) -> Number:
    ours = estimates.estimate(cell.run, cell.data_set, cell.figure)
    control = gain = None
    if cell.control:
        control = estimates.estimate(cell.control, cell.data_set, cell.figure)
        gain = estimates.difference(cell.control, cell.run, cell.data_set, cell.figure)
    column, state = TITLES.get(cell.column, cell.column), estimates.state(cell.run)
    return Number(cell.row, column, cell.published, ours, state, control, gain)


def _costs(experiments: Sequence[Experiment], estimates: Estimates, problems: Sequence[str]) -> Section:
    planned = all_runs(experiments)
    records = {record.run: record for record in estimates.records}
    others = [run for run in records if run not in set(planned)]
    rows = [_cost(run, records.get(run)) for run in [*planned, *others]]
    header = ("run", "state", "iterations", "minutes", "s/iteration", "why")
    spent = (
        f"{_hours(estimates.records):.1f} hours so far, evaluation included; each run is trained once for all tables."
    )
    blocks: list[Block] = [Paragraph(spent), *(Paragraph(problem, "bad") for problem in problems)]
    blocks.append(Grid(header, tuple(rows), numeric=(2, 3, 4), folded=f"{len(rows)} runs"))
    return Section("costs", "Runs and what they cost", tuple(blocks))


def _cost(run: Run, record: Record | None) -> tuple[str, ...]:
    status = record.status if record else None
    iterations = (status and status.computed.get("iterations")) or run.iterations
    length = f"{iterations:,}" if iterations else "?"
    if status is None:
        return (run.id, "not yet run", length, "", "", "")
    finished = status.state == "finished" and iterations
    pace = f"{status.seconds / iterations:.2f}" if finished and iterations else ""
    return (run.id, status.state, length, f"{status.seconds / 60:.1f}", pace, status.reason)
