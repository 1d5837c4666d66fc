"""A drawn frame labelled as Cityscapes does it: polygons from far to near, one an instance; its own
tools make them into maps."""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from cityscapesscripts.helpers.annotation import Annotation, CsPoly, Point
from cityscapesscripts.helpers.labels import id2label
from cityscapesscripts.preparation.json2instanceImg import createInstanceImage
from cityscapesscripts.preparation.json2labelImg import createLabelImage

from miniature.streets.draw import EGO_VEHICLE, Drawn, Entity

#: An annotator outlines nothing that shows fewer pixels than this (at 128 rows), nor a smaller share of itself.
SMALLEST = 32
LEAST_SHARE = 0.15
#: How many of those too small or too hidden become a group or void; the others are left out.
_AS_GROUP, _AS_DYNAMIC = 0.3, 0.15
#: Large parked bicycles and the like are now and then marked as a group too.
_GROUPED = {"bicycle": 0.12, "motorcycle": 0.06, "car": 0.02, "person": 0.02}

Polygon = list[list[int]]


@dataclass(frozen=True)
class CityscapesLabels:
    """The labels of one frame."""

    polygons: dict[str, Any]  # the content of gtFine_polygons.json
    instance_ids: np.ndarray  # (H, W) uint16
    label_ids: np.ndarray  # (H, W) uint8


def annotate(drawn: Drawn, rng: np.random.Generator) -> CityscapesLabels:
    """The Cityscapes labels of a frame.

    Args:
        rng: decides what becomes of the instances that are too small for an outline.
    """
    height, width = drawn.index_map.shape
    objects = _backdrop(drawn.backdrop_map)
    visible = drawn.visible_pixels()
    smallest = SMALLEST * (height / 128) ** 2
    for entity in drawn.entities:
        mask, corner = drawn.full_mask(entity)
        label = _label(entity, int(visible[entity.index]), max(smallest, LEAST_SHARE * np.count_nonzero(mask)), rng)
        polygon = _largest_outline(mask, corner) if label else []
        if polygon:
            objects.append({"label": label, "polygon": polygon})
    objects += _frame_of_void(drawn.index_map == EGO_VEHICLE, height, width)
    polygons = {"imgHeight": height, "imgWidth": width, "objects": objects}
    return CityscapesLabels(polygons, *rasterise(polygons))


def rasterise(polygons: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """instanceIds (H, W) uint16 and labelIds (H, W) uint8 of a polygons JSON, by cityscapesScripts' own functions."""
    annotation = Annotation()
    annotation.imgHeight, annotation.imgWidth = polygons["imgHeight"], polygons["imgWidth"]
    annotation.objects = []
    for entry in polygons["objects"]:
        outline = CsPoly()
        outline.label, outline.polygon = entry["label"], [Point(x, y) for x, y in entry["polygon"]]
        annotation.objects.append(outline)
    instances = np.asarray(createInstanceImage(annotation, "ids")).astype(np.uint16)
    return instances, np.asarray(createLabelImage(annotation, "ids")).astype(np.uint8)


def _label(entity: Entity, visible: int, smallest: float, rng: np.random.Generator) -> str:
    """The label's name; empty for what is not outlined."""
    name = id2label[entity.label].name
    if entity.thing is None:
        return name
    chance = float(rng.random())
    if visible >= smallest:
        return f"{name}group" if chance < _GROUPED.get(name, 0.0) and not entity.thing.ridden else name
    if not visible or chance >= _AS_GROUP + _AS_DYNAMIC:
        return ""
    return f"{name}group" if chance < _AS_GROUP else "dynamic"


def _backdrop(labels: np.ndarray) -> list[dict[str, Any]]:
    """The surfaces' polygons, the larger first, so that none covers a smaller one that lies within it."""
    outlines = []
    for label in np.unique(labels).tolist():
        for outline in cv2.findContours((labels == label).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)[
            0
        ]:
            if len(outline) > 2:
                outlines.append((cv2.contourArea(outline), id2label[label].name, outline.reshape(-1, 2).tolist()))
    outlines.sort(key=lambda item: -item[0])
    return [{"label": name, "polygon": polygon} for _, name, polygon in outlines]


def _largest_outline(mask: np.ndarray, corner: tuple[int, int]) -> Polygon:
    """The outline of the largest part of a mask in the frame's pixels; empty for less than an area."""
    if not mask.size:
        return []
    outlines = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)[0]
    largest = max(outlines, key=cv2.contourArea, default=None)
    return [] if largest is None or len(largest) < 3 else (largest.reshape(-1, 2) + corner).tolist()


def _frame_of_void(bonnet: np.ndarray, height: int, width: int) -> list[dict[str, Any]]:
    """The camera's own car, and the edge that the camera's rectification leaves empty."""
    edge = max(0, round(height / 128) - 1)
    right, low = width - 1, height - 1
    strips = [[[0, 0], [right, 0], [right, edge], [0, edge]], [[0, 0], [edge, 0], [edge, low], [0, low]]]
    found = [{"label": "ego vehicle", "polygon": _largest_outline(bonnet.astype(np.uint8), (0, 0))}]
    found += [{"label": "rectification border", "polygon": strips[0]}, {"label": "out of roi", "polygon": strips[1]}]
    return [entry for entry in found if entry["polygon"]]
