"""Which labelled box each anchor or proposal belongs to: Detectron2's ``pairwise_iou`` and ``Matcher``, with the same
result, but without waiting for the device, and on the CPU in one compiled pass."""

import torch
from detectron2.modeling.matcher import Matcher
from detectron2.structures import Boxes, pairwise_iou
from detectron2.utils.memory import retry_if_cuda_oom


def match(boxes: Boxes, others: Boxes, matcher: Matcher, compiled: bool) -> tuple[torch.Tensor, torch.Tensor]:
    """Matches R boxes with G labelled ones.

    Args:
        boxes: the G labelled boxes.
        others: the R anchors or proposals.
        matcher: its thresholds and labels are used.
        compiled: the loops of :mod:`synmix.train.parts.box_loops` are loaded, for boxes on the CPU.

    Returns:
        (R,) int64 the labelled box of the highest overlap, 0 without any; (R,) int8 the matcher's label.
    """
    if not len(boxes):
        nothing = torch.zeros(len(others), dtype=torch.int64, device=others.device)
        return nothing, torch.full_like(nothing, matcher.labels[0], dtype=torch.int8)
    fits = others.tensor.dtype == torch.float32 and others.device.type == "cpu"
    find = _on_cpu if compiled and fits else retry_if_cuda_oom(_anywhere)
    values, indices, low_quality = find(boxes, others, matcher.allow_low_quality_matches)
    labels = torch.ones_like(indices, dtype=torch.int8)
    for label, low, high in zip(matcher.labels, matcher.thresholds, matcher.thresholds[1:], strict=False):
        labels.masked_fill_((values >= low) & (values < high), label)
    return indices.to(others.device), labels.masked_fill_(low_quality, 1).to(others.device)


_Found = tuple[torch.Tensor, torch.Tensor, torch.Tensor]  # (R,) highest overlaps, with which box, low quality


def _anywhere(boxes: Boxes, others: Boxes, lows: bool) -> _Found:
    overlaps = pairwise_iou(boxes, others)
    values, indices = overlaps.max(dim=0)
    low_quality = (overlaps == overlaps.amax(dim=1, keepdim=True)).any(dim=0) & lows
    return values, indices, low_quality


def _on_cpu(boxes: Boxes, others: Boxes, lows: bool) -> _Found:
    from synmix.train.parts.box_loops import match as loop

    values, indices = torch.zeros(len(others)), torch.zeros(len(others), dtype=torch.int64)
    low_quality = torch.zeros(len(others), dtype=torch.bool)
    coordinates = others.tensor.detach().t().contiguous()
    arrays = (values.numpy(), indices.numpy(), low_quality.view(torch.uint8).numpy())
    loop(boxes.tensor.detach().float().contiguous().numpy(), coordinates.numpy(), lows, *arrays)
    return values, indices, low_quality
