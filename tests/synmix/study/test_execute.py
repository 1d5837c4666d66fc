"""A run is trained once, resumed where it broke, and its failure stops nobody else."""

import shutil
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from synmix.cli import choose_removal as tool
from synmix.config import CONFIGS
from synmix.errors import UserError
from synmix.files import write_text
from synmix.study import runs, study
from synmix.study.execute import Options, execute, execute_or_wait
from synmix.study.experiments import REAL, STUDY, SYNTHETIC, TEST, all_runs, baseline, training
from synmix.study.index import read_index
from synmix.study.runs import config_of, make_run
from synmix.study.scale import load_scale
from synmix.study.store import Store

MINI = load_scale("mini")
RUN = baseline(MINI)
FINETUNED = training(MINI, "finetune_best.yaml")


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store")


@pytest.fixture
def threads(monkeypatch):
    """Workers that share this process, so that they see the fake trainer."""
    monkeypatch.setattr(study._Workers, "_new_pool", lambda self: ThreadPoolExecutor(self._count))


def test_a_finished_run_is_never_repeated(store, trainer):
    assert execute(RUN, store).result == "finished"
    assert execute(RUN, store).result == "skipped"
    assert trainer.trained == [RUN.id]
    assert set(store.record(RUN.id).results) == set(RUN.test_sets)


def test_a_failure_is_recorded_and_the_run_resumed(store, trainer):
    trainer.failures["cityscapes_"] = RuntimeError("the\ndisk is full")
    outcome = execute(RUN, store)
    assert (outcome.result, outcome.reason) == ("failed", "RuntimeError: the disk is full")
    assert "Traceback" in (store.folder(RUN) / "failure.txt").read_text()
    trainer.failures.clear()
    assert execute(RUN, store).result == "finished"
    assert len(trainer.trained) == 2
    assert store.status(RUN).attempts == 2


def test_a_stopped_run_is_broken_not_failed(store, trainer):
    trainer.failures["cityscapes_"] = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        execute(RUN, store)
    assert (store.status(RUN).state, store.status(RUN).reason) == ("broken", "it was stopped")


def test_finetuning_trains_its_pretraining_first_or_says_that_it_is_missing(store, trainer):
    refused = execute(FINETUNED, store, Options(missing_pretraining="fail"))
    assert refused.result == "failed" and FINETUNED.init.id in refused.reason and trainer.trained == []
    assert execute(FINETUNED, store).result == "finished"
    assert trainer.trained == [FINETUNED.init.id, FINETUNED.id]
    weights = store.folder(FINETUNED.init) / "model_final.pth"
    assert str(weights) == config_of(FINETUNED, store.folder(FINETUNED), weights).MODEL.WEIGHTS
    weights.unlink()
    again = execute(training(MINI, "finetune.yaml", {"SOLVER.BASE_LR": 0.5}), store)
    assert again.result == "failed" and "is gone" in again.reason


def test_a_run_that_starts_from_a_failed_one_is_not_trained(store, trainer):
    trainer.failures["synscapes_20k_removal_"] = RuntimeError("no luck")
    outcome = execute(FINETUNED, store)
    assert outcome.result == "failed" and FINETUNED.init.id in outcome.reason and "no luck" in outcome.reason
    assert FINETUNED.id not in trainer.trained
    assert store.status(FINETUNED).state == "failed"


def test_an_edited_run_is_a_sentence(store, trainer):
    execute(RUN, store)
    write_text(store.folder(RUN) / "config.yaml", "SEED: 9")
    with pytest.raises(UserError, match="was edited since the run finished"):
        execute(RUN, store)


def test_a_changed_base_is_another_run(store, trainer, tmp_path):
    configs = tmp_path / "configs"
    shutil.copytree(CONFIGS, configs)
    run = make_run(str(configs / "mini.yaml"))
    assert execute(run, store).result == "finished"
    base = configs / "Base-RCNN-FPN.yaml"
    base.write_text("# a comment more\n" + base.read_text().replace("NUM_WORKERS: 4", "NUM_WORKERS: 3"))
    runs._make.cache_clear()
    assert execute(make_run(str(configs / "mini.yaml")), store).result == "skipped"
    base.write_text(base.read_text().replace("POOLER_RESOLUTION: 7", "POOLER_RESOLUTION: 5"))
    runs._make.cache_clear()
    changed = make_run(str(configs / "mini.yaml"))
    assert changed != run and execute(changed, store).result == "finished"
    assert trainer.trained == [run.id, changed.id]


