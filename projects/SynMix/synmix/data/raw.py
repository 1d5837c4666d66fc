"""The labels of a described data set's frames: one reader for every encoding.

Shape legend: H, W are the maps' height and width, C their channels.
"""

from functools import lru_cache
from pathlib import Path

import numpy as np

from synmix.data import synscapes
from synmix.data.class_tables import BACKGROUND, ClassTable
from synmix.data.description import META, Description
from synmix.data.frame_labels import ID_FACTOR, UNKNOWN, Labels
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
    if description.merged_riders and description.meta:
        assert coding.id_of
        classes, attributes = synscapes.read_meta(frame.files[META])
        return Labels(class_map, coding.id_of(pixels).astype(np.uint32, copy=False), classes, attributes, unknown)
    instance_ids, present = _instances(description, class_map, pixels, coding, path)
    classes = {value: value // ID_FACTOR for value in present.tolist() if value}
    return Labels(class_map, instance_ids, classes, unknown=unknown)


def _instances(
    description: Description, class_map: np.ndarray, pixels: np.ndarray, coding: Coding, path: Path
) -> tuple[np.ndarray, np.ndarray]:
    """(H, W) uint32, ``label id * ID_FACTOR + k`` or 0, and the values in it."""
    assert coding.id_of
    alone = coding.id_class or coding.class_of
    if coding.id_of.is_gray and alone and not description.merged_riders and not coding.renumber:
        table, runs = _gray_tables(coding, description.classes.key)[1], runs_of(pixels)
        return np.repeat(table[runs.values], runs.lengths).reshape(runs.shape), table[np.unique(runs.values)]
    ids = coding.id_of(pixels)
    if description.merged_riders:
        homes = _homes(ids, class_map, coding)
    else:
        homes = description.classes.labels_of(coding.id_class(pixels)) if coding.id_class else class_map
    instance_ids = numbered(ids, homes, coding, path)
    for flag in (coding.crowd, coding.ignore):
        if flag:
            instance_ids[_bit(pixels, flag)] = 0
    return instance_ids, np.unique(runs_of(instance_ids).values)


@lru_cache(maxsize=16)
def _gray_tables(coding: Coding, classes: bytes) -> tuple[np.ndarray, np.ndarray]:
    """(65536,) uint8 label ids and (65536,) uint32 numbers of instances, of each gray value: a look-up is several times
    as fast as dividing every pixel."""
    values, table = np.arange(1 << 16, dtype=np.uint16)[None], ClassTable.of_key(classes)
    labels = [
        table.labels_of(np.where(values < coding.plain_below, values, expression(values)) if expression else values)
        for expression in (coding.class_of, coding.id_class or coding.class_of)
    ]
    numbers = np.zeros_like(values, dtype=np.uint32)
    if coding.id_of:
        numbers = numbered(coding.id_of(values), labels[1], coding, "")
        numbers[values < coding.plain_below] = 0
    return labels[0][0], numbers[0]


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
    if coding.class_of.is_gray and pixels.dtype == np.uint16:
        values, class_map = pixels, np.take(_gray_tables(coding, description.classes.key)[0], pixels)
        if (class_map == UNKNOWN).any():
            values = np.where(pixels < coding.plain_below, pixels, coding.class_of(pixels))
    else:
        values = coding.class_of(pixels)
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
