"""The labels of a described data set's frames: one reader for every encoding.

Shape legend: H, W are the maps' height and width, C their channels.
"""

from pathlib import Path

import numpy as np

from synmix.data import synscapes
from synmix.data.description import META, Description
from synmix.data.description_keys import BACKGROUND
from synmix.data.frame_labels import ID_FACTOR, Labels
from synmix.data.images import image_size
from synmix.data.label_lists import labels_of
from synmix.data.label_maps import Coding, numbered
from synmix.data.listing import LIST, Frame
from synmix.data.run_lengths import runs_of
from synmix.errors import UserError
from synmix.labels import INSTANCE_LABELS, RIDER


def read_labels(description: Description, frame: Frame) -> Labels:
    """Reads and checks the labels of one frame.

    Raises:
        UserError: a file is missing or damaged, has another format than the description says, holds a number that is
            too large, or the sizes differ.
    """
    if description.lists:
        size = image_size(frame.image)
        where = f"frame {frame.key} in '{frame.files[LIST]}'"
        return labels_of(frame.entries, size, description.classes, BACKGROUND, where)
    maps = _read_maps(description, frame)
    class_map, unknown = _class_map(description, maps)
    path, coding, pixels = next(each for each in maps if each[1].id_of)
    ids = coding.id_of(pixels) if coding.id_of else pixels
    if description.merged_riders:
        if description.meta:
            classes, attributes = synscapes.read_meta(frame.files[META])
            return Labels(class_map, ids.astype(np.uint32, copy=False), classes, attributes, unknown)
        homes = _homes(ids, class_map, coding)
    else:
        homes = description.classes.labels_of(coding.id_class(pixels)) if coding.id_class else class_map
    instance_ids = numbered(ids, homes, coding, path)
    if coding.plain_below:
        instance_ids[pixels < coding.plain_below] = 0
    for flag in (coding.crowd, coding.ignore):
        if flag:
            instance_ids[_bit(pixels, flag)] = 0
    present = np.unique(runs_of(instance_ids).values).tolist()
    return Labels(class_map, instance_ids, {value: value // ID_FACTOR for value in present if value}, unknown=unknown)


def _read_maps(description: Description, frame: Frame) -> list[tuple[Path, Coding, np.ndarray]]:
    maps = []
    for each in description.maps:
        path, coding = frame.files[each.part], each.codings[0]
        maps.append((path, coding, coding.read(path)))
    for path, _, pixels in maps[1:]:
        first, size = maps[0][2].shape, pixels.shape
        if first[:2] != size[:2]:
            raise UserError(
                f"'{maps[0][0]}' is {first[1]} x {first[0]} pixels but '{path}' is {size[1]} x {size[0]}; fetch both "
                "again from one archive."
            )
    return maps


def _class_map(
    description: Description, maps: list[tuple[Path, Coding, np.ndarray]]
) -> tuple[np.ndarray, dict[str, int]]:
    """(H, W) uint8 label ids, and the values that the description does not know."""
    _, coding, pixels = next(each for each in maps if each[1].class_of)
    assert coding.class_of
    values = coding.class_of(pixels)
    if coding.plain_below:  # gray values below are the class itself
        values = np.where(pixels < coding.plain_below, pixels, values)
    class_map = description.classes.labels_of(values)
    unknown = description.classes.unknown_in(values, class_map)
    for _, other, read in maps:
        if other.ignore:
            class_map = np.where(_bit(read, other.ignore), np.uint8(0), class_map)
    return class_map, unknown


def _bit(pixels: np.ndarray, flag: tuple[str, int]) -> np.ndarray:
    """(H, W) bool: where a bit of a channel is set."""
    return (pixels[..., "BGRA".index(flag[0])] & flag[1]) > 0


def _homes(ids: np.ndarray, class_map: np.ndarray, coding: Coding) -> np.ndarray:
    """(H, W) uint8: for each pixel the class of its id, which is that of most of its pixels, riders aside."""
    runs = runs_of(ids)
    distinct, index = np.unique(runs.values, return_inverse=True)
    pairs = runs_of((np.repeat(index, runs.lengths).reshape(runs.shape).astype(np.uint32) << np.uint32(8)) | class_map)
    counts: dict[int, dict[int, int]] = {}
    for pair, pixels in zip(pairs.values.tolist(), pairs.lengths.tolist(), strict=True):
        votes = counts.setdefault(pair >> 8, {})
        votes[pair & 255] = votes.get(pair & 255, 0) + pixels
    table = np.zeros(len(distinct), dtype=np.uint8)
    for place, votes in counts.items():
        things = {label: pixels for label, pixels in votes.items() if label in INSTANCE_LABELS}
        voters = {label: pixels for label, pixels in things.items() if label != RIDER} or things
        table[place] = max(voters, key=lambda label: voters[label], default=0)
    return np.repeat(table[index], runs.lengths).reshape(runs.shape)
