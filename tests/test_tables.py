"""The documentation's tables are what the code says."""

import importlib.util
from importlib.machinery import SourceFileLoader

from synmix.config_files import CONFIGS
from synmix.harmonize import rules

DOCS = CONFIGS.parent / "docs"
_LOADER = SourceFileLoader("tables", str(CONFIGS.parent / ".ci/tables"))
tables = importlib.util.module_from_spec(importlib.util.spec_from_loader("tables", _LOADER))
_LOADER.exec_module(tables)


def test_every_table_is_as_code_says():
    pages = {path: path.read_text(encoding="utf-8") for path in DOCS.rglob("*.md")}
    marked = {path.name: tables.PLACE.findall(text) for path, text in pages.items() if tables.PLACE.search(text)}
    assert {name: [place[1] for place in places] for name, places in marked.items()} == {
        "harmonize.md": ["synmix.harmonize.rules"],
        "keys.md": ["synmix.keys"],
    }
    stale = [path.name for path, text in pages.items() if tables.made(text) != text]
    assert not stale, "run: uv run .ci/tables"


def test_a_page_that_drifted_is_made_anew():
    page = (DOCS / "harmonize.md").read_text(encoding="utf-8")
    assert tables.made(page.replace("| split, parts, keep |", "| split |")) == page
    assert tables.made("a\n<!-- synmix.harmonize.rules -->\n<!-- end -->\nb") == (
        f"a\n<!-- synmix.harmonize.rules -->\n{rules.markdown()}\n<!-- end -->\nb"
    )
