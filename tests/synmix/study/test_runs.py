"""A run's identity: equal trainings have one name, different ones do not."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synmix.errors import UserError
from synmix.labels import CLASS_NAMES
from synmix.study.runs import from_plain, make_run, parse_removal, to_plain
from synmix.study.scale import load_scale, scale_of

PAPER = load_scale("paper")
removals = st.dictionaries(st.sampled_from(("default", *CLASS_NAMES)), st.integers(0, 100), max_size=3)
runs = st.builds(
    lambda real, synthetic, removal, iterations, lr, momentum, seed: make_run(
        PAPER, real, synthetic, parse_removal(PAPER, removal),
        iterations=iterations, lr=lr, momentum=momentum, seed=seed,
    ),
    st.integers(1, 3000), st.integers(0, 3000), removals, st.integers(1, 10**5),
    st.sampled_from([0.1, 0.005]), st.sampled_from([0.0, 0.9]), st.integers(0, 5),
)  # fmt: skip


@given(runs, runs)
def test_ids_are_equal_exactly_for_equal_trainings(first, second):
    assert (first.id == second.id) == (first == second)
    assert (first.arm == second.arm) == (first == second.with_seed(first.seed))


@given(runs, st.one_of(st.none(), runs), st.integers(0, 9))
def test_a_run_survives_json_and_takes_its_pretraining_to_its_seed(run, init, seed):
    run = replace(run, init=init).with_seed(seed)
    assert from_plain(to_plain(run)) == run
    assert run.init is None or run.init.seed == seed
    assert run.total_iterations == run.iterations + (init.iterations if init else 0)


def test_removal_without_synthetic_images_is_no_removal():
    assert make_run(PAPER, 2975, 0, parse_removal(PAPER, "chosen")) == make_run(PAPER, 2975, 0)


def test_the_baseline_of_table_3_is_the_baseline_of_table_1():
    assert make_run(PAPER, 2975, 0, epochs=66) == make_run(PAPER, 2975, 0)
    assert make_run(PAPER, 2975, 0, epochs=50).iterations == 18594
    assert make_run(PAPER, 2975, 20000, epochs=50).iterations == 143594


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("none", ()),
        ("chosen", (("default", 30.0), ("person", 60.0))),
        (0, ()),
        ("45", (("default", 45.0),)),
        ({"default": 30, "car": 30, "person": 0}, (("default", 30.0), ("person", 0.0))),
    ],
)
def test_removal_in_its_one_form(value, expected):
    assert parse_removal(PAPER, value) == expected


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ("lots", "compose.removal is 'lots'"),
        (101, "101 %"),
        ({"cat": 3}, "'cat'"),
        ({"car": "x"}, "compose.removal is"),
    ],
)
def test_bad_removals_are_named(value, sentence):
    with pytest.raises(UserError, match=sentence):
        parse_removal(PAPER, value)


def test_bad_runs_and_scales_are_named():
    with pytest.raises(UserError, match="needs images"):
        make_run(PAPER, 0, 0)
    with pytest.raises(UserError, match="known: mini, paper"):
        load_scale("huge")
    with pytest.raises(UserError, match="lacks key 'all_synthetic'"):
        scale_of({"name": "x"})
    with pytest.raises(UserError, match="damaged"):
        from_plain({"scale": "mini"})
