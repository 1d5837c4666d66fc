"""Photographs of any size and camera, upright."""

import os
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from synmix.data.images import DAMAGES, image_size
from synmix.errors import UserError
from synmix.pictures import PICTURES

_LEVELS = 257  # of 16 bits for one of 8


def find_photographs(place: Path, but_not_in: Path) -> tuple[Path, list[Path]]:
    """The photographs of a folder and all folders below it, or the one that is named.

    Args:
        but_not_in: a folder whose pictures are left out: those that were made.

    Returns:
        the folder that names start from, and the photographs, sorted.

    Raises:
        UserError: nothing is there, or nothing that is a photograph.
    """
    endings = " or ".join(PICTURES)
    if place.is_file():
        if place.suffix.lower() not in PICTURES:
            raise UserError(f"'{place}' does not end in {endings}; convert the photograph to one of these.")
        return place.parent, [place]
    if not place.is_dir():
        raise UserError(f"there is no photograph and no folder '{place}'.")
    made = but_not_in.resolve()
    found = [
        path
        for path in sorted(place.rglob("*"))
        if path.suffix.lower() in PICTURES and not path.name.startswith(".") and made not in path.resolve().parents
    ]
    if not found:
        raise UserError(f"'{place}' holds no photograph that ends in {endings}.")
    return place, found


def read_photograph(path: str | os.PathLike[str]) -> np.ndarray:
    """Reads a photograph: (H, W, 3) uint8, RGB, turned upright as its EXIF data say; palettes, grays of 8 and 16 bits
    and transparency become plain colours.

    Raises:
        UserError: missing, damaged, or no image.
    """
    image_size(path)  # a giant is refused before its memory is asked for
    try:
        with Image.open(path) as image:
            upright = ImageOps.exif_transpose(image)
            if upright.mode.startswith("I"):
                upright = Image.fromarray((np.asarray(upright) // _LEVELS).astype(np.uint8))
            return np.array(upright.convert("RGB"))
    except DAMAGES as error:
        raise UserError(f"'{path}' is not a readable photograph ({error}); take a whole file.") from None
