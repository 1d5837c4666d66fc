"""The gate: its verdicts, its seal, looks, failed and undeclared seeds, terms that cannot be meant, its planner."""

import math
import runpy
import sys
from dataclasses import FrozenInstanceError, replace
from pathlib import Path

import pytest
from tests.synmix.conftest import draw_table

from synmix.errors import UserError
from synmix.evaluate.result import make_result, result_path, write_result
from synmix.files import read_json, write_json
from synmix.study.experiments import REAL, baseline, training
from synmix.study.gate import Declaration, GateVerdict, declaration, declare, judge, judge_all
from synmix.study.gate_plan import Spread, pilot, plan
from synmix.study.scale import load_scale
from synmix.study.store import Store
from synmix.study.terms import Terms, find_run, read_terms, terms_of

MINI = load_scale("mini")
CONTROL, MIXED = baseline(MINI), training(MINI, "mixture.yaml")
DATA = MINI.data_set(REAL)
TOOL = Path(__file__).resolve().parents[3] / "tools/gate.py"
GIVEN = {
    "name": "pays", "control": "cityscapes.yaml", "mixed": "mixture.yaml", "data_set": REAL, "min_gain": 2.0,
    "seeds": [0, 1, 2],
}  # fmt: skip


def finish(store, run, skill, state="finished"):
    with store.lock(run):
        store.begin(run)
        if state == "finished":
            result = make_result(DATA, draw_table(skill, run.seed + int(100 * skill), 40), resamples=0)
            write_result(result_path(store.folder(run), DATA), result)
        store.end(run, state, "" if state == "finished" else "the loss became infinite", 3600.0)


def fill(store, seeds=range(3), mixed=0.6):
    """Seeds of a control arm and of an arm that is about 15 points better."""
    for seed in seeds:
        finish(store, CONTROL.with_seed(seed), 0.45)
        finish(store, MIXED.with_seed(seed), mixed)


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store")


def terms(min_gain=2.0, **changes):
    found = Terms("pays", CONTROL.arm, MIXED.arm, DATA, min_gain, (0, 1, 2), resamples=60)
    return replace(found, **changes)


@pytest.mark.parametrize(("min_gain", "answer"), [(2.0, "pass"), (40.0, "fail"), (15.0, "inconclusive")])
def test_the_interval_decides(store, min_gain, answer):
    declared = declare(store, terms(min_gain))
    fill(store)
    verdict = judge(store, declared)
    low, high = verdict.gain.interval()
    assert verdict.answer == answer and verdict.declared_first and verdict.seeds == (0, 1, 2)
    assert low < verdict.gain.value < high
    assert (verdict.p_value <= verdict.level / 2) == (answer == "pass")


def test_a_gain_that_is_surely_small_is_equivalent(store):
    declared = declare(store, terms(30.0, margin=25.0))
    fill(store)
    assert judge(store, declared).answer == "equivalent"


def test_terms_declared_after_a_start_only_explore(store):
    with store.lock(CONTROL):
        store.begin(CONTROL)  # started, not ended
    declared = declare(store, terms())
    fill(store)
    assert not judge(store, declared).declared_first
    assert judge(store, Declaration(declared.terms, 0.0)).declared_first
    first = min(store.status(run.with_seed(seed)).started for run in (CONTROL, MIXED) for seed in range(3))
    assert judge(store, Declaration(declared.terms, first)).declared_first
    assert not judge(store, Declaration(declared.terms, first + 1e-3)).declared_first


def test_before_any_look_a_verdict_rests_on_nothing(store):
    verdict = GateVerdict("missing", terms())
    assert (verdict.seeds, verdict.look, verdict.gain, verdict.declared_first) == ((), 0, None, True)
    assert math.isnan(verdict.p_value) and verdict.level == 0.05
    assert judge_all(store) == []
    found = judge(store, declare(store, terms()))
    assert replace(found, missing=()) == verdict


def test_a_verdict_and_its_terms_are_not_changed_afterwards(store):
    declared = declare(store, terms())
    for sealed, name in ((declared, "terms"), (declared, "declared"), (judge(store, declared), "answer")):
        with pytest.raises(FrozenInstanceError):
            setattr(sealed, name, None)


