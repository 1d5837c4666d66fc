"""The command line of tools/train_net.py."""

import os
import sys
from pathlib import Path

import pytest

from synmix.cli import train_net
from synmix.errors import UserError

TOOL = Path(__file__).parents[3] / "tools/train_net.py"


@pytest.mark.parametrize(
    "line",
    [
        "--config-file a.yaml --resume SEED -1 SOLVER.STEPS (1,2)",
        "SEED -1 --config-file a.yaml SOLVER.STEPS (1,2) --resume",
        "SEED -1 SOLVER.STEPS (1,2) --config-file a.yaml --resume",
    ],
)
def test_pairs_stand_anywhere(monkeypatch, line):
    monkeypatch.setattr(sys, "argv", ["train_net.py", *line.split()])
    arguments = train_net.parse_arguments()
    assert arguments.opts == ["SEED", "-1", "SOLVER.STEPS", "(1,2)"]
    assert (arguments.config_file, arguments.resume, arguments.num_gpus) == ("a.yaml", True, 1)


def test_it_can_be_run_by_itself():
    assert os.access(TOOL, os.X_OK)
    assert TOOL.read_text().startswith("#!")


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("MODEL.DEVICE cpu --num-gpus 3 SOLVER.IMS_PER_BATCH 8", "make it a multiple of 3"),
        ("MODEL.DEVICE cpu --num-gpus 2 --num-machines 2", "serves one machine only"),
        ("MODEL.DEVICE cpu --num-machines 2 --dist-url file:///x", "must be 'auto' or tcp"),
        ("MODEL.DEVICE cpu --eval-only", "WEIGHTS is empty"),
    ],
)
def test_mistakes_are_sentences_before_anything_is_started(monkeypatch, line, sentence):
    monkeypatch.setattr(sys, "argv", ["train_net.py", *line.split()])
    with pytest.raises(UserError, match=sentence):
        train_net.main()
