"""The gate: three verdicts, terms that cannot be changed afterwards, names that are not there."""

import pytest
from tests.synmix.conftest import draw_table

from synmix.errors import UserError
from synmix.evaluate.result import make_result, result_path, write_result
from synmix.files import read_json, write_json
from synmix.study.experiments import REAL, baseline, training
from synmix.study.gate import Terms, declare, find_arm, judge
from synmix.study.scale import load_scale
from synmix.study.store import Store

MINI = load_scale("mini")
CONTROL, MIXED = baseline(MINI), training(MINI, "mixture.yaml")
DATA = MINI.data_set(REAL)


@pytest.fixture
def store(tmp_path):
    """Three seeds of a control arm and of an arm that is about 15 points better."""
    store = Store(tmp_path / "store")
    for run, skill in ((CONTROL, 0.45), (MIXED, 0.6)):
        for seed in range(3):
            finish(store, run.with_seed(seed), skill)
    return store


def finish(store, run, skill):
    with store.lock(run):
        store.begin(run)
        result = make_result(DATA, draw_table(skill, run.seed + int(100 * skill), 60), resamples=0)
        write_result(result_path(store.folder(run), DATA), result)
        store.end(run, "finished", "", 1.0)


def terms(min_gain, **changes):
    return Terms(CONTROL.arm, MIXED.arm, DATA, min_gain, resamples=500, **changes)


@pytest.mark.parametrize(("min_gain", "answer"), [(2.0, "pass"), (40.0, "fail"), (15.0, "inconclusive")])
def test_the_interval_decides(store, min_gain, answer):
    verdict = judge(store, terms(min_gain), declared=0.0)
    assert verdict.answer == answer
    low, high = verdict.gain.interval()
    assert low < verdict.gain.value < high
    assert len(verdict.control) == len(verdict.mixed) == 3
    assert verdict.declared_first


def test_terms_declared_after_the_results_only_explore(store, tmp_path):
    declared = declare(tmp_path / "gate.json", terms(2.0))
    assert not judge(store, terms(2.0), declared).declared_first
    finish(store, CONTROL, 0.45)
    assert not judge(store, terms(2.0), declared).declared_first  # the others are older still


def test_terms_are_not_changed_afterwards(tmp_path):
    path = tmp_path / "gate.json"
    first = declare(path, terms(2.0))
    assert declare(path, terms(2.0)) == first
    with pytest.raises(UserError, match=r"declares min_gain = 2.0, not 1.0; terms are not changed"):
        declare(path, terms(1.0))
    write_json(path, {"terms": read_json(path)["terms"]})
    with pytest.raises(UserError, match="not a declaration"):
        declare(path, terms(2.0))


def test_arms_are_found_by_the_start_of_their_names(store):
    assert len(find_arm(store, CONTROL.arm)) == 3
    assert [record.run.seed for record in find_arm(store, CONTROL.with_seed(1).id)] == [1]
    for name, sentence in (
        ("nothing", "unknown run 'nothing'; known: cityscapes_"),
        ("", "ambiguous run ''; known: "),
    ):
        with pytest.raises(UserError, match=sentence):
            find_arm(store, name)
    with pytest.raises(UserError, match="the store is empty"):
        find_arm(Store(store.root.parent / "none"), "x")
    with pytest.raises(UserError, match="has no result on 'elsewhere'; it has: mini"):
        judge(store, Terms(CONTROL.arm, MIXED.arm, "elsewhere", 1.0), 0.0)
    with pytest.raises(UserError, match="unknown figure 'AP-cat'"):
        judge(store, terms(1.0, figure="AP-cat"), 0.0)
