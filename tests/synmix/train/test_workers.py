"""The loader's workers begin in whatever process a training runs, cheaply, and change nothing."""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest
import torch
from joblib.externals import loky
from tests.synmix.train.toy_run import train_toy, worker_memory

from synmix.train.loader import worker_options
from synmix.train.run import train
from synmix.train.weights import load_weights_only

WORKERS = ("DATALOADER.NUM_WORKERS", 2, "DATASETS.TEST", ("toy_val",))


@pytest.fixture(params=["joblib", "spawn"])
def elsewhere(request):
    """A process of joblib's own kind, or a spawned one, as the ranks of a training are."""
    if request.param == "joblib":
        with loky.ProcessPoolExecutor(1) as pool:
            yield pool
    else:
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
            yield pool


def test_workers_in_other_processes_give_the_bits_of_none(elsewhere, toy, toy_root, tmp_path):
    toy.DATASETS.TEST = ("toy_val",)
    train(toy)
    elsewhere.submit(train_toy, toy_root, tmp_path / "workers", WORKERS).result(timeout=300)
    weights, expected = (
        load_weights_only(Path(folder) / "model_final.pth")["model"]
        for folder in (tmp_path / "workers", toy.OUTPUT_DIR)
    )
    assert all(torch.equal(weights[name], value) for name, value in expected.items())
    # A process that has imported PyTorch and Detectron2 anew has some 400 MiB of its own.
    assert max(elsewhere.submit(worker_memory, toy_root, tmp_path / "memory", WORKERS).result(timeout=300)) < 150


def test_the_start_method_of_the_config_is_taken(toy):
    toy.DATALOADER.NUM_WORKERS = 1
    assert worker_options(toy)["multiprocessing_context"].get_start_method() == "fork"
    toy.DATALOADER.START_METHOD, toy.DATALOADER.PREFETCH = "spawn", 5
    options = worker_options(toy)
    assert (options["multiprocessing_context"].get_start_method(), options["prefetch_factor"]) == ("spawn", 5)
