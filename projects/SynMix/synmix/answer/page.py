"""The answer as a page for a browser and as Markdown; the HTML holds everything it shows, for desks and phones, by day
and by night."""

import os
import re
from html import escape
from pathlib import Path

from synmix.answer import figures
from synmix.answer.answer import Answer
from synmix.answer.figures import Picture, pictures
from synmix.answer.sentences import four_sentences, headline, notes
from synmix.files import write_text

_TONES = {"helps": "good", "does not help": "bad", "open": "open"}
#: The figures' colours, by what the page calls them.
_VARIABLES = {
    figures.INK: "var(--ink)",
    figures.GRAY: "var(--soft)",
    figures.LINE: "var(--line)",
    figures.REAL: "var(--real)",
    figures.MIXED: "var(--mixed)",
    "#ffffff": "var(--paper)",
}
#: What all pages share: their colours by day and by night, and where the keyboard is.
PALETTE = """
:root { color-scheme: light dark; --ink: #22262e; --soft: #6b7280; --line: #d5d9df; --paper: #fff; --ground: #f5f6f8;
  --real: #2563a8; --mixed: #c8640a; --good: #1a7f4b; --bad: #b3362c; --open: #8a6100; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8eaee; --soft: #a3abb8; --line: #3a414d; --paper: #1d2129;
  --ground: #14171c; --real: #6fa8e8; --mixed: #f0974a; --good: #4cc287; --bad: #f0857c; --open: #e0b04c; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink); overflow-wrap: break-word;
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
:focus-visible { outline: 3px solid var(--real); outline-offset: 2px; }
.good { color: var(--good); } .bad { color: var(--bad); } .open { color: var(--open); }
.scroll { overflow-x: auto; }
"""
_STYLE = """
main { max-width: 70rem; margin: 0 auto; padding: 1.5rem 1rem 3rem; }
h1 { font-size: clamp(1.4rem, 5vw, 2rem); line-height: 1.2; margin: .3rem 0 1rem; }
h2 { font-size: 1.05rem; margin: 0 0 .8rem; }
.verdict { display: inline-block; font-weight: 700; border: 2px solid; border-radius: 1rem; padding: .1rem .8rem; }
section, figure { background: var(--paper); border: 1px solid var(--line); border-radius: .7rem; padding: 1.1rem 1.2rem;
  margin: 0 0 1rem; }
ol { margin: 0; padding-left: 1.3rem; } li { margin: 0 0 .7rem; } li:last-child { margin: 0; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 27rem), 1fr)); gap: 1rem; }
.figures figure { margin: 0; } figure svg { width: 100%; height: auto; display: block; }
figcaption { color: var(--soft); font-size: .88rem; margin-top: .5rem; }
.after { margin-top: 1rem; }
table { border-collapse: collapse; width: 100%; font-size: .9rem; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: .3rem .6rem; border-bottom: 1px solid var(--line); white-space: nowrap; }
th { color: var(--soft); font-size: .8rem; } summary { cursor: pointer; }
"""


def write_pages(answer: Answer, folder: str | os.PathLike[str]) -> Path:
    """Writes ``answer.html``, ``answer.md`` and the figures as SVG into a folder; returns the HTML's path."""
    folder = Path(folder)
    drawn = pictures(answer)
    for picture in drawn:
        write_text(folder / f"{picture.name}.svg", on_white(picture.svg))
    write_text(folder / "answer.md", markdown(answer, drawn))
    write_text(folder / "answer.html", html(answer, drawn))
    return folder / "answer.html"


def html(answer: Answer, drawn: list[Picture]) -> str:
    """The whole page."""
    sentences = "".join(f"<li>{escape(sentence)}</li>" for sentence in four_sentences(answer, below_headline=True))
    shown = "\n".join(_figure(picture) for picture in drawn)
    limits = "".join(f"<li>{escape(note)}</li>" for note in notes(answer))
    head, rows = _cells(answer)
    table = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    heads = "".join(f"<th scope=col>{name}</th>" for name in head)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(headline(answer))}</title>
<style>{PALETTE}{_STYLE}</style>
</head>
<body><main>
<span class="verdict {_TONES[answer.verdict]}">{escape(answer.verdict)}</span>
<h1>{escape(headline(answer))}</h1>
<section><ol>{sentences}</ol></section>
<div class="figures">{shown}</div>
<section class="after"><h2>How far to trust this</h2><ul>{limits}</ul></section>
<section><details><summary>The {len(rows)} cells of the table</summary>
{scrolling(f"<table><tr>{heads}</tr>{table}</table>", "the cells of the table")}</details></section>
</main></body>
</html>
"""


def markdown(answer: Answer, drawn: list[Picture]) -> str:
    """The page as text; figures are files beside it."""
    lines = [f"# {headline(answer)}", "", f"Verdict: **{answer.verdict}**", ""]
    lines += [f"{number}. {sentence}" for number, sentence in enumerate(four_sentences(answer, below_headline=True), 1)]
    for picture in drawn:
        lines += ["", f"![{picture.title}]({picture.name}.svg)", "", f"*{picture.caption}*"]
    lines += ["", "## How far to trust this", "", *(f"- {note}" for note in notes(answer))]
    head, rows = _cells(answer)
    lines += ["", "## Cells", "", _row(head), _row(["---:"] * len(head)), *(_row(row) for row in rows)]
    return "\n".join(lines) + "\n"


def scrolling(content: str, what: str) -> str:
    """What may be wider than a phone, in a box that the keyboard scrolls too and a screen reader can name."""
    return f'<div class=scroll tabindex=0 role=region aria-label="{escape(what)}">{content}</div>'


def in_page(svg: str, name: str) -> str:
    """A figure with the page's colours, and with ids of its own."""
    for color, variable in _VARIABLES.items():
        svg = svg.replace(color, variable)
    return re.sub(r'(?<=["# (])((?:DejaVu)?[pm][0-9a-f]{8,})', rf"{name}-\1", svg)


def _figure(picture: Picture) -> str:
    svg, caption = in_page(picture.svg, picture.name), escape(picture.caption)
    return f"<figure><h2>{escape(picture.title)}</h2>{svg}<figcaption>{caption}</figcaption></figure>"


def on_white(svg: str) -> str:
    """A file has no page behind it."""
    end = svg.index(">") + 1
    return f'{svg[:end]}<rect width="100%" height="100%" fill="#fff"/>{svg[end:]}'


def _cells(answer: Answer) -> tuple[list[str], list[list[str]]]:
    head = ["real", "synthetic", "iterations", "seeds", "AP"]
    rows = [
        [*(f"{number:,}" for number in cell), str(len(runs)), f"{answer.table.mean(cell):.1f}"]
        for cell, runs in answer.table.cells.items()
    ]
    return head, rows


def _row(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"
