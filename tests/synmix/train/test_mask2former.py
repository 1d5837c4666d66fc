"""Mask2Former: its losses and weights are transformers', its optimizer's groups those of its official training."""

import sys

import pytest
import torch
from detectron2.structures import BitMasks, Instances
from torch import nn

from synmix.config import build_model
from synmix.errors import UserError
from synmix.study.experiments import training
from synmix.study.runs import config_of
from synmix.study.scale import load_scale
from synmix.train.checkpoint import SafeCheckpointer
from synmix.train.optimizers import build_optimizer
from synmix.train.weights import fetch

pytest.importorskip("transformers")
safetensors = pytest.importorskip("safetensors.torch")


@pytest.fixture
def cfg(tmp_path):
    run = training(load_scale("mini").with_model("mask2former"), "mixture.yaml")
    cfg = config_of(run, tmp_path)
    cfg.MODEL.WEIGHTS, cfg.MODEL.DEVICE = "", "cpu"
    return cfg


@pytest.fixture
def model(cfg):
    torch.manual_seed(0)
    return build_model(cfg)


def image(count, height=64, width=96):
    """An image of some labelled squares."""
    masks = torch.zeros(count, height, width, dtype=torch.bool)
    for index in range(count):
        masks[index, 4 + 8 * index : 30 + 8 * index, 10 : 40 + 10 * index] = True
    truth = Instances((height, width), gt_masks=BitMasks(masks), gt_classes=torch.arange(count) % 8)
    return {
        "image": torch.full((3, height, width), 99, dtype=torch.uint8),
        "instances": truth,
        "height": height,
        "width": width,
    }


def test_losses_are_transformers_own(model):
    batch = [image(3), image(1)]
    torch.manual_seed(1)
    ours = sum(model(batch).values())
    torch.manual_seed(1)
    mean, std = (torch.tensor(each).view(-1, 1, 1) for each in (model.pixel_mean, model.pixel_std))
    theirs = model._network[0](
        torch.stack([(record["image"] - mean) / std for record in batch]),
        mask_labels=[record["instances"].gt_masks.tensor.float() for record in batch],
        class_labels=[record["instances"].gt_classes for record in batch],
    ).loss
    torch.testing.assert_close(ours, theirs.squeeze())


@pytest.mark.parametrize("counts", [(0, 2), (0, 0)])
def test_images_without_labels_teach_that_nothing_is_there(model, counts):
    losses = model([image(count) for count in counts])
    sum(losses.values()).backward()
    assert all(torch.isfinite(value) for value in losses.values()) and losses["loss_class"] > 0
    assert all(parameter.grad is not None for parameter in model.parameters() if parameter.requires_grad)


def test_instances_have_the_size_of_the_file(model):
    seen = {**image(0, 64, 96), "height": 100, "width": 150}
    (found,) = model.eval()([seen])
    found = found["instances"]
    assert found.pred_masks.shape[1:] == (100, 150) and found.pred_masks.dtype == torch.bool
    assert len(found) == 50 and found.pred_classes.max() < 8 and (found.scores >= 0).all() and (found.scores <= 1).all()


def test_published_weights_fit_but_for_the_classes(cfg, model, tmp_path):
    names = {f"model.{name}" for name in model._network[0].model.state_dict()} | {"class_predictor.weight"}
    assert names <= set(model.state_dict())
    published = {name: torch.ones_like(value) for name, value in model.state_dict().items()}
    published["class_predictor.weight"] = torch.zeros(81, 64)
    safetensors.save_file(published, tmp_path / "model.safetensors")
    before = model.class_predictor.weight.clone()
    with pytest.raises(
        UserError, match=r"class_predictor.weight \(81, 64\) instead of \(9, 64\).*MODEL.PARTIAL_WEIGHTS"
    ):
        SafeCheckpointer(model).load(str(tmp_path / "model.safetensors"), fit="start")
    SafeCheckpointer(model).load(str(tmp_path / "model.safetensors"), fit="partial")
    assert model.class_predictor.weight.equal(before) and (model.class_predictor.bias == 1).all()


def test_weights_of_the_hub_that_cannot_be_had(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(UserError, match=r"weights 'hf://no/such' cannot be fetched .* download its model.safetensors"):
        fetch("hf://no/such")


def test_groups_of_the_optimizer(cfg, model):
    cfg.SOLVER.BACKBONE_MULTIPLIER = 0.1
    optimizer = build_optimizer(cfg, model)
    rates = {id(p): (group["lr"], group["weight_decay"]) for group in optimizer.param_groups for p in group["params"]}
    assert len(rates) == sum(parameter.requires_grad for parameter in model.parameters())
    assert rates[id(model.class_predictor.weight)] == (cfg.SOLVER.BASE_LR, cfg.SOLVER.WEIGHT_DECAY)
    norm = next(module for module in model.backbone.modules() if isinstance(module, nn.LayerNorm))
    assert rates[id(norm.weight)] == (0.1 * cfg.SOLVER.BASE_LR, cfg.SOLVER.WEIGHT_DECAY_NORM)
    assert rates[id(model._network[0].model.transformer_module.queries_embedder.weight)][1] == 0


def test_the_norm_of_all_gradients_is_clipped(cfg, model):
    cfg.SOLVER.OPTIMIZER, cfg.SOLVER.MOMENTUM, cfg.SOLVER.BASE_LR, cfg.SOLVER.WEIGHT_DECAY = "SGD", 0.0, 1.0, 0.0
    optimizer = build_optimizer(cfg, model)
    before = [parameter.detach().clone() for parameter in model.parameters()]
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)
    optimizer.step()
    steps = [was - now.detach() for was, now in zip(before, model.parameters(), strict=True)]
    moved = torch.cat([step.flatten() for step in steps]).norm().item()
    assert moved == pytest.approx(cfg.SOLVER.CLIP_GRADIENTS.CLIP_VALUE, rel=0.01)  # one part is frozen


def test_without_transformers_the_sentence_says_what_to_install(cfg, monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(UserError, match=r"needs the package transformers; install synmix\[models\]"):
        build_model(cfg)
