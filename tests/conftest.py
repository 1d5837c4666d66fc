"""Fixtures for all tests: no test writes to the user's cache, and the miniature is drawn once."""

import os
import runpy
import signal
import subprocess
import sys
from pathlib import Path

# Before torch is imported: sums of several threads differ in their last bits, and tests compare bits across processes.
os.environ["OMP_NUM_THREADS"] = "1"

# A background job of a script is started with Ctrl-C ignored, and its children inherit that.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

import synmix.before_detectron2  # noqa: F401

import pytest


@pytest.fixture(autouse=True, scope="session")
def _nothing_of_the_users(tmp_path_factory):
    """Neither a cache nor data sets: a demo that ran in this checkout, or one's own Cityscapes, change no test."""
    os.environ["SYNMIX_CACHE"] = str(tmp_path_factory.mktemp("cache"))
    os.environ["DETECTRON2_DATASETS"] = str(tmp_path_factory.mktemp("no_datasets"))


@pytest.fixture
def call_tool(monkeypatch, capsys):
    """Runs a tool in this process, by its name: exit code, standard output and standard error."""

    def run(tool, *arguments):
        path = f"tools/{tool}.py"
        monkeypatch.setattr(sys, "argv", [path, *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            runpy.run_path(str(Path(__file__).parents[1] / path), run_name="__main__")
        return stop.value.code, *capsys.readouterr()

    return run


@pytest.fixture
def small_disk(request, tmp_path):
    """A disk of its own, of one megabyte (parameter "full") or read-only ("ro"); only root can have one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    options = {"full": "size=1m", "ro": "size=1m,ro"}[getattr(request, "param", "full")]
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("only root can mount a small disk")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.fixture(scope="session")
def samples_root() -> Path:
    """The folder that holds real Cityscapes frames as ``cityscapes/``; they may not be redistributed."""
    folder = os.environ.get("SYNMIX_SAMPLES", "")
    if not (folder and (Path(folder) / "cityscapes").is_dir()):
        pytest.skip("SYNMIX_SAMPLES does not name a folder with real Cityscapes frames under 'cityscapes'")
    return Path(folder)


@pytest.fixture(scope="session")
def mini_root(tmp_path_factory) -> Path:
    """A folder for ``DETECTRON2_DATASETS`` with a tiny miniature: ``mini/cityscapes``, ``mini/Synscapes`` and its
    harmonised copy, 128 x 256; 12 + 4 + 2 real frames, 30 synthetic ones."""
    from miniature.streets.write import write_miniature
    from synmix.harmonize.prepare import prepare

    root = tmp_path_factory.mktemp("datasets")
    write_miniature(root / "mini", real=(12, 4, 2), synthetic=30, num_workers=1)
    prepare(root / "mini" / "Synscapes", root / "mini" / "synscapes_harmonized", num_workers=1)
    return root
