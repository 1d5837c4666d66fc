"""A checkpoint scored by the tool: on two processes as on one, in half precision, by the evaluator of a plugin."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from synmix.errors import UserError
from synmix.evaluators import EVALUATORS, build_evaluator

ROOT = Path(__file__).parents[3]
MINI = ROOT / "configs" / "mini.yaml"
VAL = "mini_cityscapes_instance_val"


@pytest.fixture(scope="module")
def random_weights(tmp_path_factory) -> Path:
    """An untrained model of the miniature: it finds a hundred things in each image, wherever."""
    from synmix.config import build_model, load_config

    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "random.pth"
    torch.save({"model": build_model(load_config(MINI)).state_dict()}, path)
    return path


def score(root: Path, folder: Path, weights: Path, *arguments, processes: int = 1, options=()) -> str:
    """Runs the tool on the miniature's validation frames; returns what it printed."""
    command = [sys.executable, "tools/eval_cityscapes.py", "--config-file", MINI, "--datasets", VAL]
    command += ["--num-gpus", processes, "--resamples", 20, *arguments, "--", "MODEL.WEIGHTS", weights]
    command += ["OUTPUT_DIR", folder / "run", "MODEL.DEVICE", "cpu", *options]
    environment = {"DETECTRON2_DATASETS": str(root), "SYNMIX_CACHE": str(folder), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        list(map(str, command)), cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def result_of(folder: Path) -> dict:
    """The written result without what says where and when."""
    found = json.loads((folder / "run" / "results" / f"{VAL}.json").read_text())
    return {key: value for key, value in found.items() if key != "provenance"}


@pytest.mark.slow
def test_two_processes_score_a_checkpoint_like_one(mini_root, random_weights, tmp_path):
    pages = {}
    for processes in (1, 2):
        folder = tmp_path / str(processes)
        wishes = ["--official", "--errors", folder / "errors"]
        text = score(mini_root, folder, random_weights, *wishes, processes=processes)
        assert "cityscapesScripts" in text  # it ran, or crashed as it does where all predictions of a class are ignored
        assert not list((folder / "run").glob("official-*"))
        pages[processes] = {path.name: path.read_bytes() for path in (folder / "errors").iterdir()}
    assert result_of(tmp_path / "1") == result_of(tmp_path / "2")
    assert len(pages[1]) == 2
    assert pages[1] == pages[2]


@pytest.mark.slow
def test_two_processes_export_to_one_folder(mini_root, random_weights, tmp_path):
    score(mini_root, tmp_path, random_weights, "--export", tmp_path / "server", processes=2)
    assert len(list((tmp_path / "server").glob("*_pred.txt"))) == 4
    assert (tmp_path / "server.zip").is_file()


@pytest.mark.slow
def test_half_precision_changes_little(mini_root, random_weights, tmp_path):
    for name, options in (("whole", ()), ("half", ("TEST.AMP", "True"))):
        score(mini_root, tmp_path / name, random_weights, options=options)
    whole, half = result_of(tmp_path / "whole"), result_of(tmp_path / "half")
    assert whole["matches"]["score"] != half["matches"]["score"]
    assert half["AP"] == pytest.approx(whole["AP"], abs=2)


def test_a_plugin_registers_an_evaluator_by_name_or_function():
    from detectron2.data import MetadataCatalog

    MetadataCatalog.get("odd_val").evaluator_type = "odd"
    with pytest.raises(UserError, match=r"nothing scores 'odd_val': its evaluator_type 'odd' is not in"):
        build_evaluator(None, "odd_val")
    try:
        EVALUATORS["odd"] = lambda cfg, name: (cfg, name)
        assert build_evaluator(1, "odd_val") == (1, "odd_val")
        EVALUATORS["odd"] = "numpy:add"
        assert build_evaluator(np.array(["a"], dtype=object), "odd_val")[0] == "aodd_val"
    finally:
        del EVALUATORS["odd"]
