"""The report: complete with any runs missing, self-contained, and its answers follow from the runs."""

import re
from dataclasses import replace
from datetime import date
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import yaml
from tests.pages import check_page
from tests.synmix.conftest import draw_table

from synmix.errors import UserError
from synmix.evaluate.result import Result, make_result
from synmix.files import write_text
from synmix.report import claims, paper
from synmix.report.answer_section import answer_section
from synmix.report.claims_alignment import alignment
from synmix.report.claims_counted import diverges, one_optimum
from synmix.report.estimates import Estimates
from synmix.report.numbers import control_text, difference_text, estimate_text
from synmix.report.report import _number, build_document, write_report
from synmix.report.report_model import Numbers, Paragraph
from synmix.report.selection import halves, select
from synmix.study import published
from synmix.study.comparison import Arm
from synmix.study.execute import execute
from synmix.study.experiments import (
    REAL,
    STUDY,
    SYNTHETIC,
    TEST,
    all_runs,
    baseline,
    control,
    finetuned,
    removed,
    training,
    with_real_share,
)
from synmix.study.scale import load_scale
from synmix.study.store import Record, Status, Store
from synmix.study.test_scores import scores_of

MINI, PAPER = load_scale("mini"), load_scale("paper")
REDUCED = 60  # resamples: enough to judge by, and fast
OTHER = training(PAPER, "cityscapes.yaml", {"SOLVER.BASE_LR": 0.5})


@pytest.fixture(autouse=True)
def fast(monkeypatch):
    """Fewer resamples of the images than the report's 1,000."""
    monkeypatch.setattr(Arm.__init__, "__defaults__", (REDUCED,))
    monkeypatch.setattr("synmix.report.choices._RESAMPLES", REDUCED)
    monkeypatch.setattr("synmix.report.knees.RESAMPLES", 4 * REDUCED)


def record(run, scale, skill: dict[str, float], folder="nowhere") -> Record:
    """A finished run of a model of this skill on each domain."""
    results = {
        scale.data_set(data_set): make_result(
            scale.data_set(data_set), draw_table(value, 7 * run.seed + len(data_set), 30), resamples=0
        )
        for data_set, value in skill.items()
    }
    return Record(run, Status("finished"), folder, results)


