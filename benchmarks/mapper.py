"""The training mapper against Detectron2's on real frames: $SYNMIX_SAMPLES names the folder that holds 'cityscapes'.

SYNMIX_SAMPLES=... OMP_NUM_THREADS=1 uv run benchmarks/mapper.py --rounds 5
"""

import os
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import synmix.before_detectron2  # noqa: F401

import cv2
import numpy as np
from results import Table, add_json, write_results
from stock_records import with_run_lengths

from synmix.cli.parser import argument_parser
from synmix.errors import UserError, run_tool


def main() -> None:
    """Prints a table of medians."""
    parser = argument_parser(__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="interleaved rounds over all frames")
    add_json(parser)
    arguments = parser.parse_args()
    if not os.environ.get("SYNMIX_SAMPLES"):
        raise UserError("SYNMIX_SAMPLES is not set; it names the folder that holds real frames under 'cityscapes'.")
    os.environ["DETECTRON2_DATASETS"] = os.environ["SYNMIX_SAMPLES"]
    import torch

    from synmix.data import png_decoding

    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    png_decoding.take_over()
    with tempfile.TemporaryDirectory() as scratch:
        records = _records(Path(scratch))
        tables = {name: _compare(*titled, arguments.rounds) for name, titled in records.items()}
    write_results(arguments, tables)


def _records(scratch: Path) -> dict[str, tuple[str, list[dict[str, Any]]]]:
    """By name, what is measured and its records: the frames as they are, and four of them with the labels of as many
    others as make forty instances."""
    from synmix.data import sources

    source = sources.source("cityscapes_instance_train")
    records = source.dicts(source.table())
    merged = [_merge([*records[first:], *records[:first]], scratch / f"{first}.png") for first in range(4)]
    return {
        "frames": ("frames as they are", records),
        "merged": ("labels of several frames merged", merged),
    }


def _merge(records: list[dict[str, Any]], path: Path, wanted: int = 40) -> dict[str, Any]:
    """The first frame's image with the labels of several; each frame's ids are moved out of the others' way."""
    from synmix.data.images import read_instance_map
    from synmix.data.run_lengths import regions_of, runs_of

    ids, annotations = read_instance_map(records[0]["instance_map"]).copy(), list(records[0]["annotations"])
    found: list[dict[str, Any]] = []
    for number, record in enumerate(records[1:], start=1):
        others = read_instance_map(record["instance_map"])
        behind = (others >= 1000) & (ids < 1000)
        ids[behind] = others[behind] + 100 * number
        annotations += [a | {"instance_id": a["instance_id"] + 100 * number} for a in record["annotations"]]
        regions = regions_of(runs_of(ids))
        boxes = dict(zip(regions.values.tolist(), regions.boxes.astype(float).tolist(), strict=True))
        seen = [a for a in annotations if a["instance_id"] in boxes and not a["iscrowd"]]
        found = [a | {"bbox": boxes[a["instance_id"]]} for a in seen]
        if len(found) >= wanted:
            break
    cv2.imwrite(str(path), ids)
    return records[0] | {"instance_map": str(path), "annotations": found}


def _compare(title: str, records: list[dict[str, Any]], rounds: int) -> Table:
    from detectron2.data import DatasetMapper

    from synmix.config import load_config
    from synmix.data.mapper import SynMixMapper

    cfg = load_config("cityscapes.yaml")
    theirs = DatasetMapper(cfg, is_train=True)
    variants: dict[str, tuple[Callable, list]] = {
        "Detectron2": (theirs, [with_run_lengths(record) for record in records])
    }
    for name, options in {
        "ours": ["SPEED.PACKED_MASKS", False],  # the paper's configs have it on
        "ours, packed": ["SPEED.PACKED_MASKS", True],
        "ours, opencv": ["SPEED.PACKED_MASKS", False, "INPUT.RESIZE", "opencv"],
        "ours, packed, opencv": ["SPEED.PACKED_MASKS", True, "INPUT.RESIZE", "opencv"],
    }.items():
        changed = cfg.clone()
        changed.merge_from_list(options)
        variants[name] = (SynMixMapper.from_config(changed), records)
    variants["only decoding image and map"] = (_decode, records)
    variants["only decoding, by OpenCV"] = (_decode_by_opencv, records)
    for kind, file in {"image": "file_name", "map": "instance_map"}.items():
        for name, decode in {f"only the {kind}": _decode, f"only the {kind}, by OpenCV": _decode_by_opencv}.items():
            variants[name] = (partial(decode, files=(file,)), records)
    times = _measure(variants, rounds)
    instances = statistics.mean(sum(not a["iscrowd"] for a in record["annotations"]) for record in records)
    print(f"\n{title}: {len(records)} frames, {instances:.1f} instances each, {rounds} rounds; processor ms a frame")
    table = Table({"way": "", "median ms": "{:.1f}", "fastest ms": "{:.1f}", "times as fast": "{:.1f}"})
    for name in variants:
        ratios = [theirs / ours for theirs, ours in zip(times["Detectron2"], times[name], strict=True)]
        median, best = statistics.median(times[name]), min(times[name])
        table.rows.append([name, 1000 * median, 1000 * best, statistics.median(ratios)])
    print(table.markdown())
    return table


def _decode(record: dict[str, Any], files: tuple[str, ...] = ("file_name", "instance_map")) -> None:
    from synmix.data.images import read_map

    for file in files:
        read_map(record[file])


def _decode_by_opencv(record: dict[str, Any], files: tuple[str, ...] = ("file_name", "instance_map")) -> None:
    for file in files:
        cv2.imdecode(np.fromfile(record[file], dtype=np.uint8), cv2.IMREAD_UNCHANGED)


def _measure(variants: dict[str, tuple[Callable, list]], rounds: int) -> dict[str, list[float]]:
    """Processor seconds of each frame and round; the variants take turns, so that a busy machine slows all alike."""
    times: dict[str, list[float]] = {name: [] for name in variants}
    for turn in range(rounds + 1):
        for index in range(len(next(iter(variants.values()))[1])):
            for name, (mapper, records) in variants.items():
                np.random.seed(turn)  # noqa: NPY002 - Detectron2 draws there
                started = time.process_time()
                mapper(records[index])
                if turn:  # the first round warms up
                    times[name].append(time.process_time() - started)
    return times


if __name__ == "__main__":
    run_tool(main)
