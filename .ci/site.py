"""MkDocs' part of the site: lists may follow their sentence at once, as on GitHub, and examples are code."""

import re
from typing import Any

import griffe

_ITEM = re.compile(r"(-|\d+\.) ")
_EXAMPLE = re.compile(r"(?m)^>>> (?:.+\n?)+")


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Puts a blank line before each list; code is left as it is."""
    lines: list[str] = []
    code = False
    for line in markdown.split("\n"):
        code ^= line.lstrip().startswith("```")
        before = lines[-1] if lines else ""
        if not code and _ITEM.match(line) and before and not _ITEM.match(before) and not before.startswith(" "):
            lines.append("")
        lines.append(line)
    return "\n".join(lines)


class Examples(griffe.Extension):
    """Fences the examples of docstrings, which are doctests."""

    def on_object(self, *, obj: Any, **_: Any) -> None:
        """Called for each module, class and function."""
        if obj.docstring:
            fenced = _EXAMPLE.sub(lambda found: f"```pycon\n{found[0].rstrip()}\n```\n", obj.docstring.value)
            obj.docstring.value = fenced
