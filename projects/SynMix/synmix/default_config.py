"""Detectron2 0.6's and PointRend's config at its defaults, for where Detectron2 is not installed: composing needs their
keys and nothing else of it. ``.ci/defaults`` writes the file; a test compares it with the installed Detectron2's."""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]
from yacs.config import CfgNode

FILE = Path(__file__).with_name("detectron2_defaults.yaml")


def default_config() -> CfgNode:
    """Every key of Detectron2 0.6 and PointRend."""
    return _read().clone()


@lru_cache(maxsize=1)
def _read() -> CfgNode:
    plain = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    cfg = CfgNode(plain["values"])
    for name in plain["tuples"]:
        *parents, leaf = name.split(".")
        node = cfg
        for parent in parents:
            node = node[parent]
        node[leaf] = tuple(tuple(item) if isinstance(item, list) else item for item in node[leaf])
    return cfg


def as_plain(cfg: Mapping[str, Any]) -> dict[str, Any]:
    """A config as the file holds it: its values, and which of them are tuples, for which YAML has no word."""
    return {"values": _plain(cfg), "tuples": sorted(_tuples(cfg))}


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(below) for key, below in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value


def _tuples(cfg: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for key, value in cfg.items():
        if isinstance(value, Mapping):
            yield from _tuples(value, f"{prefix}{key}.")
        elif isinstance(value, tuple):
            yield f"{prefix}{key}"
