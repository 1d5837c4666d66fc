"""Chooses removal thresholds per class, in two ways.

From the results of a removal sweep, by the knee of each class's curve (paper 4.1, Figure 4): the study's, or any as
PERCENT=RESULTS.json:
    uv run tools/choose_removal.py sweep --store runs/paper
    uv run tools/choose_removal.py sweep 0=a/results/NAME.json 30=b/results/NAME.json 60=c/results/NAME.json

Before any training, by bringing the synthetic labels' sizes closest to the real ones':
    uv run tools/choose_removal.py match --real cityscapes_instance_train --synthetic synscapes_instance_train
"""

import argparse
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from synmix.cli.parser import argument_parser
from synmix.cli.results import add_json, write_result_json
from synmix.cli.words import add_data_set, add_store, scale_and_store
from synmix.compose.removal import DEFAULT
from synmix.compose.removal_rules import PIXELS, RULES, RemovalRule
from synmix.compose.thresholds import Distance, knee, knee_interval, label_sizes, match_sizes, median_frame_pixels
from synmix.data import sources
from synmix.errors import UserError
from synmix.evaluate.result import read_result, result_path
from synmix.files import read_json
from synmix.kinds import FACTOR, Number, argument
from synmix.pictures import CHARTS, check_ending, save_figure
from synmix.report.estimates import Estimates
from synmix.statistics import Runs
from synmix.study.comparison import Arm
from synmix.study.experiments import SYNTHETIC, removed
from synmix.study.index import readable_records
from synmix.study.scale import Scale
from synmix.study.store import Store

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Curves = Mapping[str, Mapping[float, Sequence[float]]]
_RESAMPLES = 200  # of the images, for the knees' intervals
console = Console(highlight=False, soft_wrap=True)


def main() -> None:
    args = _parser().parse_args()
    if args.chart:
        check_ending(args.chart, CHARTS)
    args.run(args)


def _parser() -> argparse.ArgumentParser:
    parser = argument_parser(__doc__)
    commands = parser.add_subparsers(required=True, metavar="{match,sweep}")
    match = commands.add_parser("match", help="match the sizes of a real data set, before any training")
    add_data_set(match, "--real", default="cityscapes_instance_train", help="the data set to match")
    add_data_set(match, "--synthetic", default="synscapes_instance_train", help="the data set to remove labels of")
    match.add_argument(
        "--distance", choices=get_args(Distance), default=get_args(Distance)[0], help="between the two distributions"
    )
    match.add_argument("--as-is", action="store_true", help="compare pixels as they are, not scaled to equal frames")
    match.add_argument(
        "--by", choices=RULES, default=PIXELS.name, help="match what this rule removes by, not sizes in pixels"
    )
    match.set_defaults(run=_match)
    sweep = commands.add_parser("sweep", help="take the knee of each class from a removal sweep's results")
    sweep.add_argument(
        "results",
        nargs="*",
        metavar="PERCENT=FILE",
        help="results, also several of a percentage (default: all seeds of Figure 4 in --store)",
    )
    add_store(sweep)
    sweep.add_argument("--tolerance", type=argument(FACTOR), default=1.0, help="AP points that count as no loss")
    sweep.set_defaults(run=_sweep)
    add_json(match, sweep)
    for command in (match, sweep):
        command.add_argument("--chart", type=Path, metavar="FILE", help="the curves: .png, .svg or .pdf")
    return parser


def _match(args: argparse.Namespace) -> None:
    tables = [sources.source(name).table() for name in (args.real, args.synthetic)]
    frame_pixels, rule = None if args.as_is else median_frame_pixels(tables[0]), RULES[args.by]
    real, synthetic = (label_sizes(table, frame_pixels, rule) for table in tables)
    matches, overall = match_sizes(real, synthetic, args.distance, rule)
    what = "Sizes" if rule is PIXELS else f"{rule.name.replace('_', ' ').capitalize()}"
    table = Table(
        title=f"{what} of '{args.synthetic}' matched to '{args.real}' ({args.distance} distance)", title_justify="left"
    )
    table.add_column("class")
    for heading in ("real", "synthetic", "remove %", f"up to [{rule.unit}]", "distance", "after"):
        table.add_column(escape(heading), justify="right")  # Rich takes [px] for a colour
    for match in matches:
        limit = "-" if match.threshold is None else f"{match.threshold:,.{0 if rule.is_size else 2}f}"
        counts = f"{match.num_real:,}", f"{match.num_synthetic:,}", str(match.percent)
        table.add_row(match.category, *counts, limit, f"{match.before:.3f}", f"{match.after:.3f}")
    console.print(table)
    few = [match.category for match in matches if min(match.num_real, match.num_synthetic) < 30]
    if few:
        console.print(f"Fewer than 30 labels stand behind {', '.join(few)}: take those percentages with care.")
    console.print(f"One percentage for all classes: {overall} (DATASETS.REMOVAL.default {overall})")
    _print_overrides({match.category: match.percent for match in matches}, overall, rule)
    write_result_json(args.json, {DEFAULT: overall, "classes": {match.category: asdict(match) for match in matches}})
    if args.chart:
        from synmix.compose.pictures import size_distributions

        _save(size_distributions(real, synthetic, matches, rule), args.chart)


