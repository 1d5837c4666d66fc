"""Writes a Cityscapes-format copy of Synscapes with harmonised labels (paper 3.2). Can be stopped and called again."""

import argparse
from pathlib import Path

from synmix.data.described import described
from synmix.data.sources import datasets_root
from synmix.errors import argument_parser
from synmix.harmonize.prepare_command import RULES, add_options, run

NAME = "synscapes"


def _parser() -> argparse.ArgumentParser:
    parser = argument_parser(__doc__, epilog=RULES)
    root, description = datasets_root(), described(NAME)
    parser.add_argument(
        "--input", type=Path, default=root / description.folder, help="the Synscapes folder (%(default)s)"
    )
    parser.add_argument(
        "--output", type=Path, default=root / description.copy, help="gets leftImg8bit and gtFine (%(default)s)"
    )
    parser.add_argument(
        "--images",
        choices=list(description.images),
        default=description.rendering,
        help="1440 x 720 (rgb, default) or 2048 x 1024 (rgb-2k)",
    )
    add_options(parser)
    return parser


def main() -> int:
    args = _parser().parse_args()
    return run(NAME, args.input, args.output, args.images, args)
