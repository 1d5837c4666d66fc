"""A sweep on a real SLURM of one node: a job that fails, a job that is killed, and the sweep that resumes it."""

import json
import os
import re
import shutil
import subprocess
import sys
import time

import pytest

from synmix.config import CONFIGS
from synmix.study.store import Store

SLURM = CONFIGS.parent / "docs/slurm"
pytestmark = [
    pytest.mark.slurm,
    pytest.mark.skipif(not shutil.which("slurmctld") or os.getuid() != 0, reason="needs slurm-wlm, munge and root"),
]


@pytest.fixture
def environment(tmp_path, mini_root):
    """The environment of a one-node cluster that lives for one test; containers may lack what SLURM's daemons need."""
    folder = tmp_path / "slurm"
    log = tmp_path / "start.txt"  # a file: daemons would hold a pipe open
    with log.open("w") as file:
        started = subprocess.run([SLURM / "one_node.sh", "start", folder], check=False, timeout=120, stderr=file)
    if started.returncode:
        subprocess.run([SLURM / "one_node.sh", "stop", folder], check=False, timeout=60)
        pytest.skip(f"SLURM does not start here: {log.read_text()[-500:]}")
    yield {
        **os.environ,
        "SLURM_CONF": str(folder / "slurm.conf"),
        "PATH": f"{SLURM}:{os.environ['PATH']}",
        "DETECTRON2_DATASETS": str(mini_root),
        "OMP_NUM_THREADS": "1",
    }
    subprocess.run([SLURM / "one_node.sh", "stop", folder], check=True, timeout=120)


def _sweep(store: Store, *arguments: str) -> list[str]:
    return [
        sys.executable, str(CONFIGS.parent / "tools/sweep.py"), "-m", "hydra/launcher=slurm", f"store={store.root}",
        "hydra.launcher.gpus_per_node=null", "hydra.launcher.cpus_per_task=1", "hydra.launcher.mem_gb=2",
        "config=mini.yaml", "+set.DATASETS.IMAGES=[8,8]", "+set.SOLVER.IMS_PER_BATCH=2", "+set.LOG.PICTURES=0",
        *arguments,
    ]  # fmt: skip


@pytest.mark.slow
def test_failed_and_killed_jobs(tmp_path, environment):
    store = Store(tmp_path / "store")
    command = _sweep(store, "+set.SOLVER.BASE_LR=0.02,1e9", "+set.SOLVER.MAX_ITER=300")
    first = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    run = _wait_for_training(store)
    subprocess.run(["scancel", "--state=RUNNING", "--user=root"], env=environment, check=True)
    output, _ = first.communicate(timeout=300)
    assert first.returncode == 1, output[-3000:]
    states = {run_id: store.status(run_id).state for run_id in store.ids()}
    assert states.pop(run) == "broken"
    (diverged,) = [run_id for run_id in store.ids() if "BASE_LR1e+09" in run_id] or [None]
    again = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600, check=False)
    assert again.returncode == 1  # the other still fails
    assert (store.status(run).state, store.status(run).attempts) == ("finished", 2)
    diverged = diverged or next(run_id for run_id in store.ids() if "BASE_LR1e+09" in run_id)
    assert store.status(diverged).state == "failed"
    assert "not a number" in store.status(diverged).reason
    assert re.search("1 of 2 did not end", again.stderr)


@pytest.mark.slow
def test_a_step_of_two_tasks_is_one_run(tmp_path, environment):
    output = tmp_path / "run"
    keys = [
        "DATASETS.IMAGES", "(4,4)", "SOLVER.IMS_PER_BATCH", "4", "SOLVER.MAX_ITER", "4", "LOG.PICTURES", "0",
        "DATALOADER.NUM_WORKERS", "1", "OUTPUT_DIR", str(output), "LOG.PERIOD", "1",
    ]  # fmt: skip
    command = ["srun", "-n2", sys.executable, str(CONFIGS.parent / "tools/train_net.py"), "--config-file", "mini.yaml"]
    done = subprocess.run([*command, *keys], env=environment, capture_output=True, text=True, timeout=400, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    lines = [json.loads(line) for line in (output / "metrics.json").read_text().splitlines()]
    last = next(line for line in lines if line["iteration"] == 3)  # of the training; then comes an evaluation's
    assert last["images/mini_cityscapes_instance_train"] + last["images/mini_synscapes_instance_train"] == 16
    assert (output / "log.txt.rank1").exists() and (output / "model_final.pth").exists()


@pytest.mark.long
def test_a_job_at_its_time_limit_is_queued_again_and_finishes(tmp_path, environment):
    store = Store(tmp_path / "store")
    limit = ("hydra.launcher.timeout_min=2", "hydra.launcher.signal_delay_s=20")  # imports may take half a minute
    command = _sweep(store, *limit, "+set.SOLVER.MAX_ITER=600", "+set.DATALOADER.NUM_WORKERS=1")
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=2400, check=False)
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
    (run,) = store.ids()
    assert store.status(run).state == "finished" and store.status(run).attempts > 1
    assert any("Requeued job" in log.read_text() for log in store.root.rglob("*_log.out"))


def _wait_for_training(store: Store) -> str:
    """The run of the good job, once it has trained some iterations."""
    for _ in range(1200):
        for run_id in store.ids():
            if "BASE_LR0.02" in run_id and (store.folder(run_id) / "metrics.json").exists():
                return run_id
        time.sleep(0.25)
    raise AssertionError("no training began within five minutes")
