"""How comparisons and counts become answers: by figures that a test says, without trainings."""

import math
from dataclasses import astuple, replace
from types import SimpleNamespace

import numpy as np
import pytest

from synmix import statistics
from synmix.files import write_json
from synmix.report import claims_counted
from synmix.report.claims import Comparison, Finding, _adjusted, better
from synmix.report.claims_counted import (
    diverges,
    effort,
    fewer_labels,
    fifty_epochs,
    knees,
    label_counts,
    one_optimum,
    optima,
    small_budget,
    test_server,
)
from synmix.report.estimates import Estimate, Estimates
from synmix.statistics import Ratio, Runs
from synmix.study.experiments import (
    REAL,
    SYNTHETIC,
    TEST,
    baseline,
    finetuned,
    mixture,
    training,
    with_real_share,
)
from synmix.study.scale import load_scale
from synmix.study.store import Record, Status

MINI, PAPER = load_scale("mini"), load_scale("paper")
DIVERGED = "loss_mask nan became infinite or not a number in iteration 7"


class Told(Estimates):
    """Estimates as a test says them: a figure for each run, and how far every interval reaches to both sides."""

    def __init__(self, values=(), scale=MINI, reach=0.5, seeds=3, failures=(), lengths=(), records=()):
        super().__init__(records, scale)
        self.values, self.reach, self.seeds = dict(values), reach, seeds
        self.failures, self.lengths, self.asked = dict(failures), dict(lengths), []

    def _told(self, value, kind, data_set, figure):
        self.asked.append((kind, data_set, figure))
        source = statistics.Estimate(value, (self.reach / 1.96) ** 2, math.inf)
        source = Ratio(source) if kind == "ratio" else source
        is_open = self.seeds == 1
        return Estimate(value, value - self.reach, value + self.reach, self.seeds, is_open, source)

    def estimate(self, run, data_set, figure="AP"):
        return self._told(self.values[run], "estimate", data_set, figure) if run in self.values else None

    def contrast(self, weights, data_set, figure="AP", kind="contrast"):
        if any(run not in self.values for _, run in weights):
            return None
        return self._told(sum(weight * self.values[run] for weight, run in weights), kind, data_set, figure)

    def difference(self, first, second, data_set, figure="AP"):
        return self.contrast([(-1, first), (1, second)], data_set, figure, "difference")

    def ratio(self, first, second, data_set, figure="AP"):
        if not {first, second} <= set(self.values):
            return None
        return self._told(self.values[second] / self.values[first], "ratio", data_set, figure)

    def arm(self, run, data_set):
        if run not in self.values:
            return None
        spread = np.linspace(-0.1, 0.1, self.seeds) if self.seeds > 1 else np.zeros(1)
        spread = np.roll(spread, list(self.values).index(run))  # equals differ by seeds
        runs = Runs(self.values[run] + spread, np.full((5, self.seeds), self.values[run]) + spread)
        return SimpleNamespace(seeds=tuple(range(self.seeds)), runs=lambda figure: runs)

    def failure(self, run):
        return self.failures.get(run, "")

    def iterations(self, run):
        return self.lengths.get(run, run.iterations)


@pytest.fixture
def grid(monkeypatch):
    """Changes a scale's grid for a test: a new scale would resolve every run anew."""

    def change(scale=MINI, **values):
        for key, value in values.items():
            monkeypatch.setitem(scale.grid, key, value)

    return change


FIRST, SECOND, THIRD = (finetuned(MINI, rate, 0.9) for rate in (0.002, 0.006, 0.02))


