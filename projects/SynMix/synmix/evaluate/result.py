"""The result of one run on one data set: ``OUTPUT_DIR/results/<data set>.json``.

At its top level the figures in percent, as the paper prints them: ``AP``, ``AP50``, ``classes`` (null for a class
without ground truth); beside them ``intervals``, ``provenance`` and ``matches``, from which every figure of any part or
resample of the images follows.
"""

import os
import subprocess
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np

import synmix
from synmix.errors import UserError
from synmix.evaluate.average_precision import MatchTable, average_precision, figure_names, figures_of
from synmix.evaluate.bootstrap import Interval, confidence_intervals, resampled_figures
from synmix.evaluate.packing import pack, unpack
from synmix.files import nan_to_null, null_to_nan, read_json, write_json
from synmix.kinds import Entry, Maybe, Number, Text, Whole

_FIGURE = Maybe(Number(0, 100.001), "no ground truth")
_KINDS = {"dataset": Text(), "provenance": Entry(), "confidence": Number(0, 1), "resamples": Whole()}
PathLike = str | os.PathLike[str]
_FORMAT = 2  # format 1 had no details in its match table; it is still read


@dataclass(frozen=True)
class Result:
    """Figures, intervals and matches of one model on one data set.

    >>> result = read_result("result.json")
    >>> len(result.images), round(result.figures["AP"], 1)
    (4, 80.0)
    """

    dataset: str
    table: MatchTable
    figures: dict[str, float]  # by the names of ``figure_names``, percent, nan without ground truth
    intervals: dict[str, Interval]  # empty where there was no resampling
    confidence: float = 0.95
    resamples: int = 0
    provenance: dict[str, Any] = field(default_factory=dict)
    coco: dict[str, float] = field(default_factory=dict)  # pycocotools' figures, where asked for

    @property
    def images(self) -> tuple[str, ...]:
        """The names of the images it was scored on."""
        return self.table.images

    def replicates(self, resamples: int = 1000, seed: int = 0) -> dict[str, np.ndarray]:
        """(B,) each figure over resamples of the images, in percent; equal seeds draw the same images."""
        columns = resampled_figures(self.table, resamples, seed).T
        return dict(zip(figure_names(self.table.classes), columns, strict=True))


def make_result(
    dataset: str,
    table: MatchTable,
    resamples: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
    provenance: dict[str, Any] | None = None,
) -> Result:
    """Computes all figures of a match table, and their intervals unless ``resamples`` is 0.

    >>> from synmix.evaluate import match_folders
    >>> result = make_result("mine", match_folders("predictions", "gtFine"), resamples=0)
    >>> round(result.figures["AP50"], 1), result.intervals
    (100.0, {})
    """
    values = figures_of(average_precision(table)).tolist()
    figures = dict(zip(figure_names(table.classes), values, strict=True))
    intervals = confidence_intervals(table, resamples, confidence, seed) if resamples and table.images else {}
    return Result(dataset, table, figures, intervals, confidence, resamples, provenance or {})


def result_path(output_dir: PathLike, dataset: str) -> Path:
    """Where the result of a run on a data set lies."""
    return Path(output_dir) / "results" / f"{dataset}.json"


def to_json(result: Result) -> dict[str, Any]:
    """The result as plain data, the module's docstring says how."""
    figures = {name: nan_to_null(value) for name, value in result.figures.items()}
    return {
        "AP": figures["AP"],
        "AP50": figures["AP50"],
        "classes": {
            name: {"AP": figures[f"AP-{name}"], "AP50": figures[f"AP50-{name}"]} for name in result.table.classes
        },
        "intervals": {
            "confidence": result.confidence,
            "resamples": result.resamples,
            **{
                name: [nan_to_null(interval.low), nan_to_null(interval.high)]
                for name, interval in result.intervals.items()
            },
        },
        **({"coco": {name: nan_to_null(value) for name, value in result.coco.items()}} if result.coco else {}),
        "dataset": result.dataset,
        "provenance": result.provenance,
        "matches": pack(result.table),
        "format": _FORMAT,
    }


