"""Non-maximum suppression within groups: torchvision's, on the CPU in one compiled pass with the same result."""

import numpy as np
import torch
from detectron2.layers import batched_nms

_MOST_SHIFTED = 4000  # coordinates; torchvision shifts the groups of so many apart, and goes through those of more


def nms_of_groups(
    boxes: torch.Tensor, scores: torch.Tensor, groups: torch.Tensor, threshold: float, compiled: bool
) -> torch.Tensor:
    """Numbers of the boxes that stay, best first.

    Args:
        boxes: (R, 4) x_min, y_min, x_max, y_max.
        scores: (R,).
        groups: (R,) int64; boxes of different groups do not compete.
        threshold: of intersection over union.
        compiled: the loops of :mod:`synmix.train.parts.box_loops` are loaded, for boxes on the CPU.
    """
    if not (compiled and boxes.device.type == "cpu" and boxes.dtype == torch.float32 and len(boxes)):
        return batched_nms(boxes, scores, groups, threshold)
    from synmix.train.parts.box_loops import nms

    if boxes.numel() <= _MOST_SHIFTED:  # which rounds their coordinates
        boxes, groups = boxes + (groups.to(boxes) * (boxes.max() + 1))[:, None], torch.zeros_like(groups)
    order = scores.argsort(descending=True, stable=True)
    dropped = torch.zeros(len(boxes), dtype=torch.bool)
    sorted_boxes = boxes[order].t().contiguous()
    nms(sorted_boxes.numpy(), groups[order].numpy(), _below(threshold), dropped.view(torch.uint8).numpy())
    return order[~dropped]


def _below(threshold: float) -> np.float32:
    """The greatest float32 that is not above a float64: nothing of float32 lies between."""
    nearest = np.float32(threshold)
    return nearest if float(nearest) <= threshold else np.nextafter(nearest, np.float32(-np.inf))
