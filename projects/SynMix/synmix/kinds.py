"""What a config value may be: kinds with a range, each of which can say in words what it accepts. Torch-free."""

import argparse
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

#: No count, size or period is larger; beyond it, arithmetic in C and CUDA would overflow.
LARGEST = 10**9
_INHERITED = object()


class Kind:
    """A kind of value with its range."""

    #: Completes the sentence "give ...".
    what: str

    def accepts(self, value: Any) -> bool:
        """Whether the value, of any type whatever, is of this kind and inside its range."""
        raise NotImplementedError


class Anything(Kind):
    """What is checked elsewhere, entry by entry."""

    what = "a plain value"

    def accepts(self, value: Any) -> bool:
        """Always."""
        return True


class Flag(Kind):
    """True or False."""

    what = "True or False"

    def accepts(self, value: Any) -> bool:
        """See :class:`Kind`; 0 and 1 are no flags."""
        return isinstance(value, bool)


class Text(Kind):
    """Text, perhaps empty."""

    what = "text"

    def accepts(self, value: Any) -> bool:
        """See :class:`Kind`."""
        return isinstance(value, str) and "\0" not in value


@dataclass(frozen=True)
class Name(Text):
    """Text that is not empty."""

    what: str = "a name"

    def accepts(self, value: Any) -> bool:
        """See :class:`Kind`."""
        return super().accepts(value) and bool(value.strip())


@dataclass(frozen=True)
class Whole(Kind):
    """A whole number from ``low`` to ``high``."""

    low: int = 0
    high: int = LARGEST

    @property
    def what(self) -> str:  # type: ignore[override]
        """In words."""
        return f"a whole number from {self.low} to {'a billion' if self.high == LARGEST else self.high}"

    def accepts(self, value: Any) -> bool:
        """See :class:`Kind`; True is no number."""
        return isinstance(value, int) and not isinstance(value, bool) and self.low <= value <= self.high


@dataclass(frozen=True)
class Number(Kind):
    """A finite number from ``low`` to ``high``; ``open_low`` and ``open_high`` leave the end itself out."""

    low: float = -math.inf
    high: float = math.inf
    open_low: bool = False
    open_high: bool = False

    @property
    def what(self) -> str:  # type: ignore[override]
        """In words."""
        low = f"{'above' if self.open_low else 'from'} {self.low:g}" if self.low > -math.inf else ""
        word = ("and below" if low else "below") if self.open_high else ("to" if low else "up to")
        high = f"{word} {self.high:g}" if self.high < math.inf else ""
        return " ".join(filter(None, ("a number", low, high)))

    def accepts(self, value: Any) -> bool:
        """See :class:`Kind`; neither NaN nor an infinity is a number."""
        if not isinstance(value, int | float) or isinstance(value, bool) or abs(value) > 1e300 or value != value:
            return False
        low = self.low < value if self.open_low else self.low <= value
        return low and (value < self.high if self.open_high else value <= self.high)


@dataclass(frozen=True)
class Choice(Kind):
    """One of a few values; ``why`` says what is special about them."""

    options: tuple[Any, ...]
    why: str = ""

    @property
    def what(self) -> str:  # type: ignore[override]
        """In words."""
        return " or ".join(map(repr, self.options)) + (f" ({self.why})" if self.why else "")

    def accepts(self, value: Any) -> bool:
        """See :class:`Kind`; types count, so that 1 is not True."""
        return any(type(value) is type(option) and value == option for option in self.options)


def unread(default: Any) -> Choice:
    """A key of Detectron2's that nothing here reads: it has to stay at its default, or it would be ignored unsaid."""
    return Choice((default,), "nothing here reads this key")


@dataclass(frozen=True)
class Pattern(Kind):
    """Text of a form."""

    form: str  # a regular expression of the whole text
    what: str

    def accepts(self, value: Any) -> bool:
        """See :class:`Kind`."""
        return isinstance(value, str) and re.fullmatch(self.form, value, re.ASCII) is not None


