"""The documentation's tables are what the code and the benchmarks' results say."""

import argparse
import importlib.util
import sys
from importlib.machinery import SourceFileLoader

import pytest

from synmix.config_files import CONFIGS
from synmix.files import read_json
from synmix.harmonize import rules

DOCS = CONFIGS.parent / "docs"
_LOADER = SourceFileLoader("tables", str(CONFIGS.parent / ".ci/tables"))
tables = importlib.util.module_from_spec(importlib.util.spec_from_loader("tables", _LOADER))
_LOADER.exec_module(tables)
results = importlib.import_module("benchmarks.results")
PAGES = {path: path.read_text(encoding="utf-8") for path in DOCS.rglob("*.md")}
PLACES = [
    (path.name, module, words.strip()) for path, t in PAGES.items() for _, module, words, _ in tables.PLACE.findall(t)
]


def test_every_table_is_as_code_says():
    assert {(page, module) for page, module, _ in PLACES if module != "benchmarks.results"} == {
        ("harmonize.md", "synmix.harmonize.rules"),
        ("keys.md", "synmix.keys"),
        ("README.md", "benchmarks.summary"),
    }
    stale = [path.name for path, text in PAGES.items() if tables.made(text) != text]
    assert not stale, "run: uv run .ci/tables"


def test_a_page_that_drifted_is_made_anew():
    page = (DOCS / "harmonize.md").read_text(encoding="utf-8")
    assert tables.made(page.replace("| split, parts, keep |", "| split |")) == page
    assert tables.made("a\n<!-- synmix.harmonize.rules -->\n<!-- end -->\nb") == (
        f"a\n<!-- synmix.harmonize.rules -->\n{rules.markdown()}\n<!-- end -->\nb"
    )


@pytest.mark.parametrize("path", sorted(results.FOLDER.glob("*.json")), ids=lambda path: path.stem)
def test_every_table_of_a_result_is_on_a_page_with_what_it_was_measured_on(path):
    found = read_json(path)
    assert (CONFIGS.parent / found["command"].split()[0]).is_file()
    assert found["measured"]["commit"] or "transcribed" in found["measured"]["note"]
    shown = {words for _, module, words in PLACES if module == "benchmarks.results"}
    assert {path.stem, *(f"{path.stem} {table}" for table in found["tables"])} <= shown


def test_a_page_whose_figure_was_typed_is_made_anew():
    page = (DOCS / "benchmarks/evaluate.md").read_text(encoding="utf-8")
    assert "| 1261.8 |" in page and tables.made(page.replace("| 1261.8 |", "| 1261.9 |")) == page


def test_what_a_benchmark_writes_is_shown(tmp_path, monkeypatch):
    monkeypatch.setattr(results, "FOLDER", tmp_path)
    parser = argparse.ArgumentParser()
    results.add_json(parser)
    words = ["--json", str(tmp_path / "mine.json"), "--note", "nothing else ran"]
    monkeypatch.setattr(
        sys,
        "argv",
        ["benchmarks/mine.py", "--rounds", "2", "--labels", "/home/me/labels", f"--json={words[1]}", *words[2:]],
    )
    table = results.Table({"way": "", "ms": "{:.1f}", "least": "{:.1f}"}, [["ours", 1.26, None], ["theirs", "-", None]])
    results.write_results(parser.parse_args(words), {"ways": table}, gpu="a large one")
    assert results.markdown("mine", "ways") == "| way | ms |\n| --- | ---: |\n| ours | 1.3 |\n| theirs | - |"
    assert results.read_tables("mine")["ways"].cell("ours", "ms") == 1.26
    line = results.markdown("mine")
    assert line.startswith("`benchmarks/mine.py --rounds 2 --labels labels`: 20") and "a large one" in line
    assert line.endswith("nothing else ran.") and read_json(tmp_path / "mine.json")["measured"]["cores"] >= 1
