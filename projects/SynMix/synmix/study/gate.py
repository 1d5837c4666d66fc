"""The gate: does mixing pay? A control arm against a mixed arm, by terms that were sealed before the runs.

``pass``: the whole interval of the gain is at or above the least gain that was asked for. ``fail``: all of it is below.
``equivalent``: the gain is surely within the margin. ``inconclusive``: none of these. The interval is Student's over
seeds and images (:mod:`synmix.statistics`), paired in the seeds. With looks each has its own, wider interval, so that
looking early adds no false passes; the first look that decides is the verdict.

Only declared seeds are used. One that failed counts as a training that finds nothing, and is shown; where the control
failed nothing passes, since a broken control proves no gain.
"""

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from synmix.errors import UserError
from synmix.files import checksum, read_json, write_json
from synmix.statistics import Answer, Estimate, answer, holm
from synmix.study.comparison import Arm, gain
from synmix.study.store import Record, Store
from synmix.study.terms import Terms

_GATES = "gates"


@dataclass(frozen=True)
class Declaration:
    """Terms and when they were declared, in seconds since 1970."""

    terms: Terms
    declared: float


@dataclass(frozen=True)
class GateVerdict:
    """The answer and what it rests on."""

    answer: Answer | Literal["missing"]
    terms: Terms
    seeds: tuple[int, ...] = ()  # of the look that decided, or of the last one there was
    look: int = 0  # counted from 1; 0: none yet
    level: float = 0.05  # two-sided, of this look
    gain: Estimate | None = None
    failed: tuple[str, ...] = ()  # declared runs that failed, with their reasons
    missing: tuple[str, ...] = ()  # what the next look waits for, with their states
    unused: tuple[int, ...] = ()  # seeds of the store that were not declared
    declared_first: bool = True  # the terms are older than the start of every declared run

    @property
    def p_value(self) -> float:
        """Of a gain above the least one, one-sided; nan before the first look. It decides at ``level / 2``."""
        return self.gain.p_value(self.terms.min_gain, "greater") if self.gain else float("nan")


def declare(store: Store, terms: Terms) -> Declaration:
    """Seals terms in the store, or returns the declaration of this name where the same terms are sealed already.

    Raises:
        UserError: other terms are sealed by this name, or the seal is broken.
    """
    path = _path(store, terms.name)
    if not path.exists():
        store.create()
        content = {"declared": time.time(), "terms": asdict(terms)}
        write_json(path, {**content, "checksum": checksum(content)})
    found = declaration(store, terms.name)
    for key, value in asdict(terms).items():
        before = getattr(found.terms, key)
        if before != value:
            raise UserError(
                f"'{path}' declares {key} = {before!r}, not {value!r}; terms are not changed afterwards: keep them, or "
                "declare a gate of another name for runs that are still to come."
            )
    return found


def declaration(store: Store, name: str) -> Declaration:
    """The sealed terms of this name.

    Raises:
        UserError: none are, or the file was edited.
    """
    path = _path(store, name)
    if not path.exists():
        known = ", ".join(names(store)) or "none"
        raise UserError(f"no gate '{name}' is declared in '{store.root}'; declared: {known} (tools/gate.py declare).")
    found = read_json(path)
    try:
        content = {"declared": found["declared"], "terms": found["terms"]}
        if found["checksum"] == checksum(content):
            lists = {key: tuple(value) for key, value in content["terms"].items() if isinstance(value, list)}
            return Declaration(Terms(**{**content["terms"], **lists}), float(content["declared"]))
    except (KeyError, TypeError, ValueError):
        pass
    raise UserError(f"'{path}' was edited since it was declared; put it back, or declare a gate of another name.")


def names(store: Store) -> list[str]:
    """The gates that are declared in a store."""
    return sorted(path.stem for path in (store.root / _GATES).glob("*.json"))


def _path(store: Store, name: str) -> Path:
    return store.root / _GATES / f"{name}.json"


@dataclass
class _Side:
    """The declared runs of an arm that there are."""

    arm: str
    records: dict[int, Record] = field(default_factory=dict)
    waits: dict[int, str] = field(default_factory=dict)  # seed -> why it is not ended

    def failed(self, seeds: Sequence[int]) -> list[Record]:
        return [self.records[seed] for seed in seeds if self.records[seed].status.state == "failed"]


