"""Mask2Former (Cheng et al., arXiv 2112.01527) as a Detectron2 meta-architecture: the network and its losses are
transformers', the batches, weights' names and instances Detectron2's.

Shape legend: B images, Q queries, K classes, N instances, H x W the batch's padded size, divisible by 32.
"""

from typing import Any

import torch
from detectron2.config import CfgNode
from detectron2.modeling import META_ARCH_REGISTRY
from detectron2.structures import BitMasks, ImageList, Instances
from torch import nn
from torch.nn import functional as F

from synmix.errors import UserError

_STAGES = ["stage1", "stage2", "stage3", "stage4"]
_STRIDE, _MASK_STRIDE = 32, 4
#: transformers' names of the losses, of all layers of the decoder -> ours.
_LOSSES = {"loss_cross_entropy": "loss_class", "loss_mask": "loss_mask", "loss_dice": "loss_dice"}


@META_ARCH_REGISTRY.register()
class Mask2Former(nn.Module):
    """Its weights have the names of transformers' ``Mask2FormerForUniversalSegmentation``, so that published ones fit
    (``MODEL.WEIGHTS hf://facebook/mask2former-swin-tiny-coco-instance`` with ``MODEL.PARTIAL_WEIGHTS``).

    Losses are normalised by the masks of a process's own part of a batch, as Detectron2's heads do it.
    """

    def __init__(self, cfg: CfgNode) -> None:
        super().__init__()
        network = _built(cfg)
        network.model.pixel_level_module.encoder.swin.layernorm.requires_grad_(False)  # which no stage uses
        self.model, self.class_predictor, self.criterion = network.model, network.class_predictor, network.criterion
        self._network = [network]  # in a list, so that it is no part of its own: its parts are registered above
        self.num_classes: int = cfg.MODEL.MASK2FORMER.NUM_CLASSES
        self.detections: int = cfg.TEST.DETECTIONS_PER_IMAGE
        self.pixel_mean, self.pixel_std = cfg.MODEL.PIXEL_MEAN, cfg.MODEL.PIXEL_STD

    @property
    def device(self) -> torch.device:
        """Where it is."""
        return next(self.parameters()).device

    @property
    def backbone(self) -> nn.Module:
        """The Swin transformer."""
        encoder: nn.Module = self._network[0].model.pixel_level_module.encoder
        return encoder

    def forward(self, batch: list[dict[str, Any]]) -> Any:
        """Of mapped dicts: in training a dict of losses, else ``[{"instances": Instances}]``."""
        mean, std = (torch.tensor(v, device=self.device).view(-1, 1, 1) for v in (self.pixel_mean, self.pixel_std))
        images = ImageList.from_tensors([(record["image"].to(self.device) - mean) / std for record in batch], _STRIDE)
        inside = torch.zeros(len(batch), *images.tensor.shape[-2:], dtype=torch.long, device=self.device)
        for mask, (height, width) in zip(inside, images.image_sizes, strict=True):
            mask[:height, :width] = 1
        found = self._network[0](images.tensor, pixel_mask=inside, output_auxiliary_logits=True)
        if self.training:
            return self._losses(found, [record["instances"].to(self.device) for record in batch])
        return [
            {"instances": self._instances(logits, masks, size, images.tensor.shape[-2:], record)}
            for logits, masks, size, record in zip(
                found.class_queries_logits, found.masks_queries_logits, images.image_sizes, batch, strict=True
            )
        ]

    def _losses(self, found: Any, truths: list[Instances]) -> dict[str, torch.Tensor]:
        """The weighted losses, each of all layers of the decoder together; in float32, since points are matched."""
        height, width = (_MASK_STRIDE * side for side in found.masks_queries_logits.shape[-2:])
        masks = [truth.gt_masks.tensor for truth in truths]
        with torch.autocast(self.device.type, enabled=False):
            weighted = self._network[0].get_loss_dict(
                found.masks_queries_logits.float(),
                found.class_queries_logits.float(),
                [F.pad(mask.float(), (0, width - mask.shape[-1], 0, height - mask.shape[-2])) for mask in masks],
                [truth.gt_classes for truth in truths],
                [{name: logits.float() for name, logits in layer.items()} for layer in found.auxiliary_logits],
            )
        return {
            ours: sum(value for name, value in weighted.items() if name.startswith(theirs))
            for theirs, ours in _LOSSES.items()
        }

    def _instances(
        self,
        logits: torch.Tensor,
        masks: torch.Tensor,
        size: tuple[int, int],
        padded: torch.Size,
        record: dict[str, Any],
    ) -> Instances:
        """The likeliest pairs of query and class, scored by class and mask (the paper's 3.3, its official code).

        Args:
            logits: (Q, K + 1).
            masks: (Q, H / 4, W / 4).
            size: of the image that the network saw, without padding.
        """
        scores = logits.softmax(-1)[:, :-1].flatten()
        scores, places = scores.topk(min(self.detections, len(scores)))
        masks = F.interpolate(masks[places // self.num_classes][None].float(), padded, mode="bilinear")
        masks = masks[..., : size[0], : size[1]]
        shape = record.get("height", size[0]), record.get("width", size[1])
        masks = F.interpolate(masks, shape, mode="bilinear")[0]
        inside = masks > 0
        sure = (masks.sigmoid() * inside).flatten(1).sum(1) / inside.flatten(1).sum(1).clamp(min=1)
        found = Instances(shape, pred_masks=inside, scores=scores * sure, pred_classes=places % self.num_classes)
        found.pred_boxes = BitMasks(inside).get_bounding_boxes()
        return found


def _built(cfg: CfgNode) -> Any:
    try:
        from transformers import Mask2FormerConfig, Mask2FormerForUniversalSegmentation, SwinConfig
    except ImportError:
        raise UserError(
            "MODEL.META_ARCHITECTURE is 'Mask2Former', which needs the package transformers; install synmix[models]."
        ) from None
    keys = cfg.MODEL.MASK2FORMER
    swin: Any = SwinConfig(  # type: ignore[call-arg]
        embed_dim=keys.EMBED_DIM,
        depths=list(keys.DEPTHS),
        num_heads=list(keys.HEADS),
        window_size=keys.WINDOW,
        drop_path_rate=keys.DROP_PATH,
        out_features=_STAGES,
    )
    return Mask2FormerForUniversalSegmentation(
        Mask2FormerConfig(  # type: ignore[call-arg]
            backbone_config=swin,
            num_labels=keys.NUM_CLASSES,
            num_queries=keys.QUERIES,
            hidden_dim=keys.HIDDEN_DIM,
            feature_size=keys.HIDDEN_DIM,
            mask_feature_size=keys.HIDDEN_DIM,
            encoder_layers=keys.ENCODER_LAYERS,
            encoder_feedforward_dim=keys.ENCODER_FEEDFORWARD,
            decoder_layers=keys.DECODER_LAYERS,
            dim_feedforward=keys.FEEDFORWARD,
            train_num_points=keys.TRAIN_NUM_POINTS,
        )
    )
