import contextlib
import signal
import subprocess
import sys

import pytest

from synmix.errors import UserError, run_tool


def fail() -> int:
    raise UserError("the file 'x' is missing; make it.")


def exit_code(main):
    with pytest.raises(SystemExit) as stop:
        run_tool(main)
    return stop.value.code


def test_a_users_mistake_is_one_sentence(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["tool"])
    assert exit_code(fail) == 2
    assert capsys.readouterr().err == "error: the file 'x' is missing; make it.\n"


def test_debug_shows_the_traceback(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["tool", "--debug"])
    with pytest.raises(UserError):
        run_tool(fail)


def test_results_and_interrupts_become_exit_codes(monkeypatch):
    def interrupted() -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(sys, "argv", ["tool"])
    assert exit_code(lambda: 3) == 3
    assert exit_code(lambda: None) == 0
    assert exit_code(interrupted) == 130


def test_what_the_system_refuses_is_a_sentence_too(monkeypatch, capsys):
    def refused() -> int:
        raise PermissionError(13, "Permission denied", "/x/y")

    def too_large() -> int:
        raise MemoryError

    monkeypatch.setattr(sys, "argv", ["tool"])
    assert exit_code(refused) == exit_code(too_large) == 2
    first, second = capsys.readouterr().err.splitlines()
    assert first == "error: '/x/y': Permission denied (--debug shows where)." and "memory" in second


TOOL = """
import os, signal, sys, time
from synmix.errors import run_tool
def main():
    print("ready", flush=True)
    for _ in range(1200):  # a signal just before a sleep is heard after it
        time.sleep(0.1)
run_tool(main)
"""


def ignore_ctrl_c():
    signal.signal(signal.SIGINT, signal.SIG_IGN)


@contextlib.contextmanager
def running_tool(**options):
    """A tool that is at work; afterwards it is not."""
    command = [sys.executable, "-c", TOOL]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options) as tool:
        try:
            assert tool.stdout.readline() == b"ready\n"
            yield tool
        finally:
            tool.kill()


@pytest.mark.parametrize(
    ("number", "options"),
    [(signal.SIGTERM, {}), (signal.SIGINT, {}), (signal.SIGTERM, {"preexec_fn": ignore_ctrl_c})],
    ids=["SIGTERM", "SIGINT", "SIGTERM to a background job"],
)
def test_a_signal_ends_a_tool_with_130(number, options):
    with running_tool(**options) as tool:
        tool.send_signal(number)
        _, said = tool.communicate(timeout=60)
    assert tool.returncode == 130
    assert said.startswith(b"interrupted; ")


def test_a_signal_ends_a_tool_with_130_although_nobody_reads_its_sentence():
    with running_tool() as tool:
        tool.stderr.close()
        tool.send_signal(signal.SIGTERM)
        assert tool.wait(60) == 130


def test_a_reader_that_has_had_enough_is_no_error():
    code = "from synmix.errors import run_tool\nrun_tool(lambda: [print('x' * 100) for _ in range(10_000)] and 0)"
    done = subprocess.run(f'{sys.executable} -c "{code}" | head -1', shell=True, capture_output=True, text=True)
    assert done.stdout.strip() == "x" * 100 and done.stderr == ""
