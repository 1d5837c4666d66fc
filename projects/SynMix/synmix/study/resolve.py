"""From a config file, a scale and overrides to the one resolved config of a run.

A run is identified by what its resolved config trains, so that every way of asking for it gives the same run: shares
of images become counts, epochs become iterations, and what has no effect is dropped.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from synmix.compose.budget import iterations_of, steps_of
from synmix.compose.mixing import percentage_of
from synmix.config import (
    CONFIGS,
    CfgNode,
    check_values,
    config_chain,
    get_config,
    import_plugins,
    merge_values,
    set_key,
)
from synmix.data import sources
from synmix.errors import UserError
from synmix.study.scale import MODELS, Scale

_BASE = "_BASE_"
_IMAGENET = "detectron2://ImageNetPretrained/"


def resolve(config: str, overrides: Mapping[str, Any], scale: Scale | None = None) -> CfgNode:
    """The config that a run trains: the file and those it is based on, each with the scale's changes, then overrides.

    Args:
        config: a path below ``configs/``, or any other path.
        overrides: dotted keys and plain values.

    Raises:
        UserError: unknown config or key, or a value that cannot be meant.
    """
    cfg = get_config()
    for file in config_chain(config):
        merge_values(cfg, file.values, f"config '{file.path}'")
        if scale:
            _apply(cfg, scale, file.path)
    if scale:
        _change_model(cfg, scale)
        _rename_data_sets(cfg, scale)
    for key, value in overrides.items():
        set_key(cfg, key, value)
    import_plugins(cfg)
    check_values(cfg)
    canonicalize(cfg)
    return cfg


def _change_model(cfg: CfgNode, scale: Scale) -> None:
    """Puts the scale's model in the place of the config's: its file's own keys, without what that is based on. Its
    weights stand for ImageNet's, and not where a training starts from another.

    Raises:
        UserError: the config finds keypoints, and the models segment instances.
    """
    if scale.model and cfg.MODEL.KEYPOINT_ON:
        raise UserError(
            f"the model '{scale.model}' segments instances, but the scale '{scale.name}' finds keypoints; leave it out."
        )
    for file in config_chain(f"{MODELS}/{scale.model}.yaml") if scale.model else ():
        if file.path.parent.name == MODELS:
            weights = cfg.MODEL.WEIGHTS
            merge_values(cfg, file.values, f"config '{file.path}'")
            _apply(cfg, scale, file.path)
            if not weights.startswith(_IMAGENET):
                cfg.MODEL.WEIGHTS = weights


def _apply(cfg: CfgNode, scale: Scale, path: Path) -> None:
    place = path.resolve()
    changes = scale.configs.get(str(place.relative_to(CONFIGS)), {}) if place.is_relative_to(CONFIGS) else {}
    for base in config_chain(changes[_BASE]) if _BASE in changes else ():
        merge_values(cfg, base.values, f"config '{base.path}'")
    for key, value in changes.items():
        if key != _BASE:
            set_key(cfg, key, value)


def _rename_data_sets(cfg: CfgNode, scale: Scale) -> None:
    cfg.DATASETS.TRAIN, cfg.DATASETS.TEST = (
        tuple(scale.data_set(name) for name in names) for names in (cfg.DATASETS.TRAIN, cfg.DATASETS.TEST)
    )
    cfg.TEST.PUBLISHED = [[scale.data_set(name), *rest] for name, *rest in cfg.TEST.PUBLISHED]


def canonicalize(cfg: CfgNode) -> None:
    """Brings a config to the one form of all that train the same."""
    _shares_to_counts(cfg)
    _drop_empty_sets(cfg)
    _drop_idle_removal(cfg)
    _epochs_to_iterations(cfg)


def domains(cfg: CfgNode) -> tuple[str, ...]:
    """``real`` or ``synthetic`` for each data set of ``DATASETS.TRAIN``; ``""`` for one that is registered later, from
    ``DATASETS.COCO``."""
    own = {entry.get("name"): entry.get("domain", "") for entry in cfg.DATASETS.COCO if isinstance(entry, Mapping)}
    return tuple(own[name] if name in own else sources.source(name).domain for name in cfg.DATASETS.TRAIN)


def _shares_to_counts(cfg: CfgNode) -> None:
    """Only where each domain has one data set: of several, the images themselves decide."""
    data, kinds = cfg.DATASETS, domains(cfg)
    if data.REAL_SHARE is None or not data.TOTAL_IMAGES or data.IMAGES or sorted(kinds) != ["real", "synthetic"]:
        return
    real = percentage_of(data.REAL_SHARE, data.TOTAL_IMAGES)
    counts = {"real": real, "synthetic": data.TOTAL_IMAGES - real}
    data.IMAGES = tuple(counts[kind] for kind in kinds)
    data.TOTAL_IMAGES, data.REAL_SHARE = 0, None


def _drop_empty_sets(cfg: CfgNode) -> None:
    data = cfg.DATASETS
    if len(data.IMAGES) != len(data.TRAIN) or all(data.IMAGES) or not any(data.IMAGES):
        return
    kept = [index for index, images in enumerate(data.IMAGES) if images]
    for key in ("TRAIN", "IMAGES", "REPEAT"):
        data[key] = tuple(data[key][index] for index in kept) if data[key] else ()


def _drop_idle_removal(cfg: CfgNode) -> None:
    """Real labels are never removed, those of a class that is left out neither, and a class at the default's
    percentage adds nothing to it."""
    removal, classes = cfg.DATASETS.REMOVAL, cfg.DATASETS.CLASSES
    default = removal.default if "synthetic" in domains(cfg) else None
    for name, percent in removal.items():
        unnamed = classes and name not in ("default", *classes)
        if unnamed or "synthetic" not in domains(cfg) or (name != "default" and percent == (default or 0)):
            removal[name] = None
        elif percent is not None:
            removal[name] = float(percent) or (None if name == "default" or not default else 0.0)


def _epochs_to_iterations(cfg: CfgNode) -> None:
    """Where the number of images is known without looking at any file."""
    solver, images = cfg.SOLVER, images_of(cfg)
    if solver.EPOCHS and images is not None:
        solver.MAX_ITER = iterations_of(solver.EPOCHS, sum(images), solver.IMS_PER_BATCH)
        solver.STEPS, solver.EPOCHS = steps_of(solver.MAX_ITER, solver.STEP_FRACTIONS), None
    elif not solver.EPOCHS and not solver.STEPS:
        solver.STEPS = steps_of(solver.MAX_ITER, solver.STEP_FRACTIONS)


def images_of(cfg: CfgNode) -> tuple[int, ...] | None:
    """Images that an epoch sees of each data set of ``TRAIN``, repeats counted; None where only the files know."""
    data = cfg.DATASETS
    if len(data.IMAGES) != len(data.TRAIN) or any(images < 0 for images in data.IMAGES):
        return None
    repeats = data.REPEAT or (1,) * len(data.TRAIN)
    return tuple(images * repeat for images, repeat in zip(data.IMAGES, repeats, strict=True))
