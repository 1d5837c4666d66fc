"""The study with real trainings of two iterations: every experiment, and a sweep that is killed and repeated."""

import os
import signal
import subprocess
import sys
import time

import polars as pl
import pytest
from tests.synmix.study.tiny import write_tiny_scale

from synmix.config import CONFIGS
from synmix.study.experiments import STUDY
from synmix.study.index import write_index
from synmix.study.store import Store

TOOLS = CONFIGS.parent / "tools"
pytestmark = pytest.mark.long


@pytest.fixture(scope="session")
def tiny(tmp_path_factory):
    """A folder with the scale ``tiny``."""
    folder = tmp_path_factory.mktemp("configs")
    write_tiny_scale(folder)
    return folder


@pytest.fixture(scope="module")
def environment(mini_root):
    return {**os.environ, "DETECTRON2_DATASETS": str(mini_root), "OMP_NUM_THREADS": "1"}


@pytest.fixture(scope="module")
def shared_store(tmp_path_factory):
    return tmp_path_factory.mktemp("study") / "store"


def sweep(tiny, store, *arguments: str) -> list[str]:
    found = [f"hydra.searchpath=[file://{tiny}]", "scale=tiny", f"store={store}"]
    return [sys.executable, str(TOOLS / "sweep.py"), "-m", *found, *arguments]


@pytest.mark.parametrize("name", STUDY.experiments)
def test_every_experiment_trains_and_evaluates(name, tiny, shared_store, environment):
    done = subprocess.run(
        sweep(tiny, shared_store, f"+experiment={name}"), env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    index = pl.read_parquet(shared_store / "index.parquet")
    assert set(index["state"]) == {"finished"} and index["AP"].null_count() == 0
    assert set(index["data_set"].str.extract("mini_(.*)_instance").unique()) == {"cityscapes", "synscapes"}


def test_a_killed_sweep_ends_with_the_same_figures(tiny, tmp_path, environment):
    command = ("config=ratio.yaml", "+set.DATASETS.REAL_SHARE=0,50,100", "+set.SOLVER.MAX_ITER=12")
    subprocess.run(sweep(tiny, tmp_path / "whole", *command), env=environment, capture_output=True, check=True)
    store = Store(tmp_path / "killed")
    process = subprocess.Popen(sweep(tiny, store.root, *command), env=environment, stderr=subprocess.DEVNULL)
    deadline = time.time() + 300
    while time.time() < deadline and not _under_way(store):
        time.sleep(0.2)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    broken = {run_id for run_id in store.ids() if store.status(run_id).state == "broken"}
    assert len(broken) == 1 and len(store.ids()) < 4
    subprocess.run(sweep(tiny, store.root, *command), env=environment, capture_output=True, check=True)
    assert store.status(broken.pop()).attempts == 2
    figures = ["run", "data_set", "AP", "AP50", "AP_low", "AP_high"]
    whole, again = (write_index(Store(tmp_path / name)).select(figures) for name in ("whole", "killed"))
    assert whole.equals(again)


def _under_way(store: Store) -> bool:
    """One run (beside the start of all) is finished, and another is being trained."""
    states = [store.status(run_id).state for run_id in store.ids() if not run_id.startswith("mini_start")]
    return "finished" in states and "running" in states
