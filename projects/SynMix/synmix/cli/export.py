"""Writes labels or predictions as a COCO file, for other people's tools and for DATASETS.COCO.

File names start from the deepest folder that holds all images (links followed), which is printed, or from --images.

What a config trains on, labels removed and images chosen; with a DATASET only its part:
  uv run tools/export.py --config-file configs/mixture.yaml --output trained_on.json
The predictions that tools/eval_cityscapes.py --export wrote for a data set:
  uv run tools/export.py cityscapes_instance_val --predictions DIR --output predictions.json
The labels of a data set, as read (a harmonised set's are harmonised):
  uv run tools/export.py cityscapes_instance_val --output labels.json
"""

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from synmix.cli.parser import argument_parser
from synmix.cli.results import add_json, write_result_json
from synmix.cli.words import add_config, add_data_set, add_num_workers, config_of
from synmix.errors import UserError

if TYPE_CHECKING:
    from synmix.export.labels import Export


def _parser() -> argparse.ArgumentParser:
    parser = argument_parser(__doc__)
    add_data_set(parser, "dataset", nargs="?", help="a registered one; with --config-file its part alone")
    parser.add_argument("--output", type=Path, required=True, metavar="FILE", help="the COCO file to write (.json)")
    parser.add_argument("--predictions", type=Path, metavar="DIR", help="a folder in the Cityscapes result format")
    parser.add_argument(
        "--shape",
        choices=("rle", "polygons"),
        default="rle",
        help="masks as run lengths (default), or as polygons along the pixels' edges; groups are run lengths always",
    )
    parser.add_argument("--images", type=Path, metavar="DIR", help="the folder that file names start from")
    add_num_workers(parser)
    add_config(parser)
    add_json(parser)
    return parser


def _arguments() -> argparse.Namespace:
    args = _parser().parse_intermixed_args()
    words = [word for word in (args.dataset, *args.opts) if word is not None]
    if args.config_file:  # an even number of words are all KEY VALUE
        args.dataset, args.opts = (words[0], words[1:]) if len(words) % 2 else (None, words)
    elif not args.dataset or args.opts:
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
        composition = compose(CompositionSpec.from_config(config_of(args)))
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
    write_result_json(args.json, {"file": args.output, "images_from": folder, **asdict(written)})
