"""A frame and its vehicles, whatever layout they were read from.

Shape legend: N vehicles in a frame, K points of the schema.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from synmix.errors import UserError
from synmix.files import read_json
from synmix.kinds import Many, Text

SPLITS = ("train", "val", "test")
#: Of the groups of a data set that brings no split of its own, this share is tested on, and as much validated on.
_HELD_OUT_SHARE = 1 / 6
_CARFUSION_SHIFT, _CARFUSION_GROWTH = 1 / 10, 1 / 4  # of a box's width and height


@dataclass(frozen=True)
class VehicleFrame:
    """One image with its labelled vehicles."""

    name: str  # unique within the data set
    image: Path
    height: int
    width: int
    group: str  # scene, or venue and lighting: frames of one group look alike and never straddle a split
    boxes: np.ndarray  # (N, 4) float64 pixels: x_min, y_min, x_max, y_max
    keypoints: np.ndarray  # (N, K, 3) float64: x, y in pixels; 2 visible, 1 labelled but hidden, 0 not labelled


def check_frame(frame: VehicleFrame, source: str | Path) -> None:
    """Checks one frame's labels.

    Args:
        source: the file the labels came from, for the message.

    Raises:
        UserError: a visibility outside 0..2, a labelled point outside the frame, or a box without extent.
    """
    x, y, visibility = np.moveaxis(frame.keypoints, -1, 0)
    where = f"'{source}', frame '{frame.name}'"
    strange = ~np.isin(visibility, (0, 1, 2))
    if strange.any():
        vehicle, point = np.argwhere(strange)[0]
        raise UserError(
            f"{where}: point {point} of vehicle {vehicle} has visibility {visibility[vehicle, point]:g}; it must be 0 "
            "(not labelled), 1 (hidden) or 2 (visible)."
        )
    inside = (x >= 0) & (y >= 0) & (x <= frame.width) & (y <= frame.height)
    outside = (visibility > 0) & ~inside
    if outside.any():
        vehicle, point = np.argwhere(outside)[0]
        raise UserError(
            f"{where}: point {point} of vehicle {vehicle} lies at ({x[vehicle, point]:g}, {y[vehicle, point]:g}), "
            f"outside the {frame.width} x {frame.height} frame; set its visibility to 0."
        )
    empty = ~((frame.boxes[:, 2:] - frame.boxes[:, :2]) > 0).all(axis=1)
    if empty.any():
        raise UserError(f"{where}: the box of vehicle {np.flatnonzero(empty)[0]} has no extent; remove the vehicle.")


def to_points(frame: VehicleFrame, count: int) -> VehicleFrame:
    """The same frame in a schema that shares its first points: cut to ``count`` points, or padded with unlabelled ones,
    which carry no loss and no score."""
    have = frame.keypoints.shape[1]
    padding = np.zeros((len(frame.keypoints), max(0, count - have), 3))
    return replace(frame, keypoints=np.concatenate([frame.keypoints[:, :count], padding], axis=1))


def split_of_groups(groups: Sequence[str], root: Path) -> dict[str, str]:
    """Which split each group belongs to: as ``root/splits.json`` says (``{"val": [groups], "test": [groups]}``, the
    rest trains), else a sixth each for test and val in an order that depends on the groups' names alone.

    Raises:
        UserError: a group in two splits or unknown, or fewer than three groups and no ``splits.json``.
    """
    path = root / "splits.json"
    known = sorted(set(groups))
    if path.is_file():
        return _declared_split(path, known)
    if len(known) < len(SPLITS):
        raise UserError(
            f"'{root}' holds {len(known)} group(s) of frames ({', '.join(known)}), too few to split by group; name the "
            f"groups of each split in '{path}'."
        )
    ordered = sorted(known, key=lambda group: hashlib.sha256(group.encode()).hexdigest())
    held_out = max(1, round(_HELD_OUT_SHARE * len(ordered)))
    names = ["test"] * held_out + ["val"] * held_out + ["train"] * (len(ordered) - 2 * held_out)
    return dict(zip(ordered, names, strict=True))


def _declared_split(path: Path, known: Sequence[str]) -> dict[str, str]:
    declared: dict[str, str] = {}
    splits = read_json(path)
    if not isinstance(splits, dict) or not all(map(Many(Text()).accepts, splits.values())):
        raise UserError(f'\'{path}\' must name groups by split, as in {{"val": ["a"], "test": ["b"]}}.')
    for split, members in splits.items():
        if split not in SPLITS:
            raise UserError(f"'{path}' names the split '{split}'; only {', '.join(SPLITS)} exist.")
        for group in members:
            if group in declared:
                raise UserError(
                    f"'{path}' puts the group '{group}' into both '{declared[group]}' and '{split}'; frames of one "
                    "group look alike, so it must be in one."
                )
            if group not in known:
                raise UserError(f"'{path}' names the group '{group}', which has no frames; known: {', '.join(known)}.")
            declared[group] = split
    return {group: declared.get(group, "train") for group in known}


def box_of_points(points: np.ndarray, height: int, width: int) -> np.ndarray:
    """A vehicle's box as CarFusion's maker derives it from the points: their hull, moved a tenth out to the left and up
    and grown by a quarter, clipped to the frame.

    Args:
        points: (K, 3) x, y, visibility.

    Returns:
        (4,) x_min, y_min, x_max, y_max.
    """
    labelled = points[points[:, 2] > 0, :2]
    low, high = labelled.min(axis=0), labelled.max(axis=0)
    size = high - low
    start = np.maximum(low - _CARFUSION_SHIFT * size, 0)
    end = np.minimum(start + (1 + _CARFUSION_GROWTH) * size, (width, height))
    return np.concatenate([start, end])
