"""The quick parts of a model have Detectron2's losses, gradients, proposals and statistics."""

import platform
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from detectron2.layers import batched_nms
from detectron2.modeling.matcher import Matcher
from detectron2.modeling.poolers import ROIPooler
from detectron2.modeling.proposal_generator import RPN
from detectron2.projects.point_rend.point_features import point_sample_fine_grained_features
from detectron2.structures import BitMasks, Boxes, Instances, pairwise_iou
from detectron2.utils.events import EventStorage
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from synmix.config import build_model, load_config
from synmix.train.later import log_later, log_now
from synmix.train.parts.matching import match
from synmix.train.parts.nms import nms_of_groups
from synmix.train.parts.point_features import sample_features
from synmix.train.parts.quick import quicken
from synmix.train.parts.roi_align import QuickROIPooler
from synmix.train.parts.rpn import QuickRPN

CONFIGS = Path(__file__).resolve().parents[3] / "configs"
X86 = platform.machine() in ("x86_64", "AMD64")


def image(seed, labels=4, size=(128, 256)):
    """Noise with some rectangles; fewer where ``labels`` says so."""
    random = np.random.default_rng(seed)
    masks = np.zeros((labels, *size), dtype=bool)
    for mask in masks:
        y, x = random.integers(0, size[0] - 20), random.integers(0, size[1] - 20)
        mask[y : y + random.integers(8, 60), x : x + random.integers(8, 90)] = True
    instances = Instances(size)
    instances.gt_classes = torch.from_numpy(random.integers(0, 8, labels))
    instances.gt_masks = BitMasks(torch.from_numpy(masks))
    instances.gt_boxes = instances.gt_masks.get_bounding_boxes()
    pixels = torch.from_numpy(random.integers(0, 256, (3, *size), dtype=np.uint8))
    return {"image": pixels, "instances": instances, "height": size[0], "width": size[1]}


def trained(cfg, batch, steps, quick, layout=torch.contiguous_format):
    """(losses, gradients, statistics) of one batch, and the proposals that the model then makes in evaluation."""
    torch.manual_seed(0)
    model = build_model(cfg).train().to(memory_format=layout)
    if quick:
        quicken(model, steps)
    torch.manual_seed(1)
    with EventStorage() as storage:
        losses = model(batch)
        log_now()
    sum(losses.values()).backward()
    gradients = {name: parameter.grad for name, parameter in model.named_parameters() if parameter.grad is not None}
    model.eval()
    with torch.no_grad():
        images = model.preprocess_image(batch)
        proposals, _ = model.proposal_generator(images, model.backbone(images.tensor), None)
    return losses, gradients, storage.latest(), proposals


@pytest.mark.parametrize("steps", [20, 200])  # without and with the compiled loops
@pytest.mark.parametrize("labels", [(4, 7), (3, 0), (0, 0)])
@pytest.mark.parametrize(
    "keys", [[], ["MODEL.RPN.BBOX_REG_LOSS_TYPE", "giou"], ["MODEL.ROI_BOX_HEAD.CLS_AGNOSTIC_BBOX_REG", True]]
)
def test_same_training(steps, labels, keys):
    cfg = load_config(CONFIGS / "mini.yaml", keys)
    batch = [image(seed, count) for seed, count in enumerate(labels)]
    plain, quick = (trained(cfg, batch, steps, quick) for quick in (False, True))
    for before, after in zip(plain[:2], quick[:2], strict=True):
        assert list(before) == list(after)
        for name in before:
            if steps < 100:  # the loops add up the features of points in another order
                assert torch.equal(before[name], after[name]), name
            torch.testing.assert_close(after[name], before[name], rtol=1e-5, atol=1e-6)
    assert plain[2].keys() == quick[2].keys()
    for name, (value, _) in plain[2].items():
        assert quick[2][name][0] == pytest.approx(value, rel=1e-6), name
    for before, after in zip(plain[3], quick[3], strict=True):
        assert torch.equal(before.proposal_boxes.tensor, after.proposal_boxes.tensor)
        assert torch.equal(before.objectness_logits, after.objectness_logits)


def test_channels_last_has_the_same_losses():
    batch = [image(0), image(1)]
    runs = [
        trained(load_config(CONFIGS / "mini.yaml"), batch, 200, quick, torch.channels_last) for quick in (False, True)
    ]
    for before, after in zip(runs[0][:2], runs[1][:2], strict=True):
        for name in before:
            torch.testing.assert_close(after[name], before[name], rtol=1e-4, atol=1e-6)


def test_proposals_that_are_not_finite_end_a_training():
    cfg = load_config(CONFIGS / "mini.yaml")
    model = build_model(cfg).train()
    quicken(model, 20)
    nn.init.constant_(model.proposal_generator.rpn_head.anchor_deltas.bias, float("nan"))
    with EventStorage(), pytest.raises(FloatingPointError, match="diverged"):
        model([image(0)])