@pytest.mark.parametrize(
    ("gain", "margin", "answer"),
    [
        (2.0, 1.25, "holds"),
        (2.0, 1.5, "open"),  # the interval ends at the margin
        (2.0, 2.0, "open"),
        (2.0, 2.5, "open"),
        (2.0, 2.75, "does not hold"),
        (-2.0, -2.75, "holds"),
        (-2.0, 0.0, "does not hold"),
        (math.nan, 0.0, "open"),
    ],
)
def test_a_comparison_holds_where_all_of_its_interval_is_beyond_the_margin(gain, margin, answer):
    told = Told({FIRST: 30.0, SECOND: 30.0 + gain})
    found = better("x", REAL, FIRST, SECOND, margin).judge(told)
    assert (found.text, found.answer, found.adjusted) == ("x", answer, "open")
    assert told.asked == [("difference", REAL, "AP")]
    expected = statistics.Estimate(gain, (0.5 / 1.96) ** 2, math.inf).p_value(margin)
    assert found.p_value == pytest.approx(expected, nan_ok=True)
    [lone] = [better("x", REAL, FIRST, SECOND, margin).judge(Told(told.values, seeds=1))]
    assert lone.answer == "open" and math.isnan(lone.p_value) and "one training on a side" in lone.figures


def test_without_a_margin_it_is_nothing():
    for gain, answer in ((0.75, "holds"), (0.25, "open"), (-0.25, "open"), (-0.75, "does not hold")):
        assert better("x", REAL, FIRST, SECOND).judge(Told({FIRST: 30, SECOND: 30 + gain})).answer == answer


def test_each_kind_of_comparison_asks_for_its_figure():
    told = Told({FIRST: 20.0, SECOND: 30.0, THIRD: 34.0})
    plain = better("x", SYNTHETIC, FIRST, SECOND, figure="AP50").judge(told)
    ratio = better("x", REAL, FIRST, SECOND, 1.25, as_ratio=True).judge(told)
    sum_of_three = Comparison("x", REAL, ((-1, FIRST), (-1, THIRD), (2, SECOND))).judge(told)
    half = Comparison("x", REAL, ((-1.0, FIRST), (0.5, SECOND))).judge(told)
    assert [kind for kind, *_ in told.asked] == ["difference", "ratio", "contrast", "contrast"]
    assert told.asked[0][1:] == (SYNTHETIC, "AP50")
    assert plain.figures == "+10.0 AP [+9.5, +10.5], 3 seeds"
    assert (ratio.figures, ratio.answer) == ("1.5 times [1.0, 2.0], 3 seeds", "open")
    assert (sum_of_three.figures, sum_of_three.answer) == ("+6.0 AP [+5.5, +6.5], 3 seeds", "holds")
    assert (half.figures, half.answer) == ("−5.0 AP [−5.5, −4.5], 3 seeds", "does not hold")
    shown = [better("x", REAL, SECOND, FIRST).judge(Told(told.values, seeds=seeds)).figures for seeds in (1, 2)]
    assert shown == ["−10.0 AP one training on a side", "−10.0 AP [−10.5, −9.5], 2 seeds"]
    expected = Finding(
        "x",
        "not yet run",
        iterations="200 after 1,800 against 400 after 1,200 iterations, unequal",
        adjusted="not yet run",
    )
    assert astuple(better("x", REAL, FIRST, mixture(MINI, 160, 5)).judge(told)) == astuple(expected)


def lengths(counts, runs=(FIRST, SECOND, THIRD)):
    weights = tuple((1.0, run) for run in runs[: len(counts)])
    known = dict(zip(runs, counts, strict=False))
    return Comparison("x", REAL, weights).judge(Told(lengths=known)).iterations


@pytest.mark.parametrize(
    ("counts", "text"),
    [
        ((100, 100), "100 iterations each"),
        ((1000, 1050), "1,000 against 1,050 iterations"),  # a twentieth is no difference
        ((1051, 1000), "1,051 against 1,000 iterations, unequal"),
        ((1000, None), "1,000 against ? iterations"),
        ((None, None), "? against ? iterations"),
        ((100, 100, 100), "100 iterations each"),
        ((100, 102, 104), "100 to 104 iterations"),
        ((100, 300, None), "100 to 300 iterations, unequal"),
        ((None, None, None), "? iterations"),
    ],
)
def test_lengths_are_said_with_the_comparison(counts, text):
    assert lengths(counts) == text


def test_what_runs_start_from_is_said_where_it_differs():
    assert lengths((24_000, 24_000), (baseline(PAPER), finetuned(PAPER, 0.01, 0.9))) == (
        "24,000 against 24,000 after 250,000 iterations, unequal"
    )


