"""Every tool can be called as it is, explains itself, and says how to see a traceback."""

import os
import runpy
import sys

import pytest
from hydra.core.global_hydra import GlobalHydra

from synmix.config_files import CONFIGS

ROOT = CONFIGS.parent
TOOLS = sorted([*ROOT.glob("tools/*.py"), *ROOT.glob("datasets/*.py")])


@pytest.mark.parametrize("tool", TOOLS, ids=lambda path: path.stem)
def test_help(tool, monkeypatch, capsys):
    GlobalHydra.instance().clear()
    monkeypatch.setattr(sys, "argv", [str(tool), "--help"])
    with pytest.raises(SystemExit) as stop:
        runpy.run_path(str(tool), run_name="__main__")
    assert not stop.value.code
    shown = capsys.readouterr().out
    assert "--debug" in shown and "traceback" in shown


@pytest.mark.parametrize("tool", TOOLS, ids=lambda path: path.stem)
def test_a_tool_is_executable(tool):
    assert os.access(tool, os.X_OK)
    assert tool.read_text(encoding="utf-8").startswith("#!/usr/bin/env python3\n")
