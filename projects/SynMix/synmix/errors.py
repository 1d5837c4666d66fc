"""One sentence for a user's mistake, a traceback for ours; how every tool begins and ends."""

import contextlib
import difflib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable
from types import FrameType
from typing import NoReturn

#: Whether this process was asked for tracebacks: :func:`run_tool` takes the word away, since Hydra does not know it.
DEBUG = "--debug" in sys.argv


class UserError(Exception):
    """Something the user can mend: the message is one sentence that names the file or key and the remedy."""


def did_you_mean(name: object, known: Iterable[str]) -> str:
    """The hint " Did you mean '...'?" with the known name closest to a mistaken one, "" where none is close."""
    close = difflib.get_close_matches(str(name), known, n=1, cutoff=0.5)
    return f" Did you mean '{close[0]}'?" if close else ""


def run_tool(main: Callable[[], int | None]) -> NoReturn:
    """Runs a tool's ``main`` and exits: its return value, or 2 and one sentence for a :class:`UserError` and for what
    the system refuses (disk, memory), or 130 when interrupted by Ctrl-C or SIGTERM. With ``--debug`` among the
    arguments the traceback is shown instead of the sentence."""
    debug = "--debug" in sys.argv
    if debug:
        sys.argv.remove("--debug")
    before = _end_on_sigterm()
    try:
        code, sentence = main() or 0, ""
        sys.stdout.flush()
    except BrokenPipeError:  # whoever read the output has had enough, as in "tool | head"
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code, sentence = 128 + signal.SIGPIPE, ""
    except (UserError, OSError, MemoryError) as error:
        if debug:
            raise
        code, sentence = 2, f"error: {error if isinstance(error, UserError) else _refused(error)}"
    except KeyboardInterrupt as error:
        code, sentence = 130, f"interrupted; {error or 'what was finished is kept'}"
    finally:
        if before is not None:
            signal.signal(signal.SIGTERM, before)
    # Here, and not above: the error is gone now, and with it what its traceback held on to, such as worker processes.
    if sentence:
        with contextlib.suppress(OSError):  # nobody reads it any more: the exit code stays what it is
            print(sentence, file=sys.stderr)
    sys.exit(code)


def _refused(error: OSError | MemoryError) -> str:
    if isinstance(error, MemoryError):
        return "the memory does not suffice; use fewer workers, or smaller images (--debug shows where)."
    where = f"'{error.filename}': " if error.filename else ""
    return f"{where}{error.strerror or error} (--debug shows where)."


def _end_on_sigterm() -> signal.Handlers | None:
    """SIGTERM ends a tool as Ctrl-C does: nothing half-written stays. Forked children keep the default.

    Returns:
        the handler that it replaced; None where it left it alone.
    """
    if threading.current_thread() is not threading.main_thread() or signal.getsignal(signal.SIGTERM) != signal.SIG_DFL:
        return None
    tool = os.getpid()

    def end(number: int, frame: FrameType | None) -> None:
        if os.getpid() == tool:
            raise KeyboardInterrupt("SIGTERM came; what was finished is kept")
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)

    signal.signal(signal.SIGTERM, end)
    return signal.SIG_DFL
