"""Writes labels or predictions as a COCO file, for other people's tools and for DATASETS.COCO.

The labels of a data set, as read (a harmonised set's are harmonised):
  uv run tools/export.py cityscapes_instance_val --output labels.json
What a config trains on, labels removed and images chosen; with a DATASET only its part:
  uv run tools/export.py --config-file configs/mixture.yaml --output trained_on.json
The predictions that tools/eval_cityscapes.py --export wrote for a data set:
  uv run tools/export.py cityscapes_instance_val --predictions DIR --output predictions.json

File names start from the deepest folder that holds all images (links followed), which is printed, or from --images.
"""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from synmix.errors import UserError, argument_parser
from synmix.kinds import COUNT, argument

if TYPE_CHECKING:
    from synmix.export.labels import Export


def _parser() -> argparse.ArgumentParser:
    parser = argument_parser(__doc__)
    parser.add_argument("dataset", nargs="?", metavar="DATASET", help="a registered data set")
    parser.add_argument("--output", type=Path, required=True, metavar="FILE", help="the COCO file to write (.json)")
    parser.add_argument("--config-file", metavar="CONFIG", help="write what this config trains on")
    parser.add_argument("--predictions", type=Path, metavar="DIR", help="a folder in the Cityscapes result format")
    parser.add_argument(
        "--shape",
        choices=("rle", "polygons"),
        default="rle",
        help="masks as run lengths (default), or as polygons along the pixels' edges; groups are run lengths always",
    )
    parser.add_argument("--images", type=Path, metavar="DIR", help="the folder that file names start from")
    parser.add_argument(
        "--num-workers", type=argument(COUNT), default=0, metavar="N", help="processes (default: all cores)"
    )
    parser.add_argument("options", nargs="*", metavar="KEY VALUE", help="with --config-file: config keys to change")
    return parser


def _arguments() -> argparse.Namespace:
    args = _parser().parse_intermixed_args()
    words = [word for word in (args.dataset, *args.options) if word is not None]
    if args.config_file:  # an even number of words are all KEY VALUE
        args.dataset, args.options = (words[0], words[1:]) if len(words) % 2 else (None, words)
    elif not args.dataset or args.options:
        raise UserError("give one DATASET, or --config-file with the config whose training set is to be written.")
    if args.config_file and args.predictions:
        raise UserError("--predictions are for a DATASET; leave out --config-file.")
    if args.output.suffix.lower() != ".json":
        raise UserError(f"'{args.output}' is to be a COCO file; let it end in .json.")
    return args


def _export(args: argparse.Namespace) -> "Export":
    from synmix.compose.composition import CompositionSpec, compose
    from synmix.export.labels import composition_labels, data_set_labels
    from synmix.export.predictions import predictions_of

    if args.config_file:
        from synmix.config import load_config

        composition = compose(CompositionSpec.from_config(load_config(args.config_file, args.options)))
        return composition_labels(composition, Path(args.config_file).name, args.dataset)
    return predictions_of(args.dataset, args.predictions) if args.predictions else data_set_labels(args.dataset)


def main() -> None:
    args = _arguments()
    export = _export(args)
    from synmix.export.labels import write_export

    written, folder = write_export(export, args.output, args.shape, args.images, args.num_workers)
    groups = f", {written.groups:,} of them groups" if written.groups else ""
    what = "predictions" if args.predictions else "labels"
    print(f"wrote {args.output}: {written.images:,} images, {written.annotations:,} {what}{groups}")
    print(f"file names start from {folder}")
