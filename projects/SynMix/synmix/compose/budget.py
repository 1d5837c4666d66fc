"""The length of a training: epochs, iterations and steps (paper 3.3, 4.2), and the effective learning rate (4.3)."""

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from synmix.keys import default_of

#: Where the learning rate drops: after 18k and 22k of 24k iterations (3.3). 4.3 says "in the last 60k and last 20k",
#: which a schedule of 24k cannot mean; its last 6k and last 2k are these.
PAPER_FRACTIONS: tuple[float, ...] = default_of("SOLVER.STEP_FRACTIONS")


def iterations_of(epochs: float, num_images: int, batch_size: int) -> int:
    """Iterations of so many epochs, rounded half to even, at least one: 50 epochs of 2975 images by 8 are 18,594.

    >>> iterations_of(50, num_images=2975, batch_size=8)
    18594
    """
    return max(1, round(Fraction(str(epochs)) * num_images / batch_size))


def epochs_of(iterations: int, num_images: int, batch_size: int) -> float:
    """How often an image is seen: 24,000 iterations of 8 over 2975 images are 64.54 epochs (paper 3.3).

    >>> round(epochs_of(24_000, num_images=2975, batch_size=8), 2)
    64.54
    """
    return float(Fraction(iterations * batch_size, num_images))


def steps_of(iterations: int, fractions: Sequence[float]) -> tuple[int, ...]:
    """Iterations at which the learning rate drops, ascending, without those that so short a training never reaches.

    24,000 iterations at the paper's fractions drop after 18,000 and 22,000.
    """
    steps = {round(iterations * fraction) for fraction in fractions}
    return tuple(sorted(step for step in steps if 0 < step < iterations))


def effective_learning_rate(learning_rate: float, momentum: float) -> float:
    """``lr / (1 - momentum)`` (paper 4.3): 0.005 without momentum equals 0.0005 at momentum 0.9."""
    return learning_rate / (1 - momentum)


def resolve_schedule(cfg: Any, num_images: int) -> None:
    """Sets ``SOLVER.MAX_ITER`` and ``SOLVER.STEPS`` from ``SOLVER.EPOCHS`` and ``SOLVER.STEP_FRACTIONS``.

    Without ``EPOCHS`` the length is ``MAX_ITER``; then ``STEPS`` stays as given, but for (), which means the fractions.

    Args:
        num_images: images of an epoch, repeats counted (``Composition.num_images``).
    """
    solver = cfg.SOLVER
    in_epochs = solver.EPOCHS is not None
    frozen = cfg.is_frozen()
    cfg.defrost()
    if in_epochs:
        solver.MAX_ITER = iterations_of(solver.EPOCHS, num_images, solver.IMS_PER_BATCH)
    if in_epochs or not solver.STEPS:
        solver.STEPS = steps_of(solver.MAX_ITER, solver.STEP_FRACTIONS)
    else:  # Detectron2 raises at a step that is the end itself
        solver.STEPS = tuple(step for step in solver.STEPS if step < solver.MAX_ITER)
    if frozen:
        cfg.freeze()


def describe_schedule(cfg: Any, num_images: int) -> str:
    """One line for logs: length in iterations and epochs, the learning rate and SGD's effective one (4.3)."""
    solver = cfg.SOLVER
    epochs = epochs_of(solver.MAX_ITER, num_images, solver.IMS_PER_BATCH)
    update = f"momentum {solver.MOMENTUM:g}, effective {effective_learning_rate(solver.BASE_LR, solver.MOMENTUM):g}"
    if getattr(solver, "OPTIMIZER", "SGD") != "SGD":
        update = solver.OPTIMIZER
    return (
        f"{solver.MAX_ITER:,} iterations of {solver.IMS_PER_BATCH} images, {epochs:.2f} epochs of {num_images:,}; "
        f"learning rate {describe_learning_rate(solver)}; {update}"
    )


def describe_learning_rate(solver: Any) -> str:
    """The learning rate's course as Detectron2's ``build_lr_scheduler`` makes it of ``SOLVER.LR_SCHEDULER_NAME``."""
    name, last = solver.LR_SCHEDULER_NAME, solver.MAX_ITER
    if name == "WarmupMultiStepLR":
        factor = _drops(solver.GAMMA, [step for step in solver.STEPS if step < last])
    elif name == "WarmupStepWithFixedGammaLR":  # later than Detectron2 0.6: NUM_DECAYS drops at equal distances
        decays = solver.NUM_DECAYS
        factor = _drops(solver.GAMMA, [math.ceil(last * n / (decays + 1)) for n in range(1, decays + 1)])
    elif name == "WarmupCosineLR":
        factor = f", down a cosine to {getattr(solver, 'BASE_LR_END', 0.0):g}"
    else:
        factor = f", as {name} changes it"
    warm_up = f", warm-up {min(solver.WARMUP_ITERS, last):,}" if solver.WARMUP_ITERS > 0 else ""
    return f"{solver.BASE_LR:g}{factor}{warm_up}"


def _drops(gamma: float, steps: Sequence[int]) -> str:
    return f", x{gamma:g} after {', '.join(f'{step:,}' for step in steps)}" if steps else ", without drops"
