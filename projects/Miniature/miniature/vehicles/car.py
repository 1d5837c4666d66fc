"""A parametric car in three dimensions: its 24 points and its faces.

Car coordinates in metres: x forward, y to the car's left, z up; the origin lies on the ground below the car's middle.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from vehicle_keypoints.schemas import CITYSAMPLE

#: Length, width, height, belt height, and along the length as shares of it (0.5 is the front bumper): windshield base,
#: roof front, roof back, rear window base; then the height of the tail.
STYLES: dict[str, tuple[float, ...]] = {
    "sedan": (4.6, 1.80, 1.45, 0.92, 0.20, 0.04, -0.20, -0.35, 0.88),
    "hatchback": (4.0, 1.75, 1.50, 0.93, 0.21, 0.06, -0.36, -0.46, 0.90),
    "suv": (4.7, 1.90, 1.75, 1.05, 0.21, 0.08, -0.40, -0.47, 1.02),
    "van": (5.0, 1.95, 2.00, 1.12, 0.34, 0.22, -0.46, -0.49, 1.08),
    "coupe": (4.4, 1.82, 1.32, 0.88, 0.16, -0.02, -0.18, -0.40, 0.86),
}
_SILL, _NOSE, _WHEEL = 0.32, 0.70, 0.33  # heights of the sill and of the bonnet's front edge; the wheels' radius
_AXLE = 0.30  # the axles' place along the length
_GLASS_BASE, _GLASS_ROOF = 0.46, 0.37  # half widths of the cabin at the belt and at the roof, as shares of the width


@dataclass(frozen=True)
class Face:
    """A flat part of the surface, seen from the side its normal points to."""

    corners: np.ndarray  # (n, 3) metres
    normal: np.ndarray  # (3,)
    part: str  # 'paint', 'glass', 'tyre', 'rim', 'headlight', 'taillight', 'plate', 'grille', 'exhaust'
    layer: int  # later layers are drawn over earlier ones: body, then wheels and lamps, then cabin, then glass


@dataclass(frozen=True)
class Car:
    """One car's shape."""

    points: np.ndarray  # (24, 3) metres, in CitySample's order
    normals: tuple[np.ndarray, ...]  # per point (m, 3): it can be seen when one of these faces the camera
    faces: tuple[Face, ...]


def make_car(style: str, generator: np.random.Generator) -> Car:
    """A car of a style with its proportions varied by some per cent."""
    length, width, height, belt, *rest = np.array(STYLES[style]) * generator.uniform(0.96, 1.04, 9)
    shares, tail = rest[:4], rest[4]
    base, roof_front, roof_back, rear = (share * length for share in shares)
    size = np.array([length, width, height])
    profile = _profile(length, belt, base, rear, tail)
    points = _points(size, belt, base, roof_front, roof_back, rear, tail)
    faces = [*_body(profile, width), *_wheels(length, width), *_lamps(length, width, tail)]
    faces += _cabin(size, belt, base, roof_front, roof_back, rear)
    return Car(points, _NORMALS, tuple(faces))


def _profile(length: float, belt: float, base: float, rear: float, tail: float) -> np.ndarray:
    """(6, 2) x and z of the body's outline seen from the side, from the front sill over the top to the rear sill."""
    front, back = length / 2, -length / 2
    return np.array([(front, _SILL), (front, _NOSE), (base, belt), (rear, belt), (back, tail), (back, _SILL + 0.05)])


