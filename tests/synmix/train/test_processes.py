"""Ranks: several processes on the CPU train as one does, stop together, and end together, however they were started."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from tests.synmix.train import at_work
from tests.synmix.train.test_resume import assert_same_training

from synmix.errors import UserError
from synmix.train.checkpoint import SafeCheckpointer
from synmix.train.launch import launch
from synmix.train.run import train
from synmix.train.weights import load_weights_only

REPOSITORY = Path(__file__).parents[3]


@pytest.fixture
def start(toy_root, tmp_path):
    """Starts the toy training as a process group of its own; afterwards nothing of it is left."""
    started = []

    def start(processes, *words, torchrun=0, environment=None, output=tmp_path / "two"):
        starter = ["-m", "torch.distributed.run", "--nproc-per-node", str(torchrun)] if torchrun else []
        script = ["-m", "tests.synmix.train.at_work"]
        command = [sys.executable, *starter, *script, str(toy_root), str(output), str(processes), *words]
        said = tmp_path / f"said-{len(started)}"
        with said.open("w") as stderr:
            surroundings = {**os.environ, **(environment or {})}
            process = subprocess.Popen(command, cwd=REPOSITORY, stderr=stderr, start_new_session=True, env=surroundings)
        process.said = said
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def wait_for(condition, process, seconds=400):
    """Waits until something of a running process is there."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, process.said.read_text()[-3000:]
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.05)


def lines(folder) -> int:
    metrics = Path(folder) / "metrics.json"
    return len(metrics.read_text().splitlines()) if metrics.is_file() else 0


@pytest.fixture
def one_process(toy_root, tmp_path):
    """The folder of one process that works through its batch in so many parts."""

    def one_process(parts):
        cfg = at_work.config(toy_root, tmp_path / f"parts-{parts}", ["SOLVER.ACCUMULATE", parts])
        cfg.DATALOADER.NUM_WORKERS = 0
        train(cfg)
        return cfg.OUTPUT_DIR

    return one_process


def assert_close(folder, other):
    weights, expected = (load_weights_only(Path(path) / "model_final.pth")["model"] for path in (folder, other))
    for name, value in expected.items():
        torch.testing.assert_close(weights[name], value, rtol=1e-5, atol=1e-6)


def test_one_process_is_this_process():
    assert launch(os.getpid, device="cpu") == os.getpid()


def test_ranks_return_what_rank_0_returns():
    seen, process = launch(at_work.ranks, 2, device="cpu")
    assert seen == [(0, 0, os.environ.get("CUDA_VISIBLE_DEVICES")), (1, 1, os.environ.get("CUDA_VISIBLE_DEVICES"))]
    assert process != os.getpid()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("word", "sentence"),
    [
        ("crash", r"rank 1 ended with an error: \n.*Traceback(.|\n)*ValueError: a mistake of ours"),
        ("killed", "rank 1 ended with an error: it was killed by signal 9"),
        ("unsendable", r"rank \d ended with an error: (.|\n)*pickle"),
    ],
)
def test_a_crash_of_one_rank_ends_all_and_names_it(word, sentence):
    started = time.monotonic()
    with pytest.raises(RuntimeError, match=sentence):
        launch(at_work.ranks, 2, device="cpu", args=([word],))
    assert time.monotonic() - started < 300  # not the time-out of a collective


@pytest.mark.slow
def test_a_sentence_of_one_rank_is_the_parents(toy_root, tmp_path):
    with pytest.raises(UserError, match=r"^rank 1 has a sentence"):
        launch(at_work.train_toys, 2, device="cpu", args=(toy_root, tmp_path / "two", ["alone"]))


@pytest.mark.slow
def test_ranks_use_the_gpus_they_are_given(monkeypatch):
    from synmix.train.launch import _visible

    assert _visible((2, 0), "cuda") == "2,0"
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,5,7")
    assert _visible((2, 0), "cuda") == "7,4"
    assert _visible((2, 0), "cpu") is None
    with pytest.raises(UserError, match="cannot work on 1 GPU"):
        launch(at_work.ranks, 2, device="cuda", gpus=(3,))


