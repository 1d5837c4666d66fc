"""COCO's ``segmentation`` (polygons, or run lengths, compressed or not) as compressed run lengths and as masks."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from pycocotools import mask as mask_util

from synmix.data.images import read_instance_map

_CODES = 64  # of a character of compressed counts
_LONGEST = 7  # characters of a count: 35 bits


def rle_of(segmentation: Any, height: int, width: int) -> dict[str, Any]:
    """COCO's compressed run lengths of a segmentation of an image of this size; compressed ones stay as they are."""
    if isinstance(segmentation, Mapping):
        uncompressed = isinstance(segmentation["counts"], list)
        return mask_util.frPyObjects(dict(segmentation), height, width) if uncompressed else dict(segmentation)
    polygons = [np.asarray(polygon, dtype=np.float64).ravel().tolist() for polygon in segmentation]
    return mask_util.merge(mask_util.frPyObjects(polygons, height, width))


def mask_of(segmentation: Any, height: int, width: int) -> np.ndarray:
    """(H, W) bool, a segmentation in full."""
    return mask_util.decode(rle_of(segmentation, height, width)).astype(bool)


def label_masks(record: Mapping[str, Any]) -> Iterator[tuple[int, int, np.ndarray]]:
    """Instance id, category and (H, W) bool mask of each label of a Detectron2 dict, groups left out."""
    labels = [annotation for annotation in record["annotations"] if not annotation["iscrowd"]]
    instance_map = read_instance_map(record["instance_map"]) if record.get("instance_map") else None
    for label in labels:
        number = label["instance_id"]
        if instance_map is not None:
            yield number, label["category_id"], instance_map == number
        elif label.get("segmentation"):
            yield number, label["category_id"], mask_of(label["segmentation"], record["height"], record["width"])


def counts_of(counts: Any) -> np.ndarray:
    """(R,) int64, the run lengths of COCO's ``counts``: a list, or compressed to text, five bits a character, least
    first, each count from the third on as a difference to the one two before it (pycocotools,
    ``maskApi.c: rleFrString``).

    Raises:
        ValueError: they are of another kind, negative, or broken off.
    """
    if not isinstance(counts, str | bytes):
        if not isinstance(counts, list) or any(type(count) is not int or count < 0 for count in counts):
            raise ValueError("counts must be whole numbers from 0, or compressed text")
        return np.array(counts, dtype=np.int64) if sum(counts) < 1 << 62 else np.full(1, 1 << 62)
    text = counts.encode("ascii", errors="replace") if isinstance(counts, str) else counts
    codes = np.frombuffer(text, dtype=np.uint8).astype(np.int64) - 48
    last = (codes & 0x20) == 0
    if not len(codes) or codes.min() < 0 or codes.max() >= _CODES or not last[-1]:
        raise ValueError("the compressed text is damaged or broken off")
    firsts = np.flatnonzero(np.concatenate([[True], last[:-1]]))
    lengths = np.diff(np.append(firsts, len(codes)))
    if lengths.max() > _LONGEST:
        raise ValueError("the compressed text holds a number without end")
    position = np.arange(len(codes)) - np.repeat(firsts, lengths)
    values = np.add.reduceat((codes & 0x1F) << (5 * position), firsts)
    negative = (codes[last] & 0x10) != 0
    values[negative] -= np.int64(1) << (5 * lengths[negative])
    values[1::2] = np.cumsum(values[1::2])
    values[2::2] = np.cumsum(values[2::2])
    if values.min() < 0:
        raise ValueError("the compressed text holds a negative number")
    return values
