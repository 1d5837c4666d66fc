"""The gate: does mixing pay? A control arm against a mixed arm, by terms that were written down beforehand.

The verdict is ``pass`` where the whole interval of the gain is at or above the least gain that was asked for, ``fail``
where all of it is below, ``inconclusive`` in between and where an arm has one training only. The interval is Student's
over seeds and images (:mod:`synmix.statistics`), paired in the seeds where both arms have the same.
"""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from synmix.errors import UserError
from synmix.files import read_json, write_json
from synmix.statistics import Estimate, answer
from synmix.study.comparison import Arm, gain
from synmix.study.store import Record, Store


@dataclass(frozen=True)
class Terms:
    """What is asked: everything that could be chosen to please, fixed before the results are there."""

    control: str  # an arm: all its seeds; or one run
    mixed: str
    data_set: str
    min_gain: float  # AP points
    figure: str = "AP"
    confidence: float = 0.95
    resamples: int = 1000


@dataclass(frozen=True)
class GateVerdict:
    """The answer and what it rests on."""

    answer: str  # pass, fail or inconclusive
    terms: Terms
    gain: Estimate
    control: tuple[str, ...]  # runs
    mixed: tuple[str, ...]
    declared_first: bool  # the terms are older than every result


def declare(path: Path, terms: Terms) -> float:
    """Writes the terms down, or reads them where they are written down already.

    Returns:
        when they were declared, in seconds since 1970.

    Raises:
        UserError: other terms were declared in this file, or it is damaged.
    """
    if not path.exists():
        write_json(path, {"declared": time.time(), "terms": asdict(terms)})
    found = read_json(path)
    try:
        declared, before = float(found["declared"]), Terms(**found["terms"])
    except (KeyError, TypeError, ValueError):
        raise UserError(f"'{path}' is not a declaration of the gate's terms; name another file.") from None
    for key, value in asdict(terms).items():
        if getattr(before, key) != value:
            raise UserError(
                f"'{path}' declares {key} = {getattr(before, key)!r}, not {value!r}; terms are not changed afterwards: "
                "keep them, or declare a new gate in another file for runs that are still to come."
            )
    return declared


def judge(store: Store, terms: Terms, declared: float) -> GateVerdict:
    """Compares the two arms.

    Raises:
        UserError: an arm is unknown, has no finished run, or lacks results on the data set.
    """
    if not 0 < terms.confidence < 1:
        raise UserError(f"--confidence is {terms.confidence:g}; give a share between 0 and 1.")
    control, mixed = (find_arm(store, name) for name in (terms.control, terms.mixed))
    found = gain(_arm(terms.control, control, terms), _arm(terms.mixed, mixed, terms), terms.figure)
    first = all(declared <= record.status.started for record in (*control, *mixed))
    verdict = answer(found, terms.min_gain, confidence=terms.confidence)
    return GateVerdict(verdict, terms, found, _ids(control), _ids(mixed), first)


def _arm(name: str, records: Sequence[Record], terms: Terms) -> Arm:
    return Arm(name, {record.run.seed: _result(record, terms.data_set) for record in records}, terms.resamples)


def _ids(arm: Sequence[Record]) -> tuple[str, ...]:
    return tuple(record.run.id for record in arm)


def find_arm(store: Store, name: str) -> Sequence[Record]:
    """The finished runs of an arm, one a seed, or the one run of this name; the start of a name is enough where it is
    the start of one arm's name only.

    Raises:
        UserError: no such arm or run, several, or none of it is finished.
    """
    ids = store.ids()
    matching = [run_id for run_id in ids if run_id.startswith(name)]
    arms = sorted({run_id.rsplit("_seed", 1)[0] for run_id in matching})
    if len(arms) != 1:
        known = sorted({run_id.rsplit("_seed", 1)[0] for run_id in ids})
        what = "unknown run" if not arms else "ambiguous run"
        raise UserError(f"{what} '{name}'; known: {', '.join(arms or known) or 'none, the store is empty'}.")
    finished = [record for record in map(store.record, matching) if record.status.state == "finished"]
    if not finished:
        raise UserError(f"no run of '{arms[0]}' is finished; train it first (tools/study.py list shows what is done).")
    return finished


def _result(record: Record, data_set: str) -> Any:
    if data_set not in record.results:
        known = ", ".join(record.results) or "none"
        raise UserError(f"run '{record.run.id}' has no result on '{data_set}'; it has: {known}.")
    return record.results[data_set]
