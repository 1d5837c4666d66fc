"""Optimizers against Detectron2's own."""

import detectron2.solver
import pytest
import torch
from torch import nn

from synmix.config import load_config
from synmix.train.optimizers import build_optimizer

CLIPS = [("norm", 2.0), ("norm", 1.0), ("value", 2.0)]


def _model() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 16, 4))


def _trained(build, cfg) -> list[torch.Tensor]:
    model = _model()
    optimizer = build(cfg, model)
    for scale in (0.01, 100.0):  # below what is clipped, and above
        torch.manual_seed(1)
        optimizer.zero_grad()
        (scale * model(torch.randn(2, 3, 6, 6))[:, :3].square().mean()).backward()
        if cfg.SOLVER.CLIP_GRADIENTS.CLIP_TYPE == "norm":  # Detectron2's clipping by value raises at it
            model[1].bias.grad = None  # as of a part that a batch leaves out
        optimizer.step()
    return [*model.state_dict().values(), *(len(group["params"]) for group in optimizer.param_groups)]


@pytest.mark.parametrize("enabled", [True, False])
@pytest.mark.parametrize(("kind", "norm"), CLIPS)
def test_clips_and_steps_as_detectron2_to_the_bit(kind, norm, enabled):
    clip = ["ENABLED", enabled, "CLIP_TYPE", kind, "CLIP_VALUE", 0.05, "NORM_TYPE", norm]
    keys = [f"SOLVER.CLIP_GRADIENTS.{part}" if number % 2 == 0 else part for number, part in enumerate(clip)]
    cfg = load_config("mini.yaml", [*keys, "SOLVER.WEIGHT_DECAY", 0.1, "SOLVER.WEIGHT_DECAY_NORM", 0.0])
    ours, theirs = _trained(build_optimizer, cfg), _trained(detectron2.solver.build_optimizer, cfg)
    assert all(torch.equal(torch.as_tensor(a), torch.as_tensor(b)) for a, b in zip(ours, theirs, strict=True))


def test_whatever_has_no_gradient_is_left_alone():
    cfg = load_config("mini.yaml", [])
    model = _model()
    before = [value.clone() for value in model.state_dict().values()]
    build_optimizer(cfg, model).step()
    assert all(torch.equal(a, b) for a, b in zip(before, model.state_dict().values(), strict=True))
