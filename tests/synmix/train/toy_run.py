"""The toy training for processes that tests start: by name from a pool, or as a script that launches its own ranks.

python toy_run.py ROOT OUTPUT DEVICE PROCESSES [KEY VALUE ...]
"""

import importlib.util
import sys
from pathlib import Path

import torch

import synmix  # noqa: F401 - before Detectron2
from synmix.errors import run_tool
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
    """Trains it; ``resume`` goes on where there is something to go on from."""
    train(toy(root, output, options), resume=True)


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
    run_tool(lambda: launch(train_toy, int(processes), device=device, args=(root, output, options)))