def test_what_a_run_waits_for_is_said(store):
    declared = declare(store, terms())
    folders = [store.folder(run) for run in (CONTROL, MIXED.with_seed(2))]
    folders[0].mkdir(parents=True)  # a run that was not begun
    fill(store, (1,))
    finish(store, MIXED.with_seed(0), 0.6, "failed")
    with store.lock(CONTROL.with_seed(2)):
        store.begin(CONTROL.with_seed(2))  # killed
    with store.lock(MIXED.with_seed(2)):
        store.begin(MIXED.with_seed(2))
        store.end(MIXED.with_seed(2), "finished", "", 1.0)
    fill(store, (7,))
    verdict = judge(store, declared)
    assert verdict.missing == (
        f"{CONTROL.arm}_seed0 (not yet run)",
        f"{CONTROL.arm}_seed2 (broken)",
        f"{MIXED.arm}_seed2 (no result on {DATA})",
    )
    assert verdict.unused == (7,) and verdict.declared_first
    late = judge(store, Declaration(declared.terms, 4e9))
    assert late.answer == "missing" and not late.declared_first


def test_what_is_missing_is_named(store):
    declared = declare(store, terms())
    assert [run.split(" ")[0] for run in judge(store, declared).missing] == [
        f"{arm}_seed{seed}" for arm in (CONTROL.arm, MIXED.arm) for seed in range(3)
    ]
    fill(store, (0, 1))
    verdict = judge(store, declared)
    assert verdict.answer == "missing" and verdict.gain is None and "not yet run" in verdict.missing[0]


def test_further_seeds_are_not_used(store):
    declared = declare(store, terms())
    fill(store)
    before = judge(store, declared)
    fill(store, (3, 4), mixed=0.9)
    after = judge(store, declared)
    assert after.gain == before.gain and after.unused == (3, 4)


def test_an_arm_is_known_by_its_checksum_whatever_else_is_in_its_name(store):
    changed = training(MINI, "mixture.yaml", {"SOLVER.EPOCHS": 2.5})
    assert changed.arm.count("_") == 2
    declared = declare(store, terms(control=changed.arm, mixed=CONTROL.arm))
    for seed in (0, 1, 2, 5):
        finish(store, changed.with_seed(seed), 0.45)
    for seed in (0, 1, 2):
        finish(store, CONTROL.with_seed(seed), 0.6)
    finish(store, MIXED.with_seed(7), 0.6)  # of no arm of the gate
    verdict = judge(store, declared)
    assert (verdict.answer, verdict.unused) == ("pass", (5,))


def test_a_failed_seed_counts_as_finding_nothing_and_is_shown(store):
    declared = declare(store, terms())
    fill(store, (0, 1))
    finish(store, CONTROL.with_seed(2), 0.45)
    finish(store, MIXED.with_seed(2), 0.6, "failed")
    verdict = judge(store, declared)
    assert verdict.answer == "inconclusive" and "the loss became infinite" in verdict.failed[0]
    figures = [
        [store.record(run.with_seed(seed).id).results[DATA].figures["AP"] for seed in range(3 - (run is MIXED))]
        for run in (CONTROL, MIXED)
    ]
    assert verdict.gain.value == pytest.approx((sum(figures[1]) - sum(figures[0])) / 3)
    assert verdict.gain.value < 8  # of 15


def test_nothing_passes_against_a_control_that_failed(store):
    declared = declare(store, terms())
    for seed in range(3):
        finish(store, CONTROL.with_seed(seed), 0.45, "failed")
        finish(store, MIXED.with_seed(seed), 0.6)
    verdict = judge(store, declared)
    assert verdict.gain.value > 30 and verdict.answer == "inconclusive" and len(verdict.failed) == 3


def test_a_control_that_failed_can_still_be_too_good(store):
    declared = declare(store, terms(98.0))
    fill(store, (0, 1))
    finish(store, CONTROL.with_seed(2), 0.45, "failed")
    finish(store, MIXED.with_seed(2), 0.6)
    assert judge(store, declared).answer == "fail"
    eased = Declaration(terms(98.0, margin=97.0), declared.declared)
    assert judge(store, Declaration(terms(), declared.declared)).answer == "inconclusive" == judge(store, eased).answer


def test_where_everything_failed_there_is_no_gain(store):
    declared = declare(store, terms(seeds=(0, 1, 2, 3), looks=(2, 4)))
    for seed in range(4):
        for run in (CONTROL, MIXED):
            finish(store, run.with_seed(seed), 0.5, "failed")
    verdict = judge(store, declared)
    assert (verdict.answer, verdict.gain, verdict.look, verdict.seeds) == ("inconclusive", None, 2, (0, 1, 2, 3))
    assert verdict.level == declared.terms.levels()[1][1] and math.isnan(verdict.p_value)
    assert verdict.failed[0] == f"{CONTROL.arm}_seed0: the loss became infinite" and len(verdict.failed) == 8