@pytest.mark.parametrize("config", ["cascade_pointrend", "mask_rcnn"])
def test_other_models(config):
    keys = ["MODEL.DEVICE", "cpu", "MODEL.WEIGHTS", ""]
    cfg = load_config(CONFIGS / f"models/{config}.yaml", keys)
    batch = [image(3, 5, (64, 96))]
    plain, quick = (trained(cfg, batch, 200, quick) for quick in (False, True))
    for name, loss in plain[0].items():
        assert ("mask" in name or torch.equal(loss, quick[0][name])) or not X86, name
        torch.testing.assert_close(loss, quick[0][name], rtol=1e-5, atol=1e-6)
    assert plain[2].keys() == quick[2].keys()  # cascades have a name scope for each stage
    assert all(quick[2][name][0] == pytest.approx(value, rel=1e-6) for name, (value, _) in plain[2].items())


def test_weights_keep_their_names_and_subclasses_stay():
    class MyRPN(RPN):
        pass

    model = build_model(load_config(CONFIGS / "mini.yaml"))
    names = list(model.state_dict())
    quicken(model, 20)
    assert isinstance(model.proposal_generator, QuickRPN) and list(model.state_dict()) == names
    model.proposal_generator.__class__ = MyRPN
    quicken(model, 200)
    assert type(model.proposal_generator) is MyRPN


@pytest.mark.parametrize(("steps", "compiled"), [(20, False), (200, True)])
def test_compiled_code_is_loaded_for_long_trainings_alone(steps, compiled):
    model = nn.ModuleDict({"pooler": ROIPooler(7, [0.25, 0.125], 0, "ROIAlignV2"), "head": nn.Linear(2, 2)})
    quicken(model, steps)
    assert type(model["pooler"]) is QuickROIPooler and model["pooler"].compiled == compiled


@settings(max_examples=200, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    labelled=st.integers(0, 6),
    others=st.integers(1, 40),
    grid=st.booleans(),
    low_quality=st.booleans(),
    compiled=st.booleans(),
)
def test_matches_are_those_of_detectron2(seed, labelled, others, grid, low_quality, compiled):
    random = torch.Generator().manual_seed(seed)

    def boxes(count):
        corner, sides = 20 * torch.rand(count, 2, generator=random), 9 * torch.rand(count, 2, generator=random)
        if grid:  # ties
            corner, sides = corner.round(), sides.round()
        return Boxes(torch.cat([corner, corner + sides], dim=1))

    mine, theirs = boxes(labelled), boxes(others)
    for matcher in (Matcher([0.3, 0.7], [0, -1, 1], low_quality), Matcher([0.5], [0, 1], low_quality)):
        indices, labels = match(mine, theirs, matcher, compiled)
        expected = matcher(pairwise_iou(mine, theirs))
        assert torch.equal(indices, expected[0]) and torch.equal(labels, expected[1])


@settings(max_examples=150, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    count=st.integers(0, 60),
    many=st.booleans(),  # torchvision has another way from 1,000 boxes on
    grid=st.booleans(),
    threshold=st.sampled_from([0.3, 0.5, 0.7, 1 / 3]),
)
def test_nms_is_torchvisions(seed, count, many, grid, threshold):
    random = torch.Generator().manual_seed(seed)
    count = count + 1001 if many else count
    corner, sides = 40 * torch.rand(count, 2, generator=random), 12 * torch.rand(count, 2, generator=random)
    scores = torch.rand(count, generator=random)
    if grid:  # ties, and boxes without area
        corner, sides, scores = corner.round(), (sides / 3).round(), (10 * scores).round()
    boxes, groups = torch.cat([corner, corner + sides], dim=1), torch.randint(0, 5, (count,), generator=random)
    expected = batched_nms(boxes, scores, groups, threshold)
    found = nms_of_groups(boxes, scores, groups, threshold, compiled=True)
    if many:  # of equal scores torchvision then has an arbitrary order
        assert torch.equal(scores[found], scores[expected])
        found, expected = found.sort()[0], expected.sort()[0]
    assert torch.equal(found, expected)


def test_evaluation_leaves_out_what_is_not_finite():
    cfg = load_config(CONFIGS / "mini.yaml")
    found = []
    for quick in (False, True):
        torch.manual_seed(0)
        model = build_model(cfg).eval()
        with torch.no_grad():
            model.proposal_generator.rpn_head.anchor_deltas.weight[3] = float("inf")
            if quick:
                quicken(model, 200)
            images = model.preprocess_image([image(0), image(1)])
            found.append(model.proposal_generator(images, model.backbone(images.tensor), None)[0])
    for before, after in zip(*found, strict=True):
        assert len(before) and torch.equal(before.proposal_boxes.tensor, after.proposal_boxes.tensor)
        assert torch.equal(before.objectness_logits, after.objectness_logits)