@pytest.mark.slow
@pytest.mark.parametrize("ranks", [2, 4])
def test_ranks_train_as_one_process_with_as_many_parts(toy_root, tmp_path, one_process, ranks):
    launch(at_work.train_toys, ranks, device="cpu", args=(toy_root, tmp_path / "ranks"))
    assert_close(tmp_path / "ranks", one_process(ranks))


@pytest.mark.slow
def test_torchrun_starts_them_as_well(start, one_process, tmp_path):
    process = start(1, torchrun=2)
    assert process.wait(400) == 0, process.said.read_text()[-3000:]
    assert_close(tmp_path / "two", one_process(2))


def step_of(rank, tasks=2):
    return {
        "SLURM_JOB_ID": str(os.getpid()),
        "SLURM_STEP_ID": "3",
        "SLURM_STEP_NUM_TASKS": str(tasks),
        "SLURM_PROCID": str(rank),
        "SLURM_LOCALID": str(rank),
    }


@pytest.mark.slow
def test_the_tasks_of_a_slurm_step_are_ranks_of_one_run(start, one_process, tmp_path):
    tasks = [start(1, environment=step_of(rank)) for rank in range(2)]
    for task in tasks:
        assert task.wait(400) == 0, task.said.read_text()[-3000:]
    assert_close(tmp_path / "two", one_process(2))


@pytest.mark.slow
def test_a_sentence_of_one_task_ends_the_other_and_is_said_once(start):
    tasks = [start(1, "alone", environment=step_of(rank)) for rank in range(2)]
    assert [task.wait(400) for task in tasks] == [2, 2]
    assert sum(task.said.read_text().count("rank 1 has a sentence") for task in tasks) == 1


@pytest.mark.slow
def test_a_nan_on_one_rank_stops_both_and_names_its_images(toy_root, tmp_path):
    with pytest.raises(UserError, match="loss_mask nan became infinite or not a number in iteration 4") as raised:
        launch(at_work.train_toys, 2, device="cpu", args=(toy_root, tmp_path / "two", ["poison"]))
    assert str(raised.value).count("leftImg8bit.png") == 2  # the two images of rank 1
    assert not (tmp_path / "two/model_final.pth").exists()


