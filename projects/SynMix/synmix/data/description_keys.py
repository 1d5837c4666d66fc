"""Reads and checks the keys of a data set's description; each mistake is a sentence that names the file and the key."""

import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from synmix.data.cityscapes import SPLITS
from synmix.data.class_tables import read_classes
from synmix.data.description import Description, ListFile, MapFile, Splits
from synmix.data.label_maps import Coding, Expression
from synmix.data.patterns import FilePattern
from synmix.errors import UserError, did_you_mean
from synmix.files import checksum, read_yaml
from synmix.kinds import FLAG, Choice, Entry, Kind, Many, Name, Pattern, Table, Whole
from synmix.labels import CATEGORY_OF_LABEL, CLASS_NAMES

_FLAG = re.compile(r"([RGBA]) & (\d+)")
_KINDS: dict[str, Kind] = {
    "title": Name("the data set's name and source"),
    "domain": Choice(("real", "synthetic")),
    "known": Choice(("A", "B", "?")),
    "folder": Name("a folder under DETECTRON2_DATASETS"),
    "copy": Name("a folder under DETECTRON2_DATASETS"),
    "images": Name("a pattern of files"),
    "other_images": Table(Name("a pattern of files")),
    "maps": Many(Entry(), least=1),
    "lists": Entry(),
    "meta": Name("a pattern of files"),
    "classes": Entry(),
    "missing": Many(Choice(CLASS_NAMES)),
    "riders": Choice(("own", "merged")),
    "splits": Entry(),
    "frame": Name("names of the images' pattern in braces"),
    "some_unlabelled": FLAG,
}
_NEEDED = ("title", "domain", "known", "images", "classes", "riders")
_DECISIVE = ("images", "other_images", "maps", "lists", "meta", "classes", "riders", "frame")
_MAP_KINDS: dict[str, Kind] = {
    "file": Name("a pattern of files"),
    "bits": Choice((8, 16)),
    "class": Name("channels, such as 'R'"),
    "id": Name("channels, such as 'G + 256 B'"),
    "id_class": Name("channels, such as '(gray) // 1000'"),
    "first_id": Choice((0, 1)),
    "plain_below": Whole(1, 65535),
    "renumber": FLAG,
    "crowd": Pattern(_FLAG.pattern, "a channel and a bit, such as 'G & 2'"),
    "ignore": Pattern(_FLAG.pattern, "a channel and a bit, such as 'G & 1'"),
    "candidates": Many(Entry(), least=2),
}
_LIST_KINDS: dict[str, Kind] = {
    "file": Name("a file, or a pattern with {split}"),
    "format": Choice(("scalabel", "coco")),
}
Parsed = TypeVar("Parsed")


def read_description(path: Path) -> Description:
    """Reads one description.

    Raises:
        UserError: an unknown key (the closest is named), a value that cannot be meant, or keys that contradict each
            other.
    """
    values = read_yaml(path)
    where = f"the description '{path.name}'"
    _check(values, _KINDS, _NEEDED, where)
    if ("maps" in values) == ("lists" in values):
        raise UserError(f"{where} must have either 'maps' or 'lists'; give one of them (docs/data.md).")
    name = path.stem
    images = {"rgb": values["images"], **values.get("other_images", {})}
    patterns = {key: _parse(FilePattern, text, f"{where} has the key 'images'") for key, text in images.items()}
    maps = tuple(_map(entry, where) for entry in values.get("maps", ()))
    meta = _parse(FilePattern, values["meta"], f"{where} has the key 'meta'") if "meta" in values else None
    classes = read_classes(values["classes"], where, by_name="lists" in values)
    description = Description(
        name, values["title"], values["domain"], values["known"],
        values.get("folder", name), values.get("copy", f"{name}_harmonized"),
        patterns, maps, _lists(values.get("lists"), where), meta, classes,
        tuple(values.get("missing", ())), values["riders"] == "merged", _splits(values.get("splits", {}), where),
        values.get("frame", "_".join(f"{{{each}}}" for each in patterns["rgb"].names)),
        values.get("some_unlabelled", False), checksum([repr(values.get(key)) for key in _DECISIVE])[:12],
    )  # fmt: skip
    _check_together(description, where)
    return description


def _check(values: Mapping[Any, Any], kinds: Mapping[str, Kind], needed: Iterable[str], where: str) -> None:
    for key, value in values.items():
        if key not in kinds:
            hint = did_you_mean(key, kinds)
            raise UserError(f"{where} has the unknown key '{key}'.{hint} Known: {', '.join(kinds)}.")
        if not kinds[key].accepts(value):
            raise UserError(f"{where} has {value!r} for '{key}'; give {kinds[key].what}.")
    lacking = [key for key in needed if key not in values]
    if lacking:
        raise UserError(f"{where} lacks '{lacking[0]}'; give {kinds[lacking[0]].what}.")


def _parse(reader: Callable[[str], Parsed], text: str, where: str) -> Parsed:
    try:
        return reader(text)
    except ValueError as error:
        raise UserError(f"{where} with '{text}', {error}.") from None


