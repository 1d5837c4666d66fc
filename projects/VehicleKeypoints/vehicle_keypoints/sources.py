"""The vehicle-keypoint data sets by name, as SynMix data sources.

``{mini_}{carfusion|citysample}_{14|24}pt_{train|val|test}``: either data set in either schema. The first 14 points are
shared, so CitySample is cut to 14, or CarFusion padded to 24 with points that are not labelled and carry no loss. A
data set ``..._14pt_identity_flip_train`` repeats Phase 0's bug on purpose, for the experiment that measures it.
"""

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import polars as pl

from synmix.data.sources import DataSource, Domain, datasets_root, register, source
from synmix.data.table import FRAME_SCHEMA, INSTANCE_SCHEMA, InstanceTable
from synmix.errors import UserError
from vehicle_keypoints.frames import SPLITS, VehicleFrame, split_of_groups, to_points
from vehicle_keypoints.readers.carfusion import read_carfusion
from vehicle_keypoints.readers.coco import read_coco
from vehicle_keypoints.readers.yolo import read_yolo
from vehicle_keypoints.schemas import CARFUSION, CITYSAMPLE, SCHEMAS, KeypointSchema

CATEGORY = "vehicle"
#: CarFusion's scenes that are not trained on; their frame counts are Phase 0's 3,474 (val) and 12,761 (test).
CARFUSION_HELD_OUT = {"car_craig2": "val", "car_penn1": "test", "car_penn2": "test"}
_REMEDY = {
    "carfusion": "Put CarFusion there: 'train/<scene>/{gt,images_jpg}', 'test/...', with or without "
    "'annotations/car_keypoints_{train,test}.json' (datasets' links: cs.cmu.edu/~ILIM/projects/IM/CarFusion).",
    "citysample": "Put kiselyovd/citysample-vehicle-keypoints-24pt there, with 'annotations/coco.json'.",
    "mini": "Draw the miniature: uv run datasets/make_mini.py --vehicles.",
}


Splits = dict[str, list[VehicleFrame]]


def read_carfusion_splits(root: Path) -> Splits:
    """CarFusion's frames by split, from its COCO files where they exist, else from the raw text, else from YOLO's."""
    files = sorted((root / "annotations").glob("car_keypoints_*.json"))
    if files:
        parts = [read_coco(path, root / path.stem.removeprefix("car_keypoints_"), CARFUSION) for path in files]
        return _by_group([frame for part in parts for frame in part], root)
    if (root / "images").is_dir() and (root / "labels").is_dir():
        return {split: read_yolo(root, split, CARFUSION) for split in SPLITS if (root / "images" / split).is_dir()}
    return _by_group(read_carfusion(root), root)


def read_citysample_splits(root: Path) -> Splits:
    """CitySample's frames by split; whole groups of venue and lighting are held out."""
    return _by_group(read_coco(root / "annotations" / "coco.json", root, CITYSAMPLE), root)


def _by_group(frames: list[VehicleFrame], root: Path) -> Splits:
    names = Counter(frame.name for frame in frames)
    if len(names) < len(frames):
        name, times = names.most_common(1)[0]
        raise UserError(f"'{root}' holds the frame '{name}' {times} times; remove the copies.")
    groups = {frame.group for frame in frames}
    published = CARFUSION_HELD_OUT.keys() <= groups and not (root / "splits.json").is_file()
    splits = CARFUSION_HELD_OUT if published else split_of_groups(sorted(groups), root)
    result: Splits = {split: [] for split in SPLITS}
    for frame in sorted(frames, key=lambda frame: frame.name):
        result[splits.get(frame.group, "train")].append(frame)
    return result


_READERS: dict[str, tuple[Domain, Callable[[Path], Splits]]] = {
    "carfusion": ("real", read_carfusion_splits),
    "citysample": ("synthetic", read_citysample_splits),
}


@lru_cache(maxsize=4)
def _read(dataset: str, root: Path) -> Splits:
    if not root.is_dir():
        remedy = _REMEDY["mini" if root.parent.name == "mini" else dataset]
        raise UserError(f"expected vehicle keypoints in '{root}', but there is no such folder. {remedy}")
    return _READERS[dataset][1](root)


def frames_of(dataset: str, folder: str, split: str, schema: KeypointSchema) -> dict[str, VehicleFrame]:
    """The frames of a split by name, brought to the schema's number of points."""
    root = datasets_root() / folder
    frames = _read(dataset, root).get(split, [])
    if not frames:
        raise UserError(f"'{root}' holds no frame of the split '{split}'.")
    return {frame.name: to_points(frame, len(schema.points)) for frame in frames}


