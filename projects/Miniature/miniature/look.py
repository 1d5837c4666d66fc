"""What both miniatures know of a look: how a camera sees the world."""

from dataclasses import dataclass

import numpy as np

Color = tuple[float, float, float]


@dataclass(frozen=True, kw_only=True)
class Look:
    """A renderer's way to see the world, to which each miniature adds what it alone paints; colours are RGB 0..255."""

    car_paints: tuple[Color, ...]
    facades: tuple[Color, ...]
    ambient: float  # light on faces away from the sun
    gain: Color  # colour cast
    blur: float  # of the lens, in pixels (streets: at 128 rows)
    noise: float  # standard deviation, grey levels
    vignette: float  # darkening of the corners


def vignette(height: int, width: int, strength: float, power: float = 1.0) -> np.ndarray:
    """(H, W, 1) float64, the share of light that reaches each pixel: 1 in the middle, 1 - strength in the corners.

    Args:
        power: 1 darkens with the square of the distance; larger ones leave the middle brighter.
    """
    y, x = np.linspace(-1, 1, height)[:, None], np.linspace(-1, 1, width)[None]
    return (1 - strength * ((x * x + y * y) / 2) ** power)[..., None]
