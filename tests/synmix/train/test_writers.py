"""The progress line, and each writer of LOG.WRITERS without a network."""

import os
import subprocess
import sys
from types import ModuleType

import pytest
from detectron2.utils.events import EventStorage
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from synmix import extras
from synmix.config import get_config, merge_values
from synmix.errors import UserError
from synmix.train import run
from synmix.train.writers import ProgressLine

#: Trains nothing: two iterations' figures, into the writer that it is told.
REPORT = """
import socket, sys
import synmix.before_detectron2
from detectron2.utils.events import EventStorage
from synmix.config import get_config
from synmix.train.writers import check_writers, open_writers
name, output = sys.argv[1:]
if name == "trackio":
    def refuse(*_):
        raise AssertionError("it asks the network")
    socket.socket.connect = socket.socket.bind = refuse
cfg = get_config()
cfg.LOG.WRITERS, cfg.LOG.PROJECT, cfg.OUTPUT_DIR = (name,), "trial", output
check_writers(cfg)
[writer] = open_writers(cfg, 0)
for iteration in range(2):
    with EventStorage(iteration) as storage:
        storage.put_scalars(total_loss=3.0 - iteration)
        writer.write()
writer.close()
"""


def test_the_time_left_does_not_end_at_a_day(capsys):
    line = ProgressLine(max_iter=100_001, batch_size=8)
    with EventStorage(0) as storage:
        storage.put_scalars(time=2.0, data_time=0.1, total_loss=1.0)
        line.write()
    assert "iteration 1/100001  2 days, 7:33:20 left" in capsys.readouterr().err


def test_tensorboards_files(toy):
    toy.LOG.WRITERS = ("tensorboard",)
    run.train(toy)
    found = EventAccumulator(toy.OUTPUT_DIR).Reload()
    assert [event.step for event in found.Scalars("total_loss")] == list(range(toy.SOLVER.MAX_ITER))


@pytest.mark.parametrize("name", ["wandb", "trackio"])
def test_a_project_is_told_all_figures(name, toy, monkeypatch):
    """By the part of their interface that both have; the tests below ask the packages themselves, where installed."""
    told, runs = [], []

    module = ModuleType(name)
    module.init = lambda **about: runs.append(about)
    module.log = lambda figures, step: told.append((step, figures))
    module.finish = lambda: told.append("finished")
    monkeypatch.setitem(sys.modules, name, module)
    toy.LOG.WRITERS, toy.LOG.PROJECT = (name,), "trial"
    run.train(toy)
    [about] = runs
    assert (about["project"], about["name"], about["config"]["SEED"]) == ("trial", "output", 5)
    assert told.pop() == "finished" and [step for step, _ in told] == list(range(toy.SOLVER.MAX_ITER))
    assert {"total_loss", "lr"} <= told[0][1].keys()


@pytest.mark.parametrize(
    ("name", "place"), [("wandb", "output/wandb/offline-run-*/run-*.wandb"), ("trackio", "trackio/*.db")]
)
def test_the_package_itself_writes_into_a_folder(name, place, tmp_path):
    pytest.importorskip(name, reason=f"the extra {name} is not installed")
    (tmp_path / "output").mkdir()
    here = {"WANDB_MODE": "offline", "TRACKIO_DIR": str(tmp_path / "trackio")}
    command = [sys.executable, "-c", REPORT, name, str(tmp_path / "output")]
    done = subprocess.run(command, env={**os.environ, **here}, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and done.stdout == "", done.stderr
    [written] = tmp_path.glob(place)
    assert b"total_loss" in written.read_bytes()


@pytest.mark.parametrize(("name", "title"), [("wandb", "Weights & Biases"), ("trackio", "Trackio")])
def test_one_that_is_not_installed_is_a_sentence_before_anything_is_written(name, title, toy, tmp_path, monkeypatch):
    monkeypatch.setattr(extras, "is_installed", lambda module: module != name)
    toy.LOG.WRITERS = (name,)
    with pytest.raises(UserError) as caught:
        run.train(toy)
    missing = f"{title}, which LOG.WRITERS names, is not installed; this brings it: pip install 'synmix[{name}]'"
    assert str(caught.value) == missing and not (tmp_path / "output").exists()


@pytest.mark.parametrize(
    ("former", "writers", "project"),
    [({"TENSORBOARD": False}, (), "synmix"), ({"TENSORBOARD": True}, ("tensorboard",), "synmix"),
     ({"WANDB_PROJECT": ""}, ("tensorboard",), "synmix"),
     ({"TENSORBOARD": False, "WANDB_PROJECT": "mine"}, ("wandb",), "mine")],
)  # fmt: skip
def test_configs_of_earlier_versions_mean_what_they_meant(former, writers, project):
    cfg = get_config()
    merge_values(cfg, {"LOG": former}, "a config")
    assert writers == cfg.LOG.WRITERS and project == cfg.LOG.PROJECT
