"""PNG images and label maps, read with a sentence for each way they can be wrong."""

import os
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, UnidentifiedImageError

from synmix.errors import UserError

PathLike = str | os.PathLike[str]


def read_map(path: PathLike) -> np.ndarray:
    """Reads a label or instance map unchanged: (H, W) or (H, W, C in BGR order), uint8 or uint16.

    Raises:
        UserError: the file is missing or is not a readable image.
    """
    try:
        data = np.fromfile(path, dtype=np.uint8)  # imread only returns None, whatever was wrong
    except FileNotFoundError:
        raise UserError(f"'{path}' does not exist.") from None
    image = cv2.imdecode(data, cv2.IMREAD_UNCHANGED) if data.size else None
    if image is None:
        raise UserError(f"'{path}' is not a readable PNG (truncated or damaged?); fetch or write it again.")
    return image


def read_instance_map(path: PathLike) -> np.ndarray:
    """Reads a Cityscapes instanceIds map: (H, W) uint16.

    Raises:
        UserError: missing, damaged, not single-channel or not 16-bit.
    """
    instance_map = read_map(path)
    if instance_map.ndim != 2 or instance_map.dtype != np.uint16:
        channels = 1 if instance_map.ndim == 2 else instance_map.shape[2]
        kind = f"{8 * instance_map.dtype.itemsize}-bit with {channels} channel(s)"
        raise UserError(
            f"'{path}' is {kind}, but instanceIds are 16-bit gray; write the file again without converting it."
        )
    return instance_map


def read_label_map(path: PathLike) -> np.ndarray:
    """Reads a labelIds (class) map: (H, W) uint8.

    Raises:
        UserError: missing, damaged or not 8-bit gray.
    """
    label_map = read_map(path)
    if label_map.ndim != 2 or label_map.dtype != np.uint8:
        raise UserError(f"'{path}' is not an 8-bit gray label map; write the file again without converting it.")
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
        with Image.open(Path(path)) as image:
            return image.height, image.width
    except FileNotFoundError:
        raise UserError(f"'{path}' does not exist.") from None
    except (UnidentifiedImageError, OSError) as error:
        raise UserError(f"'{path}' is not a readable image ({error}); fetch or write it again.") from None
