"""A report as Markdown, for a repository's own pages; plots are files beside it."""

from collections.abc import Callable, Sequence
from typing import Any

from synmix.answer.page import on_white
from synmix.report.numbers import control_text, difference_text, estimate_text, finding_text, holm_text, published_text
from synmix.report.report_model import Checklist, Document, Grid, Numbers, Paragraph, Picture

_MARKS = {"holds": "✔", "does not hold": "✘", "open": "◯", "not yet run": "…"}


def render(document: Document) -> tuple[str, dict[str, str]]:
    """The text, and the SVGs it shows by name (``<name>.svg`` beside it)."""
    lines = [f"# {document.title}", "", document.subtitle, "", ", ".join(f"{n} {what}" for n, what in document.cards)]
    pictures = {}
    for section in document.sections:
        lines += ["", f"## {section.title}"]
        for block in section.blocks:
            lines += ["", *_BLOCKS[type(block)](block)]
            if isinstance(block, Picture):
                pictures[block.name] = on_white(block.svg)
    return "\n".join(lines) + "\n", pictures


def _paragraph(block: Paragraph) -> list[str]:
    return [f"> {block.text}" if block.tone == "bad" else block.text]


def _numbers(block: Numbers) -> list[str]:
    header = [block.row_title, block.column_title, "paper", "ours [95 %]", "difference"]
    rows = [[n.row, n.column, published_text(n), estimate_text(n), difference_text(n)] for n in block.rows]
    if block.controlled:
        header.append("at equal length")
        rows = [[*row, control_text(number)] for row, number in zip(rows, block.rows, strict=True)]
    return _table(header, rows, numeric=(2, 3, 4, 5))


def _grid(block: Grid) -> list[str]:
    lines = _table(block.header, block.rows, block.numeric)
    if not block.folded:
        return lines
    return ["<details>", f"<summary>{block.folded}</summary>", "", *lines, "", "</details>"]


def _picture(block: Picture) -> list[str]:
    return [f"![{block.caption}]({block.name}.svg)", "", f"*{block.caption}*"]


def _checklist(block: Checklist) -> list[str]:
    rows = [
        (
            f"{_MARKS[item.answer]} {item.answer}",
            holm_text(item),
            f"“{item.quote}” ({item.section})",
            f"{item.criterion}. {item.note}".strip(),
            "<br>".join(map(finding_text, item.findings)),
        )
        for item in block.items
    ]
    return _table(("answer", "Holm", "the paper says", "holds where", "our runs"), rows)


def _table(header: Sequence[str], rows: Sequence[Sequence[str]], numeric: Sequence[int] = ()) -> list[str]:
    rule = ["---:" if index in numeric else "---" for index in range(len(header))]
    return [_row(header), _row(rule), *(_row(row) for row in rows)]


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


_BLOCKS: dict[type, Callable[[Any], list[str]]] = {
    Paragraph: _paragraph,
    Numbers: _numbers,
    Grid: _grid,
    Picture: _picture,
    Checklist: _checklist,
}
