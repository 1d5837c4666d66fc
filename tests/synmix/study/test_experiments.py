"""The paper's tables and figures as runs: what they trained before the configs were their only description, the same by
Hydra's sweeps, published numbers that agree."""

from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.override_parser.overrides_parser import OverridesParser

from synmix.compose import published as planner_numbers
from synmix.config import CONFIGS
from synmix.errors import UserError
from synmix.files import read_json
from synmix.study.experiments import (
    REAL,
    STUDY,
    SYNTHETIC,
    TEST,
    TITLES,
    all_runs,
    answer,
    baseline,
    in_order,
    training,
)
from synmix.study.runs import config_of
from synmix.study.scale import load_scale
from synmix.study.sweep import run_of
from vehicle_keypoints.study import STUDY as KEYPOINTS

PAPER, MINI = load_scale("paper"), load_scale("mini")
BEFORE = read_json(Path(__file__).with_name("before.json"))
DOMAINS = {"real": REAL, "synthetic": SYNTHETIC, "test": TEST}


@pytest.mark.parametrize(
    ("name", "cells", "runs"),
    [
        ("domain_gap", 4, 2), ("removal", 20, 10), ("ratio", 22, 11), ("epochs", 18, 18), ("removal_on_off", 12, 6),
        ("finetune", 12, 6), ("hyperparameters", 18, 18), ("test_set", 2, 2),
    ],
)  # fmt: skip
def test_each_has_as_many_runs_as_the_paper(name, cells, runs):
    found = STUDY.experiment(name, PAPER)
    assert (len(found.cells), len({cell.run for cell in found.cells})) == (cells, runs)


def test_the_paper_trains_each_distinct_run_once():
    tables = [STUDY.experiment(name, PAPER) for name in STUDY.experiments if name not in ("seeds", "answer")]
    distinct = in_order([cell.run for table in tables for cell in table.cells])
    listed = sum(len({cell.run for cell in table.cells}) for table in tables)
    assert len(distinct) == len(set(distinct)) == 60 < listed == 73
    assert set(distinct) < set(all_runs(tables))  # and the controls of equal length
    place = {run: index for index, run in enumerate(distinct)}
    assert all(place[run.init] < place[run] for run in distinct if run.init)


def trained(run) -> dict:
    """What a run trains, in the words of the table that was written before the configs described it."""
    cfg = config_of(run, Path("out"))
    data, solver = cfg.DATASETS, cfg.SOLVER
    return {
        "images": dict(zip(data.TRAIN, data.IMAGES, strict=True)),
        "removal": {name: float(value) for name, value in data.REMOVAL.items() if value},
        "iterations": solver.MAX_ITER,
        "steps": list(solver.STEPS),
        "lr": solver.BASE_LR,
        "momentum": solver.MOMENTUM,
        "batch": solver.IMS_PER_BATCH,
        "warmup": solver.WARMUP_ITERS,
        "weight_decay": solver.WEIGHT_DECAY,
        "min_sizes": list(cfg.INPUT.MIN_SIZE_TRAIN),
        "depth": cfg.MODEL.RESNETS.DEPTH,
        "norm": cfg.MODEL.RESNETS.NORM,
        "test": list(data.TEST),
        "starts_from": trained(run.init) if run.init else cfg.MODEL.WEIGHTS,
    }


@pytest.mark.parametrize("scale", [PAPER, MINI], ids=["paper", "mini"])
@pytest.mark.parametrize("name", BEFORE["paper"])
def test_every_cell_trains_what_it_did_before_the_configs_described_it(name, scale):
    cells = STUDY.experiment(name, scale).cells
    before = BEFORE[scale.name][name]
    assert len(cells) == len(before)
    by_place = {(cell.row, cell.column, cell.data_set): cell for cell in cells}
    for old in before:
        data_set = DOMAINS[old["domain"]]
        column = TITLES[data_set] if old["column"] in DOMAINS else old["column"]
        cell = by_place[old["row"], column, data_set]
        assert trained(cell.run) == old["trains"], cell
        assert old["published"] is None or scale is MINI or cell.published == old["published"], cell


@pytest.mark.parametrize("scale", [PAPER, MINI], ids=["paper", "mini"])
@pytest.mark.parametrize("name", ["epochs", "removal_on_off", "finetune"])
def test_a_control_sees_real_images_alone_for_as_long(name, scale):
    start = baseline(scale).init
    for cell in STUDY.experiment(name, scale).cells:
        equal = cell.control or cell.run
        assert equal.facts["real"] == scale.images and not equal.facts["synthetic"], cell
        assert equal.total_iterations == cell.run.total_iterations and equal.init == start, cell
        assert cell.control or not cell.run.facts["synthetic"], cell


