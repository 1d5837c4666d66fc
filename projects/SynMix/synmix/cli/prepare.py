"""Writes the Cityscapes-format copy of any described data set: images linked, labels in Cityscapes' classes and
conventions, so that every tool here works on it. Can be stopped and called again (docs/data.md)."""

import argparse
from pathlib import Path

from synmix.data.described import names
from synmix.errors import argument_parser
from synmix.harmonize.prepare_command import RULES, add_options, run


def _parser() -> argparse.ArgumentParser:
    parser = argument_parser(__doc__, epilog=f"described (configs/data): {', '.join(names())}\n\n{RULES}")
    parser.add_argument("name", metavar="NAME", help="the data set, see below")
    parser.add_argument(
        "--input", type=Path, metavar="DIR", help="its folder, as its archives unpack (under DETECTRON2_DATASETS)"
    )
    parser.add_argument(
        "--output", type=Path, metavar="DIR", help="gets leftImg8bit and gtFine (NAME_harmonized beside it)"
    )
    parser.add_argument("--images", default="", help="which of several renderings, such as Synscapes' rgb-2k")
    add_options(parser)
    return parser


def main() -> int:
    args = _parser().parse_args()
    return run(args.name, args.input, args.output, args.images, args)
