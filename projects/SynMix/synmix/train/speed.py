"""How fast the arithmetic may be: the switches of PyTorch's backends, the type of mixed precision, and a profile."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from detectron2.config import CfgNode
from detectron2.engine import TrainerBase, hooks
from detectron2.utils import comm

from synmix.errors import UserError

#: What ``SOLVER.AMP.DTYPE`` may say.
AMP_DTYPES = {"float16": torch.float16, "bfloat16": torch.bfloat16}
_WARM_UP = 10  # iterations before a profile: caches and workers' queues fill


def amp_dtype(cfg: CfgNode) -> torch.dtype | None:
    """What mixed precision multiplies in, None without it.

    Raises:
        UserError: an unknown ``SOLVER.AMP.DTYPE``.
    """
    amp = cfg.SOLVER.AMP
    if amp.DTYPE not in AMP_DTYPES:
        raise UserError(f"SOLVER.AMP.DTYPE is '{amp.DTYPE}', but must be one of {', '.join(AMP_DTYPES)}.")
    return AMP_DTYPES[amp.DTYPE] if amp.ENABLED else None


@contextmanager
def inference(cfg: CfgNode) -> Iterator[None]:
    """No gradients, and half precision where ``TEST.AMP`` asks for it; of the thread that enters it."""
    with torch.inference_mode(), torch.autocast(torch.device(cfg.MODEL.DEVICE).type, enabled=cfg.TEST.AMP):
        yield


@contextmanager
def speed_settings(cfg: CfgNode) -> Iterator[None]:
    """The backends' global switches as the config says, within; as before afterwards.

    ``SPEED.TF32`` None leaves PyTorch's own choice, which is Detectron2's too and so what "stock" means: convolutions
    in TF32, matrix products not. Turning both off would make us slower than stock, and nobody would have asked for it.

    Raises:
        UserError: a ``SPEED.TF32`` that is none of None, True, False.
    """
    tf32 = cfg.SPEED.TF32
    if tf32 not in (None, True, False):
        raise UserError(f"SPEED.TF32 is {tf32!r}, but must be None (PyTorch's own choice), True or False.")
    cudnn, matmul = torch.backends.cudnn, torch.backends.cuda.matmul
    before = cudnn.benchmark, cudnn.allow_tf32, matmul.allow_tf32
    cudnn.benchmark = cfg.CUDNN_BENCHMARK
    if tf32 is not None:
        cudnn.allow_tf32 = matmul.allow_tf32 = tf32
    try:
        yield
    finally:
        cudnn.benchmark, cudnn.allow_tf32, matmul.allow_tf32 = before


def profiler(cfg: CfgNode) -> hooks.TorchProfiler | None:
    """Detectron2's profiler of ``SPEED.PROFILE`` iterations, a chrome trace each in ``OUTPUT_DIR/profile/rank<r>``; it
    begins ten after the start, or as late as a short training allows. None where none is asked for."""
    wanted = cfg.SPEED.PROFILE

    def is_due(trainer: TrainerBase) -> bool:
        first = trainer.start_iter + max(0, min(_WARM_UP, trainer.max_iter - trainer.start_iter - wanted))
        return first <= trainer.iter < first + wanted

    folder = Path(cfg.OUTPUT_DIR) / "profile" / f"rank{comm.get_rank()}"
    return hooks.TorchProfiler(is_due, str(folder), save_tensorboard=False) if wanted else None