def _points(
    size: np.ndarray, belt: float, base: float, roof_front: float, roof_back: float, rear: float, tail: float
) -> np.ndarray:
    """(24, 3) in CitySample's order, from the right-hand or middle position of each part mirrored by its name."""
    length, width, height = size
    right: dict[str, tuple[float, float, float]] = {
        "front_wheel": (_AXLE * length, width / 2, _WHEEL),
        "back_wheel": (-_AXLE * length, width / 2, _WHEEL),
        "front_headlight": (length / 2, 0.40 * width, _NOSE - 0.08),
        "back_headlight": (-length / 2, 0.40 * width, tail - 0.15),
        "front_top": (roof_front, _GLASS_ROOF * width, height),
        "back_top": (roof_back, _GLASS_ROOF * width, height),
        "side_mirror": (base - 0.1, width / 2 + 0.12, belt + 0.06),
        "front_bumper_corner": (length / 2, width / 2, _SILL + 0.1),
        "rear_bumper_corner": (-length / 2, width / 2, _SILL + 0.1),
        "windshield_bottom": (base, _GLASS_BASE * width, belt),
        "rear_window_bottom": (rear, _GLASS_BASE * width, belt),
    }
    middle = {"exhaust": (-length / 2, -0.22 * width, _SILL + 0.03), "centre": (0.0, 0.0, height / 2)}
    points = []
    for name in CITYSAMPLE.points:
        if name in middle:
            points.append(middle[name])
            continue
        words = name.split("_")
        x, y, z = right["_".join(word for word in words if word not in ("left", "right"))]
        points.append((x, y if "left" in words else -y, z))
    return np.array(points)


def _seen_from(name: str) -> np.ndarray:
    """The directions (m, 3) from which a point lies on the outline or on a visible face."""
    side = np.array([0.0, 1.0 if "left" in name else -1.0, 0.0])
    front, back, up = np.eye(3)[0], -np.eye(3)[0], np.eye(3)[2]
    table = {
        "wheel": [side],
        "front_headlight": [front],
        "back_headlight": [back],
        "exhaust": [back],
        "front_top": [side, front, up],
        "back_top": [side, back, up],
        "centre": [],
        "mirror": [side],
        "front_bumper": [side, front],
        "rear_bumper": [side, back],
        "windshield": [side * 0.5 + front * 0.87],
        "rear_window": [side * 0.5 + back * 0.87],
    }
    plain = name.replace("left_", "").replace("right_", "")
    return np.array(next(value for key, value in table.items() if key in plain)).reshape(-1, 3)


_NORMALS = tuple(_seen_from(name) for name in CITYSAMPLE.points)


def _quad(corners: list[tuple[float, float, float]], outward: np.ndarray, part: str, layer: int) -> Face:
    array = np.array(corners, dtype=float)
    normal = np.cross(array[1] - array[0], array[2] - array[0])
    normal /= np.linalg.norm(normal)
    return Face(array, normal if normal @ outward > 0 else -normal, part, layer)


def _body(profile: np.ndarray, width: float) -> list[Face]:
    """The sides, and the strips between neighbouring points of the outline."""
    half = width / 2
    faces = []
    for sign in (1.0, -1.0):
        corners = np.column_stack([profile[:, 0], np.full(len(profile), sign * half), profile[:, 1]])
        faces.append(Face(corners, np.array([0.0, sign, 0.0]), "paint", 0))
    middle = np.array([0.0, 0.0, 0.5])
    for (x0, z0), (x1, z1) in pairwise(profile.tolist()):
        strip = [(x0, half, z0), (x0, -half, z0), (x1, -half, z1), (x1, half, z1)]
        faces.append(_quad(strip, np.array(strip).mean(axis=0) - middle, "paint", 0))
    return faces


def _wheels(length: float, width: float) -> list[Face]:
    angles = np.linspace(0, 2 * np.pi, 20, endpoint=False)
    faces = []
    for x in (_AXLE * length, -_AXLE * length):
        for sign in (1.0, -1.0):
            for radius, part, layer in ((_WHEEL, "tyre", 1), (0.6 * _WHEEL, "rim", 2)):
                ring = np.column_stack([np.cos(angles), np.zeros(20), np.sin(angles)]) * radius
                place = np.array([x, sign * (width / 2 + 0.01), _WHEEL])
                faces.append(Face(ring + place, np.array([0.0, sign, 0.0]), part, layer))
    return faces


