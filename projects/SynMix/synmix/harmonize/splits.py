"""The splits of a copy: the data set's own, by frame number, by share, or from lists."""

import re
import reprlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from synmix.data.cityscapes import SPLITS
from synmix.data.listing import Key
from synmix.errors import UserError
from synmix.files import read_json, read_text

#: A frame as lists name it: its number, with folders and an ending, or as the harmonised copy calls it.
_FRAME = re.compile(r"(.*[/\\])?([a-z][a-z\d]*_\d+_)?(?P<number>\d{1,9})(_[A-Za-z0-9]+)?(\.(png|json|exr))?")
_EXPECTED = "every line must name frames, like 17, 17.png or img/rgb/17.png"

Split = str | Mapping[str, Path | Sequence[Key]]
#: A data set's own way.
OWN = ("own", "index")


@dataclass(frozen=True)
class Assignment:
    """The split of each frame, in words how it came about, and what was wrong with the lists: (frame, reason)."""

    split_of: dict[Key, str]
    how: str
    problems: list[tuple[Key, str]] = field(default_factory=list)


def assign_splits(
    keys: Sequence[Key],
    split: Split = "own",
    ranges: Mapping[str, range] | None = None,
    own: Mapping[Key, str] | None = None,
    names: Mapping[str, Key] | None = None,
) -> Assignment:
    """Assigns the frames at hand to splits.

    Args:
        keys: the frames of the folder, in order.
        split: ``own``, the data set's way (``index`` is the same); a split's name, which takes that one alone of a
            data set whose folders are divided, and every frame of any other; or, per split, a file
            (:func:`read_split_list`), or the keys.
        ranges: the data set's splits by number; a folder whose numbers do not reach the last (a miniature) is divided
            by share, 80, 10 and 10 %, and so is a data set without any splits.
        own: the split of each frame by its folder; "" where it is in none.
        names: what lists may call the frames, where those have no numbers.

    Raises:
        UserError: an unknown split, or an unreadable file.
    """
    if not isinstance(split, str):
        return _from_lists(keys, {name: _listed(name, source, names) for name, source in split.items()})
    divided = {key: name for key, name in (own or {}).items() if name}
    if split in SPLITS and not divided:
        return Assignment(dict.fromkeys(keys, split), f"every frame in '{split}'")
    if split not in (*OWN, *SPLITS):
        raise UserError(f"unknown split '{split}'; use 'own', one of {', '.join(SPLITS)}, or SPLIT=FILE.")
    if divided:
        return _own(keys, divided, split)
    if ranges and any(key in list(ranges.values())[-1] for key in keys):
        return _by_number(keys, ranges)
    return _by_share(keys, " (the folder does not reach the last split's numbers)" if ranges else "")


def _own(keys: Sequence[Key], divided: Mapping[Key, str], split: str) -> Assignment:
    strays = [(key, "no split of the data set holds it") for key in keys if key not in divided]
    if split in SPLITS:
        chosen = {key: name for key, name in divided.items() if name == split}
        return Assignment(chosen, f"the data set's own '{split}' alone")
    return Assignment(dict(divided), "the data set's own", strays)


def _by_number(keys: Sequence[Key], ranges: Mapping[str, range]) -> Assignment:
    split_of = {number: name for name, members in ranges.items() for number in members}
    last = max(members[-1] for members in ranges.values())
    strays = [(n, f"its number is beyond {last:,}, so that it has no split") for n in keys if n not in split_of]
    how = "by number: " + ", ".join(f"{members[0]}-{members[-1]}" for members in ranges.values())
    return Assignment({n: split_of[n] for n in keys if isinstance(n, int) and n in split_of}, how, list(strays))


def _by_share(keys: Sequence[Key], why: str) -> Assignment:
    first, second = round(len(keys) * 0.8), round(len(keys) * 0.9)
    parts = {"train": keys[:first], "val": keys[first:second], "test": keys[second:]}
    how = f"the frames in order, 80 % train, 10 % val, 10 % test{why}"
    return Assignment({n: name for name, members in parts.items() for n in members}, how)


def _listed(name: str, source: Path | Sequence[Key], names: Mapping[str, Key] | None) -> list[Key]:
    if name not in SPLITS:
        raise UserError(f"unknown split '{name}'; use {', '.join(SPLITS)}.")
    if not isinstance(source, Path):
        return list(source)
    return list(read_split_list(source)) if names is None else _read_names(source, names)


def _read_names(path: Path, names: Mapping[str, Key]) -> list[Key]:
    """The frames of a list of names or paths; those that nobody knows as they stand there."""
    words = [word for word in re.split(r"[\s,;]+", read_text(path)) if word]
    plain = [PurePosixPath(word.strip("\"'[]").replace("\\", "/")).name for word in words]
    return [names.get(word, names.get(word.rsplit(".", 1)[0], word)) for word in plain if word]


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


def _from_lists(keys: Sequence[Key], lists: Mapping[str, Iterable[Key]]) -> Assignment:
    assignment = Assignment({}, "as listed for " + ", ".join(lists))
    present = set(keys)
    for name, listed in lists.items():
        for key in listed:
            if key in assignment.split_of:
                earlier = assignment.split_of[key]
                assignment.problems.append(
                    (key, f"listed for '{name}' but already for '{earlier}', where it is taken once")
                )
            elif key not in present:
                assignment.problems.append((key, f"listed for '{name}' but not in the folder"))
            else:
                assignment.split_of[key] = name
    return assignment
