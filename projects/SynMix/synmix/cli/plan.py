"""What to train on under a budget, by the paper's rule (4.2): 50 epochs of as many images as the budget allows.

uv run tools/plan.py --gpu-hours 48 --num-gpus 4 --seconds-per-iteration 0.45
uv run tools/plan.py --gpu-hours 48 --num-gpus 4 --metrics output/metrics.json   # s/it measured by a run
uv run tools/plan.py --iterations 80000
"""

import argparse
import json
import shlex
import statistics
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Table

from synmix.cli.parser import argument_parser
from synmix.cli.results import add_json, write_result_json
from synmix.cli.words import add_data_set
from synmix.compose import published
from synmix.compose.budget import iterations_of
from synmix.compose.planner import Plan, nearest_cells, plan
from synmix.errors import UserError
from synmix.files import read_text
from synmix.kinds import ABOVE_ZERO, COUNT, SIZE, argument

console = Console(highlight=False, soft_wrap=True)


def main() -> None:
    args = _parser().parse_args()
    recommended = plan(_budget(args), args.real_images, args.synthetic_images, args.batch_size, epochs=args.rule_epochs)
    _print_plan(recommended, args)
    _print_cells(recommended)
    overrides = recommended.overrides(args.real, args.synthetic)
    console.print("\nConfig overrides to paste (the removal is the paper's choice, 4.1):")
    console.print("  " + " ".join(f"{key} {shlex.quote(value)}" for key, value in overrides))
    write_result_json(args.json, {**asdict(recommended), "epochs": recommended.epochs, "overrides": dict(overrides)})


def _parser() -> argparse.ArgumentParser:
    parser = argument_parser(__doc__, allow_abbrev=False)
    budget = parser.add_mutually_exclusive_group(required=True)
    budget.add_argument("--iterations", type=argument(SIZE), help="the budget in iterations")
    budget.add_argument("--epochs", type=argument(ABOVE_ZERO), help="the budget in epochs of the real images alone")
    budget.add_argument(
        "--gpu-hours", type=argument(ABOVE_ZERO), help="the budget in hours times GPUs; needs the seconds an iteration"
    )
    speed = parser.add_mutually_exclusive_group()
    speed.add_argument("--seconds-per-iteration", type=argument(ABOVE_ZERO), help="how long an iteration takes")
    speed.add_argument(
        "--metrics", type=Path, metavar="FILE", help="a run's metrics.json, whose median iteration time is taken"
    )
    parser.add_argument("--num-gpus", type=argument(SIZE), default=1, help="GPUs that share an iteration")
    parser.add_argument("--batch-size", type=argument(SIZE), default=published.BATCH_SIZE, help="images an iteration")
    parser.add_argument(
        "--rule-epochs", type=argument(ABOVE_ZERO), default=published.RULE_EPOCHS, help="epochs to spend"
    )
    parser.add_argument("--real-images", type=argument(SIZE), default=published.REAL_IMAGES, help="real ones at hand")
    parser.add_argument(
        "--synthetic-images", type=argument(COUNT), default=published.SYNTHETIC_IMAGES, help="synthetic ones at hand"
    )
    add_data_set(parser, "--real", default="cityscapes_instance_train", help="the real data set")
    add_data_set(parser, "--synthetic", default="synscapes_instance_train", help="the synthetic data set")
    add_json(parser)
    return parser


def _budget(args: argparse.Namespace) -> int:
    if args.iterations is not None:
        return args.iterations
    if args.epochs is not None:
        return iterations_of(args.epochs, args.real_images, args.batch_size) if args.epochs > 0 else 0
    seconds = _seconds_per_iteration(args)
    return int(args.gpu_hours * 3600 / args.num_gpus / seconds)


