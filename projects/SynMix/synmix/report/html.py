"""A report as one HTML file: style and pictures within, no script, nothing from elsewhere; for desks and phones."""

from collections.abc import Callable, Sequence
from html import escape
from itertools import groupby
from typing import Any

from synmix.report.numbers import control_text, difference_text, finding_text, holm_text, published_text, tally
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

_CLASSES = {"holds": "good", "does not hold": "bad", "open": "open", "not yet run": "dim"}
_SHOWN = 3  # findings of a claim; more are folded
_MARKS = {"holds": "✓", "does not hold": "✗", "open": "?", "not yet run": "…"}

STYLE = """
:root { --ink: #1f242c; --soft: #5c6672; --line: #e3e6ea; --paper: #fff; --ground: #f5f6f8; --ours: #2563a8;
  --good: #1a7f4b; --bad: #b3362c; --open: #9a6a00; }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
header, main { max-width: 62rem; margin: 0 auto; padding: 0 1.25rem; }
header { padding-top: 2.5rem; }
h1 { font-size: clamp(1.5rem, 4.5vw, 2.2rem); line-height: 1.2; margin: 0 0 .75rem; letter-spacing: -.01em; }
h2 { font-size: 1.2rem; line-height: 1.35; margin: 0 0 1rem; }
header p { color: var(--soft); max-width: 46rem; margin: 0; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(8.5rem, 1fr)); gap: .75rem; margin: 1.5rem 0; }
.card { background: var(--paper); border: 1px solid var(--line); border-radius: .6rem; padding: .7rem .9rem; }
.card b { display: block; font-size: 1.45rem; line-height: 1.3; font-variant-numeric: tabular-nums; }
.card span { color: var(--soft); font-size: .85rem; }
nav { display: flex; flex-wrap: wrap; gap: .4rem; margin: 0 0 1.5rem; }
nav a { font-size: .85rem; color: var(--ink); text-decoration: none; background: var(--paper);
  border: 1px solid var(--line); border-radius: 1rem; padding: .15rem .7rem; }
nav a:hover, nav a:focus { border-color: var(--ours); color: var(--ours); }
section { background: var(--paper); border: 1px solid var(--line); border-radius: .75rem; padding: 1.4rem 1.5rem;
  margin: 0 0 1.25rem; scroll-margin-top: 1rem; }
section > :last-child { margin-bottom: 0; }
p { margin: 0 0 .9rem; } .dim { color: var(--soft); font-size: .9rem; } p.bad { color: var(--bad); }
.scroll { overflow-x: auto; margin: 0 0 1rem; -webkit-overflow-scrolling: touch; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; font-size: .93rem; }
th { text-align: left; font-weight: 600; font-size: .8rem; color: var(--soft); white-space: nowrap; }
th, td { padding: .42rem .8rem .42rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
tr:last-child td { border-bottom: 0; } th:last-child, td:last-child { padding-right: 0; }
.num { text-align: right; white-space: nowrap; }
.ours b { font-weight: 650; } .ours small, .state { color: var(--soft); white-space: nowrap; }
td.strip { width: 34%; min-width: 9rem; vertical-align: middle; }
td.strip svg { display: block; width: 100%; height: 20px; }
tr.first td { border-top: 1px solid #c9ced5; } td[rowspan] { border-bottom: 0; }
figure { margin: 0 0 1.25rem; } figure svg { width: 100%; height: auto; min-width: 30rem; display: block; }
figcaption { color: var(--soft); font-size: .88rem; margin-top: .4rem; }
.claims { list-style: none; padding: 0; margin: 0 0 1rem; }
.claims > li { display: grid; grid-template-columns: 2rem 1fr; gap: .25rem .7rem; padding: .8rem 0;
  border-top: 1px solid var(--line); }
.claims > li:first-child { border-top: 0; padding-top: 0; }
.mark { width: 1.75rem; height: 1.75rem; border-radius: 50%; color: #fff; text-align: center; font-weight: 700;
  line-height: 1.75rem; }
.mark.good { background: var(--good); } .mark.bad { background: var(--bad); } .mark.open { background: #c48a0a; }
.mark.dim { background: #aab2bc; }
.claims q { font-weight: 560; quotes: "“" "”"; } .answer { font-size: .85rem; font-weight: 600; white-space: nowrap; }
.answer.good { color: var(--good); } .answer.bad { color: var(--bad); } .answer.open { color: var(--open); }
.answer.dim { color: var(--soft); }
.holm { font-size: .78rem; white-space: nowrap; border: 1px solid var(--line); border-radius: .8rem; padding: 0 .5rem;
  color: var(--soft); }
.holm.good { color: var(--good); border-color: var(--good); } .holm.bad { color: var(--bad); border-color: var(--bad); }
.holm.open { color: var(--open); border-color: #e0c27a; }
.claims details { margin-top: .35rem; } .claims summary { font-size: .9rem; margin: 0; }
.evidence li::marker { color: #aab2bc; } .evidence li.good::marker { color: var(--good); }
.evidence li.bad::marker { color: var(--bad); } .evidence li.open::marker { color: #c48a0a; }
.claims .dim { margin: .1rem 0 0; } .claims ul { margin: .35rem 0 0; padding-left: 1.1rem; font-size: .9rem; }
details summary { cursor: pointer; color: var(--ours); margin-bottom: .75rem; }
details td { font-size: .82rem; } details td:first-child { word-break: break-all; min-width: 16rem; }
footer { color: var(--soft); font-size: .85rem; text-align: center; padding: .5rem 1rem 2.5rem; }
@media (max-width: 40rem) {
  header, main { padding: 0 .8rem; } header { padding-top: 1.4rem; } section { padding: 1.1rem 1rem; }
  td.strip, th.strip { display: none; } .ours small { display: block; }
  table { font-size: .88rem; } th, td { padding-right: .55rem; }
}
@media print { body { background: #fff; } section { break-inside: avoid; border: 0; padding: 0; }
  nav { display: none; } }
"""


