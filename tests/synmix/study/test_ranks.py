"""Runs of the study on several ranks, stopped and requeued: what one process never meets."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from tests.synmix.study.tiny import write_tiny_scale

from synmix.config import CONFIGS
from synmix.study.experiments import training
from synmix.study.gpus import hold_gpus
from synmix.study.runs import Run, make_run
from synmix.study.scale import load_scale
from synmix.study.store import Store

TOOLS = CONFIGS.parent / "tools"
ITERATIONS = 40  # of a run that is stopped in its midst


def test_runs_on_one_machine_share_its_gpus(monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr("synmix.study.gpus._POLL_SECONDS", 0.05)
    four = ["0", "1", "2", "GPU-ab/3"]
    with hold_gpus(2, four) as first:
        with hold_gpus(2, four) as second:
            assert sorted((*first, *second)) == [0, 1, 2, 3]
        with hold_gpus(1, four) as again:
            assert again[0] not in first
    with hold_gpus(8, four) as everything:
        assert everything == (0, 1, 2, 3)  # fewer than asked: all there are
    with hold_gpus(4, []) as none:
        assert none == ()


@pytest.fixture
def environment(mini_root):
    return {**os.environ, "DETECTRON2_DATASETS": str(mini_root), "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"}


def weights(store: Path, run) -> dict[str, torch.Tensor]:
    path = Store(store).folder(run) / "model_final.pth"
    return torch.load(path, weights_only=True)["model"]


def sweep(folder: Path, *arguments: str) -> list[str]:
    """A sweep of the scale ``tiny`` that lies in a folder, into a store there."""
    found = [f"hydra.searchpath=[file://{folder / 'searched'}]", "scale=tiny", f"store={folder / 'store'}"]
    return [sys.executable, str(TOOLS / "sweep.py"), "-m", *found, *arguments]


@pytest.mark.long
def test_two_ranks_of_a_study_equal_one_with_two_parts(tmp_path, environment):
    said = {
        "ranks": ("processes: 1", "processes: 2"),
        "parts": ("IMS_PER_BATCH: 4", "IMS_PER_BATCH: 4\n    SOLVER.ACCUMULATE: 2"),
    }
    runs = []
    for name, (before, after) in said.items():
        path = write_tiny_scale(tmp_path / name / "searched", workers=2, iterations=3)
        path.write_text(path.read_text().replace(before, after))
        command = sweep(tmp_path / name, "config=finetune_best.yaml")
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-3000:]
        runs.append(training(load_scale(str(path)), "finetune_best.yaml"))
    assert runs[0] == runs[1] and runs[0].parts == 2
    for run in (runs[0].init.init, runs[0].init, runs[0]):
        ours, theirs = (weights(tmp_path / name / "store", run) for name in said)
        # but for BatchNorm's running statistics, of which Detectron2 keeps those of rank 0 (docs/train.md)
        learned = [key for key in ours if "running_" not in key and "num_batches" not in key]
        off = {key: float((ours[key] - theirs[key]).abs().max()) for key in learned}
        assert max(off.values()) < 1e-5, sorted(off.items(), key=lambda item: -item[1])[:3]
    computed = [Store(tmp_path / name / "store").status(runs[0]).computed for name in said]
    assert [c["processes"] for c in computed] == [2, 1] and [c["parts"] for c in computed] == [2, 2]


@pytest.mark.slow
def test_four_ranks_train(tmp_path, environment):
    write_tiny_scale(tmp_path / "searched", workers=1)
    command = sweep(tmp_path, "config=mini_start.yaml", "processes=4")
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    store = Store(tmp_path / "store")
    assert [store.status(run_id).computed["processes"] for run_id in store.ids()] == [4]


@pytest.mark.slow
def test_a_signal_to_the_group_is_resumed_to_the_same_bits(tmp_path, environment):
    run = _long_run(tmp_path / "cut")
    process = subprocess.Popen(
        _long_sweep(tmp_path / "cut"), env=environment, start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    store = Store(tmp_path / "cut/store")
    _wait(lambda: _iteration(store.folder(run)) >= 3, process)
    os.killpg(process.pid, signal.SIGTERM)
    _, said = process.communicate(timeout=240)
    assert process.returncode == 130, said[-3000:]
    assert store.status(run).state == "broken" and _iteration(store.folder(run)) < ITERATIONS
    _long_run(tmp_path / "whole")
    for name in ("cut", "whole"):
        subprocess.run(_long_sweep(tmp_path / name), env=environment, check=True, capture_output=True)
    ours, theirs = (weights(tmp_path / name / "store", run) for name in ("cut", "whole"))
    assert all(torch.equal(ours[key], theirs[key]) for key in ours)
    assert store.status(run).attempts == 2


@pytest.mark.slow
def test_what_submitit_sends_at_a_time_limit_requeues_the_job(tmp_path, environment):
    run, command = _long_run(tmp_path), _long_sweep(tmp_path, "hydra/launcher=local")
    process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    store = Store(tmp_path / "store")
    _wait(lambda: _iteration(store.folder(run)) >= 3, process)
    os.kill(_submitit_task(process.pid), signal.SIGUSR2)
    _, said = process.communicate(timeout=300)
    assert process.returncode == 0, said[-3000:]
    assert (store.status(run).state, store.status(run).attempts) == ("finished", 2)
    assert any("Requeued job" in log.read_text() for log in (tmp_path / "store").rglob("*_log.out"))


@pytest.mark.long
def test_a_stopped_sweep_of_joblibs_stops_its_runs_and_the_next_finishes_them(tmp_path, environment):
    run, command = _long_run(tmp_path), _long_sweep(tmp_path, "hydra/launcher=processes", "hydra.launcher.n_jobs=2")
    process = subprocess.Popen(
        command, env=environment, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    store = Store(tmp_path / "store")
    _wait(lambda: _iteration(store.folder(run)) >= 3, process)
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=240)
    assert process.returncode == 130, said[-3000:]
    assert store.status(run).state == "broken" and 3 <= _iteration(store.folder(run)) < ITERATIONS
    subprocess.run(command, env=environment, check=True, capture_output=True)
    assert (store.status(run).state, store.status(run).attempts) == ("finished", 2)


def _long_run(folder: Path) -> Run:
    """A run on two ranks that takes long enough to be stopped, of a scale in a folder."""
    scale = write_tiny_scale(folder / "searched", workers=2)
    return make_run("mini_start.yaml", {"SOLVER.MAX_ITER": ITERATIONS}, processes=2, scale=load_scale(str(scale)))


def _long_sweep(folder: Path, *arguments: str) -> list[str]:
    """The sweep of that run."""
    return sweep(folder, "config=mini_start.yaml", f"+set.SOLVER.MAX_ITER={ITERATIONS}", "processes=2", *arguments)


def _submitit_task(ancestor: int) -> int:
    """The process of submitit's that works on a job, a descendant of the sweep."""
    for status in Path("/proc").glob("[0-9]*/cmdline"):
        words = status.read_bytes().split(b"\0")
        if b"submitit.core._submit" in words and ancestor in _ancestors(int(status.parent.name)):
            return int(status.parent.name)
    raise AssertionError("submitit works on nothing")


def _ancestors(pid: int) -> set[int]:
    found: set[int] = set()
    while pid > 1 and (Path("/proc") / str(pid)).exists():
        pid = int((Path("/proc") / str(pid) / "stat").read_text().rsplit(")", 1)[1].split()[1])
        found.add(pid)
    return found


@pytest.mark.slow
def test_joblib_runs_with_loader_workers(tmp_path, environment):
    write_tiny_scale(tmp_path / "searched", workers=2)
    command = sweep(tmp_path, "config=cityscapes.yaml,synscapes_3k.yaml", "hydra/launcher=processes")
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    store = Store(tmp_path / "store")
    assert [store.status(run_id).state for run_id in store.ids()] == ["finished"] * 3


def _iteration(folder: Path) -> int:
    metrics = folder / "metrics.json"
    return metrics.read_text().count("\n") if metrics.is_file() else 0


def _wait(condition, process) -> None:
    """Waits until a running process has come so far."""
    deadline = time.monotonic() + 300
    while not condition():
        assert process.poll() is None, process.stderr.read()[-3000:]
        assert time.monotonic() < deadline, "nothing happened within five minutes"
        time.sleep(0.1)
