"""The audit's tables, as Markdown and as plain data."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl
from cityscapesscripts.helpers.labels import id2label

from synmix.harmonize.auditing import Audit
from synmix.harmonize.findings import MEASURES, Finding, findings
from synmix.harmonize.rules import RULES
from synmix.labels import MIN_PIXELS

Row = Sequence[object]


class Share(float):
    """A number that people read in percent."""


@dataclass(frozen=True)
class Table:
    """Numbers under headings; its text is Markdown."""

    header: Sequence[str]
    rows: Sequence[Row]
    empty: str = ""  # said where there is no row

    def __str__(self) -> str:
        return markdown(self.header, self.rows) if self.rows or not self.empty else self.empty

    def records(self) -> list[dict[str, Any]]:
        """A row's numbers by their headings."""
        return [dict(zip(self.header, row, strict=True)) for row in self.rows]


def markdown(header: Row, rows: Sequence[Row]) -> str:
    """A table whose columns are aligned for those who read it as text; numbers to the right."""
    cells = [[_cell(value) for value in row] for row in (header, *rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(header))]
    right = [column > 0 and all(not isinstance(row[column], str) for row in rows) for column in range(len(header))]
    lines = [
        "| " + " | ".join(f"{text:{'>' if right[i] else '<'}{widths[i]}}" for i, text in enumerate(row)) + " |"
        for row in cells
    ]
    rule = "|" + "|".join("-" * (width + 1) + (":" if right[i] else "-") for i, width in enumerate(widths)) + "|"
    return "\n".join([lines[0], rule, *lines[1:]])


def _cell(value: object) -> str:
    if isinstance(value, Share):
        return f"{value:.2%}"
    if isinstance(value, float):
        return "-" if value != value else f"{value:.3g}" if abs(value) < 100 else f"{value:,.0f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _name(label: int) -> str:
    return id2label[label].name if label in id2label else f"label {label}"


def conventions(audits: Sequence[Audit]) -> Table:
    """The numbers that tell conventions apart, a column per data set."""
    rows: list[Row] = [[measure.name, *(measure.of(audit) for audit in audits)] for measure in MEASURES]
    counts: list[Row] = [["frames looked at", *(audit.frames for audit in audits)]]
    return Table(["measure", *(audit.name for audit in audits)], counts + rows)


def sizes(audits: Sequence[Audit]) -> Table:
    """Instances and sizes per class: how many a frame, the share under 100 pixels, percentiles in pixels."""
    header = ["class", "data set", "instances", "a frame", f"under {MIN_PIXELS} px", "5 %", "median", "95 %"]
    labels = sorted({label for audit in audits for label in audit.instances["label"].unique().to_list()})
    rows = [row for label in labels for audit in audits if (row := _size_row(audit, label))]
    return Table(header, rows)


def _size_row(audit: Audit, label: int) -> list[object] | None:
    pixels = audit.instances.filter(pl.col("label") == label)["pixels"]
    if pixels.is_empty():
        return None
    quantiles = [int(pixels.quantile(q, "nearest") or 0) for q in (0.05, 0.5, 0.95)]
    small = Share((pixels < MIN_PIXELS).sum() / len(pixels))
    return [_name(label), audit.name, len(pixels), len(pixels) / audit.frames, small, *quantiles]


def inside(audits: Sequence[Audit]) -> Table:
    """Which classes the class map shows inside the instances of each class, other than their own."""
    header = ["instances of", "hold pixels of", "data set", "instances", "of all", "pixels"]
    rows: list[Row] = []
    for audit in audits:
        totals = dict(audit.instances.group_by("label").len().iter_rows())
        found = audit.inside.filter(pl.col("label") != pl.col("found")).group_by("label", "found")
        for label, other, count, pixels in (
            found.agg(pl.col("instances").sum(), pl.col("pixels").sum()).sort("pixels", descending=True).iter_rows()
        ):
            rows.append([_name(label), _name(other), audit.name, count, Share(count / totals[label]), pixels])
    return Table(header, rows, "No instance holds a pixel of another class.")


def rules_met(raw: Audit) -> Table:
    """How often a raw folder meets each rule."""
    rows = [
        [rule.name, raw.tally.cases[rule.name], raw.tally.pixels[rule.name], rule.situation, rule.default]
        for rule in RULES
        if raw.tally.cases[rule.name]
    ]
    return Table(["rule", "cases", "pixels", "situation", "default"], rows)


def assumptions(raw: Audit, merged_riders: bool = True) -> Table:
    """What the rules take for granted, measured.

    Args:
        merged_riders: a rider and the vehicle are one instance there.
    """
    rows = [_finding_row(finding) for finding in findings(raw, merged_riders)]
    return Table(["assumption", "found", "of", "share", "expected", "holds"], rows)


def advice(raw: Audit, merged_riders: bool = True) -> str:
    """The switch to use for each of :func:`assumptions` that does not hold."""
    failed = [finding.assumption for finding in findings(raw, merged_riders) if not finding.holds]
    if not failed:
        return f"Every assumption holds on these {raw.frames:,} frames; the default rules fit."
    return "\n".join(f"- **{each.statement}** does not hold: {each.remedy}." for each in failed)


def _finding_row(finding: Finding) -> list[object]:
    low, high = finding.assumption.low, finding.assumption.high
    expected = f"{low:.0%} or more" if high == 1 else "none" if high == 0 else f"up to {high:.1%}"
    verdict = ("yes" if finding.whole else "nothing to measure") if finding.holds else "NO"
    return [finding.assumption.statement, finding.part, finding.whole, Share(finding.share), expected, verdict]
