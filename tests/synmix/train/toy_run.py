"""The toy training for processes that tests start: by name from a pool, or as a script that launches ranks.

python toy_run.py ROOT OUTPUT DEVICE PROCESSES [KEY VALUE ...]
"""

import importlib.util
import shutil
import sys
from pathlib import Path

import synmix.before_detectron2  # noqa: F401

import torch

from synmix.errors import run_tool
from synmix.files import read_json, write_json
from synmix.train.checkpoint import INDEX
from synmix.train.launch import launch
from synmix.train.run import prepare, train

_SPEC = importlib.util.spec_from_file_location("toys", Path(__file__).with_name("conftest.py"))
toys = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(toys)


def toy(root, output, options=()):
    """The toy's config with ``KEY, VALUE, ...`` over it, its data sets registered in this process."""
    torch.set_num_threads(1)
    toys._register_toys(Path(root))
    cfg = toys._toy_config(output)
    cfg.merge_from_list(list(options))
    return cfg


def train_toy(root, output, options=()) -> None:
    """Trains it."""
    train(toy(root, output, options))


def train_and_resume(root, output, options=()) -> None:
    """Trains it in ``<output>/whole``, and once more in ``<output>/resumed`` from that one's second checkpoint on."""
    from detectron2.utils import comm

    whole, resumed = Path(output) / "whole", Path(output) / "resumed"
    train_toy(root, whole, options)
    if comm.is_main_process():
        resumed.mkdir()
        for name in ("config.yaml", "manifest.json", "model_0000005.pth"):
            shutil.copy(whole / name, resumed)
        listed = [entry for entry in read_json(whole / INDEX) if entry["file"] == "model_0000005.pth"]
        write_json(resumed / INDEX, listed)
    comm.synchronize()
    train(toy(root, resumed, options), resume=True)


def worker_memory(root, output, options=()) -> list[float]:
    """MiB that each worker of the training's loader has for itself, with the first batch loaded."""
    from synmix.train.loader import build_loader

    cfg, composition = prepare(toy(root, output, options))
    batches = iter(build_loader(cfg, composition.dicts(), seed=0))
    next(batches)
    return [_private(worker.pid) for worker in batches._workers]


def _private(pid: int) -> float:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private_Dirty")) / 1024


if __name__ == "__main__":
    _, root, output, device, processes, *options = sys.argv
    options += ["MODEL.DEVICE", device]
    run_tool(lambda: launch(train_and_resume, int(processes), device=device, args=(root, output, options)))
