"""The box head's training with Detectron2's numbers; its statistics wait until the step is over."""

import torch
from detectron2.layers import cat, cross_entropy
from detectron2.modeling.proposal_generator.proposal_utils import add_ground_truth_to_proposals
from detectron2.modeling.roi_heads import FastRCNNOutputLayers, StandardROIHeads
from detectron2.structures import Instances

from synmix.train.later import log_later
from synmix.train.parts.matching import match


class QuickROIHeads(StandardROIHeads):
    """Detectron2's ``StandardROIHeads``; proposals are matched without waiting for the device, on the CPU by compiled
    loops."""

    #: Whether the compiled loops are loaded.
    compiled = False

    @torch.no_grad()
    def label_and_sample_proposals(self, proposals: list[Instances], targets: list[Instances]) -> list[Instances]:
        """See ``ROIHeads.label_and_sample_proposals``."""
        if self.proposal_append_gt:
            proposals = add_ground_truth_to_proposals(targets, proposals)
        sampled = [self._sampled(*pair) for pair in zip(proposals, targets, strict=True)]
        classes = torch.cat([image.gt_classes for image in sampled])
        background = (classes == self.num_classes).sum()
        log_later("roi_head/num_fg_samples", (len(classes) - background) / len(sampled))
        log_later("roi_head/num_bg_samples", background / len(sampled))
        return sampled

    def _sampled(self, proposals: Instances, targets: Instances) -> Instances:
        """Some proposals of an image with the fields ``gt_*`` of the labelled objects that they match."""
        indices, labels = match(targets.gt_boxes, proposals.proposal_boxes, self.proposal_matcher, self.compiled)
        chosen, classes = self._sample_proposals(indices, labels, targets.gt_classes)
        sampled = proposals[chosen]
        sampled.gt_classes = classes
        for name, value in targets.get_fields().items() if len(targets) else ():
            if name.startswith("gt_") and not sampled.has(name):
                sampled.set(name, value[indices[chosen]])
        return sampled


class QuickBoxOutputs(FastRCNNOutputLayers):
    """Detectron2's ``FastRCNNOutputLayers``."""

    def losses(
        self, predictions: tuple[torch.Tensor, torch.Tensor], proposals: list[Instances]
    ) -> dict[str, torch.Tensor]:
        """See ``FastRCNNOutputLayers.losses``."""
        if getattr(self, "use_sigmoid_ce", False):  # upstream's main has other losses too
            return super().losses(predictions, proposals)
        scores, deltas = predictions
        classes = cat([image.gt_classes for image in proposals])
        boxes = cat([image.proposal_boxes.tensor for image in proposals])
        targets = [(image.gt_boxes if image.has("gt_boxes") else image.proposal_boxes).tensor for image in proposals]
        if len(classes):
            _log_accuracy(scores, classes)
        losses = {
            "loss_cls": cross_entropy(scores, classes, reduction="mean"),
            "loss_box_reg": self.box_reg_loss(boxes, cat(targets), deltas, classes),
        }
        return {name: loss * self.loss_weight.get(name, 1.0) for name, loss in losses.items()}


def _log_accuracy(scores: torch.Tensor, classes: torch.Tensor) -> None:
    """Detectron2's three figures, of (R, K + 1) scores, background last, and (R,) classes."""
    predicted, background = scores.argmax(dim=1), scores.shape[1] - 1
    right, objects = predicted == classes, (classes >= 0) & (classes < background)
    log_later("fast_rcnn/cls_accuracy", right.sum() / len(classes))
    log_later("fast_rcnn/fg_cls_accuracy", (right & objects).sum() / objects.sum())
    log_later("fast_rcnn/false_negative", ((predicted == background) & objects).sum() / objects.sum())
