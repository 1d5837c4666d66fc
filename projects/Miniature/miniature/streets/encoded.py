"""The miniature in other makers' encodings, on disk: the synthetic set's scenes, in the look of each one's domain."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from shutil import rmtree
from typing import Any

import cv2
import numpy as np

from miniature.disk import write_picture
from miniature.streets import annotate_synscapes
from miniature.streets.draw import Drawn, draw_scene
from miniature.streets.encodings import ENCODINGS
from miniature.streets.looks import LOOKS
from miniature.streets.scene import sample_scene
from miniature.streets.truth import Truth
from miniature.streets.write import IGNORED, LABEL_IDS, Drawing, streams
from synmix.errors import UserError, did_you_mean
from synmix.files import read_json, write_json
from synmix.progress import parallel_map

ALL = "all"
#: Says how many frames of each encoding were drawn, and from what.
NOTE = "encodings.json"
SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class _Job:
    root: Path
    drawing: Drawing
    names: tuple[str, ...]
    number: int  # from 0
    frames: int


def chosen_encodings(names: Sequence[str]) -> list[str]:
    """The encodings of these names; ``all`` stands for every one.

    Raises:
        UserError: there is none of a name.
    """
    for name in names:
        if name not in (*ENCODINGS, ALL):
            hint = did_you_mean(name, ENCODINGS)
            raise UserError(f"no encoding is called '{name}'.{hint} Known: {ALL}, {', '.join(ENCODINGS)}.")
    return [name for name in ENCODINGS if ALL in names or name in names]


def write_encodings(
    root: Path, drawing: Drawing, names: Sequence[str], frames: int = 40, num_workers: int = 0, force: bool = False
) -> None:
    """Writes the first frames of the synthetic set in further encodings, each into the folder that its maker's archive
    has; what is there already is kept.

    Args:
        drawing: the miniature's; ``images`` does not count.
        names: of :data:`.encodings.ENCODINGS`, or ``all``.
        frames: of each: 80 % for training, 10 % for validation and 10 % for testing, where it has such folders.
        num_workers: processes; 0: all cores.
        force: draws them anew.

    Raises:
        UserError: an unknown name, no frame, or a folder in the place of one that is to be drawn.
    """
    if frames < 1:
        raise UserError(f"the number of frames in each encoding is {frames}; take 1 or more.")
    chosen = chosen_encodings(names)
    noted = _noted(root)
    wanted = {
        "frames": frames,
        "seed": drawing.seed,
        "density": drawing.density,
        "size": [drawing.height, drawing.width],
    }
    missing = [name for name in chosen if force or noted.get(name) != wanted]
    if not missing:
        return
    for name in missing:
        folder = root / ENCODINGS[name].image.split("/")[0]
        if folder.exists() and name not in noted:
            raise UserError(f"'{folder}' exists but was not drawn here; choose another folder for the miniature.")
        rmtree(folder, ignore_errors=True)
    write_json(root / NOTE, {**noted, **dict.fromkeys(missing)})  # a broken call's folders are known as drawn
    jobs = [_Job(root, drawing, tuple(missing), number, frames) for number in range(frames)]
    said = list(parallel_map(_write_frame, jobs, f"drawing encodings in {root}", num_workers))
    for name in missing:
        _write_lists(root, name, [frame[name] for frame in said if name in frame])
    write_json(root / NOTE, {**noted, **dict.fromkeys(missing, wanted)})


def _noted(root: Path) -> dict[str, Any]:
    """What was drawn here before, by encoding."""
    path = root / NOTE
    noted = read_json(path) if path.is_file() else {}
    if not isinstance(noted, dict):
        raise UserError(f"the note '{path}' is damaged; choose another folder for the miniature.")
    return noted


def split_of(number: int, frames: int) -> str:
    """The split of a frame: the first 80 % train, then 10 % each."""
    first, second = round(frames * 0.8), round(frames * 0.9)
    return SPLITS[(number >= first) + (number >= second)]


def _place(name: str, number: int, frames: int) -> dict[str, Any]:
    """What a frame's patterns are filled with."""
    words = ENCODINGS[name].splits
    word = words[SPLITS.index(split_of(number, frames))]
    return {"split": word or words[0], "number": number + 1}  # training, where test labels are not public


def image_path(root: Path, name: str, number: int, frames: int) -> Path:
    """Where the image of a frame lies, the first being 0."""
    return root / ENCODINGS[name].image.format_map(_place(name, number, frames))


def draw_encoded(drawing: Drawing, number: int, domain: str) -> tuple[Drawn, Truth]:
    """A frame of the synthetic set's scenes in a domain's look, and what it shows."""
    scene_rng, look_rng, label_rng = streams(drawing, "synthetic", number)
    scene = sample_scene(scene_rng, drawing.density)
    scene = replace(scene, objects=tuple(thing for thing in scene.objects if thing.name not in IGNORED))
    drawn = draw_scene(scene, LOOKS[domain], drawing.height, drawing.width, look_rng, LABEL_IDS, ego=False)
    labels = annotate_synscapes.annotate(drawn, label_rng)
    return drawn, Truth.of(labels.class_map, labels.instance_map)


def _write_frame(job: _Job) -> dict[str, tuple[str, Any]]:
    """Writes one frame in all encodings; returns split and entry for those with lists."""
    cv2.setNumThreads(1)  # the frames are what is spread over the cores
    draw = lru_cache(lambda domain: draw_encoded(job.drawing, job.number, domain))
    said: dict[str, tuple[str, Any]] = {}
    for name in job.names:
        encoding = ENCODINGS[name]
        drawn, truth = draw(encoding.domain)
        place = _place(name, job.number, job.frames)
        for kind, pixels in encoding.encode(truth).items():
            write_picture(job.root / encoding.maps[kind].format_map(place), pixels)
        image = image_path(job.root, name, job.number, job.frames)
        write_picture(image, np.ascontiguousarray(drawn.image))
        if encoding.entries:
            said[name] = (place["split"], encoding.entries(truth, image.as_posix()))
    return said


def _write_lists(root: Path, name: str, said: list[tuple[str, Any]]) -> None:
    encoding = ENCODINGS[name]
    for word in dict.fromkeys(word for word, _ in said) if encoding.collect else ():
        assert encoding.collect
        content = encoding.collect([entry for other, entry in said if other == word])
        write_json(root / encoding.lists.format(split=word), content)
