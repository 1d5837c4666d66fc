"""Audits the flip map of a vehicle-keypoint data set from its annotations, and shows what it does to a frame.

Exit code 0: clean; 1: something is wrong.

uv run tools/audit_keypoints.py mini_carfusion_14pt_identity_flip_train --picture flip.png
uv run tools/audit_keypoints.py --yolo DIR  # as data.yaml's flip_idx has it, split 'train'
uv run tools/audit_keypoints.py --coco FILE --images DIR --flip 1,0,3,2,5,4,7,6,8,10,9,12,11,13
uv run tools/audit_keypoints.py mini_carfusion_14pt_train
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from synmix.cli.parser import argument_parser
from synmix.cli.results import add_json, write_result_json
from synmix.cli.words import add_data_set
from synmix.errors import UserError
from synmix.kinds import Many, Whole
from synmix.pictures import PICTURES, check_ending, save_picture
from vehicle_keypoints.audit import Audit, audit
from vehicle_keypoints.frames import VehicleFrame
from vehicle_keypoints.pictures import most_telling, show_flip
from vehicle_keypoints.readers.coco import read_coco
from vehicle_keypoints.readers.yolo import read_description, read_yolo
from vehicle_keypoints.schemas import SCHEMAS, KeypointSchema
from vehicle_keypoints.sources import registered_frames

Input = tuple[list[VehicleFrame], KeypointSchema, Sequence[int]]


def parse_arguments() -> argparse.Namespace:
    """One of three inputs, and what to make of it."""
    parser = argument_parser(__doc__)
    add_data_set(parser, "dataset", nargs="?", help="a registered vehicle-keypoint data set")
    parser.add_argument("--yolo", type=Path, metavar="DIR", help="a YOLO-pose folder with data.yaml")
    parser.add_argument("--coco", type=Path, metavar="FILE", help="a COCO keypoint file")
    parser.add_argument("--images", type=Path, metavar="DIR", help="what the COCO file's names are relative to")
    parser.add_argument("--points", type=int, default=14, choices=sorted(SCHEMAS), help="points of --yolo or --coco")
    parser.add_argument("--flip", metavar="0,1,..", help="audit this flip index instead of the data set's own")
    parser.add_argument("--picture", type=Path, metavar="FILE", help="a frame, its mirror, its points before and after")
    add_json(parser)
    return parser.parse_args()


def read(arguments: argparse.Namespace) -> Input:
    """Frames, schema and flip index of what was named.

    Raises:
        UserError: none or several inputs were named, or they cannot be read.
    """
    if sum(value is not None for value in (arguments.dataset, arguments.yolo, arguments.coco)) != 1:
        raise UserError("name one of: a registered data set, --yolo DIR, --coco FILE.")
    schema = SCHEMAS[arguments.points]
    if arguments.yolo:
        frames, flip = read_yolo(arguments.yolo, "train", schema), read_description(arguments.yolo).get("flip_idx")
        if flip is None:
            raise UserError(f"'{arguments.yolo / 'data.yaml'}' has no flip_idx; YOLO would then flip by the identity.")
    elif arguments.coco:
        frames, flip = read_coco(arguments.coco, arguments.images or arguments.coco.parent, schema), schema.flip_index
    else:
        frames, schema, flip = registered_frames(arguments.dataset)
    if arguments.flip:
        return frames, schema, _parse_flip(arguments.flip, schema)
    return frames, schema, _checked(flip, "the data set's flip index", schema)


def _parse_flip(text: str, schema: KeypointSchema) -> list[int]:
    try:
        flip = [int(part) for part in text.split(",")]
    except ValueError:
        raise UserError(f"--flip '{text}' is not a list of whole numbers, such as 1,0,3,2.") from None
    return _checked(flip, "--flip", schema)


def _checked(flip: Any, what: str, schema: KeypointSchema) -> list[int]:
    count = len(schema.points)
    if not Many(Whole(0, count - 1), count, count).accepts(flip):
        problem = f"has {len(flip)} entries" if isinstance(flip, list | tuple) else f"is {flip!r}"
        raise UserError(f"{what} {problem}; schema '{schema.name}' needs {count} whole numbers from 0 to {count - 1}.")
    return list(flip)


def show(found: Audit, console: Console) -> None:
    """Prints a table of the points and the verdict."""
    table = Table("point", "becomes", "labelled in", "residual", "should become", title=f"{found.vehicles} vehicles")
    for point in found.points:
        residual = "" if np.isnan(point.residual) else f"{100 * point.residual:.0f} %"
        table.add_row(point.name, point.mirrored_to, str(point.sightings), residual, point.better)
    console.print(table)
    clockwise = ", ".join(f"{part} {100 * share:.1f} %" for part, share in found.clockwise.items())
    console.print(f"acts on the shape with determinant {found.determinant:+.3f} (a mirror has -1)")
    console.print(f"seen clockwise, as only from below: {clockwise or 'not judged'}")
    for note in found.notes:
        console.print(f"note: {note}")
    for problem in found.problems:
        console.print(f"[red]wrong:[/] {problem}")
    console.print("[red]the flip map or the labels are wrong[/]" if found.problems else "[green]clean[/]")


def main() -> int:
    """Audits and reports; 1 where something is wrong."""
    arguments = parse_arguments()
    if arguments.picture:
        check_ending(arguments.picture, PICTURES)
    frames, schema, flip = read(arguments)
    keypoints = np.concatenate([frame.keypoints for frame in frames])
    found = audit(keypoints, flip, schema.points)
    show(found, Console(width=120))
    write_result_json(arguments.json, found)
    if arguments.picture:
        save_picture(arguments.picture, show_flip(most_telling(frames), schema, flip))
        print(f"wrote {arguments.picture}")
    return 1 if found.problems else 0
