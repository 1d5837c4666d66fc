"""Code compiled by numba, for whoever reads many large images. Its results are those of OpenCV and Pillow to the bit,
so it may take over at any time; loading it costs as much as some dozen images, and these have the first ones.
"""

from functools import lru_cache
from types import ModuleType
from typing import NamedTuple

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
    try:
        import synmix.data.png_filters as png_filters
        import synmix.data.row_sums as row_sums
    except (ImportError, RuntimeError, OSError):  # absent, or no folder to keep the compiled code in
        return None
    return Code(png_filters, row_sums)


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