def _seconds_per_iteration(args: argparse.Namespace) -> float:
    seconds = _measured(args.metrics) if args.metrics else args.seconds_per_iteration
    if seconds is None or seconds <= 0 or args.num_gpus < 1:
        raise UserError(
            "--gpu-hours needs --seconds-per-iteration above 0, or --metrics of a run that measured it, and at least "
            "one GPU (--num-gpus)."
        )
    return seconds


def _measured(path: Path) -> float:
    """Median seconds an iteration in a Detectron2 ``metrics.json``: one JSON object a line, its ``time``."""
    try:
        records = [json.loads(line) for line in read_text(path).splitlines() if line.strip()]
        times = [record["time"] for record in records if "time" in record]
        if not all(map(ABOVE_ZERO.accepts, times)):
            raise ValueError
    except (ValueError, TypeError, RecursionError):
        raise UserError(f"'{path}' is not a metrics.json of Detectron2 (one JSON object a line).") from None
    if not times:
        raise UserError(f"'{path}' records no iteration time; let the run log at least once.")
    return statistics.median(times)


def _print_plan(recommended: Plan, args: argparse.Namespace) -> None:
    console.print(
        f"[bold]{recommended.budget:,} iterations of {recommended.batch_size} images[/] = "
        f"{recommended.budget * recommended.batch_size:,} images = {args.rule_epochs:g} epochs of "
        f"{recommended.budget * recommended.batch_size / args.rule_epochs:,.0f} images"
    )
    console.print(
        f"Train on [bold]{recommended.real:,} real + {recommended.synthetic:,} synthetic[/] images for "
        f"[bold]{recommended.iterations:,} iterations[/] ({recommended.epochs:.1f} epochs of {recommended.images:,})."
    )
    if args.gpu_hours is not None:
        hours = recommended.iterations * _seconds_per_iteration(args) / 3600
        console.print(f"That takes {hours:.1f} hours on {args.num_gpus} GPUs ({hours * args.num_gpus:.1f} GPU-hours).")
    for note in _notes(recommended, args):
        console.print(f"  {note}")


def _notes(recommended: Plan, args: argparse.Namespace) -> list[str]:
    whole = iterations_of(args.rule_epochs, args.real_images, args.batch_size)
    if recommended.budget < whole:
        return [
            f"Below {whole:,} iterations the rule leaves nothing for synthetic images. To the letter it would drop "
            "real ones too; real images are always the better ones (Figure 5), so all of them stay, seen less often."
        ]
    if recommended.iterations < recommended.budget and recommended.synthetic == args.synthetic_images:
        spare = recommended.budget - recommended.iterations
        return [f"All images are used; {spare:,} iterations stay unspent (Table 3: 66 epochs gain nothing over 50)."]
    if args.real_images == published.REAL_IMAGES and recommended.synthetic:
        rounded = recommended.images - 3_000
        return [f"The paper counts the {args.real_images:,} real images as 3k, hence {rounded:,} synthetic ones there."]
    return []


def _print_cells(recommended: Plan) -> None:
    table = Table(title="Nearest published trainings (Table 3, AP on Cityscapes)", title_justify="left")
    for heading in ("real", "synthetic", "epochs", "iterations", "of the budget", "AP"):
        table.add_column(heading, justify="right")
    table.add_column()
    best = published.best_affordable(recommended.budget)
    for cell in nearest_cells(recommended.budget):
        share = f"{100 * cell.iterations / recommended.budget:.0f} %"
        numbers = f"{published.REAL_IMAGES:,}", f"{cell.synthetic:,}", str(cell.epochs), f"{cell.iterations:,}"
        table.add_row(*numbers, share, str(cell.average_precision), "best affordable" if cell == best else "")
    console.print()
    console.print(table)
    limits = [limit for limit in published.TABLE_4 if limit <= recommended.budget]
    if limits:
        value, synthetic = published.TABLE_4[limits[-1]]
        composition = f"3k real / {synthetic // 1000}k synthetic"
        console.print(f"Table 4 prints for {limits[-1]:,} iterations: {value} AP with {composition}.")
