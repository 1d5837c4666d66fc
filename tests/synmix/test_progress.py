"""Work on all cores ends when it is asked to, and leaves no process behind."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
import types
from pathlib import Path

import pytest

from synmix.errors import UserError
from synmix.progress import parallel_map, process_context

TOOL = """
import functools, sys
from synmix.errors import run_tool
from synmix.progress import parallel_map, process_context
from tests.synmix.test_progress import note
def main():
    for _ in parallel_map(functools.partial(note, sys.argv[1]), range(400), "noting", 2):
        pass
if __name__ == "__main__":
    run_tool(main)
"""


def note(folder: str, number: int) -> int:
    (Path(folder) / f"{number}.{os.getpid()}").write_text("")
    time.sleep(0.05)
    return number


def die(number: int) -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    return number


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize("number, code", [(signal.SIGTERM, 130), (signal.SIGINT, 130), (signal.SIGKILL, -9)])
def test_a_signal_ends_the_workers_too(tmp_path, number, code):
    root, script = Path(__file__).parents[2], tmp_path / "tool.py"
    script.write_text(TOOL)
    (tmp_path / "notes").mkdir()
    command = [sys.executable, str(script), str(tmp_path / "notes")]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    with subprocess.Popen(command, cwd=root, env=environment, stderr=subprocess.PIPE, start_new_session=True) as tool:
        while not any((tmp_path / "notes").iterdir()):
            assert tool.poll() is None
            time.sleep(0.05)
        tool.send_signal(number) if number != signal.SIGINT else os.killpg(tool.pid, number)
        assert tool.wait(60) == code
        told = tool.stderr.read().decode()
    assert "Traceback" not in told
    workers = {int(path.suffix[1:]) for path in (tmp_path / "notes").iterdir()}
    end = time.monotonic() + 30
    while any(map(is_alive, workers)) and time.monotonic() < end:
        time.sleep(0.05)
    assert workers and not any(map(is_alive, workers))
    assert len(list((tmp_path / "notes").iterdir())) < 400


def test_a_worker_that_is_killed_is_a_sentence():
    with pytest.raises(UserError, match=r"a process of 'dying' was killed.*fewer workers"):
        list(parallel_map(die, range(40), "dying", 2))


def test_a_worker_of_joblibs_may_start_processes(monkeypatch):
    """Its default method is its own, and unknown to what it starts."""
    foreign = types.SimpleNamespace(get_start_method=lambda allow_none=False: "loky", _name="loky")
    monkeypatch.setattr(multiprocessing.context._default_context, "_actual_context", foreign)
    assert process_context().get_start_method() == "spawn"
    assert multiprocessing.get_start_method(allow_none=True) in (None, *multiprocessing.get_all_start_methods())


def kind_of(item) -> str:
    return type(item).__name__


def test_what_is_detectron2s_can_go_to_other_processes():
    from detectron2.structures import BoxMode

    from synmix import before_detectron2  # noqa: F401

    assert list(parallel_map(kind_of, [BoxMode.XYXY_ABS] * 16, "looking", 2)) == ["BoxMode"] * 16
