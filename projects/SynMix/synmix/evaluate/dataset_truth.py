"""Ground truth of a Detectron2 dict: from its instance map, or from COCO-format annotations."""

from collections.abc import Mapping, Sequence
from typing import Any

from synmix.data.images import read_instance_map
from synmix.data.segmentation import rle_of
from synmix.errors import UserError
from synmix.evaluate.ground_truth import GroundTruth, MapGroundTruth, MaskGroundTruth
from synmix.evaluate.masks import from_coco_rle


def read_ground_truth(frame: Mapping[str, Any], classes: Sequence[str]) -> GroundTruth:
    """What the predictions of an image are compared with.

    Args:
        frame: a Detectron2 dict: with ``instance_map``, or with ``annotations`` that have a ``segmentation``.
        classes: the evaluated ones, in the order of categories; an annotation must be of one of them.

    Raises:
        UserError: the instance map is missing or damaged, or an annotation has no mask.
    """
    if frame.get("instance_map"):
        path = frame["instance_map"]
        return MapGroundTruth(read_instance_map(path), str(path), classes)
    annotations = frame.get("annotations", [])
    shape = (int(frame["height"]), int(frame["width"]))
    for annotation in annotations:
        if not annotation.get("segmentation"):
            raise UserError(
                f"an annotation of '{frame['file_name']}' has no segmentation, so its mask cannot be scored."
            )
        if not 0 <= annotation["category_id"] < len(classes):
            raise UserError(
                f"an annotation of '{frame['file_name']}' has the unknown class {annotation['category_id']}."
            )
    masks = from_coco_rle([rle_of(annotation["segmentation"], *shape) for annotation in annotations], shape)
    categories = [annotation["category_id"] for annotation in annotations]
    return MaskGroundTruth(masks, categories, [bool(annotation.get("iscrowd", 0)) for annotation in annotations])
