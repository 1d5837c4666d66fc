"""Sweeps through Hydra: each job one run, failures told at the end, a repeated command repeats nothing."""

import importlib
import sys

import polars as pl
import pytest
from hydra.core.global_hydra import GlobalHydra

from synmix.config import CONFIGS
from synmix.files import read_json
from synmix.study.store import Store

TOOL = CONFIGS.parent / "tools/sweep.py"


@pytest.fixture
def sweep(monkeypatch, tmp_path):
    """Calls tools/sweep.py in this process, on the miniature; returns its exit code."""

    def call(*arguments: str) -> int:
        module = importlib.import_module("synmix.cli.sweep")
        flags = [argument for argument in arguments if argument.startswith("-")]
        keys = [argument for argument in arguments if not argument.startswith("-")]
        scale = [] if any(key.startswith("scale=") for key in keys) else ["scale=mini"]
        command = ["sweep.py", *flags, *scale, f"store={tmp_path / 'store'}", *keys]
        monkeypatch.setattr(sys, "argv", command)
        GlobalHydra.instance().clear()
        return module.main()

    return call


def test_a_sweep_fails_where_a_run_fails_and_repeats_only_that(sweep, trainer, tmp_path, capsys):
    trainer.failures["ratio_REAL_SHARE50"] = RuntimeError("no [luck]")
    assert sweep("-m", "+experiment=ratio") == 1
    store = Store(tmp_path / "store")
    states = {run_id: store.status(run_id).state for run_id in store.ids()}
    assert sorted(states.values()) == ["failed"] + 5 * ["finished"]  # with the start of all
    shown = capsys.readouterr().err
    assert "no [luck]" in shown and "1 of 5 did not end" in shown
    trainer.failures.clear()
    trainer.trained.clear()
    assert sweep("-m", "+experiment=ratio") == 0
    assert len(trainer.trained) == 1 and trainer.trained[0].startswith("ratio_REAL_SHARE50")
    assert (tmp_path / "store/index.parquet").exists()


def test_keys_by_hand_and_a_single_run(sweep, trainer):
    assert sweep("-m", "config=ratio.yaml", "+set.DATASETS.REAL_SHARE=0,50", "+set.SOLVER.BASE_LR=0.1,0.2") == 0
    assert len(set(trainer.trained)) == 4
    trainer.trained.clear()
    assert sweep("config=ratio.yaml", "+set.DATASETS.REAL_SHARE=50", "+set.SOLVER.BASE_LR=0.1") == 0
    assert trainer.trained == []


def test_any_config_needs_no_scale(sweep, trainer, tmp_path):
    assert sweep("-m", "config=mini.yaml", "+set.SOLVER.MAX_ITER=20,40", "seed=0,1") == 0
    index = pl.read_parquet(tmp_path / "store/index.parquet")
    assert set(index["iterations"]) == {20, 40} and set(index["seed"]) == {0, 1} and set(index["state"]) == {"finished"}


def test_bad_values_fail_their_job_only(sweep, trainer, capsys):
    assert sweep("-m", "config=synscapes_3k.yaml", "+set.DATASETS.REMOVAL.default=lots,30") == 1
    assert "DATASETS.REMOVAL.default" in capsys.readouterr().err.replace("\n", " ").replace("│", "")
    assert len(trainer.trained) == 1


def test_a_missing_pretraining_can_be_a_failure(sweep, trainer, capsys):
    assert sweep("config=finetune_best.yaml", "missing_pretraining=fail") == 1
    assert trainer.trained == []


def test_a_second_sweep_on_the_store_is_refused(sweep, trainer, tmp_path, capsys):
    with Store(tmp_path / "store").sweep_lock():
        assert sweep("-m", "+experiment=domain_gap") == 2
    assert "wait until it ends" in capsys.readouterr().err
    assert trainer.trained == []


def test_unknown_keys_and_experiments_begin_nothing(sweep, trainer, tmp_path):
    for arguments in (["+experiment=ratios"], ["config=mini.yaml", "solver.learning=1"], ["scale=huge"]):
        assert sweep("-m", *arguments) == 2
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize(
    "keys", [["-m", "+set.DATASETS.REMOVAL.default=lots,30"], ["+set.DATASETS.REMOVAL.default=30"]]
)
def test_json_holds_what_became_of_each_job(sweep, trainer, tmp_path, keys):
    file = tmp_path / "sweep.json"
    assert sweep("config=synscapes_3k.yaml", f"--json={file}", *keys) == len(keys) - 1
    found = read_json(file)
    assert found["store"] == str(tmp_path / "store") and found["folder"].startswith(f"{found['store']}/sweeps/")
    *failed, finished = found["runs"]
    assert finished["result"] == "finished" and finished["run"] == trainer.trained[0]
    assert [each["result"] for each in failed] == ["failed"] * (len(keys) - 1)
    assert all("DATASETS.REMOVAL.default" in each["reason"] for each in failed)


def test_a_sweep_that_does_not_begin_writes_none(sweep, tmp_path):
    assert sweep("-m", "scale=huge", f"--json={tmp_path / 'sweep.json'}") == 2
    assert not (tmp_path / "sweep.json").exists()
