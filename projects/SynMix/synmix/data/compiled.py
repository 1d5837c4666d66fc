"""Code compiled by numba, for whoever reads many large images. Its results are those of OpenCV and Pillow to the bit,
so it may take over at any time; loading it costs as much as some dozen images, and these have the first ones.
"""

import importlib
import logging
import platform
from functools import lru_cache
from types import ModuleType
from typing import NamedTuple

logger = logging.getLogger(__name__)

#: Whether compiled loops round as OpenCV, Pillow and torchvision do: elsewhere compilers fuse multiplying and adding,
#: each in its own places.
ROUNDS_ALIKE = platform.machine() in ("x86_64", "AMD64")
#: Seconds that OpenCV may have taken before the code is loaded; it saves half of them, and takes two itself.
_PATIENCE = 4.0
_waited = 0.0


class Code(NamedTuple):
    """The compiled modules."""

    png_filters: ModuleType
    row_sums: ModuleType


@lru_cache(maxsize=1)
def load() -> Code | None:
    """The code, from numba's cache on disk but for the first time; None where numba cannot work."""
    filters, sums = module("synmix.data.png_filters"), module("synmix.data.row_sums")
    return Code(filters, sums) if filters and sums else None


def module(name: str) -> ModuleType | None:
    """A module of compiled code; None where numba is absent, or has no folder to keep the code in."""
    try:
        return importlib.import_module(name)
    except (ImportError, RuntimeError, OSError) as error:
        logger.debug("%s is not used: %s", name, error)
        return None


def loaded() -> Code | None:
    """The code, where it has been loaded already."""
    return load() if load.cache_info().currsize else None


def pays() -> bool:
    """Whether there have been so many large images that more are to be expected."""
    return _waited >= _PATIENCE


def wait(seconds: float) -> None:
    """Notes what a large image has taken without the code."""
    global _waited
    _waited += seconds


def take_over() -> None:
    """Loads the code at once, for whoever knows that many images come."""
    wait(_PATIENCE)
    load()
