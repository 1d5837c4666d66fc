"""Borders that two ids share in an instance map: which instances touch which."""

import numpy as np

from synmix.harmonize.rules import VEHICLES
from synmix.labels import INSTANCE_FACTOR, RIDER


def borders(id_map: np.ndarray) -> dict[tuple[int, int], int]:
    """The length of the border between each two ids, in pixel edges (4 neighbours); the smaller id comes first.

    Args:
        id_map: (H, W) of any unsigned type; 0 is no instance and has no border.
    """
    keys = [_keys(id_map[:, :-1], id_map[:, 1:]), _keys(id_map[:-1], id_map[1:])]
    values, counts = np.unique(np.concatenate(keys), return_counts=True)
    return {(key >> 32, key & 0xFFFFFFFF): n for key, n in zip(values.tolist(), counts.tolist(), strict=True)}


def _keys(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Both ids of each pair of neighbours that differ, in one number."""
    differ = first != second
    one, other = first[differ].astype(np.uint64), second[differ].astype(np.uint64)
    both = (one > 0) & (other > 0)
    one, other = one[both], other[both]
    return (np.minimum(one, other) << np.uint64(32)) | np.maximum(one, other)


def vehicles_of_riders(instance_ids: np.ndarray) -> dict[int, list[int]]:
    """For each rider the motorcycles and bicycles that it touches, the longest border first.

    Args:
        instance_ids: (H, W) Cityscapes instanceIds; groups count as nothing.
    """
    lengths = borders(np.where(instance_ids < INSTANCE_FACTOR, 0, instance_ids))
    values = np.unique(instance_ids[:, np.flatnonzero((instance_ids // INSTANCE_FACTOR == RIDER).any(axis=0))])
    touched: dict[int, list[int]] = {int(value): [] for value in values if value // INSTANCE_FACTOR == RIDER}
    for (one, other), _ in sorted(lengths.items(), key=lambda item: -item[1]):
        # Riders (25) come before vehicles (32, 33) in a pair.
        if one in touched and other // INSTANCE_FACTOR in VEHICLES:
            touched[one].append(other)
    return touched
