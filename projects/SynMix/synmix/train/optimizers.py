"""The optimizer: Detectron2's SGD, or AdamW as transformers are trained with it."""

from collections.abc import Callable
from typing import Any

import torch
from detectron2.config import CfgNode
from detectron2.solver import build_optimizer as build_sgd
from detectron2.solver.build import maybe_add_gradient_clipping
from torch import nn

FULL_MODEL = "full_model"
_NORMS = (nn.modules.batchnorm._NormBase, nn.GroupNorm, nn.LayerNorm)
_POSITIONS = ("relative_position_bias_table", "position_embeddings")
_BACKBONES = ("backbone.", "model.pixel_level_module.encoder.")


def build_optimizer(cfg: CfgNode, model: nn.Module) -> torch.optim.Optimizer:
    """What ``SOLVER.OPTIMIZER`` names, with the gradients clipped as ``SOLVER.CLIP_GRADIENTS`` says."""
    clip = cfg.SOLVER.CLIP_GRADIENTS
    whole = clip.ENABLED and clip.CLIP_TYPE == FULL_MODEL
    if cfg.SOLVER.OPTIMIZER == "SGD" and not whole:
        return build_sgd(cfg, model)
    groups = parameter_groups(cfg, model)
    kind: Callable[..., torch.optim.Optimizer]
    if cfg.SOLVER.OPTIMIZER == "SGD":
        kind, extra = torch.optim.SGD, {"momentum": cfg.SOLVER.MOMENTUM, "nesterov": cfg.SOLVER.NESTEROV}
    else:
        kind, extra = torch.optim.AdamW, {}
    kind = _clipping(kind, clip.CLIP_VALUE, clip.NORM_TYPE) if whole else maybe_add_gradient_clipping(cfg, kind)
    return kind(groups, lr=cfg.SOLVER.BASE_LR, **extra)


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


def _clipping(kind: Any, value: float, norm: float) -> Any:
    """An optimizer that clips the norm of all gradients together before it steps."""

    class Clipping(kind):
        def step(self, closure: Any = None) -> Any:
            everything = (parameter for group in self.param_groups for parameter in group["params"])
            torch.nn.utils.clip_grad_norm_(everything, value, norm)
            return super().step(closure)

    return Clipping
