"""The scales of the study, read from configs/sweep: ``paper`` (real data, GPUs) and ``mini`` (drawn data, a CPU)."""

from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Any

import yaml  # type: ignore[import-untyped]
from omegaconf import OmegaConf

from synmix.config_files import CONFIGS
from synmix.errors import UserError
from synmix.files import checksum


@dataclass(frozen=True)
class Scale:
    """The sizes, data sets and grids of a scale; the keys are explained in ``configs/sweep/scale/*.yaml``."""

    name: str
    config: str
    real_train: str
    synthetic_train: str
    evaluated: dict[str, str]  # real, synthetic and perhaps test -> data set
    devices: int
    batch: int
    images: int
    all_synthetic: int
    iterations: int
    baseline_epochs: float
    lr: float
    momentum: float
    finetune_lr: float
    finetune_momentum: float
    pretrain_epochs: float
    mixing_epochs: float
    removal: dict[str, float]
    seconds_per_iteration: float
    start: dict[str, Any] | None  # train_set, images, iterations, lr of the miniature's substitute for ImageNet
    grid: dict[str, list]


def scale_names() -> list[str]:
    """The names of the known scales."""
    return sorted(path.stem for path in (CONFIGS / "sweep/scale").glob("*.yaml"))


@lru_cache
def load_scale(name: str) -> Scale:
    """The scale of this name.

    Raises:
        UserError: no such scale; the message lists the known ones.
    """
    if name not in scale_names():
        raise UserError(f"unknown scale '{name}'; known: {', '.join(scale_names())}.")
    return scale_of(OmegaConf.to_container(OmegaConf.load(CONFIGS / "sweep/scale" / f"{name}.yaml")))


def config_checksum(name: str) -> str:
    """Of the values of a config under configs/ and of those it is based on; comments and line breaks do not count.

    Raises:
        UserError: a file is missing or not YAML.
    """
    parts: list[dict[str, Any]] = []
    path = CONFIGS / name
    while not parts or parts[-1].get("_BASE_"):
        try:
            parts.append(yaml.safe_load(path.read_text(encoding="utf-8")) or {})
        except (OSError, yaml.YAMLError) as error:
            raise UserError(f"the config '{path}' cannot be read ({' '.join(str(error).split())}).") from None
        path = path.parent / parts[-1].get("_BASE_", "")
    return checksum(parts)


def scale_of(values: Any) -> Scale:
    """The scale that these keys describe, perhaps changed on the command line.

    Raises:
        UserError: a key is missing or unknown.
    """
    expected, given = {field.name for field in fields(Scale)}, set(values)
    for keys, what in ((expected - given, "lacks"), (given - expected, "has the unknown")):
        if keys:
            raise UserError(f"the scale '{values.get('name')}' {what} key '{sorted(keys)[0]}' (configs/sweep/scale).")
    return Scale(**values)
