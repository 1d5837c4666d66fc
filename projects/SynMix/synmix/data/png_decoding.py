"""Decodes plain PNGs several times faster than OpenCV, bit for bit the same: ISA-L inflates, compiled code takes the
filters back. OpenCV has the first images (``compiled``).
"""

import struct
import time
from collections.abc import Callable, Iterator

import cv2
import numpy as np
from isal import isal_zlib

from synmix.data import compiled
from synmix.data.compiled import take_over as take_over
from synmix.data.png_chunks import Header, read_chunks

_GRAY, _RGB = 0, 2  # colour types
#: (depth, colour type) -> bytes of a pixel
_STEPS = {(8, _GRAY): 1, (16, _GRAY): 2, (8, _RGB): 3}
#: OpenCV heeds none of these, gamma included; others may change what it gives (transparency, turned images, frames).
_PLAIN = {b"IHDR", b"gAMA", b"cHRM", b"sRGB", b"bKGD", b"pHYs", b"IDAT", b"tEXt", b"tIME", b"IEND"}
#: Bytes of the pixels: with fewer, an image gains too little to load compiled code for, or nothing; with more it is
#: OpenCV's.
_LEAST_BYTES, _LEAST_ONCE_LOADED, _MOST_BYTES = 2**20, 2**16, 2**28
_LAST_FILTER = 4
#: Bytes inflated at once: some dozen rows of a photograph, which stay in the cache until their filters are taken back.
_PIECE = 2**16


def decode(data: bytes, least_bytes: int = 0) -> np.ndarray | None:
    """An 8-bit or 16-bit gray or 8-bit RGB PNG that is not interlaced.

    Args:
        data: the file.
        least_bytes: of the pixels; smaller images are left to others.

    Returns:
        (H, W) uint8 or uint16, or (H, W, 3) uint8 in BGR order, as ``cv2.imdecode`` gives it unchanged; None for every
        other or damaged file: let OpenCV say what it is.
    """
    chunks = read_chunks(data) if _looks_plain(data, least_bytes) else None
    code = compiled.load() if chunks is not None else None
    if chunks is None or code is None or not _in_order(chunks.names):
        return None
    header, step = chunks.header, _STEPS[chunks.header.depth, chunks.header.color]
    pixels = np.empty((header.height, header.width * step), dtype=np.uint8)
    if not _decoded(chunks.compressed, step, code.png_filters.unfilter, pixels):
        return None
    if step == 2:
        code.png_filters.to_machine_order(pixels)
    return pixels.reshape(len(pixels), -1, 3) if step == 3 else pixels.view((np.uint8, np.uint16)[step - 1])


def decode_where_it_pays(data: bytes) -> np.ndarray | None:
    """As :func:`decode`, of large images, once there have been many, then of small ones too; None where OpenCV is to do
    it."""
    if compiled.loaded() is not None:
        return decode(data, _LEAST_ONCE_LOADED)
    return decode(data, _LEAST_BYTES) if compiled.pays() else None


def by_opencv(data: bytes) -> np.ndarray | None:
    """The image unchanged, by OpenCV; None where it cannot read it."""
    started = time.perf_counter()
    try:  # imread only returns None, whatever was wrong
        return cv2.imdecode(np.frombuffer(data, dtype=np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error:
        return None
    finally:
        if not compiled.pays() and _looks_plain(data, _LEAST_BYTES):
            compiled.wait(time.perf_counter() - started)


def _looks_plain(data: bytes, least_bytes: int) -> bool:
    """By its header alone."""
    if data[12:16] != b"IHDR" or len(data) < 29:
        return False
    header = Header(*struct.unpack_from(">IIBBBBB", data, 16))
    step = _STEPS.get((header.depth, header.color))
    if step is None or (header.compression, header.filtering, header.interlace) != (0, 0, 0):
        return False
    return max(1, least_bytes) <= header.width * header.height * step <= _MOST_BYTES


def _in_order(names: list[bytes]) -> bool:
    """Whether all chunks are known, the header is the first, and the pixels lie together."""
    pixels = [index for index, name in enumerate(names) if name == b"IDAT"]
    together = bool(pixels) and pixels[-1] - pixels[0] + 1 == len(pixels)
    return together and names[0] == b"IHDR" and names.count(b"IHDR") == 1 and _PLAIN.issuperset(names)


def _decoded(compressed: bytes, step: int, unfilter: Callable[..., None], pixels: np.ndarray) -> bool:
    """Fills the pixels, some rows at a time, while these are still in the processor's cache; False where the file is
    damaged or of another size, however large."""
    height, width = pixels.shape
    above = np.zeros(width, dtype=np.uint8)
    done, rest = 0, b""
    for piece in _inflated(compressed):
        if piece is None:
            return False
        raw = rest + piece
        count = len(raw) // (1 + width)
        rows = np.frombuffer(raw, dtype=np.uint8, count=count * (1 + width)).reshape(count, 1 + width)
        if done + count > height or (rows[:, 0] > _LAST_FILTER).any():
            return False
        target = pixels[done : done + count]
        unfilter(rows, step, above, target)
        if count:
            above = _last_row(target, step)
        done, rest = done + count, raw[count * (1 + width) :]
    return done == height and rest == b""


def _last_row(rows: np.ndarray, step: int) -> np.ndarray:
    """What the filters of the next row look at; the rows themselves are turned from RGB to BGR."""
    if step < 3:
        return rows[-1]
    last = rows[-1].copy()
    image = rows.reshape(len(rows), -1, 3)
    cv2.cvtColor(image, cv2.COLOR_RGB2BGR, dst=image)
    return last


def _inflated(compressed: bytes) -> Iterator[bytes | None]:
    """The bytes of a zlib stream in pieces; the last is None where it is damaged."""
    stream = isal_zlib.decompressobj()
    view, size = memoryview(compressed), min(_PIECE, len(compressed) // 4 + 1)  # maps, of a few bytes, in four
    try:
        for start in range(0, len(view), size):
            yield stream.decompress(view[start : start + size])
            if stream.eof:
                return
    except isal_zlib.error:  # type: ignore[misc]  # untyped there
        pass
    yield None
