"""The dry run tells what a training will be like once it runs evenly, and what holds it up."""

import time
from types import SimpleNamespace

import pytest
import torch

from synmix.train import preflight as preflight_module
from synmix.train.loader import TrainingImages
from synmix.train.preflight import preflight
from synmix.train.rates import Rates, measure_rates
from synmix.train.run import prepare
from synmix.train.step import GuardedStep
from synmix.train.trainer import SynMixTrainer

SECONDS = 0.06  # far above what the toy needs by itself


def slow(monkeypatch, owner, method, seconds):
    original = getattr(owner, method)

    def slowly(self, *arguments):
        time.sleep(seconds)
        return original(self, *arguments)

    monkeypatch.setattr(owner, method, slowly)


def rates_of(toy):
    cfg, composition = prepare(toy)
    trainer = SynMixTrainer(cfg, composition.dicts())
    trainer.resume_or_load(False)
    before = {name: value.clone() for name, value in trainer.model.state_dict().items()}
    rates = measure_rates(trainer)
    assert all(torch.equal(value, before[name]) for name, value in trainer.model.state_dict().items())
    return rates


def test_batches_in_stock_do_not_hide_slow_data(toy, monkeypatch):
    """A step seems to take no time as long as there are batches that were loaded before."""
    slow(monkeypatch, TrainingImages, "__getitem__", SECONDS)
    toy.DATALOADER.NUM_WORKERS, toy.DATALOADER.PREFETCH, toy.SOLVER.IMS_PER_BATCH = 1, 6, 2
    rates = rates_of(toy)
    assert "bound by the data" in rates.bound
    assert rates.together > 0.8 * 2 * SECONDS
    assert rates.data > 0.8 * 2 * SECONDS > rates.compute
    assert rates.batch_bytes == 2 * 32 * 64 * (3 + 2) + 2 * (2 * 4 * 4 + 2 * 8)  # image, masks; boxes, classes


def test_slow_steps_are_told_from_slow_data(toy, monkeypatch):
    slow(monkeypatch, GuardedStep, "_backward", 3 * SECONDS)
    toy.DATALOADER.NUM_WORKERS, toy.SOLVER.IMS_PER_BATCH = 1, 2
    rates = rates_of(toy)
    assert "bound by the steps" in rates.bound
    assert rates.compute > 2 * SECONDS > rates.data


def test_without_workers_loading_is_a_share_of_the_time():
    assert Rates(1.0, 0.25, 0.75, 0, 1).bound.startswith("25 % of it for loading")


def test_the_dry_run_is_made_under_the_speed_settings(toy, monkeypatch, capsys):
    def look(trainer):
        assert torch.backends.cudnn.benchmark
        return Rates(2.0, 1.0, 2.0, 2, 10 * 2**20)

    monkeypatch.setattr(preflight_module, "measure_rates", look)
    monkeypatch.setattr(preflight_module.console, "_width", 200)
    toy.CUDNN_BENCHMARK, toy.SOLVER.MAX_ITER, toy.DATALOADER.NUM_WORKERS = True, 9000, 2
    disk = SimpleNamespace(total=64 * 2**20, free=2**30)
    monkeypatch.setattr(preflight_module.shutil, "disk_usage", lambda path: disk)
    preflight(toy)
    printed = capsys.readouterr().err
    assert "5 h 0 min for the whole run" in printed
    assert "up to 40 MiB for batches of this size, 64 MiB in all" in printed
    toy.DATALOADER.NUM_WORKERS = 4
    preflight(toy)
    assert "64 MiB in all: too little; docker run --shm-size" in capsys.readouterr().err


@pytest.mark.parametrize("packed", [False, True])
def test_packed_masks_need_less_shared_memory(toy, packed):
    toy.SPEED.PACKED_MASKS = packed
    pixels = 4 * 32 * 64
    rest = 4 * (2 * 4 * 4 + 2 * 8)
    assert rates_of(toy).batch_bytes == pixels * (3 + (1 if packed else 2)) + rest
