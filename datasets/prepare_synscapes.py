#!/usr/bin/env python3
"""Writes a Cityscapes-format copy of Synscapes with harmonised labels (paper 3.2). Can be stopped and called again."""

import argparse
from pathlib import Path

from synmix.data.cityscapes import SPLITS
from synmix.data.sources import datasets_root
from synmix.data.synscapes import RENDERINGS
from synmix.errors import UserError, argument_parser, run_tool
from synmix.harmonize import rules
from synmix.harmonize.frame import LINKS
from synmix.harmonize.prepare import Summary, prepare
from synmix.harmonize.splits import Split
from synmix.harmonize.summary_text import summary_text
from synmix.kinds import COUNT, argument


def _parser() -> argparse.ArgumentParser:
    parser = argument_parser(__doc__, epilog=f"rules (the first choice is the default):\n{rules.table()}")
    root = datasets_root()
    parser.add_argument("--input", type=Path, default=root / "Synscapes", help="the Synscapes folder (%(default)s)")
    parser.add_argument(
        "--output", type=Path, default=root / "synscapes_harmonized", help="gets leftImg8bit and gtFine (%(default)s)"
    )
    parser.add_argument(
        "--split",
        nargs="+",
        default=["index"],
        metavar="SPLIT",
        help="'index': frames 1-20000 train, 20001-22500 val, 22501-25000 test, or the same shares of a smaller folder "
        f"(default); one of {', '.join(SPLITS)}: every frame; or train=FILE val=FILE test=FILE: lists of frames, "
        "such as 17, 17.png or img/rgb/17.png, separated by lines, spaces or commas, or as a JSON list",
    )
    parser.add_argument(
        "--images", choices=RENDERINGS, default="rgb", help="1440 x 720 (rgb, default) or 2048 x 1024 (rgb-2k)"
    )
    parser.add_argument(
        "--rule", nargs="+", default=[], metavar="NAME=CHOICE", help="decide otherwise than by default, see below"
    )
    parser.add_argument("--link", choices=LINKS, default="symlink", help="link the images (default) or copy them")
    parser.add_argument(
        "--num-workers", type=argument(COUNT), default=0, metavar="N", help="processes (default: all cores)"
    )
    parser.add_argument("--overwrite", action="store_true", help="write every frame anew")
    return parser


def _pairs(option: str, items: list[str]) -> dict[str, str]:
    for item in items:
        if "=" not in item:
            raise UserError(f"{option} {item}: expected NAME=VALUE.")
    return dict(item.split("=", 1) for item in items)


def _split(items: list[str]) -> Split:
    if len(items) == 1 and "=" not in items[0]:
        return items[0]
    return {name: Path(file) for name, file in _pairs("--split", items).items()}


def main() -> int:
    args = _parser().parse_args()
    summary: Summary = prepare(
        args.input,
        args.output,
        split=_split(args.split),
        images=args.images,
        rules=_pairs("--rule", args.rule),
        link=args.link,
        num_workers=args.num_workers,
        overwrite=args.overwrite,
    )
    print(summary_text(summary))
    return summary.exit_code


if __name__ == "__main__":
    run_tool(main)
