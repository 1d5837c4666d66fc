"""The miniature on disk, in the raw formats of both data sets: from the seed, frame by frame, on all cores."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from cityscapesscripts.helpers.labels import name2label

from miniature.disk import claim, write_picture
from miniature.streets import annotate_cityscapes, annotate_synscapes
from miniature.streets.draw import Drawn, draw_scene
from miniature.streets.looks import LOOKS
from miniature.streets.scene import sample_scene
from synmix.errors import UserError
from synmix.files import read_json, write_text
from synmix.progress import parallel_map

#: Real frames are spread over these cities, as in Cityscapes each city is in one split only.
CITIES: dict[str, tuple[str, ...]] = {"train": ("minitown", "toyford"), "val": ("tinyburg",), "test": ("littleham",)}
IMAGES = ("rgb", "rgb-2k")
_SCALE_2K = 64 / 45  # Synscapes' 2048 x 1024 rendering beside its 1440 x 720 one
IGNORED = ("caravan", "trailer")  # Synscapes has none
_NOTE = "mini.json"
_NOTED = ("seed", "height", "width", "density", "images", "frames")  # and the version, which is compared
_VERSION = 1  # of the drawing: other versions draw other frames from the same seed
_STREAMS = {"train": 0, "val": 1, "test": 2, "synthetic": 3}


@dataclass(frozen=True)
class Drawing:
    """All that a frame's pixels depend on, beside its number."""

    seed: int = 0
    height: int = 128
    width: int = 256
    density: float = 1.0
    images: tuple[str, ...] = ("rgb",)


@dataclass(frozen=True)
class _Job:
    root: Path
    drawing: Drawing
    split: str  # of _STREAMS
    number: int  # from 0


def draw_real(drawing: Drawing, split: str, number: int) -> tuple[Drawn, annotate_cityscapes.CityscapesLabels]:
    """A frame of the real look, labelled as Cityscapes does."""
    scene_rng, look_rng, label_rng = streams(drawing, split, number)
    scene = sample_scene(scene_rng, drawing.density)
    drawn = draw_scene(scene, LOOKS["real"], drawing.height, drawing.width, look_rng, LABEL_IDS, ego=True)
    return drawn, annotate_cityscapes.annotate(drawn, label_rng)


def draw_synthetic(
    drawing: Drawing, number: int, image: str = "rgb"
) -> tuple[Drawn, annotate_synscapes.SynscapesLabels]:
    """A frame of the synthetic look, labelled as Synscapes does; 'rgb-2k' is rendered anew, 64/45 as large."""
    scene_rng, look_rng, label_rng = streams(drawing, "synthetic", number)
    scene = sample_scene(scene_rng, drawing.density)
    scene = replace(scene, objects=tuple(thing for thing in scene.objects if thing.name not in IGNORED))
    scale = 1.0 if image == "rgb" else _SCALE_2K
    height, width = round(drawing.height * scale), round(drawing.width * scale)
    drawn = draw_scene(scene, LOOKS["synthetic"], height, width, look_rng, LABEL_IDS, ego=False)
    return drawn, annotate_synscapes.annotate(drawn, label_rng)


LABEL_IDS: dict[str, int] = {
    name: name2label[name].id for name in ("person", "car", "truck", "bus", "train", "motorcycle", "bicycle", *IGNORED)
}


def streams(drawing: Drawing, split: str, number: int) -> list[np.random.Generator]:
    """Independent randomness for the scene, the picture and the labels of one frame."""
    return [np.random.default_rng([drawing.seed, _STREAMS[split], number, purpose]) for purpose in range(3)]


def write_miniature(
    root: Path,
    *,
    seed: int = 0,
    height: int = 128,
    width: int = 256,
    real: Sequence[int] = (160, 40, 20),
    synthetic: int = 960,
    density: float = 1.0,
    images: Sequence[str] = ("rgb",),
    num_workers: int = 0,
    force: bool = False,
) -> None:
    """Writes ``root/cityscapes`` and ``root/Synscapes``; what is there already is kept, so a broken call can go on.

    Args:
        seed: decides every frame; a frame is the same however many are drawn.
        height, width: of an image in pixels.
        real: frames of the splits train, val and test.
        synthetic: frames of the synthetic set, which has no official splits.
        density: 1 for the usual number of objects.
        images: 'rgb', 'rgb-2k' or both.
        num_workers: processes; 0: all cores.
        force: draws everything anew, whatever ``root`` holds.

    Raises:
        UserError: a parameter is out of range, or ``root`` holds another miniature.
    """
    drawing = Drawing(seed, height, width, density, tuple(images))
    counts = {**dict(zip(("train", "val", "test"), real, strict=True)), "synthetic": synthetic}
    _check(drawing, counts)
    _claim(root, drawing, counts, force)
    jobs = [_Job(root, drawing, split, number) for split, count in counts.items() for number in range(count)]
    missing = [job for job in jobs if not all(path.is_file() for path in _paths(job).values())]
    if missing:
        for _ in parallel_map(_write_frame, missing, f"drawing the miniature in {root}", num_workers):
            pass


