"""How many classes a model tells apart follows from ``DATASETS.CLASSES``: the one place for that. Torch-free.

Files of a config and its options come in layers, each over the last. Where a layer gives CLASSES, the numbers of those
below it are overruled; a number beside CLASSES, or above, has to agree.
"""

from collections.abc import Collection, Iterator
from typing import Any

_CLASSES = "DATASETS.CLASSES"
_NUMBERS = (
    "MODEL.ROI_HEADS.NUM_CLASSES",
    "MODEL.POINT_HEAD.NUM_CLASSES",
    "MODEL.RETINANET.NUM_CLASSES",
    "MODEL.MASK2FORMER.NUM_CLASSES",
)
#: Where an architecture counts its classes.
_COUNTED = {"GeneralizedRCNN": _NUMBERS[0], "RetinaNet": _NUMBERS[2], "Mask2Former": _NUMBERS[3]}
_RESERVED = "default"


def follow(cfg: Any, given: Collection[str]) -> None:
    """Sets the heads' numbers of classes in a config, if CLASSES is among the keys of a layer.

    Args:
        given: the dotted keys of the layer that was just merged.
    """
    if _CLASSES not in given or not cfg.DATASETS.CLASSES:
        return
    for name in _NUMBERS:
        if name not in given:
            _, head, leaf = name.split(".")
            cfg.MODEL[head][leaf] = len(cfg.DATASETS.CLASSES)


def conflicts(cfg: Any) -> Iterator[str]:
    """A sentence for each thing that CLASSES cannot be meant with."""
    classes, (counted, number) = cfg.DATASETS.CLASSES, number_of_classes(cfg)
    if _RESERVED in classes:
        yield f"{_CLASSES} names a class '{_RESERVED}', which DATASETS.REMOVAL has for all others; call it otherwise."
    if classes and counted and len(classes) != number:
        remedy = f"leave that out, or give {len(classes)}"
        yield f"{_CLASSES} names {len(classes)} classes, but {counted} is {number}; {remedy}."


def number_of_classes(cfg: Any) -> tuple[str, int]:
    """The key under which a model counts its classes, and how many they are; "" and 0 of an own architecture."""
    counted = _COUNTED.get(cfg.MODEL.META_ARCHITECTURE, "")
    _, head, leaf = counted.split(".") if counted else ("", "", "")
    return counted, cfg.MODEL[head][leaf] if counted else 0
