"""The project's config: Detectron2's, PointRend's, and the keys of ``keys.py``; loaded without running what a stranger
may have written, and with a sentence for every key, file or value that cannot be meant."""

import importlib
import reprlib
from ast import literal_eval
from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from synmix import config_classes
from synmix.config_files import CONFIGS, ConfigFile, config_chain, config_path
from synmix.errors import UserError, did_you_mean
from synmix.former_keys import todays
from synmix.keys import TABLE, find, kind_like
from synmix.kinds import Choice, Kind, Part
from synmix.labels import CLASS_NAMES
from synmix.torch_free import detectron2_config

if TYPE_CHECKING:
    from detectron2.config import CfgNode, get_cfg
    from detectron2.projects.point_rend import add_pointrend_config
else:
    CfgNode, get_cfg, add_pointrend_config = detectron2_config()

__all__ = [
    "CONFIGS", "CfgNode", "ConfigFile", "build_model", "check_values", "config_chain", "config_path", "get_config",
    "import_modules", "import_plugins", "leaves", "load_config", "merge_values", "set_key",
]  # fmt: skip

#: The project's own parts of models; they register themselves with Detectron2 when they are imported.
_PARTS = ("synmix.train.parts.mask_head", "synmix.train.parts.narrow_backbone", "synmix.train.parts.mask2former")


def get_config() -> CfgNode:
    """A config with every key the project knows, at its default."""
    return _defaults().clone()


@lru_cache(maxsize=1)
def _defaults() -> CfgNode:
    cfg = get_cfg()
    add_pointrend_config(cfg)
    for key in TABLE:
        if not key.is_own:
            continue
        node, (*parents, leaf) = cfg, key.name.split(".")
        for parent in parents:
            node = node.setdefault(parent, CfgNode())
        if leaf == "*":
            node.set_new_allowed(True)
        for name in CLASS_NAMES if leaf == "*" else (leaf,):
            node[name] = deepcopy(key.default)
    return cfg


def load_config(path: str | Path, options: Sequence[str] = (), imports: Sequence[str] = ()) -> CfgNode:
    """Reads a YAML file and those it is based on over the defaults, then ``KEY VALUE`` pairs over that, and imports the
    modules of ``IMPORTS``.

    Args:
        path: the config, or its name in :data:`CONFIGS`; "" takes the defaults alone.
        imports: further modules of ``IMPORTS``.

    Raises:
        UserError: missing or malformed file, unknown key (a close one is named), or a value that cannot be meant.
    """
    cfg = get_config()
    for file in config_chain(path) if str(path) else ():
        merge_values(cfg, file.values, f"config '{file.path}'")
    if len(options) % 2:
        raise UserError(f"options come as KEY VALUE pairs, but '{options[-1]}' has no partner.")
    for name, value in zip(options[::2], options[1::2], strict=True):
        _set(cfg, name, value, "the options")
    config_classes.follow(cfg, options[::2])
    cfg.IMPORTS = list(dict.fromkeys([*cfg.IMPORTS, *imports]))
    import_plugins(cfg)
    check_values(cfg)
    return cfg


def set_key(cfg: CfgNode, name: str, value: Any) -> None:
    """Sets one key, ``"A.B"``, as an option of :func:`load_config` does.

    Args:
        cfg: it is changed.
        value: text is read as Python, as far as the key takes anything but text.

    Raises:
        UserError: unknown key, or a value that cannot be meant.
    """
    _set(cfg, name, value, "the options")
    config_classes.follow(cfg, (name,))
    _check_part(name, _node(cfg, name.rpartition(".")[0])[name.rpartition(".")[2]])


def merge_values(cfg: CfgNode, values: Mapping[Any, Any], where: str) -> None:
    """Sets the keys of plain values, nested as in a :class:`ConfigFile` or dotted, and what follows from them.

    Raises:
        UserError: unknown key, or a value that cannot be meant; ``where`` it stands is named.
    """
    given = dict(_dotted(cfg, values))
    for name, value in given.items():
        for key, today in todays(name, value, cfg.LOG.WRITERS).items():
            _set(cfg, key, today, where)
    config_classes.follow(cfg, given)


