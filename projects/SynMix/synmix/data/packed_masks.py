"""The masks of an image as one map of instance numbers, and training targets read from it for the proposals that ask.

Detectron2's ``BitMasks`` hold a full frame for each of the 512 proposals it samples; a map is shared by all of them.

Legend: H, W are the image's height and width, N the masks, P points of each, S the side of a coarse target.
"""

from typing import Any

import synmix.before_detectron2  # noqa: F401

import torch
from detectron2.layers import ROIAlign
from detectron2.structures import BitMasks
from torch.nn import functional as F

#: Of the full frames that coarse targets are cut from at a time; more than the allocator keeps would cost page faults.
_MOST_BYTES = 16 * 2**20
#: Pixels that share no neighbourhood of three along an axis have another remainder.
_PERIOD = 3


class PackedMasks(BitMasks):
    """``BitMasks`` that take a byte a pixel for all of them. Targets are Detectron2's to the bit, on any device.

    Masks do not overlap, but the same one may be there several times, once for each proposal that is matched with it.
    ``tensor`` unpacks all of them, for whoever knows nothing of maps.
    """

    def __init__(self, numbers: torch.Tensor, kept: torch.Tensor) -> None:
        """
        Args:
            numbers: (H, W) integers, the instance each pixel belongs to, 0 is none.
            kept: (N,) the number of each mask, on the same device.
        """
        self.numbers = numbers
        self.kept = kept
        self.image_size = numbers.shape

    @property
    def tensor(self) -> torch.Tensor:
        """(N, H, W) bool, made anew at every call."""
        return self.numbers == self.kept.to(self.numbers.dtype)[:, None, None]

    @property
    def device(self) -> torch.device:
        """Where the map is."""
        return self.numbers.device

    def __len__(self) -> int:
        return len(self.kept)

    def __repr__(self) -> str:
        return f"PackedMasks(num_instances={len(self)})"

    def __getitem__(self, item: Any) -> "PackedMasks":
        """Some of the masks, of the same map: an index, a slice, a mask or a list of indices."""
        return PackedMasks(self.numbers, self.kept[item].reshape(-1))

    def to(self, *args: Any, **kwargs: Any) -> "PackedMasks":
        """Moves the map, packed."""
        numbers = self.numbers.to(*args, **kwargs)
        return PackedMasks(numbers, self.kept.to(numbers.device))

    @staticmethod
    def cat(bitmasks_list: list[BitMasks]) -> BitMasks:
        """The masks of several, unpacked: two maps have no numbers in common."""
        return BitMasks.cat([BitMasks(masks.tensor) for masks in bitmasks_list])

    def crop_and_resize(self, boxes: torch.Tensor, mask_size: int) -> torch.Tensor:
        """The coarse targets: each mask inside its box.

        Args:
            boxes: (N, 4) x_min, y_min, x_max, y_max in pixels.
            mask_size: S.

        Returns:
            (N, S, S) bool.
        """
        targets = torch.zeros(len(boxes), mask_size, mask_size, dtype=torch.bool, device=self.device)
        numbers, places, counts = torch.unique(self.kept, return_inverse=True, return_counts=True)
        order = torch.argsort(places)
        ends = [0, *counts.cumsum(0).tolist()]
        several = max(1, _MOST_BYTES // (4 * max(1, self.numbers.numel())))
        align = ROIAlign((mask_size, mask_size), 1.0, 0, aligned=True)
        for first in range(0, len(numbers), several):
            last = min(first + several, len(numbers))
            rows = order[ends[first] : ends[last]]
            rois = torch.cat([(places[rows] - first).to(boxes.dtype)[:, None], boxes[rows].to(self.device)], dim=1)
            frames = PackedMasks(self.numbers, numbers[first:last]).tensor[:, None].to(torch.float32)
            targets[rows] = align(frames, rois).squeeze(1) >= 0.5  # as BitMasks
        return targets

    def sample(self, points: torch.Tensor) -> torch.Tensor:
        """The targets of points: the masks, interpolated linearly between the centres of pixels and 0 outside.

        Args:
            points: (N, P, 2) x and y in pixels.

        Returns:
            (N, P) float32 from 0 to 1.
        """
        height, width = self.numbers.shape
        scale = torch.tensor([width, height], dtype=torch.float, device=self.device)
        shares = points / scale
        columns, across = _neighbours(shares[..., 0], width)
        rows, down = _neighbours(shares[..., 1], height)
        kept = self.kept.to(self.numbers.dtype)[:, None]
        labels = torch.zeros(points.shape[:2], dtype=torch.float32, device=self.device)
        for row, vertical in zip(rows, down, strict=True):  # in grid_sample's order, for the same sum
            for column, horizontal in zip(columns, across, strict=True):
                labels += horizontal * vertical * (self.numbers[row, column] == kept)
        return labels


def _neighbours(shares: torch.Tensor, size: int) -> tuple[torch.Tensor, torch.Tensor]:
    """(3, N, P) the pixels nearest to places along an axis, and their weights in a linear interpolation; one is 0.

    ``grid_sample`` tells the weights itself, since its rounding differs between devices: it interpolates three lines,
    each with a 1 at every third pixel, so that a pixel's line holds its weight alone.

    Args:
        shares: (N, P) the places as parts of the axis.
        size: of the axis, in pixels.
    """
    position = torch.arange(size, device=shares.device) % _PERIOD
    lines = (position == torch.arange(_PERIOD, device=shares.device)[:, None]).to(torch.float32)
    grid = torch.stack([2.0 * shares - 1.0, torch.zeros_like(shares)], dim=-1)
    weights = F.grid_sample(lines[None, :, None], grid[None], align_corners=False)[0]
    nearest = (shares * size - 0.5).round().long()
    near = torch.stack([nearest - 1, nearest, nearest + 1])
    return near.clamp(0, size - 1), weights.gather(0, near.remainder(_PERIOD))