@pytest.mark.parametrize("scale", ["paper", "mini", "day"])
def test_each_mixture_of_the_answer_has_its_control(scale):
    found = load_scale(scale).described().STUDY.experiment("answer", load_scale(scale))
    trained = {(r.facts["real"], r.facts["synthetic"], r.iterations) for r in found.arms()}
    assert all((real, 0, length) in trained for real, _, length in trained)
    assert len({real for real, _, _ in trained}) > 1 and len({length for *_, length in trained}) > 1
    rates = {(r.settings["SOLVER.BASE_LR"], r.init) for r in found.arms()}
    assert len(rates) == 1  # nothing else differs


def test_the_answer_s_best_mixture_is_the_paper_s_and_a_day_is_enough():
    assert training(PAPER, "mixture.yaml") in STUDY.experiment("answer", PAPER).arms()
    day = load_scale("day")
    runs = all_runs([answer(day)])
    assert sum(run.iterations for run in runs) * day.seconds_per_iteration < 20 * 3600  # and evaluation


def test_shared_cells_are_one_run():
    table_1, table_3, table_5 = (STUDY.experiment(name, PAPER) for name in ("domain_gap", "epochs", "finetune"))
    baseline = next(cell.run for cell in table_1.cells if cell.published == 35.7)
    assert baseline == next(cell.run for cell in table_3.cells if (cell.row, cell.column) == ("66 epochs", "+0"))
    assert baseline == table_5.cells[0].run
    assert STUDY.experiment("removal", PAPER).cells[0].run == table_5.cells[2].run


@pytest.mark.parametrize("study", [STUDY, KEYPOINTS], ids=["masks", "keypoints"])
def test_published_numbers_agree_wherever_they_meet(study):
    scale, seen = load_scale("paper" if study is STUDY else "keypoints"), {}
    for name in study.experiments:
        for cell in study.experiment(name, scale).cells:
            if cell.published is not None:
                key = (cell.run, cell.data_set, cell.figure)
                assert seen.setdefault(key, cell.published) == cell.published, cell
    assert len(seen) > 5


def test_table_3_is_the_planner_s():
    cells = {(cell.row, cell.column): cell for cell in STUDY.experiment("epochs", PAPER).cells}
    assert cells["50 epochs", "+20000"].published == planner_numbers.TABLE_3[50][20_000]
    assert len({cell.published for cell in cells.values()}) == len({c.average_precision for c in planner_numbers.CELLS})


def composed(*overrides: str):
    with initialize_config_dir(str(CONFIGS / "sweep"), version_base="1.3"):
        return compose("sweep", list(overrides))


SWEEPS = [
    *((name, scale) for name in STUDY.experiments for scale in ("paper", "mini")),
    ("answer", "day"),
    *((name, scale) for name in KEYPOINTS.experiments for scale in ("keypoints", "keypoints_mini")),
]


@pytest.mark.parametrize(("name", "scale_name"), SWEEPS)
def test_hydra_sweeps_the_same_runs(name, scale_name):
    base = [f"+experiment={name}", f"scale={scale_name}"]
    with initialize_config_dir(str(CONFIGS / "sweep"), version_base="1.3"):
        params = compose("sweep", base, return_hydra_config=True).hydra.sweeper.params
        overrides = OverridesParser.create().parse_overrides([f"{key}={value}" for key, value in params.items()])
        jobs = BasicSweeper.split_arguments(overrides, None)[0]
        swept = {run_of(compose("sweep", [*job, *base])) for job in jobs}
    scale = load_scale(scale_name)
    assert swept == set(scale.described().STUDY.experiment(name, scale).runs())


def test_an_experiment_has_the_paper_s_scale_unless_another_is_given():
    assert composed("+experiment=ratio").scale.name == "paper"
    assert composed("+experiment=ratio", "scale=mini").scale.name == "mini"
    assert composed("+experiment=flip").scale.name == "keypoints"


def test_any_key_of_any_config():
    run = run_of(composed("config=mini.yaml", "+set.SOLVER.MAX_ITER=20", "seed=1", "processes=2"))
    assert (run.config, run.iterations, run.seed, run.parts) == ("mini.yaml", 20, 1, 2)
    run = run_of(composed("+experiment=ratio", "run=1", "scale=mini", "+set.SOLVER.BASE_LR=0.2", "seed=4"))
    assert (run.settings["SOLVER.BASE_LR"], run.seed) == (0.2, 4)
    for bad, sentence in (
        (["config=mini.yaml", "+set.SOLVER.MAX_ITR=3"], r"SOLVER\.MAX_ITER"),
        (["config=mini.yaml", "+set.SOLVER.BASE_LR=fast"], "BASE_LR"),
        (["config=mni.yaml"], "mini.yaml"),
        (["config=mini.yaml", "seed=x"], "whole number"),
        ([], "config=FILE"),
    ):
        with pytest.raises(UserError, match=sentence):
            run_of(composed(*bad))


def test_unknown_names_list_the_known():
    with pytest.raises(UserError, match=r"Did you mean 'ratio'.*domain_gap, removal"):
        STUDY.experiment("ratios", PAPER)