def _dotted(cfg: CfgNode, values: Mapping[Any, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, Mapping) and isinstance(_node(cfg, prefix).get(key), CfgNode):
            yield from _dotted(cfg, value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _set(cfg: CfgNode, name: str, value: Any, where: str) -> None:
    parent, _, leaf = name.rpartition(".")
    node = _node(cfg, parent)
    if node is None or (leaf not in node and not (node.is_new_allowed() and leaf)):
        raise UserError(f"unknown key '{name}' in {where}.{did_you_mean(name, [*dict(leaves(cfg)), *cfg])}")
    if isinstance(node.get(leaf), CfgNode):
        known = ", ".join(f"{name}.{below}" for below in node[leaf])
        raise UserError(f"'{name}' in {where} is a group of keys; give a value to one of them: {known}.")
    value = _converted(name, value)
    _check(name, value, f" in {where}")
    setattr(node, leaf, value)


def _converted(name: str, value: Any) -> Any:
    """A value as the key takes it: text read as Python, whole numbers and lists of the default's type."""
    kind, default = kind_of(name), _leaf_defaults().get(name)
    read = _literal(value) if isinstance(value, str) else value
    value = read if kind.accepts(read) or not kind.accepts(value) else value
    if type(value) is int and isinstance(default, float) and kind.accepts(value):
        return float(value)
    if isinstance(value, list | tuple) and isinstance(default, list | tuple):
        return type(default)(value)
    return value


def _literal(text: str) -> Any:
    try:
        return literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return text


def import_plugins(cfg: CfgNode) -> None:
    """Imports the modules of ``IMPORTS``; a spawned process needs that too, where its config comes as an object.

    Raises:
        UserError: one cannot be imported.
    """
    import_modules(cfg.IMPORTS)


def import_modules(names: Iterable[str]) -> None:
    """Imports a person's own modules.

    Raises:
        UserError: one cannot be imported.
    """
    for name in names:
        try:
            importlib.import_module(name)
        except UserError:
            raise
        except Exception as error:  # whatever a stranger's module raises
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            raise UserError(
                f"IMPORTS names '{name}', which cannot be imported ({reason}); install or mend it."
            ) from error


def build_model(cfg: CfgNode) -> Any:
    """Detectron2's ``build_model``, with this project's parts registered.

    Raises:
        UserError: what the keys of ``MODEL`` say together cannot be built.
    """
    import synmix.before_detectron2  # noqa: F401

    from detectron2.modeling import build_model as build

    _import_parts()
    try:
        return build(cfg)
    except (KeyError, AssertionError, ValueError, TypeError, RuntimeError) as error:
        raise UserError(f"the model that the keys of MODEL describe cannot be built ({_reason(error)}).") from error


def _reason(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())


def _import_parts() -> None:
    for name in _PARTS:
        importlib.import_module(name)


def kind_of(name: str) -> Kind:
    """The kind of a key of the config; what the table leaves out has its default's type."""
    key = find(name)
    return key.kind if key else kind_like(_leaf_defaults().get(name))


@lru_cache(maxsize=1)
def _leaf_defaults() -> dict[str, Any]:
    return dict(leaves(_defaults()))


def check_values(cfg: CfgNode) -> None:
    """Looks at every value of a config, and at those that have to suit each other.

    Raises:
        UserError: one that cannot be meant: ``KEY is VALUE; give RANGE.``
    """
    for name, value in leaves(cfg):
        _check(name, value)
        _check_part(name, value)
    for problem in _conflicts(cfg):
        raise UserError(problem)


def _check(name: str, value: Any, where: str = "") -> None:
    kind = kind_of(name)
    if not kind.accepts(value):
        hint = did_you_mean(value, map(str, kind.options)) if isinstance(kind, Choice) else ""
        raise UserError(f"{name} is {_shown(value)}{where}; give {kind.what}.{hint}")


def _check_part(name: str, value: Any) -> None:
    kind = kind_of(name)
    if not isinstance(kind, Part) or value in kind.known:
        return
    _import_parts()
    module, _, attribute = kind.registry.partition(":")
    known = dict(getattr(importlib.import_module(module), attribute))
    if value not in known:
        raise UserError(f"{name} is {_shown(value)}; give {kind.what}.{did_you_mean(value, known)}")


def _conflicts(cfg: CfgNode) -> Iterator[str]:
    """A sentence for each two keys that cannot be meant together."""
    yield from config_classes.conflicts(cfg)
    model, shown = cfg.MODEL, cfg.INPUT
    classes, points = model.ROI_HEADS.NUM_CLASSES, model.POINT_HEAD.NUM_CLASSES
    if model.MASK_ON and model.ROI_MASK_HEAD.POINT_HEAD_ON:
        if classes != points:
            other = f"MODEL.POINT_HEAD.NUM_CLASSES is {points}"
            yield f"MODEL.ROI_HEADS.NUM_CLASSES is {classes}, but {other}; give both the same number."
        if shown.MASK_FORMAT != "bitmask":
            yield f"INPUT.MASK_FORMAT is {shown.MASK_FORMAT!r}; give 'bitmask', which PointRend needs."
    sigmas, keypoints = len(cfg.TEST.KEYPOINT_OKS_SIGMAS), model.ROI_KEYPOINT_HEAD.NUM_KEYPOINTS
    if model.KEYPOINT_ON and sigmas not in (0, keypoints):
        yield (
            f"TEST.KEYPOINT_OKS_SIGMAS has {sigmas} entries, but MODEL.ROI_KEYPOINT_HEAD.NUM_KEYPOINTS is {keypoints}; "
            "give one for each keypoint."
        )
    if shown.MIN_SIZE_TRAIN_SAMPLING == "range" and len(shown.MIN_SIZE_TRAIN) != 2:
        yield f"INPUT.MIN_SIZE_TRAIN is {shown.MIN_SIZE_TRAIN}; give two sizes, or the sampling 'choice'."
    if shown.CROP.TYPE.startswith("relative") and max(shown.CROP.SIZE) > 1:
        yield f"INPUT.CROP.SIZE is {shown.CROP.SIZE}; give shares up to 1, or the type 'absolute'."
    if shown.CROP.TYPE.startswith("absolute") and any(size != int(size) for size in shown.CROP.SIZE):
        yield f"INPUT.CROP.SIZE is {shown.CROP.SIZE}; give whole numbers of pixels, or the type 'relative'."
    levels = len(model.RPN.IN_FEATURES)
    for key in ("SIZES", "ASPECT_RATIOS"):
        if len(model.ANCHOR_GENERATOR[key]) not in (1, levels):
            yield (
                f"MODEL.ANCHOR_GENERATOR.{key} has {len(model.ANCHOR_GENERATOR[key])} lists; give one, or one for each "
                f"of the {levels} levels of MODEL.RPN.IN_FEATURES."
            )


def _shown(value: Any) -> str:
    short = reprlib.Repr()
    short.maxstring = short.maxother = 120
    short.maxlist = short.maxtuple = short.maxdict = 12
    return short.repr(value)


def leaves(cfg: CfgNode, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """The dotted names of all values, and the values."""
    for key, value in cfg.items():
        if isinstance(value, CfgNode):
            yield from leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _node(cfg: CfgNode, name: str) -> Any:
    """The node of a dotted name, None where there is none."""
    node: Any = cfg
    for part in filter(None, name.split(".")):
        node = node.get(part) if isinstance(node, CfgNode) else None
    return node if isinstance(node, CfgNode) else None