def test_the_first_look_that_decides_is_the_verdict(store):
    declared = declare(store, terms(2.0, seeds=tuple(range(6)), looks=(3, 6)))
    (early, first), (_, last) = declared.terms.levels()
    assert early == 3 and first < last < 0.05 and first < 0.004
    fill(store)
    verdict = judge(store, declared)
    assert verdict.answer == "missing" and verdict.look == 1 and verdict.gain is not None  # not yet beyond doubt
    assert verdict.level == first and len(verdict.missing) == 6
    fill(store, (3, 4, 5))
    verdict = judge(store, declared)
    assert (verdict.answer, verdict.look, verdict.seeds) == ("pass", 2, tuple(range(6)))
    pocock = replace(declared.terms, spending="pocock")
    assert pocock.levels()[0][1] > 5 * first
    early = judge(store, replace(declared, terms=replace(pocock, confidence=0.8)))
    assert (early.answer, early.look, early.seeds) == ("pass", 1, (0, 1, 2))
    hopeless = judge(store, replace(declared, terms=replace(pocock, confidence=0.8, min_gain=60.0)))
    assert (hopeless.answer, hopeless.look) == ("fail", 1)


def test_an_edited_or_changed_declaration_is_noticed(store):
    first = declare(store, terms())
    assert declare(store, terms()) == first == declaration(store, "pays")
    with pytest.raises(UserError, match=r"declares min_gain = 2.0, not 1.0; terms are not changed"):
        declare(store, terms(1.0))
    path = store.root / "gates/pays.json"
    for edit in ({"declared": 0.0}, {"terms": {**read_json(path)["terms"], "min_gain": 0.0}}, {"checksum": "x"}):
        whole = read_json(path)
        write_json(path, whole | edit)
        with pytest.raises(UserError, match="was edited since it was declared"):
            declaration(store, "pays")
        write_json(path, whole)
    with pytest.raises(UserError, match=r"no gate 'other' is declared in .*; declared: pays"):
        declaration(store, "other")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"confidence": 95}, r"confidence is 95; did you mean 0.95\?"),
        ({"confidence": 0.2}, "give a share"),
        ({"figure": "AP-cat"}, r"unknown figure 'AP-cat' on 'mini_.*'. Did you mean 'AP-"),
        ({"mixed": "cityscapes.yaml"}, "control and mixed are the same training"),
        ({"data_set": "cityscapes_instance_vla"}, "is not evaluated on 'cityscapes_instance_vla'"),
        ({"mixed": "mixtur.yaml"}, "mixtur"),
        ({"mixed": {"config": "mixture.yaml", "overides": {}}}, "mixed is .*; give a config"),
        ({"mixed": "nothing"}, "unknown arm 'nothing'; known: none, the store is empty"),
        ({"seeds": [0]}, "1 seed says nothing of another"),
        ({"seeds": [0, 1, 1]}, "has a seed twice"),
        ({"seeds": [0, 0.5]}, "whole numbers"),
        ({"seeds": None}, "lack 'seeds'"),
        ({"looks": [5, 3]}, "ascend"),
        ({"looks": [2, 5]}, "to all 3 of them"),
        ({"spending": "all"}, "give one of obrien-fleming, pocock"),
        ({"margin": -1}, "margin is -1; give a number above 0"),
        ({"min_gain": "two"}, "min_gain is 'two'; give a number"),
        ({"min_gian": 2.0}, "unknown key 'min_gian'. Did you mean 'min_gain'"),
        ({"name": "../x"}, "letters, digits"),
        ({"control": None}, "lack 'control'"),
    ],
)
def test_terms_that_cannot_be_meant(change, sentence, store):
    with pytest.raises(UserError, match=sentence):
        terms_of(GIVEN | change, MINI, store)


