"""The table that a store gives, and training until its answer is decided."""

from dataclasses import replace
from pathlib import Path

import pytest
from tests.synmix.conftest import draw_table

from synmix.answer import Cell, answer
from synmix.errors import UserError
from synmix.evaluate.result import make_result
from synmix.study.answering import comparable, read_store, table_of
from synmix.study.execute import execute
from synmix.study.experiments import REAL, STUDY, baseline, trained_for, training
from synmix.study.index import readable_records
from synmix.study.scale import load_scale
from synmix.study.store import Record, Status, Store
from synmix.study.until import run_until_decided

MINI = load_scale("mini")
ON = MINI.data_set(REAL)
MIXTURE, CONTROL = trained_for(MINI, 160, 320, 450), trained_for(MINI, 160, 0, 450)


def record(run, skill: float, images: int = 40) -> Record:
    result = make_result(ON, draw_table(skill, 7 * run.seed + run.facts["synthetic"], images), resamples=50)
    return Record(run, Status("finished", seconds=3600.0), Path("nowhere") / run.id, {ON: result})


def pairs(seeds: int, gain: float) -> list[Record]:
    runs = [
        (run.with_seed(seed), skill) for seed in range(seeds) for run, skill in ((CONTROL, 0.5), (MIXTURE, 0.5 + gain))
    ]
    return [record(run, skill) for run, skill in runs]


def test_only_trainings_that_differ_in_data_and_length_are_compared():
    others = [training(MINI, name) for name in ("finetune_best.yaml", "mixture_all_labels.yaml", "synscapes_20k.yaml")]
    alike = [*pairs(2, 0.1), record(baseline(MINI), 0.5), record(training(MINI, "ratio.yaml"), 0.5)]
    chosen = comparable([*(record(run, 0.9) for run in others), record(baseline(MINI).init, 0.9), *alike])
    assert {r.run for r in chosen} == {r.run for r in alike}


def test_a_store_s_match_tables_say_what_the_choice_of_images_does():
    seeds = range(3)  # that differ in nothing
    alike = [
        replace(record(run, skill), run=run.with_seed(s))
        for s in seeds
        for run, skill in ((CONTROL, 0.5), (MIXTURE, 0.7))
    ]
    table = table_of(alike, None, "store")
    assert set(table.cells) == {Cell(160, 0, 450), Cell(160, 320, 450)}
    assert table.hours_per_iteration == pytest.approx(1 / 450)
    found = answer(table)
    assert found.verdict == "helps" and found.gain.seeds == 3 and found.gain.estimate.variance > 0.1
    assert found.table.trainings[0].image_se > 0.5
    assert answer(replace(table, image_variance=lambda first, second: (0.0, 0.0))).gain.estimate.variance == 0


def test_stores_that_give_no_table(tmp_path):
    with pytest.raises(UserError, match="holds no runs"):
        read_store(tmp_path)
    with pytest.raises(UserError, match="no finished run was evaluated on 'other'"):
        table_of(pairs(2, 0.1), "other", "store")
    with pytest.raises(UserError, match="different images"):
        table_of([*pairs(2, 0.1), record(baseline(MINI), 0.5, images=30)], None, "store")


@pytest.fixture
def train(tmp_path, trainer):
    store = Store(tmp_path / "store")
    return store, lambda runs: [execute(run, store) for run in runs]


def test_it_trains_pairs_until_the_answer_is_decided(train):
    store, run_all = train
    said = []
    experiment = STUDY.experiment("answer", MINI)
    run_until_decided(experiment, MINI, store, run_all, looks=2, budget=None, say=said.append)
    table = read_store(store.root)
    assert {len(runs) for runs in table.cells.values()} in ({3}, {4})  # three seeds are the least, two looks the most
    assert list(table.cells) == [Cell(160, 0, 450), Cell(160, 320, 450)]
    assert said[-1].startswith("Stop: ") and len(said) == len(table.cells[Cell(160, 0, 450)]) + 1
    assert run_until_decided(experiment, MINI, store, run_all, looks=2, budget=None, say=said.append) == []


def test_what_the_store_holds_of_another_recipe_does_not_lead_it_astray(train):
    store, run_all = train
    others = [{"DATASETS.IMAGES": [real, 320], "SOLVER.BASE_LR": 0.5} for real in range(170, 178)]
    run_all([training(MINI, "mixture.yaml", keys) for keys in others])
    assert len(comparable(readable_records(store)[0])) == len(others)
    run_until_decided(STUDY.experiment("answer", MINI), MINI, store, run_all, looks=1, budget=None, say=str)
    own = table_of(readable_records(store)[0], ON, "store", MIXTURE)
    assert {cell: len(runs) for cell, runs in own.cells.items()} == {Cell(160, 0, 450): 3, Cell(160, 320, 450): 3}


def test_it_stops_at_the_budget_and_at_a_failure(train, trainer):
    store, run_all = train
    said = []
    experiment = STUDY.experiment("answer", MINI)
    hours = (1200 + 450 + 450) * MINI.seconds_per_iteration / 3600
    run_until_decided(experiment, MINI, store, run_all, looks=3, budget=0.9 * hours, say=said.append)
    assert not trainer.trained and "the budget is" in said[-1]
    trainer.failures["IMAGES160-320"] = RuntimeError("broken")
    run_until_decided(experiment, MINI, store, run_all, looks=3, budget=None, say=said.append)
    assert "did not end" in said[-1]
    with pytest.raises(UserError, match="asks the experiment 'answer'"):
        run_until_decided(STUDY.experiment("ratio", MINI), MINI, store, run_all, 3, None)
