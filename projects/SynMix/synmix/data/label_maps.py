"""Label maps as pictures: what their channels say, in the words of a description (``R``, ``G + 256 B``,
``(gray) // 1000``), and pixels read accordingly.

Shape legend: H, W are a map's height and width, C its channels.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

from synmix.data.frame_labels import ID_FACTOR
from synmix.data.images import PathLike, kind_of, read_colors, read_indices
from synmix.data.run_lengths import runs_of
from synmix.errors import UserError
from synmix.labels import INSTANCE_LABELS

_EXPRESSION = re.compile(r"\(?\s*(?P<sum>[^()]+?)\s*\)?\s*((?P<operator>//|%)\s*(?P<number>\d+))?")
_TERM = re.compile(r"(?:(?P<factor>\d+)\s*\*?\s*)?(?P<channel>R|G|B|A|gray|color)")
_PLACE = {1: 0, 256: 1, 65536: 2, 16777216: 3}  # of a byte in a little-endian number
_BLUE_FIRST = "BGRA"  # OpenCV's order
_COLOR = (("R", 65536), ("G", 256), ("B", 1))  # as '#ff7f50' is written


@dataclass(frozen=True)
class Expression:
    """A number for each pixel: a weighted sum of channels, perhaps divided, or what a division leaves."""

    terms: tuple[tuple[str, int], ...]  # channel, factor
    divide: int = 0
    modulo: int = 0

    @classmethod
    def parse(cls, text: str) -> "Expression":
        """Reads the words of a description: ``gray % 1000``, ``R + 256 G``, ``(R + 256 G) // 100``, ``color``.

        Raises:
            ValueError: it is none; the message completes "... is '<text>', ".
        """
        whole = _EXPRESSION.fullmatch(str(text).strip())
        terms = [_TERM.fullmatch(term.strip()) for term in whole["sum"].split("+")] if whole else [None]
        number = int(whole["number"] or 0) if whole else 0
        if whole is None or any(term is None for term in terms) or (whole["operator"] and not number):
            raise ValueError("which is no sum of R, G, B, A or gray, such as 'R', 'G + 256 B' or '(gray) // 1000'")
        pairs = tuple((term["channel"], int(term["factor"] or 1)) for term in terms if term)
        pairs = _COLOR if pairs == (("color", 1),) else pairs
        if len({name for name, _ in pairs} & {"gray", "color"}) and len(pairs) > 1:
            raise ValueError("which mixes a whole pixel with channels; give 'gray' or 'color' alone, or channels")
        return cls(pairs, number if whole["operator"] == "//" else 0, number if whole["operator"] == "%" else 0)

    @property
    def is_gray(self) -> bool:
        """Whether it is of maps with a single channel."""
        return self.terms[0][0] == "gray"

    @property
    def channels(self) -> frozenset[str]:
        """The names of the channels that it needs."""
        return frozenset(name for name, _ in self.terms)

    def __call__(self, pixels: np.ndarray) -> np.ndarray:
        """(H, W) numbers of (H, W) or (H, W, C) pixels in OpenCV's order; uint8, uint16 or uint32."""
        value = pixels if self.is_gray else self._sum(pixels)
        if self.divide:
            return value // value.dtype.type(self.divide) if self.divide <= np.iinfo(value.dtype).max else value * 0
        if self.modulo and self.modulo <= np.iinfo(value.dtype).max:
            return value % value.dtype.type(self.modulo)
        return value

    def _sum(self, pixels: np.ndarray) -> np.ndarray:
        if len(self.terms) == 1 and self.terms[0][1] == 1:
            return cv2.extractChannel(pixels, _BLUE_FIRST.index(self.terms[0][0]))
        planes = dict(zip(_BLUE_FIRST, cv2.split(pixels), strict=False))
        if pixels.dtype == np.uint8 and all(factor in _PLACE for _, factor in self.terms):
            return _merged({_PLACE[factor]: planes[name] for name, factor in self.terms})
        total = sum(planes[name].astype(np.uint64) * np.uint64(factor) for name, factor in self.terms)
        return np.minimum(np.asarray(total), 0xFFFFFFFF).astype(np.uint32)


