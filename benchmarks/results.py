"""What a benchmark measured, and on what, as a file: docs/benchmarks/results/NAME.json, of which `.ci/tables` makes
the tables of the pages: a table's place there is ``<!-- benchmarks.results NAME TABLE -->`` and ``<!-- end -->``, and
without TABLE that of the line which says what it was measured on.

A new benchmark calls :func:`add_json` on its parser, makes its rows a :class:`Table`, prints that, and ends with
:func:`write_results`.
"""

import argparse
import os
import shlex
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from synmix.evaluate.result import provenance
from synmix.files import read_json, write_json

FOLDER = Path(__file__).resolve().parents[1] / "docs/benchmarks/results"


@dataclass(frozen=True)
class Table:
    """Rows of figures as they were measured; how they are shown is the columns' matter."""

    columns: Mapping[str, str]  # title -> the format of its figures, such as "{:.1f} ms"; texts stay as they are
    rows: list[list[str | float | None]] = field(default_factory=list)

    def cell(self, row: str, column: str) -> float:
        """The figure of the row that begins with a text."""
        (found,) = [each for each in self.rows if each[0] == row]
        return float(found[list(self.columns).index(column)])  # type: ignore[arg-type]

    def markdown(self) -> str:
        """The table; a column of which nothing is known is left out."""
        known = [place for place in range(len(self.columns)) if any(row[place] is not None for row in self.rows)]
        titles, forms = zip(*self.columns.items(), strict=True)
        lines = [[titles[place] for place in known], ["---:" if "{" in forms[place] else "---" for place in known]]
        lines += [[_shown(row[place], forms[place]) for place in known] for row in self.rows]
        return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _shown(value: str | float | None, form: str) -> str:
    return "" if value is None else value if isinstance(value, str) else form.format(value)


def add_json(parser: argparse.ArgumentParser) -> None:
    """``--json`` and ``--note``, which :func:`write_results` reads."""
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the rows, and what they were measured on")
    parser.add_argument("--note", default="", metavar="TEXT", help="with --json: what else the machine did meanwhile")


def write_results(arguments: argparse.Namespace, tables: Mapping[str, Table], **more: str) -> None:
    """Writes ``--json``.

    Args:
        tables: by the names that pages call them.
        more: what else was measured on, such as ``gpu="..."``.
    """
    if not arguments.json:
        return
    about = provenance()
    measured = {
        "commit": about["commit"],
        "date": about["time"][:10],
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        **more,
        "note": arguments.note,
    }
    found = {name: asdict(table) for name, table in tables.items()}
    write_json(arguments.json, {"command": _command(), "measured": measured, "tables": found})
    print(f"wrote {arguments.json}")


def _command() -> str:
    """As it was called, without the words of this file and without folders, which are this machine's."""
    own = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    add_json(own)
    words = [Path(word).name if word.startswith("/") else word for word in own.parse_known_args()[1]]
    return shlex.join([f"benchmarks/{Path(sys.argv[0]).name}", *words])


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.is_file() else []
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "")


def read_tables(name: str) -> dict[str, Table]:
    """The tables of a result file."""
    return {key: Table(**table) for key, table in read_json(FOLDER / f"{name}.json")["tables"].items()}


def markdown(name: str, table: str = "") -> str:
    """A table of a result file; without ``table``, the line that says how it was measured."""
    return read_tables(name)[table].markdown() if table else _origin(read_json(FOLDER / f"{name}.json"))


def _origin(found: dict[str, Any]) -> str:
    measured = dict(found["measured"])
    cores, commit, note = (measured.pop(key, None) for key in ("cores", "commit", "note"))
    parts = [*measured.values(), cores and f"cores: {cores}", commit and f"commit {commit}", note]
    return f"`{found['command']}`: {'; '.join(str(part) for part in parts if part)}."
