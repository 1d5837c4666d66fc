"""Trains the toy detector in processes that are killed at random moments, until one comes to its end.

A script of its own: it forks before any library has started a thread, and so pays for importing torch once.
"""

import importlib.util
import os
import random
import signal
import sys
import time
from pathlib import Path

import synmix.before_detectron2  # noqa: F401

import torch

from synmix.train import run
from synmix.train.step import GuardedStep

_SPEC = importlib.util.spec_from_file_location("toys", Path(__file__).with_name("conftest.py"))
toys = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(toys)


def train(root: str, output: str, iterations: int, events: int) -> None:
    """The training, resumed; each step and each save, slow enough to be hit in its midst, is an event."""
    torch.set_num_threads(1)
    save, run_step = torch.save, GuardedStep.run_step

    def slow_save(data, path):
        save(data, path)
        whole = Path(path).read_bytes()
        Path(path).write_bytes(whole[: len(whole) // 2])
        os.write(events, b"s")
        time.sleep(0.03)
        Path(path).write_bytes(whole)

    def step(self):
        os.write(events, b"i")
        run_step(self)

    torch.save, GuardedStep.run_step = slow_save, step
    toys._register_toys(Path(root))
    cfg = toys._toy_config(output)
    cfg.SOLVER.CHECKPOINT_PERIOD, cfg.SOLVER.MAX_ITER = 1, iterations
    run.train(cfg, resume=True)


def main(root: str, output: str, kills: int, iterations: int) -> None:
    """Kills so many processes, each a random while after a random event, and lets the next one end; prints how many
    died during a save."""
    moment, in_save = random.Random(kills), 0
    for life in range(kills + 1):
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(reader)
            train(root, output, iterations, writer)
            os._exit(0)
        os.close(writer)
        if life < kills:
            event = os.read(reader, 1)
            for _ in range(moment.randrange(4)):
                event = os.read(reader, 1)
            time.sleep(moment.uniform(0, 0.03))
            os.kill(child, signal.SIGKILL)
            in_save += event == b"s"
        _, status = os.waitpid(child, 0)
        os.close(reader)
        if (life < kills) != os.WIFSIGNALED(status) or (life == kills and status):
            sys.exit(f"life {life} ended with status {status}")
    print(in_save)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