def render(document: Document) -> str:
    """The whole page."""
    cards = "".join(
        f"<div class=card><b>{escape(n)}</b><span>{escape(what)}</span></div>" for n, what in document.cards
    )
    links = "".join(f'<a href="#{s.anchor}">{escape(s.title.split(":")[0])}</a>' for s in document.sections)
    sections = "\n".join(_section(section) for section in document.sections)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(document.title)}</title>
<style>{STYLE}</style>
</head>
<body>
<header>
<h1>{escape(document.title)}</h1>
<p>{escape(document.subtitle)}</p>
<div class=cards>{cards}</div>
<nav>{links}</nav>
</header>
<main>
{sections}
</main>
<footer>Written by SynMix, tools/report.py</footer>
</body>
</html>
"""


def _section(section: Section) -> str:
    blocks = "\n".join(_BLOCKS[type(block)](block) for block in section.blocks)
    return f'<section id="{section.anchor}">\n<h2>{escape(section.title)}</h2>\n{blocks}\n</section>'


def _paragraph(block: Paragraph) -> str:
    return f'<p class="{block.tone}">{escape(block.text)}</p>'


def _picture(block: Picture) -> str:
    caption = escape(block.caption)
    return f"<figure><div class=scroll>{block.svg}</div><figcaption>{caption}</figcaption></figure>"


def _grid(block: Grid) -> str:
    def cells(values: Sequence[str], tag: str) -> str:
        return "".join(
            f"<{tag} class=num>{escape(value)}</{tag}>" if index in block.numeric else f"<{tag}>{escape(value)}</{tag}>"
            for index, value in enumerate(values)
        )

    rows = "\n".join(f"<tr>{cells(row, 'td')}</tr>" for row in block.rows)
    table = f"<div class=scroll><table><tr>{cells(block.header, 'th')}</tr>\n{rows}</table></div>"
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
    control = "<th class=num>at equal length</th>" if block.controlled else ""
    header = (
        f"<tr><th>{escape(block.row_title)}</th><th>{escape(block.column_title)}</th><th class=num>paper</th>"
        f"<th class=num>ours</th><th class=num>difference</th>{control}"
        "<th class=strip>◆ paper &nbsp; ● ours, 95 %</th></tr>"
    )
    groups = [list(group) for _, group in groupby(block.rows, key=lambda number: number.row)]
    rows = [_number(n, limit, len(group) if n is group[0] else 0, block.controlled) for group in groups for n in group]
    return f"<div class=scroll><table>{header}\n" + "\n".join(rows) + "</table></div>"


def _number(number: Number, limit: float, height: int, controlled: bool) -> str:
    """A row; the first of a group names it and is as high as the group, the others have height 0."""
    ours = number.ours
    if ours is None:
        shown = f'<span class="state">{escape(number.state)}</span>'
    elif ours.entered:
        shown = f"<b>{ours.value:.1f}</b> <small>{escape(ours.entered)}</small>"
    else:
        seeds = f" · {ours.seeds} seeds" if ours.seeds > 1 else ""
        shown = f"<b>{ours.value:.1f}</b> <small>{ours.low:.1f}–{ours.high:.1f}{seeds}</small>"
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

    marks = ['<line x1="2" x2="298" y1="10" y2="10" stroke="#e3e6ea"/>']
    if number.ours is not None and number.ours.low == number.ours.low:
        ends = f'x1="{place(number.ours.low)}" x2="{place(number.ours.high)}"'
        marks.append(f'<line {ends} y1="10" y2="10" stroke="#2563a8" stroke-width="5" stroke-opacity=".35"/>')
    if number.ours is not None:
        marks.append(f'<circle cx="{place(number.ours.value)}" cy="10" r="5" fill="#2563a8"/>')
    if number.published is not None:
        x = float(place(number.published))
        marks.append(f'<path d="M{x} 4l6 6-6 6-6-6z" fill="#fff" stroke="#5c6672" stroke-width="1.5"/>')
    return f'<svg viewBox="0 0 300 20" aria-hidden="true">{"".join(marks)}</svg>'


_BLOCKS: dict[type, Callable[[Any], str]] = {
    Paragraph: _paragraph,
    Numbers: _numbers,
    Grid: _grid,
    Picture: _picture,
    Checklist: _checklist,
}