def test_statistics_wait_for_the_end_of_the_step():
    with EventStorage() as storage:
        with storage.name_scope("stage0"):
            log_later("right", torch.tensor(3) / 4)
        log_later("of_nothing", torch.tensor(0) / 0)
        assert not storage.latest()
        log_now()
        log_now()
        assert {name: value for name, (value, _) in storage.latest().items()} == {"stage0/right": 0.75}


@settings(max_examples=100, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    counts=st.lists(st.integers(0, 4), min_size=1, max_size=3),
    size=st.tuples(st.integers(1, 9), st.integers(1, 17)),
    levels=st.integers(1, 2),
    compiled=st.booleans(),
)
def test_features_of_points_are_those_of_detectron2(seed, counts, size, levels, compiled):
    random = torch.Generator().manual_seed(seed)
    shapes = [(len(counts), 5, size[0], size[1]) for _ in range(levels)]
    features = [torch.randn(shape, generator=random) for shape in shapes]
    corners = [torch.rand(count, 4, generator=random) * 4 * max(size) - 5 for count in counts]  # outside, and turned
    boxes, points = [Boxes(corner) for corner in corners], torch.rand(sum(counts), 7, 2, generator=random)
    scales, found = [0.25, 0.5][:levels], []
    for function in (point_sample_fine_grained_features, partial(sample_features, compiled=compiled)):
        leaves = [level.clone().requires_grad_() for level in features]
        sampled = function(leaves, scales, boxes, points)
        sampled = sampled[0] if isinstance(sampled, tuple) else sampled
        sampled.backward(torch.randn(sampled.shape, generator=torch.Generator().manual_seed(1)))
        found.append([sampled.detach(), *(leaf.grad for leaf in leaves)])
    for expected, ours in zip(*found, strict=True):
        torch.testing.assert_close(ours, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.skipif(not X86, reason="other processors round products and sums together")
class TestROIPooler:
    @staticmethod
    def assert_same(features, boxes, bins, ratio, kind):
        found = []
        for pooler in (ROIPooler, QuickROIPooler):
            leaves = [level.clone().requires_grad_() for level in features]
            layer = pooler(bins, [2.0**-level for level in range(len(features))], ratio, kind, 8, 1)
            layer.compiled = True
            pooled = layer(leaves, boxes)
            pooled.backward(torch.randn(pooled.shape, generator=torch.Generator().manual_seed(1)))
            found.append([pooled.detach(), *(leaf.grad for leaf in leaves)])
        assert found[1][0].is_contiguous()
        assert all(torch.equal(*pair) for pair in zip(*found, strict=True))

    @settings(max_examples=150, deadline=None)
    @given(
        seed=st.integers(0, 2**31),
        counts=st.lists(st.integers(0, 6), min_size=1, max_size=3),
        channels=st.sampled_from([1, 3, 16, 37]),
        size=st.tuples(st.integers(4, 12), st.integers(4, 30)),
        levels=st.integers(1, 3),
        bins=st.sampled_from([7, 14, 1]),
        ratio=st.sampled_from([0, 1, 2]),
        kind=st.sampled_from(["ROIAlign", "ROIAlignV2"]),
        channels_last=st.booleans(),
    )
    def test_equal(self, seed, counts, channels, size, levels, bins, ratio, kind, channels_last):
        random = torch.Generator().manual_seed(seed)
        shapes = [(len(counts), channels, size[0] >> level, size[1] >> level) for level in range(levels)]
        layout = torch.channels_last if channels_last else torch.contiguous_format
        features = [torch.randn(shape, generator=random).contiguous(memory_format=layout) for shape in shapes]
        boxes = []
        for count in counts:
            corner = (1.6 * torch.rand(count, 2, generator=random) - 0.3) * torch.tensor([size[1], size[0]])
            sides = torch.exp(2 * torch.randn(count, 2, generator=random))  # some of them outside, some empty
            sides = sides * torch.randint(0, 3, (count, 2), generator=random).clamp(max=1)
            boxes.append(Boxes(torch.cat([corner, corner + sides], dim=1)))
        self.assert_same(features, boxes, bins, ratio, kind)

    def test_on_the_border(self):
        boxes = [[0, 0, 8, 8], [-4, -4, 0, 0], [8, 8, 12, 12], [2, 3, 2, 3]]
        self.assert_same([torch.randn(1, 5, 8, 8)], [Boxes(torch.tensor(boxes).float())], 7, 0, "ROIAlignV2")

    @pytest.mark.parametrize(("dtype", "kind"), [(torch.float64, "ROIAlignV2"), (torch.float32, "ROIPool")])
    def test_what_the_loops_do_not_know(self, dtype, kind):
        features, boxes = [torch.randn(1, 3, 8, 8, dtype=dtype)], [Boxes(torch.tensor([[1.0, 1, 6, 6]]))]
        plain, quick = (pooler(7, [1.0], 0, kind) for pooler in (ROIPooler, QuickROIPooler))
        quick.compiled = True
        assert torch.equal(quick(features, boxes), plain(features, boxes))
