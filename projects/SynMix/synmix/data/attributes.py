"""What some data sets say of a label beside its pixels: how much of it is hidden, cut off, and how far away it is.

In a Cityscapes layout a frame's instance map holds it, as PNG text (one file more a frame took a quarter more time):
JSON, attribute -> instance id -> number. Maps without it, and instances that it leaves out, have none.
"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from synmix.data.png_chunks import text_of, with_text
from synmix.errors import UserError

#: Optional columns of the instance table: the share of an object that others hide (0..1), the share that lies outside
#: of the image (0..1), and the distance from the camera in metres.
ATTRIBUTES = ("occluded", "truncated", "distance")

#: Attribute -> instance id -> value.
Attributes = Mapping[str, Mapping[int, float]]

K = TypeVar("K")
_KEYWORD = "synmix attributes"
_NUMBERS = (int, float)  # and no bool
_HIGHEST = {"occluded": 1.0, "truncated": 1.0, "distance": sys.float_info.max}  # the lowest is 0


def values_of(attribute: str, table: Mapping[K, Any]) -> dict[K, float]:
    """The entries of a table whose values are what an attribute can be."""
    highest = _HIGHEST[attribute]
    return {key: value for key, value in table.items() if type(value) in _NUMBERS and 0 <= value <= highest}


def with_attributes(png: bytes, attributes: Mapping[str, Mapping[str, float]]) -> bytes:
    """An instance map's file with attributes; every one of ``ATTRIBUTES`` is to be there, perhaps empty."""
    return with_text(png, _KEYWORD, json.dumps(attributes, allow_nan=False))


def has_attributes(instance_map: Path) -> bool:
    """Whether :func:`with_attributes` made the file."""
    return text_of(instance_map, _KEYWORD) is not None


def read_attributes(instance_map: Path) -> dict[str, dict[int, float]]:
    """Reads a frame's attributes; {} where there are none.

    Raises:
        UserError: they are not what they can be.
    """
    text = text_of(instance_map, _KEYWORD)
    if text is None:
        return {}
    try:
        content = json.loads(text)
        found = {name: {int(key): value for key, value in content[name].items()} for name in ATTRIBUTES}
        wrong = [name for name, values in found.items() if values_of(name, values) != values]
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
        wrong = ["content"]
    if wrong:
        raise UserError(
            f"the text of '{instance_map}' does not hold attributes of instances (its {wrong[0]}); have the map "
            "written again."
        )
    return found
