"""A training that was cut off anywhere and resumed is the training that was not."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from synmix.errors import UserError
from synmix.train import step as step_module
from synmix.train.checkpoint import SafeCheckpointer
from synmix.train.run import train
from synmix.train.signals import SIGNALS, TrainingInterrupted
from synmix.train.step import GuardedStep
from synmix.train.trainer import SynMixTrainer
from synmix.train.weights import load_weights_only


def final_state(folder) -> dict:
    return load_weights_only(Path(folder) / "model_final.pth")


def assert_same_training(folder, other) -> None:
    """Weights, momentum, schedule and logged losses, bit for bit."""
    state, expected = final_state(folder), final_state(other)
    assert state["model"].keys() == expected["model"].keys()
    for name, value in expected["model"].items():
        assert torch.equal(state["model"][name], value), name
    momenta = [s["trainer"]["step"]["optimizer"]["state"] for s in (state, expected)]
    assert all(torch.equal(momenta[0][k]["momentum_buffer"], v["momentum_buffer"]) for k, v in momenta[1].items())
    assert state["trainer"]["hooks"] == expected["trainer"]["hooks"]
    assert state["trainer"]["step"]["seen"] == expected["trainer"]["step"]["seen"]
    assert losses(folder) == losses(other)


def losses(folder) -> list[tuple]:
    lines = [json.loads(line) for line in (Path(folder) / "metrics.json").read_text().splitlines()]
    return [(line["iteration"], line["total_loss"], line["lr"]) for line in lines if "total_loss" in line]


@pytest.fixture
def whole(toy_config, tmp_path):
    """The training without an interruption."""
    cfg = toy_config(tmp_path / "whole")
    train(cfg)
    return cfg.OUTPUT_DIR


def stop_after(monkeypatch, iteration: int, action) -> None:
    original = GuardedStep.run_step

    def run_step(self):
        original(self)
        if self.iter == iteration:
            action()

    monkeypatch.setattr(GuardedStep, "run_step", run_step)


@pytest.mark.parametrize("iteration", [1, 5, 9])
def test_a_crash_loses_nothing_but_the_steps_since_the_last_checkpoint(toy, whole, monkeypatch, iteration):
    def crash():
        raise OSError("the disk is gone")

    with monkeypatch.context() as patch:
        stop_after(patch, iteration, crash)
        with pytest.raises(OSError, match="disk"):
            train(toy)
    train(toy, resume=True)
    assert_same_training(toy.OUTPUT_DIR, whole)


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_saves_and_ends_and_the_rest_follows(toy, whole, monkeypatch, number):
    before = signal.getsignal(number)
    with monkeypatch.context() as patch:
        stop_after(patch, 4, lambda: os.kill(os.getpid(), number))
        with pytest.raises(TrainingInterrupted, match="iteration 5"):  # the signal comes as iteration 4 ends
            train(toy)
    assert signal.getsignal(number) == before
    train(toy, resume=True)
    assert_same_training(toy.OUTPUT_DIR, whole)


def test_another_number_of_workers_changes_nothing(toy, whole):
    toy.DATALOADER.NUM_WORKERS = 2
    train(toy)
    assert_same_training(toy.OUTPUT_DIR, whole)


def test_trainings_in_one_process_do_not_touch_each_other(toy, toy_config, whole, tmp_path):
    other = toy_config(tmp_path / "other")
    other.SEED = 6
    train(other)
    torch.rand(3)
    train(toy)
    assert_same_training(toy.OUTPUT_DIR, whole)
    assert final_state(other.OUTPUT_DIR)["model"]["head.weight"].flatten().tolist() != (
        final_state(whole)["model"]["head.weight"].flatten().tolist()
    )


def test_an_unset_seed_is_kept_over_a_resume(toy, monkeypatch):
    toy.SEED = -1
    with monkeypatch.context() as patch:
        stop_after(patch, 4, lambda: os.kill(os.getpid(), signal.SIGTERM))
        with pytest.raises(TrainingInterrupted):
            train(toy)
    saved = load_weights_only(SafeCheckpointer(torch.nn.Identity(), toy.OUTPUT_DIR).get_checkpoint_file())["trainer"][
        "seed"
    ]
    train(toy, resume=True)
    assert final_state(toy.OUTPUT_DIR)["trainer"]["seed"] == saved


def test_a_missed_evaluation_is_made_up_for(toy, monkeypatch):
    toy.DATASETS.TEST, toy.TEST.EVAL_PERIOD, toy.TEST.BEST_METRIC = ("toy_val",), 6, "segm/AP"
    evaluated = []
    original = SynMixTrainer._evaluate

    def evaluate(self):
        evaluated.append(self.iter)
        if evaluated == [5]:
            raise OSError("killed in the evaluation")
        return original(self)

    monkeypatch.setattr(SynMixTrainer, "_evaluate", evaluate)
    with pytest.raises(OSError, match="killed"):
        train(toy)
    results = train(toy, resume=True)
    assert evaluated == [5, 5, 12]
    assert set(results) == {"toy_val"}
    assert (Path(toy.OUTPUT_DIR) / "model_best.pth").is_file()


def test_another_training_set_is_refused(toy):
    train(toy)
    toy.DATASETS.SEED, toy.DATASETS.IMAGES = 1, (3, 3)
    with pytest.raises(UserError, match="another training set"):
        train(toy, resume=True)


def test_another_seed_is_refused(toy):
    train(toy)
    toy.SEED = 6
    with pytest.raises(UserError, match="SEED is 6, but was 5"):
        train(toy, resume=True)


def test_a_folder_that_holds_a_training_is_not_overwritten(toy):
    train(toy)
    with pytest.raises(UserError, match="already holds a training"):
        train(toy)


def test_a_finished_training_is_only_evaluated_again(toy, monkeypatch):
    toy.DATASETS.TEST = ("toy_val",)
    first = train(toy)
    monkeypatch.setattr(step_module.GuardedStep, "run_step", lambda self: pytest.fail("a step was run"))
    assert str(train(toy, resume=True)) == str(first)


@pytest.mark.slow
def test_killed_at_20_random_moments_saves_included(toy, toy_root, toy_config, tmp_path):
    kills = 20
    expected = toy_config(tmp_path / "whole")
    expected.SOLVER.MAX_ITER = 4 * kills
    train(expected)
    script = Path(__file__).with_name("killable.py")
    command = [sys.executable, str(script), str(toy_root), toy.OUTPUT_DIR, str(kills), str(4 * kills)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stderr[-2000:]
    assert int(done.stdout.split()[-1]) > 0, "no kill hit a save"
    assert_same_training(toy.OUTPUT_DIR, expected.OUTPUT_DIR)
