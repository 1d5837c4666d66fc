"""Persons in several poses, and bicycles and motorcycles with or without their rider."""

from functools import cache

import numpy as np

from miniature.streets.shapes import FACE, Point2, Point3, Shape, ShapeBuilder, circle, rect

POSES = 12  # six phases of a step, each as a slim and a broad person
VARIANTS: dict[str, int] = {"person": POSES, "bicycle": 2, "motorcycle": 2}


def _limb(builder: ShapeBuilder, joints: list[Point2], z: float, role: str, width: float, foot: str = "") -> None:
    builder.line([(x, y, z) for x, y in joints], role, width)
    if foot:
        x, y = joints[-1]
        builder.line([(x - 0.03, y + 0.02, z), (x + 0.16, y + 0.01, z)], foot, 0.1, detail=True)


def _head(builder: ShapeBuilder, x: float, y: float, covering: str, radius: float = 0.125) -> None:
    builder.line([(x, y - 0.22, 0.0), (x, y, 0.0)], "skin", 0.11)
    builder.disc((x, y, 0.0), radius, "skin")
    builder.line([(x - 0.06, y + 0.07, 0.0), (x + 0.03, y + 0.09, 0.0)], covering, 0.15)


@cache
def person(variant: int) -> Shape:
    """A person of 1.75 m; variants differ in pose, build and clothes."""
    builder = ShapeBuilder()
    phase, broad = variant % 6, variant // 6 % 2
    swing = 0.0 if phase == 5 else 0.45 * float(np.sin(2 * np.pi * phase / 5 + 0.6))
    shoulder, hip = (0.23, 0.13) if broad else (0.19, 0.11)
    for side, turn in ((-1.0, -swing), (1.0, swing)):  # arms swing against the legs
        foot = (0.85 * np.sin(turn), 0.04)
        knee = (0.46 * np.sin(turn) + 0.04, 0.48)
        _limb(builder, [(0.0, 0.9), knee, foot], side * hip, "trousers", 0.17, foot="shoe")
        hand = (-0.55 * np.sin(turn), 0.86)
        _limb(builder, [(0.0, 1.4), (-0.28 * np.sin(turn) - 0.03, 1.12), hand], side * (shoulder + 0.06), "top", 0.12)
        builder.disc((hand[0], hand[1] - 0.02, side * (shoulder + 0.06)), 0.055, "skin", detail=True)
    if phase == 2:  # a skirt or a long coat
        coat = [(0.0, 1.0, -hip), (0.0, 1.0, hip), (0.0, 0.55, hip + 0.1), (0.0, 0.55, -hip - 0.1)]
        builder.add(FACE, coat, "top")
        builder.line([(0.0, 0.95, 0.0), (0.0, 0.62, 0.0)], "top", 0.3)
    for side in (-1.0, 1.0):  # two strokes make the chest broad from the front and slim from the side
        builder.line([(0.0, 1.36, side * (shoulder - 0.1)), (0.0, 0.92, side * (hip - 0.06))], "top", 0.25)
    builder.line([(0.0, 1.36, 0.0), (0.0, 0.9, 0.0)], "top", 0.24)
    if variant % 4 == 1:
        builder.line([(-0.18, 1.32, 0.0), (-0.18, 1.05, 0.0)], "bag", 0.24)
    _head(builder, 0.0, 1.62, "hair")
    return builder.build()


def _wheel(builder: ShapeBuilder, x: float, radius: float, tire: float) -> None:
    disc = [(px, py, 0.0) for px, py in circle(x, radius, radius)]
    builder.add(FACE, disc, "spokes")
    builder.line([*disc, disc[0]], "tire", tire)
    # From the front a wheel is a bar as wide as its tire.
    builder.line([(x, 0.03, 0.0), (x, 2 * radius - 0.03, 0.0)], "tire", 0.8 * tire)


