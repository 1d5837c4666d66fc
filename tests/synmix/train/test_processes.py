"""Two processes on the CPU train as one does, stop together, and torchrun starts them as well."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from synmix.train.weights import load_weights_only

from synmix.train.run import train

WORKER = """
import importlib.util, sys
from pathlib import Path
import torch
import synmix
from synmix.errors import run_tool
from synmix.train.launch import launch
from synmix.train.run import train

def toys():
    spec = importlib.util.spec_from_file_location("toys", {conftest!r})
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module

def work(output, poisoned):
    torch.set_num_threads(1)
    module = toys()
    module._register_toys(Path({root!r}))
    cfg = module._toy_config(output)
    cfg.MODEL.RESNETS.NORM = ""
    if poisoned:
        from detectron2.utils import comm
        from detectron2.utils.events import get_event_storage
        original = module.TinyDetector.forward
        def forward(self, batch):
            losses = original(self, batch)
            if comm.get_rank() == 1 and get_event_storage().iter == 4:
                losses["loss_mask"] = losses["loss_mask"] * float("nan")
            return losses
        module.META_ARCH_REGISTRY.get("TinyDetector").forward = forward
    train(cfg)

if __name__ == "__main__":
    run_tool(lambda: launch(work, 2, device="cpu", args=(sys.argv[1], "poison" in sys.argv)))
"""


@pytest.fixture
def run_two(toy_root, tmp_path):
    """Runs the toy training on two processes, by this project's launch or by torchrun."""
    script = tmp_path / "two.py"
    conftest = str(Path(__file__).with_name("conftest.py"))
    script.write_text(WORKER.format(conftest=conftest, root=str(toy_root)))

    def run(*arguments, torchrun=False):
        starter = ["-m", "torch.distributed.run", "--nproc-per-node", "2"] if torchrun else []
        command = [sys.executable, *starter, str(script), *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=400, env=dict(os.environ))

    return run


@pytest.fixture
def one_process(toy_config, tmp_path):
    """The weights of one process that works through its batch in two parts."""
    cfg = toy_config(tmp_path / "one")
    cfg.MODEL.RESNETS.NORM, cfg.SOLVER.ACCUMULATE = "", 2
    train(cfg)
    return load_weights_only(Path(cfg.OUTPUT_DIR) / "model_final.pth")["model"]


@pytest.mark.slow
@pytest.mark.parametrize("torchrun", [False, True])
def test_two_processes_train_as_one_with_two_parts(run_two, one_process, tmp_path, torchrun):
    done = run_two(str(tmp_path / "two"), torchrun=torchrun)
    assert done.returncode == 0, done.stderr[-3000:]
    weights = load_weights_only(tmp_path / "two/model_final.pth")["model"]
    for name, value in one_process.items():
        torch.testing.assert_close(weights[name], value, rtol=1e-5, atol=1e-6)


@pytest.mark.slow
def test_a_nan_on_one_rank_stops_both_and_names_its_images(run_two, tmp_path):
    done = run_two(str(tmp_path / "two"), "poison")
    assert done.returncode == 2
    assert "loss_mask nan became infinite or not a number in iteration 4" in done.stderr
    assert done.stderr.count("leftImg8bit.png") in (2, 4)  # the two images of rank 1, said by one process or by both
    assert not (tmp_path / "two/model_final.pth").exists()


def test_parts_without_normalisation_are_the_whole_batch(one_process, toy_config, tmp_path):
    """What differs is the randomness of the parts, so the weights are close, not equal."""
    cfg = toy_config(tmp_path / "whole")
    cfg.MODEL.RESNETS.NORM = ""
    train(cfg)
    weights = load_weights_only(Path(cfg.OUTPUT_DIR) / "model_final.pth")["model"]
    torch.testing.assert_close(weights["head.weight"], one_process["head.weight"], rtol=0.1, atol=0.02)