def write_result(path: PathLike, result: Result) -> None:
    """Writes a result, atomically.

    >>> write_result("copy.json", read_result("result.json"))
    >>> read_result("copy.json").figures["AP"] == read_result("result.json").figures["AP"]
    True
    """
    write_json(path, to_json(result))


def read_result(path: PathLike) -> Result:
    """Reads what :func:`write_result` wrote.

    Raises:
        UserError: missing, not JSON, or not a result of this format.

    >>> round(read_result("result.json").figures["AP50"], 1)
    100.0
    """
    data = read_json(path)
    try:
        if not Whole(1, _FORMAT).accepts(data["format"]):
            raise UserError(f"'{path}' is a result of format {data['format']}, but this version reads 1 to {_FORMAT}.")
        table = unpack(data["matches"])
        intervals_of = dict(data["intervals"])
        intervals = dict(intervals_of)
        confidence, resamples = intervals.pop("confidence"), intervals.pop("resamples")
        figures = {"AP": data["AP"], "AP50": data["AP50"]}
        for key in ("AP", "AP50"):
            figures |= {f"{key}-{name}": values[key] for name, values in data["classes"].items()}
        if not all(map(_FIGURE.accepts, figures.values())):
            raise ValueError("figures that are no percentages")
        if figures.keys() != set(figure_names(table.classes)) or (intervals and intervals.keys() != figures.keys()):
            raise ValueError("figures of other classes than the matches'")
        for key, kind in _KINDS.items():
            if not kind.accepts({**intervals_of, **data}[key]):
                raise ValueError(f"{key} is not {kind.what}")
        numbers = {name: null_to_nan(value) for name, value in figures.items()}
        bounds = {
            name: Interval(numbers[name], null_to_nan(low), null_to_nan(high))
            for name, (low, high) in intervals.items()
        }
        beside = {name: null_to_nan(value) for name, value in data.get("coco", {}).items()}
        return Result(data["dataset"], table, numbers, bounds, confidence, resamples, data["provenance"], beside)
    except (
        KeyError,
        IndexError,
        TypeError,
        ValueError,
        AttributeError,
        ArithmeticError,
        MemoryError,
        zlib.error,
    ) as error:
        raise UserError(f"'{path}' is not a result of SynMix's evaluation ({error!r}); evaluate again.") from None


#: Who reads the results of another metric, by their ``kind``.
READERS: dict[str, Callable[[Path], Any]] = {}


def read_any_result(path: PathLike) -> Any:
    """A result of this or another metric: whatever has ``figures``, ``intervals``, ``images`` and ``replicates``.

    Raises:
        UserError: missing, not JSON, or of a kind that nothing imported reads.
    """
    data = read_json(path)
    kind = data.get("kind") if isinstance(data, dict) else None
    if kind is not None and (not isinstance(kind, str) or kind not in READERS):
        raise UserError(f"'{path}' is a result of the kind '{kind}', which nothing reads; add its module to IMPORTS.")
    return READERS[kind](Path(path)) if kind else read_result(path)


def provenance(output_dir: PathLike | None = None, **more: Any) -> dict[str, Any]:
    """Where a result comes from: code version and time, and the config and manifest of the run's folder if there."""
    found: dict[str, Any] = {"version": synmix.__version__, "commit": _commit(), "time": _now()}
    if output_dir is not None:
        config, manifest = Path(output_dir) / "config.yaml", Path(output_dir) / "manifest.json"
        if config.is_file():
            found["config"] = str(config)
        if manifest.is_file():
            content = read_json(manifest)
            found["manifest"] = content.get("checksum") if isinstance(content, dict) else None
    return {**found, **more}


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


def _commit() -> str | None:
    """The commit of the checkout this code runs from, with ``+`` where it was edited; None outside a checkout."""
    folder = Path(synmix.__file__).parent
    command = ["git", "-C", str(folder), "describe", "--always", "--dirty=+", "--abbrev=12", "--exclude=*"]
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=10, check=True).stdout.strip() or None
    except (OSError, subprocess.SubprocessError):
        return None
