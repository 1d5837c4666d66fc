"""A match table as plain data: names and counts to read, columns compressed to some kilobytes."""

import base64
import zlib
from dataclasses import fields
from typing import Any

import numpy as np

from synmix.evaluate.average_precision import MatchTable
from synmix.evaluate.details import TRUTH_COLUMNS, Details
from synmix.evaluate.matching import IOU_THRESHOLDS

#: Columns of the match table, as kept in a file. The ten outcomes of a prediction are the digits of a base 3 number.
_COLUMNS = {"image": "<u4", "category": "<u1", "score": "<f8", "outcome": "<u2"}
#: Columns of its details. Places are kept plus one, so that 0 stands for none.
_DETAILS = {column.name: "<u4" for column in fields(Details)} | {"truth_category": "<u1"}
_PLACES = ("own_truth", "other_truth", "taker")


def pack(table: MatchTable) -> dict[str, Any]:
    """A match table as plain data of some kilobytes: names and counts to read, columns compressed."""
    powers = 3 ** np.arange(table.outcome.shape[1])
    columns = {
        "image": table.image,
        "category": table.category,
        "score": table.score,
        "outcome": table.outcome.astype(np.int64) @ powers,
    }
    return {
        "classes": list(table.classes),
        "images": list(table.images),
        "truths": _pack_column(table.truths.ravel(), "<u2"),
        **{name: _pack_column(columns[name], kind) for name, kind in _COLUMNS.items()},
        **({"details": _pack_details(table.details)} if table.details else {}),
    }


def unpack(data: dict[str, Any]) -> MatchTable:
    """The match table that :func:`pack` packed.

    Raises:
        KeyError, IndexError, TypeError, ValueError, zlib.error: it was not packed by :func:`pack`.
    """
    columns = {name: _unpack_column(data[name], kind) for name, kind in _COLUMNS.items()}
    classes, images = tuple(data["classes"]), tuple(data["images"])
    truths = _unpack_column(data["truths"], "<u2").astype(np.int64).reshape(len(images), len(classes))
    outcome = (columns["outcome"].astype(np.int64)[:, None] // 3 ** np.arange(len(IOU_THRESHOLDS)) % 3).astype(np.int8)
    image, category = columns["image"].astype(np.int64), columns["category"].astype(np.int64)
    if not all(isinstance(name, str) for name in (*classes, *images)) or len(set(images)) < len(images):
        raise ValueError("names that are no text, or given twice")
    if not np.isfinite(columns["score"]).all():
        raise ValueError("scores that are no numbers")
    if len({len(column) for column in columns.values()}) != 1:
        raise ValueError("columns of different lengths")
    if len(image) and (image.max() >= len(images) or category.max() >= len(classes)):
        raise ValueError("an image or class out of range")
    details = _unpack_details(data["details"], image, truths) if "details" in data else None
    return MatchTable(classes, images, truths, image, category, columns["score"].astype(np.float64), outcome, details)


def _pack_details(details: Details) -> dict[str, str]:
    columns = {name: getattr(details, name) + (name in _PLACES) for name in _DETAILS}
    return {name: _pack_column(columns[name].ravel(), kind) for name, kind in _DETAILS.items()}


def _unpack_details(data: dict[str, str], image: np.ndarray, truths: np.ndarray) -> Details:
    """
    Args:
        image: (P,) the table's column.
        truths: (I, C) the table's counts, which the columns must agree with.
    """
    columns = {name: _unpack_column(data[name], kind).astype(np.int64) for name, kind in _DETAILS.items()}
    columns |= {name: columns[name] - 1 for name in _PLACES}
    truth_image = columns["truth_image"]
    columns["taker"] = columns["taker"].reshape(len(truth_image), len(IOU_THRESHOLDS))
    counted = np.zeros_like(truths)
    np.add.at(counted, (truth_image, columns["truth_category"]), 1)  # raises IndexError where one is out of range
    lengths = {name: len(truth_image) if name in TRUTH_COLUMNS else len(image) for name in _DETAILS}
    if any(len(columns[name]) != length for name, length in lengths.items()) or (counted != truths).any():
        raise ValueError("details that do not belong to the matches")
    per_image, predictions = truths.sum(axis=1), np.bincount(image, minlength=len(truths))
    if any((columns[name] >= per_image[image]).any() for name in ("own_truth", "other_truth")):
        raise ValueError("a truth out of range")
    if (columns["taker"] >= predictions[truth_image][:, None]).any():
        raise ValueError("a prediction out of range")
    return Details(**columns)


def _pack_column(values: np.ndarray, kind: str) -> str:
    return base64.b64encode(zlib.compress(np.ascontiguousarray(values.astype(kind)).tobytes(), 6)).decode("ascii")


def _unpack_column(text: str, kind: str) -> np.ndarray:
    return np.frombuffer(zlib.decompress(base64.b64decode(text, validate=True)), dtype=kind)
