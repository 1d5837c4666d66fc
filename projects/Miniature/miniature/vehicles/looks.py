"""The looks of the vehicles' frames: twelve real scenes, and the venues and lightings of the synthetic ones.

The real look is dull, noisy, vignetted and cluttered; the synthetic one clean, saturated and evenly lit.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from miniature.camera import Camera
from miniature.draw import corners
from miniature.look import Color, Look, vignette


@dataclass(frozen=True, kw_only=True)
class VehicleLook(Look):
    """Everything in which two groups of frames differ to the eye."""

    sky: tuple[Color, Color]  # at the top and at the horizon
    road: Color
    verge: Color
    light: tuple[float, float, float]  # direction to the light: right, up, ahead
    gloss: float  # how much the windows mirror the sky
    shadow: float  # darkness under the cars
    camera_height: tuple[float, float]  # metres, from .. to
    styles: tuple[str, ...] = ()  # () is all


_PARTS: dict[str, Color] = {
    "tyre": (24, 24, 26),
    "rim": (150, 152, 156),
    "headlight": (252, 246, 214),
    "taillight": (214, 26, 22),
    "plate": (232, 230, 214),
    "grille": (36, 37, 40),
    "exhaust": (60, 58, 56),
}
_REAL_PAINTS = (
    (196, 196, 192),
    (58, 60, 64),
    (128, 130, 132),
    (108, 40, 38),
    (48, 62, 92),
    (150, 140, 118),
    (70, 86, 74),
)
_SYNTHETIC_PAINTS = ((235, 238, 242), (22, 24, 30), (205, 32, 40), (28, 84, 205), (240, 190, 30), (30, 150, 90))


def real_look(group: int) -> VehicleLook:
    """The look of one real scene; scenes differ in light, street and camera."""
    generator = np.random.default_rng((7, group))
    warmth = generator.uniform(-0.06, 0.06)
    grey = generator.uniform(88, 120)
    return VehicleLook(
        car_paints=_REAL_PAINTS,
        sky=((168, 176, 184), (206, 206, 200)),
        road=(grey, grey, grey - 2),
        verge=tuple(generator.uniform((84, 88, 70), (128, 122, 104))),
        facades=((132, 104, 90), (150, 142, 130), (104, 98, 96), (120, 124, 112)),
        light=(float(generator.uniform(-0.8, 0.8)), 1.0, -0.4),
        ambient=0.62,
        gloss=0.25,
        shadow=0.38,
        gain=(0.97 + warmth, 0.96, 0.93 - warmth),
        noise=5.0,
        blur=0.55,
        vignette=0.35,
        camera_height=(1.7, 3.2),
    )


VENUES: dict[str, tuple[Color, Color, tuple[Color, ...]]] = {
    "avenue": ((74, 76, 84), (150, 152, 158), ((70, 92, 120), (94, 118, 146), (58, 72, 98))),
    "plaza": ((128, 122, 116), (178, 168, 150), ((214, 186, 150), (186, 142, 110), (226, 208, 180))),
    "harbour": ((88, 94, 98), (96, 132, 150), ((168, 62, 50), (58, 110, 138), (220, 196, 120))),
    "park": ((96, 98, 98), (64, 140, 66), ((52, 116, 58), (74, 138, 66), (150, 118, 90))),
}
#: Sky at the top and at the horizon, ambient light, tint.
LIGHTINGS: dict[str, tuple[Color, Color, float, Color]] = {
    "noon": ((58, 130, 226), (186, 218, 246), 0.55, (1.05, 1.05, 1.05)),
    "dusk": ((74, 62, 128), (248, 164, 96), 0.50, (1.06, 0.92, 0.84)),
    "overcast": ((150, 162, 178), (198, 206, 214), 0.78, (0.98, 1.0, 1.03)),
}


def synthetic_look(venue: str, lighting: str) -> VehicleLook:
    """The look of one rendered venue under one lighting."""
    road, verge, buildings = VENUES[venue]
    top, horizon, ambient, tint = LIGHTINGS[lighting]
    return VehicleLook(
        car_paints=_SYNTHETIC_PAINTS,
        sky=(top, horizon),
        road=road,
        verge=verge,
        facades=buildings,
        light=(0.6, 1.0, -0.7),
        ambient=ambient,
        gloss=0.7,
        shadow=0.6,
        gain=tint,
        noise=0.0,
        blur=0.0,
        vignette=0.0,
        camera_height=(1.7, 4.5),
        styles=("sedan", "hatchback", "suv", "coupe"),
    )


def shade(look: VehicleLook, part: str, paint: np.ndarray, normal: np.ndarray) -> tuple[float, ...]:
    """The colour of a face: its part's, lit from the look's light.

    Args:
        paint: (3,) RGB of the bodywork.
        normal: (3,) in world coordinates.
    """
    light = np.array(look.light) / np.linalg.norm(look.light)
    strength = look.ambient + (1 - look.ambient) * max(0.0, float(normal @ light)) * 1.6
    if part == "glass":
        color = np.array((34, 42, 54)) + look.gloss * 0.45 * max(0.15, normal[1]) * np.array(look.sky[1])
    else:
        color = paint if part == "paint" else np.array(_PARTS[part])
    if part in ("headlight", "taillight"):
        strength = max(strength, 0.9)
    return tuple(np.clip(color * strength, 0, 255).tolist())


def paint_background(
    look: VehicleLook, generator: np.random.Generator, camera: Camera, height: int, width: int, scale: int
) -> np.ndarray:
    """(height, width, 3) uint8: sky, buildings, verge, road with lane marks."""
    horizon = int(np.clip(round(camera.horizon * scale), 0.08 * height, 0.6 * height))
    rise = np.linspace(0, 1, horizon)[:, None, None]
    canvas = np.empty((height, width, 3), dtype=np.uint8)
    canvas[:horizon] = np.array(look.sky[0]) * (1 - rise) + np.array(look.sky[1]) * rise
    canvas[horizon:] = look.verge
    _paint_buildings(canvas, look, generator, horizon)
    half = generator.uniform(5.5, 8.5)
    _paint_road(canvas, look, camera, scale, half)
    if look.noise:  # asphalt and dirt: slow stains
        coarse = generator.normal(0, 7, (height // 24 + 1, width // 24 + 1)).astype(np.float32)
        stains = np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC))[..., None]
        canvas = np.clip(canvas + stains, 0, 255).astype(np.uint8)
    return canvas


def _paint_buildings(canvas: np.ndarray, look: VehicleLook, generator: np.random.Generator, horizon: int) -> None:
    width = canvas.shape[1]
    x = 0
    while x < width:
        span = int(generator.uniform(0.06, 0.2) * width)
        top = int(horizon * generator.uniform(0.0, 0.75))
        color = np.array(look.facades[generator.integers(len(look.facades))]) * generator.uniform(0.85, 1.1)
        cv2.rectangle(canvas, (x, top), (x + span, horizon + 6), tuple(np.clip(color, 0, 255).tolist()), -1)
        step = max(9, span // 5)
        for row in range(top + 6, horizon - 4, step):
            for column in range(x + 5, x + span - 5, step):
                dark = tuple((color * generator.choice((0.55, 0.7, 1.25))).clip(0, 255).tolist())
                cv2.rectangle(canvas, (column, row), (column + step // 2, row + step // 2), dark, -1)
        x += span


def _paint_road(canvas: np.ndarray, look: VehicleLook, camera: Camera, scale: int, half: float) -> None:
    def fill(outline: list[tuple[float, float]], color: Color) -> None:
        world = np.array([(right, 0.0, ahead) for right, ahead in outline])
        cv2.fillPoly(canvas, [corners(camera.project(world)[0] * scale)], color, lineType=cv2.LINE_AA)

    near, far = 1.5, 90.0
    fill([(-half - 0.3, near), (half + 0.3, near), (half + 0.3, far), (-half - 0.3, far)], (186, 184, 178))
    fill([(-half, near), (half, near), (half, far), (-half, far)], look.road)
    for ahead in np.arange(2.0, 60.0, 5.0).tolist():
        fill([(-0.08, ahead), (0.08, ahead), (0.08, ahead + 2.4), (-0.08, ahead + 2.4)], (226, 224, 214))


def finish(look: VehicleLook, generator: np.random.Generator, image: np.ndarray) -> np.ndarray:
    """Tint, blur, vignette and noise of the finished (H, W, 3) uint8 image."""
    height, width = image.shape[:2]
    result: np.ndarray = image.astype(np.float32) * np.array(look.gain, dtype=np.float32)
    if look.blur:
        result = np.asarray(cv2.GaussianBlur(result, (0, 0), look.blur))
    if look.vignette:
        result *= vignette(height, width, look.vignette)
    if look.noise:
        result *= generator.uniform(0.85, 1.1)
        result += generator.normal(0, look.noise, (height, width, 1)) + generator.normal(0, 2, result.shape)
    return np.clip(result, 0, 255).astype(np.uint8)
