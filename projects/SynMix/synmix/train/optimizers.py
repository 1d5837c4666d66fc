"""The optimizer: Detectron2's SGD, or AdamW as transformers are trained with it."""

from collections.abc import Callable
from typing import Any

import torch
from detectron2.config import CfgNode
from detectron2.solver import get_default_optimizer_params
from torch import nn

FULL_MODEL = "full_model"
_NORMS = (nn.modules.batchnorm._NormBase, nn.GroupNorm, nn.LayerNorm)
_POSITIONS = ("relative_position_bias_table", "position_embeddings")
_BACKBONES = ("backbone.", "model.pixel_level_module.encoder.")


def build_optimizer(cfg: CfgNode, model: nn.Module) -> torch.optim.Optimizer:
    """What ``SOLVER.OPTIMIZER`` names, with the gradients clipped as ``SOLVER.CLIP_GRADIENTS`` says."""
    solver, clip = cfg.SOLVER, cfg.SOLVER.CLIP_GRADIENTS
    kind: Callable[..., torch.optim.Optimizer]
    if solver.OPTIMIZER == "SGD":
        kind, extra = torch.optim.SGD, {"momentum": solver.MOMENTUM, "nesterov": solver.NESTEROV}
    else:
        kind, extra = torch.optim.AdamW, {}
    if solver.OPTIMIZER == "SGD" and not (clip.ENABLED and clip.CLIP_TYPE == FULL_MODEL):
        groups = get_default_optimizer_params(
            model,
            base_lr=solver.BASE_LR,
            weight_decay_norm=solver.WEIGHT_DECAY_NORM,
            bias_lr_factor=solver.BIAS_LR_FACTOR,
            weight_decay_bias=solver.WEIGHT_DECAY_BIAS,
        )
    else:
        groups = parameter_groups(cfg, model)
    return (_clipping(kind, clip) if clip.ENABLED else kind)(
        groups, lr=solver.BASE_LR, weight_decay=solver.WEIGHT_DECAY, **extra
    )


def parameter_groups(cfg: CfgNode, model: nn.Module) -> list[dict[str, Any]]:
    """Parameters by learning rate and decay: the backbone's rate times ``SOLVER.BACKBONE_MULTIPLIER``, norms' decay
    ``WEIGHT_DECAY_NORM``, embeddings' and positions' none (Mask2Former's official training)."""
    solver = cfg.SOLVER
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    seen: set[nn.Parameter] = set()
    for place, module in model.named_modules():
        for name, parameter in module.named_parameters(recurse=False):
            if not parameter.requires_grad or parameter in seen:
                continue
            seen.add(parameter)
            inside = f"{place}.{name}".removeprefix("module.").startswith(_BACKBONES)
            rate = solver.BASE_LR * (solver.BACKBONE_MULTIPLIER if inside else 1.0)
            decay = solver.WEIGHT_DECAY
            if isinstance(module, _NORMS):
                decay = solver.WEIGHT_DECAY_NORM
            elif isinstance(module, nn.Embedding) or name in _POSITIONS:
                decay = 0.0
            groups.setdefault((rate, decay), []).append(parameter)
    return [{"params": params, "lr": rate, "weight_decay": decay} for (rate, decay), params in groups.items()]


def _clipping(kind: Any, clip: CfgNode) -> Any:
    """An optimizer that clips gradients before it steps, as Detectron2's does to the bit: each value, each parameter's
    norm, or that of all together. Detectron2 goes from parameter to parameter, which takes five times as long."""

    class Clipping(kind):
        def step(self, closure: Any = None) -> Any:
            parameters = [parameter for group in self.param_groups for parameter in group["params"]]
            if clip.CLIP_TYPE == "value":
                nn.utils.clip_grad_value_(parameters, clip.CLIP_VALUE)
            elif clip.CLIP_TYPE == FULL_MODEL:
                nn.utils.clip_grad_norm_(parameters, clip.CLIP_VALUE, clip.NORM_TYPE)
            else:
                _clip_each(parameters, clip.CLIP_VALUE, clip.NORM_TYPE)
            return super().step(closure)

    return Clipping


def _clip_each(parameters: list[nn.Parameter], value: float, norm: float) -> None:
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    if gradients:
        norms = torch.stack(torch._foreach_norm(gradients, norm))
        torch._foreach_mul_(gradients, (value / (norms + 1e-6)).clamp(max=1.0).unbind())
