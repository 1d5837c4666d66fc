"""PointRend's features of points inside boxes, of all images of a batch together.

Shape legend: N images, R boxes of all of them, P points in each, C channels.
"""

from collections.abc import Sequence
from typing import Any

import torch
from detectron2.projects.point_rend.point_features import get_point_coords_wrt_image, point_sample
from detectron2.structures import Boxes
from torch.autograd.function import once_differentiable


def sample_features(
    features: Sequence[torch.Tensor],
    scales: Sequence[float],
    boxes: Sequence[Boxes],
    points: torch.Tensor,
    compiled: bool = False,
) -> torch.Tensor:
    """Detectron2's ``point_sample_fine_grained_features``, equal but for rounding. Going back, each image's gradient is
    written in its place; there a map of zeros for the whole batch is added for each image.

    Args:
        features: (N, C, H, W), of one or several levels.
        scales: pixels of each level for one of the image.
        boxes: those of each image.
        points: (R, P, 2), as parts of their box.
        compiled: the loops of :mod:`synmix.train.parts.point_loops` are loaded, for features on the CPU.

    Returns:
        (R, C of all levels, P).
    """
    places = get_point_coords_wrt_image(Boxes.cat(list(boxes)).tensor, points)
    counts = [len(image) for image in boxes]
    sampled = []
    for level, scale in zip(features, scales, strict=True):
        sample = _by_loops if compiled and _suits_loops(level, places) else _by_image
        sampled.append(sample(level, places * scale, counts))
    return sampled[0] if len(sampled) == 1 else torch.cat(sampled, dim=1)


def _suits_loops(features: torch.Tensor, places: torch.Tensor) -> bool:
    """Of float32 on the CPU, and its channels lie side by side already, or there are enough points to turn it over."""
    worth = features.is_contiguous(memory_format=torch.channels_last)
    worth = worth or 4 * places[..., 0].numel() >= features[:, 0].numel()
    return worth and features.dtype == torch.float32 and features.device.type == "cpu"


def _by_image(features: torch.Tensor, places: torch.Tensor, counts: list[int]) -> torch.Tensor:
    height, width = features.shape[-2:]
    parts = torch.stack((places[..., 0] / width, places[..., 1] / height), dim=-1).split(counts)
    images = zip(features.unbind(), parts, strict=True)
    sampled = [point_sample(image[None], part[None], align_corners=False)[0] for image, part in images]
    return torch.cat(sampled, dim=1).transpose(0, 1)


def _by_loops(features: torch.Tensor, places: torch.Tensor, counts: list[int]) -> torch.Tensor:
    images = torch.repeat_interleave(torch.tensor(counts))
    sampled: torch.Tensor = _Sampled.apply(features, images, (places - 0.5).contiguous())
    return sampled


class _Sampled(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, features: torch.Tensor, images: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
        from synmix.train.parts.point_loops import sample

        ctx.save_for_backward(images, points)
        ctx.shape = features.shape
        sampled = features.new_empty((len(points), features.shape[1], points.shape[1]))
        pixels = features.detach().permute(0, 2, 3, 1).contiguous()
        sample(pixels.numpy(), images.numpy(), points.numpy(), sampled.numpy(), False)
        return sampled

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        from synmix.train.parts.point_loops import sample

        images, points = ctx.saved_tensors
        count, channels, height, width = ctx.shape
        pixels = grad.new_zeros((count, height, width, channels))
        sample(pixels.numpy(), images.numpy(), points.numpy(), grad.contiguous().numpy(), True)
        return pixels.permute(0, 3, 1, 2), None, None
