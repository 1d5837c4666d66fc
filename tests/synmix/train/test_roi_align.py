"""RoIAlign's compiled loops give torchvision's numbers, forward and back, to the bit."""

import platform

import pytest
import torch
from detectron2.layers import ROIAlign
from detectron2.modeling.poolers import ROIPooler
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from synmix.train.roi_align import CompiledROIAlign, use_compiled_roi_align

pytestmark = pytest.mark.skipif(
    platform.machine() not in ("x86_64", "AMD64"), reason="other processors round products and sums together"
)


def both(random, shape, boxes, settings, layout=torch.contiguous_format):
    """(pooled, gradient) by torchvision and by the loops."""
    features = torch.randn(shape, generator=random).contiguous(memory_format=layout)
    found = []
    for kind in (ROIAlign, CompiledROIAlign):
        leaf = features.clone().requires_grad_()
        pooled = kind(*settings)(leaf, boxes)
        weights = torch.randn(pooled.shape, generator=torch.Generator().manual_seed(1))
        pooled.backward(weights)
        found.append((pooled.detach(), leaf.grad))
    return found


@settings(max_examples=150, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    images=st.integers(1, 3),
    channels=st.sampled_from([1, 3, 16, 37]),
    size=st.tuples(st.integers(1, 12), st.integers(1, 30)),
    count=st.integers(0, 12),
    bins=st.sampled_from([(7, 7), (14, 14), (1, 3)]),
    scale=st.sampled_from([1.0, 0.25, 0.125]),
    ratio=st.sampled_from([0, 1, 2]),
    aligned=st.booleans(),
    channels_last=st.booleans(),
)
def test_equal_to_torchvision(seed, images, channels, size, count, bins, scale, ratio, aligned, channels_last):
    random = torch.Generator().manual_seed(seed)
    extent = torch.tensor([size[1], size[0]]) / scale
    corner = (1.6 * torch.rand(count, 2, generator=random) - 0.3) * extent  # some of them outside
    sides = torch.exp(2 * torch.randn(count, 2, generator=random)) * torch.randint(0, 2, (count, 2), generator=random)
    number = torch.randint(0, images, (count, 1), generator=random)
    boxes = torch.cat([number, corner, corner + sides], dim=1)
    layout = torch.channels_last if channels_last else torch.contiguous_format
    torchvisions, ours = both(random, (images, channels, *size), boxes, (bins, scale, ratio, aligned), layout)
    assert torch.equal(ours[0], torchvisions[0]) and ours[0].is_contiguous()
    assert torch.equal(ours[1], torchvisions[1])


def test_boxes_on_the_border():
    boxes = torch.tensor([[0, 0, 0, 8, 8], [0, -4, -4, 0, 0], [0, 8, 8, 12, 12], [0, 2, 3, 2, 3], [0, 6, 1, 2, 5]]).float()
    torchvisions, ours = both(torch.Generator(), (1, 5, 8, 8), boxes, (7, 1.0, 0, True))
    assert torch.equal(ours[0], torchvisions[0]) and torch.equal(ours[1], torchvisions[1])


def test_other_types_stay_torchvisions():
    features = torch.randn(1, 3, 8, 8, dtype=torch.float64, requires_grad=True)
    boxes = torch.tensor([[0, 1.0, 1, 6, 6]], dtype=torch.float64)
    found = CompiledROIAlign((7, 7), 1.0, 0)(features, boxes)
    assert found.dtype == torch.float64 and torch.equal(found, ROIAlign((7, 7), 1.0, 0)(features, boxes))


@pytest.mark.parametrize(("steps", "kind"), [(20, ROIAlign), (200, CompiledROIAlign)])
def test_loaded_for_long_trainings_alone(steps, kind):
    model = nn.ModuleDict({"pooler": ROIPooler(7, [0.25, 0.125], 0, "ROIAlignV2"), "head": nn.Linear(2, 2)})
    names, looks = list(model.state_dict()), repr(model["pooler"].level_poolers[1])
    use_compiled_roi_align(model, steps)
    assert [type(level) for level in model["pooler"].level_poolers] == [kind, kind]
    assert repr(model["pooler"].level_poolers[1]).endswith(looks)
    assert list(model.state_dict()) == names


def test_other_poolers_stay():
    model = nn.ModuleList([ROIPooler(7, [0.25], 0, "ROIPool"), nn.Linear(1, 1)])
    before = model[0].level_poolers[0]
    use_compiled_roi_align(model, 1000)
    assert model[0].level_poolers[0] is before