def test_the_index_is_written_as_soon_as_a_run_ends(store, trainer):
    execute(RUN, store)
    row = read_index(store).filter(run=RUN.id, data_set=MINI.data_set(REAL)).to_dicts()[0]
    expected = {
        "config": "cityscapes.yaml", "seed": 0, "processes": 1, "devices": "cpu", "parts": 1, "images_per_step": 4,
        "iterations": 200, "real_images": 160, "synthetic_images": 0, "state": "finished",
    }  # fmt: skip
    assert {key: row[key] for key in expected} == expected
    assert row["AP"] > 0 and row["AP-car"] > 0 and row["started"] < row["ended"] + "~" and row["gpu_hours"] >= 0


def test_a_data_set_added_later_is_evaluated_without_training_again(store, trainer):
    one = training(MINI, "cityscapes.yaml", {"DATASETS.TEST": [MINI.data_set(REAL)]})
    assert one == RUN and execute(one, store).result == "finished"
    folder = store.folder(RUN)
    first = (folder / "results" / f"{MINI.data_set(REAL)}.json").read_bytes()
    assert store.unevaluated(RUN) == [MINI.data_set(name) for name in (SYNTHETIC, TEST)]
    further = execute(RUN, store)
    assert further.result == "finished" and len(trainer.trained) == 1
    assert set(store.record(folder.name).results) == set(RUN.test_sets)
    assert (folder / "results" / f"{MINI.data_set(REAL)}.json").read_bytes() == first
    assert execute(RUN, store).result == "skipped"
    assert not list(folder.glob("evaluation-*"))


def test_a_failed_further_evaluation_leaves_the_run_finished(store, trainer, monkeypatch):
    one = training(MINI, "cityscapes.yaml", {"DATASETS.TEST": [MINI.data_set(REAL)]})
    execute(one, store)

    def lost(cfg):
        raise UserError("the data set is not there")

    monkeypatch.setattr(sys.modules["synmix.train.run"], "evaluate", lost)
    assert execute(RUN, store).reason == "the data set is not there"
    assert set(store.record(store.folder(RUN).name).results) == {MINI.data_set(REAL)}
    (store.folder(RUN) / "model_final.pth").unlink()
    assert "model_final.pth' is gone" in execute(RUN, store).reason


def test_whoever_comes_second_is_told_that_the_run_is_busy(store, trainer, monkeypatch):
    monkeypatch.setattr("synmix.study.execute._POLL_SECONDS", 0.05)
    started, go_on = threading.Event(), threading.Event()
    trainer.during = lambda cfg: (started.set(), go_on.wait(20))
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(execute, RUN, store)
        assert started.wait(20)
        assert execute(RUN, store).result == "busy"
        threading.Timer(0.1, go_on.set).start()
        assert execute_or_wait(RUN, store).result == "skipped"
        assert first.result().result == "finished"
    assert len(trainer.trained) == 1


@pytest.mark.usefixtures("threads")
def test_a_study_goes_on_without_what_failed_and_repeats_only_that(store, trainer):
    wanted = all_runs([STUDY.experiment("removal_on_off", MINI)])
    broken = FINETUNED.init.with_seed(1)
    trainer.failures[broken.id] = RuntimeError("no luck")
    outcomes = {outcome.run: outcome for outcome in study.run_all(wanted, store, workers=3)}
    failed = {run for run, outcome in outcomes.items() if outcome.result == "failed"}
    assert failed == {broken.id, FINETUNED.with_seed(1).id}
    assert "no luck" in outcomes[FINETUNED.with_seed(1).id].reason
    starts = {run for run in wanted if run.config == "mini_start.yaml"}
    assert {run.seed for run in starts} == set(MINI.grid["repeats"])
    assert len(trainer.trained) == len(wanted) - len(starts) - 1  # not counted, not tried
    trainer.failures.clear()
    trainer.trained.clear()
    again = study.run_all(wanted, store, workers=3)
    assert {outcome.result for outcome in again} == {"skipped", "finished"}
    assert set(trainer.trained) == failed
    with store.sweep_lock(), pytest.raises(UserError, match="wait until it ends"):
        study.run_all(wanted, store)
    place = {run: index for index, run in enumerate(wanted)}
    assert all(place[run.init] < place[run] for run in wanted if run.init)


@pytest.mark.usefixtures("threads", "trainer")
def test_removal_thresholds_are_chosen_from_all_seeds_of_the_store(store):
    figure_4 = replace(STUDY.experiment("removal", MINI), seeds=(0, 1))
    study.run_all(all_runs([figure_4]), store, workers=3)
    found = tool._of_study(MINI, store)
    assert [percent for percent, _ in found] == [percent for percent in MINI.grid["removal"] for _ in range(2)]
    curves = tool._curves(found)
    assert {len(aps) for curve in curves.values() for aps in curve.values()} == {2}
