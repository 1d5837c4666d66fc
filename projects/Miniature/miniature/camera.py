"""The camera of both miniatures, and how things stand before it.

The world, in metres: X right, Y up, Z ahead; the camera stands above its origin.
"""

from dataclasses import dataclass, replace

import numpy as np

NEAR = 0.6  # metres: what comes closer is projected as if it stood there


@dataclass(frozen=True)
class Camera:
    """A pinhole camera that looks along Z, or down on the ground, over a street that may bend."""

    focal: float  # pixels
    center_x: float  # pixels: the column and the row that lie straight ahead
    center_y: float
    elevation: float = 1.3  # metres above the road
    pitch: float = 0.0  # radians, positive looks down
    bend: float = 0.0  # the street lies at X + bend * Z^2

    @property
    def horizon(self) -> float:
        """The row of the horizon."""
        return float(self.center_y - self.focal * np.tan(self.pitch))

    @property
    def position(self) -> np.ndarray:
        """(3,) metres."""
        return np.array([0.0, self.elevation, 0.0])

    def project(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """World points (..., 3) in metres -> pixel coordinates (..., 2) and pixels per metre (...)."""
        sine, cosine = np.sin(self.pitch), np.cos(self.pitch)
        up, ahead = points[..., 1] - self.elevation, points[..., 2]
        depth = np.maximum(ahead * cosine - up * sine, NEAR)
        scale = self.focal / depth
        pixels = np.empty((*depth.shape, 2))
        pixels[..., 0] = self.center_x + (points[..., 0] + self.bend * depth * depth) * scale
        pixels[..., 1] = self.center_y - (up * cosine + ahead * sine) * scale
        return pixels, scale

    def scaled(self, factor: float) -> "Camera":
        """The same view on an image that is larger by this factor."""
        return replace(
            self, focal=self.focal * factor, center_x=self.center_x * factor, center_y=self.center_y * factor
        )


def axes(heading: float) -> np.ndarray:
    """(3, 3), the directions forward, up and right of a thing in the world, a row each.

    Args:
        heading: radians; 0 drives away from the camera, pi comes towards it, pi / 2 goes to the right.
    """
    sine, cosine = np.sin(heading), np.cos(heading)
    return np.array([[sine, 0.0, cosine], [0.0, 1.0, 0.0], [cosine, 0.0, -sine]])
