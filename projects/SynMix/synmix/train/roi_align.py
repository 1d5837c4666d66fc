"""RoIAlign on the CPU, bit for bit torchvision's, with loops over a pixel's channels instead of over the map: its
backward pass takes an eighth of the time. On a GPU nothing changes."""

import logging
import platform
from functools import lru_cache
from types import ModuleType
from typing import Any

import torch
from detectron2.layers import ROIAlign
from detectron2.modeling.poolers import ROIPooler
from torch import nn
from torch.autograd.function import once_differentiable

logger = logging.getLogger(__name__)

#: Steps after which loading the compiled code, some two seconds, has paid.
_LEAST_STEPS = 100
_X86 = ("x86_64", "AMD64")  # elsewhere compilers fuse multiplying and adding, each in its own places


def use_compiled_roi_align(model: nn.Module, steps: int) -> None:
    """Lets the poolers of a model on the CPU use the compiled loops, where they pay and are equal to torchvision's.

    Args:
        model: any; its weights and names stay as they are.
        steps: of training that are to come.
    """
    on_cpu = all(parameter.device.type == "cpu" for parameter in model.parameters())
    if steps < _LEAST_STEPS or not on_cpu or platform.machine() not in _X86 or _loops() is None:
        return
    for pooler in model.modules():
        if isinstance(pooler, ROIPooler):
            for level, plain in enumerate(pooler.level_poolers):
                if type(plain) is ROIAlign:
                    pooler.level_poolers[level] = CompiledROIAlign(*_settings(plain))


class CompiledROIAlign(ROIAlign):
    """Detectron2's ``ROIAlign``, of float32 on the CPU by the compiled loops."""

    def forward(self, input: torch.Tensor, rois: torch.Tensor) -> torch.Tensor:  # noqa: A002 - Detectron2's name
        """(R, C, P, P) of features (N, C, H, W) and boxes (R, 5): number of the image, x_min, y_min, x_max, y_max."""
        if input.dtype != torch.float32 or input.device.type != "cpu":
            return super().forward(input, rois)
        return _Pooled.apply(input, rois.detach().float().contiguous(), self)


class _Pooled(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, features: torch.Tensor, boxes: torch.Tensor, pooler: ROIAlign) -> torch.Tensor:
        ctx.save_for_backward(boxes)
        ctx.pooler, ctx.shape = pooler, features.shape
        pooled = features.new_empty((len(boxes), features.shape[1], *_settings(pooler)[0]))
        _run("forward", features.detach().permute(0, 2, 3, 1).contiguous(), boxes, pooler, pooled)
        return pooled

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        count, channels, height, width = ctx.shape
        pixels = grad.new_zeros((count, height, width, channels))
        _run("backward", grad.contiguous(), *ctx.saved_tensors, ctx.pooler, pixels)
        return pixels.permute(0, 3, 1, 2), None, None


def _run(direction: str, source: torch.Tensor, boxes: torch.Tensor, pooler: ROIAlign, target: torch.Tensor) -> None:
    _, scale, ratio, aligned = _settings(pooler)
    loop = getattr(_loops(), direction)
    loop(source.numpy(), boxes.numpy(), scale, ratio, 0.5 if aligned else 0.0, target.numpy())


def _settings(pooler: ROIAlign) -> tuple[tuple[int, int], float, int, bool]:
    size = pooler.output_size
    both = (size, size) if isinstance(size, int) else (size[0], size[1])
    return both, pooler.spatial_scale, pooler.sampling_ratio, pooler.aligned


@lru_cache(maxsize=1)
def _loops() -> ModuleType | None:
    """The compiled loops; None where numba cannot work."""
    try:
        import synmix.train.roi_align_loops as loops
    except (ImportError, RuntimeError, OSError) as error:
        logger.debug("RoIAlign stays torchvision's: %s", error)
        return None
    return loops
