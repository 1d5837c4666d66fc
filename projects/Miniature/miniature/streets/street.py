"""The street itself: sky, ground and houses."""

from collections.abc import Sequence

import cv2
import numpy as np

from miniature.camera import Camera
from miniature.draw import corners
from miniature.look import Color
from miniature.streets.looks import ACCENTS, StreetLook, saturate, vary
from miniature.streets.scene import Block, Scene

ROAD, WALK, BUILDING, VEGETATION, TERRAIN, SKY = 7, 8, 11, 21, 22, 23
#: Where shadows fall, and where the real look has texture.
GROUNDS = (ROAD, WALK, TERRAIN)
_FAR = 400.0  # metres: the end of the ground


def ink(color: Sequence[float] | np.ndarray, index: int) -> tuple[float, ...]:
    """What the canvas takes: the colour within 0..255, and the index as the fourth channel."""
    red, green, blue = (min(255.0, max(0.0, float(value))) for value in color)
    return red, green, blue, float(index)


class Backdrop:
    """Draws everything without instances that lies behind them.

    Args:
        canvas: (H, W, 4) uint8, RGB and label id, changed in place.
        camera: the camera at the canvas's own size.
    """

    def __init__(
        self, canvas: np.ndarray, scene: Scene, look: StreetLook, camera: Camera, rng: np.random.Generator
    ) -> None:
        self.canvas, self.scene, self.look, self.camera, self.rng = canvas, scene, look, camera, rng

    def draw(self) -> None:
        """Sky, ground and houses."""
        self._sky()
        self._skyline()
        self._ground()
        for block in self.scene.blocks:
            self._block(block)

    def haze(self, color: Color, depth: float) -> Color:
        """The colour as seen through the air."""
        share = self.look.haze * min(1.0, depth / 100)
        return tuple(value + share * (air - value) for value, air in zip(color, self.look.haze_color, strict=True))  # type: ignore[return-value]

    def _fill(self, points: np.ndarray, color: Color, label: int) -> None:
        """Fills one world polygon (N, 3), or several (K, N, 3), that do not overlap."""
        pixels, _ = self.camera.project(points)
        pixels = corners(pixels - 0.5)
        cv2.fillPoly(self.canvas, list(pixels) if pixels.ndim == 3 else [pixels], ink(color, label))

    def _sky(self) -> None:
        rows = np.linspace(0, 1, max(2, round(self.camera.horizon)))[:, None] ** 1.4
        overcast = 0.75 * (1 - self.scene.weather)
        top = np.array(saturate(self.look.grounds["sky_top"], 1 - 0.6 * overcast))
        low = np.array(self.look.grounds["sky_low"])
        gradient = top + (low - top) * (rows * (1 - overcast) + overcast)
        cv2.rectangle(self.canvas, (0, 0), self.canvas.shape[1::-1], ink(low, SKY), -1)
        for row, color in enumerate(gradient.tolist()):
            cv2.line(self.canvas, (0, row), (self.canvas.shape[1], row), ink(color, SKY))
        height, width = self.canvas.shape[:2]
        for _ in range(self.rng.poisson(5)):  # clouds: a heap of flat ellipses
            x, y = self.rng.uniform(0, width), self.rng.uniform(0, 0.8 * self.camera.horizon)
            for _ in range(5):
                center = (round(x + self.rng.normal(0, 0.06) * width), round(y + self.rng.normal(0, 0.012) * height))
                axes = (round(self.rng.uniform(0.02, 0.08) * width), round(self.rng.uniform(0.008, 0.025) * height))
                cv2.ellipse(self.canvas, center, axes, 0, 0, 360, ink(low + 8, SKY), -1)

    def _skyline(self) -> None:
        """Far trees and roofs along the horizon."""
        width, base = self.canvas.shape[1], self.camera.horizon + 2
        unit = self.camera.focal / 160  # pixels per metre at the skyline
        for label, color, high in ((BUILDING, (150, 144, 148), 15), (VEGETATION, self.look.grounds["far"], 9)):
            steps = np.repeat(np.arange(0, 25), 2)[1:-1] if label == BUILDING else np.arange(0, 25)
            heights = self.rng.uniform(0.2, 1, 24 if label == BUILDING else 25) * high * unit
            heights = np.repeat(heights, 2) if label == BUILDING else heights
            outline = np.stack([steps * width / 24, base - heights], axis=1)
            polygon = np.concatenate([outline, [[width, base + 3], [0, base + 3]]]).astype(np.int32)
            cv2.fillPoly(self.canvas, [polygon], ink(self.haze(color, 90), label))

    def _strip(self, x0: float, x1: float, color: Color, label: int, z0: float = 1.0, z1: float = _FAR) -> None:
        """A band along the street."""
        depths = np.geomspace(z0, z1, 14 if z1 / z0 > 3 and self.scene.bend else 2)
        sides = [np.stack([np.full_like(depths, x), np.zeros_like(depths), depths], axis=1) for x in (x0, x1)]
        self._fill(np.concatenate([sides[0], sides[1][::-1]]), color, label)

    def _ground(self) -> None:
        scene, colors = self.scene, self.look.grounds
        horizon = int(np.ceil(self.camera.horizon + self.camera.focal * self.camera.elevation / _FAR))
        low = self.canvas.shape[1::-1]
        cv2.rectangle(self.canvas, (0, max(0, horizon)), low, ink(colors["terrain"], TERRAIN), -1)
        walk_left, walk_right = scene.left - scene.walks[0], scene.right + scene.walks[1]
        self._strip(walk_left - 6, walk_right + 6, vary(self.rng, colors["walk"], 0.05), WALK)
        self._strip(scene.left, scene.right, colors["road"], ROAD)
        for kerb, inner in ((scene.left, scene.left - 0.3), (scene.right, scene.right + 0.3)):
            self._strip(kerb, inner, colors["kerb"], WALK)
        if scene.side_road:
            self._strip(-60, 60, colors["road"], ROAD, scene.side_road, scene.side_road + 7)
        self._marks(colors["mark"], walk_left)
        if not np.isnan(scene.rails):
            for rail in (-0.72, 0.72):
                self._strip(scene.rails + rail - 0.06, scene.rails + rail + 0.06, colors["rail"], ROAD)

    def _marks(self, color: Color, walk_left: float) -> None:
        scene = self.scene
        bays, worn = 2.2, vary(self.rng, color, 0.12)
        for x in (scene.right - bays, scene.left + bays):
            self._strip(x - 0.06, x + 0.06, worn, ROAD)
        starts = np.arange(3.0, 70.0, 6.0)
        self._stripes(np.full_like(starts, -1.85), starts, 0.14, 3.0, color)
        if scene.crossing:
            bars = np.arange(scene.left + 0.4, scene.right - 0.4, 1.0)
            self._stripes(bars, np.full_like(bars, scene.crossing), 0.5, 3.2, color)

    def _stripes(self, x: np.ndarray, z: np.ndarray, width: float, length: float, color: Color) -> None:
        """Painted bars (N) that begin at x, z."""
        corners = np.array([[0, 0, 0], [width, 0, 0], [width, 0, length], [0, 0, length]])
        starts = np.stack([x, np.zeros_like(x), z], axis=1)
        self._fill(starts[:, None] + corners, color, ROAD)

    def _block(self, block: Block) -> None:
        rng = np.random.default_rng(block.paint)
        near = max(block.near, 1.0)
        if block.far <= near + 0.5:
            return
        side = float(np.sign(block.x))
        wall = saturate(vary(rng, self.look.facades[int(rng.integers(len(self.look.facades)))]), self._wall_color)
        depth = (near + block.far) / 2
        front = self._lit(wall, (-side, 0.0, 0.0))
        gable = self._lit(wall, (0.0, 0.0, -1.0))
        y, back = block.height, block.x + side * 12
        self._fill(
            np.array([(block.x, 0, near), (block.x, y, near), (back, y, near), (back, 0, near)]), gable, BUILDING
        )
        self._front(block, near, 0, y, self.haze(front, depth))
        dark = (0.55 * front[0], 0.55 * front[1], 0.58 * front[2])
        self._front(block, near, y - 0.5, y, self.haze(dark, depth))  # the eaves
        self._front(block, near, 0, 0.7, self.haze(dark, depth))  # the plinth
        if near < 70:
            self._windows(block, near, rng, self.haze((50, 58, 70), depth), front)

    @property
    def _wall_color(self) -> float:
        return min(1.0, self.look.saturation + 0.15)

    def _lit(self, color: Color, normal: Color) -> Color:
        look = self.look
        light = look.ambient + look.sunlight * (0.4 + 0.6 * self.scene.weather) * max(
            0.0, np.dot(normal, self.scene.sun)
        )
        return color[0] * light, color[1] * light, color[2] * light

    def _front(self, block: Block, near: float, low: float, high: float, color: Color) -> None:
        x = block.x
        self._fill(
            np.array([(x, low, near), (x, high, near), (x, high, block.far), (x, low, block.far)]), color, BUILDING
        )

    def _windows(self, block: Block, near: float, rng: np.random.Generator, glass: Color, wall: Color) -> None:
        wide, high, pitch = rng.uniform(1.0, 1.6), rng.uniform(1.3, 1.9), rng.uniform(2.2, 3.2)
        z = np.arange(block.far - pitch, near + 0.2, -pitch)
        floors = np.arange(4.4, block.height - high - 0.6, 3.1)
        if len(z) and len(floors):
            frame = (min(255.0, wall[0] * 1.25), min(255.0, wall[1] * 1.25), min(255.0, wall[2] * 1.25))
            self._panes(block.x, z - 0.15, floors - 0.15, wide + 0.3, high + 0.3, frame)
            self._panes(block.x, z, floors, wide, high, glass)
        if rng.random() < 0.6 and len(z):  # shop windows
            self._panes(block.x, z[::2], np.array([0.8]), 1.6 * pitch, 2.0, glass)
            awning = self._lit(
                saturate(vary(rng, ACCENTS[int(rng.integers(len(ACCENTS)))]), self.look.saturation), (0.0, 1.0, 0.0)
            )
            self._panes(block.x, z[::2], np.array([2.9]), 1.6 * pitch, 0.5, awning)

    def _panes(self, x: float, z: np.ndarray, y: np.ndarray, wide: float, high: float, color: Color) -> None:
        corners = np.array([[0, 0, 0], [0, high, 0], [0, high, wide], [0, 0, wide]])
        grid = np.stack(np.meshgrid([x], y, z, indexing="ij"), axis=-1).reshape(-1, 3)
        self._fill(grid[:, None] + corners, color, BUILDING)
