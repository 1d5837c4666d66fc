"""The store: many writers, kills, edits, other versions."""

import multiprocessing
import os
import signal
import time

import polars as pl
import pytest

from synmix.errors import UserError
from synmix.files import write_json, write_text
from synmix.locks import BusyError
from synmix.study.experiments import STUDY, baseline
from synmix.study.index import SCHEMA, read_index, readable_records, write_index
from synmix.study.runs import make_run
from synmix.study.scale import load_scale
from synmix.study.store import Store

MINI = load_scale("mini")
RUN = baseline(MINI)


def finish(store: Store, run=RUN) -> None:
    with store.lock(run):
        store.begin(run)
        store.end(run, "finished", "", 3.0)


def test_a_run_goes_through_its_states(tmp_path):
    store = Store(tmp_path / "store")
    assert store.status(RUN).state == "missing" and not (tmp_path / "store").exists()
    with store.lock(RUN):
        store.begin(RUN)
        assert store.status(RUN).state == "running"
    assert store.status(RUN).state == "broken"  # nobody holds it any more
    with store.lock(RUN):
        store.begin(RUN)
        store.end(RUN, "failed", "out of luck", 5.0)
    assert (store.status(RUN).state, store.status(RUN).reason) == ("failed", "out of luck")
    finish(store)
    status = store.status(RUN)
    assert (status.state, status.attempts, status.seconds) == ("finished", 3, 8.0)
    assert store.record(RUN.id).run == RUN


@pytest.mark.parametrize("name", ["config.yaml", "results/x.json", "run.json"])
def test_edited_files_are_noticed(tmp_path, name):
    store = Store(tmp_path)
    write_text(store.folder(RUN) / "config.yaml", "A: 1")
    finish(store)
    store.verify(RUN)
    write_text(store.folder(RUN) / name, "{}")
    with pytest.raises(UserError, match=f"{name}' was (edited|added) since the run finished"):
        store.verify(RUN)
    (store.folder(RUN) / name).unlink()
    if not name.startswith("results"):
        with pytest.raises(UserError, match="is gone"):
            store.verify(RUN)


def test_other_stores_are_refused(tmp_path):
    write_json(tmp_path / "old/store.json", {"format": "synmix study store", "version": 1})
    with pytest.raises(UserError, match="version 1, this code reads version 2"):
        Store(tmp_path / "old")
    write_json(tmp_path / "other/store.json", ["something"])
    with pytest.raises(UserError, match="not the header"):
        Store(tmp_path / "other")
    write_json(tmp_path / "headless/runs/a/run.json", {})
    with pytest.raises(UserError, match=r"no store\.json"):
        Store(tmp_path / "headless")


def test_a_run_that_was_asked_for_by_another_name_keeps_its_folder(tmp_path):
    store = Store(tmp_path)
    finish(store)
    other = make_run("ratio.yaml", {"DATASETS.REAL_SHARE": 100}, scale=MINI)
    assert other.id != RUN.id and store.folder(other) == store.folder(RUN)
    assert store.status(other).state == "finished" and store.ids() == [RUN.id]


def test_one_sweep_and_one_worker_at_a_time(tmp_path):
    store = Store(tmp_path)
    with store.sweep_lock(), pytest.raises(UserError, match=r"worked on by .*process"), Store(tmp_path).sweep_lock():
        pass
    with store.lock(RUN), pytest.raises(BusyError, match=RUN.id), Store(tmp_path).lock(RUN):
        pass
    with store.lock(RUN):  # free again
        pass


def _write_many(root: str, first: int) -> None:
    store = Store(root)
    for seed in range(first, first + 8):
        finish(store, RUN.with_seed(seed))
        write_index(store)


def test_many_writers_leave_one_whole_index(tmp_path):
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_write_many, args=(str(tmp_path), first)) for first in (0, 4)]  # four in common
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        if (tmp_path / "index.parquet").exists():
            assert read_index(Store(tmp_path)).schema == pl.Schema(SCHEMA)
        time.sleep(0.02)
    assert [writer.exitcode for writer in writers] == [0, 0]
    assert write_index(Store(tmp_path))["seed"].sort().to_list() == list(range(12))
    assert len(pl.read_csv(tmp_path / "index.csv")) == 12


def _begin_and_wait(root: str) -> None:
    store = Store(root)
    with store.lock(RUN):
        store.begin(RUN)
        time.sleep(60)


def test_a_killed_process_frees_its_run(tmp_path):
    process = multiprocessing.get_context("spawn").Process(target=_begin_and_wait, args=(str(tmp_path),))
    process.start()
    store = Store(tmp_path)
    deadline = time.time() + 120
    while store.status(RUN).state != "running" and time.time() < deadline:
        time.sleep(0.05)
    assert store.status(RUN).state == "running"
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    assert store.status(RUN).state == "broken"
    finish(store)


def test_damaged_runs_are_reported_and_the_rest_is_read(tmp_path):
    store = Store(tmp_path)
    runs = STUDY.experiment("ratio", MINI).runs()
    for run in runs:
        finish(store, run)
    write_text(store.folder(runs[0]) / "run.json", "{}")
    write_text(store.folder(runs[1]) / "status.json", '{"shape": "odd"}')
    records, problems = readable_records(store)
    assert len(records) == len(runs) - 2
    assert len(problems) == 2 and all(str(tmp_path) in problem for problem in problems)
