"""Takes the filters of PNG rows back (PNG specification, 9), compiled by numba; the machine code stays on disk.

Importing this takes a second or two of processor time: see ``compiled``.
"""

import sys
from typing import Any

import numpy as np
from numba import njit, types

_SUB, _UP, _AVERAGE, _PAETH = 1, 2, 3, 4
_BYTE = np.int32(255)
_IS_LITTLE = sys.byteorder == "little"
#: Times a 16-bit pixel: four of it in a word.
_FOUR = np.uint64(0x0001000100010001)
_ROWS = types.Array(types.uint8, 2, "C", readonly=True)
_ROW = types.Array(types.uint8, 1, "C")
_PIXELS = types.Array(types.uint8, 2, "C")


@njit(nogil=True)
def _sub(source: np.ndarray, row: np.ndarray, step: int) -> None:
    row[:step] = source[:step]
    for i in range(step, len(row)):
        row[i] = source[i] + row[i - step]


@njit(nogil=True)
def _sub_of_labels(source: np.ndarray, row: np.ndarray) -> None:
    """16-bit maps, four pixels at a time: where no difference is noted, the pixel on the left goes on."""
    words = len(row) // 8
    noted, lefts = source[: 8 * words].view(np.uint64), row[: 8 * words].view(np.uint64)
    left = np.uint64(0)
    for word in range(words):
        w = np.uint64(word)
        if noted[w] == 0:
            lefts[w] = left * _FOUR
        else:
            low, high = np.uint8(left), np.uint8(left >> np.uint64(8))
            for i in range(8 * word, 8 * word + 8, 2):
                low, high = np.uint8(source[i] + low), np.uint8(source[i + 1] + high)
                row[i], row[i + 1] = low, high
            left = lefts[w] >> np.uint64(48)
    for i in range(8 * words, len(row)):
        row[i] = source[i] + (row[i - 2] if i >= 2 else np.uint8(0))


@njit(nogil=True, inline="always")
def _paeth(left: int, above: int, corner: int) -> int:
    """Whichever of the three is nearest to left + above - corner, without branches."""
    threshold = corner * 3 - (left + above)
    least, most = min(left, above), max(left, above)
    guess = least if most <= threshold else corner
    return most if threshold <= least else guess


@njit(nogil=True)
def _average(source: np.ndarray, above: np.ndarray, row: np.ndarray, step: int) -> None:
    for i in range(step):
        row[i] = source[i] + (above[i] >> 1)
    for i in range(step, len(row)):
        row[i] = source[i] + ((np.int32(row[i - step]) + np.int32(above[i])) >> 1)


