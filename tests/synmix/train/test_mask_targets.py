"""Labels of points for batches in which maps, Detectron2's own masks and images without any stand side by side."""

import torch
from detectron2.projects.point_rend.point_features import sample_point_labels
from detectron2.structures import BitMasks, Instances

from synmix.data.packed_masks import PackedMasks
from synmix.train.parts.mask_targets import point_labels


def test_every_image_is_read_in_its_own_way():
    torch.manual_seed(0)
    numbers = torch.randint(0, 4, (20, 30), dtype=torch.uint8)
    packed = PackedMasks(numbers, torch.tensor([1, 3, 3]))
    overlapping = BitMasks(torch.rand(2, 20, 30) < 0.5)  # as COCO's may be
    batch = [
        Instances((20, 30), gt_masks=packed),
        Instances((20, 30), gt_classes=torch.zeros(0, dtype=torch.int64)),  # an image without labels has no masks
        Instances((20, 30), gt_masks=overlapping),
    ]
    frames = [Instances((20, 30), gt_masks=BitMasks(packed.tensor)), *batch[1:]]
    points = torch.rand(5, 50, 2) * torch.tensor([30.0, 20.0])
    assert torch.equal(point_labels(batch, points), sample_point_labels(frames, points))
