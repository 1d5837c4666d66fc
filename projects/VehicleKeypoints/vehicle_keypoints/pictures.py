"""Pictures of keypoints: a frame, its mirror, and what a flip map makes of the points."""

from collections.abc import Sequence

import cv2
import numpy as np

from synmix.data.images import read_rgb
from vehicle_keypoints.frames import VehicleFrame
from vehicle_keypoints.schemas import KeypointSchema, side_of

_COLORS = {"left": (64, 220, 96), "right": (255, 72, 72), "": (255, 210, 60)}  # RGB
_SKELETON, _TEXT, _BAND = (245, 245, 245), (235, 235, 235), (32, 34, 40)
_WIDTH, _CAPTION = 560, 34


def draw_vehicles(
    image: np.ndarray, boxes: np.ndarray, keypoints: np.ndarray, schema: KeypointSchema, scale: float
) -> np.ndarray:
    """The image enlarged by ``scale`` with its vehicles: left points green, right ones red, hidden ones hollow.

    Args:
        image: (H, W, 3) uint8, RGB.
        boxes: (N, 4); keypoints: (N, K, 3), in the pixels of ``image``.
    """
    size = (round(image.shape[1] * scale), round(image.shape[0] * scale))
    canvas = cv2.resize(image, size, interpolation=cv2.INTER_CUBIC if scale > 1 else cv2.INTER_AREA)
    for box, points in zip(boxes, keypoints, strict=True):
        low, high = (box.reshape(2, 2) * scale).round().astype(int).tolist()
        cv2.rectangle(canvas, tuple(low), tuple(high), (120, 200, 255), 1, cv2.LINE_AA)
        places = (points[:, :2] * scale).round().astype(int).tolist()
        for first, second in schema.skeleton:
            if points[first, 2] and points[second, 2]:
                cv2.line(canvas, tuple(places[first]), tuple(places[second]), _SKELETON, 1, cv2.LINE_AA)
        for name, place, visibility in zip(schema.points, places, points[:, 2], strict=True):
            if visibility:
                cv2.circle(canvas, tuple(place), 5, _COLORS[side_of(name)], -1 if visibility == 2 else 2, cv2.LINE_AA)
    return canvas


def mirrored(frame: VehicleFrame, flip: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
    """Boxes and points of a mirrored frame, as Detectron2's ``transform_keypoint_annotations`` makes them."""
    boxes, keypoints = frame.boxes.copy(), frame.keypoints[:, list(flip)].copy()
    boxes[:, [0, 2]] = frame.width - frame.boxes[:, [2, 0]]
    keypoints[..., 0] = frame.width - keypoints[..., 0]
    return boxes, keypoints


def show_flip(frame: VehicleFrame, schema: KeypointSchema, flip: Sequence[int]) -> np.ndarray:
    """Four panels, RGB: the frame and its points; the mirrored frame with the points moved but not renamed, as the
    audited flip map renames them, and as the points' names ask for."""
    image = read_rgb(frame.image)
    scale = _WIDTH / frame.width
    unchanged = range(len(schema.points))
    panels = [panel(draw_vehicles(image, frame.boxes, frame.keypoints, schema, scale), "the frame and its points")]
    for renaming, caption in (
        (unchanged, "its mirror, points moved but not renamed"),
        (flip, "its mirror, under the audited flip map"),
        (schema.flip_index, "its mirror, under the map of the names"),
    ):
        boxes, keypoints = mirrored(frame, list(renaming))
        drawn = draw_vehicles(np.ascontiguousarray(image[:, ::-1]), boxes, keypoints, schema, scale)
        panels.append(panel(drawn, caption))
    rows = [np.hstack(list(pair)) for pair in (panels[:2], panels[2:])]
    return np.vstack([*rows, legend(rows[0].shape[1])])


def panel(picture: np.ndarray, caption: str) -> np.ndarray:
    """The picture under a band with its caption, with a margin."""
    band = np.full((_CAPTION, picture.shape[1], 3), _BAND, dtype=np.uint8)
    cv2.putText(band, caption, (10, 23), cv2.FONT_HERSHEY_SIMPLEX, 0.55, _TEXT, 1, cv2.LINE_AA)
    return np.pad(np.vstack([band, picture]), ((3, 3), (3, 3), (0, 0)), constant_values=_BAND[0])


def legend(width: int) -> np.ndarray:
    """A band that explains the colours."""
    band = np.full((_CAPTION, width, 3), _BAND, dtype=np.uint8)
    x = 14
    for color, text in zip(_COLORS.values(), ("left of the vehicle", "right of the vehicle", "neither"), strict=True):
        cv2.circle(band, (x, 17), 6, color, -1, cv2.LINE_AA)
        cv2.putText(band, text, (x + 14, 23), cv2.FONT_HERSHEY_SIMPLEX, 0.5, _TEXT, 1, cv2.LINE_AA)
        x += 60 + 9 * len(text)
    cv2.putText(band, "hollow: hidden", (x, 23), cv2.FONT_HERSHEY_SIMPLEX, 0.5, _TEXT, 1, cv2.LINE_AA)
    return band


def most_telling(frames: Sequence[VehicleFrame]) -> VehicleFrame:
    """The frame with the most labelled points per vehicle among those with large vehicles."""
    usable = [frame for frame in frames if len(frame.boxes)]

    def worth(frame: VehicleFrame) -> float:
        areas = np.prod(frame.boxes[:, 2:] - frame.boxes[:, :2], axis=1) / (frame.width * frame.height)
        visible = (frame.keypoints[..., 2] == 2).sum(axis=1)
        return float((visible * np.minimum(areas, 0.2)).mean())

    return max(usable, key=worth)
