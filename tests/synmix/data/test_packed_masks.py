"""Masks that stay one map give Detectron2's own targets, to the bit, whatever is asked of them."""

import pickle

import numpy as np
import pytest
import torch
from detectron2.projects.point_rend.point_features import sample_point_labels
from detectron2.structures import BitMasks, Boxes, Instances
from hypothesis import given, settings
from hypothesis import strategies as st

from synmix.data import packed_masks
from synmix.data.packed_masks import PackedMasks

DEVICES = [
    "cpu",
    pytest.param(
        "cuda", marks=[pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")]
    ),
]
SIDES = st.sampled_from([1, 2, 3, 7, 29, 64, 100])


def drawn_map(random, height, width, instances):
    """Rectangles over each other: some are cut up, some cover nothing at all."""
    numbers = np.zeros((height, width), dtype=np.int32 if instances > 255 else np.uint8)
    for number in range(1, instances + 1):
        top, left = random.integers(0, height), random.integers(0, width)
        numbers[top : top + random.integers(0, height + 1), left : left + random.integers(0, width + 1)] = number
    return torch.from_numpy(numbers)


def drawn_boxes(random, count, height, width):
    """Whole, halved and odd coordinates, of the whole image, of nothing, and beyond its borders."""
    corners = random.uniform(-0.1, 1.1, (count, 2, 2)) * [width, height]
    steps = random.choice([1.0, 2.0, 0.0], (count, 1, 1))
    corners = np.where(steps > 0, np.round(corners * np.maximum(steps, 1)) / np.maximum(steps, 1), corners)
    if random.random() < 0.5:
        corners = corners.clip(0, [width, height])
    corners.sort(axis=1)
    if count:
        corners[0] = [[0, 0], [width, height]]
        corners[-1, 1] = corners[-1, 0]
    return torch.from_numpy(corners.reshape(count, 4).astype(np.float32))


def drawn(seed, height, width, instances, count):
    random = np.random.default_rng(seed)
    numbers = drawn_map(random, height, width, instances)
    kept = torch.from_numpy(random.integers(1, instances + 1, count))
    return random, PackedMasks(numbers, kept), BitMasks(numbers == kept[:, None, None].to(numbers.dtype))


DRAWN = {
    "seed": st.integers(0, 2**32 - 1),
    "height": SIDES,
    "width": SIDES,
    "instances": st.sampled_from([1, 2, 5, 40, 300]),
}


@pytest.mark.parametrize("device", DEVICES)
@settings(max_examples=150, deadline=None)
@given(
    **DRAWN,
    count=st.integers(0, 12),
    side=st.sampled_from([1, 7, 14, 28]),
    frames=st.sampled_from([1, 3, 1000]),
)
def test_coarse_targets(device, seed, height, width, instances, count, side, frames):
    random, packed, stock = drawn(seed, height, width, instances, count)
    boxes = drawn_boxes(random, count, height, width).to(device)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(packed_masks, "_MOST_BYTES", frames * 4 * height * width)
        found = packed.to(device).crop_and_resize(boxes, side)
    expected = stock.to(device).crop_and_resize(boxes, side)
    assert found.dtype == torch.bool and found.shape == (count, side, side)
    assert torch.equal(found, expected.reshape(found.shape))


@pytest.mark.parametrize("device", DEVICES)
@settings(max_examples=150, deadline=None)
@given(
    **DRAWN,
    count=st.integers(1, 12),
    points=st.sampled_from([1, 9, 196]),
    beyond=st.sampled_from([0.0, 0.1, 3.0]),
)
def test_labels_of_points(device, seed, height, width, instances, count, points, beyond):
    random, packed, stock = drawn(seed, height, width, instances, count)
    places = random.uniform(-beyond, 1 + beyond, (count, points, 2)) * [width, height]
    places = np.where(random.random((count, points, 1)) < 0.3, np.round(places * 2) / 2, places)  # centres, borders
    places = torch.from_numpy(places.astype(np.float32)).to(device)
    image = Instances((height, width), gt_masks=stock.to(device))
    assert torch.equal(packed.to(device).sample(places), sample_point_labels([image], places))


def test_the_papers_size_to_the_bit():
    """Rounding grows with coordinates: large ones, of sides that are no power of two."""
    random, packed, stock = drawn(0, 1021, 1999, 20, 24)
    boxes = drawn_boxes(random, 24, 1021, 1999)
    assert torch.equal(packed.crop_and_resize(boxes, 7), stock.crop_and_resize(boxes, 7))
    places = torch.from_numpy((random.random((24, 196, 2)) * [1999, 1021]).astype(np.float32))
    image = Instances((1021, 1999), gt_masks=stock)
    assert torch.equal(packed.sample(places), sample_point_labels([image], places))


def test_what_detectron2_asks_of_bit_masks():
    numbers = torch.tensor([[0, 1, 1], [2, 2, 0]], dtype=torch.uint8)
    packed = PackedMasks(numbers, torch.tensor([2, 1, 3]))
    stock = BitMasks(packed.tensor)
    assert isinstance(packed, BitMasks) and len(packed) == 3 and packed.device.type == "cpu"
    assert packed.nonempty().tolist() == [True, True, False]
    assert torch.equal(packed.get_bounding_boxes().tensor, stock.get_bounding_boxes().tensor)
    for item in (1, -1, slice(0, 2), torch.tensor([2, 0, 0]), torch.tensor([True, False, True])):
        assert torch.equal(packed[item].tensor, stock[item].tensor)
        assert packed[item].numbers is numbers
    for joined in (PackedMasks.cat([packed, stock]), BitMasks.cat([stock, packed])):
        assert torch.equal(joined.tensor, torch.cat([stock.tensor, stock.tensor]))
    assert torch.equal(pickle.loads(pickle.dumps(packed)).tensor, stock.tensor)
    assert "3" in repr(packed) and len(list(packed)) == 3


def test_instances_carry_them():
    numbers = torch.tensor([[0, 1, 1], [2, 2, 0]], dtype=torch.uint8)
    image = Instances((2, 3), gt_boxes=Boxes(torch.zeros(2, 4)), gt_masks=PackedMasks(numbers, torch.tensor([1, 2])))
    sampled = image.to("cpu")[torch.tensor([1, 1, 0])]
    assert isinstance(sampled.gt_masks, PackedMasks) and sampled.gt_masks.kept.tolist() == [2, 2, 1]
    both = Instances.cat([sampled, image])
    assert both.gt_masks.tensor.shape == (5, 2, 3)
