"""PointRend's mask head for training sets that hold images without labels, as removal leaves them (paper 4.1), and for
masks that come as a map."""

import torch
from detectron2.modeling import ROI_MASK_HEAD_REGISTRY
from detectron2.projects.point_rend.mask_head import PointRendMaskHead, calculate_uncertainty
from detectron2.projects.point_rend.point_features import (
    get_point_coords_wrt_image,
    get_uncertain_point_coords_with_randomness,
)
from detectron2.structures import Boxes, Instances

from synmix.train.mask_targets import point_labels


@ROI_MASK_HEAD_REGISTRY.register()
class SynMixPointRendMaskHead(PointRendMaskHead):
    """Equal to ``PointRendMaskHead``, weights and all, but a batch without any object has a loss of 0; Detectron2's
    raises there (``torch.cat`` of nothing). Of packed masks only what is asked for is read."""

    def forward(
        self, features: dict[str, torch.Tensor], instances: list[Instances]
    ) -> dict[str, torch.Tensor] | list[Instances]:
        """See ``PointRendMaskHead.forward``."""
        if not self.training or any(len(image) for image in instances):
            return super().forward(features, instances)
        nothing = sum(parameter.sum() * 0 for parameter in self.parameters())  # every process needs every gradient
        return {"loss_mask": nothing, "loss_mask_point": nothing} if self.mask_point_on else {"loss_mask": nothing}

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