def manifest(folder, *classes):
    labels = [{"car": {"labels": labels, "kept": kept}, "bus": {"labels": 0, "kept": 0}} for labels, kept in classes]
    write_json(folder / "manifest.json", {"data_sets": [{"classes": part} for part in labels]})
    return folder


def counted(folder, before, after, target):
    """The runs of Figure 5 with so many labels before and after removal, and so many real ones, in two parts each."""
    synthetic = manifest(folder / "synthetic", (before - 10, after - 5), (10, 5))
    real = manifest(folder / "real", (target - 1, 1), (1, 0))
    records = [
        Record(with_real_share(MINI, 0), Status("finished"), synthetic, {}),
        Record(baseline(MINI), Status("finished"), real, {}),
    ]
    return Estimates(records, MINI)


@pytest.mark.parametrize(
    ("after", "holds"), [(660, False), (651, False), (650, True), (600, True), (500, True), (499, False), (20, False)]
)
def test_as_many_labels_go_as_the_paper_says(tmp_path, after, holds):
    estimates = counted(tmp_path, 1000, after, 5000)
    assert label_counts(estimates) == (1000, after, 5000)
    [found] = fewer_labels(estimates, "share")
    assert (found.answer, found.figures) == ("holds" if holds else "does not hold", "counted")
    assert (
        f"1,000 labels become {after:,} ({(1000 - after) / 10:.1f} % removed)" in found.text and "5,000" in found.text
    )


@pytest.mark.parametrize(
    ("after", "target", "holds"), [(600, 700, True), (600, 800, False), (600, 801, False), (600, 0, True)]
)
def test_what_remains_is_closer_to_the_real_number(tmp_path, after, target, holds):
    [found] = fewer_labels(counted(tmp_path, 1000, after, target + 2), "closer")  # 600 + 200 = 1000 - 200
    assert found.answer == ("holds" if holds else "does not hold")


def test_labels_are_counted_when_both_sides_are_run(tmp_path):
    whole = counted(tmp_path, 1000, 600, 700)
    for records in ([], whole.records[:1], whole.records[1:]):
        assert label_counts(Estimates(records, MINI)) is None
        assert [found.answer for found in fewer_labels(Estimates(records, MINI), "share")] == ["not yet run"]


SIDES = [
    tuple(training(MINI, name) for name in names)
    for names in (
        ("synscapes_20k.yaml", "synscapes_20k_removal.yaml"),
        ("mixture_all_labels.yaml", "mixture.yaml"),
    )
]


def timed(without, chosen, computed=True):
    """Both pairs' runs that took so many seconds an iteration, a number a seed."""
    records = []
    for sides in SIDES:
        for run, times in zip(sides, (without, chosen), strict=True):
            for seed, seconds in times.items():
                length = 50 if computed else run.iterations
                about = {"iterations": 50} if computed else {}
                status = Status("finished", seconds=seconds * length, computed=about)
                records.append(Record(run.with_seed(seed), status, "nowhere", {}))
    return Estimates(records, MINI)


@pytest.mark.parametrize(
    ("chosen", "answer", "figures"),
    [
        ((1.0, 2.0, 3.0), "holds", "0.50 times the time [0.50, 0.50], 3 seeds"),
        ((4.0, 8.0, 12.0), "does not hold", "2.00 times the time [2.00, 2.00], 3 seeds"),
        ((2.0, 4.0, 6.0), "open", "1.00 times the time [1.00, 1.00], 3 seeds"),
        ((1.0, 4.0, 12.0), "open", "1.00 times the time [0.18, 5.59], 3 seeds"),
    ],
)
def test_effort_is_compared_seed_by_seed(chosen, answer, figures):
    for computed in (True, False):
        found = effort(timed({0: 2.0, 1: 4.0, 2: 6.0, 9: 1.0}, {**dict(enumerate(chosen)), 8: 7.0}, computed))
        assert [one.text for one in found] == ["pre-training", "mixing"]
        assert [(one.answer, one.figures) for one in found] == [(answer, figures)] * 2
        assert found[0].p_value == (0 if answer != "open" else 1)


