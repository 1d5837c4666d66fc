"""The project's config: Detectron2's, PointRend's, and the keys of each room."""

from detectron2.config import CfgNode, get_cfg
from detectron2.projects.point_rend import add_pointrend_config

from synmix.compose.config import add_composition_config


def get_config() -> CfgNode:
    """A config with every key the project knows, at its default."""
    cfg = get_cfg()
    add_pointrend_config(cfg)
    add_composition_config(cfg)
    return cfg
