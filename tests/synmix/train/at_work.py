"""What ranks do in tests: they train the toy detector. Importable by processes of their own, and a script:

uv run python -m tests.synmix.train.at_work ROOT OUTPUT PROCESSES [word ...] [KEY VALUE ...]
"""

import os
import sys
import time
from pathlib import Path

from tests.synmix.train import conftest as toys

from synmix.errors import UserError, run_tool

WORDS = ("slow", "poison", "alone", "evaluate-slowly", "prepare-slowly", "unshared")


def config(root, output, options=()):
    """The toy training, with normalisation that does not depend on how a batch is shared, and two loader workers."""
    toys._register_toys(Path(root))
    cfg = toys._toy_config(output)
    cfg.MODEL.RESNETS.NORM, cfg.DATALOADER.NUM_WORKERS = "", 2
    cfg.merge_from_list(list(options))
    return cfg


def train_toys(root, output, words=(), options=()):
    """What each rank does; returns its final losses."""
    import torch
    from detectron2.utils import comm

    from synmix.train import run

    torch.set_num_threads(1)
    rank = comm.get_rank()
    if "unshared" in words and rank:
        output = f"{output}-{rank}"
    cfg = config(root, output, options)
    if "slow" in words:
        _before_each_step(lambda step: time.sleep(0.2))
    if "poison" in words and rank == 1:
        _poison()
    if "alone" in words and rank == 1:
        raise UserError("rank 1 has a sentence, and leaves the others in a collective")
    if "evaluate-slowly" in words:
        _slowly(run.SynMixTrainer, "_evaluate", Path(output) / "evaluating")
    if "prepare-slowly" in words:
        _slowly(run, "compose", Path(f"{output}-composing"))
    return run.train(cfg, resume=True)


def command(root, arguments):
    """What each rank of ``tools/train_net.py`` does, on the toys."""
    from synmix.cli.train_net import work

    toys._register_toys(Path(root))
    work(arguments, 1)


def _before_each_step(action):
    from synmix.train.step import GuardedStep

    original = GuardedStep.run_step

    def run_step(self):
        action(self)
        original(self)

    GuardedStep.run_step = run_step


def _poison():
    from detectron2.modeling import META_ARCH_REGISTRY
    from detectron2.utils.events import get_event_storage

    detector = META_ARCH_REGISTRY.get("TinyDetector")
    original = detector.forward

    def forward(self, batch):
        losses = original(self, batch)
        if self.training and get_event_storage().iter == 4:
            losses["loss_mask"] = losses["loss_mask"] * float("nan")
        return losses

    detector.forward = forward


def _slowly(owner, name, mark):
    """Lets a function take a minute, after it has left a mark that it was entered."""
    original = getattr(owner, name)

    def slow(*args):
        mark.touch()
        for _ in range(600):
            time.sleep(0.1)
        return original(*args)

    setattr(owner, name, slow)


def ranks(words=()):
    """The ranks and what they were given: who they are, and what is theirs alone."""
    from detectron2.utils import comm

    rank = comm.get_rank()
    if "crash" in words and rank == 1:
        raise ValueError("a mistake of ours")
    if "killed" in words and rank == 1:
        os.kill(os.getpid(), 9)
    if "unsendable" in words:
        return lambda: rank
    seen = comm.all_gather((rank, comm.get_local_rank(), os.environ.get("CUDA_VISIBLE_DEVICES")))
    return seen, os.getpid()


def wait_for(mark):
    """Ranks that wait for a person; each leaves its process's number."""
    from detectron2.utils import comm

    Path(f"{mark}-{comm.get_rank()}").write_text(str(os.getpid()))
    time.sleep(600)


def main():
    from synmix.train.launch import launch

    root, output, processes, *rest = sys.argv[1:]
    words, options = [word for word in rest if word in WORDS], [word for word in rest if word not in WORDS]
    if processes == "wait":
        launch(wait_for, 2, device="cpu", args=(output,))
    else:
        launch(train_toys, int(processes), device="cpu", args=(root, output, words, options))


if __name__ == "__main__":
    run_tool(main)
