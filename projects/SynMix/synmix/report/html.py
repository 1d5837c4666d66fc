"""A report as one HTML file: style and pictures within, no script, nothing from elsewhere; for desks and phones."""

from collections.abc import Callable, Iterator, Sequence
from html import escape
from itertools import groupby
from typing import Any

from synmix.answer.page import PALETTE, in_page, scrolling
from synmix.report.numbers import (
    control_text,
    difference_text,
    ends_of_percent,
    finding_text,
    holm_text,
    published_text,
    tally,
)
from synmix.report.report_model import (
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
from synmix.report.style import STYLE

_CLASSES = {"holds": "good", "does not hold": "bad", "open": "open", "not yet run": "dim"}
_SHOWN = 3  # findings of a claim; more are folded
_MARKS = {"holds": "✓", "does not hold": "✗", "open": "?", "not yet run": "…"}


def render(document: Document) -> str:
    """The whole page."""
    cards = "".join(
        f"<div class=card><b>{escape(n)}</b><span>{escape(what)}</span></div>" for n, what in document.cards
    )
    links = "".join(f'<a href="#{s.anchor}">{escape(name)}</a>' for s, name in _names(document.sections))
    sections = "\n".join(_section(section) for section in document.sections)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(document.title)}</title>
<style>{PALETTE}{STYLE}</style>
</head>
<body>
<a class=skip href="#report">To the report</a>
<header>
<h1>{escape(document.title)}</h1>
<p>{escape(document.subtitle)}</p>
<div class=cards>{cards}</div>
<nav aria-label="Sections">{links}</nav>
</header>
<main id=report tabindex=-1>
{sections}
</main>
<footer>Written by SynMix, tools/report.py</footer>
</body>
</html>
"""


def _names(sections: Sequence[Section]) -> Iterator[tuple[Section, str]]:
    """What leads to each: its title up to the colon, or all of it where another begins alike."""
    titles = [section.title.split(" (section")[0] for section in sections]
    short = [title.split(":")[0] for title in titles]
    for section, title, name in zip(sections, titles, short, strict=True):
        yield section, name if short.count(name) == 1 else title


def _section(section: Section) -> str:
    blocks = "\n".join(_BLOCKS[type(block)](block) for block in section.blocks)
    return f'<section id="{section.anchor}">\n<h2>{escape(section.title)}</h2>\n{blocks}\n</section>'


def _paragraph(block: Paragraph) -> str:
    return f'<p class="{block.tone}">{escape(block.text)}</p>'


def _picture(block: Picture) -> str:
    svg, caption = in_page(block.svg, block.name), f"<figcaption>{escape(block.caption)}</figcaption>"
    if block.narrow:
        return f"<figure class=half>{svg}{caption}</figure>"
    return f"<figure class=wide>{scrolling(svg, block.caption)}{caption}</figure>"


def _grid(block: Grid) -> str:
    numeric = [" class=num" if index in block.numeric else "" for index in range(len(block.header))]
    heads = "".join(f"<th scope=col{num}>{escape(head)}</th>" for num, head in zip(numeric, block.header, strict=True))
    rows = "\n".join(
        f"<tr>{''.join(f'<td{num}>{escape(cell)}</td>' for num, cell in zip(numeric, row, strict=True))}</tr>"
        for row in block.rows
    )
    table = scrolling(f"<table><tr>{heads}</tr>\n{rows}</table>", ", ".join(block.header))
    return f"<details><summary>{escape(block.folded)}</summary>{table}</details>" if block.folded else table


def _checklist(block: Checklist) -> str:
    return "<ul class=claims>" + "\n".join(_claim(item) for item in block.items) + "</ul>"


def _claim(item: CheckItem) -> str:
    tone, holm = _CLASSES[item.answer], holm_text(item)
    badge = f'<span class="holm {_CLASSES[item.adjusted]}">{escape(holm)}</span>' if holm else ""
    note = f"<p class=dim>{escape(item.note)}</p>" if item.note else ""
    return (
        f'<li><div class="mark {tone}" aria-hidden=true>{_MARKS[item.answer]}</div><div>'
        f"<q>{escape(item.quote)}</q> "
        f'<span class="answer {tone}">{escape(item.answer)}</span> {badge}'
        f"<p class=dim>Section {escape(item.section)}. Holds where {escape(item.criterion)}.</p>{note}"
        f"{_findings(item)}</div></li>"
    )


def _findings(item: CheckItem) -> str:
    rows = "".join(
        f'<li class="{_CLASSES[finding.answer]}">{escape(finding_text(finding))}</li>' for finding in item.findings
    )
    listed = f"<ul class=evidence>{rows}</ul>"
    if len(item.findings) <= _SHOWN:
        return listed
    return f"<details><summary>{escape(tally(item))}</summary>{listed}</details>"


def _numbers(block: Numbers) -> str:
    ours = [n.ours.value if n.ours.entered else n.ours.high for n in block.rows if n.ours]
    ends = ours + [n.published for n in block.rows if n.published is not None]
    limit = max((end for end in ends if end == end), default=1.0) * 1.04 or 1.0
    numbers = ("paper", "ours", "difference", *(["at equal length"] if block.controlled else []))
    header = (
        f"<tr><th scope=col>{escape(block.row_title)}</th><th scope=col>{escape(block.column_title)}</th>"
        + "".join(f"<th scope=col class=num>{name}</th>" for name in numbers)
        + "<th class=strip>◆ paper &nbsp; ● ours, 95 %</th></tr>"
    )
    groups = [list(group) for _, group in groupby(block.rows, key=lambda number: number.row)]
    rows = [_number(n, limit, len(group) if n is group[0] else 0, block.controlled) for group in groups for n in group]
    table = f"<table>{header}\n" + "\n".join(rows) + "</table>"
    return scrolling(table, f"{block.row_title} by {block.column_title}: the paper's figures and ours")


def _number(number: Number, limit: float, height: int, controlled: bool) -> str:
    """A row; the first of a group names it and is as high as the group, the others have height 0."""
    ours = number.ours
    if ours is None:
        shown = f'<span class="state">{escape(number.state)}</span>'
    elif ours.entered:
        shown = f"<b>{ours.value:.1f}</b> <small>{escape(ours.entered)}</small>"
    else:
        seeds = f" · {ours.seeds} seeds" if ours.seeds > 1 else ""
        low, high = ends_of_percent(ours)
        shown = f"<b>{ours.value:.1f}</b> <small>{low:.1f}–{high:.1f}{seeds}</small>"
    name = f"<td rowspan={height}>{escape(number.row)}</td>" if height else ""
    control = f"<td class=num>{control_text(number)}</td>" if controlled else ""
    return (
        f"<tr{' class=first' if height else ''}>{name}<td>{escape(number.column)}</td>"
        f'<td class=num>{published_text(number)}</td><td class="num ours">{shown}</td>'
        f"<td class=num>{difference_text(number)}</td>{control}<td class=strip>{_strip(number, limit)}</td></tr>"
    )


def _strip(number: Number, limit: float) -> str:
    """The paper's figure and ours with its interval on one axis from 0, as a small picture."""

    def place(value: float) -> str:
        return f"{2 + 296 * min(max(value, 0), limit) / limit:.1f}"

    marks = ['<line x1="2" x2="298" y1="10" y2="10"/>']
    if number.ours is not None and number.ours.low == number.ours.low:
        ends = f'x1="{place(number.ours.low)}" x2="{place(number.ours.high)}"'
        marks.append(f'<line class=interval {ends} y1="10" y2="10"/>')
    if number.ours is not None:
        marks.append(f'<circle cx="{place(number.ours.value)}" cy="10" r="5"/>')
    if number.published is not None:
        x = float(place(number.published))
        marks.append(f'<path d="M{x} 4l6 6-6 6-6-6z"/>')
    return f'<svg viewBox="0 0 300 20" aria-hidden="true">{"".join(marks)}</svg>'


_BLOCKS: dict[type, Callable[[Any], str]] = {
    Paragraph: _paragraph,
    Numbers: _numbers,
    Grid: _grid,
    Picture: _picture,
    Checklist: _checklist,
}
