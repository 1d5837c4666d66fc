"""Schedules and the planner, against every number in the paper's text (3.3, 4.2, 4.3)."""

import shlex
from itertools import pairwise
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synmix.compose import published
from synmix.compose.budget import (
    PAPER_FRACTIONS,
    describe_learning_rate,
    describe_schedule,
    effective_learning_rate,
    epochs_of,
    iterations_of,
    resolve_schedule,
    steps_of,
)
from synmix.compose.planner import nearest_cells, plan
from synmix.config import load_config
from synmix.errors import UserError


class Config(SimpleNamespace):
    """The part of a CfgNode that a schedule touches."""

    def __init__(self, epochs=None, max_iter=40_000, steps=(30_000,), fractions=PAPER_FRACTIONS, batch=8, frozen=False):
        solver = SimpleNamespace(
            EPOCHS=epochs, MAX_ITER=max_iter, STEPS=steps, STEP_FRACTIONS=fractions, IMS_PER_BATCH=batch
        )
        super().__init__(SOLVER=solver, frozen=frozen)

    def is_frozen(self):
        return self.frozen

    def freeze(self):
        self.frozen = True

    def defrost(self):
        self.frozen = False


def resolved(num_images=2975, **keys):
    cfg = Config(**keys)
    resolve_schedule(cfg, num_images)
    return cfg.SOLVER.MAX_ITER, cfg.SOLVER.STEPS


@pytest.mark.parametrize(
    "iterations, images, epochs",
    [(24_000, 2975, 64.54), (80_000, 12_800, 50.0), (20_000, 3_000, 53.3), (140_000, 22_975, 48.7)],
)
def test_the_papers_iterations_in_epochs(iterations, images, epochs):
    assert epochs_of(iterations, images, 8) == pytest.approx(epochs, abs=0.05)


@pytest.mark.parametrize(
    "epochs, images, iterations",
    [
        (50, 2975, 18_594),  # "20k iterations, which approximately correspond to 50 epochs on 3k images"
        (50, 22_975, 143_594),  # "23k images during 50 epochs ... more than 140k iterations"
        (50, 12_800, 80_000),  # "80k iterations, ... 640k processed images, ... 50 epochs on 12,800 images"
        (66, 2975, 24_544),  # the "66 epochs" row is the 24k baseline, nearly
        (100, 20_000, 250_000),  # pre-training (4.3)
        (0.001, 8, 1),
    ],
)
def test_the_papers_epochs_in_iterations(epochs, images, iterations):
    assert iterations_of(epochs, images, 8) == iterations


@given(st.integers(1, 300_000), st.integers(1, 30_000), st.integers(1, 64))
def test_iterations_to_epochs_and_back(iterations, images, batch):
    assert iterations_of(epochs_of(iterations, images, batch), images, batch) == iterations


def test_steps_fall_at_the_papers_fractions():
    assert steps_of(24_000, PAPER_FRACTIONS) == (18_000, 22_000)
    assert steps_of(8, PAPER_FRACTIONS) == (6, 7)


@given(st.integers(1, 100_000), st.lists(st.floats(0.01, 0.99), max_size=4))
def test_steps_ascend_inside_the_training(iterations, fractions):
    steps = steps_of(iterations, fractions)
    assert list(steps) == sorted(set(steps))
    assert all(0 < step < iterations for step in steps)


def test_epochs_iterations_and_steps_resolve():
    assert resolved(epochs=50) == (18_594, (13_946, 17_044))
    assert resolved(epochs=24_000 * 8 / 2975)[0] == 24_000
    assert resolved() == (40_000, (30_000,))
    assert resolved(max_iter=30_000) == (30_000, ())  # a step that is never reached
    assert resolved(steps=(), max_iter=24_000) == (24_000, (18_000, 22_000))
    assert resolved(epochs=50, fractions=()) == (18_594, ())


def test_a_frozen_config_stays_frozen():
    cfg = Config(epochs=1, frozen=True)
    resolve_schedule(cfg, 800)
    assert cfg.frozen and cfg.SOLVER.MAX_ITER == 100


def test_one_effective_rate_behind_both_optima():
    """4.3: the curves of Figure 6 peak at lr 0.0005 with momentum 0.9 and at 0.005 without; the baseline's is 0.1."""
    assert effective_learning_rate(0.0005, 0.9) == pytest.approx(0.005)
    assert effective_learning_rate(0.005, 0.0) == 0.005
    assert effective_learning_rate(0.01, 0.9) == pytest.approx(0.1)


def test_the_papers_worked_example():
    recommended = plan(80_000)
    assert (recommended.real, recommended.synthetic, recommended.images) == (2975, 9825, 12_800)
    assert (recommended.iterations, recommended.epochs) == (80_000, 50.0)


def test_small_and_large_budgets():
    assert (plan(10_000).real, plan(10_000).synthetic, plan(10_000).iterations) == (2975, 0, 10_000)
    assert (plan(18_594).synthetic, plan(18_594).epochs) == (0, pytest.approx(50, abs=0.01))
    assert (plan(200_000).synthetic, plan(200_000).iterations) == (20_000, 143_594)
    with pytest.raises(UserError, match="the budget is 0"):
        plan(0)


