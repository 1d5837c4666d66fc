"""Every tool can be called as it is, explains itself with an example at last, and says how to see a traceback."""

import os
import runpy
import subprocess
import sys

import pytest
from hydra.core.global_hydra import GlobalHydra
from tests.documented import commands, lines

from miniature.streets.write import write_miniature
from synmix.config_files import CONFIGS
from synmix.harmonize.prepare import prepare

ROOT = CONFIGS.parent
DOCUMENTED = commands()
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
    assert "--json FILE" in shown or "} ..." in shown  # those of sub-commands have it
    (last,) = lines(shown.rstrip().splitlines()[-1])  # which test_documented_commands.py runs
    assert last in DOCUMENTED and str(tool.relative_to(ROOT)) in last


@pytest.mark.parametrize("tool", TOOLS, ids=lambda path: path.stem)
def test_a_tool_is_executable(tool):
    assert os.access(tool, os.X_OK)
    assert tool.read_text(encoding="utf-8").startswith("#!/usr/bin/env python3\n")


@pytest.mark.long
def test_a_training_warns_of_nothing_and_ends_on_its_weights(tmp_path, monkeypatch):
    write_miniature(tmp_path / "mini", height=64, width=128, real=(4, 2, 1), synthetic=8)
    prepare(tmp_path / "mini/Synscapes", tmp_path / "mini/synscapes_harmonized")
    monkeypatch.setenv("DETECTRON2_DATASETS", str(tmp_path))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    keys = ["OUTPUT_DIR", tmp_path / "out", "SOLVER.MAX_ITER", "1", "SOLVER.IMS_PER_BATCH", "2"]
    keys += ["TEST.BOOTSTRAP.RESAMPLES", "10"]
    tool = ROOT / "tools/train_net.py"
    command = [sys.executable, tool, "--config-file", CONFIGS / "mini.yaml", *keys]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    printed = done.stdout + done.stderr
    assert "Warning" not in printed
    *_, results, weights = done.stdout.strip().splitlines()
    assert "mini_synscapes_instance_val: segm/AP" in results
    assert f"weights: {tmp_path / 'out/model_final.pth'} (sha256" in weights
    assert not done.stderr.strip() or "weights:" not in done.stderr
