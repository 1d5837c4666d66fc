"""Scores instance masks with the Cityscapes metric, exactly, with confidence intervals.

Exit codes: 0 done; 1 a check failed (--official, --min-ap, --fail-if-worse); 2 the input is wrong.

Predictions in the Cityscapes result format (text files and masks), with cityscapesScripts' own figures beside:
  uv run tools/eval_cityscapes.py --predictions DIR --ground-truth datasets/cityscapes/gtFine/val --official
Why figures are what they are: what each kind of error costs, and AP by the size of objects:
  uv run tools/eval_cityscapes.py --results a/results/cityscapes_instance_val.json --why --why-chart why.png
Two results on the same images; several trainings of a model as a list with commas:
  uv run tools/eval_cityscapes.py --compare a/results/NAME.json b/results/NAME.json
Predictions for the test server, with a zip file to send:
  uv run tools/eval_cityscapes.py --config-file configs/mixture.yaml --datasets cityscapes_instance_test \\
      --export sent MODEL.WEIGHTS output/mixture/model_final.pth
A checkpoint, on any registered data sets:
  uv run tools/eval_cityscapes.py --config-file configs/mini.yaml MODEL.WEIGHTS output/mini/model_final.pth
"""

import argparse
from dataclasses import fields
from itertools import pairwise
from pathlib import Path

from synmix.cli.parser import argument_parser
from synmix.cli.results import add_json
from synmix.cli.words import add_config, add_data_set, add_num_gpus, add_num_workers, add_trust_pickle, config_of
from synmix.errors import UserError
from synmix.evaluate.by_size import COCO_EDGES
from synmix.evaluate.commands import OK, Sampling, Wishes, compare, report, score_folders
from synmix.evaluate.result import read_result
from synmix.kinds import ABOVE_ZERO, COUNT, Number, argument
from synmix.pictures import CHARTS, check_ending


def parse_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argument_parser(__doc__)
    what = parser.add_argument_group("what to score")
    add_config(parser, what)
    add_data_set(what, "--datasets", nargs="+", help="where a checkpoint is scored (default: DATASETS.TEST)")
    what.add_argument("--predictions", type=Path, metavar="DIR", help="predictions in the Cityscapes result format")
    what.add_argument("--ground-truth", type=Path, metavar="DIR", help="the instance maps that belong to them")
    what.add_argument("--results", nargs="+", metavar="R.json", help="results that are there already, to be shown")
    what.add_argument("--compare", nargs=2, metavar=("A.json", "B.json"), help="results to compare: B minus A")
    output = parser.add_argument_group("what to write")
    add_json(output)
    output.add_argument("--chart", type=Path, metavar="FILE", help="a bar chart per class: .png, .svg or .pdf")
    output.add_argument("--errors", type=Path, metavar="DIR", help="pages of the worst mistakes as pictures")
    output.add_argument("--why", action="store_true", help="tables: points that each kind of error costs; AP by size")
    output.add_argument("--why-chart", type=Path, metavar="FILE", help="the former as stacked bars: .png, .svg or .pdf")
    output.add_argument(
        "--size-edges",
        type=_edges,
        default=COCO_EDGES,
        metavar="A,B,..",
        help="borders of sizes (default: 1024,9216)",
    )
    output.add_argument("--images", type=Path, metavar="DIR", help="the images of --ground-truth: DIR/<split>/<city>/")
    output.add_argument("--export", type=Path, metavar="DIR", help="predictions in the test server's format, and a zip")
    checks = parser.add_argument_group("checks")
    checks.add_argument("--official", action="store_true", help="run cityscapesScripts too; 1 if it differs")
    checks.add_argument("--min-ap", type=argument(Number(0, 100)), metavar="AP", help="1 if AP (percent) is below")
    checks.add_argument("--fail-if-worse", action="store_true", help="1 if B is surely worse than A")
    sampling = parser.add_argument_group("intervals")
    sampling.add_argument("--resamples", type=argument(COUNT), default=1000, help="of the images; 0: no intervals")
    sampling.add_argument(
        "--confidence", type=argument(Number(0, 1, True, True)), default=0.95, help="of the intervals"
    )
    sampling.add_argument("--seed", type=argument(COUNT), default=0, help="of the resamples")
    work = parser.add_argument_group("work")
    add_num_gpus(work)
    add_num_workers(work, " for --predictions")
    add_trust_pickle(work)
    return parser.parse_intermixed_args()