@njit(nogil=True)
def _average_of_three(source: np.ndarray, above: np.ndarray, row: np.ndarray) -> None:
    """Three channels side by side: each waits for its own pixel on the left only."""
    zero: Any = np.int32(0)
    first = second = third = zero
    for x in range(len(row) // 3):
        i = np.uint64(x) * np.uint64(3)  # unsigned, so that no index is looked at for being negative
        j, k = i + np.uint64(1), i + np.uint64(2)
        first = (np.int32(source[i]) + ((first + np.int32(above[i])) >> 1)) & _BYTE
        second = (np.int32(source[j]) + ((second + np.int32(above[j])) >> 1)) & _BYTE
        third = (np.int32(source[k]) + ((third + np.int32(above[k])) >> 1)) & _BYTE
        row[i], row[j], row[k] = first, second, third


@njit(nogil=True)
def _paeth_of_one(source: np.ndarray, above: np.ndarray, row: np.ndarray) -> None:
    left = corner = np.int32(0)
    for x in range(len(row)):
        i = np.uint64(x)
        up = np.int32(above[i])
        left = (np.int32(source[i]) + _paeth(left, up, corner)) & _BYTE
        row[i], corner = left, up


@njit(nogil=True)
def _paeth_of_two(source: np.ndarray, above: np.ndarray, row: np.ndarray, first: int, last: int) -> None:
    """The 16-bit pixels from ``first`` to before ``last``."""
    left = left2 = corner = corner2 = np.int32(0)
    if first:
        left, left2 = np.int32(row[2 * first - 2]), np.int32(row[2 * first - 1])
        corner, corner2 = np.int32(above[2 * first - 2]), np.int32(above[2 * first - 1])
    for x in range(first, last):
        i = np.uint64(x) * np.uint64(2)
        j = i + np.uint64(1)
        up, up2 = np.int32(above[i]), np.int32(above[j])
        left = (np.int32(source[i]) + _paeth(left, up, corner)) & _BYTE
        left2 = (np.int32(source[j]) + _paeth(left2, up2, corner2)) & _BYTE
        row[i], row[j], corner, corner2 = left, left2, up, up2


@njit(nogil=True)
def _paeth_of_labels(source: np.ndarray, above: np.ndarray, row: np.ndarray) -> None:
    """16-bit maps, four pixels at a time: where no difference is noted and the row above goes on as it was, the pixel
    on the left goes on."""
    words = len(row) // 8
    noted = source[: 8 * words].view(np.uint64)
    ups, lefts = above[: 8 * words].view(np.uint64), row[: 8 * words].view(np.uint64)
    left = corner = np.uint64(0)
    for word in range(words):
        w = np.uint64(word)
        if noted[w] == 0 and ups[w] == corner * _FOUR:
            lefts[w] = left * _FOUR
        else:
            _paeth_of_two(source, above, row, 4 * word, 4 * word + 4)
            left, corner = lefts[w] >> np.uint64(48), ups[w] >> np.uint64(48)
    _paeth_of_two(source, above, row, 4 * words, len(row) // 2)


@njit(nogil=True)
def _paeth_of_three(source: np.ndarray, above: np.ndarray, row: np.ndarray) -> None:
    left = left2 = left3 = corner = corner2 = corner3 = np.int32(0)
    for x in range(len(row) // 3):
        i = np.uint64(x) * np.uint64(3)
        j, k = i + np.uint64(1), i + np.uint64(2)
        up, up2, up3 = np.int32(above[i]), np.int32(above[j]), np.int32(above[k])
        left = (np.int32(source[i]) + _paeth(left, up, corner)) & _BYTE
        left2 = (np.int32(source[j]) + _paeth(left2, up2, corner2)) & _BYTE
        left3 = (np.int32(source[k]) + _paeth(left3, up3, corner3)) & _BYTE
        row[i], row[j], row[k] = left, left2, left3
        corner, corner2, corner3 = up, up2, up3


@njit(nogil=True)
def _paeth_row(source: np.ndarray, above: np.ndarray, row: np.ndarray, step: int) -> None:
    if step == 1:
        _paeth_of_one(source, above, row)
    elif step == 2:
        _paeth_of_labels(source, above, row)
    else:
        _paeth_of_three(source, above, row)


@njit(types.void(_PIXELS), nogil=True, cache=True)
def _swap_bytes(pixels: np.ndarray) -> None:
    """Turns 16-bit pixels, rows of bytes, round in place."""
    even = np.uint64(0x00FF00FF00FF00FF)
    width = pixels.shape[1]
    for row in pixels:
        words = row[: width // 8 * 8].view(np.uint64)
        for w in range(len(words)):
            words[w] = ((words[w] & even) << np.uint64(8)) | ((words[w] >> np.uint64(8)) & even)
        for i in range(width // 8 * 8, width, 2):
            row[i], row[i + 1] = row[i + 1], row[i]


def to_machine_order(pixels: np.ndarray) -> None:
    """Turns 16-bit pixels, (H, B) uint8 as PNGs hold them, into the machine's order in place."""
    if _IS_LITTLE:
        _swap_bytes(pixels)


@njit(types.void(_ROWS, types.int64, _ROW, _PIXELS), nogil=True, cache=True)
def unfilter(rows: np.ndarray, step: int, above: np.ndarray, pixels: np.ndarray) -> None:
    """Takes the filters of rows back.

    Args:
        rows: (H, 1 + B) uint8, the number of a filter from 0 to 4, then the bytes of a row.
        step: bytes of a pixel: 1, 2 (rows are whole pixels) or 3 (the same).
        above: (B,) uint8, the row before the first; zeros at the top of an image.
        pixels: (H, B) uint8, written to.
    """
    for y in range(len(rows)):
        kind, source, row = rows[y, 0], rows[y, 1:], pixels[y]
        if kind == _SUB and step == 2:
            _sub_of_labels(source, row)
        elif kind == _SUB:
            _sub(source, row, step)
        elif kind == _UP:
            for i in range(len(row)):
                row[i] = source[i] + above[i]
        elif kind == _AVERAGE and step == 3:
            _average_of_three(source, above, row)
        elif kind == _AVERAGE:
            _average(source, above, row, step)
        elif kind == _PAETH:
            _paeth_row(source, above, row, step)
        else:
            row[:] = source
        above = row
