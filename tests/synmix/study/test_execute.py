"""A run is trained once, resumed where it broke, and its failure stops nobody else."""

import importlib.util
import shutil
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from synmix.config_files import CONFIGS
from synmix.errors import UserError
from synmix.files import write_text
from synmix.study import scale, study
from synmix.study.execute import execute, execute_or_wait
from synmix.study.experiments import Trainings, all_runs, experiment
from synmix.study.recipe import recipe
from synmix.study.scale import load_scale
from synmix.study.store import Store

MINI = load_scale("mini")
TRAININGS = Trainings(MINI)


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store")


@pytest.fixture
def threads(monkeypatch):
    """Workers that share this process, so that they see the fake trainer."""
    monkeypatch.setattr(study._Workers, "_new_pool", lambda self: ThreadPoolExecutor(self._count))


def test_a_finished_run_is_never_repeated(store, trainer):
    assert execute(TRAININGS.real, MINI, store).result == "finished"
    assert execute(TRAININGS.real, MINI, store).result == "skipped"
    assert trainer.trained == [TRAININGS.real.id]
    assert set(store.record(TRAININGS.real.id).results) == set(MINI.evaluated.values())


def test_a_failure_is_recorded_and_the_run_resumed(store, trainer):
    trainer.failures["real160"] = RuntimeError("the\ndisk is full")
    outcome = execute(TRAININGS.real, MINI, store)
    assert (outcome.result, outcome.reason) == ("failed", "RuntimeError: the disk is full")
    assert "Traceback" in (store.folder(TRAININGS.real) / "failure.txt").read_text()
    trainer.failures.clear()
    assert execute(TRAININGS.real, MINI, store).result == "finished"
    assert len(trainer.trained) == 2
    assert store.status(TRAININGS.real).attempts == 2


def test_a_stopped_run_is_broken_not_failed(store, trainer):
    trainer.failures["real160"] = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        execute(TRAININGS.real, MINI, store)
    assert (store.status(TRAININGS.real).state, store.status(TRAININGS.real).reason) == ("broken", "it was stopped")


def test_finetuning_trains_its_pretraining_first_or_says_that_it_is_missing(store, trainer):
    run = TRAININGS.finetuning()
    refused = execute(run, MINI, store, missing_pretraining="fail")
    assert refused.result == "failed" and run.init.id in refused.reason and trainer.trained == []
    assert execute(run, MINI, store).result == "finished"
    assert trainer.trained == [run.init.id, run.id]
    weights = store.folder(run.init) / "model_final.pth"
    assert str(weights) == recipe(run, MINI, store.folder(run), weights).MODEL.WEIGHTS
    weights.unlink()
    again = execute(run.with_seed(0).__class__(**{**run.__dict__, "lr": 0.5}), MINI, store)
    assert again.result == "failed" and "is gone" in again.reason


def test_an_edited_run_is_a_sentence(store, trainer):
    execute(TRAININGS.real, MINI, store)
    write_text(store.folder(TRAININGS.real) / "config.yaml", "SEED: 9")
    with pytest.raises(UserError, match="was edited since the run finished"):
        execute(TRAININGS.real, MINI, store)


def test_a_run_of_another_config_is_neither_passed_off_nor_lost(store, trainer, monkeypatch, tmp_path):
    configs = tmp_path / "configs"
    shutil.copytree(CONFIGS, configs)
    monkeypatch.setattr(scale, "CONFIGS", configs)
    run, base = TRAININGS.real, configs / "Base-RCNN-FPN.yaml"
    execute(run, MINI, store)
    base.write_text("# a comment more\n" + base.read_text())
    assert execute(run, MINI, store).result == "skipped"
    base.write_text(base.read_text().replace("VERSION: 2", "VERSION: 1"))
    with pytest.raises(UserError, match=r"was trained with another config.*Take another store"):
        execute(run, MINI, store)
    assert set(store.record(run.id).results) == set(MINI.evaluated.values())
    fresh = Store(tmp_path / "fresh")
    trainer.failures["start_"] = RuntimeError("no such key")
    assert execute(run, MINI, fresh).result == "failed"
    (
        fresh.folder(run.init) / "last_checkpoint"
    ).unlink()  # nothing was trained yet: with the config mended it may go on
    trainer.failures.clear()
    base.write_text(base.read_text().replace("VERSION: 1", "VERSION: 2"))
    assert execute(run, MINI, fresh).result == "finished"


