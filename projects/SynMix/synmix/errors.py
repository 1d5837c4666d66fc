"""One sentence for a user's mistake, a traceback for ours; how every tool begins and ends."""

import argparse
import difflib
import signal
import sys
from collections.abc import Callable, Iterable
from types import FrameType
from typing import Any, NoReturn


class UserError(Exception):
    """Something the user can mend: the message is one sentence that names the file or key and the remedy."""


def did_you_mean(name: object, known: Iterable[str]) -> str:
    """The hint " Did you mean '...'?" with the known name closest to a mistaken one, "" where none is close."""
    close = difflib.get_close_matches(str(name), known, n=1, cutoff=0.5)
    return f" Did you mean '{close[0]}'?" if close else ""


def argument_parser(description: str | None, **options: Any) -> argparse.ArgumentParser:
    """A tool's parser: its docstring as it is laid out there, and the ``--debug`` that :func:`run_tool` heeds.

    Args:
        options: of ``argparse.ArgumentParser``.
    """
    layout = {"formatter_class": argparse.RawDescriptionHelpFormatter}
    parser = argparse.ArgumentParser(description=description, **{**layout, **options})
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return parser


def run_tool(main: Callable[[], int | None]) -> NoReturn:
    """Runs a tool's ``main`` and exits: its return value, or 2 and the sentence for a :class:`UserError`, or 130 when
    interrupted, by Ctrl-C or SIGTERM. With ``--debug`` among the arguments the traceback is shown, not the sentence."""
    debug = "--debug" in sys.argv
    if debug:
        sys.argv.remove("--debug")
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        sys.exit(main() or 0)
    except UserError as error:
        if debug:
            raise
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt as error:
        print(f"interrupted; {error or 'what was finished is kept'}", file=sys.stderr)
        sys.exit(130)
    finally:
        signal.signal(signal.SIGTERM, before)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
