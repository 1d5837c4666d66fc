"""Targets of the point head, read for the proposals that ask: from the packed map where there is one."""

from collections.abc import Sequence

import torch
from detectron2.projects.point_rend.point_features import sample_point_labels
from detectron2.structures import Instances

from synmix.data.packed_masks import PackedMasks


def point_labels(instances: Sequence[Instances], points: torch.Tensor) -> torch.Tensor:
    """Detectron2's ``sample_point_labels``, to the bit, without a full frame for each proposal.

    Args:
        instances: the R proposals of a batch, by image, with ``gt_masks`` where an image has any.
        points: (R, P, 2) x and y in pixels.

    Returns:
        (R, P) float32 from 0 to 1.
    """
    by_image = points.split([len(image) for image in instances])
    labels = [_of_image(image, part) for image, part in zip(instances, by_image, strict=True) if len(image)]
    return torch.cat(labels)


def _of_image(image: Instances, points: torch.Tensor) -> torch.Tensor:
    if isinstance(image.gt_masks, PackedMasks):
        return image.gt_masks.sample(points)
    return sample_point_labels([image], points)
