"""The tutorial: what is committed was run, says nothing of the machine, and comes out the same again."""

import base64
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from synmix.config_files import CONFIGS

ROOT = CONFIGS.parent
NOTEBOOK = ROOT / "docs/tutorial.ipynb"
NUMBER = re.compile(r"[\u2212+-]?\d[\d,]*\.?\d*")
BYTES = 150_000  # of a picture
ABSOLUTE = re.compile(r"(?<![\w./<~*}])/\w+/[\w.]")  # the beginning of an absolute path


def outputs(path: Path) -> dict[str, list[dict]]:
    """The outputs of each code cell, by the cell's name; of those that differ from run to run, none."""
    cells = [cell for cell in json.loads(path.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == "code"]
    return {cell["id"]: [] if "varies" in cell["metadata"].get("tags", ()) else cell["outputs"] for cell in cells}


def printed(found: list[dict]) -> str:
    return "".join("".join(output.get("text", ())) for output in found)


def pictures(found: list[dict]) -> list[tuple[str, str]]:
    """Kind and data of each picture, as they stand in the file."""
    shown = [output["data"] for output in found if "data" in output]
    return [(kind, "".join(data[kind])) for data in shown for kind in data if kind.startswith("image/")]


def test_every_cell_was_run_in_order():
    cells = [cell for cell in json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    assert not [cell["id"] for cell in cells[1:] if not cell["outputs"]], "run: .ci/tutorial"
    assert {output["output_type"] for cell in cells for output in cell["outputs"]} <= {
        "stream", "display_data", "execute_result"
    }  # fmt: skip


def test_pictures_are_small_and_say_what_they_show():
    found = [output for cell in outputs(NOTEBOOK).values() for output in cell if "data" in output]
    assert len(found) > 4
    for output in found:
        for kind, data in pictures([output]):
            if kind == "image/svg+xml":
                assert 'aria-label="' in data and len(data) < BYTES
            else:
                assert output["metadata"][kind]["alt"] and len(base64.b64decode(data)) < BYTES


def test_nothing_of_the_machine_and_no_warning():
    text = NOTEBOOK.read_text(encoding="utf-8")
    assert not re.search(r"\bWARNING|Warning:|Traceback|\\u001b", text)
    for cell in json.loads(text)["cells"]:
        found = cell.get("outputs", [])
        svgs = [data for kind, data in pictures(found) if kind == "image/svg+xml"]
        for shown in ("".join(cell["source"]), printed(found), *svgs):
            assert not ABSOLUTE.search(shown), cell["id"]


@pytest.mark.slow
def test_it_comes_out_the_same_again(tmp_path):
    pytest.importorskip("nbclient", reason="uv run --group tutorial brings what runs notebooks")
    for name in ("tools", "datasets", "configs", "docs"):
        (tmp_path / name).symlink_to(ROOT / name)
    again = tmp_path / "again.ipynb"
    subprocess.run([sys.executable, ROOT / ".ci/tutorial", again], cwd=tmp_path, check=True)
    before, now = outputs(NOTEBOOK), outputs(again)
    assert before.keys() == now.keys()
    for cell in before:
        texts = printed(before[cell]), printed(now[cell])
        words, others = (NUMBER.sub("#", text).split() for text in texts)
        assert words == others, cell
        figures, new = ([float(_plain(number)) for number in NUMBER.findall(text)] for text in texts)
        assert new == pytest.approx(figures, rel=0.02, abs=0.15), cell  # another processor rounds otherwise
        assert [kind for kind, _ in pictures(before[cell])] == [kind for kind, _ in pictures(now[cell])]


def _plain(number: str) -> str:
    return number.replace(",", "").replace("\N{MINUS SIGN}", "-")
