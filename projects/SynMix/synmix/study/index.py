"""One table over the whole store, for Polars and for spreadsheets; made of the runs' folders alone."""

import io
import math
from collections.abc import Sequence
from datetime import datetime, timezone

import polars as pl

from synmix.errors import UserError
from synmix.evaluate.result import Result
from synmix.files import atomic_path
from synmix.labels import CLASS_NAMES
from synmix.study.store import Record, Store

#: One row per run and evaluated data set; a run without results has one row without a data set.
SCHEMA = {
    "run": pl.String,
    "arm": pl.String,
    "scale": pl.String,
    "seed": pl.Int64,
    "state": pl.String,
    "reason": pl.String,
    "real": pl.Int64,
    "synthetic": pl.Int64,
    "removal": pl.String,
    "iterations": pl.Int64,
    "lr": pl.Float64,
    "momentum": pl.Float64,
    "init": pl.String,
    "seconds": pl.Float64,
    "attempts": pl.Int64,
    "started": pl.String,
    "ended": pl.String,
    "host": pl.String,
    "data_set": pl.String,
    "AP": pl.Float64,
    "AP50": pl.Float64,
    "AP_low": pl.Float64,
    "AP_high": pl.Float64,
    **{f"AP-{name}": pl.Float64 for name in CLASS_NAMES},
}


def readable_records(store: Store) -> tuple[list[Record], list[str]]:
    """All runs of a store, and a sentence for each that cannot be trusted: it was edited or is damaged."""
    records, problems = [], []
    for run_id in store.ids():
        try:
            records.append(store.record(run_id))
        except UserError as error:
            problems.append(str(error))
    return records, problems


def index_of(records: Sequence[Record]) -> pl.DataFrame:
    """The index: SCHEMA, sorted by run and data set."""
    rows = [row for record in records for row in _rows(record)]
    return pl.DataFrame(rows, schema=SCHEMA, orient="row").sort("run", "data_set")


def write_index(store: Store) -> pl.DataFrame:
    """Writes ``index.parquet`` and ``index.csv``, each whole; of two writers at once the later one wins, and both
    have read the same folders."""
    index = index_of(readable_records(store)[0])
    with atomic_path(store.root / "index.parquet") as path:
        index.write_parquet(path)
    with atomic_path(store.root / "index.csv") as path:
        index.write_csv(path)
    return index


def read_index(store: Store) -> pl.DataFrame:
    """The index as it is on disk. It is read at once: Polars opens a path more than once, and a writer may come in
    between."""
    return pl.read_parquet(io.BytesIO((store.root / "index.parquet").read_bytes()))


def _rows(record: Record) -> list[tuple]:
    run, status = record.run, record.status
    removal = " ".join(f"{name}={percent:g}" for name, percent in run.removal)
    init = run.init.id if run.init else None
    trained = (run.real, run.synthetic, removal, run.iterations, run.lr, run.momentum, init)
    times = (status.seconds, status.attempts, _when(status.started), _when(status.ended), status.host)
    head = (run.id, run.arm, run.scale, run.seed, status.state, status.reason, *trained, *times)
    if not record.results:
        return [(*head, None, *[None] * (4 + len(CLASS_NAMES)))]
    return [(*head, name, *_scores(result)) for name, result in sorted(record.results.items())]


def _scores(result: Result) -> list[float | None]:
    interval = result.intervals.get("AP")
    bounds = [interval.low, interval.high] if interval else [None, None]
    numbers = [result.figures["AP"], result.figures["AP50"], *bounds]
    numbers += [result.figures.get(f"AP-{name}") for name in CLASS_NAMES]
    return [None if number is None or math.isnan(number) else number for number in numbers]


def _when(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, timezone.utc).isoformat(timespec="seconds") if seconds else ""
