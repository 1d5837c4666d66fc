"""The Synscapes layout on disk (7D Labs, arXiv 1810.08705): ``img/{rgb,rgb-2k,class,instance}/N.png``, ``meta/N.json``.

No public sample of the labels exists: what is read here is checked, and what does not fit gets a sentence.

Shape legend: H, W are the label maps' height and width (720 x 1440 as published).
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np

from synmix.data.attributes import ATTRIBUTE_SCHEMA, Attributes, is_value
from synmix.data.images import is_palette, kind_of, read_label_map, read_map
from synmix.errors import UserError
from synmix.files import read_json

Rendering = Literal["rgb", "rgb-2k"]
RENDERINGS: tuple[Rendering, ...] = ("rgb", "rgb-2k")
#: Instance maps hold ``label id * ID_FACTOR + k`` in their colours (public readers of the data set agree).
ID_FACTOR = 100_000
_DIGITS = 10  # an instance's number is below 256 ** 3
_PARTS = ("image", "class map", "instance map", "meta")


@dataclass(frozen=True, order=True)
class Frame:
    """One frame of a Synscapes folder and its files, whether they exist or not."""

    number: int
    image: Path
    class_map: Path
    instance_map: Path
    meta: Path


@dataclass(frozen=True)
class Labels:
    """The labels of one frame, as Synscapes has them."""

    class_map: np.ndarray  # (H, W) uint8, Cityscapes label ids
    instance_ids: np.ndarray  # (H, W) uint32; 0 is no instance
    classes: Mapping[int, int]  # instance id -> label id, for every instance that meta lists
    attributes: Attributes = field(default_factory=dict)  # as far as meta has them


def frame_paths(root: Path, number: int, images: Rendering = "rgb") -> Frame:
    """Where the files of frame ``number`` lie."""
    img, name = root / "img", f"{number}.png"
    return Frame(
        number, img / images / name, img / "class" / name, img / "instance" / name, root / "meta" / f"{number}.json"
    )


def list_frames(root: Path, images: Rendering = "rgb") -> dict[int, list[str]]:
    """The frame numbers of a folder in order, each with the parts it lacks ('image', 'class map', 'instance map',
    'meta'); a whole frame lacks none.

    Raises:
        UserError: ``root`` is not a Synscapes folder, or holds no frame.
    """
    here = frame_paths(root, 0, images)
    folders = [path.parent for path in (here.image, here.class_map, here.instance_map, here.meta)]
    for folder in folders:
        if not folder.is_dir():
            raise UserError(
                f"'{folder}' does not exist; expected a Synscapes folder in '{root}', with img/{images}, img/class, "
                "img/instance and meta inside (datasets/README.md says how to get it)."
            )
    found = [_numbers(folder) for folder in folders]
    numbers = sorted(set().union(*found))
    if not numbers:
        raise UserError(f"'{folders[0]}' holds no frame (1.png, 2.png, ...); unpack Synscapes there.")
    return {n: [part for part, have in zip(_PARTS, found, strict=True) if n not in have] for n in numbers}


def _numbers(folder: Path) -> set[int]:
    suffix = ".json" if folder.name == "meta" else ".png"
    names = (entry.name.removesuffix(suffix) for entry in os.scandir(folder) if entry.name.endswith(suffix))
    return {int(name) for name in names if name.isdecimal() and len(name) < _DIGITS}


def read_labels(frame: Frame) -> Labels:
    """Reads and checks the labels of one frame.

    Raises:
        UserError: a file is missing or damaged, has another format than Synscapes', or the sizes differ.
    """
    class_map, instance_ids = read_label_map(frame.class_map), read_instance_ids(frame.instance_map)
    if class_map.shape != instance_ids.shape:
        raise UserError(
            f"'{frame.class_map}' is {class_map.shape[1]} x {class_map.shape[0]} pixels but '{frame.instance_map}' is "
            f"{instance_ids.shape[1]} x {instance_ids.shape[0]}; fetch both again from one archive."
        )
    meta = _read_meta(frame.meta)
    return Labels(class_map, instance_ids, _classes(meta, frame.meta), _attributes(meta))


def read_instance_ids(path: str | os.PathLike[str]) -> np.ndarray:
    """Reads an instance map: (H, W) uint32, ``R + 256 * G + 65536 * B``; an alpha channel is ignored.

    Raises:
        UserError: missing, damaged, or not an 8-bit RGB or RGBA image.
    """
    colors = read_map(path)
    if colors.ndim != 3 or colors.dtype != np.uint8 or is_palette(path):
        kind = kind_of(path, colors)
        raise UserError(f"'{path}' is {kind}, but Synscapes' instance maps are 8-bit RGB; fetch the file again.")
    # OpenCV reads B, G, R(, A); a little-endian uint32 is R, G, B, 0.
    blue, green, red = cv2.split(colors)[:3]
    return np.ascontiguousarray(cv2.merge([red, green, blue, np.zeros_like(red)])).view("<u4")[..., 0]


def instance_colors(instance_ids: np.ndarray) -> np.ndarray:
    """The inverse of :func:`read_instance_ids`: (H, W, 3) uint8 in B, G, R order, as OpenCV writes it."""
    ids = np.ascontiguousarray(instance_ids, dtype="<u4")
    return np.ascontiguousarray(ids[..., None].view(np.uint8)[..., 2::-1])


def read_classes(path: str | os.PathLike[str]) -> dict[int, int]:
    """Reads which class each instance of a frame has: instance id -> label id.

    Raises:
        UserError: missing, not JSON, or without ``instance`` / ``class`` as Synscapes has them.
    """
    return _classes(_read_meta(path), path)


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
    tables = {name: _table(meta, name) for name in ("occluded", "truncated")}
    boxes = {key: box for key, box in _table(meta, "bbox2d").items() if isinstance(box, dict)}
    ends: dict[str, list[Any]] = {key: [box.get("zmin"), box.get("zmax")] for key, box in boxes.items()}
    tables["distance"] = {
        key: round(sum(depths) / 2, 4)
        for key, depths in ends.items()
        if all(is_value("distance", depth) for depth in depths)
    }
    return {
        name: {
            int(key): float(value) for key, value in tables[name].items() if key.isdecimal() and is_value(name, value)
        }
        for name in ATTRIBUTE_SCHEMA
    }


def _table(meta: Mapping[str, Any], name: str) -> dict[str, Any]:
    table = meta.get(name)
    return table if isinstance(table, dict) else {}
