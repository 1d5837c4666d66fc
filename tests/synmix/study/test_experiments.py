"""The paper's tables and figures as runs, by the paper's own counts, and the same by Hydra's sweeps."""

import pytest
from hydra import compose, initialize_config_dir
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import ConfigCompositionException

from synmix.compose import published as planner_numbers
from synmix.config_files import CONFIGS
from synmix.errors import UserError
from synmix.study.experiments import EXPERIMENTS, all_runs, experiment
from synmix.study.scale import load_scale
from synmix.study.sweep import run_of

PAPER = load_scale("paper")


@pytest.mark.parametrize(
    ("name", "cells", "runs"),
    [
        ("domain_gap", 4, 2), ("removal", 20, 10), ("ratio", 22, 11), ("epochs", 18, 18), ("removal_on_off", 12, 6),
        ("finetune", 12, 6), ("hyperparameters", 18, 18), ("test_set", 2, 2),
    ],
)  # fmt: skip
def test_each_has_as_many_runs_as_the_paper(name, cells, runs):
    found = experiment(name, PAPER)
    assert (len(found.cells), len(found.runs())) == (cells, runs)


def test_the_paper_trains_each_distinct_run_once():
    distinct = all_runs(experiment(name, PAPER) for name in EXPERIMENTS if name != "seeds")
    listed = sum(len(experiment(name, PAPER).runs()) for name in EXPERIMENTS if name != "seeds")
    assert len(distinct) == len(set(distinct)) == 60 < listed == 73
    place = {run: index for index, run in enumerate(distinct)}
    assert all(place[run.init] < place[run] for run in distinct if run.init)


def test_shared_cells_are_one_run():
    table_1, table_3, table_5 = (experiment(name, PAPER) for name in ("domain_gap", "epochs", "finetune"))
    baseline = next(cell.run for cell in table_1.cells if cell.published == 35.7)
    assert baseline == next(cell.run for cell in table_3.cells if (cell.row, cell.column) == ("66 epochs", "+0"))
    assert baseline == table_5.cells[0].run
    assert experiment("removal", PAPER).cells[0].run == table_5.cells[2].run


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_published_numbers_agree_wherever_they_meet(name):
    seen = {}
    for other in EXPERIMENTS:
        for cell in experiment(other, PAPER).cells:
            if cell.published is not None:
                assert seen.setdefault((cell.run, cell.domain), cell.published) == cell.published, cell


def test_table_3_is_the_planner_s():
    cells = {(cell.row, cell.column): cell for cell in experiment("epochs", PAPER).cells}
    assert cells["50 epochs", "+20000"].published == planner_numbers.TABLE_3[50][20_000] == 40.9
    assert len({cell.published for cell in cells.values()}) == len({c.average_precision for c in planner_numbers.CELLS})


@pytest.mark.parametrize("scale_name", ["paper", "mini"])
@pytest.mark.parametrize("name", EXPERIMENTS)
def test_hydra_sweeps_the_same_runs(name, scale_name):
    with initialize_config_dir(str(CONFIGS / "sweep"), version_base="1.3"):
        base = [f"+experiment={name}", f"scale={scale_name}"]
        params = compose("sweep", base, return_hydra_config=True).hydra.sweeper.params
        overrides = OverridesParser.create().parse_overrides([f"{key}={value}" for key, value in params.items()])
        jobs = BasicSweeper.split_arguments(overrides, None)[0]
        swept = {run_of(compose("sweep", [*job, *base]))[0] for job in jobs}
    assert swept == set(experiment(name, load_scale(scale_name)).runs())


def test_any_key_by_hand():
    with initialize_config_dir(str(CONFIGS / "sweep"), version_base="1.3"):
        run, scale = run_of(
            compose("sweep", ["compose.real_share=50", "solver.lr=0.2", "+detectron2.SOLVER.WARMUP_ITERS=7", "seed=4"])
        )
        assert (run.real, run.synthetic, run.lr, run.seed) == (1488, 1487, 0.2, 4)
        assert run.overrides == (("SOLVER.WARMUP_ITERS", 7),)
        assert scale == PAPER
        with pytest.raises(ConfigCompositionException):
            compose("sweep", ["solver.learning=3"])
        for bad, sentence in (("compose.real_share=120", "0 to 100"), ("solver.lr=fast", "wrong kind")):
            with pytest.raises(UserError, match=sentence):
                run_of(compose("sweep", [bad]))


def test_unknown_names_list_the_known():
    with pytest.raises(UserError, match=r"Did you mean 'ratio'.*domain_gap, removal"):
        experiment("ratios", PAPER)
