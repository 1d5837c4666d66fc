"""What no description can say of Synscapes (7D Labs, arXiv 1810.08705): its ``meta/N.json``, and colours to write.

No public sample of the labels exists: what is read here is checked, and what does not fit gets a sentence.

Shape legend: H, W are the label maps' height and width (720 x 1440 as published).
"""

import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from synmix.data.attributes import ATTRIBUTES, Attributes, values_of
from synmix.errors import UserError
from synmix.files import read_json

_DIGITS = 10  # an instance's number is below 256 ** 3


def instance_colors(instance_ids: np.ndarray) -> np.ndarray:
    """Instance ids (H, W) as Synscapes writes them, ``R + 256 G + 65536 B``: (H, W, 3) uint8 in OpenCV's B, G, R."""
    ids = np.ascontiguousarray(instance_ids, dtype="<u4")
    return np.ascontiguousarray(ids[..., None].view(np.uint8)[..., 2::-1])


def read_meta(path: str | os.PathLike[str]) -> tuple[dict[int, int], Attributes]:
    """Reads what a frame's meta file says of instances: which class each has (instance id -> label id), and the
    attributes, as far as it has them.

    Raises:
        UserError: missing, not JSON, or without ``instance`` / ``class`` as Synscapes has them.
    """
    meta = _read_meta(path)
    return _classes(meta, path), _attributes(meta)


def _read_meta(path: str | os.PathLike[str]) -> dict[str, Any]:
    """What a meta file says of instances."""
    meta = read_json(path)
    if not isinstance(meta, dict) or not isinstance(meta.get("instance"), dict):
        raise UserError(f"'{path}' has no 'instance' key; it is not a Synscapes meta file, fetch it again.")
    instance: dict[str, Any] = meta["instance"]
    return instance


def _classes(meta: Mapping[str, Any], path: str | os.PathLike[str]) -> dict[int, int]:
    classes = meta.get("class")
    if not isinstance(classes, dict):
        raise UserError(
            f"'{path}' has no 'class' key under 'instance'; it is not a Synscapes meta file, fetch it again."
        )
    for key, value in classes.items():
        if not (key.isdecimal() and len(key) < _DIGITS and type(value) is int):
            raise UserError(
                f"'{path}' says class {value!r} for instance {key!r}, but both must be whole numbers; fetch it again."
            )
    return {int(key): value for key, value in classes.items()}


def _attributes(meta: Mapping[str, Any]) -> dict[str, dict[int, float]]:
    """``occluded`` and ``truncated``, and the distance in metres: the middle of ``bbox2d``'s depths, whose keys are
    better known than ``bbox3d``'s. Labels do not depend on these, so that what is missing or odd is left out."""
    tables = {name: values_of(name, _table(meta, name)) for name in ("occluded", "truncated")}
    boxes = {key: box for key, box in _table(meta, "bbox2d").items() if isinstance(box, dict)}
    near, far = (values_of("distance", {key: box.get(edge) for key, box in boxes.items()}) for edge in ("zmin", "zmax"))
    tables["distance"] = {key: round((near[key] + far[key]) / 2, 4) for key in near if key in far}
    return {
        name: {int(key): float(tables[name][key]) for key in tables[name] if key.isdecimal()} for name in ATTRIBUTES
    }


def _table(meta: Mapping[str, Any], name: str) -> dict[str, Any]:
    table = meta.get(name)
    return table if isinstance(table, dict) else {}