@dataclass(frozen=True)
class Part(Kind):
    """The name of a model's part, in a registry of Detectron2's (``module:attribute``), which plugins may add to. The
    names in ``known`` are there without a look, which would import all models."""

    registry: str
    known: tuple[str, ...]

    @property
    def what(self) -> str:  # type: ignore[override]
        """In words."""
        return f"{', '.join(map(repr, self.known))} or what a module of IMPORTS registers"

    def accepts(self, value: Any) -> bool:
        """Only whether it can be a name; ``config.check_values`` looks at the registry."""
        return isinstance(value, str)


@dataclass(frozen=True)
class Maybe(Kind):
    """A value of another kind, or None with a meaning of its own."""

    kind: Kind
    meaning: str

    @property
    def what(self) -> str:  # type: ignore[override]
        """In words."""
        return f"{self.kind.what}, or None ({self.meaning})"

    def accepts(self, value: Any) -> bool:
        """See :class:`Kind`."""
        return value is None or self.kind.accepts(value)


@dataclass(frozen=True)
class Many(Kind):
    """A list (or tuple) of so many values of a kind."""

    item: Kind
    least: int = 0
    most: int = LARGEST
    ascending: bool = False
    distinct: bool = False

    @property
    def what(self) -> str:  # type: ignore[override]
        """In words."""
        exact = f" of {self.least} entries" if self.least == self.most else ""
        some = " with at least one entry" if self.least == 1 and not exact else ""
        order = ", in ascending order" if self.ascending else ""
        once = ", none twice" if self.distinct else ""
        return f"a list{exact}{some}, each entry {self.item.what}{order}{once}"

    def accepts(self, value: Any) -> bool:
        """See :class:`Kind`."""
        if not isinstance(value, list | tuple) or not self.least <= len(value) <= self.most:
            return False
        if not all(map(self.item.accepts, value)):
            return False
        if self.distinct and any(entry in value[:place] for place, entry in enumerate(value)):
            return False
        return not self.ascending or all(a < b for a, b in pairwise(value))


@dataclass(frozen=True)
class Row(Kind):
    """A list with an entry of each kind, in order."""

    entries: Mapping[str, Kind]

    @property
    def what(self) -> str:  # type: ignore[override]
        """In words."""
        return f"[{', '.join(self.entries)}]"

    def accepts(self, value: Any) -> bool:
        """See :class:`Kind`."""
        kinds = self.entries.values()
        return (
            isinstance(value, list | tuple)
            and len(value) == len(kinds)
            and all(kind.accepts(entry) for kind, entry in zip(kinds, value, strict=True))
        )


class Entry(Kind):
    """A group of keys and values of its own, checked by who reads it."""

    what = "a mapping of keys to values"

    def accepts(self, value: Any) -> bool:
        """See :class:`Kind`."""
        return isinstance(value, Mapping)


@dataclass(frozen=True)
class Table(Kind):
    """A mapping of names to values of a kind."""

    item: Kind

    @property
    def what(self) -> str:  # type: ignore[override]
        """In words."""
        return f"a mapping of names to values, each {self.item.what}"

    def accepts(self, value: Any) -> bool:
        """See :class:`Kind`."""
        return isinstance(value, Mapping) and all(
            isinstance(key, str) and self.item.accepts(entry) for key, entry in value.items()
        )


@dataclass(frozen=True)
class Key:
    """A config key. ``NODE.*`` stands for further keys in NODE that a config may add."""

    name: str
    kind: Kind
    meaning: str
    default: Any = _INHERITED

    @property
    def is_own(self) -> bool:
        """Whether it is this project's key or default, and not Detectron2's."""
        return self.default is not _INHERITED


#: Kinds that many keys have.
FLAG, COUNT, SIZE, FACTOR = Flag(), Whole(0), Whole(1), Number(0)
SHARE, ABOVE_ZERO = Number(0, 1), Number(0, open_low=True)


def argument(kind: Whole | Number) -> Callable[[str], Any]:
    """A ``type`` for argparse: numbers of a kind; another one ends the tool with 2 and says what is accepted."""

    def parse(text: str) -> int | float:
        try:
            value = int(text) if isinstance(kind, Whole) else float(text)
        except ValueError:
            value = math.nan
        if not kind.accepts(value):
            raise argparse.ArgumentTypeError(f"'{text}' is not possible; give {kind.what}")
        return value

    return parse
