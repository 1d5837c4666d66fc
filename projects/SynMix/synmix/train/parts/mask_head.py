"""PointRend's mask head for training sets that hold images without labels, as removal leaves them (paper 4.1), for
masks that come as a map, and for the CPU."""

from typing import Any

import torch
from detectron2.modeling import ROI_MASK_HEAD_REGISTRY
from detectron2.projects.point_rend.mask_head import PointRendMaskHead, calculate_uncertainty
from detectron2.projects.point_rend.point_features import (
    generate_regular_grid_point_coords,
    get_point_coords_wrt_image,
    get_uncertain_point_coords_with_randomness,
)
from detectron2.structures import Boxes, Instances
from torch import nn
from torch.nn import functional as F

from synmix.train.later import log_later
from synmix.train.parts.mask_targets import point_labels
from synmix.train.parts.point_features import sample_features


@ROI_MASK_HEAD_REGISTRY.register()
class SynMixPointRendMaskHead(PointRendMaskHead):
    """Equal to ``PointRendMaskHead``, weights and all, but a batch without any object has a loss of 0; Detectron2's
    raises there (``torch.cat`` of nothing). Of packed masks only what is asked for is read."""

    #: Whether the compiled loops are loaded.
    compiled = False

    def _init_point_head(self, cfg: Any, input_shape: dict) -> None:
        super()._init_point_head(cfg, input_shape)
        for layer in self.point_head.modules() if self.mask_point_on else ():
            if type(layer) is nn.Conv1d and layer.kernel_size == (1,):
                layer.__class__ = PointwiseConv1d

    def forward(
        self, features: dict[str, torch.Tensor], instances: list[Instances]
    ) -> dict[str, torch.Tensor] | list[Instances]:
        """See ``PointRendMaskHead.forward``."""
        if not self.training:
            return super().forward(features, instances)
        if not any(len(image) for image in instances):
            nothing = sum(parameter.sum() * 0 for parameter in self.parameters())  # every process needs every gradient
            return {"loss_mask": nothing, "loss_mask_point": nothing} if self.mask_point_on else {"loss_mask": nothing}
        boxes = [image.proposal_boxes for image in instances]
        coarse = self.coarse_head(self._grid_features(features, boxes))
        losses = {"loss_mask": coarse_loss(coarse, instances)}
        if self.mask_point_on:
            points, labels = self._sample_train_points(coarse, instances)
            fine = self._features(features, self.mask_point_in_features, boxes, points)
            logits = self._get_point_logits(fine, points, coarse)
            losses["loss_mask_point"] = point_loss(logits, instances, labels)
        return losses

    def _grid_features(self, features: dict[str, torch.Tensor], boxes: list[Boxes]) -> torch.Tensor:
        """``_roi_pooler``: (R, C, S, S), features on a grid in each box."""
        side, count = self.roi_pooler_size, sum(len(image) for image in boxes)
        points = generate_regular_grid_point_coords(count, side, boxes[0].device)
        return self._features(features, self.roi_pooler_in_features, boxes, points).unflatten(2, (side, side))

    def _features(
        self, features: dict[str, torch.Tensor], names: list[str], boxes: list[Boxes], points: torch.Tensor
    ) -> torch.Tensor:
        maps, scales = [features[name] for name in names], [self._feature_scales[name] for name in names]
        return sample_features(maps, scales, boxes, points, self.compiled)

    @torch.no_grad()
    def _sample_train_points(
        self, coarse_mask: torch.Tensor, instances: list[Instances]
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """(R, P, 2) points as parts of their box, drawn as Detectron2 does, and (R, P) the labels there."""
        classes = torch.cat([image.gt_classes for image in instances])
        points = get_uncertain_point_coords_with_randomness(
            coarse_mask,
            lambda logits: calculate_uncertainty(logits, classes),
            self.mask_point_train_num_points,
            self.mask_point_oversample_ratio,
            self.mask_point_importance_sample_ratio,
        )
        boxes = Boxes.cat([image.proposal_boxes for image in instances])
        return points, point_labels(instances, get_point_coords_wrt_image(boxes.tensor, points))


def coarse_loss(logits: torch.Tensor, instances: list[Instances]) -> torch.Tensor:
    """Detectron2's ``mask_rcnn_loss`` of (R, K, P, P) or (R, 1, P, P) logits, whose statistics wait until the step is
    over."""
    labelled, side = [image for image in instances if len(image)], logits.shape[-1]
    masks = [image.gt_masks.crop_and_resize(image.proposal_boxes.tensor, side) for image in labelled]
    targets = torch.cat(masks).to(logits.device)
    inside = targets > 0.5
    logits = _of_classes(logits, instances)
    wrong, positive = (logits > 0) != inside, inside.sum()
    log_later("mask_rcnn/accuracy", 1 - wrong.sum() / wrong.numel())
    log_later("mask_rcnn/false_positive", (wrong & ~inside).sum() / (inside.numel() - positive).clamp(min=1))
    log_later("mask_rcnn/false_negative", (wrong & inside).sum() / positive.clamp(min=1))
    return F.binary_cross_entropy_with_logits(logits, targets.float())


def point_loss(logits: torch.Tensor, instances: list[Instances], labels: torch.Tensor) -> torch.Tensor:
    """Detectron2's ``roi_mask_point_loss`` of (R, K, P) or (R, 1, P) logits and (R, P) labels from 0 to 1; a label of
    -1 is ignored."""
    logits, kept = _of_classes(logits, instances), labels != -1
    right = ((logits > 0) == labels.to(torch.uint8)) & kept
    log_later("point/accuracy", right.sum() / kept.sum().clamp(min=1))
    return F.binary_cross_entropy_with_logits(logits, labels, weight=kept.float())


def _of_classes(logits: torch.Tensor, instances: list[Instances]) -> torch.Tensor:
    """(R, ...) of (R, K, ...): each proposal's own class."""
    if logits.shape[1] == 1:
        return logits[:, 0]
    classes = torch.cat([image.gt_classes for image in instances])
    return logits[torch.arange(len(logits), device=logits.device), classes]


class PointwiseConv1d(nn.Conv1d):
    """A convolution over single points. On the CPU it multiplies matrices, which takes a third of the time of
    PyTorch's convolution and is equal to it but for rounding."""

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """(R, C, P) features of P points to (R, D, P)."""
        if input.device.type != "cpu" or self.bias is None:
            return super().forward(input)
        return torch.baddbmm(self.bias[:, None], self.weight[:, :, 0].expand(len(input), -1, -1), input)
