"""Draws the miniatures, by default under ``$DETECTRON2_DATASETS/mini``: streets in the raw formats of Cityscapes and
Synscapes, and with ``--encodings`` in those of other data sets; or, with ``--vehicles``, vehicles with keypoints in
those of CarFusion and CitySample.

uv run datasets/make_mini.py --encodings kitti
uv run datasets/make_mini.py --vehicles
uv run datasets/make_mini.py
"""

import argparse
from pathlib import Path
from typing import Any

from miniature.streets.encoded import chosen_encodings, write_encodings
from miniature.streets.encodings import ENCODINGS
from miniature.streets.preview import write_preview
from miniature.streets.write import IMAGES, Drawing
from miniature.streets.write import write_miniature as write_streets
from miniature.vehicles.write import Miniature
from miniature.vehicles.write import write_miniature as write_vehicles
from synmix.cli.parser import argument_parser
from synmix.cli.results import add_json, write_result_json
from synmix.cli.words import add_num_workers
from synmix.data.described import described
from synmix.data.sources import datasets_root
from synmix.harmonize.prepare import prepare
from synmix.kinds import COUNT, Number, Whole, argument
from synmix.pictures import PICTURES, check_ending


def parse_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argument_parser(__doc__)
    parser.add_argument(
        "--output", type=Path, metavar="DIR", help="folder to draw into (default: $DETECTRON2_DATASETS/mini)"
    )
    parser.add_argument("--seed", type=argument(COUNT), default=0, help="decides every frame")
    parser.add_argument("--vehicles", action="store_true", help="draw vehicles with keypoints instead of streets")
    parser.add_argument(
        "--height", type=argument(Whole(1, 10_000)), help="rows of an image (default: streets 128, vehicles 64)"
    )
    parser.add_argument(
        "--width", type=argument(Whole(1, 10_000)), help="columns of an image (default: streets 256, vehicles 96)"
    )
    parser.add_argument("--real-train", type=argument(COUNT), default=160, help="real frames for training")
    parser.add_argument("--real-val", type=argument(COUNT), default=40, help="real frames for validation")
    parser.add_argument("--real-test", type=argument(COUNT), default=20, help="real frames for testing")
    parser.add_argument(
        "--synthetic-images", type=argument(COUNT), default=960, help="synthetic frames in all; the split comes later"
    )
    parser.add_argument("--density", type=argument(Number(0, 5)), default=1.0, help="1 for the usual number of objects")
    parser.add_argument(
        "--rendering", nargs="+", default=["rgb"], choices=IMAGES, help="one or several synthetic ones (default: rgb)"
    )
    parser.add_argument(
        "--encodings", nargs="+", default=[], metavar="NAME",
        help=f"also draw and harmonise these, or 'all': {', '.join(ENCODINGS)}",
    )  # fmt: skip
    parser.add_argument(
        "--encoded", type=argument(Whole(1, 100_000)), default=40, metavar="N", help="frames of each encoding"
    )
    add_num_workers(parser)
    parser.add_argument("--picture", type=Path, metavar="FILE", help="also draw a sheet of streets and their labels")
    parser.add_argument("--overwrite", action="store_true", help="draw anew, whatever the folder holds")
    add_json(parser)
    return parser.parse_args()


def main() -> None:
    """Draws what was asked for."""
    arguments = parse_arguments()
    chosen_encodings(arguments.encodings)
    if arguments.picture:
        check_ending(arguments.picture, PICTURES)
    output = arguments.output or datasets_root() / "mini"
    drawn = (draw_vehicles if arguments.vehicles else draw_streets)(arguments, output)
    write_result_json(arguments.json, {"folder": output, **drawn})


def draw_vehicles(arguments: argparse.Namespace, output: Path) -> dict[str, Any]:
    """Draws CarFusion's and CitySample's stand-ins; returns the ``frames`` of each folder."""
    given = {"seed": arguments.seed, "height": arguments.height, "width": arguments.width}
    miniature = Miniature(**{name: value for name, value in given.items() if value is not None})
    write_vehicles(output, miniature, arguments.num_workers, arguments.overwrite)
    print(f"the miniature is in {output}: carfusion and citysample")
    return {"frames": miniature.frames()}


def draw_streets(arguments: argparse.Namespace, output: Path) -> dict[str, Any]:
    """Draws Cityscapes' and Synscapes' stand-ins and harmonises the synthetic one.

    Returns:
        ``frames`` of the two folders, and of each ``harmonised`` folder what its summary says.
    """
    drawing = Drawing(arguments.seed, arguments.height or 128, arguments.width or 256, arguments.density)
    real = {"train": arguments.real_train, "val": arguments.real_val, "test": arguments.real_test}
    write_streets(
        output,
        seed=drawing.seed,
        height=drawing.height,
        width=drawing.width,
        real=tuple(real.values()),
        synthetic=arguments.synthetic_images,
        density=drawing.density,
        images=arguments.rendering,
        num_workers=arguments.num_workers,
        force=arguments.overwrite,
    )
    if arguments.picture:
        write_preview(arguments.picture, drawing)
        print(f"frames and labels are shown in {arguments.picture}")
    summary = prepare(
        output / "Synscapes",
        output / "synscapes_harmonized",
        images=arguments.rendering[0],
        num_workers=arguments.num_workers,
        overwrite=arguments.overwrite,
    )
    print(f"the miniature is in {output}: cityscapes, Synscapes, and Synscapes harmonised in synscapes_harmonized")
    further = draw_encodings(arguments, output, drawing) if arguments.encodings else {}
    return {
        "frames": {"cityscapes": real, "Synscapes": {"frames": arguments.synthetic_images}},
        "harmonised": {"synscapes_harmonized": summary.as_json(), **further},
    }


def draw_encodings(arguments: argparse.Namespace, output: Path, drawing: Drawing) -> dict[str, Any]:
    """Draws further encodings and harmonises each; returns their summaries, by the harmonised folder."""
    summaries = {}
    names = chosen_encodings(arguments.encodings)
    write_encodings(output, drawing, names, arguments.encoded, arguments.num_workers, arguments.overwrite)
    for name in names:
        description = described(name)
        summary = prepare(
            output / description.folder,
            output / description.copy,
            name=name,
            num_workers=arguments.num_workers,
            overwrite=arguments.overwrite,
        )
        print(f"{description.title}: {description.folder}, harmonised in {description.copy}")
        summaries[description.copy] = summary.as_json()
    return summaries
