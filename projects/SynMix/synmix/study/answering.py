"""The table that an answer asks of a store: trainings that differ in composition, length and seed alone.

A store holds more than that: other removals, rates, starts. Of all that it holds the largest set of comparable
trainings is taken, so that no difference of recipes is taken for one of data. Their match tables say what the choice of
the evaluated images does.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from synmix.answer.read import Keep
from synmix.answer.table import Cell, Table, Training, make_table
from synmix.data import sources
from synmix.errors import UserError
from synmix.files import checksum
from synmix.neutral import is_neutral
from synmix.statistics.resampling import image_variance, interaction_variance, known_replicates
from synmix.study.comparison import RESAMPLES
from synmix.study.index import images_of, readable_records, rows_of
from synmix.study.runs import Run
from synmix.study.store import Record, Store

#: What an answer varies: composition and length. Removal is a recipe's own, but means nothing to real images.
_VARIED = ("DATASETS.TRAIN", "DATASETS.IMAGES", "DATASETS.REPEAT", "DATASETS.TOTAL_IMAGES", "DATASETS.REAL_SHARE",
           "SOLVER.MAX_ITER", "SOLVER.STEPS", "SOLVER.EPOCHS", "SOLVER.ACCUMULATE")  # fmt: skip
_REMOVAL = "DATASETS.REMOVAL"


def read_store(folder: str | Path, data_set: str | None = None, keep: Keep = lambda row: True) -> Table:
    """The comparable finished trainings of a store, on one evaluated set.

    Args:
        data_set: None: the first real one they were evaluated on.
        keep: which rows of the index to take (:func:`synmix.answer.read.keep_rows`).

    Raises:
        UserError: nothing finished, no such evaluated set, or results on different images.
    """
    store = Store(folder)
    if not store.ids():
        raise UserError(
            f"'{folder}' holds no runs; give the folder of a store, --runs with trainings' folders, or --table with a "
            "CSV."
        )
    records = [record for record in readable_records(store)[0] if record.results]
    if not records:
        raise UserError(f"'{folder}' lists no finished run with a result; train and evaluate first.")
    return table_of(kept_rows(records, keep), data_set, str(folder))


def kept_rows(records: Sequence[Record], keep: Keep) -> list[Record]:
    """Those whose row of the index is one to keep."""
    return [record for record in records if any(keep(_texts(row)) for row in rows_of(record))]


def table_of(records: Sequence[Record], data_set: str | None, source: str, like: Run | None = None) -> Table:
    """As :func:`read_store`, of records; those comparable with a mixture, where one is given."""
    chosen = comparable(records, like)
    name = data_set or _real_set(chosen, source)
    on_it = [record for record in chosen if name in record.results]
    if not on_it:
        known = sorted({found for record in chosen for found in record.results})
        raise UserError(f"'{source}': no finished run was evaluated on '{name}'; choose with --dataset: "
                        f"{', '.join(known)}.")  # fmt: skip
    results = {record.run.id: record.results[name] for record in on_it}
    if len({tuple(result.images) for result in results.values()}) > 1:
        raise UserError(f"'{source}': the runs were evaluated on different images of '{name}'; evaluate them again.")
    table = make_table((_training(record, name) for record in on_it), source)
    return Table(table.trainings, OnImages(results))


def comparable(records: Sequence[Record], like: Run | None = None) -> list[Record]:
    """The trainings that differ from a mixture in composition, length and seed alone; None: the largest such set."""
    finished = [record for record in records if record.status.state == "finished"]
    mixtures = [record.run for record in finished if all(images_of(record).values())]
    chosen = [like] if like else mixtures or [record.run for record in finished]
    groups = dict.fromkeys((_recipe(run), _removal(run), _sets(run)) for run in chosen)
    members = [[record for record in finished if _belongs(record, *group)] for group in groups]
    return max(members, key=len, default=[])


def _belongs(record: Record, recipe: str, removal: str, data_sets: frozenset[str]) -> bool:
    """Whatever is removed, real images alone are of it: nothing of theirs is."""
    run = record.run
    if _recipe(run) != recipe or not _sets(run) <= data_sets:
        return False
    return _removal(run) == removal or not images_of(record)["synthetic_images"]


def _sets(run: Run) -> frozenset[str]:
    return frozenset(run.settings.get("DATASETS.TRAIN", ()))


def differences(first: Run, second: Run) -> list[str]:
    """The keys that keep two trainings from being compared, removal among them."""
    ours, theirs = (_kept(run) | _of_removal(run) for run in (first, second))
    return sorted(key for key in ours.keys() | theirs.keys() if ours.get(key) != theirs.get(key))


def _recipe(run: Run) -> str:
    return checksum([_kept(run), run.parts, run.init.digest if run.init else None])


def _kept(run: Run) -> dict[str, Any]:
    """The settings that are alike in what is compared."""
    ignored = (*_VARIED, *(["MODEL.WEIGHTS"] if run.init else ()))
    return {
        key: value
        for key, value in run.settings.items()
        if key not in ignored and not key.startswith(_REMOVAL) and not is_neutral(key)
    }


def _removal(run: Run) -> str:
    return checksum(_of_removal(run))


def _of_removal(run: Run) -> dict[str, Any]:
    return {key: value for key, value in run.settings.items() if key.startswith(_REMOVAL)}


def _real_set(records: Sequence[Record], source: str) -> str:
    tested = dict.fromkeys(name for record in records for name in record.run.test_sets if name in record.results)
    known = sources.names()
    real = [name for name in tested if name in known and sources.source(name).domain == "real"]
    if real or len(tested) == 1:
        return (real or list(tested))[0]
    raise UserError(f"'{source}': runs were evaluated on several sets; choose with --dataset: {', '.join(tested)}.")


def _training(record: Record, data_set: str) -> Training:
    row = next(row for row in rows_of(record) if row.get("data_set") == data_set)
    cell = Cell(*(int(row[key] or 0) for key in ("real_images", "synthetic_images", "iterations")))
    return Training(cell, record.run.seed, row["AP"], row.get("image_se"), record.gpu_hours, record.run.id, _texts(row))


def _texts(row: Mapping[str, object]) -> dict[str, str]:
    return {key: "" if value is None else str(value) for key, value in row.items()}


class OnImages:
    """What the choice of images does to differences of trainings, by resampling their match tables; see
    :class:`synmix.answer.table.ImageVariance`.

    Args:
        results: by the trainings' ``place``.
    """

    def __init__(self, results: Mapping[str, Any], resamples: int = RESAMPLES) -> None:
        self._results, self._resamples = results, resamples
        self._drawn: dict[str, np.ndarray] = {}

    def __call__(self, first: Sequence[Training], second: Sequence[Training]) -> tuple[float, float]:
        drawn = known_replicates(np.stack([self._replicates(run.place) for run in [*first, *second]], axis=1))
        before, after = drawn[:, : len(first)], drawn[:, len(first) :]
        if [run.seed for run in first] == [run.seed for run in second]:
            change = after - before
            return image_variance(change), interaction_variance(change)
        images = image_variance(after.mean(axis=1) - before.mean(axis=1))
        return images, interaction_variance(before) + interaction_variance(after)

    def _replicates(self, name: str) -> np.ndarray:
        if name not in self._drawn:
            self._drawn[name] = self._results[name].replicates(self._resamples)["AP"]
        return self._drawn[name]
