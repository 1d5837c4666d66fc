#!/usr/bin/env python
"""The vehicle-keypoint experiment of Phase 0: draws the miniature, runs all arms, gives the verdict, writes a report.

tools/keypoints_experiment.py draw                       the miniature, under $DETECTRON2_DATASETS/mini
tools/keypoints_experiment.py run --scale mini           all arms, three seeds; a second call does only what is missing
tools/keypoints_experiment.py verdict --scale mini       the declared kill switch, from finished runs
tools/keypoints_experiment.py report --scale mini --output docs/mini-keypoints
tools/keypoints_experiment.py gallery --scale mini       test frames under both flip maps, as a picture
"""

import argparse
from pathlib import Path

from miniature.vehicles.write import write_miniature
from synmix.data.sources import datasets_root
from synmix.errors import UserError, run_tool
from synmix.progress import console
from synmix.study.store import Store
from vehicle_keypoints.experiment import ARMS, declared, execute, judge, load_scale, make_run, results_of


def parse_arguments() -> argparse.Namespace:
    """What to do, at which scale, in which store."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("action", choices=sorted(_ACTIONS), help="what to do")
    parser.add_argument("--scale", default="mini", help="paper or mini (configs/sweep/keypoints/scale)")
    parser.add_argument("--store", type=Path, help="the results store (default: runs/keypoints_<scale>)")
    parser.add_argument("--arms", nargs="+", default=list(ARMS), choices=ARMS, help="only these")
    parser.add_argument("--seeds", nargs="+", type=int, help="instead of the declared ones")
    parser.add_argument("--output", type=Path, help="the report's folder (default: <store>/report)")
    parser.add_argument("--threads", type=int, default=0, help="CPU threads of a training; 0 leaves it to torch")
    return parser.parse_args()


def _store(arguments: argparse.Namespace) -> Store:
    return Store(arguments.store or Path("runs") / f"keypoints_{arguments.scale}")


def draw(arguments: argparse.Namespace) -> int:
    """Draws the miniature where it is missing."""
    write_miniature(datasets_root() / "mini")
    print(f"the miniature is in '{datasets_root() / 'mini'}'")
    return 0


def run(arguments: argparse.Namespace) -> int:
    """All arms of a seed, then the next seed; failures are recorded and the others go on; then the verdict."""
    scale, store = load_scale(arguments.scale), _store(arguments)
    if scale.name == "mini":
        draw(arguments)
    if arguments.threads:
        import torch

        torch.set_num_threads(arguments.threads)
    failed = 0
    for seed in arguments.seeds or declared().seeds:
        for arm in arguments.arms:
            try:
                outcome = execute(make_run(scale, arm, seed), store)
                result, reason = outcome.result, outcome.reason or f"{outcome.seconds / 60:.1f} min"
            except UserError as error:
                result, reason = "failed", str(error)
            failed += result not in ("finished", "skipped")
            console.print(f"{arm}, seed {seed}: {result} ({reason})")
    if failed:
        console.print(f"{failed} runs did not end; the same command repeats only these.")
        return 1
    whole = arguments.seeds is None and set(arguments.arms) == set(ARMS)
    return verdict(arguments) if whole else 0


def verdict(arguments: argparse.Namespace) -> int:
    """Prints every arm's figures and what the kill switch says."""
    from vehicle_keypoints.report import arms_table

    scale, store, switch = load_scale(arguments.scale), _store(arguments), declared()
    print(arms_table(scale, store, switch))
    sides = [results_of(scale, arm, switch.seeds, store) for arm in (switch.control, switch.candidate)]
    outcome = judge(switch, *sides)
    print(f"\nkill switch: {switch.candidate} - {switch.control} >= {switch.min_gain:+g} pp {switch.figure}?")
    print(outcome.sentence)
    return 0


def report(arguments: argparse.Namespace) -> int:
    """Writes the Markdown report and its plots."""
    from vehicle_keypoints.report import write_report

    store = _store(arguments)
    path = write_report(load_scale(arguments.scale), store, declared(), arguments.output or store.root / "report")
    print(f"wrote {path}")
    return 0


def gallery(arguments: argparse.Namespace) -> int:
    """Draws test frames, their labels, and the predictions of both flip arms."""
    from vehicle_keypoints.gallery import write_gallery

    store = _store(arguments)
    folder = arguments.output or store.root / "report"
    print(f"wrote {write_gallery(load_scale(arguments.scale), store, folder / 'predictions.jpg')}")
    return 0


_ACTIONS = {"draw": draw, "run": run, "gallery": gallery, "verdict": verdict, "report": report}


def main() -> int:
    """Does what was asked."""
    arguments = parse_arguments()
    return _ACTIONS[arguments.action](arguments)


if __name__ == "__main__":
    run_tool(main)
