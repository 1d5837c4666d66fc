"""The study with real trainings of two iterations: every experiment, and a sweep that is killed and repeated."""

import os
import signal
import subprocess
import sys
import time

import polars as pl
import pytest

from synmix.config_files import CONFIGS
from synmix.study.experiments import EXPERIMENTS
from synmix.study.index import write_index
from synmix.study.store import Store

TOOLS = CONFIGS.parent / "tools"
#: The miniature's scale made as small as it goes; the grids keep their ends.
TINY = (
    "scale=mini", "scale.images=6", "scale.all_synthetic=8", "scale.batch=2", "scale.iterations=2",
    "scale.baseline_epochs=0.5", "scale.pretrain_epochs=0.5", "scale.mixing_epochs=0.4", "scale.start.images=4",
    "scale.start.iterations=2", "scale.grid.removal=[0,90]", "scale.grid.real_share=[0,50,100]",
    "scale.grid.amounts=[0,8]", "scale.grid.epochs=[0.4,0.5]", "scale.grid.lr=[0.002,0.02]", "scale.grid.repeats=[0]",
    "scale.grid.seeds=[0,1]", "+detectron2.LOG.PICTURES=0", "+detectron2.TEST.BOOTSTRAP.RESAMPLES=20",
)  # fmt: skip
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def environment(mini_root):
    return {**os.environ, "DETECTRON2_DATASETS": str(mini_root), "OMP_NUM_THREADS": "1"}


@pytest.fixture(scope="module")
def shared_store(tmp_path_factory):
    return tmp_path_factory.mktemp("study") / "store"


def sweep(store, *arguments: str) -> list[str]:
    return [sys.executable, str(TOOLS / "sweep.py"), "-m", f"store={store}", *TINY, *arguments]


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_experiment_trains_and_evaluates(name, shared_store, environment):
    done = subprocess.run(
        sweep(shared_store, f"+experiment={name}"), env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    index = pl.read_parquet(shared_store / "index.parquet")
    assert set(index["state"]) == {"finished"} and index["AP"].null_count() == 0
    assert set(index["data_set"].str.extract("mini_(.*)_instance").unique()) == {"cityscapes", "synscapes"}


def test_a_killed_sweep_ends_with_the_same_figures(tmp_path, environment):
    command = ("training=ratio", "compose.real_share=0,50,100", "solver.iterations=12")
    subprocess.run(sweep(tmp_path / "whole", *command), env=environment, capture_output=True, check=True)
    store = Store(tmp_path / "killed")
    process = subprocess.Popen(sweep(store.root, *command), env=environment, stderr=subprocess.DEVNULL)
    deadline = time.time() + 300
    while time.time() < deadline and not _under_way(store):
        time.sleep(0.2)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    broken = {run_id for run_id in store.ids() if store.status(run_id).state == "broken"}
    assert len(broken) == 1 and len(store.ids()) < 4
    subprocess.run(sweep(store.root, *command), env=environment, capture_output=True, check=True)
    assert store.status(broken.pop()).attempts == 2
    figures = ["run", "data_set", "AP", "AP50", "AP_low", "AP_high"]
    whole, again = (write_index(Store(tmp_path / name)).select(figures) for name in ("whole", "killed"))
    assert whole.equals(again)


def _under_way(store: Store) -> bool:
    """One run (beside the start of all) is finished, and another is being trained."""
    states = [store.status(run_id).state for run_id in store.ids() if not run_id.startswith("start")]
    return "finished" in states and "running" in states
