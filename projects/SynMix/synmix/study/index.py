"""One table over the whole store, for Polars and for spreadsheets; made of the runs' folders alone."""

import io
from collections.abc import Sequence
from datetime import datetime, timezone
from typing import Any

import polars as pl

from synmix.errors import UserError
from synmix.files import atomic_path, nan_to_null, read_json
from synmix.labels import CLASS_NAMES
from synmix.study.store import Record, Store

_Z_95 = 1.96
#: One row per run and evaluated data set; a run without results has one row without a data set. Figures of other
#: classes and metrics stand behind these.
SCHEMA = {
    "run": pl.String,
    "arm": pl.String,
    "config": pl.String,
    "overrides": pl.String,
    "seed": pl.Int64,
    "state": pl.String,
    "reason": pl.String,
    "init": pl.String,
    "processes": pl.Int64,  # ranks
    "devices": pl.String,
    "parts": pl.Int64,  # ranks x SOLVER.ACCUMULATE: what decides the numbers
    "images_per_step": pl.Int64,
    "iterations": pl.Int64,
    "real_images": pl.Int64,  # that an epoch sees, repeats counted
    "synthetic_images": pl.Int64,
    "started": pl.String,
    "ended": pl.String,
    "seconds": pl.Float64,
    "gpu_hours": pl.Float64,  # hours times ranks; on the CPU of its ranks
    "attempts": pl.Int64,
    "host": pl.String,
    "data_set": pl.String,
    "AP": pl.Float64,
    "AP50": pl.Float64,
    "AP_low": pl.Float64,
    "AP_high": pl.Float64,
    "image_se": pl.Float64,  # of AP over the evaluated images, as tools/answer.py --table reads it
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
    """The index: SCHEMA and further figures, sorted by run and data set."""
    rows = [row for record in records for row in rows_of(record)]
    further = dict.fromkeys(name for row in rows for name in row if name not in SCHEMA)
    schema: dict[str, Any] = {**SCHEMA, **dict.fromkeys(further, pl.Float64)}
    filled = [{name: row.get(name) for name in schema} for row in rows]
    return pl.DataFrame(filled, schema=schema).sort("run", "data_set")


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


def rows_of(record: Record) -> list[dict[str, Any]]:
    run, status, computed = record.run, record.status, record.status.computed
    head = {
        "run": record.folder.name,
        "arm": run.arm,
        "config": run.config,
        "overrides": " ".join(f"{key}={value}" for key, value in run.overrides.items()),
        "seed": run.seed,
        "state": status.state,
        "reason": status.reason,
        "init": run.init.id if run.init else None,
        "processes": computed.get("processes", run.processes),
        "devices": computed.get("devices"),
        "parts": computed.get("parts", run.parts),
        "images_per_step": computed.get("images_per_step"),
        "iterations": computed.get("iterations") or run.iterations,
        **images_of(record),
        "started": _when(status.started),
        "ended": _when(status.ended),
        "seconds": status.seconds,
        "gpu_hours": record.gpu_hours,
        "attempts": status.attempts,
        "host": status.host,
    }
    if not record.results:
        return [head]
    return [{**head, "data_set": name, **_scores(result)} for name, result in sorted(record.results.items())]


def images_of(record: Record) -> dict[str, int | None]:
    """From the manifest of what was trained on; before there is one, from the config, where it says so."""
    domains = ("real", "synthetic")
    try:
        parts = read_json(record.folder / "manifest.json")["data_sets"]
        counts = {
            domain: [part["images"] * part["repeat"] for part in parts if part["domain"] == domain]
            for domain in domains
        }
        return {f"{domain}_images": sum(counts[domain]) for domain in domains}
    except (UserError, KeyError, TypeError):  # none yet, or damaged: that of a finished run was verified
        return {f"{domain}_images": record.run.facts.get(domain) for domain in domains}


def _scores(result: Any) -> dict[str, float | None]:
    interval = result.intervals.get("AP")
    bounds = (
        {"AP_low": interval.low, "AP_high": interval.high, "image_se": standard_error(interval)} if interval else {}
    )
    figures = {name: value for name, value in result.figures.items() if not name.startswith("AP50-")}
    return {name: nan_to_null(value) for name, value in {**figures, **bounds}.items()}


def standard_error(interval: Any) -> float:
    """Of a figure, from its 95 % interval over images."""
    return float(interval.high - interval.low) / (2 * _Z_95)


def _when(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, timezone.utc).isoformat(timespec="seconds") if seconds else ""