def _edges(text: str) -> tuple[float, ...]:
    edges = tuple(map(argument(ABOVE_ZERO), text.split(",")))
    if not all(low < high for low, high in pairwise(edges)):
        raise argparse.ArgumentTypeError(f"'{text}' is not in ascending order")
    return edges


def check(arguments: argparse.Namespace) -> None:
    """Refuses what cannot be meant.

    Raises:
        UserError: arguments that contradict each other, or none that says what to score.
    """
    modes = [
        bool(arguments.compare),
        bool(arguments.predictions or arguments.ground_truth),
        bool(arguments.config_file),
        bool(arguments.results),
    ]
    if sum(modes) != 1:
        raise UserError(
            "give one of --config-file, --predictions with --ground-truth, --results, or --compare; see --help."
        )
    if modes[1] and not (arguments.predictions and arguments.ground_truth):
        raise UserError("--predictions and --ground-truth belong together; give both.")
    if arguments.export and not arguments.config_file:
        raise UserError("--export writes the predictions of a checkpoint; give --config-file and MODEL.WEIGHTS.")
    if (arguments.official or arguments.errors) and not (arguments.config_file or arguments.predictions):
        raise UserError("--official and --errors need predictions; give --config-file, or --predictions.")
    for chart in filter(None, (arguments.chart, arguments.why_chart)):
        check_ending(chart, CHARTS)


def main() -> int:
    """Does what the arguments say."""
    arguments = parse_arguments()
    check(arguments)
    if arguments.results:
        return report({path: read_result(path) for path in arguments.results}, _wishes(arguments))
    if arguments.compare:
        first, second = (side.split(",") for side in arguments.compare)
        return compare(first, second, _wishes(arguments), _sampling(arguments))
    if arguments.predictions:
        work = (arguments.images, arguments.num_workers)
        folders = (arguments.predictions, arguments.ground_truth)
        return score_folders(*folders, _wishes(arguments), _sampling(arguments), *work)
    return _launch(arguments)


def _wishes(arguments: argparse.Namespace) -> Wishes:
    return Wishes(**{field.name: getattr(arguments, field.name) for field in fields(Wishes)})


def _sampling(arguments: argparse.Namespace) -> Sampling:
    return Sampling(arguments.resamples, arguments.confidence, arguments.seed)


def _launch(arguments: argparse.Namespace) -> int:
    from synmix.train.launch import launch, settle_processes

    cfg, processes = settle_processes(config_of(arguments), arguments.num_gpus, training=False)
    return launch(_score_checkpoint, processes, device=cfg.MODEL.DEVICE, args=(arguments,)) or 0


def _score_checkpoint(arguments: argparse.Namespace) -> int:
    """Scores ``MODEL.WEIGHTS`` on registered data sets; runs in each process."""
    import synmix.before_detectron2  # noqa: F401

    from detectron2.utils import comm

    from synmix.evaluate.watch import Watch
    from synmix.train.run import evaluate

    cfg, wishes, sampling = config_of(arguments), _wishes(arguments), _sampling(arguments)
    if arguments.datasets:
        cfg.DATASETS.TEST = tuple(arguments.datasets)
    if not cfg.DATASETS.TEST:
        raise UserError("DATASETS.TEST names no data set, so there is nothing to evaluate; name one.")
    if not cfg.MODEL.WEIGHTS:
        raise UserError("MODEL.WEIGHTS is empty; give the checkpoint to evaluate: MODEL.WEIGHTS FILE.")
    cfg.TEST.BOOTSTRAP.RESAMPLES, cfg.TEST.BOOTSTRAP.CONFIDENCE = sampling.resamples, sampling.confidence
    cfg.TEST.BOOTSTRAP.SEED = sampling.seed
    with Watch(wishes, cfg.OUTPUT_DIR, len(cfg.DATASETS.TEST) > 1) as watch:
        found = evaluate(cfg, arguments.trust_pickle, observe=watch)
        watch.finish()
        if not comm.is_main_process():
            return OK
        return report(found.results, wishes, watch.official(), found.figures)
