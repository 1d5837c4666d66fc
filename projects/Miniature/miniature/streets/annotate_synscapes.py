"""A drawn frame labelled as Synscapes does it: every pixel as rendered, every object however small, a rider as a
part of its vehicle, and a metadata file. The format is that of 7D Labs' release (arXiv 1810.08705); the keys inside
``camera``, ``scene`` and ``bbox3d`` are this project's guess at it, since no sample is public.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from miniature.camera import axes
from miniature.streets.draw import FIRST_INDEX, Drawn, Entity
from miniature.streets.scene import SceneObject

CLASS_FACTOR = 100_000


@dataclass(frozen=True)
class SynscapesLabels:
    """The labels of one frame."""

    class_map: np.ndarray  # (H, W) uint8, Cityscapes label ids
    instance_map: np.ndarray  # (H, W) int64, class * 100000 + k; 0 where there is no instance
    meta: dict[str, Any]  # the content of meta/N.json

    def encoded_instances(self) -> np.ndarray:
        """(H, W, 3) uint8, RGB, as on disk: id = R + 256 * G + 65536 * B."""
        return np.stack([self.instance_map >> shift & 255 for shift in (0, 8, 16)], axis=-1).astype(np.uint8)


def annotate(drawn: Drawn, rng: np.random.Generator) -> SynscapesLabels:
    """The Synscapes labels of a frame.

    Args:
        rng: decides the gaps between the instance numbers.
    """
    classes, instances = np.arange(256, dtype=np.uint8), np.zeros(256, np.int64)
    visible = drawn.visible_pixels()
    found: dict[SceneObject, tuple[int, list[Entity]]] = {}
    number = 0
    for entity in drawn.entities:
        if entity.thing is None:
            continue
        if entity.thing not in found:
            number += int(rng.integers(1, 4))
            found[entity.thing] = (entity.label * CLASS_FACTOR + number, [])
        found[entity.thing][1].append(entity)
        classes[entity.index], instances[entity.index] = entity.label, found[entity.thing][0]
    assert classes[:FIRST_INDEX].tolist() == list(range(FIRST_INDEX))
    records = {str(key): _record(drawn, entities, visible) for key, entities in found.values()}
    tables = {field: {key: record[field] for key, record in records.items()} for field in _FIELDS}
    meta = {"camera": _camera(drawn), "instance": tables, "scene": _scene(drawn)}
    return SynscapesLabels(classes[drawn.index_map], instances[drawn.index_map], meta)


_FIELDS = ("bbox2d", "bbox3d", "class", "occluded", "truncated")


def _record(drawn: Drawn, entities: list[Entity], visible: np.ndarray) -> dict[str, Any]:
    vehicle, height_width = entities[0], drawn.index_map.shape
    low, high = vehicle.placed.pixels.min(axis=0), vehicle.placed.pixels.max(axis=0)
    frame = np.array(height_width[::-1], float)
    inside = np.clip(np.minimum(high, frame) - np.maximum(low, 0), 0, None)
    whole = np.maximum(high - low, 1e-6)
    full = sum(drawn.full_pixels(entity) for entity in entities)
    seen = sum(int(visible[entity.index]) for entity in entities)
    depths = drawn.camera.focal / vehicle.placed.scales * vehicle.thing.size if vehicle.thing else np.zeros(1)
    return {
        "bbox2d": {
            "xmin": round(float(low[0] / frame[0]), 6),
            "xmax": round(float(high[0] / frame[0]), 6),
            "ymin": round(float(low[1] / frame[1]), 6),
            "ymax": round(float(high[1] / frame[1]), 6),
            "zmin": round(float(depths.min()), 3),
            "zmax": round(float(depths.max()), 3),
        },
        "bbox3d": _box3d(vehicle.thing) if vehicle.thing else {},
        "class": vehicle.label,
        "occluded": round(max(0.0, 1 - seen / full) if full else 1.0, 4),
        "truncated": round(1 - float((inside / whole).prod()), 4),
    }


def _box3d(thing: SceneObject) -> dict[str, list[float]]:
    """A corner and the three edges from there: along, up and across, in metres."""
    length, tall, broad = (value * thing.size for value in thing.shape.size)
    forward, up, right = axes(thing.heading)
    along, across = forward * length, right * broad
    origin = np.array(thing.position) - along / 2 - across / 2
    edges = {"origin": origin, "x": along, "y": up * tall, "z": across}
    return {name: np.round(vector, 3).tolist() for name, vector in edges.items()}


def _camera(drawn: Drawn) -> dict[str, Any]:
    camera, (height, width) = drawn.camera, drawn.index_map.shape
    return {
        "extrinsic": {"x": 0.0, "y": 0.0, "z": camera.elevation, "pitch": 0.0, "roll": 0.0, "yaw": 0.0},
        "intrinsic": {
            "fx": round(camera.focal, 3),
            "fy": round(camera.focal, 3),
            "u0": round(camera.center_x, 3),
            "v0": round(camera.horizon, 3),
            "resx": width,
            "resy": height,
        },
    }


def _scene(drawn: Drawn) -> dict[str, Any]:
    scene = drawn.scene
    return {
        "sun_height": round(float(np.degrees(np.arcsin(scene.sun[1]))), 2),
        "sky_contrast": round(scene.weather, 4),
        "num_cars": sum(thing.name == "car" for thing in scene.objects),
        "num_pedestrians": sum(thing.name == "person" for thing in scene.objects),
        "num_bicyclists": sum(thing.name == "bicycle" for thing in scene.objects),
    }
