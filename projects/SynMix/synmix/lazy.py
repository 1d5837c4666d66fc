"""The public names of a room, imported when they are first asked for: whoever wants one does not wait for all."""

import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any


def lazily(package: str, homes: Mapping[str, Sequence[str]]) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """A package's ``__getattr__`` and ``__dir__`` (PEP 562), which lists ``__all__``.

    Args:
        package: its ``__name__``.
        homes: module of the package -> the names that it gives; no name may be that of a module.
    """
    home = {name: module for module, names in homes.items() for name in names}

    def get(name: str) -> Any:
        if name not in home:
            raise AttributeError(f"module '{package}' has no attribute '{name}'")
        return getattr(import_module(f"{package}.{home[name]}"), name)

    return get, lambda: sorted(sys.modules[package].__all__)
