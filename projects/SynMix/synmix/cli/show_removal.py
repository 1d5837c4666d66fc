"""One frame of a data set with its labels at several removal thresholds, as the paper's Figure 3.

uv run tools/show_removal.py synscapes_instance_train --frame synscapes_000000_000042 --output figure3.png
"""

import argparse
from pathlib import Path

import polars as pl

from synmix.cli.parser import argument_parser
from synmix.cli.results import add_json, write_result_json
from synmix.cli.words import add_data_set
from synmix.compose.mixing import shuffled
from synmix.compose.pictures import FIGURE_3, fullest_frame, labels_left, removal_sheet
from synmix.compose.removal_rules import PIXELS, RULES
from synmix.data import sources
from synmix.data.table import InstanceTable
from synmix.kinds import COUNT, SIZE, Number, argument
from synmix.pictures import PICTURES, check_ending, save_picture


def main() -> None:
    args = _parser().parse_args()
    check_ending(args.output, PICTURES)
    source = sources.source(args.dataset)
    table = _chosen(source.table(), args.num_images, args.seed)
    frame, rule = args.frame or fullest_frame(table), RULES[args.by]
    save_picture(args.output, removal_sheet(source, table, frame, args.thresholds, rule=rule))
    print(f"wrote {args.output}")
    shown = {percent: labels_left(table, frame, percent, rule) for percent in args.thresholds}
    left = [{"removed_percent": percent, "left": len(ids), "labels": count} for percent, (ids, count) in shown.items()]
    write_result_json(args.json, {"dataset": args.dataset, "frame": frame, "rule": rule.name, "thresholds": left})


def _parser() -> argparse.ArgumentParser:
    parser = argument_parser(__doc__)
    add_data_set(parser, "dataset", help="a registered data set")
    parser.add_argument("--frame", metavar="NAME", help="its frame's name (default: the one with the most labels)")
    parser.add_argument(
        "--thresholds", type=argument(Number(0, 100)), nargs="+", default=FIGURE_3, help="percentages of labels removed"
    )
    parser.add_argument("--by", choices=RULES, default=PIXELS.name, help="the rule (DATASETS.REMOVAL_BY)")
    parser.add_argument(
        "--num-images",
        type=argument(SIZE),
        metavar="N",
        help="percentages of the labels of so many chosen images (default: all)",
    )
    parser.add_argument("--seed", type=argument(COUNT), default=0, help="of that choice (DATASETS.SEED)")
    parser.add_argument("--output", type=Path, required=True, metavar="FILE", help="the picture to write: .png or .jpg")
    add_json(parser)
    return parser


def _chosen(table: InstanceTable, images: int | None, seed: int) -> InstanceTable:
    if images is None:
        return table
    wanted = pl.col("frame").is_in(shuffled(seed, table.name, table.frames["frame"].to_list())[:images])
    return InstanceTable(table.name, table.frames.filter(wanted), table.instances.filter(wanted))