def test_effort_that_cannot_be_compared():
    [found, _] = effort(timed({0: 2.0}, {0: 1.0}))
    assert (found.answer, found.figures) == ("open", "0.50 times the time, one training on a side")
    for without, chosen in (({}, {}), ({0: 2.0}, {1: 1.0}), ({0: 2.0, 1: 0.0}, {0: 1.0, 1: 1.0})):
        assert [one.answer for one in effort(timed(without, chosen))] == ["not yet run"] * 2


@pytest.mark.parametrize(
    ("low", "high", "answer"),
    [
        (0, 60, "holds"),  # both ends a step from the paper's 30
        (30, 30, "holds"),
        (60, 90, "open"),
        (0, 90, "open"),
        (-30, 0, "open"),
        (-30, 60, "open"),
        (61, 90, "does not hold"),
        (-30, -1, "does not hold"),
    ],
)
def test_a_knee_holds_within_a_step_of_the_papers(monkeypatch, grid, low, high, answer):
    found = {"car": (low, high, 3), "person": (low + 30, high + 30, 2), "bus": (low, high, 1)}
    told = {name: SimpleNamespace(knee=SimpleNamespace(percent=30.0), low=a, high=b, seeds=n)
            for name, (a, b, n) in found.items()}  # fmt: skip
    monkeypatch.setattr(claims_counted, "class_knees", lambda estimates: told)
    car, person, bus = knees(Told())  # the miniature's thresholds: 0, 30, 60, 90
    assert (car.text, car.answer, car.figures) == ("car: paper 30 %", answer, f"30 % [{low}, {high}]")
    assert (person.text, person.answer) == ("person: paper 60 %", answer)
    assert bus.answer == "open" and bus.figures.endswith(", images alone")
    grid(removal=[0, 10, 40])
    assert knees(Told())[0].answer == answer  # the widest step


def test_knees_are_known_when_the_whole_sweep_is_run(monkeypatch):
    monkeypatch.setattr(claims_counted, "class_knees", lambda estimates: {})
    assert [found.answer for found in knees(Told())] == ["not yet run"]


def test_mixtures_within_the_least_budget_face_the_longest_training_of_real_images(grid):
    """200 iterations: real images alone for 2.5, 3.75 and 5 epochs, and 160 more for 2.5."""
    short, middle, longest = (mixture(MINI, 0, epochs) for epochs in (2.5, 3.75, 5))
    mixed = mixture(MINI, 160, 2.5)
    values = {short: 90.0, middle: 90.0, longest: 30.0, mixed: 30.4}
    grid(budgets=[300, 200, 600])
    for gain, answer in ((0.4, "holds"), (0.6, "open"), (1.4, "open"), (1.6, "does not hold")):
        [found] = small_budget(Told({**values, mixed: 30 + gain}))
        assert (found.text, found.answer) == ("+160, 2.5 epochs not better", answer)  # a point is no harm
        assert found.iterations == "200 iterations each"
    assert [found.answer for found in small_budget(Told())] == ["not yet run"]
    grid(budgets=[300])
    more = [found.text for found in small_budget(Told())]
    assert more == ["+160, 2.5 epochs not better", "+160, 3.75 epochs not better", "+320, 2.5 epochs not better"]
    for limit in (199, 99):
        grid(budgets=[limit])
        [none] = small_budget(Told(values))
        expected = Finding(f"no pair of trainings of Table 3 fits into {limit} iterations", "open")
        assert astuple(none) == astuple(expected)


def grid_of(values, limit):
    """Table 3's trainings within a budget, by (epochs, amount), and what is told of them."""
    cells = {(e, a): mixture(MINI, a, e) for e in MINI.grid["epochs"] for a in MINI.grid["amounts"]}
    return {run: values.get(key, 10.0) for key, run in cells.items() if run.iterations <= limit}