def _merged(bytes_: Mapping[int, np.ndarray]) -> np.ndarray:
    """(H, W) little-endian numbers whose bytes are the planes: five times as fast as sums."""
    zeros = np.zeros_like(next(iter(bytes_.values())))
    width = 2 if max(bytes_) < 2 else 4
    merged = cv2.merge([bytes_.get(place, zeros) for place in range(width)])
    return np.ascontiguousarray(merged).view(f"<u{width}")[..., 0]


@dataclass(frozen=True)
class Coding:
    """How the pixels of a map are read. What is absent the map does not tell."""

    bits: int = 8
    class_of: Expression | None = None  # the class of a pixel
    id_of: Expression | None = None  # the instance of a pixel, a number within its class
    id_class: Expression | None = None  # the class that the instance belongs to, where that is another question
    first_id: int = 1  # lower ones are no instance
    plain_below: int = 0  # gray values below are classes without an instance
    renumber: bool = False  # ids of any size are counted anew in each frame
    crowd: tuple[str, int] | None = None  # channel and bit of pixels that are a group
    ignore: tuple[str, int] | None = None  # channel and bit of pixels to leave out

    @cached_property
    def expressions(self) -> list[Expression]:
        """All that it asks of pixels."""
        flags = [Expression(((flag[0], 1),)) for flag in (self.crowd, self.ignore) if flag]
        return [each for each in (self.class_of, self.id_of, self.id_class) if each] + flags

    @cached_property
    def channels(self) -> frozenset[str]:
        """The names of the channels that it needs."""
        return frozenset().union(*(each.channels for each in self.expressions))

    def words(self) -> str:
        """The coding, for people."""
        kind = "gray" if self.expressions[0].is_gray else "colour"
        return f"{self.bits}-bit {kind}, id " + (str(self.id_of) if self.id_of else "none")

    def read(self, path: PathLike) -> np.ndarray:
        """Reads a map's pixels: (H, W), or (H, W, C) in OpenCV's order. Of a palette where gray values are asked for
        the numbers, else the colours.

        Raises:
            UserError: missing, damaged, or of other channels or bits than the description says.
        """
        gray = self.expressions[0].is_gray
        pixels = read_indices(path) if gray else read_colors(path)
        channels = 1 if pixels.ndim == 2 else pixels.shape[2]
        fits = pixels.ndim == 2 if gray else channels >= (4 if "A" in self.channels else 3)
        if not fits or pixels.dtype.itemsize * 8 != self.bits:
            wanted = "gray" if gray else "RGBA" if "A" in self.channels else "RGB"
            raise UserError(
                f"'{path}' is {kind_of(path, pixels)}, but this data set's maps are {self.bits}-bit {wanted}; fetch "
                "the file again, or correct the description."
            )
        return pixels


def numbered(ids: np.ndarray, homes: np.ndarray, coding: Coding, path: PathLike) -> np.ndarray:
    """(H, W) uint32: ``label * ID_FACTOR + k`` for each pixel of an instance, else 0.

    Args:
        ids: (H, W) the data set's own numbers.
        homes: (H, W) uint8, the label id that the number belongs to.

    Raises:
        UserError: a number is too large.
    """
    base = np.zeros(256, dtype=np.uint32)
    base[list(INSTANCE_LABELS)] = np.array(list(INSTANCE_LABELS), dtype=np.uint32) * ID_FACTOR
    result = np.take(base, homes)
    if coding.renumber:
        runs = runs_of(ids)
        distinct, index = np.unique(runs.values, return_inverse=True)
        order = (np.arange(len(distinct)) + int(distinct[0] >= coding.first_id)).astype(np.uint32)
        order[distinct < coding.first_id] = 0
        ids = np.repeat(order[index], runs.lengths).reshape(runs.shape)
        shown = (result > 0) & (ids > 0)
    else:
        shown = result > 0 if coding.first_id == 0 else (result > 0) & (ids >= coding.first_id)
    largest = int(ids.max(where=shown, initial=0))
    if largest >= ID_FACTOR - 1:
        raise UserError(
            f"'{path}' holds the instance number {largest}, but numbers must stay below {ID_FACTOR - 1:,}; say "
            "'renumber: true' in the description, or correct how it reads the id."
        )
    result += ids
    if coding.first_id == 0 and not coding.renumber:
        result += np.uint32(1)  # Cityscapes counts from 0, and 0 is no instance here
    result[~shown] = 0
    return result