class Page(HTMLParser):
    """Collects what a page consists of, and complains about tags that do not close."""

    def __init__(self) -> None:
        super().__init__()
        self.tags, self.links, self.ids, self.open = [], [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.links += [value for name, value in attrs if name in ("href", "src", "xlink:href") and value]
        self.ids += [value for name, value in attrs if name == "id"]
        if tag in ("section", "table", "tr", "ul", "div", "svg", "figure", "details", "main"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag in ("section", "table", "tr", "ul", "div", "svg", "figure", "details", "main"):
            assert self.open.pop() == tag


def read(path) -> Page:
    page = Page()
    page.feed(path.read_text())
    assert page.open == []
    return page


def test_an_empty_store_gives_a_whole_report(tmp_path):
    document = write_report(Store(tmp_path / "none"), PAPER, tmp_path / "out")
    check_page((tmp_path / "out/report.html").read_text())
    page = read(tmp_path / "out/report.html")
    assert page.tags.count("section") == len(document.sections) == 19
    text = (tmp_path / "out/report.md").read_text()
    assert "0 of 104 runs finished" in text and "35.7" in text and "40.9" in text
    assert all(answer not in text for answer in ("✔", "✘"))


def test_the_page_needs_nothing_from_elsewhere(tmp_path, trainer):
    store = Store(tmp_path / "store")
    for run in all_runs([STUDY.experiment("domain_gap", MINI), STUDY.experiment("ratio", MINI)]):
        execute(run, store)
    write_report(store, MINI, tmp_path / "out")
    html = (tmp_path / "out/report.html").read_text()
    check_page(html)
    page = read(tmp_path / "out/report.html")
    assert "script" not in page.tags and "link" not in page.tags and "img" not in page.tags
    assert all(link.startswith("#") for link in page.links)
    assert not re.search(r"@import|url\((?!#)", html)
    assert {link[1:] for link in page.links if not link.startswith("#m")} <= set(page.ids)
    assert 'name="viewport"' in html and "say nothing about" in html
    pictures = {path.name for path in (tmp_path / "out").glob("*.svg")}
    assert all('fill="#fff"/>' in (tmp_path / "out" / name).read_text() for name in pictures)
    assert pictures == set(re.findall(r"\]\((\S+\.svg)\)", (tmp_path / "out/report.md").read_text()))


def test_pictures_of_data_that_lie_here_are_in_the_page(tmp_path, trainer, mini_root, monkeypatch):
    monkeypatch.setenv("DETECTRON2_DATASETS", str(mini_root))
    store = Store(tmp_path / "store")
    for run in STUDY.experiment("domain_gap", MINI).runs():
        execute(run, store)
    write_report(store, MINI, tmp_path / "out")
    elsewhere = [link for link in read(tmp_path / "out/report.html").links if not link.startswith("#")]
    assert len(elsewhere) == 2 and all(link.startswith("data:image/jpeg;base64,") for link in elsewhere)


def test_a_scale_of_other_classes_reports_those(tmp_path, trainer):
    baseline_keys = {**MINI.configs["cityscapes.yaml"], "DATASETS.CLASSES": ["car", "cone"]}
    scale = replace(MINI, configs={**MINI.configs, "cityscapes.yaml": baseline_keys})
    store = Store(tmp_path / "store")
    for run in STUDY.experiment("removal", scale).runs():
        execute(run, store)
    write_report(store, scale, tmp_path / "out")
    assert re.findall(r"<text[^>]*>(car|cone|rider)<", (tmp_path / "out/removal.svg").read_text()) == ["car", "cone"]
    report = (tmp_path / "out/report.md").read_text()
    assert "cone" in report and "rider" not in report


def test_each_number_stands_beside_the_paper_s(tmp_path, trainer):
    store = Store(tmp_path)
    for run in STUDY.experiment("domain_gap", MINI).runs():
        execute(run, store)
    section = next(s for s in build_document(store, MINI).sections if s.anchor == "domain_gap")
    rows = next(block for block in section.blocks if isinstance(block, Numbers)).rows
    assert [row.published for row in rows] == [31.6, 12.9, 11.8, 35.7]
    for row in rows:
        assert row.ours.seeds == 3 and row.ours.low <= row.ours.value <= row.ours.high
        assert "(3 seeds)" in estimate_text(row)
        assert difference_text(row)[0] in "+−"


def test_edited_runs_are_left_out_and_named(tmp_path, trainer):
    store = Store(tmp_path)
    runs = STUDY.experiment("domain_gap", MINI).runs()
    for run in runs:
        execute(run, store)
    write_text(store.folder(runs[0]) / "config.yaml", "LR: 7")
    write_report(store, MINI, tmp_path / "out")
    assert "was edited since the run finished" in (tmp_path / "out/report.html").read_text()


def seeds_of(run, scale, skill, seeds=(0, 1, 2)):
    return [record(run.with_seed(seed), scale, skill) for seed in seeds]


@pytest.mark.parametrize(
    ("home", "abroad", "answer"), [(0.7, 0.2, "holds"), (0.2, 0.7, "does not hold"), (0.5, 0.5, "open")]
)
def test_the_domain_gap_is_answered_by_its_interval(home, abroad, answer):
    skills = {baseline(PAPER): {REAL: home, SYNTHETIC: abroad}, removed(PAPER, 0): {REAL: abroad, SYNTHETIC: home}}
    records = [item for run, skill in skills.items() for item in seeds_of(run, PAPER, skill)]
    claim = alignment(PAPER)[0]
    [verdict] = claims.judge_page([claim], Estimates(records, PAPER))
    assert verdict.answer == answer and len(verdict.findings) == 2
    assert all("24,000 iterations each" in finding.iterations for finding in verdict.findings)
    [single] = claims.judge_page([claim], Estimates([r for r in records if r.run.seed == 0], PAPER))
    assert single.answer == "open"  # one training on a side


def test_claims_without_runs_are_not_yet_run():
    verdicts = claims.judge_page(paper.claims(PAPER), Estimates([], PAPER))
    answers = {verdict.claim.quote[:12]: verdict.answer for verdict in verdicts}
    assert answers.pop("Under 20k it") == "open"  # no mixture of the paper's Table 3 is that short
    assert set(answers.values()) == {"not yet run"} and len(verdicts) > 25


@pytest.mark.parametrize(
    ("answers", "expected"),
    [(["holds", "holds"], "holds"), (["holds", "open"], "open"), (["open", "does not hold"], "does not hold"),
     (["holds", "not yet run", "open"], "not yet run"), ([], "open")],
)  # fmt: skip
def test_answers_combine(answers, expected):
    assert claims.combined(answers) == expected


def test_what_decides_only_in_the_plain_reading_is_open_after_holm():
    def finding(p_value):
        return claims.Finding("x", "holds", p_value=p_value)

    alone = claims.Claim("q", "1", "c", lambda _: [finding(0.03)])
    company = claims.Claim("r", "1", "c", lambda _: [finding(0.001), finding(float("nan"))])
    first, second = claims.judge_page([alone, company], Estimates([], PAPER))
    assert (first.answer, first.adjusted) == ("holds", "holds")  # the second of two: 0.03 * 1
    first, second, _ = claims.judge_page([alone, company, alone], Estimates([], PAPER))
    assert (first.answer, first.adjusted) == ("holds", "open") and first.findings[0].adjusted_p == pytest.approx(0.06)
    assert second.adjusted == "holds"


def test_a_contrast_of_runs_is_over_the_seeds_that_all_have():
    shares = {share: with_real_share(MINI, share) for share in (0, 10, 100)}
    records = [
        item
        for share, run in shares.items()
        for item in seeds_of(run, MINI, {REAL: 0.2 + 0.25 * (share > 0) + 0.1 * (share > 10)}, range(2 + (share > 0)))
    ]
    estimates = Estimates(records, MINI)
    found = estimates.contrast([(-1, shares[0]), (-1, shares[100]), (2, shares[10])], REAL)
    values = [estimates.arm(shares[share], REAL).runs("AP").values[:2].mean() for share in (0, 10, 100)]
    assert found.seeds == 2 and found.value == pytest.approx(2 * values[1] - values[0] - values[2]) and found.low > -99
    lone = Estimates([r for r in records if r.run.seed == 0], MINI)
    assert lone.contrast([(-1, shares[0]), (1, shares[10])], REAL).is_open


@pytest.mark.parametrize(
    ("optimum", "answer"), [({0.0: 0.02, 0.9: 0.002}, "holds"), ({0.0: 0.2, 0.9: 0.002}, "does not hold")]
)
def test_the_optimum_is_sought_at_one_effective_rate(optimum, answer):
    records = []
    for momentum, best in optimum.items():
        for rate in MINI.grid["lr"]:
            skill = max(0.8 - 0.35 * abs(np.log10(rate / best)), 0.05)
            records += seeds_of(finetuned(MINI, rate, momentum), MINI, {REAL: skill})
    [found] = one_optimum(Estimates(records, MINI))
    assert found.answer == answer, found
    [lone] = one_optimum(Estimates([item for item in records if item.run.seed == 0], MINI))
    assert lone.answer == "open"


def test_only_a_loss_that_is_not_finite_counts_as_diverged():
    for reason, answer in (
        ("loss_mask nan became infinite or not a number in iteration 7", "holds"), ("the disk is full", "open"),
    ):  # fmt: skip
        failed = Record(finetuned(MINI, 0.2, 0.9), Status("failed", reason), "nowhere", {})
        found = diverges(Estimates([failed], MINI))
        assert next(f for f in found if f.text == "rate 0.2, momentum 0.9").answer == answer


def test_what_is_chosen_on_a_half_is_reported_on_the_other():
    results = {
        name: {seed: make_result(REAL, draw_table(skill, 9 * seed + len(name), 24), resamples=0) for seed in range(3)}
        for name, skill in (("low", 0.2), ("high", 0.6), ("higher", 0.62))
    }
    found = select({name: Arm(name, by_seed, 40) for name, by_seed in results.items()}, resamples=40)
    here, there = halves(results["low"][0].images)
    assert not set(here) & set(there) and len(here) == len(there) == 12
    assert "low" not in found.contenders and found.best in found.contenders and not found.is_open
    for way, half in zip(found.ways, (there, here), strict=True):
        tables = [result.table.subset(half) for result in results[way.chosen].values()]
        values = [make_result(REAL, table, resamples=0).figures["AP"] for table in tables]
        assert way.reported.value == pytest.approx(np.mean(values)) and way.chosen != "low"
    lone = select({name: Arm(name, {0: by_seed[0]}, 40) for name, by_seed in results.items()}, resamples=40)
    assert lone.is_open and len(lone.contenders) == 3


def test_scores_of_a_test_server_fill_their_cells(tmp_path):
    path = tmp_path / "scores.yaml"
    entry = {"config": "mixture.yaml", "data_set": TEST, "AP": 33.1, "submission": "synmix-1"}
    entry["date"] = date(2026, 1, 31)
    path.write_text(yaml.safe_dump({"scores": [entry]}))
    estimates = Estimates([], PAPER, scores_of(PAPER, path))
    ours = estimates.estimate(training(PAPER, "mixture.yaml"), TEST)
    assert (ours.value, ours.entered) == (33.1, "synmix-1, 2026-01-31")
    assert estimates.estimate(baseline(PAPER), TEST) is None and scores_of(PAPER) == [] == scores_of(MINI)
    for change, sentence in (
        ({"date": "yesterday"}, "date"), ({"AP": 331}, "percentages"), ({"submission": None}, "lacks 'submission'"),
    ):  # fmt: skip
        path.write_text(yaml.safe_dump({"scores": [entry | change]}))
        with pytest.raises(UserError, match=sentence):
            scores_of(PAPER, path)
    path.write_text("scores: 3")
    with pytest.raises(UserError, match="has no list 'scores'"):
        scores_of(PAPER, path)


def test_it_opens_with_the_answer_at_equal_length():
    mixed = training(MINI, "mixture.yaml")
    sides = ((control(MINI, mixed), 0.4), (mixed, 0.7), (baseline(MINI), 0.2))
    records = [
        record(run.with_seed(seed), MINI, {REAL: skill}, Path("nowhere")) for seed in range(3) for run, skill in sides
    ]
    estimates = Estimates(records, MINI)
    texts = [block.text for block in answer_section(estimates).blocks if isinstance(block, Paragraph)]
    assert texts[0] == "Synthetic images help." and "450 iterations" in texts[1]
    nothing = answer_section(Estimates([], MINI)).blocks
    assert "uv run tools/study.py run answer --scale mini" in nothing[0].text
    cell = next(c for c in STUDY.experiment("epochs", MINI).cells if c.run == mixed)
    number = _number(cell, estimates)
    assert number.control.value == pytest.approx(estimates.estimate(control(MINI, mixed), REAL).value)
    assert control_text(number) == f"+{number.gain.value:.1f} [+{number.gain.low:.1f}, +{number.gain.high:.1f}] on " + (
        f"{number.control.value:.1f}"
    )


def test_more_seeds_join_their_arm_and_pair():
    run = baseline(PAPER)
    records = [record(run.with_seed(seed), PAPER, {REAL: 0.5, SYNTHETIC: 0.5}) for seed in range(3)]
    estimates = Estimates(records, PAPER)
    estimate = estimates.estimate(run, REAL)
    values = [r.results[REAL].figures["AP"] for r in records]
    assert estimate.seeds == 3 and estimate.value == pytest.approx(np.mean(values))
    twins = [replace(item, run=OTHER.with_seed(seed)) for seed, item in enumerate(records)]
    nothing = Estimates([*records, *twins], PAPER).difference(run, OTHER, REAL)
    assert (nothing.value, nothing.low, nothing.high) == (0, 0, 0)  # paired: the same images are drawn for both
    alone = Estimates([records[0], replace(records[0], run=OTHER)], PAPER)
    assert alone.difference(run, OTHER, REAL).is_open and alone.estimate(run, REAL).is_open


def test_results_on_other_images_are_refused():
    run, name = baseline(PAPER), REAL
    other = record(OTHER, PAPER, {REAL: 0.5, SYNTHETIC: 0.5})
    table = replace(draw_table(0.5, 1, 30), images=tuple(f"other_{i}" for i in range(30)))
    other.results[name] = replace(other.results[name], table=table)
    assert isinstance(other.results[name], Result)
    estimates = Estimates([record(run, PAPER, {REAL: 0.5, SYNTHETIC: 0.5}), other], PAPER)
    with pytest.raises(Exception, match="different images"):
        estimates.difference(run, other.run, REAL)


def test_published_grids_on_coarser_ones():
    table = published.on_grid(published.TABLE_3, [2.5, 3.75, 5], [0, 160, 320])
    assert table[2.5, 0] == 32.6 and table[3.75, 320] == 40.9 and table[5, 160] == 37.2
    assert published.on_grid(published.TABLE_3, [33, 50, 66], [0, 3000, 6000, 9000, 12000, 20000]) == published.TABLE_3


def test_equal_seeds_pair_and_others_do_not():
    run, other = baseline(PAPER), OTHER
    records = [record(run.with_seed(seed), PAPER, {REAL: 0.2 + 0.3 * seed, SYNTHETIC: 0.5}) for seed in range(3)]
    twins = [replace(item, run=other.with_seed(seed)) for seed, item in enumerate(records)]
    strangers = [replace(item, run=other.with_seed(seed + 1)) for seed, item in enumerate(records)]
    paired = Estimates([*records, *twins], PAPER).difference(run, other, REAL)
    apart = Estimates([*records, *strangers], PAPER).difference(run, other, REAL)
    assert (paired.low, paired.high) == (0, 0)
    assert apart.low < -5 and apart.high > 5


@pytest.mark.parametrize(("key", "values"), [("real_share", [0, 100]), ("real_share", [10, 50, 100]), ("amounts", [4])])
def test_a_scale_whose_grid_lacks_what_claims_compare_is_a_sentence(key, values):
    scale = replace(load_scale("mini"), grid={**load_scale("mini").grid, key: values})
    with pytest.raises(UserError, match=rf"the scale 'mini' has .* under 'grid\.{key}'; give 0"):
        paper.claims(scale)
