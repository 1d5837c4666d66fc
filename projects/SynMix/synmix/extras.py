"""What is installed apart: a sentence says which extra brings it."""

import importlib.util
import sys

from synmix.errors import UserError


class MissingExtraError(UserError, ModuleNotFoundError):
    """A package of an extra is needed and not installed."""


def is_installed(module: str) -> bool:
    """Whether a package can be imported; it is not."""
    return module in sys.modules or importlib.util.find_spec(module) is not None


def need(extra: str, **modules: str) -> None:
    """Sees to it that packages are installed.

    Args:
        extra: of ``pyproject.toml``, which brings them.
        modules: package as it is imported -> what it is called.

    Raises:
        MissingExtraError: the first that is not.
    """
    for module, title in modules.items():
        if not is_installed(module):
            raise MissingExtraError(f"{title} is not installed; pip install 'synmix[{extra}]' brings it.", name=module)