def _map(entry: Mapping[str, Any], where: str) -> MapFile:
    where = f"{where}, under 'maps',"
    _check(entry, _MAP_KINDS, ("file",), where)
    shared = {key: value for key, value in entry.items() if key not in ("file", "candidates")}
    codings = tuple(_coding({**shared, **each}, where) for each in entry.get("candidates", [{}]))
    part = "instance map" if codings[0].id_of else "class map"
    return MapFile(part, _parse(FilePattern, entry["file"], f"{where} has the key 'file'"), codings)


def _coding(entry: Mapping[str, Any], where: str) -> Coding:
    _check(entry, _MAP_KINDS, (), where)
    expressions: dict[str, Any] = {
        name: _parse(Expression.parse, entry[key], f"{where} has the key '{key}'") if key in entry else None
        for key, name in (("class", "class_of"), ("id", "id_of"), ("id_class", "id_class"))
    }
    flags: dict[str, Any] = {
        key: (entry[key][0], int(entry[key].split("&")[1])) for key in ("crowd", "ignore") if key in entry
    }
    plain = {key: entry[key] for key in ("bits", "first_id", "plain_below", "renumber") if key in entry}
    coding = Coding(**plain, **expressions, **flags)
    if not (coding.class_of or coding.id_of):
        raise UserError(f"{where} has a map that says neither 'class' nor 'id'; give one of them.")
    if len({each.is_gray for each in coding.expressions}) > 1 or (coding.plain_below and not coding.id_of):
        raise UserError(f"{where} has a map with keys that do not fit together ({', '.join(entry)}).")
    return coding


def _flag(text: str) -> tuple[str, int]:
    channel, _, bit = text.partition(" & ")
    return channel, int(bit)


def _lists(entry: Mapping[str, Any] | None, where: str) -> ListFile | None:
    if entry is None:
        return None
    _check(entry, _LIST_KINDS, _LIST_KINDS, f"{where}, under 'lists',")
    return ListFile(entry["format"], _parse(FilePattern, entry["file"], f"{where} has the key 'lists'"))


def _splits(entry: Mapping[str, Any], where: str) -> Splits:
    where = f"{where}, under 'splits',"
    words: dict[str, str] = {}
    members: dict[str, dict[str, list[str]]] = {}
    ranges: dict[str, range] = {}
    for split, value in entry.items():
        if split not in SPLITS:
            raise UserError(f"{where} has the unknown split '{split}'; use {', '.join(SPLITS)}.")
        if isinstance(value, str) and (match := re.fullmatch(r"(\d+)\.\.(\d+)", value)):
            ranges[split] = range(int(match[1]), int(match[2]) + 1)
        elif isinstance(value, str) and value and "/" not in value:
            words[split] = value
        elif Table(Many(Name(), least=1)).accepts(value):
            members[split] = {name: list(values) for name, values in value.items()}
        else:
            raise UserError(
                f"{where} has {value!r} for '{split}'; give what {{split}} stands for, numbers '1..20', or a list of "
                "what another name of the pattern may be, such as {scene: [Scene01]}."
            )
    if sum(map(bool, (words, members, ranges))) > 1:
        raise UserError(f"{where} mixes several ways to divide frames; use one for all splits.")
    return Splits(words, members, ranges)


def _check_together(description: Description, where: str) -> None:
    names, words = set(description.names), bool(description.splits.words)
    patterns = [*description.images.values(), *(each.pattern for each in description.maps)]
    patterns += [description.meta] if description.meta else []
    for pattern in patterns:
        if set(pattern.names) != names or not names:
            raise UserError(f"{where} has '{pattern.text}', whose names are not those of 'images' "
                            f"({', '.join(description.names) or 'none'}); use the same in every pattern.")  # fmt: skip
    for pattern in [*patterns, *([description.lists.pattern] if description.lists else [])]:
        if pattern.has_split and not words:
            raise UserError(f"{where} has '{pattern.text}' but no 'splits' that say what {{split}} stands for.")
    strange = {name for wanted in description.splits.members.values() for name in wanted} - names
    strange |= {name for name in re.findall(r"\{(.*?)\}", description.frame) if name not in names}
    if strange or (description.splits.ranges and not description.is_numbered):
        raise UserError(f"{where} divides or names frames by '{', '.join(sorted(strange)) or 'number'}', which is no "
                        "name in the pattern of 'images'.")  # fmt: skip
    if description.maps and not any(each.codings[0].id_of for each in description.maps):
        raise UserError(f"{where} has no map with an 'id'; say which channels tell instances apart.")
    if description.maps and not any(each.codings[0].class_of for each in description.maps):
        raise UserError(f"{where} has no map with a 'class'; say which channels tell classes apart.")
    _check_missing(description, where)


def _check_missing(description: Description, where: str) -> None:
    """Every evaluated class is either in the table of classes or said to be missing."""
    table = description.classes
    listed = {*table.colors.values(), *table.names.values()}
    listed |= set(np.unique(table.numbers).tolist()) if table.numbers is not None else set()
    if table.numbers is None and not table.names:
        listed = set(CATEGORY_OF_LABEL)
    for label, category in CATEGORY_OF_LABEL.items():
        name = CLASS_NAMES[category]
        if (label in listed) == (name in description.missing):
            problem = "both maps and calls missing" if label in listed else "neither maps nor calls missing"
            raise UserError(f"{where} {problem} the class '{name}'; 'missing' lists what the data set does not label.")
