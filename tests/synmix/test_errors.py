import os
import signal
import sys
import time

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


def test_sigterm_interrupts_like_ctrl_c_and_its_handler_comes_back(monkeypatch):
    before = signal.getsignal(signal.SIGTERM)
    monkeypatch.setattr(sys, "argv", ["tool"])
    assert exit_code(lambda: os.kill(os.getpid(), signal.SIGTERM) or time.sleep(9)) == 130
    assert signal.getsignal(signal.SIGTERM) is before
