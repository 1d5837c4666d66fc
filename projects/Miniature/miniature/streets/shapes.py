"""Shapes as lists of simple parts in metres, and how they become pixels.

A shape's own axes: x forward, y up from the ground, z to its right.

Shape legend: P points of a shape, M parts of it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import cv2
import numpy as np

from miniature.camera import NEAR, Camera, axes
from miniature.draw import corners

Point2 = tuple[float, float]
Point3 = tuple[float, float, float]

FACE, LINE, DISC = range(3)  # a filled polygon; a stroke; a disc that always faces the camera


@dataclass(frozen=True)
class Shape:
    """A shape in its own axes, ready to be placed many times."""

    points: np.ndarray  # (P, 3)
    bounds: tuple[tuple[int, int], ...]  # M x (first point, end)
    kinds: tuple[int, ...]  # M of FACE, LINE, DISC
    roles: tuple[str, ...]  # M names of colours
    widths: np.ndarray  # (M,) metres, of strokes and discs (their radius)
    normals: np.ndarray  # (M, 3); zero: seen from both sides, not shaded
    two_sided: np.ndarray  # (M,) bool: no normal
    centers: np.ndarray  # (M, 3)
    groups: np.ndarray  # (M,) parts of one group are drawn in their order, groups from far to near
    entities: np.ndarray  # (M,) 0, or 1 for the rider of a vehicle
    details: np.ndarray  # (M,) bool: left out where the shape is only a few pixels high
    size: Point3  # length, height, width of the whole


@dataclass
class ShapeBuilder:
    """Collects parts; ``group`` and ``entity`` hold for the parts that follow."""

    group: int = 0
    entity: int = 0
    parts: list[tuple] = field(default_factory=list)

    def add(
        self,
        kind: int,
        points: Sequence[Point3],
        role: str,
        width: float = 0.0,
        normal: Point3 = (0.0, 0.0, 0.0),
        detail: bool = False,
    ) -> None:
        """One part of any kind."""
        self.parts.append((kind, points, role, width, normal, detail, self.group, self.entity))

    def line(self, points: Sequence[Point3], role: str, width: float, detail: bool = False) -> None:
        """A stroke of this width in metres."""
        self.add(LINE, points, role, width, detail=detail)

    def disc(self, center: Point3, radius: float, role: str, detail: bool = False) -> None:
        """A disc that faces the camera."""
        self.add(DISC, [center], role, radius, detail=detail)

    def prism(self, profile: Sequence[Point2], half_widths: Sequence[float], roles: Sequence[str], side: str) -> None:
        """A side view, given from the rear's foot over the roof to the front's foot, pulled out to both sides.

        Args:
            profile: K points (x, y).
            half_widths: K distances from the middle plane.
            roles: K - 1 colours of the strips between the points.
            side: the colour of both sides.
        """
        for (x0, y0), (x1, y1), z0, z1, role in zip(
            profile, profile[1:], half_widths, half_widths[1:], roles, strict=False
        ):
            length = float(np.hypot(x1 - x0, y1 - y0))
            normal = (-(y1 - y0) / length, (x1 - x0) / length, 0.0)
            self.add(FACE, [(x0, y0, -z0), (x0, y0, z0), (x1, y1, z1), (x1, y1, -z1)], role, normal=normal)
        for sign in (-1.0, 1.0):
            face = [(x, y, sign * z) for (x, y), z in zip(profile, half_widths, strict=True)]
            self.add(FACE, face, side, normal=(0.0, 0.0, sign))

    def box(self, x: Point2, y: Point2, half_width: float, role: str) -> None:
        """A box without a floor."""
        profile = [(x[0], y[0]), (x[0], y[1]), (x[1], y[1]), (x[1], y[0])]
        self.prism(profile, [half_width] * 4, [role] * 3, role)

    def on_sides(
        self, polygon: Sequence[Point2], role: str, depth: float | Callable[[float], float], detail: bool = True
    ) -> None:
        """A polygon (x, y) painted on both sides, at this distance from the middle plane (or a function of y)."""
        for sign in (-1.0, 1.0):
            face = [(x, y, sign * (depth(y) if callable(depth) else depth)) for x, y in polygon]
            self.add(FACE, face, role, normal=(0.0, 0.0, sign), detail=detail)

    def on_end(self, x: float, polygon: Sequence[Point2], role: str, detail: bool = True, mirror: bool = False) -> None:
        """A polygon (z, y) painted on the front (x > 0) or the rear; mirrored: also on its other half."""
        for sign in (1.0, -1.0) if mirror else (1.0,):
            face = [(x, y, sign * z) for z, y in polygon]
            self.add(FACE, face, role, normal=(float(np.sign(x)), 0.0, 0.0), detail=detail)

    def build(self) -> Shape:
        """The finished shape."""
        kinds, points, roles, widths, normals, details, groups, entities = zip(*self.parts, strict=True)
        ends = np.cumsum([len(part) for part in points]).tolist()
        stacked = np.array([point for part in points for point in part], dtype=np.float64)
        low, high = stacked.min(axis=0), stacked.max(axis=0)
        return Shape(
            points=stacked,
            bounds=tuple(zip([0, *ends[:-1]], ends, strict=True)),
            kinds=kinds,
            roles=roles,
            widths=np.array(widths),
            normals=np.array(normals),
            two_sided=np.array([not any(normal) for normal in normals]),
            centers=np.array([np.mean(part, axis=0) for part in points]),
            groups=np.array(groups),
            entities=np.array(entities),
            details=np.array(details),
            size=(float(high[0] - low[0]), float(high[1]), float(high[2] - low[2])),
        )


def rect(a0: float, a1: float, b0: float, b1: float) -> list[Point2]:
    """A rectangle as a polygon."""
    return [(a0, b0), (a0, b1), (a1, b1), (a1, b0)]


def circle(x: float, y: float, radius: float, corners: int = 14) -> list[Point2]:
    """A regular polygon."""
    angles = np.linspace(0, 2 * np.pi, corners, endpoint=False)
    return [(x + radius * float(np.cos(a)), y + radius * float(np.sin(a))) for a in angles]


@dataclass(frozen=True)
class Placed:
    """A shape at its place before the camera: which parts are seen, in drawing order, and where (pixels)."""

    shape: Shape
    order: tuple[int, ...]  # the visible parts, from far to near
    pixels: np.ndarray  # (P, 2) float
    scales: np.ndarray  # (P,) pixels per metre
    normals: np.ndarray  # (M, 3) in the world


def place(shape: Shape, position: Point3, heading: float, size: float, camera: Camera) -> Placed:
    """Puts a shape into the world.

    Args:
        position: X, Y, Z of its middle on the ground, in metres.
        heading: radians (:func:`miniature.camera.axes`).
        size: 1 for the shape's own size.
    """
    own, offset = axes(heading), np.array(position)
    points, centers = shape.points @ (own * size) + offset, shape.centers @ (own * size) + offset
    normals = shape.normals @ own
    seen = centers - camera.position
    visible = (np.einsum("md,md->m", normals, seen) < 0) | shape.two_sided
    pixels, scales = camera.project(points)
    if camera.focal / max(offset[2], NEAR) * shape.size[1] * size < 9:
        visible &= ~shape.details
    order: np.ndarray = np.arange(len(visible))
    if shape.groups.any():
        distance = np.bincount(shape.groups, (seen**2).sum(axis=1)) / np.bincount(shape.groups)
        order = np.argsort(-distance[shape.groups], kind="stable")
    return Placed(shape, tuple(order[visible[order]].tolist()), pixels, scales * size, normals)


def paint(
    canvas: np.ndarray, placed: Placed, colors: Sequence[tuple], offset: Point2 = (0, 0), factor: int = 1
) -> None:
    """Draws the visible parts.

    Args:
        canvas: (H, W) or (H, W, C) uint8, changed in place.
        colors: M tuples of C numbers; an empty one leaves the part out.
        offset: the canvas's first column and row, in pixels before ``factor``.
        factor: how much finer the canvas is than the camera's pixels.
    """
    shape = placed.shape
    points = corners((placed.pixels - offset) * factor - 0.5)
    for part in placed.order:
        color = colors[part]
        if not color:
            continue
        first, end = shape.bounds[part]
        if shape.kinds[part] == FACE:
            cv2.fillPoly(canvas, [points[first:end]], color)
            continue
        width = shape.widths[part] * placed.scales[first] * factor
        if shape.kinds[part] == LINE:
            cv2.polylines(canvas, [points[first:end]], False, color, max(1, round(width)))
        else:
            cv2.circle(canvas, points[first].tolist(), max(1, round(width)), color, -1)
