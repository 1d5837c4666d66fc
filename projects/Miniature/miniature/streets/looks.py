"""The two looks: what colours things have, and what the camera makes of them.

The real look: washed-out paint, soft shadows, texture, a green-gray cast, haze, a soft lens, noise and vignetting.
The synthetic look: strong colours, hard shadows, smooth faces, a blue-violet cast, high contrast and crisp edges.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from miniature.look import Color, Look, vignette

Palette = Mapping[str, Sequence[float] | np.ndarray]  # colours by role


@dataclass(frozen=True, kw_only=True)
class StreetLook(Look):
    """How a renderer sees a street."""

    name: str
    saturation: float  # of everything painted
    sunlight: float  # further light on faces towards the sun
    shadow: float  # brightness of the ground in a shadow
    shadow_blur: float  # in metres at the shadow's place, roughly
    texture: float  # amplitude of the texture on ground and walls, as a share
    haze: float  # share of the haze's colour at 100 metres
    haze_color: Color
    lift: float  # added to all pixels: black is not black
    gamma: float
    sharpen: float
    grounds: dict[str, Color]
    clothes: tuple[Color, ...]


REAL = StreetLook(
    name="real",
    saturation=0.75,
    ambient=0.6,
    sunlight=0.5,
    shadow=0.62,
    shadow_blur=1.0,
    texture=0.09,
    haze=0.26,
    haze_color=(186, 194, 188),
    gain=(0.99, 1.02, 0.96),
    lift=8.0,
    gamma=0.96,
    blur=0.34,
    sharpen=0.0,
    noise=3.5,
    vignette=0.18,
    grounds={
        "road": (104, 104, 104),
        "walk": (146, 141, 136),
        "kerb": (168, 165, 160),
        "mark": (205, 205, 200),
        "rail": (130, 126, 124),
        "terrain": (104, 118, 78),
        "sky_top": (176, 194, 206),
        "sky_low": (226, 230, 228),
        "far": (136, 148, 134),
    },
    facades=((188, 172, 146), (160, 132, 112), (176, 176, 172), (142, 118, 100), (198, 190, 172), (126, 122, 122)),
    car_paints=(
        (34, 36, 40),
        (70, 74, 80),
        (150, 154, 158),
        (212, 214, 216),
        (44, 58, 96),
        (128, 30, 34),
        (100, 104, 110),
    ),
    clothes=((42, 44, 54), (72, 68, 66), (52, 66, 98), (118, 104, 90), (136, 52, 50), (182, 178, 172), (64, 78, 64)),
)

SYNTHETIC = StreetLook(
    name="synthetic",
    saturation=1.02,
    ambient=0.54,
    sunlight=0.58,
    shadow=0.42,
    shadow_blur=0.0,
    texture=0.0,
    haze=0.2,
    haze_color=(170, 190, 232),
    gain=(1.03, 1.0, 1.07),
    lift=0.0,
    gamma=0.92,
    blur=0.0,
    sharpen=0.35,
    noise=2.0,
    vignette=0.0,
    grounds={
        "road": (86, 86, 98),
        "walk": (182, 164, 158),
        "kerb": (206, 200, 204),
        "mark": (248, 248, 250),
        "rail": (96, 92, 112),
        "terrain": (84, 158, 62),
        "sky_top": (64, 122, 226),
        "sky_low": (176, 208, 250),
        "far": (110, 134, 178),
    },
    facades=((222, 186, 120), (206, 112, 86), (196, 204, 220), (146, 126, 108), (236, 222, 190), (104, 132, 168)),
    car_paints=(
        (206, 28, 36),
        (26, 84, 206),
        (240, 240, 244),
        (242, 186, 26),
        (22, 140, 96),
        (28, 28, 36),
        (176, 184, 200),
        (26, 150, 170),
    ),
    clothes=(
        (200, 44, 52),
        (36, 92, 196),
        (246, 202, 62),
        (40, 150, 112),
        (238, 238, 240),
        (150, 70, 170),
        (40, 40, 52),
    ),
)

LOOKS: dict[str, StreetLook] = {look.name: look for look in (REAL, SYNTHETIC)}

_SKIN: tuple[Color, ...] = ((224, 182, 152), (196, 146, 112), (140, 96, 70), (96, 64, 48))
_HAIR: tuple[Color, ...] = ((40, 30, 26), (92, 64, 42), (176, 140, 86), (120, 116, 112))
#: colours that hardly differ from thing to thing
_FIXED: dict[str, Color] = {
    "window": (52, 64, 76),
    "tire": (28, 28, 30),
    "shade": (38, 38, 42),
    "dark": (36, 36, 40),
    "hub": (150, 152, 156),
    "headlight": (250, 246, 222),
    "taillight": (204, 36, 32),
    "plate": (232, 230, 214),
    "trim": (128, 130, 136),
    "spokes": (112, 114, 118),
    "sign": (250, 190, 60),
    "shoe": (40, 36, 36),
}
_FLEET: dict[str, tuple[Color, ...]] = {  # vehicles that are not painted like cars
    "bus": ((214, 176, 44), (196, 60, 48), (226, 226, 222), (60, 112, 160), (70, 140, 84)),
    "train": ((232, 226, 206), (206, 200, 190), (240, 190, 60), (190, 196, 204)),
    "caravan": ((234, 232, 224), (220, 214, 204)),
}
ACCENTS: tuple[Color, ...] = ((184, 44, 44), (40, 88, 150), (56, 130, 78), (212, 144, 44), (88, 70, 120))


def palette(look: StreetLook, name: str, paint: int) -> Palette:
    """The colours by role of one object, decided by its paint seed."""
    chances = iter(np.random.default_rng(paint).random(24).tolist())  # at once, since this runs for every object

    def pick(choices: tuple[Color, ...]) -> Color:
        red, green, blue = choices[int(next(chances) * len(choices))]
        factor = 0.9 + 0.2 * next(chances)
        return red * factor, green * factor, blue * factor

    body = pick(_FLEET.get(name, look.car_paints))
    top, trousers = pick(look.clothes), pick(look.clothes)
    trousers = tuple(0.7 * value for value in trousers)  # type: ignore[assignment]
    colors = {
        **_FIXED,
        "body": body,
        "frame": pick(ACCENTS + look.car_paints),
        "cargo": pick(((226, 226, 222), (188, 190, 194), *ACCENTS)),
        "logo": pick(ACCENTS),
        "stripe": pick(ACCENTS),
        "bag": pick(look.clothes),
        "skin": pick(_SKIN),
        "hair": pick(_HAIR),
        "helmet": pick(ACCENTS + look.car_paints),
        "top": top,
        "trousers": trousers,
    }
    values = np.array(list(colors.values()))
    gray = values @ (0.3, 0.59, 0.11)
    values = gray[:, None] + look.saturation * (values - gray[:, None])
    return dict(zip(colors, values, strict=True))


def vary(rng: np.random.Generator, color: Color, spread: float = 0.1) -> Color:
    """The colour a little lighter or darker."""
    factor = 1.0 + float(rng.uniform(-spread, spread))
    return color[0] * factor, color[1] * factor, color[2] * factor


def saturate(color: Color, saturation: float) -> Color:
    """0 gives gray, 1 the colour, above 1 a stronger one."""
    gray = 0.3 * color[0] + 0.59 * color[1] + 0.11 * color[2]
    return tuple(gray + saturation * (value - gray) for value in color)  # type: ignore[return-value]


@lru_cache(maxsize=8)
def _vignette(height: int, width: int, strength: float) -> np.ndarray:
    return vignette(height, width, strength, 1.5).astype(np.float32)


def noise_field(rng: np.random.Generator, height: int, width: int, cell: int) -> np.ndarray:
    """Smooth noise with blobs of about ``cell`` pixels: (height, width) float32, mean 0, about -1..1."""
    coarse = rng.random((height // cell + 2, width // cell + 2), dtype=np.float32) * 2 - 1
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)


def develop(image: np.ndarray, look: StreetLook, rng: np.random.Generator) -> np.ndarray:
    """What the look's camera makes of a clean picture.

    Args:
        image: (H, W, 3) uint8, RGB.
        rng: decides exposure and noise.
    """
    height, width = image.shape[:2]
    values: np.ndarray = image.astype(np.float32)
    if look.blur:
        values = cv2.GaussianBlur(values, (0, 0), look.blur * (height / 128) ** 0.5 + 0.1)
    if look.sharpen:
        values += look.sharpen * (values - cv2.GaussianBlur(values, (0, 0), max(0.8, height / 256)))
    exposure = 1.0 + float(rng.uniform(-0.14, 0.14))
    gain = np.array(look.gain, np.float32) * (1 + rng.uniform(-0.03, 0.03, 3)).astype(np.float32) * exposure
    np.clip(values * gain, 0, 255, out=values)
    values = cv2.LUT(values.astype(np.uint8), _gamma_table(look.gamma, look.lift))
    if look.vignette:
        values = values * _vignette(height, width, look.vignette)
    grain = rng.random((height, width, 3), dtype=np.float32) + rng.random((height, width, 1), dtype=np.float32)
    values += look.noise * 2.45 * (grain - 1.0)  # the sum of two uniforms has a deviation of 1 / 2.45
    return np.clip(values, 0, 255, out=values).astype(np.uint8)


@lru_cache(maxsize=8)
def _gamma_table(gamma: float, lift: float) -> np.ndarray:
    return ((np.arange(256) / 255) ** gamma * (255 - lift) + lift).astype(np.float32)
