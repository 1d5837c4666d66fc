"""The splits of Synscapes, by frame number, share or list; the data set has none of its own."""

import re
import reprlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from synmix.data.cityscapes import SPLITS
from synmix.errors import UserError
from synmix.files import read_json, read_text

#: 20,000 frames for training and 5,000 for validation and test (paper 3.1); frames share no world, so numbers are fair.
INDEX_RANGES: Mapping[str, range] = {
    "train": range(1, 20_001),
    "val": range(20_001, 22_501),
    "test": range(22_501, 25_001),
}

#: A frame as lists name it: its number, with folders and an ending, or as the harmonised copy calls it.
_FRAME = re.compile(r"(.*[/\\])?(synscapes_\d+_)?(?P<number>\d{1,9})(_[A-Za-z0-9]+)?(\.(png|json|exr))?")
_EXPECTED = "every line must name frames, like 17, 17.png or img/rgb/17.png"

Split = str | Mapping[str, Path | Sequence[int]]


@dataclass(frozen=True)
class Assignment:
    """The split of each frame, in words how it came about, and what was wrong with the lists: (frame, reason)."""

    split_of: dict[int, str]
    how: str
    problems: list[tuple[int, str]] = field(default_factory=list)


def assign_splits(numbers: Sequence[int], split: Split = "index") -> Assignment:
    """Assigns the frames at hand to splits.

    Args:
        numbers: the frame numbers of the folder, sorted.
        split: ``index`` (the ranges above; 80, 10 and 10 % of a folder whose numbers do not reach the last, as of a
            miniature); a split's name, which takes every frame; or, per split, a file (:func:`read_split_list`), or
            the numbers.

    Raises:
        UserError: an unknown split, or an unreadable file.
    """
    if not isinstance(split, str):
        return _from_lists(set(numbers), {name: _listed(name, source) for name, source in split.items()})
    if split in SPLITS:
        return Assignment(dict.fromkeys(numbers, split), f"every frame in '{split}'")
    if split != "index":
        raise UserError(f"unknown split '{split}'; use 'index', one of {', '.join(SPLITS)}, or SPLIT=FILE.")
    if any(number in INDEX_RANGES["test"] for number in numbers):
        ranges = {n: name for name, members in INDEX_RANGES.items() for n in members}
        strays = [(n, "its number is beyond 25,000, so that it has no split") for n in numbers if n not in ranges]
        return Assignment(
            {n: ranges[n] for n in numbers if n in ranges}, "by number: 1-20000, 20001-22500, 22501-25000", strays
        )
    return _by_share(numbers)


def _by_share(numbers: Sequence[int]) -> Assignment:
    first, second = round(len(numbers) * 0.8), round(len(numbers) * 0.9)
    parts = {"train": numbers[:first], "val": numbers[first:second], "test": numbers[second:]}
    how = "the frames in order, 80 % train, 10 % val, 10 % test (the folder does not reach number 22,501)"
    return Assignment({n: name for name, members in parts.items() for n in members}, how)


def _listed(name: str, source: Path | Sequence[int]) -> list[int]:
    if name not in SPLITS:
        raise UserError(f"unknown split '{name}'; use {', '.join(SPLITS)}.")
    if not isinstance(source, Path):
        return list(source)
    return read_split_list(source)


def read_split_list(path: Path) -> list[int]:
    """The frame numbers of a list as people write them: numbers, file names or paths (``img/rgb/17.png``), separated by
    commas, spaces or lines; or a JSON list. Lines that begin with # are left out.

    Raises:
        UserError: the file cannot be read, or an entry names no frame; the sentence says in which line.
    """
    text = read_text(path)
    if text.lstrip().startswith("["):
        return _from_json(path)
    lines = [(place, line.strip()) for place, line in enumerate(text.splitlines(), start=1)]
    return [number for place, line in lines if line and line[0] != "#" for number in _numbers(line, place, path)]


def _from_json(path: Path) -> list[int]:
    entries = read_json(path)
    found = [entry if type(entry) is int else _number(str(entry)) for entry in entries]
    for place, number in enumerate(found, start=1):
        if number is None:
            raise UserError(
                f"'{path}' has {reprlib.repr(entries[place - 1])} as entry {place}; {_EXPECTED}, in a JSON list too."
            )
    return [number for number in found if number is not None]


def _numbers(line: str, place: int, path: Path) -> list[int]:
    found = [_number(word) for word in re.split(r"[\s,;]+", line) if word]
    if not any(number is not None for number in found[:-1]) and None in found:
        found = [_number(line)]  # one path, whose folders have spaces
    if None in found:
        raise UserError(f"'{path}' has {reprlib.repr(line)} in line {place}; {_EXPECTED}.")
    return [number for number in found if number is not None]


def _number(word: str) -> int | None:
    """The frame that a word names; None where it names none."""
    match = _FRAME.fullmatch(word.strip().strip("\"',"))
    return int(match["number"]) if match else None


def _from_lists(present: set[int], lists: Mapping[str, Iterable[int]]) -> Assignment:
    assignment = Assignment({}, "as listed for " + ", ".join(lists))
    for name, numbers in lists.items():
        for number in numbers:
            if number in assignment.split_of:
                earlier = assignment.split_of[number]
                assignment.problems.append(
                    (number, f"listed for '{name}' but already for '{earlier}', where it is taken once")
                )
            elif number not in present:
                assignment.problems.append((number, f"listed for '{name}' but not in the folder"))
            else:
                assignment.split_of[number] = name
    return assignment
