"""The planner on finished trainings: decided and right at a fraction of the grid's cost."""

import numpy as np
from benchmarks.answer_replay import at_random, by_grid, by_planner, replay_of


def test_the_planner_decides_a_clear_case_for_less_than_half_of_the_grid(drawn):
    replay = replay_of(drawn("helps", seeds=5), 0.0, None, 0.95)
    (hours, verdict), (grid_hours, grid_verdict) = replay.run(by_planner), replay.run(by_grid)
    assert verdict == grid_verdict == "helps"
    assert hours < grid_hours / 2
    random_hours, _ = replay.run(at_random(np.random.default_rng(0)))
    assert hours < random_hours


def test_the_planner_runs_only_what_was_finished_and_never_twice(drawn):
    table = drawn("does not", seeds=4)
    replay = replay_of(table, 0.0, None, 0.95)
    shown = []
    for training in by_planner(replay):
        replay.shown.append(training)
        shown.append((training.cell, training.seed))
    assert len(set(shown)) == len(shown) <= 8
    assert {cell for cell, _ in shown} == {replay.control, replay.mixture}
