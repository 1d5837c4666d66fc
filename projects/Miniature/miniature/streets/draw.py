"""One scene, drawn by either look: the picture, and which entity every pixel shows.

The canvas has a fourth channel that holds the entity's index, so that picture and labels come from the same strokes;
the picture is averaged down, the index of the pixel's middle is taken as it is.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from miniature.camera import Camera, axes
from miniature.draw import average_down
from miniature.streets.furniture import FURNITURE_LABELS, furniture, furniture_colors
from miniature.streets.looks import Palette, StreetLook, develop, noise_field, palette
from miniature.streets.scene import Furniture, Scene, SceneObject
from miniature.streets.shapes import Placed, paint, place
from miniature.streets.street import BUILDING, GROUNDS, Backdrop
from synmix.labels import RIDER

EGO_VEHICLE = 1
#: Entities with an instance have indices from here on; lower ones are the label id of a surface or of furniture.
FIRST_INDEX = 50


@dataclass(frozen=True)
class Entity:
    """Something drawn in front of the backdrop that has one label: an instance, a rider, or a piece of furniture."""

    index: int  # its value in the index map
    label: int  # Cityscapes label id
    part: int  # 0, or 1 for a rider or a sign's face
    placed: Placed
    thing: SceneObject | None  # None: furniture


@dataclass(frozen=True)
class Drawn:
    """A drawn frame."""

    image: np.ndarray  # (H, W, 3) uint8, RGB
    index_map: np.ndarray  # (H, W) uint8
    backdrop_map: np.ndarray  # (H, W) uint8, label ids of what lies behind all entities
    entities: tuple[Entity, ...]  # far to near
    camera: Camera
    scene: Scene

    def visible_pixels(self) -> np.ndarray:
        """(256,) pixels of each index."""
        return np.bincount(self.index_map.reshape(-1), minlength=256)

    def full_mask(self, entity: Entity) -> tuple[np.ndarray, tuple[int, int]]:
        """The entity's outline as if nothing stood before it: a crop (h, w) uint8 of 0 and 1, and its first column
        and row. Only what lies in the frame; the crop is empty where nothing does."""
        pixels, (height, width) = entity.placed.pixels, self.index_map.shape
        margin = 0.3 * float(entity.placed.scales.max()) + 2  # strokes and discs reach beyond their points
        x0, y0 = np.maximum(np.floor(pixels.min(axis=0) - margin), 0).astype(int).tolist()
        x1, y1 = np.minimum(np.ceil(pixels.max(axis=0) + margin), (width, height)).astype(int).tolist()
        if entity.label == FURNITURE_LABELS["tree"][0]:
            x0, y0, x1, y1 = 0, 0, width, height
        mask = np.zeros((max(0, y1 - y0), max(0, x1 - x0)), np.uint8)
        if mask.size:
            wanted = entity.placed.shape.entities == entity.part
            paint(mask, entity.placed, [(1,) if part else () for part in wanted.tolist()], offset=(x0, y0))
        return mask, (x0, y0)

    def full_pixels(self, entity: Entity) -> int:
        """The pixels of :meth:`full_mask`."""
        mask, _ = self.full_mask(entity)
        return cv2.countNonZero(mask) if mask.size else 0


def draw_scene(
    scene: Scene,
    look: StreetLook,
    height: int,
    width: int,
    rng: np.random.Generator,
    label_ids: dict[str, int],
    ego: bool,
) -> Drawn:
    """Draws a scene.

    Args:
        height, width: of the image in pixels; scenes are made for twice as wide as high.
        rng: decides clouds, exposure and noise; the labels do not depend on it.
        label_ids: Cityscapes label id of each object's name.
        ego: whether the bonnet of the camera's own car is in view.
    """
    camera = scene.camera(height, width)
    factor = 3 if height <= 192 else 2
    canvas = np.empty((height * factor, width * factor, 4), np.uint8)
    backdrop = Backdrop(canvas, scene, look, camera.scaled(factor), rng)
    backdrop.draw()
    middle = slice(factor // 2, None, factor)
    backdrop_map = canvas[middle, middle, 3].copy()
    entities = []
    index = FIRST_INDEX
    labels: tuple[int, ...]
    indices: tuple[int, ...]
    for depth, piece in _far_to_near(scene):
        if isinstance(piece, Furniture):
            placed, colors, labels = _prepare_furniture(piece, look, camera)
            indices = labels
        else:
            placed, colors = _prepare_object(piece, look, camera)
            labels = (label_ids[piece.name], RIDER) if piece.ridden else (label_ids[piece.name],)
            indices = tuple(range(index, index + len(labels)))
            index += len(labels)
        paint(canvas, placed, _lit_colors(placed, depth, colors, backdrop, indices), factor=factor)
        thing = piece if isinstance(piece, SceneObject) else None
        for part, (value, label) in enumerate(zip(indices, labels, strict=True)):
            if thing or part == 0 or labels[0] != label:
                entities.append(Entity(value, label, part, placed, thing))
    if ego:
        _bonnet(canvas, look)
    index_map = canvas[middle, middle, 3].copy()
    image = average_down(canvas, height, width)[..., :3]
    image = _shade(image, index_map, scene, look, camera, rng)
    return Drawn(develop(image, look, rng), index_map, backdrop_map, tuple(entities), camera, scene)


def _far_to_near(scene: Scene) -> list[tuple[float, SceneObject | Furniture]]:
    pieces: list[tuple[float, SceneObject | Furniture]] = [(thing.position[2], thing) for thing in scene.objects]
    pieces += [(piece.z, piece) for piece in scene.furniture]
    return sorted(pieces, key=lambda item: -item[0])


def _prepare_object(thing: SceneObject, look: StreetLook, camera: Camera) -> tuple[Placed, Palette]:
    placed = place(thing.shape, thing.position, thing.heading, thing.size, camera)
    return placed, palette(look, thing.name, thing.paint)


def _prepare_furniture(piece: Furniture, look: StreetLook, camera: Camera) -> tuple[Placed, Palette, tuple[int, int]]:
    height = round(2 * piece.height) / 2  # few distinct shapes, which are kept
    shape = furniture(piece.kind, height, piece.paint % 12)
    heading = 0.0 if piece.x < 0 else float(np.pi)  # the lamp's arm reaches over the road
    placed = place(shape, (piece.x, 0.0, piece.z), heading, piece.height / height, camera)
    return placed, furniture_colors(look, piece.paint), FURNITURE_LABELS[piece.kind]


def _lit_colors(
    placed: Placed, depth: float, colors: Palette, backdrop: Backdrop, indices: Sequence[int]
) -> list[tuple[float, ...]]:
    """Each part's colour in sun and haze, with its entity's index as the fourth channel."""
    look, scene, shape = backdrop.look, backdrop.scene, placed.shape
    facing = np.clip(placed.normals @ np.array(scene.sun), 0, None)
    facing[shape.two_sided] = 0.5
    light = look.ambient + look.sunlight * (0.4 + 0.6 * scene.weather) * facing
    share = look.haze * min(1.0, depth / 100)
    base = np.array([colors[role] for role in shape.roles])
    lit = np.clip(base * light[:, None] * (1 - share) + np.array(look.haze_color) * share, 0, 255)
    values = np.column_stack([lit, np.array(indices)[shape.entities]])
    return [tuple(row) for row in values.tolist()]


def _bonnet(canvas: np.ndarray, look: StreetLook) -> None:
    """The car that carries the camera, at the lower edge."""
    height, width = canvas.shape[:2]
    center = (width // 2, round(1.02 * height))
    cv2.ellipse(canvas, center, (round(0.46 * width), round(0.1 * height)), 0, 180, 360, (54, 58, 62, EGO_VEHICLE), -1)
    cv2.ellipse(canvas, center, (round(0.4 * width), round(0.065 * height)), 0, 180, 360, (74, 80, 84, EGO_VEHICLE), -1)
    star = (width // 2, round(0.918 * height))
    cv2.circle(canvas, star, max(1, round(0.012 * height)), (150, 154, 156, EGO_VEHICLE), -1)


def _shade(
    image: np.ndarray, index_map: np.ndarray, scene: Scene, look: StreetLook, camera: Camera, rng: np.random.Generator
) -> np.ndarray:
    """Shadows on the ground and, in the real look, texture on ground and walls."""
    height, width = index_map.shape
    light = np.ones((height, width), np.float32)
    ground = np.isin(index_map, GROUNDS)
    shadows = _shadow_map(scene, look, camera, height, width)
    light[ground] = shadows[ground]
    if look.texture:
        rough = noise_field(rng, height, width, max(2, height // 20)) + noise_field(
            rng, height, width, max(1, height // 64)
        )
        textured = ground | (index_map == BUILDING)
        light[textured] *= 1 + look.texture / 2 * rough[textured]
    return np.clip(image * light[..., None], 0, 255).astype(np.uint8)


def _shadow_map(scene: Scene, look: StreetLook, camera: Camera, height: int, width: int) -> np.ndarray:
    """(H, W) float32, 1 in the light: each object's shadow away from the sun, and a dark spot below it."""
    cast: np.ndarray = np.zeros((height, width), np.uint8)
    reach = (0.25 + 0.75 * scene.weather) / max(scene.sun[1], 0.3)
    for thing in scene.objects:
        length, tall, broad = (value * thing.size for value in thing.shape.size)
        own = axes(thing.heading)
        forward, right = own[0] * length / 2, own[2] * max(broad, 0.4) / 2
        feet = np.array(thing.position) + np.array(
            [forward + right, forward - right, -forward - right, right - forward]
        )
        away = np.array([-scene.sun[0], 0.0, -scene.sun[2]]) * reach * 0.8 * tall
        pixels, _ = camera.project(np.concatenate([feet, feet + away]))
        hull = cv2.convexHull(np.clip(np.round(pixels), -9000, 9000).astype(np.int32))
        cv2.fillPoly(cast, [hull], 255)
    if look.shadow_blur:
        cast = cv2.GaussianBlur(cast, (0, 0), look.shadow_blur * height / 128)
    strength = (1 - look.shadow) * (0.55 + 0.45 * scene.weather)
    return 1 - np.float32(strength / 255) * cast.astype(np.float32)
