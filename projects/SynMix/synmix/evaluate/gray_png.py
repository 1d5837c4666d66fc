"""Decodes plain gray PNGs, as prediction masks are written, several times faster than libpng does.

Nine tenths of decoding a mask is inflating two megapixels of zeros, which ISA-L does five times faster than zlib.
"""

from itertools import pairwise

import numpy as np
from isal import isal_zlib

from synmix.data.png_chunks import read_chunks

_NONE, _SUB, _UP, _PAETH = 0, 1, 2, 4  # PNG specification, 9.2; Average goes pixel by pixel and is left to OpenCV
_FILTERS = (_NONE, _SUB, _UP, _PAETH)
_MOST_BYTES = 2**28  # what a header may ask for before a pixel is seen
_MOST_EVENTS = 200  # in a Paeth row; masks have some ten


def decode_mask(data: bytes) -> np.ndarray | None:
    """What is not black in an 8-bit gray PNG that is not interlaced and whose rows use the filters None, Sub, Up and
    Paeth.

    Args:
        data: the file.

    Returns:
        (H, W) bool, or None for every other or damaged file: let a full decoder say what it is.
    """
    chunks = read_chunks(data)
    if chunks is None:
        return None
    width, height, *kind = chunks.header
    size = height * (width + 1)
    if kind != [8, 0, 0, 0, 0] or not 0 < size <= _MOST_BYTES:
        return None
    try:
        raw = isal_zlib.decompress(chunks.compressed, bufsize=size + 1)
    except isal_zlib.error:  # type: ignore[misc]  # untyped there
        return None
    if len(raw) != size:
        return None
    rows = np.frombuffer(raw, dtype=np.uint8).reshape(height, width + 1)
    mask = np.zeros((height, width), dtype=bool)  # untouched pages of it cost nothing
    if np.isin(rows[:, 0], _FILTERS, invert=True).any():
        return None
    first, last = _band(rows)
    band = _unfiltered(rows[first:last, 1:].copy(), rows[first:last, 0])
    if band is None:
        return None
    np.not_equal(band, 0, out=mask[first:last])
    return mask


def _band(rows: np.ndarray) -> tuple[int, int]:
    """First row and row behind the last that can differ from 0: those with a difference noted, and those below that
    repeat the row above."""
    noted = np.flatnonzero(rows[:, 1:].max(axis=1))  # vectorised, unlike any()
    if not len(noted):
        return 0, 0
    fresh = np.flatnonzero(np.isin(rows[noted[-1] + 1 :, 0], (_NONE, _SUB)))
    return int(noted[0]), int(noted[-1] + 1 + fresh[0]) if len(fresh) else len(rows)


def _unfiltered(image: np.ndarray, filters: np.ndarray) -> np.ndarray | None:
    """Takes the filters of rows back, in place, under a row of 0; None where that would be slow."""
    differences = np.flatnonzero(filters == _SUB)
    if len(differences):
        image[differences] = np.cumsum(image[differences], axis=1, dtype=np.uint8)
    # The rest needs the row above, which is 0 for the first: from top to bottom, stretches of Up rows at once.
    edges = np.flatnonzero(np.diff(np.concatenate([[_NONE], filters, [_NONE]])))
    for first, last in pairwise(edges.tolist()):
        if filters[first] == _UP:
            block = image[max(0, first - 1) : last]
            np.add.accumulate(block, axis=0, dtype=np.uint8, out=block)
        elif filters[first] == _PAETH:
            for row in range(first, last):
                above = image[row - 1] if row else np.zeros_like(image[0])
                if not _add_paeth(image[row], above):
                    return None
    return image


def _add_paeth(row: np.ndarray, above: np.ndarray) -> bool:
    """Takes the Paeth filter of a (W,) row back, in place; False, and nothing done, where too much happens in it.

    Where the row above goes on unchanged and no difference is noted, Paeth's guess is the pixel on the left.
    """
    events = np.flatnonzero((row != 0) | (np.diff(above, prepend=np.uint8(0)) != 0)).tolist()
    if len(events) > _MOST_EVENTS:
        return False
    left = 0
    for start, end in pairwise([*events, len(row)]):
        up, corner = int(above[start]), int(above[start - 1]) if start else 0
        estimate = left + up - corner
        guess = min((left, up, corner), key=lambda value: abs(estimate - value))
        left = (int(row[start]) + guess) % 256
        row[start:end] = left
    return True
