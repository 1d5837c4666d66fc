"""One frame of a data set with its labels at several removal thresholds, as the paper's Figure 3.

uv run tools/show_removal.py --dataset synscapes_instance_train --frame synscapes_000000_000042 --output figure3.png
"""

import argparse
from pathlib import Path

import polars as pl

from synmix.compose.mixing import shuffled
from synmix.compose.pictures import FIGURE_3, fullest_frame, removal_sheet
from synmix.compose.removal_rules import PIXELS, RULES
from synmix.data import sources
from synmix.data.table import InstanceTable
from synmix.errors import argument_parser
from synmix.kinds import COUNT, SIZE, Number, argument
from synmix.pictures import PICTURES, check_ending, save_picture


def main() -> None:
    args = _parser().parse_args()
    check_ending(args.output, PICTURES)
    source = sources.source(args.data_set)
    table = _chosen(source.table(), args.images, args.seed)
    frame = args.frame or fullest_frame(table)
    sheet = removal_sheet(source, table, frame, args.thresholds, rule=RULES[args.by])
    save_picture(args.output, sheet)
    print(f"wrote {args.output}")


def _parser() -> argparse.ArgumentParser:
    parser = argument_parser(__doc__)
    parser.add_argument(
        "--dataset", "--data-set", dest="data_set", metavar="NAME", required=True, help="a registered data set"
    )
    parser.add_argument("--frame", help="its frame's name (default: the one with the most labels)")
    parser.add_argument(
        "--thresholds", type=argument(Number(0, 100)), nargs="+", default=FIGURE_3, help="default: %(default)s"
    )
    parser.add_argument("--by", choices=RULES, default=PIXELS.name, help="the rule (DATASETS.REMOVAL_BY)")
    parser.add_argument(
        "--images", type=argument(SIZE), help="percentages of the labels of so many chosen images (default: all)"
    )
    parser.add_argument("--seed", type=argument(COUNT), default=0, help="of that choice (DATASETS.SEED)")
    parser.add_argument("--output", type=Path, required=True, help="the picture to write (.png)")
    return parser


def _chosen(table: InstanceTable, images: int | None, seed: int) -> InstanceTable:
    if images is None:
        return table
    wanted = pl.col("frame").is_in(shuffled(seed, table.name, table.frames["frame"].to_list())[:images])
    return InstanceTable(table.name, table.frames.filter(wanted), table.instances.filter(wanted))
