"""What to run next, the design of a study, and what a budget buys."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synmix.answer import Cell, Costs, NextRun, Stop, Table, Training, design_runs, fit_surface, make_table, read_costs
from synmix.answer.costs import recommend
from synmix.answer.planning import next_run
from synmix.errors import UserError

CONTROL, MIXTURE = Cell(100, 0, 50), Cell(100, 80, 50)


def runs(differences, hours=None):
    pairs = [(Training(CONTROL, s, 30.0, gpu_hours=hours), Training(MIXTURE, s, 30.0 + d, gpu_hours=hours))
             for s, d in enumerate(differences)]  # fmt: skip
    return make_table((run for pair in pairs for run in pair), "test")


def test_an_empty_table_begins_with_the_control():
    found = next_run(Table(()), CONTROL, MIXTURE, "open")
    assert (found.cell, found.seed, found.gpu_hours) == (CONTROL, 0, None)
    assert "needs 3 seeds" in found.why


def test_the_side_that_lacks_a_seed_comes_first():
    table = Table((*runs([1.0, 1.1]).trainings, Training(CONTROL, 7, 30.0)))
    found = next_run(table, CONTROL, MIXTURE, "open")
    assert (found.cell, found.seed) == (MIXTURE, 7)


def test_a_decided_verdict_stops_and_says_why():
    found = next_run(runs([1.0, 1.1, 0.9]), CONTROL, MIXTURE, "helps")
    assert isinstance(found, Stop)
    assert found.why.startswith("It is decided: the gain is +1.0")


def test_two_seeds_are_not_enough_to_stop():
    assert isinstance(next_run(runs([1.0, 1.1]), CONTROL, MIXTURE, "helps"), NextRun)


def test_an_open_verdict_names_a_new_seed_its_cost_and_how_many_decide():
    found = next_run(runs([0.3, 1.0, 0.1], hours=2.0), CONTROL, MIXTURE, "open")
    assert (found.cell, found.seed, found.gpu_hours) == (CONTROL, 3, 2.0)
    assert "for 4 GPU hours" in found.why and "seeds a side decide it" in found.why


def test_what_no_number_of_seeds_would_tell_stops():
    found = next_run(runs([0.3, -0.3, 0.01]), CONTROL, MIXTURE, "open")
    assert isinstance(found, Stop) and "--margin" in found.why


def test_only_available_trainings_are_named():
    found = next_run(runs([0.3, 1.0, 0.1]), CONTROL, MIXTURE, "open", available=lambda cell, seed: seed == 9)
    assert found.seed == 9
    none = next_run(runs([0.3, 1.0, 0.1]), CONTROL, MIXTURE, "open", available=lambda cell, seed: False)
    assert isinstance(none, Stop) and "no training" in none.why


sizes = st.lists(st.integers(1, 5000), min_size=1, max_size=3, unique=True)


@settings(deadline=None, max_examples=30)
@given(sizes, sizes, sizes, st.floats(1, 4), st.integers(1, 3))
def test_every_mixture_of_a_design_has_its_control_and_the_budget_holds(real, synthetic, lengths, factor, seeds):
    budget = factor * 2 * seeds * max(lengths)
    cells = design_runs(real, synthetic, lengths, budget, seeds)
    assert len(set(cells)) == len(cells)
    assert seeds * sum(cell.iterations for cell in cells) <= budget
    assert any(cell.synthetic for cell in cells)
    for cell in cells:
        assert Cell(cell.real, 0, cell.iterations) in cells[: cells.index(cell) + 1]


def test_corners_and_centre_come_first_and_the_whole_cross_last():
    grid = ((10, 20, 40), (0, 30, 60), (100, 200, 400))
    cells = design_runs(*grid)
    corners = {Cell(r, s, n) for r in (10, 40) for s in (0, 60) for n in (100, 400)}
    assert set(cells[:8]) == corners
    assert cells[:2] == [Cell(40, 0, 400), Cell(40, 60, 400)]
    assert Cell(20, 30, 200) in cells[8:10]
    assert len(cells) == 27


def test_the_fraction_determines_the_model_better_than_random_ones():
    from synmix.answer.design import _coordinates, _terms

    whole = design_runs((10, 20, 40), (0, 30, 60), (100, 200, 400))
    chosen = design_runs((10, 20, 40), (0, 30, 60), (100, 200, 400), budget=4000)
    terms = dict(zip(whole, _terms(_coordinates(whole)), strict=True))

    def determinant(cells):
        rows = np.array([terms[cell] for cell in cells])
        return np.linalg.slogdet(rows.T @ rows + 1e-9 * np.eye(rows.shape[1]))[1]

    generator = np.random.default_rng(0)
    cost = sum(cell.iterations for cell in chosen)
    for _ in range(20):
        order, rivals = generator.permutation(len(whole)), []
        for place in order:
            if sum(cell.iterations for cell in rivals) + whole[place].iterations <= cost:
                rivals.append(whole[place])
        assert determinant(chosen) > determinant(rivals)


@pytest.mark.parametrize(
    "arguments, words",
    [
        (([], [5], [9]), "real sizes are"),
        (([5], [0], [9]), "no synthetic amount above 0"),
        (([5], [5], [0]), "lengths are"),
        (([5], [5], [9], 17), "give at least 18"),
        (([5], [5], [9], math.inf, 0), "0 seeds"),
    ],
)
def test_designs_that_cannot_be_meant(arguments, words):
    with pytest.raises(UserError, match=words):
        design_runs(*arguments)


COSTS = Costs("EUR", 8.0, 0.05, 2.0, 5e-4)


def test_a_budget_buys_the_best_within_it_and_within_what_was_run(drawn):
    table = drawn("helps")
    surface = fit_surface(table)
    before = 0.0
    for budget in (8000, 14_000, 30_000):
        found = recommend(table, surface, COSTS, budget)
        assert found.cost <= budget
        assert 750 <= found.cell.real <= 3000 and found.cell.iterations <= 40_000
        assert found.expected.beyond == 0
        assert found.expected.value > before
        before = found.expected.value


def test_useless_synthetic_images_are_not_bought(drawn):
    table = drawn("harms")
    assert recommend(table, fit_surface(table), COSTS, 20_000).cell.synthetic == 0


def test_budgets_and_hours_that_are_missing(drawn):
    table = drawn("helps")
    surface = fit_surface(table)
    with pytest.raises(UserError, match="below the cheapest training like those of the table, 750 real images alone"):
        recommend(table, surface, COSTS, 100)
    with pytest.raises(UserError, match="gpu_hours"):
        recommend(table, surface, Costs("EUR", 8.0, 0.05, 2.0), 20_000)


@pytest.mark.parametrize(
    "text, words",
    [
        ("real_image: 8\nsynthetic_image: 1\ngpu_hour: 2\n", "names no unit"),
        ("unit: EUR\nreal_image: 8 EUR\nsynthetic_image: 1\ngpu_hour: 2\n", "real_image is '8 EUR'"),
        ("unit: EUR\nreal_image: -8\nsynthetic_image: 1\ngpu_hour: 2\n", "real_image is -8"),
        ("unit: EUR\nreal_image: 8\n", "lacks synthetic_image, gpu_hour"),
        ("unit: EUR\nreal_image: 8\nsynthetic_image: 1\ngpu_hour: 2\nlabel: 3\n", "does not know label"),
        ("- 1\n", "must hold keys and values"),
        ("unit: [", "is not plain YAML"),
        ("unit: !!int abc\n", "is not plain YAML"),
    ],
)
def test_costs_that_cannot_be_meant(tmp_path, text, words):
    path = tmp_path / "costs.yaml"
    path.write_text(text)
    with pytest.raises(UserError, match=words):
        read_costs(path)
    with pytest.raises(UserError, match="does not exist"):
        read_costs(tmp_path / "none.yaml")


def test_costs_are_read_and_what_is_at_hand_is_free(tmp_path):
    path = tmp_path / "costs.yaml"
    path.write_text("unit: EUR\nreal_image: 8\nsynthetic_image: 0.5\ngpu_hour: 2\nreal_at_hand: 100\n")
    costs = read_costs(path)
    assert costs.of(np.array([[100, 0, 10], [110, 4, 10]]), 0.1).tolist() == [2.0, 84.0]
