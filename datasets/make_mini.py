"""Draws the miniature of both data sets in their raw formats, by default under ``$DETECTRON2_DATASETS/mini``."""

import argparse
from pathlib import Path

from miniature.streets.preview import write_preview
from miniature.streets.write import IMAGES, Drawing, write_miniature
from synmix.data.sources import datasets_root
from synmix.errors import run_tool
from synmix.harmonize.prepare import prepare


def parse_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--output", type=Path, help="folder to draw into (default: $DETECTRON2_DATASETS/mini)")
    parser.add_argument("--seed", type=int, default=0, help="decides every frame")
    parser.add_argument("--height", type=int, default=128, help="rows of an image")
    parser.add_argument("--width", type=int, default=256, help="columns of an image")
    parser.add_argument("--real-train", type=int, default=160, help="real frames for training")
    parser.add_argument("--real-val", type=int, default=40, help="real frames for validation")
    parser.add_argument("--real-test", type=int, default=20, help="real frames for testing")
    parser.add_argument("--synthetic", type=int, default=960, help="synthetic frames in all; the split comes later")
    parser.add_argument("--density", type=float, default=1.0, help="1 for the usual number of objects")
    parser.add_argument("--images", nargs="+", default=["rgb"], choices=IMAGES, help="synthetic renderings")
    parser.add_argument("--num-workers", type=int, default=0, help="processes; 0: all cores")
    parser.add_argument("--sheet", type=Path, metavar="PNG", help="also write a picture that shows frames and labels")
    parser.add_argument("--force", action="store_true", help="draw anew, whatever the folder holds")
    return parser.parse_args()


def main() -> None:
    """Draws both data sets and harmonises the synthetic one."""
    arguments = parse_arguments()
    output = arguments.output or datasets_root() / "mini"
    write_miniature(
        output,
        seed=arguments.seed,
        height=arguments.height,
        width=arguments.width,
        real=(arguments.real_train, arguments.real_val, arguments.real_test),
        synthetic=arguments.synthetic,
        density=arguments.density,
        images=arguments.images,
        num_workers=arguments.num_workers,
        force=arguments.force,
    )
    if arguments.sheet:
        write_preview(arguments.sheet, Drawing(arguments.seed, arguments.height, arguments.width, arguments.density))
        print(f"frames and labels are shown in {arguments.sheet}")
    prepare(
        output / "Synscapes",
        output / "synscapes_harmonized",
        images=arguments.images[0],
        num_workers=arguments.num_workers,
        overwrite=arguments.force,
    )
    print(f"the miniature is in {output}: cityscapes, Synscapes, and Synscapes harmonised in synscapes_harmonized")


if __name__ == "__main__":
    run_tool(main)
