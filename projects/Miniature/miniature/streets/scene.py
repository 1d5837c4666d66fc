"""A street and everybody on it, as a description that no renderer has touched yet."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from miniature.camera import Camera
from miniature.streets import people, vehicles
from miniature.streets.shapes import Shape

MAX_OBJECTS = 100  # the index map has room for 200 entities, and a ridden vehicle needs two


@dataclass(frozen=True)
class SceneObject:
    """Something that counts: an instance, or a vehicle and its rider."""

    name: str  # Cityscapes class of the vehicle or person; a ridden vehicle's rider goes with it
    variant: int
    ridden: bool
    position: tuple[float, float, float]  # metres
    heading: float  # radians, 0 drives away from the camera
    size: float  # 1 = as built
    paint: int  # seed of its colours

    @property
    def shape(self) -> Shape:
        """What it looks like."""
        if self.name == "person":
            return people.person(self.variant)
        if self.name in people.VARIANTS:
            return people.two_wheeler(self.name, self.variant % people.VARIANTS[self.name], self.ridden)
        return vehicles.vehicle(self.name, self.variant % vehicles.VARIANTS[self.name])


@dataclass(frozen=True)
class Block:
    """A house beside the street: from ``near`` to ``far`` along Z, its front at X."""

    x: float
    near: float
    far: float
    height: float
    paint: int


@dataclass(frozen=True)
class Furniture:
    """A tree, a street lamp, a traffic light or a sign."""

    kind: str
    x: float
    z: float
    height: float
    paint: int


@dataclass(frozen=True)
class Scene:
    """One street scene; positions in metres, the camera in the right-hand lane at X = 0."""

    focal: float  # in image heights
    horizon: float  # in image heights from the top
    pan: float  # in image widths, where the street vanishes, from the middle
    bend: float
    left: float  # X of the left kerb
    right: float  # X of the right kerb
    walks: tuple[float, float]  # breadth of the left and right sidewalk
    crossing: float  # Z of a zebra crossing; 0 for none
    side_road: float  # Z of a side street; 0 for none
    rails: float  # X of a tram track's middle; nan for none
    sun: tuple[float, float, float]  # unit vector towards the sun
    weather: float  # 0 overcast .. 1 sunny
    blocks: tuple[Block, ...]  # far to near
    furniture: tuple[Furniture, ...]
    objects: tuple[SceneObject, ...]

    def camera(self, height: int, width: int) -> Camera:
        """The camera on an image of this size."""
        return Camera(self.focal * height, (0.5 + self.pan) * width, self.horizon * height, bend=self.bend)


@dataclass(frozen=True)
class _Spot:
    """A way to stand on the street: where across it, how deep, and heading where."""

    x: Callable[["_Street"], float]
    depth: tuple[float, float]  # metres
    heading: float
    wobble: float = 0.04  # spread of the heading


class _Street:
    """Draws positions for objects and keeps them from standing in each other."""

    def __init__(self, rng: np.random.Generator, left: float, right: float, walks: tuple[float, float]) -> None:
        self.rng, self.left, self.right, self.walks = rng, left, right, walks
        self.taken: list[tuple[float, float, float, float]] = []  # X, Z, half extents

    def uniform(self, low: float, high: float) -> float:
        return float(self.rng.uniform(low, high))

    def on_walk(self) -> float:
        if self.rng.random() < 0.55:
            return self.uniform(self.right + 0.5, self.right + self.walks[1] - 0.4)
        return self.uniform(self.left - self.walks[0] + 0.4, self.left - 0.5)

    def is_free(self, x: float, z: float, half_x: float, half_z: float) -> bool:
        return all(abs(x - a) > half_x + c or abs(z - b) > half_z + d for a, b, c, d in self.taken)

    def is_hidden(self, x: float, z: float) -> bool:
        """Whether somebody nearer stands right before the middle of this place."""
        return any(b < z and abs(x / z - a / (b - d)) < c / (b - d) for a, b, c, d in self.taken)


_FULL, _HALF = 0.0, np.pi
_LANE = _Spot(lambda s: s.uniform(-0.3, 0.3), (10, 42), _FULL)
_ONCOMING = _Spot(lambda s: -3.5 + s.uniform(-0.3, 0.3), (8, 45), _HALF)
_PARKED_RIGHT = _Spot(lambda s: s.right - 1.15 + s.uniform(-0.1, 0.1), (8, 45), _FULL)
_PARKED_LEFT = _Spot(lambda s: s.left + 1.15 + s.uniform(-0.1, 0.1), (9, 45), _HALF)
_ACROSS_RIGHT = _Spot(lambda s: s.uniform(-5, 4), (13, 30), np.pi / 2, 0.25)
_ACROSS_LEFT = _Spot(lambda s: s.uniform(-6, 3), (13, 30), -np.pi / 2, 0.25)
_WALK = _Spot(lambda s: s.on_walk(), (8, 30), np.pi / 2, 3.0)
_ON_ROAD = _Spot(lambda s: s.uniform(-4, 3.2), (9, 28), np.pi / 2, 0.3)
_RACK = _Spot(lambda s: s.right + s.uniform(0.4, 1.2), (7, 22), np.pi / 2, 0.9)
_LANE_EDGE = _Spot(lambda s: s.uniform(1.2, 2.2), (8, 24), _FULL, 0.3)
_ONCOMING_EDGE = _Spot(lambda s: s.left + 2.9 + s.uniform(0, 0.8), (8, 24), _HALF, 0.3)
_RIDE_ACROSS = _Spot(lambda s: s.uniform(-4, 3.4), (8, 20), np.pi / 2, 0.5)
_FAR_LANE = _Spot(lambda s: s.uniform(-5.5, 2.0), (42, 90), _FULL)
_FAR_PARKED = _Spot(lambda s: s.right - 1.15 if s.rng.random() < 0.5 else s.left + 1.15, (42, 80), _FULL)
_FAR_ACROSS = _Spot(lambda s: s.uniform(-9, 6), (42, 80), np.pi / 2, 0.2)
_FAR_WALK = _Spot(lambda s: s.on_walk(), (30, 75), np.pi / 2, 3.0)
_FAR_ON_ROAD = _Spot(lambda s: s.uniform(-6, 4), (34, 60), np.pi / 2, 0.5)
_TRACK = _Spot(lambda s: -3.7, (17, 45), _HALF, 0.0)

#: what, ridden, expected number a scene (Poisson), places and their weights. The first rows are drawn first and so find
#: room first; cars and persons dominate as in Cityscapes, but the rare classes are frequent enough to be learnt.
_POPULATION: tuple[tuple[str, bool, float, tuple[tuple[_Spot, float], ...]], ...] = (
    ("train", False, 0.33, ((_TRACK, 0.75), (_ACROSS_LEFT, 0.25))),
    ("bus", False, 0.42, ((_LANE, 0.3), (_ONCOMING, 0.4), (_ACROSS_RIGHT, 0.3))),
    ("truck", False, 0.46, ((_LANE, 0.35), (_ONCOMING, 0.3), (_ACROSS_LEFT, 0.25), (_PARKED_RIGHT, 0.1))),
    ("caravan", False, 0.05, ((_PARKED_RIGHT, 0.6), (_PARKED_LEFT, 0.4))),
    ("trailer", False, 0.05, ((_PARKED_RIGHT, 1.0),)),
    ("motorcycle", True, 0.42, ((_LANE_EDGE, 0.3), (_ONCOMING_EDGE, 0.3), (_RIDE_ACROSS, 0.4))),
    ("bicycle", True, 0.75, ((_LANE_EDGE, 0.25), (_ONCOMING_EDGE, 0.25), (_RIDE_ACROSS, 0.5))),
    ("motorcycle", False, 0.2, ((_RACK, 1.0),)),
    ("bicycle", False, 0.6, ((_RACK, 1.0),)),
    (
        "car",
        False,
        4.6,
        ((_LANE, 0.2), (_ONCOMING, 0.22), (_PARKED_RIGHT, 0.25), (_PARKED_LEFT, 0.18), (_ACROSS_RIGHT, 0.15)),
    ),
    ("person", False, 3.4, ((_WALK, 0.75), (_ON_ROAD, 0.25))),
    ("car", False, 7.5, ((_FAR_LANE, 0.3), (_FAR_PARKED, 0.3), (_FAR_ACROSS, 0.4))),
    ("person", False, 11.0, ((_FAR_WALK, 0.65), (_FAR_ON_ROAD, 0.35))),
    ("bicycle", True, 1.2, ((_FAR_LANE, 0.4), (_FAR_ON_ROAD, 0.6))),
    ("truck", False, 0.2, ((_FAR_LANE, 1.0),)),
    ("bus", False, 0.12, ((_FAR_LANE, 1.0),)),
)


def sample_scene(rng: np.random.Generator, density: float = 1.0) -> Scene:
    """A random street scene.

    Args:
        rng: decides everything.
        density: 1 for the usual number of objects; 0 for an empty street.
    """
    left, right = -float(rng.uniform(7.4, 9.0)), float(rng.uniform(3.6, 4.8))
    walks = (float(rng.uniform(2.4, 5.0)), float(rng.uniform(2.4, 5.0)))
    street = _Street(rng, left, right, walks)
    objects = _populate(street, density)
    has_train = any(thing.name == "train" for thing in objects)
    azimuth, altitude = rng.uniform(-2.6, 2.6), rng.uniform(0.5, 1.1)
    return Scene(
        focal=float(rng.uniform(1.75, 2.1)),
        horizon=float(rng.uniform(0.39, 0.46)),
        pan=float(rng.normal(0, 0.06)),
        bend=float(rng.normal(0, 0.0006)),
        left=left,
        right=right,
        walks=walks,
        crossing=float(rng.uniform(9, 22)) if rng.random() < 0.35 else 0.0,
        side_road=float(rng.uniform(18, 40)) if rng.random() < 0.5 else 0.0,
        rails=-3.7 if has_train or rng.random() < 0.12 else float("nan"),
        sun=(
            float(np.sin(azimuth) * np.cos(altitude)),
            float(np.sin(altitude)),
            float(-np.cos(azimuth) * np.cos(altitude)),
        ),
        weather=float(rng.random()),
        blocks=_blocks(street),
        furniture=_furniture(street),
        objects=tuple(sorted(objects, key=lambda thing: -thing.position[2])),
    )


def _populate(street: _Street, density: float) -> list[SceneObject]:
    rng = street.rng
    objects: list[SceneObject] = []
    for name, ridden, expected, places in _POPULATION:
        weights = np.array([weight for _, weight in places])
        for _ in range(rng.poisson(expected * density)):
            spot = places[rng.choice(len(places), p=weights / weights.sum())][0]
            thing = _try_to_stand(street, name, ridden, spot)
            if thing and len(objects) < MAX_OBJECTS:
                objects.append(thing)
    return objects


def _try_to_stand(street: _Street, name: str, ridden: bool, spot: _Spot) -> SceneObject | None:
    """An object at a free place of this kind, or None where twelve tries found none."""
    rng = street.rng
    size = float(np.clip(rng.normal(1.0, 0.05), 0.86, 1.14))
    heading = spot.heading + float(rng.normal(0, 1)) * spot.wobble
    thing = SceneObject(name, int(rng.integers(60)), ridden, (0, 0, 0), heading, size, int(rng.integers(2**31)))
    length, _, width = thing.shape.size
    half_x = (abs(np.sin(heading)) * length + abs(np.cos(heading)) * width) / 2 * size + 0.15
    half_z = (abs(np.cos(heading)) * length + abs(np.sin(heading)) * width) / 2 * size + 0.3
    low = max(spot.depth[0], half_z + (9.0 if length > 6 else 5.0))  # no bus fills the whole view
    for _ in range(12):
        x, z = spot.x(street), low + (spot.depth[1] - low) * street.uniform(0, 1) ** 1.25
        in_view = abs(x) - half_x < 0.55 * z
        kept = in_view and (rng.random() < 0.15 or not street.is_hidden(x, z))
        if kept and street.is_free(x, z, half_x, half_z):
            street.taken.append((x, z, half_x, half_z))
            kerb = 0.13 if x > street.right or x < street.left else 0.0
            return SceneObject(name, thing.variant, ridden, (x, kerb, z), heading, size, thing.paint)
    return None


def _blocks(street: _Street) -> tuple[Block, ...]:
    blocks = []
    for x in (street.left - street.walks[0], street.right + street.walks[1]):
        near = street.uniform(-4, 4)
        setback = street.uniform(0, 1) ** 2 * 5
        while near < 120:
            far = near + street.uniform(8, 22)
            shift = setback + street.uniform(0, 0.8)
            if street.rng.random() < 0.85:
                front = x - shift if x < 0 else x + shift
                blocks.append(Block(front, near, far, street.uniform(7, 21), int(street.rng.integers(2**31))))
            near = far + (street.uniform(2, 9) if street.rng.random() < 0.25 else 0.0)
    return tuple(sorted(blocks, key=lambda block: -block.near))


#: kind, expected number on each side, height from .. to
_FURNITURE = (("tree", 1.9, 4.5, 9.0), ("lamp", 1.6, 6.0, 8.5), ("sign", 1.2, 2.6, 3.2), ("light", 0.7, 3.4, 4.2))


def _furniture(street: _Street) -> tuple[Furniture, ...]:
    rng, found = street.rng, []
    for kind, expected, low, high in _FURNITURE:
        for side in (street.left - 0.5, street.right + 0.5):
            for _ in range(rng.poisson(expected)):
                z = 7 + 60 * street.uniform(0, 1) ** 1.4
                if street.is_free(side, z, 0.3, 0.3):
                    found.append(Furniture(kind, side, z, street.uniform(low, high), int(rng.integers(2**31))))
    return tuple(sorted(found, key=lambda piece: -piece.z))
