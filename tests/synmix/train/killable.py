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

import torch

import synmix.train.run as run

_SPEC = importlib.util.spec_from_file_location("toys", Path(__file__).with_name("conftest.py"))
toys = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(toys)


def train(root: str, output: str) -> None:
    """The training, resumed, with saves slow enough to be hit in their midst."""
    torch.set_num_threads(1)
    save = torch.save

    def slow_save(data, path):
        save(data, path)
        whole = Path(path).read_bytes()
        Path(path).write_bytes(whole[: len(whole) // 2])
        time.sleep(0.03)
        Path(path).write_bytes(whole)

    torch.save = slow_save
    toys._register_toys(Path(root))
    cfg = toys._toy_config(output)
    cfg.SOLVER.CHECKPOINT_PERIOD = 1
    run.train(cfg, resume=True)


def main(root: str, output: str, kills: int) -> None:
    """Prints how many processes were killed."""
    moment, killed = random.Random(kills), 0
    while True:
        child = os.fork()
        if child == 0:
            train(root, output)
            os._exit(0)
        patience = moment.uniform(0.1, 1.0) if killed < kills else 300.0
        deadline = time.monotonic() + patience
        ended, status = 0, 0
        while not ended and time.monotonic() < deadline:
            ended, status = os.waitpid(child, os.WNOHANG)
            time.sleep(0.005)
        if ended:
            print(killed)
            sys.exit(os.waitstatus_to_exitcode(status))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        killed += 1
        if killed > kills:
            sys.exit("the last process hung")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