def _lamps(length: float, width: float, tail: float) -> list[Face]:
    """Lamps, plates, grille and exhaust: what tells front from back."""
    front, back = np.array([1.0, 0, 0]), np.array([-1.0, 0, 0])
    at_front, at_back = length / 2 + 0.01, -length / 2 - 0.01
    rows = [
        (at_front, (-0.24, 0.24), (_SILL + 0.08, _NOSE - 0.06), "grille", front),
        (at_front, (-0.14, 0.14), (_SILL + 0.05, _SILL + 0.15), "plate", front),
        (at_back, (-0.15, 0.15), (tail - 0.30, tail - 0.18), "plate", back),
        (at_back, (-0.27, -0.17), (_SILL - 0.02, _SILL + 0.08), "exhaust", back),
    ]
    for low, high in ((0.28, 0.49), (-0.49, -0.28)):
        rows.append((at_front, (low, high), (_NOSE - 0.17, _NOSE - 0.01), "headlight", front))
        rows.append((at_back, (low, high), (tail - 0.26, tail - 0.04), "taillight", back))
    faces = []
    for x, (y0, y1), (z0, z1), part, normal in rows:
        corners = [(x, y0 * width, z0), (x, y1 * width, z0), (x, y1 * width, z1), (x, y0 * width, z1)]
        faces.append(_quad(corners, normal, part, 1))
    for sign in (1.0, -1.0):  # lamps reach round the corners
        y, normal = sign * (width / 2 + 0.01), np.array([0.0, sign, 0.0])
        for x0, x1, z0, z1, part in (
            (length / 2 - 0.3, length / 2, _NOSE - 0.15, _NOSE - 0.02, "headlight"),
            (-length / 2, -length / 2 + 0.25, tail - 0.24, tail - 0.06, "taillight"),
        ):
            faces.append(_quad([(x0, y, z0), (x1, y, z0), (x1, y, z1), (x0, y, z1)], normal, part, 1))
    return faces


def _cabin(size: np.ndarray, belt: float, base: float, roof_front: float, roof_back: float, rear: float) -> list[Face]:
    _, width, height = size
    low, high = _GLASS_BASE * width, _GLASS_ROOF * width
    roof = [
        (roof_front, high, height),
        (roof_front, -high, height),
        (roof_back, -high, height),
        (roof_back, high, height),
    ]
    shells = [
        (np.array([0, 0, 1.0]), roof, 0),
        (np.array([1.0, 0, 0]), [(base, low, belt), (base, -low, belt), *roof[1::-1]], 1),
        (np.array([-1.0, 0, 0]), [(rear, -low, belt), (rear, low, belt), *roof[:1:-1]], 1),
    ]
    for sign in (1.0, -1.0):
        corners = [(base, sign * low, belt), (roof_front, sign * high, height)]
        corners += [(roof_back, sign * high, height), (rear, sign * low, belt)]
        shells.append((np.array([0, sign, 0.2]), corners, 2))
    faces = []
    for outward, corners, panes in shells:
        shell = _quad(corners, outward, "paint", 3)
        faces += [shell, *(Face(pane, shell.normal, "glass", 4) for pane in _panes(shell.corners, panes))]
    return faces


def _panes(corners: np.ndarray, count: int) -> list[np.ndarray]:
    """Windows inside a shell of four corners: none, one, or two with a pillar between."""
    if count == 0:
        return []
    middle = corners.mean(axis=0)
    inner = middle + 0.84 * (corners - middle)
    if count == 1:
        return [inner]
    low, high = (inner[0] + inner[3]) / 2, (inner[1] + inner[2]) / 2
    gap = 0.025 * (inner[0] - inner[3])
    return [
        np.array([inner[0], inner[1], high + gap, low + gap]),
        np.array([low - gap, high - gap, inner[2], inner[3]]),
    ]
