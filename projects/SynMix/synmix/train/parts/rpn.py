"""Region proposals with Detectron2's numbers, without what is computed and thrown away.

Shape legend: N images, L levels of the pyramid, R anchors of an image on all levels, G its labelled boxes.
"""

import torch
from detectron2.layers import cat, nonzero_tuple
from detectron2.modeling.box_regression import Box2BoxTransform
from detectron2.modeling.proposal_generator import RPN
from detectron2.structures import Boxes, Instances
from fvcore.nn import smooth_l1_loss
from torch.nn import functional as F

from synmix.train.later import log_later
from synmix.train.parts.matching import match
from synmix.train.parts.nms import nms_of_groups

_Matched = tuple[torch.Tensor, torch.Tensor]  # an image's (G, 4) boxes, (R,) which of them each anchor belongs to


class QuickRPN(RPN):
    """Detectron2's ``RPN``. Boxes of anchors are made for those anchors alone that are asked for, statistics wait until
    the step is over, and on the CPU anchors are matched by compiled loops."""

    #: Whether the compiled loops are loaded.
    compiled = False

    @torch.no_grad()
    def label_and_sample_anchors(
        self, anchors: list[Boxes], gt_instances: list[Instances]
    ) -> tuple[list[torch.Tensor], list[_Matched]]:
        """(R,) labels of each image's anchors, 1 for objects, 0 for background, -1 for neither; and what they match."""
        all_anchors = Boxes.cat(anchors)
        labels, matched = [], []
        for image in gt_instances:
            indices, label = match(image.gt_boxes, all_anchors, self.anchor_matcher, self.compiled)
            if self.anchor_boundary_thresh >= 0:
                label[~all_anchors.inside_box(image.image_size, self.anchor_boundary_thresh)] = -1
            labels.append(self._subsample_labels(label))
            matched.append((image.gt_boxes.tensor, indices))
        return labels, matched

    def losses(
        self,
        anchors: list[Boxes],
        pred_objectness_logits: list[torch.Tensor],
        gt_labels: list[torch.Tensor],
        pred_anchor_deltas: list[torch.Tensor],
        gt_boxes: list[_Matched],
    ) -> dict[str, torch.Tensor]:
        """See ``RPN.losses``."""
        if self.box_reg_loss_type != "smooth_l1" or type(self.box2box_transform) is not Box2BoxTransform:
            every = [boxes[indices] if len(boxes) else boxes.new_zeros(len(indices), 4) for boxes, indices in gt_boxes]
            return super().losses(anchors, pred_objectness_logits, gt_labels, pred_anchor_deltas, every)
        labels = torch.stack(gt_labels)
        sampled = nonzero_tuple(labels.flatten() >= 0)[0]
        sampled_labels = labels.flatten()[sampled]
        objects = sampled[sampled_labels == 1]
        log_later("rpn/num_pos_anchors", (sampled_labels == 1).sum() / len(labels))
        log_later("rpn/num_neg_anchors", (sampled_labels == 0).sum() / len(labels))
        objectness = F.binary_cross_entropy_with_logits(
            cat(pred_objectness_logits, dim=1).flatten()[sampled], sampled_labels.float(), reduction="sum"
        )
        location = smooth_l1_loss(
            cat(pred_anchor_deltas, dim=1).flatten(0, 1)[objects],
            self._deltas_of(objects, Boxes.cat(anchors).tensor, gt_boxes),
            beta=self.smooth_l1_beta,
            reduction="sum",
        )
        normalizer = self.batch_size_per_image * len(labels)
        losses = {"loss_rpn_cls": objectness / normalizer, "loss_rpn_loc": location / normalizer}
        return {name: loss * self.loss_weight.get(name, 1.0) for name, loss in losses.items()}

    def _deltas_of(self, objects: torch.Tensor, anchors: torch.Tensor, matched: list[_Matched]) -> torch.Tensor:
        """What the network is to say of the anchors ``objects``, numbered through all images."""
        counts = torch.tensor([0, *(len(boxes) for boxes, _ in matched[:-1])]).cumsum(0)
        indices = torch.cat([own + first for (_, own), first in zip(matched, counts.tolist(), strict=True)])
        boxes = torch.cat([boxes for boxes, _ in matched])
        return self.box2box_transform.get_deltas(anchors[objects % len(anchors)], boxes[indices[objects]])

    @torch.no_grad()
    def predict_proposals(
        self,
        anchors: list[Boxes],
        pred_objectness_logits: list[torch.Tensor],
        pred_anchor_deltas: list[torch.Tensor],
        image_sizes: list[tuple[int, int]],
    ) -> list[Instances]:
        """See ``RPN.predict_proposals``; anchors that are not among the best of their level are left out first."""
        wanted = self.pre_nms_topk[self.training]
        best_anchors, best_logits, best_deltas = [], [], []
        for level, logits, deltas in zip(anchors, pred_objectness_logits, pred_anchor_deltas, strict=True):
            values, order = logits.topk(min(wanted, logits.shape[1]), dim=1)
            best_logits.append(values)
            best_deltas.append(deltas.gather(1, order[..., None].expand(-1, -1, deltas.shape[2])))
            best_anchors.append(level.tensor[order])
        counts = [level.shape[1] for level in best_logits]
        levels = torch.repeat_interleave(torch.tensor(counts)).to(pred_anchor_deltas[0].device)
        boxes = self.box2box_transform.apply_deltas(
            torch.cat(best_deltas, dim=1).flatten(0, 1), torch.cat(best_anchors, dim=1).flatten(0, 1)
        )
        boxes, logits = boxes.view(len(image_sizes), sum(counts), -1), torch.cat(best_logits, dim=1)
        finite = torch.isfinite(boxes).all(dim=2) & torch.isfinite(logits)
        if not finite.all():
            if self.training:
                raise FloatingPointError("Predicted boxes or scores contain Inf/NaN. Training has diverged.")
            logits = logits.masked_fill(~finite, float("-inf"))
        return [self._best(*image, levels) for image in zip(boxes, logits, image_sizes, strict=True)]

    def _best(
        self, boxes: torch.Tensor, logits: torch.Tensor, size: tuple[int, int], levels: torch.Tensor
    ) -> Instances:
        """The proposals of an image, best first, inside it and none nearly the same as a better one of its level."""
        sides = zip(boxes.unbind(1), 2 * size[::-1], strict=True)
        inside = torch.stack([side.clamp(0, most) for side, most in sides], dim=1)
        kept = nonzero_tuple(Boxes(inside).nonempty(threshold=self.min_box_size) & torch.isfinite(logits))[0]
        inside, logits, levels = inside[kept], logits[kept], levels[kept]
        best = nms_of_groups(inside, logits, levels, self.nms_thresh, self.compiled)
        best = best[: self.post_nms_topk[self.training]]
        proposals = Instances(size)
        proposals.proposal_boxes, proposals.objectness_logits = Boxes(inside[best]), logits[best]
        return proposals
