"""The command line of the tools that write Cityscapes-format copies: datasets/prepare.py and prepare_synscapes.py."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from synmix.data.cityscapes import SPLITS
from synmix.data.described import described
from synmix.data.sources import datasets_root
from synmix.errors import UserError
from synmix.harmonize import rules
from synmix.harmonize.frame import LINKS
from synmix.harmonize.prepare import prepare
from synmix.harmonize.splits import Split
from synmix.harmonize.summary_text import summary_text
from synmix.kinds import COUNT, argument

#: For the end of a tool's help.
RULES = f"rules (the first choice is the default):\n{rules.table()}"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds what both tools take beside the folders."""
    parser.add_argument(
        "--split",
        nargs="+",
        default=["own"],
        metavar="SPLIT",
        help="'own': as the data set's description says, else 80, 10 and 10 %% of the frames in order (default; "
        f"'index' is the same); one of {', '.join(SPLITS)}: this one alone where the data set's folders are divided, "
        "else every frame; or train=FILE val=FILE test=FILE: lists of frames, such as 17, 17.png or img/rgb/17.png, "
        "separated by lines, spaces or commas, or as a JSON list",
    )
    parser.add_argument(
        "--rule", nargs="+", default=[], metavar="NAME=CHOICE", help="decide otherwise than by default, see below"
    )
    parser.add_argument("--link", choices=LINKS, default="symlink", help="link the images (default) or copy them")
    parser.add_argument(
        "--num-workers", type=argument(COUNT), default=0, metavar="N", help="processes (default: all cores)"
    )
    parser.add_argument("--overwrite", action="store_true", help="write every frame anew")


def run(name: str, source: Path | None, output: Path | None, images: str, args: argparse.Namespace) -> int:
    """Writes the copy and prints its summary; returns the exit code.

    Args:
        name: the described data set.
        source: its folder; None looks for it under ``$DETECTRON2_DATASETS``.
        output: the copy; None puts it there.
        images: the rendering; "" is the usual one.
        args: of :func:`add_options`.
    """
    description, root = described(name), datasets_root()
    summary = prepare(
        source or root / description.folder,
        output or root / description.copy,
        name=name,
        split=_split(args.split),
        images=images,
        rules=_pairs("--rule", args.rule),
        link=args.link,
        num_workers=args.num_workers,
        overwrite=args.overwrite,
    )
    print(summary_text(summary))
    return summary.exit_code


def _pairs(option: str, items: Sequence[str]) -> dict[str, str]:
    for item in items:
        if "=" not in item:
            raise UserError(f"{option} {item}: expected NAME=VALUE.")
    return dict(item.split("=", 1) for item in items)


def _split(items: Sequence[str]) -> Split:
    if len(items) == 1 and "=" not in items[0]:
        return items[0]
    return {name: Path(file) for name, file in _pairs("--split", items).items()}
