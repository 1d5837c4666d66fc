"""Scores that another computed: a test server, which keeps its labels to itself; entered by hand with date and source.

``configs/sweep/test_scores.yaml`` shows the form.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from synmix.config import CONFIGS
from synmix.errors import UserError
from synmix.files import read_yaml
from synmix.study.runs import make_run
from synmix.study.scale import Scale

_ABOUT = ("config", "overrides", "data_set", "date", "submission")


@dataclass(frozen=True)
class TestScore:
    """What a server said of a training."""

    __test__ = False  # for pytest, which takes it for a test

    digest: str  # of the training
    data_set: str
    figures: Mapping[str, float]  # percent
    date: date
    submission: str


def scores_of(scale: Scale, path: Path | None = None) -> list[TestScore]:
    """The scores of a file, or of the one that the scale names (under ``configs/sweep``); none where it names none.

    Raises:
        UserError: the file is missing, or an entry cannot be meant.
    """
    if path is None and not scale.test_scores:
        return []
    path = path or CONFIGS / "sweep" / scale.test_scores
    entries = read_yaml(path).get("scores")
    if not isinstance(entries, list):
        raise UserError(f"'{path}' has no list 'scores' (configs/sweep/test_scores.yaml shows the form).")
    return [_score(entry, number, scale, path) for number, entry in enumerate(entries, 1)]


def _score(entry: Any, number: int, scale: Scale, path: Path) -> TestScore:
    where = f"score {number} of '{path}'"
    if not isinstance(entry, dict):
        raise UserError(f"{where} has no keys (config, data_set, AP, date, submission).")
    for key in ("config", "data_set", "AP", "date", "submission"):
        if entry.get(key) in (None, ""):
            raise UserError(f"{where} lacks '{key}'.")
    if not isinstance(entry["date"], date):
        raise UserError(f"{where} has the date {entry['date']!r}; write it as 2026-01-31.")
    figures = {name: value for name, value in entry.items() if name not in _ABOUT}
    for name, value in figures.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 100 or math.isnan(value):
            raise UserError(f"{where} has {name} = {value!r}; figures are percentages.")
    run = make_run(str(entry["config"]), entry.get("overrides"), scale=scale)
    return TestScore(
        run.digest, scale.data_set(str(entry["data_set"])), figures, entry["date"], str(entry["submission"])
    )