@given(st.integers(1, 200_000), st.integers(1, 5_000), st.integers(0, 30_000), st.integers(1, 64))
def test_a_plan_stays_within_budget_and_data(budget, real, synthetic, batch):
    recommended = plan(budget, real, synthetic, batch)
    assert 0 < recommended.iterations <= budget
    assert recommended.real == real and 0 <= recommended.synthetic <= synthetic


def test_table_4_follows_from_table_3_but_for_its_first_row():
    derived = {limit: published.best_affordable(limit) for limit in published.TABLE_4}
    agree = {
        limit: (cell.average_precision, cell.synthetic) == published.TABLE_4[limit] for limit, cell in derived.items()
    }
    assert [limit for limit, same in agree.items() if not same] == [20_000]
    assert (derived[20_000].average_precision, published.TABLE_4[20_000][0]) == (36.2, 35.1)
    assert published.best_affordable(10_000) is None


def test_the_nearest_published_cells_of_the_example():
    cells = [(cell.epochs, cell.synthetic) for cell in nearest_cells(80_000)]
    assert (50, 9_000) in cells and (50, 12_000) in cells and len(cells) == 4


def test_pasted_overrides_make_the_plan():
    from synmix.config import load_config

    recommended = plan(80_000)
    line = " ".join(f"{key} {shlex.quote(value)}" for key, value in recommended.overrides("real", "synthetic"))
    cfg = load_config("", ["SOLVER.EPOCHS", "12.5", *shlex.split(line)])
    resolve_schedule(cfg, recommended.images)
    assert (cfg.DATASETS.TRAIN, cfg.DATASETS.IMAGES) == (("real", "synthetic"), (2975, 9825))
    assert (cfg.SOLVER.MAX_ITER, cfg.SOLVER.STEPS) == (80_000, (60_000, 73_333))
    assert (cfg.DATASETS.REMOVAL.person, cfg.DATASETS.REMOVAL.default) == (60, 30)


def course(name, **keys):
    """The config's keys, and the iterations of Detectron2's own schedule at which the rate falls, warm-up apart."""
    import torch
    from detectron2.config import get_cfg
    from detectron2.solver import build_lr_scheduler

    cfg = get_cfg()
    cfg.SOLVER.LR_SCHEDULER_NAME, cfg.SOLVER.WARMUP_ITERS = name, 0
    for key, value in keys.items():
        cfg.SOLVER[key] = value
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=cfg.SOLVER.BASE_LR)
    scheduler = build_lr_scheduler(cfg, optimizer)
    rates = []
    for _ in range(cfg.SOLVER.MAX_ITER):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return cfg.SOLVER, [i for i, (before, after) in enumerate(pairwise(rates), start=1) if after < before]


def test_steps_are_described_where_detectron2_takes_them():
    solver, falls = course("WarmupMultiStepLR", MAX_ITER=40, STEPS=(20, 30, 50), GAMMA=0.5, BASE_LR=0.01)
    assert falls == [20, 30]
    assert describe_learning_rate(solver) == "0.01, x0.5 after 20, 30"
    solver, falls = course("WarmupMultiStepLR", MAX_ITER=40, STEPS=(), BASE_LR=0.01)
    assert (falls, describe_learning_rate(solver)) == ([], "0.01, without drops")


def test_a_cosine_has_no_steps():
    solver, falls = course("WarmupCosineLR", MAX_ITER=40, STEPS=(20, 30), BASE_LR=0.01)
    assert falls == list(range(1, 40))
    assert describe_learning_rate(solver) == "0.01, down a cosine to 0"
    solver.WARMUP_ITERS, solver.LR_SCHEDULER_NAME = 1000, "Mine"
    assert describe_learning_rate(solver) == "0.01, as Mine changes it, warm-up 40"


@given(st.integers(10, 500), st.integers(1, 5))
def test_decays_at_equal_distances(iterations, decays):
    """``WarmupStepWithFixedGammaLR`` is this scheduler, in Detectron2 after 0.6."""
    from fvcore.common.param_scheduler import StepWithFixedGammaParamScheduler

    rate = StepWithFixedGammaParamScheduler(1.0, decays, 0.5, iterations)
    values = [rate(iteration / iterations) for iteration in range(iterations)]
    falls = [i for i, (before, after) in enumerate(pairwise(values), start=1) if after < before]
    keys = {"BASE_LR": 1, "GAMMA": 0.5, "NUM_DECAYS": decays, "MAX_ITER": iterations, "WARMUP_ITERS": 0}
    described = describe_learning_rate(SimpleNamespace(LR_SCHEDULER_NAME="WarmupStepWithFixedGammaLR", **keys))
    assert described == (f"1, x0.5 after {', '.join(map(str, falls))}" if decays else "1, without drops")


@pytest.mark.parametrize(("optimizer", "told"), [("SGD", "momentum 0.9, effective 0.1"), ("AdamW", "AdamW")])
def test_only_sgd_has_an_effective_rate(optimizer, told):
    cfg = load_config("mini.yaml", ["SOLVER.OPTIMIZER", optimizer, "SOLVER.BASE_LR", 0.01])
    assert describe_schedule(cfg, 160).endswith(f"; {told}")
