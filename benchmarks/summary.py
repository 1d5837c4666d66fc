"""The table of docs/benchmarks/README.md, from the results of the benchmarks: ``<!-- benchmarks.summary -->``."""

from benchmarks.results import read_tables

_TABLE = """
| | SynMix | beside it |
|---|---|---|
| the Cityscapes metric, masks from the network | {crops} an image | cityscapesScripts {script}, Detectron2's evaluator {detectron2} |
| the same result files, text and PNG | {files} an image | cityscapesScripts {script} |
| error bars, paired tests | 1,000 resamples of 500 images in 1 s | none |
| training mapper, 16 real instances a frame, fastest | {mapper}, bit for bit the same | Detectron2 {their_mapper} |
| a training step of the miniature's model, four images | {step} | Detectron2's trainer {their_step} |
| harmonising a frame, 35 instances | {rules} | a loop over instances {loop} |
| composing 22,975 images, a million labels | {compose} with manifest | - |
"""  # noqa: E501
#: Name in the table -> result file, its table, row and column, and how the figure is shown.
_FIGURES = {
    "crops": ("evaluate", "paths", "box crops + PNG", "median ms", "{:.0f} ms"),
    "files": ("evaluate", "paths", "same files", "median ms", "{:,.0f} ms"),
    "script": ("evaluate", "paths", "cityscapesScripts", "median ms", "{:,.0f} ms"),
    "detectron2": ("evaluate", "paths", "Detectron2's evaluator", "median ms", "{:,.0f} ms"),
    "mapper": ("mapper", "frames", "ours", "fastest ms", "{:.0f} ms"),  # medians would flatter: page faults slow theirs
    "their_mapper": ("mapper", "frames", "Detectron2", "fastest ms", "{:.0f} ms"),
    "step": ("trainer", "trainers", "ours", "processor s", "{:.2f} s"),
    "their_step": ("trainer", "trainers", "stock", "processor s", "{:.2f} s"),
    "rules": ("harmonize", "ways", "rules on runs", "median ms", "{:.1f} ms"),
    "loop": ("harmonize", "ways", "loop: riders only", "median ms", "{:.0f} ms"),
    "compose": ("compose", "steps", "compose and manifest, s", "median", "{:.1f} s"),
}


def markdown() -> str:
    """A row for each thing that others do too."""
    figures = {
        name: form.format(read_tables(file)[table].cell(row, column))
        for name, (file, table, row, column, form) in _FIGURES.items()
    }
    return _TABLE.strip().format(**figures)
