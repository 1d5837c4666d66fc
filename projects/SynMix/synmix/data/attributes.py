"""What some data sets say of a label beside its pixels: how much of it is hidden, cut off, and how far away it is.

In a Cityscapes layout a side file for each frame holds it, ``<frame>_gtFine_attributes.json``: attribute -> instance id
-> number. Frames without one, and instances that it leaves out, have none.
"""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from synmix.errors import UserError
from synmix.files import read_json

#: Optional columns of the instance table: the share of an object that others hide (0..1), the share that lies outside
#: of the image (0..1), and the distance from the camera in metres.
ATTRIBUTE_SCHEMA = {"occluded": pl.Float64, "truncated": pl.Float64, "distance": pl.Float64}

#: Attribute -> instance id -> value.
Attributes = Mapping[str, Mapping[int, float]]

_HIGHEST = {"occluded": 1.0, "truncated": 1.0, "distance": sys.float_info.max}  # the lowest is 0


def is_value(attribute: str, value: Any) -> bool:
    """Whether a value is what an attribute can be."""
    return type(value) in (int, float) and 0 <= value <= _HIGHEST[attribute]


def read_attributes(path: Path) -> dict[str, dict[int, float]]:
    """Reads a frame's side file; {} where there is none.

    Raises:
        UserError: it is damaged.
    """
    if not path.exists():
        return {}
    content = read_json(path)
    try:
        found = {name: {int(key): value for key, value in content[name].items()} for name in ATTRIBUTE_SCHEMA}
        wrong = [name for name, values in found.items() if not all(is_value(name, each) for each in values.values())]
    except (KeyError, TypeError, ValueError, AttributeError):
        wrong = ["content"]
    if wrong:
        raise UserError(f"'{path}' does not hold attributes of instances (its {wrong[0]}); have it written again.")
    return found
