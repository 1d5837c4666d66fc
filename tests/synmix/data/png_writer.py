"""PNG files by hand: every filter, depth, colour type and interlacing, which no library writes at will."""

import struct
import zlib
from itertools import pairwise

import numpy as np

SIGNATURE = b"\x89PNG\r\n\x1a\n"
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # of a colour type
DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))


def chunk(name: bytes, data: bytes = b"") -> bytes:
    """A chunk with its length and checksum."""
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def filtered(rows: np.ndarray, step: int, kinds: np.ndarray) -> bytes:
    """(H, B) uint8 rows, each with a filter of 0 to 4, as the specification says it (9.2), byte by byte."""
    rows, written = rows.astype(int), bytearray()
    for y, kind in enumerate(kinds.tolist()):
        above = rows[y - 1] if y else np.zeros_like(rows[y])
        left = np.concatenate([np.zeros(step, int), rows[y]])[: rows.shape[1]]
        corner = np.concatenate([np.zeros(step, int), above])[: rows.shape[1]]
        distances = np.abs(left + above - corner - np.stack([left, above, corner]))
        paeth = np.choose(distances.argmin(axis=0), [left, above, corner])
        guess = [0 * left, left, above, (left + above) // 2, paeth][kind]
        written += bytes([kind]) + ((rows[y] - guess) % 256).astype(np.uint8).tobytes()
    return bytes(written)


def _bytes_of(samples: np.ndarray, depth: int) -> np.ndarray:
    """(H, B) uint8 rows of (H, W * C) samples."""
    if depth == 16:
        return samples.astype(">u2").view(np.uint8).reshape(len(samples), -1)
    if depth == 8:
        return samples.astype(np.uint8)
    bits = (samples[..., None] >> np.arange(depth - 1, -1, -1)) & 1
    return np.packbits(bits.reshape(len(samples), -1).astype(np.uint8), axis=1)


def png(samples, depth, color, random, *, interlaced=False, kinds=None, extra=(), parts=1, level=6) -> bytes:
    """A file of (H, W, C) samples.

    Args:
        random: draws the rows' filters where ``kinds`` names none.
        extra: chunks to stand before the pixels.
        parts: of the pixels, each an IDAT.
    """
    height, width, channels = samples.shape
    step = max(1, channels * depth // 8)
    passes = _ADAM7 if interlaced else ((0, 0, 1, 1),)
    raw = b""
    for x, y, across, down in passes:
        part = samples[y::down, x::across]
        if part.size:
            rows = _bytes_of(part.reshape(len(part), -1), depth)
            raw += filtered(rows, step, random.integers(0, 5, len(rows)) if kinds is None else kinds[: len(rows)])
    compressed = zlib.compress(raw, level)
    cuts = [len(compressed) * part // parts for part in range(parts + 1)]
    pixels = b"".join(chunk(b"IDAT", compressed[a:b]) for a, b in pairwise(cuts))
    header = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, int(interlaced))
    return SIGNATURE + chunk(b"IHDR", header) + b"".join(extra) + pixels + chunk(b"IEND")
