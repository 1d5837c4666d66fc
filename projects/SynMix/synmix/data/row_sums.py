"""Weighted sums of neighbouring rows in whole numbers, as Pillow resizes 8-bit images, compiled by numba; the machine
code stays on disk. Importing this takes a second or two of processor time: see ``compiled``."""

import numpy as np
from numba import njit, types

#: Weights are whole numbers that sum up to 2 to the power of this (Pillow's ``PRECISION_BITS``).
BITS = 22
_SHIFT, _HALF = np.int32(BITS), np.int32(1 << (BITS - 1))
_MOST = np.int32(255)  # rounded weights may sum up to a little more than one
_ROWS = types.Array(types.uint8, 2, "C")
_NUMBERS = types.Array(types.int32, 1, "C")
_WEIGHTS = types.Array(types.int32, 2, "C")


@njit(nogil=True)
def _of_two(a: np.ndarray, b: np.ndarray, weights: np.ndarray, total: np.ndarray) -> None:
    k, m = weights[0], weights[1]
    for x in range(len(total)):
        exact = np.int32(_HALF + np.int32(a[x]) * k + np.int32(b[x]) * m)
        total[x] = min(exact >> _SHIFT, _MOST)


@njit(nogil=True)
def _of_three(a: np.ndarray, b: np.ndarray, c: np.ndarray, weights: np.ndarray, total: np.ndarray) -> None:
    k, m, n = weights[0], weights[1], weights[2]
    for x in range(len(total)):
        exact = np.int32(_HALF + np.int32(a[x]) * k + np.int32(b[x]) * m + np.int32(c[x]) * n)
        total[x] = min(exact >> _SHIFT, _MOST)


@njit(nogil=True)
def _of_many(rows: np.ndarray, weights: np.ndarray, exact: np.ndarray, total: np.ndarray) -> None:
    exact[:] = _HALF
    for y in range(len(rows)):
        row, weight = rows[y], weights[y]
        for x in range(len(row)):
            exact[x] += np.int32(row[x]) * weight
    for x in range(len(total)):
        total[x] = min(exact[x] >> _SHIFT, _MOST)


@njit(types.void(_ROWS, _NUMBERS, _NUMBERS, _WEIGHTS, _ROWS), nogil=True, cache=True)
def row_sums(rows: np.ndarray, firsts: np.ndarray, counts: np.ndarray, weights: np.ndarray, totals: np.ndarray) -> None:
    """Fills each row of ``totals`` with the weighted sum of some rows.

    Args:
        rows: (R, L) uint8.
        firsts: (T,) int32, the first row of each sum.
        counts: (T,) int32, how many rows it has, at least one; they exist.
        weights: (T, K) int32 of these rows, none negative, 2 ** BITS in all but for rounding.
        totals: (T, L) uint8, written to.
    """
    exact = np.empty(rows.shape[1], dtype=np.int32)
    for t in range(len(totals)):
        count, weight, total = counts[t], weights[t], totals[t]
        some = rows[firsts[t] : firsts[t] + count]
        if count == 1 and weight[0] == 1 << BITS:
            total[:] = some[0]
        elif count == 2:
            _of_two(some[0], some[1], weight, total)
        elif count == 3:
            _of_three(some[0], some[1], some[2], weight, total)
        else:
            _of_many(some, weight, exact, total)
