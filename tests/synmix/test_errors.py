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
    time.sleep(60)
run_tool(main)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_a_tool_with_130(number):
    with subprocess.Popen([sys.executable, "-c", TOOL], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as tool:
        assert tool.stdout.readline() == b"ready\n"
        tool.send_signal(number)
        assert tool.wait(30) == 130
        assert tool.stderr.read().startswith(b"interrupted; ")


def test_a_reader_that_has_had_enough_is_no_error():
    code = "from synmix.errors import run_tool\nrun_tool(lambda: [print('x' * 100) for _ in range(10_000)] and 0)"
    done = subprocess.run(f'{sys.executable} -c "{code}" | head -1', shell=True, capture_output=True, text=True)
    assert done.stdout.strip() == "x" * 100 and done.stderr == ""
