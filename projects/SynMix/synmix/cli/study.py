"""A whole study: what it consists of, and doing what of it is missing.

uv run tools/study.py run ratio --scale mini  # one experiment
uv run tools/study.py run --scale mini --jobs 2  # everything, two runs at a time
uv run tools/study.py run --scale mini --seeds 0 1 2  # everything with three seeds; the report takes them all in
uv run tools/study.py run answer --scale mini --until decided  # seeds of mixture and control until it is clear
uv run tools/study.py run answer --scale mini --model mask_rcnn  # another model; the report says if the answer changes
uv run tools/study.py run --scale keypoints_mini  # the vehicle keypoints
uv run tools/study.py list --scale mini  # experiments, runs, what is done, what it costs
"""

import argparse
import sys
from dataclasses import asdict, replace
from functools import partial

from rich.console import Console

from synmix.cli.parser import argument_parser, completed
from synmix.cli.results import add_json, write_result_json
from synmix.cli.words import add_store, add_trust_pickle, scale_and_store
from synmix.errors import UserError
from synmix.kinds import ABOVE_ZERO, COUNT, SIZE, argument
from synmix.study.execute import Options
from synmix.study.experiments import Study, all_runs
from synmix.study.listing import listing, planned
from synmix.study.scale import load_scale, model_names
from synmix.study.study import run_all
from synmix.study.sweep import report_outcomes
from synmix.study.until import run_until_decided


def parse_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argument_parser(__doc__)
    parser.add_argument("command", choices=("list", "run"), help="list: show the plan; run: do what is missing")
    shown = parser.add_argument(
        "experiments", nargs="*", metavar="EXPERIMENT", help="as list shows them (default: all)"
    )
    completed(shown, lambda typed: load_scale(typed.scale).described().STUDY.experiments)
    add_store(parser)
    model = parser.add_argument(
        "--model", default="", metavar="NAME", help=f"instead of the configs' own: {', '.join(model_names())}"
    )
    completed(model, lambda _: model_names())
    parser.add_argument("--jobs", type=argument(SIZE), default=1, metavar="N", help="runs at a time")
    parser.add_argument(
        "--processes", type=argument(SIZE), metavar="N", help="ranks of a run, one GPU each (default: the scale's)"
    )
    parser.add_argument(
        "--seeds",
        type=argument(COUNT),
        nargs="+",
        metavar="SEED",
        help="these seeds for all that is asked for (default: each experiment's own)",
    )
    parser.add_argument("--until", choices=("decided",), help="train what the answer asks for next until it is decided")
    parser.add_argument(
        "--looks", type=argument(SIZE), default=5, metavar="N", help="with --until: looks at the verdict"
    )
    parser.add_argument("--budget", type=argument(ABOVE_ZERO), help="with --until: GPU hours of the whole store")
    parser.add_argument(
        "--seconds-per-iteration", type=argument(ABOVE_ZERO), help="for the cost (default: the scale's)"
    )
    add_trust_pickle(parser)
    add_json(parser)
    return parser.parse_intermixed_args()


def main() -> int:
    """Lists or runs."""
    arguments = parse_arguments()
    scale, store = scale_and_store(arguments)
    scale = scale.with_model(arguments.model)
    if arguments.processes is not None:
        scale = replace(scale, processes=arguments.processes)
    study: Study = scale.described().STUDY
    chosen = [study.experiment(name, scale) for name in arguments.experiments or study.experiments]
    if arguments.seeds:
        chosen = [replace(item, seeds=tuple(arguments.seeds)) for item in chosen]
    if arguments.command == "list":
        pace = arguments.seconds_per_iteration or scale.seconds_per_iteration
        plan = planned(chosen, store, pace)
        Console(width=None if sys.stdout.isatty() else 160).print(listing(plan))
        write_result_json(arguments.json, {"scale": scale.name, "store": store.root, **asdict(plan)})
        return 0
    options = Options(trust_pickle=arguments.trust_pickle)
    train = partial(run_all, store=store, workers=arguments.jobs, options=options)
    if arguments.until:
        if len(arguments.experiments) != 1 or arguments.seeds:
            raise UserError("--until decided asks one experiment, 'answer', and chooses the seeds itself.")
        outcomes = run_until_decided(chosen[0], scale, store, train, arguments.looks, arguments.budget)
    else:
        outcomes = train(all_runs(chosen))
    write_result_json(arguments.json, {"scale": scale.name, "store": store.root, "runs": outcomes})
    return report_outcomes(outcomes, store) if outcomes or not arguments.until else 0
