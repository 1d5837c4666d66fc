"""PNG images and label maps, read with a sentence for each way they can be wrong."""

import io
import os
import struct
import warnings
import zlib
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from synmix.data.png_decoding import by_opencv, decode_where_it_pays
from synmix.errors import UserError
from synmix.files import why_absent

PathLike = str | os.PathLike[str]

#: A header that says more is taken for damaged before the memory for it is asked for.
MOST_PIXELS = 100_000_000
_PNG, _PNG_HEADER, _PALETTE = b"\x89PNG\r\n\x1a\n", 26, 3  # signature; bytes up to the colour type; palette's type
_PNG_IHDR = 33  # bytes up to the header's checksum
#: What Pillow raises over files that it cannot read.
DAMAGES = (OSError, SyntaxError, ValueError, TypeError, struct.error, OverflowError, Image.DecompressionBombError)


def read_map(path: PathLike) -> np.ndarray:
    """Reads a label or instance map unchanged: (H, W) or (H, W, C in BGR order), uint8 or uint16.

    Raises:
        UserError: the file is missing, is not a readable image, or would need gigabytes of memory.
    """
    return _decoded(path, _read_bytes(path))


def _decoded(path: PathLike, data: bytes) -> np.ndarray:
    size_of(path, data)
    image = decode_where_it_pays(data)
    image = by_opencv(data) if image is None else image
    if image is None:
        raise UserError(f"'{path}' is not a readable PNG (truncated or damaged?); fetch or write it again.")
    return image


def read_indices(path: PathLike) -> np.ndarray:
    """Reads a map unchanged as :func:`read_map` does, but of a palette PNG the numbers instead of the colours.

    Raises:
        UserError: see :func:`read_map`.
    """
    data = _read_bytes(path)
    return np.array(_palette(path, data)) if _is_palette(data) else _decoded(path, data)


def read_colors(path: PathLike) -> np.ndarray:
    """Reads a map's colours: (H, W, C) in BGR order, or (H, W) where it has none; of a palette PNG those it names.

    Raises:
        UserError: see :func:`read_map`.
    """
    data = _read_bytes(path)
    return np.array(_palette(path, data).convert("RGB"))[..., ::-1] if _is_palette(data) else _decoded(path, data)


def _palette(path: PathLike, data: bytes) -> Image.Image:
    """A palette PNG by Pillow; OpenCV only gives the colours, and not in every version."""
    size_of(path, data)
    try:
        image = Image.open(io.BytesIO(data))
        image.load()
        return image
    except DAMAGES as error:
        raise UserError(f"'{path}' is not a readable PNG ({error}); fetch or write it again.") from None


def _read_bytes(path: PathLike) -> bytes:
    try:
        data = Path(path).read_bytes()
    except FileNotFoundError:
        raise UserError(f"'{path}' {why_absent(path)}.") from None
    except OSError as error:
        raise UserError(f"'{path}' cannot be read ({error.strerror}).") from None
    if not data:
        raise UserError(f"'{path}' is not a readable PNG: it is empty; fetch or write it again.")
    return data


def _check_pixels(path: PathLike, height: int, width: int) -> None:
    if not 0 < height * width <= MOST_PIXELS:
        raise UserError(
            f"'{path}' says that it is {width} x {height} pixels; images have 1 to {MOST_PIXELS // 10**6} million "
            "(damaged?), so fetch or write it again."
        )


def size_of(path: PathLike, data: bytes) -> tuple[int, int]:
    """Height and width from the header of a file that was read, without decoding it.

    Raises:
        UserError: not an image, or one that would need gigabytes of memory.
    """
    if data[:8] != _PNG:
        return image_size(path)
    if len(data) < _PNG_HEADER:
        raise UserError(f"'{path}' is not a readable PNG (truncated); fetch or write it again.")
    width, height = struct.unpack(">II", data[16:24])
    _check_pixels(path, height, width)
    return height, width


def is_palette(path: PathLike) -> bool:
    """Whether a file is a palette PNG, whose pixels are numbers of colours."""
    with Path(path).open("rb") as file:
        return _is_palette(file.read(_PNG_HEADER))


def _is_palette(data: bytes) -> bool:
    return data[:8] == _PNG and len(data) >= _PNG_HEADER and data[25] == _PALETTE


def kind_of(path: PathLike, image: np.ndarray) -> str:
    """What a map that was read is, in words."""
    channels = 1 if image.ndim == 2 else image.shape[2]
    kind = f"{8 * image.dtype.itemsize}-bit with {channels} channel(s)"
    return "a palette PNG" if is_palette(path) else kind


def read_instance_map(path: PathLike) -> np.ndarray:
    """Reads a Cityscapes instanceIds map: (H, W) uint16.

    Raises:
        UserError: missing, damaged, not single-channel or not 16-bit.

    >>> read_instance_map("gtFine/aachen_000000_000000_gtFine_instanceIds.png").max()
    np.uint16(26000)
    """
    instance_map = read_map(path)
    if instance_map.ndim != 2 or instance_map.dtype != np.uint16:
        raise UserError(
            f"'{path}' is {kind_of(path, instance_map)}, but instanceIds are 16-bit gray; write the file again without "
            "converting it."
        )
    return instance_map


def read_label_map(path: PathLike) -> np.ndarray:
    """Reads a labelIds (class) map: (H, W) uint8; of a palette the numbers.

    Raises:
        UserError: missing, damaged, or neither 8-bit gray nor a palette.
    """
    label_map = read_indices(path)
    if label_map.ndim != 2 or label_map.dtype != np.uint8:
        raise UserError(
            f"'{path}' is not an 8-bit gray label map but {kind_of(path, label_map)}; write the file again without "
            "converting it."
        )
    return label_map


def read_rgb(path: PathLike) -> np.ndarray:
    """Reads an image: (H, W, 3) uint8, RGB."""
    image = read_map(path)
    if image.ndim == 2:
        return cv2.cvtColor(image, cv2.COLOR_GRAY2RGB)
    return cv2.cvtColor(image[:, :, :3], cv2.COLOR_BGR2RGB)


def image_size(path: PathLike) -> tuple[int, int]:
    """Height and width from the file's header; the pixels are not decoded.

    Raises:
        UserError: missing or not an image.
    """
    try:
        with Path(path).open("rb") as file:
            start = file.read(_PNG_IHDR)
        if start[:8] == _PNG:  # Pillow would warn of giants, or refuse them in other words
            size = size_of(path, start)
            if start[-4:] == struct.pack(">I", zlib.crc32(start[12:-4])):  # whole; Pillow takes ten times as long
                return size
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(Path(path)) as image:
                size = image.height, image.width
    except FileNotFoundError:
        raise UserError(f"'{path}' {why_absent(path)}.") from None
    except DAMAGES as error:
        raise UserError(f"'{path}' is not a readable image ({error}); fetch or write it again.") from None
    _check_pixels(path, *size)
    return size
