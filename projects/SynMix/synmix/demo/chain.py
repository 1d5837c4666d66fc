"""The whole chain once, on the miniature: draw, harmonise, compose, train, evaluate, and a page of pictures."""

import math
from dataclasses import dataclass
from pathlib import Path

import torch
from detectron2.config import CfgNode
from rich.table import Table

from miniature.streets.write import complete_miniature, note_of
from synmix.config import build_model, load_config
from synmix.data import sources
from synmix.data.catalog import register_all
from synmix.errors import UserError
from synmix.evaluate.result import Result, read_result, result_path
from synmix.files import make_folder, read_json, write_json, write_text
from synmix.harmonize.audit import evenly, raw_frames
from synmix.harmonize.audit_pictures import harmonization_picture
from synmix.harmonize.prepare import prepare
from synmix.labels import CLASS_NAMES
from synmix.pictures import save_picture
from synmix.progress import console
from synmix.train import run
from synmix.train.checkpoint import FINAL, SafeCheckpointer
from synmix.train.folder import numbers_checksum
from synmix.train.pictures import draw_predictions

#: model -> data set -> result
Results = dict[str, dict[str, Result]]


@dataclass(frozen=True)
class Demo:
    """Where the demo reads and writes."""

    config: Path
    output: Path

    @property
    def miniature(self) -> Path:
        """The folder of the drawn data sets."""
        return sources.datasets_root() / "mini"

    def load(self, model: str) -> CfgNode:
        """The config of one of the two models, with an output folder of its own."""
        return load_config(self.config, ["OUTPUT_DIR", str(self.output / model)])


def run_demo(demo: Demo) -> Path:
    """Runs what is not there yet and returns the page's path: a stopped call is gone on with, a finished one reused.

    Raises:
        UserError: the output is another demo's, or a stage cannot do its work.
    """
    torch.set_num_threads(1)  # so small a model gains 5 % by a second one, and loses 40 % where a core is busy
    trained, untrained = demo.load("trained"), demo.load("untrained")
    console.rule("1/4  the miniature, drawn")
    complete_miniature(demo.miniature)
    _claim(demo, trained)
    console.rule("2/4  harmonised: Synscapes speaks Cityscapes (paper 3.2)")
    summary = prepare(demo.miniature / "Synscapes", demo.miniature / "synscapes_harmonized")
    console.print(f"{summary.written + summary.kept} frames, {summary.riders_created} riders created")
    console.rule("3/4  trained on a mixture of both (paper 4.2)")
    if not (_weights(trained).is_file() and _has_results(trained)):
        run.train(trained, resume=True)
    console.rule("4/4  beside a model that has learnt nothing")
    if not _has_results(untrained):
        run.evaluate(untrained, untrained=True)
    results = {"untrained": _results(untrained), "trained": _results(trained)}
    console.print(result_table(results))
    return write_page(demo, trained, results)


def _claim(demo: Demo, cfg: CfgNode) -> None:
    """Notes in the output what it follows from, so that no other demo's results are taken for this one's."""
    path, wanted = demo.output / "demo.json", {"config": numbers_checksum(cfg), "miniature": note_of(demo.miniature)}
    if not path.is_file():
        make_folder(demo.output, f"'{demo.output}'")
        write_json(path, wanted)
    elif read_json(path) != wanted:
        raise UserError(f"'{demo.output}' holds the demo of another config or miniature; give another --output.")


def result_table(results: Results) -> Table:
    """A column for each domain and model; a row for each class, then AP50, AP and its interval, in percent."""
    columns = [(_domain(name), model, results[model][name]) for name in results["trained"] for model in results]
    table = Table("", title="Cityscapes AP in percent, on the validation sets")
    for domain, model, _ in columns:
        table.add_column(f"{domain} look\n{model}", justify="right")
    for name in CLASS_NAMES:
        table.add_row(name, *(_percent(result.figures[f"AP-{name}"]) for *_, result in columns))
    table.add_section()
    for figure in ("AP50", "AP"):
        table.add_row(figure, *(_percent(result.figures[figure]) for *_, result in columns), style="bold")
    table.add_row("95 % interval of AP", *(_interval(result) for *_, result in columns))
    return table


def write_page(demo: Demo, cfg: CfgNode, results: Results) -> Path:
    """Writes the pictures and ``index.html`` beside them; returns the page's path."""
    _draw_harmonised(demo)
    _draw_predictions(demo, cfg)
    rows = [
        f"<tr><th>{_domain(name)} look</th>{''.join(f'<td>{_cell(each[name])}</td>' for each in results.values())}</tr>"
        for name in results["trained"]
    ]
    heads = "".join(f"<th>{model}</th>" for model in results)
    page = demo.output / "index.html"
    write_text(page, _PAGE.format(heads=heads, rows="".join(rows)))
    return page


def _draw_harmonised(demo: Demo) -> None:
    path = demo.output / "harmonised.png"
    if not path.is_file():
        _, figure = harmonization_picture(evenly(raw_frames(demo.miniature / "Synscapes"), 60))
        save_picture(path, figure)


def _draw_predictions(demo: Demo, cfg: CfgNode) -> None:
    path = demo.output / "predictions.png"
    if path.is_file() and path.stat().st_mtime > _weights(cfg).stat().st_mtime:
        return
    register_all()
    with run.log_to(str(demo.output)):
        model = build_model(run.with_device(cfg))
        SafeCheckpointer(model).load(str(_weights(cfg)), checkpointables=[])
        draw_predictions(cfg, model, path)


def _domain(name: str) -> str:
    return sources.source(name).domain


def _weights(cfg: CfgNode) -> Path:
    return Path(cfg.OUTPUT_DIR) / f"{FINAL}.pth"


def _has_results(cfg: CfgNode) -> bool:
    return all(result_path(cfg.OUTPUT_DIR, name).is_file() for name in cfg.DATASETS.TEST)


def _results(cfg: CfgNode) -> dict[str, Result]:
    return {name: read_result(result_path(cfg.OUTPUT_DIR, name)) for name in cfg.DATASETS.TEST}


def _percent(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.1f}"


def _interval(result: Result) -> str:
    bounds = result.intervals["AP"]
    return f"{bounds.low:.1f} to {bounds.high:.1f}"


def _cell(result: Result) -> str:
    return f"{_percent(result.figures['AP'])} <small>({_interval(result)})</small>"


_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>SynMix: the demo</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 84rem; margin: 2rem auto; padding: 0 1rem; color: #22262e; }}
img {{ max-width: 100%; height: auto; }}
table {{ border-collapse: collapse; }}
th, td {{ padding: .3rem 1rem; border-bottom: 1px solid #ddd; text-align: right; }}
small {{ color: #667; }}
</style></head><body>
<h1>SynMix: the demo</h1>
<p>A PointRend Mask R-CNN, trained for some minutes on a drawn miniature of Cityscapes and Synscapes. Its figures say
nothing about the real data sets.</p>
<table><tr><th>AP in percent, 95&nbsp;% interval</th>{heads}</tr>{rows}</table>
<h2>A synthetic frame before and after harmonising</h2>
<img src="harmonised.png" alt="A rider and a motorcycle are one instance in Synscapes and two after harmonising">
<h2>Ground truth and predictions, real look above, synthetic look below</h2>
<img src="predictions.png" alt="Labels beside the predictions of the trained model">
</body></html>
"""
