"""What the demo shows: a table on the terminal, and a page of pictures."""

from html import escape
from pathlib import Path

import numpy as np
from rich.table import Table
from torch import nn

from synmix.answer.page import PALETTE, scrolling, write_pages
from synmix.config import build_model
from synmix.data.catalog import register_all
from synmix.demo.arms import CONTROL, MIXTURE, Arm, Demo
from synmix.demo.verdict import Look, Verdict
from synmix.evaluate.bootstrap import Interval
from synmix.files import write_text
from synmix.harmonize.audit_pictures import harmonization_picture
from synmix.harmonize.auditing import evenly, raw_frames
from synmix.minus import with_minus
from synmix.pictures import save_picture
from synmix.train import run
from synmix.train.checkpoint import SafeCheckpointer
from synmix.train.pictures import draw_predictions

_HEADS = (CONTROL, MIXTURE, "gain")


def table_of(demo: Demo, verdict: Verdict) -> Table:
    """Both sides on both looks, and the gain, each with its interval."""
    length = demo.pair(0)[0].cfg.SOLVER.MAX_ITER
    table = Table("", title=f"Cityscapes AP in percent [95 % interval], {length:,} iterations a side")
    table.caption = ", ".join(f"{look.title}: {look.frames} frames" for look in verdict.looks)
    for head in _HEADS:
        table.add_column(head, justify="right")
    for look in verdict.looks:
        table.add_row(look.title, *_cells(look, "AP"), style="bold")
        table.add_row("  AP50", *_cells(look, "AP50"), end_section=True)
    return table


def write_page(demo: Demo, verdict: Verdict) -> Path:
    """Writes the pictures, the answer's own page, and ``index.html`` beside them; returns the last one's path."""
    _draw_harmonised(demo)
    _draw_predictions(demo)
    write_pages(verdict.answer, demo.output)
    heads = "".join(f"<th scope=col>{head}</th>" for head in ("AP in percent, 95&nbsp;% interval", *_HEADS))
    rows = "".join(_row(look) for look in verdict.looks)
    table = scrolling(f"<table><tr>{heads}</tr>{rows}</table>", "AP on both looks, and the gain")
    head, *sentences = map(escape, verdict.sentences)
    text = "".join(f"<p>{sentence}</p>" for sentence in sentences)
    limits = "".join(
        f"<li>{escape(look.title)}: {escape(text)}</li>" for look in verdict.looks for text in look.remarks
    )
    page = demo.output / "index.html"
    filled = _PAGE.format(headline=head, sentences=text, table=table, limits=limits, style=PALETTE)
    write_text(page, filled)
    return page


def _row(look: Look) -> str:
    cells = "".join(f"<td>{cell}</td>" for cell in _cells(look, "AP"))
    return f"<tr><th scope=row>{look.title}, {look.frames} frames</th>{cells}</tr>"


def _cells(look: Look, figure: str) -> list[str]:
    sides = [_with_interval(look.reached(side, figure)) for side in (CONTROL, MIXTURE)]
    return [*sides, _with_interval(look.gains.get(figure), "+")]


def _with_interval(found: Interval | None, sign: str = "") -> str:
    if found is None or np.isnan(found.value):
        return "-"
    value, low, high = (with_minus(f"{number:{sign}.1f}") for number in (found.value, found.low, found.high))
    return f"{value} [{low}, {high}]"


def _draw_harmonised(demo: Demo) -> None:
    path = demo.output / "harmonised.png"
    if not path.is_file():
        _, figure = harmonization_picture(evenly(raw_frames(demo.miniature / "Synscapes"), 60))
        save_picture(path, figure)


def _draw_predictions(demo: Demo) -> None:
    path, pair = demo.output / "predictions.png", demo.pair(0)
    if path.is_file() and all(path.stat().st_mtime > arm.weights.stat().st_mtime for arm in pair):
        return
    register_all()
    with run.log_to(str(demo.output)):
        draw_predictions(pair[0].cfg, {arm.side: _model(arm) for arm in pair}, path)


def _model(arm: Arm) -> nn.Module:
    model = build_model(run.with_device(arm.cfg))
    SafeCheckpointer(model).load(str(arm.weights), checkpointables=[])
    return model


_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>SynMix: the demo</title>
<style>{style}
main {{ max-width: 84rem; margin: 2rem auto; padding: 0 1rem; }}
img {{ max-width: 100%; height: auto; }}
p, li {{ max-width: 60rem; }} a {{ color: var(--real); }}
table {{ border-collapse: collapse; }}
th, td {{ padding: .3rem 1rem; border-bottom: 1px solid var(--line); text-align: right; white-space: nowrap; }}
li {{ color: var(--soft); }}
</style></head><body><main>
<h1>{headline}</h1>
{sentences}
{table}
<ul>{limits}</ul>
<p>Two PointRend Mask R-CNNs, trained for some minutes on a drawn miniature of Cityscapes and Synscapes, from the same
first weights and for equally many iterations. Their figures say nothing about the real data sets.
<a href="answer.html">The answer's own page</a>, <a href="results.csv">its table</a>.</p>
<h2>Labels, and what both have learnt: real look above, synthetic look below</h2>
<img src="predictions.png" alt="Frames of both looks: labels, then what real images alone and the mixture predict">
<h2>A synthetic frame before and after harmonising</h2>
<img src="harmonised.png" alt="A rider and a motorcycle are one instance in Synscapes and two after harmonising">
</main></body></html>
"""
