"""Tables for the answer's tests: the paper's Table 3, and drawn ones whose law is known."""

from pathlib import Path

import numpy as np
import pytest

from synmix.answer import read_table
from synmix.answer.known_laws import LAWS, draw_table, full_design

ROOT = Path(__file__).parents[3]
COLUMNS = "real_images,synthetic_images,iterations,seed,AP"


@pytest.fixture(scope="session")
def paper_csv() -> Path:
    """The paper's Table 3."""
    return ROOT / "docs/data/paper_table3.csv"


@pytest.fixture(scope="session")
def paper(paper_csv):
    """Its table."""
    return read_table(paper_csv)


@pytest.fixture(scope="session")
def drawn():
    """A function that draws a table from a known law, by its name."""
    laws = {law.name: law for law in LAWS}

    def draw(name, seeds=3, seed=0, cells=None):
        return draw_table(laws[name], cells or full_design(), seeds, np.random.default_rng(seed))

    return draw


@pytest.fixture
def write_csv(tmp_path):
    """A function that writes a CSV of lines and returns its path."""

    def write(*lines, header=COLUMNS):
        path = tmp_path / "results.csv"
        path.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
        return path

    return write