@pytest.mark.slow
def test_a_folder_that_is_not_shared_is_a_sentence(toy_root, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        launch(_train_half, 2, device="cpu", args=(toy_root, tmp_path / "two"))
    with pytest.raises(UserError, match=r"the first iteration \(\d+ on rank 0, 0 on rank 1\).*all machines share"):
        launch(at_work.train_toys, 2, device="cpu", args=(toy_root, tmp_path / "two", ["unshared"]))


def _train_half(root, output):
    at_work._before_each_step(lambda step: os.kill(os.getpid(), signal.SIGTERM) if step.iter == 5 else None)
    at_work.train_toys(root, output)


@pytest.mark.parametrize(
    ("processes", "number", "to_group"),
    [
        pytest.param(1, signal.SIGTERM, True, marks=pytest.mark.slow),
        pytest.param(2, signal.SIGTERM, True, marks=pytest.mark.long),
        pytest.param(2, signal.SIGUSR2, True, marks=pytest.mark.long),
        pytest.param(2, signal.SIGTERM, False, marks=pytest.mark.long),
    ],
)
def test_a_signal_mid_step_saves_and_the_resumed_ends_with_the_same_bits(
    start, toy_root, tmp_path, processes, number, to_group
):
    process = start(processes, "slow")
    wait_for(lambda: lines(tmp_path / "two") >= 4, process)
    (os.killpg if to_group else os.kill)(process.pid, number)
    assert process.wait(100) == 130, process.said.read_text()[-3000:]
    said = process.said.read_text()
    assert "saved after iteration" in said
    assert "Traceback" not in said
    assert SafeCheckpointer(torch.nn.Identity(), str(tmp_path / "two")).has_checkpoint()
    assert not (tmp_path / "two/model_final.pth").exists()
    for output in ("two", "whole"):
        launch(at_work.train_toys, processes, device="cpu", args=(toy_root, tmp_path / output))
    assert_same_training(tmp_path / "two", tmp_path / "whole")


@pytest.mark.long
def test_torchruns_signal_saves_too(start, tmp_path):
    process = start(1, "slow", torchrun=2)
    wait_for(lambda: lines(tmp_path / "two") >= 4, process)
    os.killpg(process.pid, signal.SIGTERM)
    process.wait(100)
    assert "saved after iteration" in process.said.read_text()
    assert SafeCheckpointer(torch.nn.Identity(), str(tmp_path / "two")).has_checkpoint()


@pytest.mark.long
@pytest.mark.parametrize(("word", "mark"), [("evaluate-slowly", "two/evaluating"), ("prepare-slowly", "two-composing")])
def test_a_signal_to_the_parent_ends_evaluation_and_preparation_at_once(start, tmp_path, word, mark):
    process = start(2, word, "DATASETS.TEST", "('toy_val',)")
    wait_for((tmp_path / mark).exists, process)
    process.send_signal(signal.SIGINT)
    started = time.monotonic()
    assert process.wait(100) == 130, process.said.read_text()[-3000:]
    assert time.monotonic() - started < 40
    assert (tmp_path / "two/model_final.pth").exists() == (word == "evaluate-slowly")


@pytest.mark.long
def test_no_rank_outlives_its_parent(start, tmp_path):
    marks = [tmp_path / f"rank-{rank}" for rank in range(2)]
    process = start("wait", output=tmp_path / "rank")
    wait_for(lambda: all(mark.is_file() and mark.read_text() for mark in marks), process)
    ranks = [int(mark.read_text()) for mark in marks]
    process.kill()
    deadline = time.monotonic() + 60
    while any(Path(f"/proc/{rank}").exists() and not _is_zombie(rank) for rank in ranks):
        assert time.monotonic() < deadline, "a rank lives on"
        time.sleep(0.2)


def _is_zombie(process):
    return "\nState:\tZ" in Path(f"/proc/{process}/status").read_text()


@pytest.mark.long
def test_several_machines_meet_at_an_address(start, tmp_path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    code = (
        "import sys; from tests.synmix.train import at_work; from synmix.train.launch import launch; "
        f"print(launch(at_work.ranks, 1, machines=2, machine_rank=int(sys.argv[1]), device='cpu', "
        f"dist_url='tcp://127.0.0.1:{port}'))"
    )
    machines = [
        subprocess.Popen([sys.executable, "-c", code, str(rank)], cwd=REPOSITORY, stdout=subprocess.PIPE, text=True)
        for rank in (1, 0)
    ]
    second, first = (machine.communicate(timeout=400)[0] for machine in machines)
    assert second.strip() == "None"
    assert "(0, 0, None), (1, 0, None)" in first.replace(repr(os.environ.get("CUDA_VISIBLE_DEVICES")), "None")
    with pytest.raises(UserError, match="serves one machine only"):
        launch(at_work.ranks, 1, machines=2, device="cpu")


@pytest.mark.long
def test_a_worker_of_joblibs_pool_may_launch_and_train_with_workers(toy_root, tmp_path):
    joblib = pytest.importorskip("joblib")
    jobs = [
        joblib.delayed(launch)(at_work.train_toys, ranks, device="cpu", args=(toy_root, tmp_path / f"{ranks}"))
        for ranks in (2,)
    ]
    joblib.Parallel(n_jobs=2, backend="loky")(jobs)
    assert (tmp_path / "2/model_final.pth").is_file()


def test_parts_without_normalisation_are_the_whole_batch(one_process):
    """What differs is the randomness of the parts, so the weights are close, not equal."""
    two, whole = (load_weights_only(Path(one_process(parts)) / "model_final.pth")["model"] for parts in (2, 1))
    torch.testing.assert_close(whole["head.weight"], two["head.weight"], rtol=0.1, atol=0.02)
