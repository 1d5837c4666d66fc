"""One frame of the Cityscapes-format copy: the image linked, the labels harmonised to the image's size."""

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import cv2
import numpy as np

from synmix.data import cityscapes
from synmix.data.attributes import with_attributes
from synmix.data.description import Description
from synmix.data.frame_labels import Labels
from synmix.data.images import image_size
from synmix.data.listing import Frame
from synmix.data.raw import read_labels
from synmix.errors import UserError
from synmix.files import atomic_path, link_to, stamp_of, write_bytes
from synmix.harmonize.journal import Report, append
from synmix.harmonize.relabel import Harmonized, Tally, harmonize

Link = Literal["symlink", "copy"]
LINKS: tuple[Link, ...] = ("symlink", "copy")
#: What a whole file ends with, by its first bytes; behind a JPEG's end cameras may write some more.
_ENDS = {b"\x89PNG": (b"\x00\x00\x00\x00IEND\xaeB`\x82", 12), b"\xff\xd8\xff": (b"\xff\xd9", 4096)}
# Label maps are flat areas: rows compare best with the row above, and more than level 3 costs time for nothing.
_PNG_OPTIONS = [cv2.IMWRITE_PNG_COMPRESSION, 3]
if hasattr(cv2, "IMWRITE_PNG_FILTER"):  # OpenCV 4.12 and later
    _PNG_OPTIONS += [cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_UP]


@dataclass(frozen=True)
class Job:
    """One frame to prepare."""

    description: Description
    source: Frame
    target: cityscapes.Frame
    split: str
    rules: Mapping[str, str]
    link: Link
    journal: Path  # the folder that finished frames are noted in
    scaled: bool = False  # the images are of another rendering than the labels, which follow their size


def frame_name(description: Description, frame: Frame) -> str:
    """``synscapes_000000_000017``: city, sequence and frame, as Cityscapes names its files; where frames have names,
    ``kitti_000017_10``. The city, up to the first underscore, is the data set."""
    if isinstance(frame.key, int):
        return f"{description.name}_000000_{frame.key:06}"
    return f"{description.name}_{frame.key}"


def stamp(frame: Frame) -> str:
    """Size and time of the source files: another stamp means that the frame must be done again."""
    return " ".join(map(stamp_of, frame.paths))


def prepare_frame(job: Job) -> Report:
    """Does one frame; a mistake in its files, or of the disk, becomes the report's problem."""
    key = job.source.key
    try:
        report = Report(key, job.split, stamp(job.source), tally=_write(job))
        append(job.journal, report)
    except UserError as error:
        return Report(key, job.split, problem=str(error))
    except cv2.error as error:
        return Report(key, job.split, problem=f"'{job.source.paths[-1]}' or its fellows are damaged ({error.err}).")
    except OSError as error:
        return Report(key, job.split, problem=f"{error.strerror or error} ('{error.filename or job.target.image}').")
    return report


def _write(job: Job) -> Tally:
    size = _checked_size(job.source.image)
    labels = read_labels(job.description, job.source)
    result = harmonize(labels, job.rules)
    write_map(job.target.label_map, _resize(result.label_ids, size, job))
    write_map(job.target.instance_map, _resize(result.instance_ids, size, job), attributes_of(labels, result))
    _link(job.source.image, job.target.image, job.link)  # last: a listed image has its labels
    return result.tally


def attributes_of(labels: Labels, result: Harmonized) -> dict[str, dict[str, float]]:
    """What a data set says of the instances, by their new ids (``data/attributes.py``); a rider and his vehicle, which
    were one instance, both have what was said of both together. {} where it says nothing."""
    return {
        name: {str(value): table[source] for value, source in sorted(result.sources.items()) if source in table}
        for name, table in labels.attributes.items()
    }


def _checked_size(image: Path) -> tuple[int, int]:
    size = image_size(image)
    with image.open("rb") as file:
        first = file.read(4)
        end, reach = next((end for begin, end in _ENDS.items() if first.startswith(begin)), (b"", 0))
        file.seek(-min(reach, file.seek(0, os.SEEK_END)), os.SEEK_END)
        if end not in file.read():
            raise UserError(f"'{image}' is truncated; fetch it again.")
    return size


def _resize(id_map: np.ndarray, size: tuple[int, int], job: Job) -> np.ndarray:
    """Brings a map to the image's size by the nearest pixel's centre; ids are never mixed."""
    height, width = size
    if id_map.shape == size:
        return id_map
    if not job.scaled or height * id_map.shape[1] != width * id_map.shape[0]:
        raise UserError(
            f"'{job.source.image}' is {width} x {height} pixels but its labels are {id_map.shape[1]} x "
            f"{id_map.shape[0]}; fetch both again from one archive."
        )
    return cv2.resize(id_map, (width, height), interpolation=cv2.INTER_NEAREST_EXACT)


def write_map(path: Path, id_map: np.ndarray, attributes: Mapping[str, Mapping[str, float]] | None = None) -> None:
    """Writes a label or instance map as PNG, atomically; the latter with what is known of its instances."""
    encoded = cv2.imencode(".png", id_map, _PNG_OPTIONS)[1].tobytes()
    write_bytes(path, with_attributes(encoded, attributes) if attributes else encoded)


def _link(source: Path, target: Path, link: Link) -> None:
    if link == "copy":
        with atomic_path(target) as temporary:
            shutil.copyfile(source, temporary)
        return
    link_to(source, target)
