"""Street frames with vehicles: pure functions from a seed to an image and its exact points.

Shape legend: H, W the frame's height and width, N vehicles, 24 points.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from miniature.camera import Camera, axes
from miniature.draw import average_down, corners
from miniature.vehicles.car import STYLES, Car, make_car
from miniature.vehicles.looks import VehicleLook, finish, paint_background, shade
from vehicle_keypoints.schemas import CITYSAMPLE

_SUPERSAMPLING = 3
_MAX_CARS = 2
_MIN_VISIBLE_SHARE = 0.35  # of a car's own pixels: what is hidden more is not labelled
_MIN_WIDTH = 18  # pixels; smaller cars are not placed


@dataclass(frozen=True)
class Placed:
    """A car on the road."""

    car: Car
    place: np.ndarray  # (2,) right and ahead, metres
    heading: float  # radians (``miniature.camera.axes``)
    paint: np.ndarray  # (3,) RGB 0..255

    def to_world(self, points: np.ndarray) -> np.ndarray:
        """(n, 3) car coordinates -> (n, 3) world coordinates."""
        return self.rotate(points) + np.array([self.place[0], 0.0, self.place[1]])

    def rotate(self, vectors: np.ndarray) -> np.ndarray:
        """(n, 3) directions, likewise."""
        forward, up, right = axes(self.heading)
        return vectors @ np.stack([forward, -right, up])


@dataclass(frozen=True)
class DrawnFrame:
    """An image and what is true of it."""

    image: np.ndarray  # (H, W, 3) uint8, RGB
    boxes: np.ndarray  # (N, 4) float64, of the visible silhouette
    keypoints: np.ndarray  # (N, 24, 3): 2 visible, 1 hidden, 0 off the frame


def draw_frame(look: VehicleLook, seed: tuple[int, ...], height: int, width: int) -> DrawnFrame:
    """Draws one frame; equal seeds give equal frames, whatever was drawn before."""
    generator = np.random.default_rng(seed)
    camera = _camera(look, generator, height, width)
    cars = _place_cars(look, generator, camera, width)
    scale = _SUPERSAMPLING
    canvas = paint_background(look, generator, camera, height * scale, width * scale, scale)
    owner = np.full((height * scale, width * scale), -1, dtype=np.int16)
    alone = [_draw_car(canvas, owner, index, car, camera, look, scale) for index, car in enumerate(cars)]
    image = average_down(canvas, height, width)
    labels = [_label(index, car, camera, owner, alone[index], scale) for index, car in enumerate(cars)]
    kept = [label for label in labels if label is not None]
    boxes = np.array([box for box, _ in kept]).reshape(-1, 4)
    keypoints = np.array([points for _, points in kept]).reshape(-1, len(CITYSAMPLE.points), 3)
    return DrawnFrame(finish(look, generator, image), boxes, keypoints)


def _camera(look: VehicleLook, generator: np.random.Generator, height: int, width: int) -> Camera:
    camera_height = generator.uniform(*look.camera_height)
    focal = width * generator.uniform(0.95, 1.25)
    pitch = np.arctan2(camera_height - 0.8, generator.uniform(9, 12))
    return Camera(focal, width / 2, height * 0.52, camera_height, pitch)


def _place_cars(look: VehicleLook, generator: np.random.Generator, camera: Camera, width: int) -> list[Placed]:
    """One or two cars that keep their distance, the farthest first."""
    cars: list[Placed] = []
    for _ in range(generator.integers(1, _MAX_CARS + 1)):
        for _ in range(8):
            ahead = generator.uniform(5.5, 11)
            reach = 0.38 * width * ahead / camera.focal
            place = np.array([generator.uniform(-reach, reach), ahead])
            if all(np.linalg.norm(place - other.place) > 4.2 for other in cars):
                style = str(generator.choice(list(look.styles or STYLES)))
                paint = np.array(look.car_paints[generator.integers(len(look.car_paints))], dtype=float)
                paint = np.clip(paint + generator.normal(0, 12, 3), 0, 255)
                cars.append(Placed(make_car(style, generator), place, generator.uniform(0, 2 * np.pi), paint))
                break
    return sorted(cars, key=lambda car: -car.place[1])


def _draw_car(
    canvas: np.ndarray, owner: np.ndarray, index: int, car: Placed, camera: Camera, look: VehicleLook, scale: int
) -> int:
    """Draws a car over what is there and returns how many pixels it would have alone."""
    _draw_shadow(canvas, car, camera, look, scale)
    _draw_mirrors(canvas, car, camera, scale, near=False)
    silhouette = np.zeros(owner.shape, dtype=np.uint8)
    for face in sorted(car.car.faces, key=lambda face: face.layer):
        outline = car.to_world(face.corners)
        normal = car.rotate(face.normal[None])[0]
        if normal @ (camera.position - outline.mean(axis=0)) <= 0:
            continue
        polygon = corners(camera.project(outline)[0] * scale)
        cv2.fillPoly(canvas, [polygon], shade(look, face.part, car.paint, normal), lineType=cv2.LINE_AA)
        cv2.fillPoly(silhouette, [polygon], 1)
    _draw_mirrors(canvas, car, camera, scale, near=True)
    owner[silhouette > 0] = index
    return int(silhouette.sum())


def _draw_mirrors(canvas: np.ndarray, car: Placed, camera: Camera, scale: int, near: bool) -> None:
    """The wing mirrors: those of the far side before the body is drawn, the near one after it."""
    for index, name in enumerate(CITYSAMPLE.points):
        if "mirror" not in name:
            continue
        world = car.to_world(car.car.points[index][None])
        faces_camera = float(car.rotate(car.car.normals[index])[0] @ (camera.position - world[0])) > 0
        if faces_camera == near:
            x, y = camera.project(world)[0][0] * scale
            radius = int(max(2, 0.09 * camera.focal * scale / world[0, 2]))
            cv2.circle(canvas, (round(x), round(y)), radius, tuple((0.5 * car.paint).tolist()), -1, cv2.LINE_AA)


def _draw_shadow(canvas: np.ndarray, car: Placed, camera: Camera, look: VehicleLook, scale: int) -> None:
    length, width = np.ptp(car.car.points[:, 0]), np.ptp(car.car.points[:, 1])
    angles = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    ring = np.column_stack([0.56 * length * np.cos(angles), 0.6 * width * np.sin(angles), np.zeros(24)])
    polygon = corners(camera.project(car.to_world(ring))[0] * scale)
    mask = np.zeros(canvas.shape[:2], dtype=np.float32)
    cv2.fillPoly(mask, [polygon], 1.0)
    mask = cv2.blur(mask, (2 * scale + 1, 2 * scale + 1))[..., None] * look.shadow
    canvas[:] = (canvas * (1 - mask)).astype(np.uint8)


def _label(
    index: int, car: Placed, camera: Camera, owner: np.ndarray, alone: int, scale: int
) -> tuple[np.ndarray, np.ndarray] | None:
    """Box and points of a car, or None where too little of it is to be seen."""
    rows, columns = np.nonzero(owner == index)
    if len(rows) < _MIN_VISIBLE_SHARE * max(alone, 1) or not len(rows):
        return None
    box = np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]) / scale
    if box[2] - box[0] < _MIN_WIDTH:
        return None
    world = car.to_world(car.car.points)
    pixels, _ = camera.project(world)
    height, width = owner.shape[0] / scale, owner.shape[1] / scale
    visibility = np.zeros(len(world))
    for point, (x, y) in enumerate(pixels):
        if 0 < x < width and 0 < y < height:
            normals = car.rotate(car.car.normals[point])
            faces_camera = bool((normals @ (camera.position - world[point]) > 0).any())
            visibility[point] = 2 if faces_camera and _uncovered(owner, index, x * scale, y * scale) else 1
    return box, np.column_stack([pixels, visibility])


def _uncovered(owner: np.ndarray, index: int, x: float, y: float) -> bool:
    """Whether nothing nearer was drawn over the place: cars are drawn farthest first, so only a greater index hides."""
    row, column = min(int(y), owner.shape[0] - 1), min(int(x), owner.shape[1] - 1)
    return bool(owner[row, column] <= index)
