"""How a command reads its words: a parser that explains itself, takes ``--debug``, and completes words for a shell."""

import argparse
import os
import re
import sys
from collections.abc import Callable, Iterable
from typing import Any

#: What ``sys.argv[0]`` begins with where a command was called as ``synmix COMMAND``; argparse shows it as it is.
CONSOLE = "synmix "
#: Set by a shell that asks for completions.
COMPLETING = "_ARGCOMPLETE"


class _Layout(argparse.RawDescriptionHelpFormatter):
    """Texts as they are laid out, and of each option its default where it has one that its text does not tell."""

    def _get_help_string(self, action: argparse.Action) -> str:
        told = str(action.default) in ("None", "False", "", "[]", argparse.SUPPRESS) or "default" in (action.help or "")
        return (action.help or "") + ("" if told else " (default: %(default)s)")


class Parser(argparse.ArgumentParser):
    """Made by :func:`argument_parser`; those of sub-commands are such parsers too."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"formatter_class": _Layout, **options})
        self.add_argument("--debug", action="store_true", help="show the traceback of an error")  # run_tool heeds it

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As every parser does it; or answers the shell that asks for completions, and ends."""
        self._answer()
        return super().parse_known_args(args, namespace)

    def parse_known_intermixed_args(self, args: Any = None, namespace: Any = None) -> Any:
        """The same where positional words may stand anywhere."""
        self._answer()
        return super().parse_known_intermixed_args(args, namespace)

    def _answer(self) -> None:
        if COMPLETING in os.environ and type(self) is Parser:  # argcomplete parses with a class of its own
            import argcomplete

            argcomplete.autocomplete(self)


def argument_parser(description: str | None, epilog: str = "", **options: Any) -> Parser:
    """A command's parser, from its docstring: what begins with the first paragraph that holds a call ends the help.

    Args:
        description: calls of the command in it are shown as this process was called.
        epilog: what comes before them.
        options: of ``argparse.ArgumentParser``.
    """
    parts = (description or "").strip().split("\n\n")
    first = next((place for place, part in enumerate(parts) if "uv run " in part), len(parts))
    ending = "\n\n".join([epilog, *(["examples:", *parts[first:]] if parts[first:] else [])]).strip()
    if sys.argv[0].startswith(CONSOLE):
        ending = re.sub(r"uv run (tools|datasets)/\w+\.py", sys.argv[0], ending)
    return Parser(description="\n\n".join(parts[:first]), epilog=ending, **options)


def completed(action: argparse.Action, names: Callable[[argparse.Namespace], Iterable[str]]) -> None:
    """Lets shells complete an argument; the names are asked for only then, with what was typed so far."""
    action.completer = lambda parsed_args, **_: names(parsed_args)  # type: ignore[attr-defined]
