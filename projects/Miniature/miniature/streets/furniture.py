"""Street furniture: trees, lamps, signs and traffic lights."""

from functools import lru_cache

import numpy as np

from miniature.look import Color
from miniature.streets.looks import StreetLook, saturate
from miniature.streets.shapes import FACE, Shape, ShapeBuilder

POLE, LIGHT, SIGN, VEGETATION = 17, 19, 20, 21
#: label ids of a piece of furniture's entities 0 and 1
FURNITURE_LABELS = {
    "tree": (VEGETATION, VEGETATION),
    "lamp": (POLE, POLE),
    "sign": (POLE, SIGN),
    "light": (POLE, LIGHT),
}


@lru_cache(maxsize=256)
def furniture(kind: str, height: float, variant: int) -> Shape:
    """A tree, lamp, sign or traffic light; entity 1 is the sign or the light."""
    builder = ShapeBuilder()
    return _FURNITURE[kind](builder, height, variant)


def _tree(builder: ShapeBuilder, height: float, variant: int) -> Shape:
    rng = np.random.default_rng(variant)
    builder.line([(0, 0, 0), (0.05, 0.55 * height, 0)], "trunk", 0.28)
    for index, role in enumerate(["leaf_dark"] * 5 + ["leaf"] * 7 + ["leaf_light"] * 5):
        radius = height * (0.2 if index < 5 else 0.15 if index < 12 else 0.08)
        across, along = rng.normal(0, 0.13, 2) * height
        rise = 0.05 * (index >= 12)
        builder.disc((float(along), height * float(rng.uniform(0.5, 0.85) + rise), float(across)), radius, role)
    return builder.build()


def _lamp(builder: ShapeBuilder, height: float, _: int) -> Shape:
    builder.line([(0, 0, 0), (0, height, 0), (0, height + 0.25, 1.4)], "pole", 0.14)
    builder.line([(0, height + 0.22, 1.2), (0, height + 0.26, 1.8)], "glass", 0.2)
    return builder.build()


def _sign(builder: ShapeBuilder, height: float, variant: int) -> Shape:
    builder.line([(0, 0, 0), (0, height, 0)], "pole", 0.09)
    builder.entity = 1
    if variant % 2:
        builder.disc((0.0, height, 0.0), 0.36, "sign_edge")
        builder.disc((0.0, height, 0.0), 0.25, "sign_face")
    else:
        top, low = height + 0.4, height - 0.3
        builder.add(FACE, [(0, low, -0.36), (0, top, -0.36), (0, top, 0.36), (0, low, 0.36)], "sign_blue")
        builder.add(
            FACE,
            [(0, low + 0.12, -0.1), (0, top - 0.12, -0.1), (0, top - 0.12, 0.1), (0, low + 0.12, 0.1)],
            "sign_face",
        )
    return builder.build()


def _light(builder: ShapeBuilder, height: float, variant: int) -> Shape:
    builder.line([(0, 0, 0), (0, height, 0)], "pole", 0.12)
    builder.entity = 1
    builder.line([(0, height - 0.9, 0), (0, height, 0)], "box", 0.4)
    for index, role in enumerate(("green", "amber", "red")):
        lit = variant % 3 == index
        builder.disc((0.0, height - 0.8 + 0.36 * index, 0.0), 0.13, role if lit else "off")
    return builder.build()


_FURNITURE = {"tree": _tree, "lamp": _lamp, "sign": _sign, "light": _light}

_FURNITURE_COLORS: dict[str, Color] = {
    "trunk": (92, 74, 58),
    "leaf_dark": (44, 74, 38),
    "leaf": (68, 104, 50),
    "leaf_light": (102, 138, 70),
    "pole": (120, 124, 128),
    "glass": (226, 226, 214),
    "sign_edge": (206, 34, 34),
    "sign_face": (240, 240, 240),
    "sign_blue": (30, 72, 168),
    "box": (34, 36, 34),
    "off": (62, 60, 54),
    "red": (240, 50, 40),
    "amber": (246, 176, 40),
    "green": (50, 220, 120),
}


def furniture_colors(look: StreetLook, paint: int) -> dict[str, Color]:
    """The colours by role; leaves differ from tree to tree."""
    rng = np.random.default_rng(paint)
    season = float(rng.uniform(0.9, 1.25))
    colors = {role: saturate(color, look.saturation) for role, color in _FURNITURE_COLORS.items()}
    for role in ("leaf_dark", "leaf", "leaf_light"):
        red, green, blue = colors[role]
        colors[role] = (red * season, green, blue)
    return colors