def test_a_data_set_added_later_is_evaluated_without_training_again(store, trainer):
    run = TRAININGS.real
    small = replace(MINI, evaluated={"real": MINI.evaluated["real"]})
    execute(run, small, store)
    folder = store.folder(run)
    first = (folder / "results" / f"{MINI.evaluated['real']}.json").read_bytes()
    assert store.unevaluated(run, MINI.evaluated.values()) == [MINI.evaluated["synthetic"], MINI.evaluated["test"]]
    further = execute(run, MINI, store)
    assert further.result == "finished" and trainer.trained == [run.id]
    assert set(store.record(run.id).results) == set(MINI.evaluated.values())
    assert (folder / "results" / f"{MINI.evaluated['real']}.json").read_bytes() == first
    assert execute(run, MINI, store).result == "skipped"
    assert not list(folder.glob("evaluation-*"))


def test_a_failed_further_evaluation_leaves_the_run_finished(store, trainer, monkeypatch):
    run = TRAININGS.real
    execute(run, replace(MINI, evaluated={"real": MINI.evaluated["real"]}), store)

    def lost(cfg):
        raise UserError("the data set is not there")

    monkeypatch.setattr(sys.modules["synmix.train.run"], "evaluate", lost)
    assert execute(run, MINI, store).reason == "the data set is not there"
    assert set(store.record(run.id).results) == {MINI.evaluated["real"]}
    (store.folder(run) / "model_final.pth").unlink()
    assert "model_final.pth' is gone" in execute(run, MINI, store).reason


def test_whoever_comes_second_is_told_that_the_run_is_busy(store, trainer, monkeypatch):
    monkeypatch.setattr("synmix.study.execute._POLL_SECONDS", 0.05)
    started, go_on = threading.Event(), threading.Event()
    trainer.during = lambda cfg: (started.set(), go_on.wait(20))
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(execute, TRAININGS.real, MINI, store)
        assert started.wait(20)
        assert execute(TRAININGS.real, MINI, store).result == "busy"
        threading.Timer(0.1, go_on.set).start()
        assert execute_or_wait(TRAININGS.real, MINI, store).result == "skipped"
        assert first.result().result == "finished"
    assert len(trainer.trained) == 1


@pytest.mark.usefixtures("threads")
def test_a_study_goes_on_without_what_failed_and_repeats_only_that(store, trainer):
    runs = all_runs([experiment("removal_on_off", MINI)])
    broken = TRAININGS.pretraining().with_seed(1)
    trainer.failures[broken.id] = RuntimeError("no luck")
    outcomes = {outcome.run: outcome for outcome in study.run_all(runs, MINI, store, workers=3)}
    failed = {run for run, outcome in outcomes.items() if outcome.result == "failed"}
    assert failed == {broken.id, TRAININGS.finetuning().with_seed(1).id}
    assert "no luck" in outcomes[TRAININGS.finetuning().with_seed(1).id].reason
    starts = {run.init for run in runs if run.init and run.init.is_start}
    assert {run.seed for run in starts} == set(MINI.grid["repeats"])
    assert len(trainer.trained) == len(runs) - len(starts) - 1  # which the fake does not count; and what was not tried
    trainer.failures.clear()
    trainer.trained.clear()
    again = study.run_all(runs, MINI, store, workers=3)
    assert {outcome.result for outcome in again} == {"skipped", "finished"}
    assert set(trainer.trained) == failed
    with store.sweep_lock(), pytest.raises(UserError, match="wait until it ends"):
        study.run_all(runs, MINI, store)
    place = {run: index for index, run in enumerate(runs)}
    assert all(place[run.init] < place[run] for run in runs if run.init)


@pytest.mark.usefixtures("threads", "trainer")
def test_removal_thresholds_are_chosen_from_all_seeds_of_the_store(store):
    figure_4 = replace(experiment("removal", MINI), seeds=(0, 1))
    study.run_all(all_runs([figure_4]), MINI, store, workers=3)
    spec = importlib.util.spec_from_file_location("choose_removal", CONFIGS.parent / "tools/choose_removal.py")
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    found = tool._of_study(store.root, "mini")
    assert [percent for percent, _ in found] == [percent for percent in MINI.grid["removal"] for _ in range(2)]
    curves = tool._curves(found)
    assert {len(aps) for curve in curves.values() for aps in curve.values()} == {2}
