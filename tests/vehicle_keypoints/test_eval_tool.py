"""tools/eval_cityscapes.py scores a keypoint data set by its own evaluator."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from synmix.config import build_model, load_config

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "configs" / "vehicle_keypoints" / "mini.yaml"


@pytest.mark.slow
def test_a_keypoint_checkpoint(keypoint_datasets, tmp_path):
    cfg = load_config(CONFIG)
    torch.manual_seed(0)
    torch.save({"model": build_model(cfg).state_dict()}, tmp_path / "random.pth")
    name = cfg.DATASETS.TEST[0]
    command = [sys.executable, "tools/eval_cityscapes.py", "--config-file", CONFIG, "--datasets", name]
    command += ["--json", tmp_path / "a.json", "--resamples", "20"]
    options = ["--", "MODEL.WEIGHTS", tmp_path / "random.pth", "OUTPUT_DIR", tmp_path / "run", "MODEL.DEVICE", "cpu"]
    done = _run([*command, *options])
    assert done.returncode == 0, done.stderr[-2000:]
    assert f"{name}: keypoints" in done.stdout and "box-AP50" in done.stdout
    written = json.loads((tmp_path / "run" / "results" / f"{name}.json").read_text())
    assert json.loads((tmp_path / "a.json").read_text())["keypoints"]["AP"] == written["AP"]
    assert written["provenance"]["weights"]["file"] == str(tmp_path / "random.pth")
    refused = _run([*command, "--errors", tmp_path / "errors", *options])
    assert refused.returncode == 2 and "is not scored by its masks; leave out --errors" in refused.stderr


def _run(command: list) -> subprocess.CompletedProcess:
    return subprocess.run(list(map(str, command)), cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
