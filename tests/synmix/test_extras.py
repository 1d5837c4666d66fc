"""Without torch and Detectron2 the core works, and what is missing is said in one sentence."""

import os
import subprocess
import sys

import pytest

from synmix.extras import MissingExtraError, is_installed, need

#: As if neither torch, Detectron2 nor Hydra were installed.
BARE = """
import importlib.abc, sys
class Absent(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name.split(".")[0] in ("torch", "torchvision", "detectron2", "fvcore", "iopath", "hydra", "tensorboard"):
            raise ModuleNotFoundError(f"No module named '{name}'", name=name)
sys.meta_path.insert(0, Absent())
import importlib.util as util
find = util.find_spec
def find_spec(name, package=None):
    try:
        return find(name, package)
    except ModuleNotFoundError:
        return None
util.find_spec = find_spec
"""


def bare(code: str, **environment: str) -> subprocess.CompletedProcess:
    environment = {**os.environ, **environment}
    command = [sys.executable, "-c", BARE + code]
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


def test_the_core_composes_and_evaluates_without_detectron2(mini_root):
    done = bare(
        """
from synmix.compose import CompositionSpec, compose
from synmix.config import load_config
import synmix.answer, synmix.evaluate, synmix.harmonize, synmix.report.report, synmix.study.answering
cfg = load_config("mini.yaml", ["DATASETS.REMOVAL.person", "60", "SOLVER.STEPS", "(3, 4)"])
assert compose(CompositionSpec.from_config(cfg)).num_images and cfg.SOLVER.STEPS == (3, 4)
assert not {"torch", "detectron2"} & set(sys.modules)
""",
        DETECTRON2_DATASETS=str(mini_root),
    )
    assert done.returncode == 0, done.stderr


def test_what_needs_an_extra_says_which():
    done = bare(
        """
from synmix.errors import UserError
for name in ("synmix.train.run", "synmix.data.mapper", "synmix.predict.predictor"):
    try:
        __import__(name)
    except UserError as error:
        assert str(error) == "PyTorch is not installed; this brings it: pip install 'synmix[train]'", error
    else:
        raise SystemExit(name)
"""
    )
    assert done.returncode == 0, done.stderr


def test_need():
    assert is_installed("json") and not is_installed("no_such_package")
    need("pip x", json="JSON")
    with pytest.raises(MissingExtraError, match="Nothing is not installed; this brings it: pip x"):
        need("pip x", json="JSON", no_such_package="Nothing")
