"""Reads tables of results, anyone's CSV."""

import csv
import math
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from synmix.answer.table import Cell, Table, Training, make_table
from synmix.errors import UserError

Keep = Callable[[Mapping[str, str]], bool]

REQUIRED = ("real_images", "synthetic_images", "iterations", "seed", "AP")
_OPTIONAL = ("image_se", "gpu_hours")


def read_table(path: str | os.PathLike[str], keep: Keep = lambda row: True) -> Table:
    """Reads a CSV with the columns real_images, synthetic_images, iterations, seed and AP, one row per training.

    Optional: ``image_se`` (standard error of the AP over the evaluated images) and ``gpu_hours``. Further columns are
    kept with the trainings.

    Args:
        path: the CSV.
        keep: which rows to take (:func:`keep_rows`).

    Raises:
        UserError: the file cannot be read, a column is missing, or a row cannot be meant.

    >>> len(read_table("results.csv").trainings)
    6
    """
    rows = _rows(Path(path), REQUIRED)
    return make_table((_training(row, place, path) for place, row in rows if keep(row)), str(path))


def keep_rows(conditions: Sequence[str]) -> Keep:
    """Whether a row has, in each column named, one of the values: from ``["model=a,b", "config=mixture.yaml"]``.

    Raises:
        UserError: a condition is not COLUMN=VALUE, or (when a row is asked about) there is no such column.
    """
    wanted: dict[str, set[str]] = {}
    for condition in conditions:
        name, equals, values = condition.partition("=")
        if not name or not equals:
            raise UserError(f"--only is '{condition}'; give COLUMN=VALUE, or COLUMN=VALUE,VALUE.")
        wanted.setdefault(name.strip(), set()).update(value.strip() for value in values.split(","))

    def keep(row: Mapping[str, str]) -> bool:
        for name in wanted:
            if name not in row:
                raise UserError(f"--only names the column '{name}', which is not there; found: {', '.join(row)}.")
        return all(row[name] in values for name, values in wanted.items())

    return keep


def _rows(path: Path, required: tuple[str, ...]) -> list[tuple[str, dict[str, str]]]:
    """The rows by column, with their place in the file."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream, strict=True)
            header = [name.strip() for name in reader.fieldnames or ()]
            reader.fieldnames = header
            _check_header(path, header, required)
            return [
                (f"line {reader.line_num}", {str(k): (v or "").strip() for k, v in row.items() if isinstance(v, str)})
                for row in reader
                if any(isinstance(value, str) and value.strip() for value in row.values())
            ]
    except FileNotFoundError:
        raise UserError(f"'{path}' does not exist; give a CSV of results.") from None
    except OSError as error:
        raise UserError(f"'{path}' cannot be read ({error.strerror}).") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"'{path}' is not a CSV in UTF-8 ({error}).") from None


def _check_header(path: Path, header: list[str], required: tuple[str, ...]) -> None:
    missing = [name for name in required if name not in header]
    if missing:
        found = ", ".join(header) or "none"
        raise UserError(f"'{path}' lacks the column(s) {', '.join(missing)}; found: {found}.")
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        raise UserError(f"'{path}' has the column(s) {', '.join(twice)} twice; name each once.")


def _training(row: Mapping[str, str], place: str, path: str | os.PathLike[str]) -> Training:
    where = f"'{path}', {place}"
    missing = [name for name in REQUIRED if not row.get(name)]
    if missing:
        raise UserError(f"{where}: {', '.join(missing)} is empty; give a number or remove the row.")
    cell = Cell(*(_count(row, name, where) for name in ("real_images", "synthetic_images", "iterations")))
    if cell.iterations == 0 or cell.real + cell.synthetic == 0:
        raise UserError(f"{where}: a training has at least one image and one iteration.")
    value = _number(row, "AP", where)
    if not 0 <= value <= 100:
        raise UserError(f"{where}: AP is {value:g}; give points from 0 to 100.")
    optional = {name: _number(row, name, where) if row.get(name) else None for name in _OPTIONAL}
    for name, number in optional.items():
        if number is not None and number < 0:
            raise UserError(f"{where}: {name} is {number:g}; it cannot be negative.")
    further = {name: text for name, text in row.items() if name not in REQUIRED + _OPTIONAL}
    return Training(cell, _count(row, "seed", where), value, **optional, place=place, further=further)


def _count(row: Mapping[str, str], name: str, where: str) -> int:
    value = _number(row, name, where)
    if value < 0 or value != int(value):
        raise UserError(f"{where}: {name} is {value:g}; give a whole number, 0 or more.")
    return int(value)


def _number(row: Mapping[str, str], name: str, where: str) -> float:
    try:
        value = float(row[name])
    except ValueError:
        raise UserError(f"{where}: {name} is '{row[name]}'; give a plain number such as 2975 or 36.2.") from None
    if not math.isfinite(value):
        raise UserError(f"{where}: {name} is {row[name]}; give a finite number.")
    return value