def test_terms_name_configs_or_arms_of_the_store(store):
    found = terms_of(GIVEN, MINI, store)
    assert (found.control, found.mixed, found.data_set) == (CONTROL.arm, MIXED.arm, DATA)
    changed = terms_of(GIVEN | {"mixed": {"config": "mixture.yaml", "overrides": {"SOLVER.EPOCHS": 2.5}}}, MINI, store)
    assert changed.mixed not in (CONTROL.arm, MIXED.arm)
    fill(store, (0,))
    assert terms_of(GIVEN | {"control": {"arm": "cityscapes"}, "mixed": MIXED.arm}, MINI, store) == found
    assert find_run(store, MIXED.arm) == MIXED
    with pytest.raises(UserError, match="ambiguous arm ''; known: cityscapes_"):
        find_run(store, "")
    looked = terms_of({**GIVEN, "looks": [2, 4], "seeds": None}, MINI, store)
    assert looked.seeds == (0, 1, 2, 3) and looked.looks == (2, 4)


def test_the_kill_switch_is_such_a_gate(tmp_path, keypoint_scale="keypoints_mini"):
    path = TOOL.parents[1] / "configs/vehicle_keypoints/kill_switch.yaml"
    found = terms_of(read_terms(path), load_scale(keypoint_scale), Store(tmp_path))
    assert found.name == "kill_switch" and found.min_gain == 2 and found.data_set == "mini_carfusion_14pt_test"
    with pytest.raises(UserError, match=r"unknown figure 'AP-car' .* Known: AP, AP50"):
        terms_of(read_terms(path) | {"figure": "AP-car"}, load_scale(keypoint_scale), Store(tmp_path))


def test_several_gates_of_a_store_are_adjusted_together(store):
    for name, least in (("low", 2.0), ("high", 10.0)):
        declare(store, terms(least, name=name))
    fill(store)
    judged = {verdict.terms.name: (verdict.p_value, adjusted) for verdict, adjusted in judge_all(store)}
    assert judged["low"][1] == pytest.approx(2 * judged["low"][0]) and judged["high"][1] >= judged["high"][0]


def test_the_plan_follows_from_a_pilot(store):
    fill(store)
    found = pilot(store, terms())
    assert found.seeds == 3 and found.images == 40 and found.seed_sd >= 0 and found.image_se >= 0
    assert found.cautious_seed_sd >= found.seed_sd
    few, many = (next(plan(terms(), Spread(0.7, 0.4), 2.0, [3.0], [n], [1])).power.passes for n in (3, 20))
    assert few == pytest.approx(0.36, abs=0.03) and many == pytest.approx(0.64, abs=0.03)
    [row] = plan(terms(), Spread(0.7, 0.4), 2.0, [3.0], [3], [4])
    assert row.gpu_hours == 6 and row.power.passes > few
    with pytest.raises(UserError, match=r"share 0 finished seeds .* give --seed-sd"):
        pilot(Store(store.root.parent / "none"), terms())


def test_the_tool_plans_declares_and_judges(store, monkeypatch, capsys):
    def call(*arguments):
        monkeypatch.setattr(
            sys, "argv", [str(TOOL), *map(str, arguments), "--scale", "mini", "--store", str(store.root)]
        )
        with pytest.raises(SystemExit) as ended:
            runpy.run_path(str(TOOL), run_name="__main__")
        printed = capsys.readouterr()
        return ended.value.code, printed.out + printed.err

    given = ["--control", "cityscapes.yaml", "--mixed", "mixture.yaml", "--min-gain", 2]
    file = store.root.parent / "gate.json"
    spread = ["--seed-sd", 0.7, "--image-se", 0.4]
    code, text = call("plan", *given, *spread, "--gains", 3, "--num-seeds", 3, 5, "--json", file)
    assert code == 0 and "inconclusive" in text and "GPU hours" in text
    assert [row["seeds"] for row in read_json(file)["rows"]][:1] == [3]
    code, text = call("declare", *given, "--name", "pays", "--seeds", 0, 1, 2)
    assert code == 0 and "sealed" in text and (store.root / "gates/pays.json").is_file()
    assert call("judge", "pays")[0] == 4
    fill(store)
    code, text = call("judge", "pays", "--json", file)
    assert code == 0 and text.startswith("PASS: AP on mini_cityscapes") and "explores" not in text
    assert read_json(file)["answer"] == "pass" and len(read_json(file)["interval"]) == 2
    assert "pays" in call("list", "--json", file)[1] and read_json(file)[0]["terms"]["name"] == "pays"
    code, text = call("declare", *given, "--name", "late", "--seeds", 0, 1, 2, "--confidence", 95)
    assert code == 2 and "did you mean 0.95" in text and not (store.root / "gates/late.json").exists()
    assert "explores" in call("declare", *given, "--name", "late", "--seeds", 0, 1, 2)[1]