def _bicycle_frame(builder: ShapeBuilder) -> None:
    _wheel(builder, -0.52, 0.34, 0.06)
    _wheel(builder, 0.52, 0.34, 0.06)
    seat, pedals, head, hub = (-0.2, 0.85, 0.0), (-0.05, 0.3, 0.0), (0.36, 0.82, 0.0), (-0.52, 0.34, 0.0)
    builder.line([hub, pedals, head, seat, hub], "frame", 0.06)
    builder.line([pedals, seat], "frame", 0.06)
    builder.line([(0.52, 0.34, 0.0), head, (0.33, 1.0, 0.0)], "frame", 0.06)
    builder.line([(0.3, 1.0, -0.27), (0.36, 1.02, 0.0), (0.3, 1.0, 0.27)], "dark", 0.05)
    builder.line([(-0.32, 0.92, 0.0), (-0.1, 0.92, 0.0)], "dark", 0.1)


def _motorcycle_body(builder: ShapeBuilder) -> None:
    _wheel(builder, -0.68, 0.32, 0.16)
    _wheel(builder, 0.7, 0.32, 0.15)
    builder.line([(-0.68, 0.32, 0.0), (-0.1, 0.42, 0.0), (0.4, 0.5, 0.0)], "dark", 0.26)
    builder.line([(0.7, 0.32, 0.0), (0.5, 0.75, 0.0), (0.42, 1.02, 0.0)], "trim", 0.09)
    builder.line([(-0.55, 0.3, 0.14), (0.0, 0.28, 0.14)], "trim", 0.1)
    for z in (-0.08, 0.08):
        builder.line([(-0.75, 0.78, z), (-0.15, 0.72, z)], "dark", 0.16)
        builder.line([(-0.1, 0.72, z), (0.42, 0.8, z)], "frame", 0.28)
        builder.line([(0.42, 0.72, z), (0.52, 0.95, z)], "frame", 0.2)
    builder.line([(0.4, 1.05, -0.36), (0.46, 1.06, 0.0), (0.4, 1.05, 0.36)], "dark", 0.07)
    builder.disc((0.62, 0.88, 0.0), 0.1, "headlight")
    builder.disc((-0.82, 0.78, 0.0), 0.07, "taillight")


def _rider(builder: ShapeBuilder, seat: Point2, grip: Point2, pedals: tuple[Point2, Point2], lean: float) -> None:
    shoulder = (seat[0] + lean, seat[1] + 0.52)
    elbow = ((shoulder[0] + grip[0]) / 2, (shoulder[1] + grip[1]) / 2 - 0.1)
    for side, pedal in ((-1.0, pedals[0]), (1.0, pedals[1])):
        knee = ((seat[0] + pedal[0]) / 2 + 0.24, (seat[1] + pedal[1]) / 2 + 0.12)
        _limb(builder, [seat, knee, pedal], side * 0.12, "trousers", 0.17, foot="shoe")
        _limb(builder, [shoulder, elbow, grip], side * 0.24, "top", 0.12)
    for side in (-1.0, 1.0):
        hip: Point3 = (seat[0], seat[1] + 0.04, side * 0.05)
        builder.line([hip, (shoulder[0], shoulder[1], side * 0.12)], "top", 0.26)
    _head(builder, shoulder[0] + 0.08, shoulder[1] + 0.26, "helmet", 0.135)


@cache
def two_wheeler(name: str, variant: int, ridden: bool) -> Shape:
    """A 'bicycle' or 'motorcycle'; its rider, where there is one, is the shape's entity 1."""
    builder = ShapeBuilder()
    bicycle = name == "bicycle"
    (_bicycle_frame if bicycle else _motorcycle_body)(builder)
    if bicycle and variant % 2:
        builder.on_sides(rect(0.5, 0.75, 0.72, 0.95), "bag", 0.12, detail=False)
    if ridden:
        builder.entity = 1
        if bicycle:
            pedals = ((0.05, 0.14), (-0.12, 0.44)) if variant % 2 else ((-0.1, 0.13), (0.06, 0.42))
            _rider(builder, (-0.2, 0.98), (0.3, 1.02), pedals, 0.22 if variant % 2 else 0.1)
        else:
            _rider(builder, (-0.3, 0.85), (0.36, 1.06), ((0.02, 0.3), (0.02, 0.3)), 0.16)
    return builder.build()
