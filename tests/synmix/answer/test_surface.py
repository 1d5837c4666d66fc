"""The response surface: recovers known laws, predicts the paper's larger mixtures, and doubts what was not run."""

import numpy as np
import pytest

from synmix.answer import Cell, Table, Training, fit_surface, make_table
from synmix.answer.exchange import exchange_rate
from synmix.answer.laws import LOWEST, Laws, Scale, exponents_of, points
from synmix.answer.noise import cell_means
from synmix.answer.polish import _by_exponents

DESIGN = [(r, s, n) for r in (750, 1500, 3000) for s in (0, 3000, 9000) for n in (10_000, 20_000, 40_000)]


def noiseless(law):
    return make_table((Training(Cell(*cell), 0, law(*cell)) for cell in DESIGN), "law")


def test_the_papers_larger_mixtures_follow_from_its_smaller_ones(paper):
    known = Table(tuple(run for run in paper.trainings if run.cell.synthetic <= 9000))
    surface = fit_surface(known)
    asked = [run for run in paper.trainings if run.cell.synthetic > 9000]
    assert len(asked) == 6
    for run in asked:
        predicted = surface.predict_cell(run.cell)
        assert abs(predicted.value - run.average_precision) < 0.8
        assert predicted.low <= run.average_precision <= predicted.high
        assert predicted.high - predicted.low < 5
        assert predicted.beyond > 0


def test_a_law_of_the_family_is_found_without_noise():
    def law(real, synthetic, iterations):
        worth = real * (1 + 0.3 * (synthetic / real) / (1 + synthetic / real / 2))
        return 48 - 6 * (iterations / 2e4) ** -0.7 - 9 * (worth / 1000) ** -0.5

    surface = fit_surface(noiseless(law))
    for cell in (Cell(1000, 5000, 15_000), Cell(2000, 1000, 30_000)):
        assert surface.predict_cell(cell).value == pytest.approx(law(*cell), abs=0.1)


def test_beyond_the_runs_the_interval_widens(drawn):
    surface = fit_surface(drawn("helps"))
    widths = []
    for iterations in (40_000, 80_000, 160_000):
        found = surface.predict_cell(Cell(3000, 9000, iterations))
        widths.append(found.high - found.low)
        assert (found.beyond > 0) == (iterations > 40_000)
    assert widths[0] < widths[1] < widths[2]


def test_real_images_alone_at_the_mixtures_length_are_beyond_the_papers_table(paper):
    """Lengths are tied to amounts there: 36 AP and 25 are both possible, by the form of the law."""
    found = fit_surface(paper).predict_cell(Cell(2975, 0, 143_594))
    assert found.beyond > 0.3
    assert found.high - found.low > 4


def test_what_no_run_varies_is_unknown_and_names_a_run(paper, drawn):
    surface = fit_surface(paper)
    assert "run 5,000 real + 20,000 synthetic" in surface.unknown(Cell(5000, 3000, 20_000))
    assert surface.unknown(Cell(2975, 50_000, 10_000)) is None
    assert "without any cannot be predicted" in fit_surface(drawn("helps")).unknown(Cell(0, 10, 10))


def test_few_cells_have_no_surface(paper):
    assert fit_surface(Table(paper.trainings[:5])) is None
    synthetic_only = make_table((Training(Cell(0, n, 9), 0, 20.0) for n in (1, 2)), "x")
    assert fit_surface(synthetic_only) is None


def test_seeds_that_move_all_cells_alike_do_not_move_the_law():
    """One seed is 3 AP better and was not run everywhere."""
    effect = {0: 0.0, 1: 3.0, 2: 0.0}
    generator = np.random.default_rng(0)
    runs = [
        Training(Cell(*cell), seed, 30 + index / 10 + effect[seed] + generator.normal(0, 0.05))
        for index, cell in enumerate(DESIGN)
        for seed in (0, 1, 2)
        if seed != 1 or index % 3 == 0
    ]
    means = cell_means(Table(tuple(runs)))
    slope = np.arange(len(DESIGN)) / 10
    order = [DESIGN.index(tuple(cell)) for cell in means.cells]
    assert np.ptp(means.values - slope[order]) < 0.3
    assert np.sqrt(means.training_variance) == pytest.approx(0.05, rel=0.4)


def test_variances_of_seeds_and_trainings_are_those_drawn():
    generator = np.random.default_rng(0)
    seeds = generator.normal(0, 1.0, 200)
    runs = (
        Training(Cell(*cell), seed, 30 + effect + generator.normal(0, 0.5))
        for cell in DESIGN
        for seed, effect in enumerate(seeds)
    )
    means = cell_means(Table(tuple(runs)))
    assert means.seed_variance == pytest.approx(np.var(seeds, ddof=1), rel=0.05)
    assert means.training_variance == pytest.approx(0.25, rel=0.05)
    assert means.freedom == (len(DESIGN) - 1) * 199


def test_derivatives_by_exponents_are_those_of_the_laws():
    at, generator = points(DESIGN), np.random.default_rng(0)
    laws = Laws(Scale(3000, 4e4, 50), generator.uniform(1, 5, (4, 4)), generator.uniform(0.2, 0.9, (4, 6)), np.ones(4))
    slopes = _by_exponents(laws, at)
    for index in range(6):
        moved = laws.exponents.copy()
        moved[:, index] += 1e-6
        numeric = (Laws(laws.scale, laws.coefficients, moved, laws.epoch_power).at(at) - laws.at(at)) / 1e-6
        assert np.allclose(numeric, slopes[:, :, index], atol=1e-3)


def test_the_grid_lies_within_the_bounds_of_the_exponents():
    exponents = exponents_of(np.arange(32), np.arange(32))
    assert (exponents[:, 1] >= LOWEST[1]).all() and (exponents[:, 2] >= LOWEST[2]).all()


def test_the_exchange_rate_of_a_known_law(drawn):
    table = drawn("helps")
    rate, why = exchange_rate(table, fit_surface(table), Cell(3000, 9000, 40_000))
    assert why == ""
    assert rate.low <= 4 <= rate.high
    assert rate.high < 30


def test_useless_synthetic_images_are_worth_no_real_one(drawn):
    table = drawn("harms")
    rate, _ = exchange_rate(table, fit_surface(table), Cell(3000, 9000, 40_000))
    assert rate.high == np.inf
    assert rate.low > 20


def test_one_real_size_has_no_exchange_rate_and_names_runs(paper):
    rate, why = exchange_rate(paper, fit_surface(paper), Cell(2975, 20_000, 143_594))
    assert rate is None
    assert "run 744 real images alone for 143,594 iterations and 1,488" in why
