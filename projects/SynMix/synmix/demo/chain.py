"""The whole chain once, on the miniature: draw, harmonise, train both sides, compare, and a page of pictures."""

from pathlib import Path

import torch

from miniature.streets.write import complete_miniature, note_of
from synmix.demo.arms import Demo
from synmix.demo.page import table_of, write_page
from synmix.demo.side_by_side import train_side_by_side
from synmix.demo.verdict import Verdict, reach_verdict
from synmix.errors import UserError
from synmix.files import make_folder, read_json, write_json
from synmix.harmonize.prepare import prepare
from synmix.progress import console
from synmix.train import run
from synmix.train.folder import numbers_checksum


def run_demo(demo: Demo) -> tuple[Path, Verdict]:
    """Runs what is not there yet: a stopped call is gone on with, a finished one reused.

    Returns:
        the page's path, and what it says.

    Raises:
        UserError: the output is another demo's, or a stage cannot do its work.
    """
    torch.set_num_threads(1)
    console.rule("1/4  the miniature, drawn")
    complete_miniature(demo.miniature)
    _claim(demo)
    console.rule("2/4  harmonised: Synscapes speaks Cityscapes (paper 3.2)")
    summary = prepare(demo.miniature / "Synscapes", demo.miniature / "synscapes_harmonized")
    console.print(f"{summary.written + summary.kept} frames, {summary.riders_created} riders created")
    console.rule("3/4  trained side by side: real images alone, and a mixture of both (paper 4.2)")
    for seed in range(demo.seeds):
        _train_pair(demo, seed)
    console.rule("4/4  does synthetic data help?")
    verdict = reach_verdict(demo.sides, demo.output / "results.csv")
    console.print(table_of(demo, verdict))
    for sentence in (*verdict.looks[0].remarks, *verdict.sentences):
        console.print(sentence, highlight=False)
    return write_page(demo, verdict), verdict


def _claim(demo: Demo) -> None:
    """Notes in the output what it follows from, so that no other demo's results are taken for this one's."""
    mixture = demo.pair(0)[1]
    path = demo.output / "demo.json"
    wanted = {"config": numbers_checksum(mixture.cfg), "miniature": note_of(demo.miniature)}
    if not path.is_file():
        make_folder(demo.output, f"'{demo.output}'")
        write_json(path, wanted)
    elif read_json(path) != wanted:
        raise UserError(f"'{demo.output}' holds the demo of another config or miniature; give another --output.")


def _train_pair(demo: Demo, seed: int) -> None:
    """Trains what is not finished of the control and the mixture of a seed."""
    missing = [arm for arm in demo.pair(seed) if not arm.is_finished]
    if not missing:
        return
    console.print(f"seed {seed}: equal first weights, equal lengths, a core each")
    for arm in missing:
        run.prepare(arm.cfg)  # here, on all cores: instance tables that both need
    train_side_by_side(missing)
