"""A signal is a request, heard where nothing is lost by it; a second one is an order."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from synmix.train import signals
from synmix.train.run import train
from synmix.train.signals import SIGNALS, TrainingInterrupted, hand_on, listening
from synmix.train.step import GuardedStep
from synmix.train.trainer import SynMixTrainer


def strike(number=signal.SIGTERM):
    os.kill(os.getpid(), number)
    time.sleep(0.05)


@pytest.mark.parametrize("number", SIGNALS)
def test_a_request_is_raised_at_once_where_nothing_defers_it(number):
    before = signal.getsignal(number)
    with pytest.raises(TrainingInterrupted) as raised, listening():
        strike(number)
    assert raised.value.signal == number
    assert signal.getsignal(number) == before


def test_a_deferred_request_ends_at_the_next_place_where_it_may():
    with pytest.raises(TrainingInterrupted), listening() as stop, stop.deferred():
        strike()
        assert stop.signal == signal.SIGTERM
        with stop.at_once():
            pytest.fail("it was not heard")


def test_a_groups_echo_is_no_second_request_but_a_later_one_is(monkeypatch):
    with listening() as stop, stop.deferred():
        strike()
        strike()
        monkeypatch.setattr(signals, "_ECHO", 0.0)
        with pytest.raises(TrainingInterrupted, match="second"):
            strike()


def test_a_foreign_handler_gets_the_signal_afterwards():
    heard = []
    before = signal.signal(signal.SIGUSR2, lambda number, frame: heard.append(number))
    try:
        with pytest.raises(TrainingInterrupted) as raised, listening():
            strike(signal.SIGUSR2)
        assert heard == []
        hand_on(raised.value.signal)
        assert heard == [signal.SIGUSR2]
        hand_on(0)
        hand_on(signal.SIGINT)  # Python's own is none to hand it to
    finally:
        signal.signal(signal.SIGUSR2, before)


@pytest.mark.parametrize("number", [signal.SIGUSR1, signal.SIGINT])
def test_the_final_evaluation_is_ended_and_only_it_is_resumed(toy, monkeypatch, number):
    toy.DATASETS.TEST = ("toy_val",)
    original = SynMixTrainer._evaluate

    def evaluate(self):
        strike(number)
        return original(self)

    with monkeypatch.context() as patch:
        patch.setattr(SynMixTrainer, "_evaluate", evaluate)
        with pytest.raises(TrainingInterrupted):
            train(toy)
    assert (Path(toy.OUTPUT_DIR) / "model_final.pth").is_file()
    assert not (Path(toy.OUTPUT_DIR) / "results").exists()
    monkeypatch.setattr(GuardedStep, "run_step", lambda self: pytest.fail("a step was run"))
    assert set(train(toy, resume=True)) == {"toy_val"}


def test_a_signal_in_the_last_step_ends_before_the_evaluation(toy, monkeypatch):
    toy.DATASETS.TEST = ("toy_val",)
    original = GuardedStep.run_step

    def run_step(self):
        if self.iter == 11:
            strike()
        original(self)

    monkeypatch.setattr(GuardedStep, "run_step", run_step)
    monkeypatch.setattr(SynMixTrainer, "_evaluate", lambda self: pytest.fail("it was evaluated"))
    with pytest.raises(TrainingInterrupted):
        train(toy)
    assert (Path(toy.OUTPUT_DIR) / "model_final.pth").is_file()


def test_before_the_first_step_it_ends_at_once(toy, monkeypatch):
    monkeypatch.setattr("synmix.train.run.compose", lambda spec: strike())
    with pytest.raises(TrainingInterrupted):
        train(toy)
    assert not Path(toy.OUTPUT_DIR).exists()


WORKERS = """
import os, signal, sys, time
import torch
from synmix.train.signals import listening, shield_worker, shielded

class Slow(torch.utils.data.Dataset):
    def __len__(self):
        return 8
    def __getitem__(self, index):
        time.sleep(0.1)
        return index

with listening() as stop, stop.deferred():
    loader = torch.utils.data.DataLoader(Slow(), num_workers=2, worker_init_fn=shield_worker)
    with shielded():
        batches = iter(loader)
    next(batches)
    os.killpg(0, getattr(signal, sys.argv[1]))
    rest = [int(batch) for batch in batches]
    print(rest, stop.signal == getattr(signal, sys.argv[1]))
    unfinished = iter(loader)  # alive as the interpreter ends: its workers must not keep it
"""


@pytest.mark.parametrize("name", ["SIGTERM", "SIGUSR1"])
def test_workers_outlive_a_signal_to_their_group_but_not_their_parent(name):
    command = [sys.executable, "-c", WORKERS, name]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, start_new_session=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[1, 2, 3, 4, 5, 6, 7] True"
