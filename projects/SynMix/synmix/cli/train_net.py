"""Trains and evaluates what a config describes, with Detectron2's arguments, on GPUs or on the CPU.

KEY VALUE pairs change keys of the config; they may stand anywhere. A signal (Ctrl-C, SIGTERM, SIGUSR1, SIGUSR2) lets
the step end, saves, and exits with 130; --resume goes on. Other exit codes: 0 done, 2 the input is wrong.

uv run tools/train_net.py --config-file configs/cityscapes.yaml --num-gpus 4
uv run tools/train_net.py --config-file configs/cityscapes.yaml --num-gpus 4 --resume
uv run tools/train_net.py --config-file configs/cityscapes.yaml --eval-only MODEL.WEIGHTS model.pth
uv run torchrun --nproc-per-node 4 tools/train_net.py --config-file configs/cityscapes.yaml
srun -n4 --gpus-per-node 4 uv run tools/train_net.py --config-file configs/cityscapes.yaml
uv run tools/train_net.py --config-file configs/mini.yaml
"""

import argparse
from pathlib import Path
from typing import Any

from synmix.cli.parser import argument_parser
from synmix.cli.results import add_json, write_result_json
from synmix.cli.words import add_config, add_num_gpus, add_trust_pickle, config_of
from synmix.kinds import COUNT, SIZE, argument
from synmix.train.signals import listening


def parse_arguments() -> argparse.Namespace:
    """Detectron2's arguments, and those of this project."""
    parser = argument_parser(__doc__)
    add_config(parser)
    parser.add_argument("--resume", action="store_true", help="go on from the latest checkpoint of OUTPUT_DIR")
    parser.add_argument("--eval-only", action="store_true", help="evaluate MODEL.WEIGHTS, train nothing")
    parser.add_argument("--dry-run", action="store_true", help="check everything, try a few steps, print the plan")
    add_num_gpus(parser)
    parser.add_argument("--num-machines", type=argument(SIZE), default=1, help="that train together")
    parser.add_argument("--machine-rank", type=argument(COUNT), default=0, help="this machine's number, from 0")
    parser.add_argument("--dist-url", default="auto", help="where processes meet: tcp://<first machine>:<port>")
    add_trust_pickle(parser)
    add_json(parser)
    return parser.parse_intermixed_args()


def work(arguments: argparse.Namespace, parts: int) -> None:
    """What each process does; the first of all writes ``--json``.

    Args:
        parts: ``SOLVER.ACCUMULATE``, as it is settled for the processes that there are.
    """
    import synmix.before_detectron2  # noqa: F401  # not above: worker processes import this file and need no torch

    from detectron2.utils import comm

    from synmix.train.ending import ending, reached
    from synmix.train.preflight import preflight
    from synmix.train.run import evaluate, train

    cfg = config_of(arguments, "SOLVER.ACCUMULATE", str(parts))
    folder, writes = Path(cfg.OUTPUT_DIR), arguments.json and comm.is_main_process()
    if arguments.dry_run:
        found: dict[str, Any] = {"plan": preflight(cfg, arguments.resume, arguments.trust_pickle)}
    elif arguments.eval_only:
        scored = evaluate(cfg, arguments.trust_pickle)
        found = {"weights": scored.weights, "evaluated": reached(folder, scored.figures)}
    else:
        figures = train(cfg, arguments.resume, arguments.trust_pickle)
        found = ending(folder, figures) if writes else {}
    if writes:
        write_result_json(arguments.json, {"folder": folder, **found})


def main() -> None:
    """Checks the arguments and starts the processes."""
    arguments = parse_arguments()
    with listening():
        from synmix.train.launch import launch, settle_processes

        machines, training = arguments.num_machines, not arguments.eval_only
        cfg, processes = settle_processes(
            config_of(arguments), arguments.num_gpus, machines=machines, training=training
        )
        launch(
            work,
            processes,
            machines=machines,
            machine_rank=arguments.machine_rank,
            dist_url=arguments.dist_url,
            device=cfg.MODEL.DEVICE,
            args=(arguments, cfg.SOLVER.ACCUMULATE),
        )