def judge(store: Store, declared: Declaration) -> GateVerdict:
    """Compares the two arms.

    Raises:
        UserError: a run was edited, the arms saw different images, or their results lack the figure.
    """
    terms = declared.terms
    sides = [_side(store, arm, terms) for arm in (terms.control, terms.mixed)]
    begun = [record.status.started for side in sides for record in side.records.values()]
    about: dict[str, Any] = {
        "terms": terms,
        "declared_first": all(declared.declared <= started for started in begun if started),
        "unused": _unused(store, terms),
    }
    verdict = GateVerdict("missing", **about)
    for number, (count, level) in enumerate(terms.levels(), 1):
        seeds = terms.seeds[:count]
        waiting = [f"{side.arm}_seed{s} ({side.waits[s]})" for side in sides for s in seeds if s in side.waits]
        if waiting:
            last = (verdict.seeds, verdict.look, verdict.level, verdict.gain, verdict.failed)
            return GateVerdict("missing", terms, *last, tuple(waiting), about["unused"], about["declared_first"])
        verdict = _at_look(sides, seeds, number, level, about)
        if verdict.answer != "inconclusive":
            break
    return verdict


def _at_look(
    sides: Sequence[_Side], seeds: tuple[int, ...], number: int, level: float, about: dict[str, Any]
) -> GateVerdict:
    terms: Terms = about["terms"]
    failed = [side.failed(seeds) for side in sides]
    shown = tuple(f"{r.folder.name}: {r.status.reason or 'failed'}" for records in failed for r in records)
    results = [side.records[seed].results.get(terms.data_set) for side in sides for seed in seeds]
    example = next((result for result in results if result is not None), None)
    if example is None:  # everything failed
        return GateVerdict("inconclusive", seeds=seeds, look=number, level=level, failed=shown, **about)
    arms = [_arm(side, seeds, terms, example) for side in sides]
    found = gain(arms[0], arms[1], terms.figure)
    verdict = answer(found, terms.min_gain, terms.margin, 1 - level)
    if failed[0] and verdict != "fail":
        verdict = "inconclusive"
    return GateVerdict(verdict, seeds=seeds, look=number, level=level, gain=found, failed=shown, **about)


def _side(store: Store, arm: str, terms: Terms) -> _Side:
    side, digest = _Side(arm), arm.rsplit("_", 1)[1]
    for seed in terms.seeds:
        folder = next(iter(sorted((store.root / "runs").glob(f"*_{digest}_seed{seed}"))), None)
        if folder is None or not (folder / "run.json").is_file():
            side.waits[seed] = "not yet run"
            continue
        record = store.record(folder.name)
        side.records[seed] = record
        if record.status.state not in ("finished", "failed"):
            side.waits[seed] = record.status.state
        elif record.status.state == "finished" and terms.data_set not in record.results:
            side.waits[seed] = f"no result on {terms.data_set}"
    return side


def _unused(store: Store, terms: Terms) -> tuple[int, ...]:
    digests = [arm.rsplit("_", 1)[1] for arm in (terms.control, terms.mixed)]
    ids = [run_id.rsplit("_seed", 1) for run_id in store.ids()]
    seeds = {int(seed) for arm, seed in ids if arm.rsplit("_", 1)[1] in digests}
    return tuple(sorted(seeds - set(terms.seeds)))


@dataclass(frozen=True)
class _Nothing:
    """The result of a training that failed: it finds nothing on any image."""

    like: Any

    @property
    def dataset(self) -> str:
        return str(self.like.dataset)

    @property
    def images(self) -> tuple[str, ...]:
        return tuple(self.like.images)

    @property
    def figures(self) -> dict[str, float]:
        return dict.fromkeys(self.like.figures, 0.0)

    def replicates(self, resamples: int = 1000, seed: int = 0) -> dict[str, np.ndarray]:
        return dict.fromkeys(self.like.figures, np.zeros(resamples))


def _arm(side: _Side, seeds: Sequence[int], terms: Terms, example: Any) -> Arm:
    results = {seed: side.records[seed].results.get(terms.data_set) or _Nothing(example) for seed in seeds}
    return Arm(side.arm, results, terms.resamples)


def judge_all(store: Store) -> list[tuple[GateVerdict, float]]:
    """Every gate of a store, each with its p-value adjusted for the company of the others (Holm)."""
    verdicts = [judge(store, declaration(store, name)) for name in names(store)]
    adjusted: Any = holm([verdict.p_value for verdict in verdicts]).adjusted if verdicts else []
    return list(zip(verdicts, map(float, adjusted), strict=True))
