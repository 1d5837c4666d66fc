"""Where the files of a data set lie: patterns such as ``img/class/{number}.png``, walked folder by folder.

``{name}`` stands for text within one folder's or file's name, ``{number}`` for digits, and ``{png|jpg}`` for one of
these words; every other character for itself. What a pattern's names stand for tells the frames apart.
"""

import os
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path

_FIELD = re.compile(r"\{([^{}]*)\}")
_NAME = re.compile(r"[a-z_]+")
#: Digits of a frame's number.
_NUMBER = r"\d{1,9}"

Values = Mapping[str, str]


class FilePattern:
    """One pattern.

    Raises:
        ValueError: on construction, for text that is none; the message completes "... is '<text>', ".
    """

    def __init__(self, text: str) -> None:
        self.text = text
        fields = _FIELD.findall(text)
        wrong = [name for name in fields if "|" not in name and not _NAME.fullmatch(name)]
        if wrong or re.search(r"[{}]", _FIELD.sub("", text)) or text.startswith("/") or ".." in text.split("/"):
            raise ValueError("which is no pattern of files below a folder, such as 'img/{number}.png'")
        #: What tells frames apart, in order, without ``split``.
        self.names = tuple(dict.fromkeys(name for name in fields if "|" not in name and name != "split"))
        self.has_split = "split" in fields

    def __repr__(self) -> str:
        return f"FilePattern({self.text!r})"

    def fill(self, root: Path, values: Values) -> Path:
        """The path of one frame's file; of several endings the first."""
        return root / _FIELD.sub(lambda field: _filled(field[1], values), self.text)

    def folder(self, root: Path, split: str) -> Path:
        """The deepest folder that holds all files of a split."""
        parts = self.text.replace("{split}", split).split("/")[:-1]
        plain = next((place for place, part in enumerate(parts) if "{" in part), len(parts))
        return root.joinpath(*parts[:plain])

    def find(self, root: Path, split: str = "") -> Iterator[tuple[dict[str, str], Path]]:
        """The files that are there, in no order, each with what the pattern's names stand for.

        Args:
            split: what ``{split}`` stands for.
        """
        yield from _walk(root, self.text.replace("{split}", split).split("/"), {})


def _filled(field: str, values: Values) -> str:
    return field.split("|")[0] if "|" in field else values[field]


def _walk(folder: Path, parts: list[str], values: dict[str, str]) -> Iterator[tuple[dict[str, str], Path]]:
    part, rest = parts[0], parts[1:]
    if "{" not in part and rest:
        yield from _walk(folder / part, rest, values)
        return
    form = _form(part, tuple((name, values[name]) for name in _FIELD.findall(part) if name in values))
    try:
        entries = os.scandir(folder)
    except OSError:  # not there, or no folder
        return
    with entries:
        for entry in entries:
            match = form.fullmatch(entry.name)
            if match is None:
                continue
            found = {**values, **match.groupdict()}
            if rest:
                yield from _walk(folder / entry.name, rest, found)
            else:
                yield found, folder / entry.name


@lru_cache(maxsize=4096)
def _form(part: str, known: tuple[tuple[str, str], ...]) -> re.Pattern[str]:
    """The regular expression of one folder's or file's name; ``known`` is what earlier folders have said."""
    pieces, end, seen = [], 0, dict(known)
    for field in _FIELD.finditer(part):
        pieces.append(re.escape(part[end : field.start()]))
        name, end = field[1], field.end()
        if "|" in name:
            pieces.append("(?:" + "|".join(map(re.escape, name.split("|"))) + ")")
        elif name in seen:
            pieces.append(re.escape(seen[name]) if seen[name] else f"(?P={name})")
        else:
            pieces.append(f"(?P<{name}>{_NUMBER if name == 'number' else '[^/]+'})")
            seen[name] = ""
    return re.compile("".join([*pieces, re.escape(part[end:])]), re.ASCII)
