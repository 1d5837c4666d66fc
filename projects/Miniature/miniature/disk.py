"""The miniatures' folders: a note of the parameters guards what was drawn, and pictures are written whole."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from shutil import rmtree
from typing import Any

import cv2
import numpy as np

from synmix.errors import UserError
from synmix.files import atomic_path, read_json, write_json


def claim(root: Path, note: str, wanted: Mapping[str, Any], folders: Sequence[str], force: bool) -> None:
    """Sees to it that ``root`` holds this miniature or none, and notes its parameters in ``root/note``.

    Args:
        wanted: the parameters; those under ``frames`` are counts, which may grow.
        folders: what of ``root`` is drawn.
        force: another miniature is removed, and so is this one.

    Raises:
        UserError: ``root`` holds another miniature or what was not drawn here, or cannot be written.
    """
    path = root / note
    if not path.is_file():
        taken = [root / folder for folder in folders if (root / folder).exists()]
        if taken:
            raise UserError(f"'{taken[0]}' exists but was not drawn here ('{path}' is missing); choose another folder.")
    elif force:
        for folder in folders:
            rmtree(root / folder, ignore_errors=True)
    else:
        _compare(root, read_json(path), wanted)
    write_json(path, wanted)


def _compare(root: Path, held: Any, wanted: Mapping[str, Any]) -> None:
    if not isinstance(held, dict) or not all(isinstance(n, int) for n in dict(held.get("frames") or {}).values()):
        raise UserError(f"the note of the miniature in '{root}' is damaged; choose another folder, or --overwrite.")
    fewer = [name for name, count in wanted.get("frames", {}).items() if count < held.get("frames", {}).get(name, 0)]
    other = [key for key, value in wanted.items() if key != "frames" and held.get(key) != value]
    if other or fewer:
        why = f"other {', '.join(other)}" if other else f"more {', '.join(fewer)} frames"
        raise UserError(f"'{root}' holds a miniature with {why}; choose another folder, or draw anew with --overwrite.")


def write_picture(path: Path, pixels: np.ndarray) -> None:
    """Writes (H, W) maps as they are and (H, W, 3) or (H, W, 4) pictures as RGB(A), as PNG or JPEG."""
    settings = [cv2.IMWRITE_PNG_COMPRESSION, 1] if path.suffix == ".png" else [cv2.IMWRITE_JPEG_QUALITY, 92]
    with atomic_path(path) as temporary:
        data = np.ascontiguousarray(pixels[..., [2, 1, 0, 3][: pixels.shape[2]]]) if pixels.ndim == 3 else pixels
        if not cv2.imwrite(str(temporary), data, settings):
            raise UserError(f"'{path}' could not be written; is the disk full?")
