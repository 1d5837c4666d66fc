"""Cityscapes' labels in Synscapes' conventions: what harmonising must undo. It measures the rules on real shapes."""

from collections.abc import Mapping

import numpy as np

from synmix.data.frame_labels import ID_FACTOR, Labels
from synmix.data.run_lengths import runs_of
from synmix.harmonize.contacts import vehicles_of_riders
from synmix.labels import INSTANCE_FACTOR


def vehicle_of_each_rider(instance_ids: np.ndarray) -> dict[int, int]:
    """The vehicle that each rider rides, as far as the map tells: the one with the longest common border; riders that
    touch none are left out. (H, W) uint16."""
    return {rider: vehicles[0] for rider, vehicles in vehicles_of_riders(instance_ids).items() if vehicles}


def to_synscapes(instance_ids: np.ndarray, label_ids: np.ndarray) -> Labels:
    """Encodes Cityscapes labels as Synscapes does: riders and their vehicles are one instance, ids are
    ``class * 100000 + k``, groups have no id. A rider that touches no vehicle stays an instance of its own.

    Args:
        instance_ids: (H, W) uint16.
        label_ids: (H, W) uint8, in agreement with them.

    >>> ids = np.repeat(np.array([[25_000], [33_000]], dtype=np.uint16), 10, axis=1)  # a rider above a bicycle
    >>> to_synscapes(ids, (ids // 1000).astype(np.uint8)).instance_ids[:, 0].tolist()
    [3300000, 3300000]
    """
    merged = vehicle_of_each_rider(instance_ids)
    values = np.unique(runs_of(instance_ids).values)
    new_ids = {int(value): _synscapes_id(merged.get(int(value), int(value))) for value in values}
    table = np.zeros(int(values.max()) + 1, dtype=np.uint32)
    table[list(new_ids)] = list(new_ids.values())
    classes = {new: new // ID_FACTOR for new in new_ids.values() if new}
    return Labels(label_ids, table[instance_ids], classes)


def _synscapes_id(value: int) -> int:
    label, k = divmod(value, INSTANCE_FACTOR)
    return label * ID_FACTOR + k if label else 0


def counterparts(original: np.ndarray, result: np.ndarray) -> Mapping[int, int]:
    """The instances of one map that come back exactly, pixel by pixel, in another: id there -> id here.

    Args:
        original: (H, W) uint16 instanceIds.
        result: (H, W) uint16 instanceIds; the numbers behind the class may differ.
    """
    pairs = np.unique(runs_of((original.astype(np.uint32) << np.uint32(16)) | result).values)
    here, there = pairs >> 16, pairs & 0xFFFF
    once_here, once_there = (np.isin(side, _single(side)) for side in (here, there))
    same_label = here // INSTANCE_FACTOR == there // INSTANCE_FACTOR
    exact = once_here & once_there & same_label & (here >= INSTANCE_FACTOR)
    return dict(zip(here[exact].tolist(), there[exact].tolist(), strict=True))


def _single(values: np.ndarray) -> np.ndarray:
    distinct, counts = np.unique(values, return_counts=True)
    return distinct[counts == 1]
