"""The project's config: Detectron2's, PointRend's, and the keys of each room; loaded without running what a stranger
may have written, and with a sentence for every key or file that is not there."""

import difflib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]
from detectron2.config import CfgNode, get_cfg
from detectron2.projects.point_rend import add_pointrend_config

from synmix.compose.config import add_composition_config
from synmix.errors import UserError
from synmix.evaluate.config import add_evaluation_config  # the one import from the right: a config knows all rooms
from synmix.train import mask_head, narrow  # noqa: F401 - they register the parts that configs name


def add_training_config(cfg: CfgNode) -> None:
    """Adds the trainer's own keys."""
    # One process works through its share of a batch in so many parts and adds up their gradients. Processes x parts is
    # what counts: 1 GPU with 4 parts trains as the paper's 4 GPUs x 2 images do.
    cfg.SOLVER.ACCUMULATE = 1
    # Begin with what fits of MODEL.WEIGHTS and leave the rest at random (fine-tuning to other classes); logged by name.
    cfg.MODEL.PARTIAL_WEIGHTS = False
    # How many of the latest checkpoints stay on disk, beside model_best and model_final; 0 keeps all.
    cfg.SOLVER.KEEP_CHECKPOINTS = 2
    # The evaluation figure whose best checkpoint is kept, e.g. "cityscapes_instance_val/segm/AP"; "" keeps none. With
    # a single data set in DATASETS.TEST it is "segm/AP", as in Detectron2.
    cfg.TEST.BEST_METRIC = ""
    # What an image that cannot be read does to a run: "stop" it, or "replace" it by another of the same data set.
    cfg.DATALOADER.ON_DAMAGED = "stop"
    # Batches of one orientation only (Detectron2's default); all data sets here are wide, and exact resume needs none.
    cfg.DATALOADER.ASPECT_RATIO_GROUPING = False
    # "pillow" resizes training images bit for bit as Detectron2 does; "opencv" is faster and differs by a few levels.
    cfg.INPUT.RESIZE = "pillow"

    cfg.SPEED = CfgNode()
    # Images and convolutions in channels-last memory order, which tensor cores prefer.
    cfg.SPEED.CHANNELS_LAST = False
    # 19-bit products in matrix multiplications and convolutions on Ampere and later.
    cfg.SPEED.TF32 = False
    # torch.compile of the backbone; pays only where image sizes seldom change.
    cfg.SPEED.COMPILE_BACKBONE = False
    # Masks travel to the GPU as one map of instance numbers and are unpacked there, instead of a full frame for each.
    cfg.SPEED.PACKED_MASKS = False

    cfg.LOG = CfgNode()
    # Iterations between two lines of metrics.
    cfg.LOG.PERIOD = 20
    # Pictures of training inputs at the start, and of predictions at each evaluation; 0 draws none.
    cfg.LOG.PICTURES = 4
    cfg.LOG.TENSORBOARD = True
    # The Weights & Biases project to report to; "" reports nowhere.
    cfg.LOG.WANDB_PROJECT = ""

    # What the paper reports for this training: [[data set, metric, value, where], ...]; printed beside our figures.
    cfg.TEST.PUBLISHED = []


def get_config() -> CfgNode:
    """A config with every key the project knows, at its default."""
    cfg = get_cfg()
    add_pointrend_config(cfg)
    add_composition_config(cfg)
    add_training_config(cfg)
    add_evaluation_config(cfg)
    return cfg


def load_config(path: str | Path, options: Sequence[str] = ()) -> CfgNode:
    """Reads a YAML file over the defaults, then ``KEY VALUE`` pairs over that.

    Args:
        path: the config; "" takes the defaults alone.

    Raises:
        UserError: missing or malformed file, unknown key (the closest one is named), or a value of the wrong kind.
    """
    cfg = get_config()
    if str(path):
        _merge_file(cfg, Path(path))
    _merge_options(cfg, list(options))
    return cfg


def _merge_file(cfg: CfgNode, path: Path) -> None:
    if not path.is_file():
        known = ", ".join(sorted(str(other) for other in path.parent.glob("*.yaml"))) or "none"
        raise UserError(f"config '{path}' does not exist; configs in its folder: {known}.")
    try:
        values = CfgNode.load_yaml_with_base(str(path), allow_unsafe=False)
    except yaml.constructor.ConstructorError as error:
        raise UserError(
            f"config '{path}' holds a YAML tag that would run code ({error.problem}); write plain values."
        ) from None
    except (yaml.YAMLError, OSError, AssertionError, UnicodeDecodeError, TypeError) as error:
        raise UserError(f"config '{path}' cannot be read: {' '.join(str(error).split())}") from None
    if not isinstance(values, dict):
        raise UserError(f"config '{path}' cannot be read: it must hold keys and values.")
    for key in _leaves(values):
        _check_key(cfg, key, f"config '{path}'")
    _merge(lambda: cfg.merge_from_other_cfg(CfgNode(values)), f"config '{path}'")


def _merge_options(cfg: CfgNode, options: list[str]) -> None:
    if len(options) % 2:
        raise UserError(f"options come as KEY VALUE pairs, but '{options[-1]}' has no partner.")
    for key in options[::2]:
        _check_key(cfg, key, "the command line")
        parent, _, leaf = key.rpartition(".")
        node = _node(cfg, parent)
        if node is not None and node.is_new_allowed():
            node.setdefault(leaf, None)  # yacs admits new keys from files alone; DATASETS.REMOVAL checks its own
    _merge(lambda: cfg.merge_from_list(options), "the command line")


def _merge(merge: Any, where: str) -> None:
    try:
        merge()
    except (ValueError, KeyError, AssertionError) as error:
        raise UserError(f"{where}: {' '.join(str(error.args[0] if error.args else error).split())}") from None


def _leaves(values: dict[str, Any], prefix: str = "") -> Iterator[str]:
    """The dotted names of all values: ``{"A": {"B": 1}}`` gives ``A.B``."""
    for key, value in values.items():
        if isinstance(value, dict) and value:
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}"


def _check_key(cfg: CfgNode, key: str, where: str) -> None:
    parent, known = _node(cfg, key.rpartition(".")[0]), list(_leaves(cfg))
    if (
        key in known
        or (parent is not None and parent.is_new_allowed())
        or any(name.startswith(f"{key}.") for name in known)
    ):
        return
    close = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
    hint = f"; did you mean '{close[0]}'?" if close else "."
    raise UserError(f"unknown key '{key}' in {where}{hint}")


def _node(cfg: CfgNode, name: str) -> CfgNode | None:
    """The node of a dotted name, None where there is none."""
    node: Any = cfg
    for part in filter(None, name.split(".")):
        node = node.get(part) if isinstance(node, CfgNode) else None
    return node if isinstance(node, CfgNode) else None
