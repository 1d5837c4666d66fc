"""The report: complete with any runs missing, self-contained, and its answers follow from the runs."""

import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from tests.synmix.conftest import draw_table

from synmix.evaluate.result import Result, make_result
from synmix.files import write_text
from synmix.report import claims
from synmix.report.estimates import Estimates
from synmix.report.numbers import difference_text, estimate_text
from synmix.report.report import build_document, write_report
from synmix.report.report_model import Numbers
from synmix.study import published
from synmix.study.execute import execute
from synmix.study.experiments import REAL, STUDY, SYNTHETIC, all_runs, baseline, finetuned, removed, training
from synmix.study.scale import load_scale
from synmix.study.store import Record, Status, Store

MINI, PAPER = load_scale("mini"), load_scale("paper")
OTHER = training(PAPER, "cityscapes.yaml", {"SOLVER.BASE_LR": 0.5})


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
    page = read(tmp_path / "out/report.html")
    assert page.tags.count("section") == len(document.sections) == 13
    text = (tmp_path / "out/report.md").read_text()
    assert "0 of 64 runs finished" in text and "35.7" in text and "40.9" in text
    assert all(answer not in text for answer in ("✔", "✘"))


def test_the_page_needs_nothing_from_elsewhere(tmp_path, trainer):
    store = Store(tmp_path / "store")
    for run in all_runs([STUDY.experiment("domain_gap", MINI), STUDY.experiment("ratio", MINI)]):
        execute(run, store)
    write_report(store, MINI, tmp_path / "out")
    html = (tmp_path / "out/report.html").read_text()
    page = read(tmp_path / "out/report.html")
    assert "script" not in page.tags and "link" not in page.tags and "img" not in page.tags
    assert all(link.startswith("#") for link in page.links)
    assert not re.search(r"@import|url\((?!#)", html)
    assert {link[1:] for link in page.links if not link.startswith("#m")} <= set(page.ids)
    assert 'name="viewport"' in html and "say nothing about" in html
    pictures = {path.name for path in (tmp_path / "out").glob("*.svg")}
    assert pictures == set(re.findall(r"\]\((\S+\.svg)\)", (tmp_path / "out/report.md").read_text()))


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


@pytest.mark.parametrize(
    ("home", "abroad", "answer"), [(0.7, 0.2, "holds"), (0.2, 0.7, "does not hold"), (0.5, 0.5, "open")]
)
def test_the_domain_gap_is_answered_by_its_interval(home, abroad, answer):
    skills = {baseline(PAPER): {REAL: home, SYNTHETIC: abroad}, removed(PAPER, 0): {REAL: abroad, SYNTHETIC: home}}
    records = [record(run.with_seed(seed), PAPER, skill) for run, skill in skills.items() for seed in range(3)]
    estimates = Estimates(records, PAPER)
    verdict = claims.claims(PAPER)[0].judge(estimates)
    assert verdict.answer == answer and len(verdict.evidence) == 2


def test_claims_without_runs_are_not_yet_run():
    assert {claim.judge(Estimates([], PAPER)).answer for claim in claims.claims(PAPER)} == {"not yet run"}


@pytest.mark.parametrize(
    ("answers", "expected"),
    [(["holds", "holds"], "holds"), (["holds", "open"], "open"), (["open", "does not hold"], "does not hold"),
     (["holds", "not yet run", "open"], "not yet run")],
)  # fmt: skip
def test_answers_combine(answers, expected):
    assert claims.combined(answers) == expected


@pytest.mark.parametrize(
    ("optimum", "answer"), [({0.0: 0.005, 0.9: 0.0005}, "holds"), ({0.0: 0.02, 0.9: 0.0001}, "does not hold")]
)
def test_the_optimum_is_sought_at_one_effective_rate(optimum, answer):
    records = []
    for momentum, best in optimum.items():
        for rate in PAPER.grid["lr"]:
            skill = 0.7 - 0.15 * abs(np.log(rate / best))
            run, skills = finetuned(PAPER, rate, momentum), dict.fromkeys((REAL, SYNTHETIC), max(skill, 0.05))
            records += [record(run.with_seed(seed), PAPER, skills) for seed in range(3)]
    verdict = next(c for c in claims.claims(PAPER) if "effective" in c.title).judge(Estimates(records, PAPER))
    assert verdict.answer == answer, verdict


def test_more_seeds_join_their_arm_and_pair():
    run = baseline(PAPER)
    records = [record(run.with_seed(seed), PAPER, {REAL: 0.5, SYNTHETIC: 0.5}) for seed in range(3)]
    estimates = Estimates(records, PAPER)
    estimate = estimates.estimate(run, REAL)
    values = [r.results[REAL].figures["AP"] for r in records]
    assert estimate.seeds == 3 and estimate.value == pytest.approx(np.mean(values))
    same = Estimates([*records, *(replace(item, run=OTHER.with_seed(item.run.seed)) for item in records)], PAPER)
    nothing = same.difference(run, OTHER, REAL)
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
