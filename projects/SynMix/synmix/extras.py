"""What is installed apart: a sentence says which extra brings it."""

import importlib.util
import sys

from synmix.errors import UserError

#: What brings an extra. Detectron2 0.6 names a URL among its dependencies, which pip refuses and uv can leave out.
HOW = {
    "train": "pip install 'synmix[train]'",
    "models": "pip install 'synmix[models]'",
    "sweep": "pip install 'synmix[sweep]'",
    "wandb": "pip install 'synmix[wandb]'",
    "trackio": "pip install 'synmix[trackio]'",
    "detectron2": "uv pip install --no-deps --no-build-isolation -C=--global-option=build_py "
    "-C=--build-option=--skip-build pb1-detectron2==0.6",
}


class MissingExtraError(UserError, ModuleNotFoundError):
    """A package of an extra is needed and not installed."""


def is_installed(module: str) -> bool:
    """Whether a package can be imported; it is not."""
    return module in sys.modules or importlib.util.find_spec(module) is not None


def need(remedy: str, **modules: str) -> None:
    """Sees to it that packages are installed.

    Args:
        remedy: of :data:`HOW`.
        modules: package as it is imported -> what it is called.

    Raises:
        MissingExtraError: the first that is not.
    """
    for module, title in modules.items():
        if not is_installed(module):
            raise MissingExtraError(f"{title} is not installed; this brings it: {remedy}", name=module)