def _sweep(args: argparse.Namespace) -> None:
    results = [_parse(argument) for argument in args.results]
    if args.store or not results:
        results += _of_study(*scale_and_store(args))
    if not results:
        raise UserError("there is nothing to choose from; give results as PERCENT=FILE, or --store with finished runs.")
    curves, runs = _curves(results), _runs(results)
    knees = {category: knee(curve, args.tolerance) for category, curve in curves.items()}
    table = Table(title=f"Knees within {args.tolerance:g} AP of the best", title_justify="left")
    table.add_column("class")
    for heading in ("remove %", "95 %", "AP at best", "AP there"):
        table.add_column(heading, justify="right")
    ends = {category: knee_interval(known, args.tolerance) for category, known in runs.items() if category in knees}
    for category, found in knees.items():
        low, high = ends.get(category, (math.nan, math.nan))
        interval = f"{low:g} to {high:g}" if low == low else "-"
        table.add_row(category, f"{found.percent:g}", interval, f"{found.best:.1f}", f"{found.value:.1f}")
    console.print(table)
    console.print(_about(curves, runs))
    percents = [found.percent for found in knees.values()]
    _print_overrides({category: found.percent for category, found in knees.items()}, max(percents, key=percents.count))
    classes = {category: {**asdict(found), "interval": ends.get(category)} for category, found in knees.items()}
    write_result_json(args.json, {"tolerance": args.tolerance, "classes": classes})
    if args.chart:
        from synmix.compose.pictures import removal_curves

        _save(removal_curves(curves, {category: found.percent for category, found in knees.items()}), args.chart)


def _about(curves: Curves, runs: Mapping[str, Mapping[float, Runs]]) -> str:
    """What the intervals hold."""
    if not runs:
        return "No intervals: the results hold no match tables, or are of different images; evaluate them again."
    fewest = min(len(values) for curve in curves.values() for values in curve.values())
    over = f"other images and seeds ({fewest} at least)" if fewest > 1 else "other images alone: one training each"
    return f"Intervals are over {over}."


def _parse(argument: str) -> tuple[float, Path]:
    percent, _, path = argument.partition("=")
    try:
        number = float(percent) if path else -1.0
    except ValueError:
        number = -1.0
    if not 0 <= number <= 100:
        raise UserError(f"'{argument}' is not PERCENT=FILE, for instance 30=results.json.")
    return number, Path(path)


def _of_study(scale: Scale, store: Store) -> list[tuple[float, Path]]:
    """Percentage and result of every finished run of Figure 4."""
    records, _ = readable_records(store)
    estimates, name = Estimates(records, scale), scale.data_set(SYNTHETIC)
    return [
        (percent, result_path(record.folder, name))
        for percent in scale.grid["removal"]
        for record in estimates.finished(removed(scale, percent))
        if name in record.results
    ]


def _curves(results: Sequence[tuple[float, Path]]) -> dict[str, dict[float, list[float]]]:
    """Class -> percentage -> the AP of every result given for it."""
    curves: dict[str, dict[float, list[float]]] = defaultdict(lambda: defaultdict(list))
    for number, path in results:
        result = read_json(path) if path.is_file() else {}
        classes = result.get("classes") if isinstance(result, dict) else None
        if not isinstance(classes, dict):
            raise UserError(
                f"'{path}' is not a result (it has no 'classes'); tools/eval_cityscapes.py --json writes one."
            )
        for category, values in classes.items():
            found = values.get("AP", "") if isinstance(values, dict) else ""
            if found is not None and not Number().accepts(found):
                raise UserError(f"'{path}' has no number 'AP' for the class '{category}'; evaluate again.")
            if found is not None:
                curves[category][number].append(float(found))
    return curves


def _runs(results: Sequence[tuple[float, Path]]) -> dict[str, dict[float, Runs]]:
    """Class -> percentage -> the runs with their replicates; nothing where a result has none, or other images."""
    by_percent: dict[float, list[Any]] = defaultdict(list)
    for number, path in results:
        if "matches" not in read_json(path):
            return {}
        by_percent[number].append(read_result(path))
    found = [result for same in by_percent.values() for result in same]
    if len({result.images for result in found}) > 1 or len(found[0].images) < 2:
        return {}
    arms = {percent: Arm(f"{percent:g} %", dict(enumerate(same)), _RESAMPLES) for percent, same in by_percent.items()}
    classes = [name for name in found[0].table.classes if not np.isnan(found[0].figures[f"AP-{name}"])]
    return {name: {percent: arm.runs(f"AP-{name}") for percent, arm in arms.items()} for name in classes}


def _print_overrides(percents: Mapping[str, float], default: float, rule: RemovalRule = PIXELS) -> None:
    """The keys to paste: the rule where it is not the usual one, the default, and the classes that differ from it."""
    keys = {DEFAULT: default, **{name: percent for name, percent in percents.items() if percent != default}}
    console.print("\nConfig overrides to paste:")
    by = "" if rule is PIXELS else f"DATASETS.REMOVAL_BY {rule.name} "
    console.print(f"  {by}" + " ".join(f"DATASETS.REMOVAL.{name} {percent:g}" for name, percent in keys.items()))


def _save(figure: "Figure", path: Path) -> None:
    save_figure(path, figure)
    console.print(f"wrote {path}")
