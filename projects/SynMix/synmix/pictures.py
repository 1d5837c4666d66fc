"""Labels and predictions drawn over images, and pictures set side by side.

Shape legend: H, W are an image's height and width; images are RGB uint8.
"""

import colorsys
import os
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path

import cv2
import matplotlib
import numpy as np
from matplotlib.figure import Figure
from PIL import Image, ImageDraw, ImageFont

from synmix.errors import UserError
from synmix.files import atomic_path
from synmix.labels import CLASS_NAMES, Color, colors_of

#: Endings of pictures, and of charts.
PICTURES, CHARTS = (".png", ".jpg", ".jpeg"), (".png", ".svg", ".pdf", ".jpg", ".jpeg")

_BACKGROUND = (250, 250, 248)
_TEXT = (40, 44, 52)
_GAP = 8
_READABLE_WIDTH = 768  # an image with captions is enlarged up to here


def draw_masks(
    image: np.ndarray,
    masks: Iterable[tuple[int, np.ndarray]],
    captions: Sequence[str] = (),
    opacity: float = 0.5,
    classes: Sequence[str] = CLASS_NAMES,
) -> np.ndarray:
    """Draws masks over an image, in their class's colour, lightness varied so that neighbours differ.

    Args:
        image: (H, W, 3) RGB.
        masks: category, a place in ``classes``, and (H, W) bool, in drawing order.
        captions: a short text for each mask; empty ones, and what would cover another, are left out.

    Returns:
        (s H, s W, 3): a new image; s is 1, or a whole factor where a small image has no room for its captions.
    """
    canvas, colors = image.copy(), colors_of(classes)
    placed = []
    for index, (category, mask) in enumerate(masks):
        color = _instance_color(colors[category], index)
        canvas[mask] = ((1 - opacity) * canvas[mask] + opacity * np.array(color)).astype(np.uint8)
        contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(canvas, contours, -1, color, max(1, image.shape[0] // 400))
        if index < len(captions) and captions[index] and contours:
            x, y, _, _ = cv2.boundingRect(max(contours, key=len))
            placed.append((x, y, captions[index]))
    return _write_captions(canvas, placed) if captions else canvas


def side_by_side(rows: Sequence[Sequence[tuple[str, np.ndarray]]], width: int = 640) -> np.ndarray:
    """A sheet of titled pictures, each scaled to ``width`` pixels; rows may differ in length."""
    scaled = [[(title, _to_width(image, width)) for title, image in row] for row in rows]
    title_height = 30
    heights = [max(image.shape[0] for _, image in row) + title_height + _GAP for row in scaled]
    columns = max(len(row) for row in scaled)
    sheet = Image.new("RGB", (columns * (width + _GAP) + _GAP, sum(heights) + _GAP), _BACKGROUND)
    draw = ImageDraw.Draw(sheet)
    top = _GAP
    for row, height in zip(scaled, heights, strict=True):
        for column, (title, image) in enumerate(row):
            left = _GAP + column * (width + _GAP)
            draw.text((left + 2, top + 4), title, fill=_TEXT, font=_font(17))
            sheet.paste(Image.fromarray(image), (left, top + title_height))
        top += height
    return np.asarray(sheet)


def save_picture(path: str | os.PathLike[str], image: np.ndarray) -> None:
    """Writes an RGB image, atomically, in the format of the path's ending.

    Raises:
        UserError: an unknown ending, or it cannot be written.
    """
    with atomic_path(check_ending(path, PICTURES)) as temporary:
        Image.fromarray(image).save(temporary)


def save_figure(path: str | os.PathLike[str], figure: Figure, dpi: int = 150) -> None:
    """Writes a Matplotlib figure, atomically, in the format of the path's ending.

    Raises:
        UserError: an unknown ending, or it cannot be written.
    """
    with atomic_path(check_ending(path, CHARTS)) as temporary:
        figure.savefig(temporary, dpi=dpi)


def check_ending(path: str | os.PathLike[str], endings: Sequence[str]) -> Path:
    """The path, if it ends in one of ``endings``; call it before the work whose result goes there.

    Raises:
        UserError: it does not.
    """
    if Path(path).suffix.lower() not in endings:
        raise UserError(f"'{path}' names no kind of picture; let it end in {' or '.join(endings)}.")
    return Path(path)


def _to_width(image: np.ndarray, width: int) -> np.ndarray:
    height = round(image.shape[0] * width / image.shape[1])
    # nearest when enlarging: the miniature's pixels should look like pixels, not like fog
    method = cv2.INTER_AREA if width < image.shape[1] else cv2.INTER_NEAREST
    return cv2.resize(image, (width, height), interpolation=method)


def _instance_color(of_class: Color, index: int) -> Color:
    red, green, blue = (channel / 255 for channel in of_class)
    hue, _, saturation = colorsys.rgb_to_hls(red, green, blue)
    lightness = (0.45, 0.6, 0.52, 0.67)[index % 4]  # Cityscapes' own are dark and hide the image
    color = colorsys.hls_to_rgb(hue, lightness, max(saturation, 0.7))
    return tuple(round(255 * channel) for channel in color)  # type: ignore[return-value]


def _write_captions(canvas: np.ndarray, placed: Sequence[tuple[int, int, str]]) -> np.ndarray:
    scale = max(1, _READABLE_WIDTH // canvas.shape[1])
    picture = Image.fromarray(_to_width(canvas, scale * canvas.shape[1]))
    draw, font = ImageDraw.Draw(picture), _font(max(13, picture.height // 60))
    taken: list[tuple[float, float, float, float]] = []
    for x, y, text in placed:
        width, height = draw.textlength(text, font) + 2, font.size + 4
        left, top = min(x * scale, picture.width - width), max(0, y * scale - height)
        box = (left, top, left + width, top + height)
        if not any(_overlap(box, other) for other in taken):
            taken.append(box)
            draw.rectangle(box, fill=(0, 0, 0))
            draw.text((left + 1, top + 1), text, fill=(255, 255, 255), font=font)
    return np.array(picture)  # a copy: Pillow's own memory is read-only, and callers draw on


def _overlap(box: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return box[0] < other[2] and other[0] < box[2] and box[1] < other[3] and other[1] < box[3]


@lru_cache
def _font(size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(Path(matplotlib.get_data_path()) / "fonts/ttf/DejaVuSans.ttf", size)
