"""Writes the Cityscapes-format copy of any described data set: images linked, labels in Cityscapes' classes and
conventions, so that every tool here works on it. Can be stopped and called again (docs/data.md).

uv run datasets/prepare.py kitti
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from synmix.cli.parser import argument_parser, completed
from synmix.cli.results import add_json, write_result_json
from synmix.cli.words import add_num_workers
from synmix.data.cityscapes import SPLITS
from synmix.data.described import described, names
from synmix.data.sources import datasets_root
from synmix.errors import UserError
from synmix.harmonize import rules
from synmix.harmonize.frame import LINKS
from synmix.harmonize.prepare import prepare
from synmix.harmonize.splits import Split
from synmix.harmonize.summary_text import summary_text


def _parser(about: str | None, name: str) -> argparse.ArgumentParser:
    known = "" if name else f"described (configs/data): {', '.join(names())}\n\n"
    parser = argument_parser(about, f"{known}rules (the first choice is the default):\n{rules.table()}")
    if not name:
        completed(parser.add_argument("name", metavar="NAME", help="the data set, see below"), lambda _: names())
    parser.add_argument(
        "--input", type=Path, metavar="DIR", help="the raw folder, as archives unpack (default: in DETECTRON2_DATASETS)"
    )
    parser.add_argument(
        "--output", type=Path, metavar="DIR", help="gets leftImg8bit and gtFine (default: NAME_harmonized beside it)"
    )
    parser.add_argument("--rendering", default="", help="which of several, such as Synscapes' rgb-2k (2048 x 1024)")
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
    parser.add_argument("--link", choices=LINKS, default="symlink", help="link the images, or copy them")
    parser.add_argument("--overwrite", action="store_true", help="write every frame anew")
    add_num_workers(parser)
    add_json(parser)
    return parser


def main(about: str | None = __doc__, name: str = "") -> int:
    """Writes the copy and prints its summary; returns the exit code.

    Args:
        about: the command's docstring.
        name: the described data set; "" asks for it.
    """
    args = _parser(about, name).parse_args()
    description, root = described(name or args.name), datasets_root()
    summary = prepare(
        args.input or root / description.folder,
        args.output or root / description.copy,
        name=description.name,
        split=_split(args.split),
        images=args.rendering,
        rules=_pairs("--rule", args.rule),
        link=args.link,
        num_workers=args.num_workers,
        overwrite=args.overwrite,
    )
    print(summary_text(summary))
    write_result_json(args.json, {"folder": summary.output, **summary.as_json()})
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
