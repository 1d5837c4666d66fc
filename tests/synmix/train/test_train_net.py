"""The command line of tools/train_net.py."""

import os
import sys
from pathlib import Path

import pytest
from tests.synmix.train import at_work

from synmix.cli import train_net
from synmix.errors import UserError
from synmix.files import read_json, sha256_of
from synmix.train.launch import launch

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


@pytest.fixture
def call(toy, toy_root, tmp_path, monkeypatch):
    """Trains the toy as the command does, in so many ranks: what ``--json`` holds."""
    toy.DATASETS.TEST, toy.TEST.BOOTSTRAP.RESAMPLES, toy.MODEL.RESNETS.NORM = ("toy_val",), 20, ""
    (tmp_path / "toy.yaml").write_text(toy.dump())

    def call(*words, ranks=1):
        file = tmp_path / "end.json"
        file.unlink(missing_ok=True)
        words = ["--config-file", str(tmp_path / "toy.yaml"), "--json", str(file), *words]
        monkeypatch.setattr(sys, "argv", ["train_net.py", *words])
        launch(at_work.command, ranks, device="cpu", args=(toy_root, train_net.parse_arguments()))
        return read_json(file)

    return call


def test_json_holds_the_end_of_a_training_and_of_an_evaluation(call, toy, tmp_path):
    weights, result = (Path(toy.OUTPUT_DIR) / name for name in ("model_final.pth", "results/toy_val.json"))
    assert "plan" in call("--dry-run") and not weights.exists()
    found = call()
    stored = read_json(result)
    assert (found["folder"], found["iterations"]) == (toy.OUTPUT_DIR, 12)
    assert found["weights"] == {"file": str(weights), "sha256": sha256_of(weights)}
    reached = found["evaluated"]["toy_val"]
    assert reached["figures"]["segm"]["AP"] == pytest.approx(stored["AP"])
    assert reached["interval"] == stored["intervals"]["AP"] and len(reached["interval"]) == 2
    elsewhere = str(tmp_path / "evaluated")
    again = call("--eval-only", "MODEL.WEIGHTS", str(weights), "OUTPUT_DIR", elsewhere)
    assert again == {"folder": elsewhere, "weights": found["weights"], "evaluated": found["evaluated"]}


@pytest.mark.slow
def test_of_several_ranks_one_writes(call, capfd):
    found = call(ranks=2)
    assert found["iterations"] == 12 and found["evaluated"]["toy_val"]["figures"]
    assert capfd.readouterr().out.count("end.json") == 1