def table_of(name: str, frames: dict[str, VehicleFrame]) -> InstanceTable:
    """The instance table of vehicle frames: a row per vehicle, ``pixels`` its box's area."""
    frame_rows = [(frame.name, str(frame.image), None, frame.height, frame.width) for frame in frames.values()]
    rows: list[tuple] = []
    for frame in frames.values():
        for number, (x0, y0, x1, y1) in enumerate(frame.boxes.tolist()):
            area = round((x1 - x0) * (y1 - y0))
            rows.append((frame.name, number, CATEGORY, area, int(x0), int(y0), round(x1), round(y1), False))
    return InstanceTable(
        name,
        pl.DataFrame(frame_rows, schema=FRAME_SCHEMA, orient="row"),
        pl.DataFrame(rows, schema=INSTANCE_SCHEMA, orient="row"),
    )


def dicts_of(table: InstanceTable, frames: dict[str, VehicleFrame]) -> list[dict[str, Any]]:
    """Detectron2 dicts of a table's frames and vehicles, with ``keypoints`` and exact boxes."""
    import synmix.before_detectron2  # noqa: F401

    from detectron2.structures import BoxMode  # here, since it brings torch

    kept: dict[str, list[int]] = {}
    for frame, number in table.instances.select("frame", "instance_id").iter_rows():
        kept.setdefault(frame, []).append(number)
    return [
        {
            "file_name": image,
            "image_id": name,
            "height": height,
            "width": width,
            "dataset": table.name,
            "annotations": [
                {
                    "bbox": frames[name].boxes[number].tolist(),
                    "bbox_mode": BoxMode.XYXY_ABS,
                    "category_id": 0,
                    "iscrowd": 0,
                    "instance_id": number,
                    "keypoints": frames[name].keypoints[number].reshape(-1).tolist(),
                }
                for number in kept.get(name, [])
            ],
        }
        for name, image, _, height, width in table.frames.iter_rows()
    ]


def metadata_of(schema: KeypointSchema) -> dict[str, Any]:
    """Detectron2's metadata of a schema; the flip map comes from the names and nowhere else."""
    return {
        "thing_classes": [CATEGORY],
        "thing_colors": [(0, 0, 142)],
        "evaluator_type": "vehicle_keypoints",
        "keypoint_names": list(schema.points),
        "keypoint_flip_map": list(schema.flip_map),
        "keypoint_connection_rules": [
            (schema.points[first], schema.points[second], (255, 255, 255)) for first, second in schema.skeleton
        ],
        "keypoint_sigmas": list(schema.sigmas),
    }


def _source(name: str, dataset: str, folder: str, split: str, schema: KeypointSchema) -> DataSource:
    frames = partial(frames_of, dataset, folder, split, schema)
    return DataSource(
        name,
        _READERS[dataset][0],
        lambda: table_of(name, frames()),
        lambda table: dicts_of(table, frames()),
        metadata_of(schema),
    )


def registered_frames(name: str) -> tuple[list[VehicleFrame], KeypointSchema, list[int]]:
    """Frames, schema and flip index of a registered vehicle-keypoint data set, the index as its metadata has it.

    Raises:
        UserError: unknown, without keypoints, or without files.
    """
    registered = source(name)
    names = registered.metadata.get("keypoint_names")
    known = re.fullmatch(r"(mini_)?(carfusion|citysample)_\d+pt_(?:identity_flip_)?(train|val|test)", name)
    if not names or not known:
        raise UserError(f"'{name}' has no vehicle keypoints; name one such as 'mini_carfusion_14pt_train'.")
    mini, dataset, split = known.groups()
    schema = SCHEMAS[len(names)]
    frames = frames_of(dataset, f"{'mini/' if mini else ''}{dataset}", split, schema)
    swapped = dict(registered.metadata["keypoint_flip_map"])
    swapped |= {second: first for first, second in swapped.items()}
    return list(frames.values()), schema, [names.index(swapped.get(point, point)) for point in names]


def register_vehicle_keypoints() -> None:
    """Registers both data sets and their miniatures in both schemas; costs nothing and can be called again."""
    for prefix, base in (("", ""), ("mini_", "mini/")):
        for dataset in _READERS:
            for count, schema in SCHEMAS.items():
                for split in SPLITS:
                    name = f"{prefix}{dataset}_{count}pt_{split}"
                    register(_source(name, dataset, f"{base}{dataset}", split, schema))
        wrong = _source(
            f"{prefix}carfusion_14pt_identity_flip_train", "carfusion", f"{base}carfusion", "train", CARFUSION
        )
        register(replace(wrong, metadata={**wrong.metadata, "keypoint_flip_map": []}))


register_vehicle_keypoints()