@pytest.mark.parametrize(
    ("values", "answer", "shown"),
    [
        ({(3.75, 0): 30}, "holds", "3.75 epochs +0"),
        ({(5, 0): 30}, "does not hold", "5 epochs +0"),
        ({(2.5, 160): 30}, "does not hold", "2.5 epochs +160"),
        ({(3.75, 0): 30, (5, 0): 30}, "open", "3.75 epochs +0, 5 epochs +0"),
        ({(2.5, 0): 30, (5, 0): 30}, "does not hold", "2.5 epochs +0, 5 epochs +0"),
    ],
)
def test_the_middle_length_is_the_best_within_a_budget(grid, values, answer, shown):
    grid(budgets=[200])
    known = grid_of(values, 200)
    [found] = fifty_epochs(Told(known))
    assert (found.text, found.answer, found.figures) == ("200 iterations", answer, f"may be the best: {shown}")
    [lone] = fifty_epochs(Told(known, seeds=1))
    assert (lone.answer, lone.figures) == ("open", "one training each")
    known.popitem()
    [missing] = fifty_epochs(Told(known))
    assert (missing.answer, missing.figures) == ("not yet run", "3 of 4 trainings")


def test_budgets_that_ask_nothing_of_the_middle_length_are_left_out(grid):
    def asked(**changed):
        grid(**changed)
        return [found.text for found in fifty_epochs(Told())]

    assert asked(budgets=[99]) == asked(budgets=[100, 149]) == []
    assert asked(budgets=[149, 150, 1200]) == ["150 iterations", "1,200 iterations"]
    assert asked(budgets=[150, 300], epochs=[3.75]) == ["300 iterations"]  # one training has nothing to face


def test_the_test_set_is_answered_by_results_or_left_open_by_scores():
    real, mixed = baseline(MINI), training(MINI, "mixture.yaml")
    text = "mixture against baseline, test set"
    [ours] = test_server(Told({real: 30.0, mixed: 31.0}))
    assert (ours.text, ours.answer, ours.figures) == (text, "holds", "+1.0 AP [+0.5, +1.5], 3 seeds")
    assert test_server(Told({real: 30.0}))[0].answer == "not yet run"
    for entered in ({real}, {mixed}, {real, mixed}):
        told = Told({real: 30.0, mixed: 34.0})
        plain = told.estimate
        told.estimate = lambda run, data_set, e=entered, p=plain: replace(p(run, data_set), entered="s" * (run in e))
        [found] = test_server(told)
        assert astuple(found) == astuple(Finding(text, "open", "30.0 and 34.0 AP, entered without interval"))
        assert {data_set for _, data_set, _ in told.asked} == {TEST}


def rates(momentum=0.9, scale=MINI):
    return {rate: finetuned(scale, rate, momentum) for rate in scale.grid["lr"]}


def test_rates_out_of_range_face_half_of_the_best_other_one():
    runs = rates()
    for value, answer in ((14.0, "holds"), (15.0, "open"), (16.0, "does not hold"), (40.0, "does not hold")):
        told = Told({runs[0.002]: 30.0, runs[0.006]: 20.0, runs[0.2]: value})
        found = {one.text: one for one in diverges(told)}
        assert found["rate 0.2, momentum 0.9: half of the best less it"].answer == answer
        # The other rate above 0.02 is not run; in the company of the rest it cannot be judged.
        assert found["rate 0.06, momentum 0.9: half of the best less it"].answer == "not yet run"
        assert found["rate 0.2, momentum 0"].answer == "not yet run"
        assert "no rate of 5e-05 or less is in the grid" in found and len(found) == 5
    assert {data_set for _, data_set, _ in told.asked} == {REAL}


def test_a_rate_alone_has_nothing_to_face():
    found = {one.text: one.answer for one in diverges(Told({rates()[0.2]: 14.0}))}
    assert found["rate 0.2, momentum 0.9"] == "not yet run"
    assert found["rate 0.06, momentum 0.9: half of the best less it"] == "not yet run"


