"""PointRend's mask head for training sets that hold images without labels, as removal leaves them (paper 4.1)."""

import torch
from detectron2.modeling import ROI_MASK_HEAD_REGISTRY
from detectron2.projects.point_rend.mask_head import PointRendMaskHead
from detectron2.structures import Instances


@ROI_MASK_HEAD_REGISTRY.register()
class SynMixPointRendMaskHead(PointRendMaskHead):
    """Equal to ``PointRendMaskHead``, weights and all, but a batch without any object has a loss of 0; Detectron2's
    raises there (``torch.cat`` of nothing)."""

    def forward(
        self, features: dict[str, torch.Tensor], instances: list[Instances]
    ) -> dict[str, torch.Tensor] | list[Instances]:
        """See ``PointRendMaskHead.forward``."""
        if not self.training or any(len(image) for image in instances):
            return super().forward(features, instances)
        nothing = sum(parameter.sum() * 0 for parameter in self.parameters())  # every process needs every gradient
        return {"loss_mask": nothing, "loss_mask_point": nothing} if self.mask_point_on else {"loss_mask": nothing}
