"""Detectron2's config without torch. Detectron2's package imports torch, which takes seconds, and its config needs
none of it: what only reads a config or counts labels begins at once. Where Detectron2 is not installed at all, its
defaults come from a file (``default_config.py``)."""

import importlib
import importlib.util
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from synmix.default_config import CfgNode, default_config
from synmix.extras import is_installed

_PACKAGE, _CONFIG = "detectron2", "detectron2.config"


def detectron2_config() -> tuple[Any, Any, Any]:
    """``CfgNode``, ``get_cfg`` and PointRend's ``add_pointrend_config``; Detectron2's packages stay unimported for
    whoever asks for more of them.
    """
    if not all(map(is_installed, ("torch", _PACKAGE))):
        return CfgNode, default_config, lambda cfg: None
    import synmix.before_detectron2  # noqa: F401  when Detectron2 is imported, it adopts what is imported here

    spec = importlib.util.find_spec(_PACKAGE)
    assert spec is not None and spec.origin is not None
    folder = Path(spec.origin).parent
    with _bare({_PACKAGE: folder, _CONFIG: folder / "config"}):
        importlib.import_module(f"{_CONFIG}.defaults")
        module = importlib.import_module(f"{_CONFIG}.config")
        sys.modules[_CONFIG].CfgNode = module.CfgNode  # type: ignore[attr-defined]
        return module.CfgNode, module.get_cfg, _pointrend(folder).add_pointrend_config


@contextmanager
def _bare(packages: dict[str, Path]) -> Iterator[None]:
    """Folders in the place of packages that nobody has imported yet."""
    absent = {name: folder for name, folder in packages.items() if name not in sys.modules}
    for name, folder in absent.items():
        sys.modules[name] = ModuleType(name)
        sys.modules[name].__path__ = [str(folder)]
    try:
        yield
    finally:
        for name in absent:
            del sys.modules[name]


def _pointrend(folder: Path) -> Any:
    """PointRend's module of defaults by itself: its package would import all models."""
    inside = folder / "projects" / "point_rend" / "config.py"
    beside = folder.parent / "projects" / "PointRend" / "point_rend" / "config.py"  # an editable install
    spec = importlib.util.spec_from_file_location("pointrend_config", inside if inside.is_file() else beside)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