def test_rates_at_the_papers_ends(grid):
    """In the paper's grid: the slowest is asked about, the fastest is not."""
    found = {one.text: one.answer for one in diverges(Told(scale=PAPER))}
    assert found == {
        "rate 5e-05, momentum 0": "not yet run",
        "rate 5e-05, momentum 0.9": "not yet run",
        "no rate above 0.02 is in the grid": "open",
    }
    slow = rates(scale=PAPER)
    failed = Told({slow[0.0001]: 20.0, slow[0.00005]: 5.0}, PAPER, failures={slow[0.00005]: DIVERGED})
    answers = {one.text: one.answer for one in diverges(failed)}
    assert answers["rate 5e-05, momentum 0.9: half of the best less it"] == "holds"  # too slow is not diverged
    grid(PAPER, lr=[0.00005, 0.02, 0.03])
    assert [one.text for one in diverges(Told(scale=PAPER))] == [
        f"rate {rate}, momentum {momentum}" for momentum in ("0", "0.9") for rate in ("5e-05", "0.03")
    ]


def test_a_rate_that_failed_is_diverged_or_failed_otherwise():
    runs = rates()
    told = Told({}, failures={runs[0.2]: DIVERGED, runs[0.06]: "the disk is full"})
    found = {one.text: (one.answer, one.figures) for one in diverges(told)}
    assert found["rate 0.2, momentum 0.9"] == ("holds", "diverged")
    assert found["rate 0.06, momentum 0.9"] == ("open", "failed otherwise: the disk is full")


def curves(best, also=(), scale=MINI):
    """Figures of both curves that are highest at the given rate of each momentum."""
    return {
        run: 30.0 if rate == best[momentum] or (momentum, rate) in also else 10.0
        for momentum in (0.0, 0.9)
        for rate, run in rates(momentum, scale).items()
    }


@pytest.mark.parametrize(
    ("best", "also", "answer"),
    [
        ({0.0: 0.02, 0.9: 0.002}, (), "holds"),  # both 0.02 in effect
        ({0.0: 0.2, 0.9: 0.006}, (), "holds"),  # 0.2 and 0.06: the widest step of the grid, 10 / 3
        ({0.0: 0.02, 0.9: 0.02}, (), "does not hold"),  # 0.02 and 0.2
        ({0.0: 0.006, 0.9: 0.006}, (), "does not hold"),
        ({0.0: 0.02, 0.9: 0.002}, ((0.9, 0.2),), "open"),
    ],
)
def test_optima_agree_within_a_step_of_the_grid(best, also, answer):
    values = curves(best, also)
    [found] = one_optimum(Told(values))
    assert (found.text, found.answer) == ("effective rates that may be the best", answer)
    if not also:
        assert found.figures == f"momentum 0: {best[0.0]:g}; momentum 0.9: {10 * best[0.9]:g}"
    [lone] = one_optimum(Told(values, seeds=1))
    assert lone.answer == "open" and lone.figures.count("one training each") == 2


def test_one_rate_has_no_optimum(grid):
    grid(lr=[0.02])
    [found] = one_optimum(Told(curves({0.0: 0.02, 0.9: 0.02})))
    assert (found.text, found.answer) == ("the grid has one rate, among which none is the best", "open")


def test_optima_leave_out_what_diverged_and_wait_for_the_rest():
    values = curves({0.0: 0.02, 0.9: 0.002})
    diverged = rates()[0.2]
    left = {run: value for run, value in values.items() if run != diverged}
    assert optima(Told(left)) is None and one_optimum(Told(left))[0].answer == "not yet run"
    found = optima(Told(left, failures={diverged: DIVERGED}))
    assert [sorted(f"{rate:g}" for rate in found[momentum]) for momentum in (0.0, 0.9)] == [
        ["0.002", "0.006", "0.02", "0.06", "0.2"], ["0.02", "0.06", "0.2", "0.6"],
    ]  # fmt: skip
    assert one_optimum(Told(left, failures={diverged: "the disk is full"}))[0].answer == "not yet run"
    assert optima(Told({}, failures=dict.fromkeys(values, DIVERGED))) is None


@pytest.mark.parametrize(("p_value", "adjusted"), [(0.05, "holds"), (0.0501, "open"), (math.nan, "holds")])
def test_what_holm_leaves_keeps_its_answer_up_to_5_percent(p_value, adjusted):
    finding = replace(Finding("x", "holds"), p_value=p_value)
    assert _adjusted(finding, p_value).adjusted == adjusted