def complete_miniature(root: Path, num_workers: int = 0) -> None:
    """Draws what is missing of the miniature that ``root`` is to hold: the one that was begun there, or the usual one.

    Raises:
        UserError: see :func:`write_miniature`.
    """
    begun = {key: value for key, value in note_of(root).items() if key in _NOTED}
    if isinstance(frames := begun.pop("frames", None), dict):
        begun |= {"real": [frames.get(split, 0) for split in CITIES], "synthetic": frames.get("synthetic", 0)}
    write_miniature(root, num_workers=num_workers, **begun)


def note_of(root: Path) -> dict[str, Any]:
    """The parameters of the miniature that was begun in ``root``; {} where none was.

    Raises:
        UserError: the note of them is damaged.
    """
    path = root / _NOTE
    note = read_json(path) if path.exists() else {}
    if not isinstance(note, dict):
        raise UserError(f"'{path}' does not describe a miniature; remove it, and draw anew with --overwrite.")
    return note


def _check(drawing: Drawing, counts: dict[str, int]) -> None:
    if drawing.height < 64 or drawing.width < 64:
        raise UserError(
            f"height and width are {drawing.height} x {drawing.width}; streets need at least 64 x 64 pixels."
        )
    if drawing.seed < 0:
        raise UserError(f"seed is {drawing.seed}; take 0 or more.")
    if not 0 <= drawing.density <= 5:
        raise UserError(f"density is {drawing.density}; take 0 (empty streets) to 5.")
    for name, count in counts.items():
        if count < 0:
            raise UserError(f"the number of {name} frames is {count}; take 0 or more.")
    unknown = [image for image in drawing.images if image not in IMAGES]
    if unknown or not drawing.images:
        raise UserError(f"images are {list(drawing.images)}; take one or both of {', '.join(IMAGES)}.")


def _claim(root: Path, drawing: Drawing, counts: dict[str, int], force: bool) -> None:
    wanted = {"version": _VERSION, **asdict(drawing), "images": list(drawing.images), "frames": counts}
    claim(root, _NOTE, wanted, ("cityscapes", "Synscapes"), force)


def _paths(job: _Job) -> dict[str, Path]:
    """The files of one frame, by what they hold."""
    if job.split == "synthetic":
        base, number = job.root / "Synscapes", job.number + 1
        maps = {kind: base / "img" / kind / f"{number}.png" for kind in (*job.drawing.images, "class", "instance")}
        return {**maps, "meta": base / "meta" / f"{number}.json"}
    cities = CITIES[job.split]
    city = cities[job.number % len(cities)]
    name = f"{city}_{job.number:06}_000019"
    base = job.root / "cityscapes"
    labels = base / "gtFine" / job.split / city
    return {
        "image": base / "leftImg8bit" / job.split / city / f"{name}_leftImg8bit.png",
        "polygons": labels / f"{name}_gtFine_polygons.json",
        "label_ids": labels / f"{name}_gtFine_labelIds.png",
        "instance_ids": labels / f"{name}_gtFine_instanceIds.png",
    }


def _write_frame(job: _Job) -> None:
    cv2.setNumThreads(1)  # the frames are what is spread over the cores
    paths = _paths(job)
    if job.split == "synthetic":
        _write_synthetic(job, paths)
        return
    drawn, labels = draw_real(job.drawing, job.split, job.number)
    _write_compact(paths["polygons"], labels.polygons)
    write_picture(paths["label_ids"], labels.label_ids)
    write_picture(paths["instance_ids"], labels.instance_ids)
    write_picture(paths["image"], drawn.image)


def _write_synthetic(job: _Job, paths: dict[str, Path]) -> None:
    drawn, labels = draw_synthetic(job.drawing, job.number)
    _write_compact(paths["meta"], labels.meta)
    write_picture(paths["class"], labels.class_map)
    write_picture(paths["instance"], labels.encoded_instances())
    for kind in job.drawing.images:
        again = drawn if kind == "rgb" else draw_synthetic(job.drawing, job.number, kind)[0]
        write_picture(paths[kind], again.image)


def _write_compact(path: Path, value: dict[str, Any]) -> None:
    """JSON without indents, which takes a tenth of the time."""
    write_text(path, json.dumps(value))
