"""Which class each category of a COCO file becomes: by equal names, by a table of names, or by patterns of names."""

import fnmatch
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from synmix.errors import UserError


def class_of_category(
    path: Path,
    categories: Sequence[Mapping[str, Any]],
    mapping: tuple[tuple[str, str], ...] | None,
    classes: tuple[str, ...],
) -> dict[int, str | None]:
    """Category id -> our class, None for those left out.

    Args:
        categories: of the file, each with ``id`` and ``name``.
        mapping: pairs of a name or a pattern (of ``fnmatch``), and a class; None maps by equal name.

    Raises:
        UserError: nothing is mapped, a name or pattern meets no category, or patterns disagree on one.
    """
    names = [category["name"] for category in categories]
    table = {name: name for name in classes} if mapping is None else _mapped(path, names, dict(mapping))
    if not any(name in table for name in names):
        raise UserError(
            f"none of the categories of '{path}' ({', '.join(names)}) is mapped to a class; give 'categories' as "
            "{its name: our name}."
        )
    if len({category["id"] for category in categories}) < len(categories):
        raise UserError(f"'{path}' gives a category id twice; ids must be unique.")
    return {category["id"]: table.get(category["name"]) for category in categories}


def _mapped(path: Path, names: Sequence[str], mapping: Mapping[str, str]) -> dict[str, str]:
    """Category name -> our class, by the names and the patterns of a mapping."""
    matching = {key: _matching(names, key) for key in mapping}
    idle = [key for key, found in matching.items() if not found]
    if idle:
        what = f"category that matches '{idle[0]}'" if _is_pattern(idle[0]) else f"category '{idle[0]}'"
        raise UserError(f"'{path}' has no {what} to map; it has {', '.join(names)}.")
    table: dict[str, str] = {}
    for name in names:
        keys = [name] if name in mapping else [key for key, found in matching.items() if name in found]
        if len({mapping[key] for key in keys}) > 1:
            said = " and ".join(f"'{key}' ({mapping[key]})" for key in keys)
            raise UserError(f"the category '{name}' of '{path}' matches {said}; name it in 'categories' by itself.")
        if keys:
            table[name] = mapping[keys[0]]
    return table


def _matching(names: Sequence[str], key: str) -> list[str]:
    """The names that a name or a pattern means."""
    return [key] if key in names else [name for name in names if fnmatch.fnmatchcase(name, key)]


def _is_pattern(key: str) -> bool:
    return any(sign in key for sign in "*?[")
