"""Trains and evaluates what a config describes, with Detectron2's arguments, on GPUs or on the CPU.

tools/train_net.py --config-file configs/mini.yaml
tools/train_net.py --config-file configs/cityscapes.yaml --num-gpus 4
tools/train_net.py --config-file configs/cityscapes.yaml --num-gpus 4 --resume
tools/train_net.py --config-file configs/cityscapes.yaml --eval-only MODEL.WEIGHTS output/cityscapes/model_final.pth
torchrun --nproc-per-node 4 tools/train_net.py --config-file configs/cityscapes.yaml
"""

import argparse

from synmix.errors import run_tool


def parse_arguments() -> argparse.Namespace:
    """Detectron2's arguments, and those of this project."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config-file", default="", metavar="FILE", help="a YAML file of configs/")
    parser.add_argument("--resume", action="store_true", help="go on from the latest checkpoint of OUTPUT_DIR")
    parser.add_argument("--eval-only", action="store_true", help="evaluate MODEL.WEIGHTS, train nothing")
    parser.add_argument("--dry-run", action="store_true", help="check everything, try a few steps, print the plan")
    parser.add_argument("--num-gpus", type=int, default=1, help="processes on this machine, one for each GPU")
    parser.add_argument("--num-machines", type=int, default=1)
    parser.add_argument("--machine-rank", type=int, default=0, help="this machine's number, from 0")
    parser.add_argument("--dist-url", default="auto", help="where processes meet: tcp://<first machine>:<port>")
    parser.add_argument(
        "--trust-pickle", action="store_true", help="load .pkl weights of any origin: they can run code"
    )
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    parser.add_argument("opts", nargs=argparse.REMAINDER, metavar="KEY VALUE", help="config keys to change")
    return parser.parse_args()


def work(arguments: argparse.Namespace) -> None:
    """What each process does."""
    from synmix.config import load_config  # not above: worker processes import this file and need no torch
    from synmix.train.preflight import preflight
    from synmix.train.run import evaluate, train

    cfg = load_config(arguments.config_file, arguments.opts)
    if arguments.dry_run:
        preflight(cfg, arguments.resume, arguments.trust_pickle)
    elif arguments.eval_only:
        evaluate(cfg, arguments.trust_pickle)
    else:
        train(cfg, arguments.resume, arguments.trust_pickle)


def main() -> None:
    """Checks the arguments and starts the processes."""
    arguments = parse_arguments()
    from synmix.config import load_config
    from synmix.train.launch import check_processes, launch
    from synmix.train.loader import check_shares
    from synmix.train.run import with_device

    cfg = load_config(arguments.config_file, arguments.opts)
    device = with_device(cfg).MODEL.DEVICE if arguments.num_gpus == 1 else cfg.MODEL.DEVICE
    check_processes(arguments.num_gpus, device)
    if not arguments.eval_only:
        check_shares(cfg, arguments.num_gpus * arguments.num_machines)
    launch(
        work,
        arguments.num_gpus,
        arguments.num_machines,
        arguments.machine_rank,
        arguments.dist_url,
        device,
        (arguments,),
    )


if __name__ == "__main__":
    run_tool(main)
