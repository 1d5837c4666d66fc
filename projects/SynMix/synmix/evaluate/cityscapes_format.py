"""The Cityscapes result format: for each image a text file of ``mask.png labelId score`` lines, and the masks.

Read like cityscapesScripts reads it (``evaluation/evalInstanceLevelSemanticLabeling.py``: ``getPrediction``,
``readPredInfo``), written as its test server asks for it.
"""

import os
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from cityscapesscripts.helpers.labels import id2label, name2label
from PIL import Image

from synmix.data.cityscapes import IMAGE_SUFFIX
from synmix.data.images import DAMAGES, read_instance_map, size_of
from synmix.errors import UserError
from synmix.evaluate.average_precision import MatchTable, match_table
from synmix.evaluate.gray_png import decode_mask
from synmix.evaluate.ground_truth import MapGroundTruth
from synmix.evaluate.masks import MaskSet, crop_of, from_crops
from synmix.evaluate.matching import ImageMatches, match_image
from synmix.files import atomic_path, read_text, write_text
from synmix.labels import CATEGORY_OF_LABEL
from synmix.progress import parallel_map

INSTANCE_SUFFIX = "_instanceIds.png"
_GRAY_8_BITS = bytes((8, 0))  # bit depth and colour type of a PNG's header, its bytes 24 and 25


@dataclass(frozen=True)
class ImageFiles:
    """One image: its name (``aachen_000000_000019``), its instance map and its predictions."""

    name: str
    instance_map: Path
    predictions: Path

    def image(self, folder: Path | None = None) -> Path:
        """Where the image lies in Cityscapes' own layout: below ``folder``, by default beside ``gtFine``."""
        split, city = self.instance_map.parts[-3:-1] if len(self.instance_map.parts) > 2 else ("", "")
        root = self.instance_map.parents[min(3, len(self.instance_map.parents) - 1)] / "leftImg8bit"
        return (folder or root) / split / city / f"{self.name}{IMAGE_SUFFIX}"


@dataclass(frozen=True)
class Predictions:
    """The predictions of one image."""

    masks: MaskSet
    categories: np.ndarray  # (M,) int64
    scores: np.ndarray  # (M,) float64


def pair_files(predictions: Path, ground_truth: Path) -> list[ImageFiles]:
    """The instance maps below a folder, each with its text file: ``{city}_{sequence}_{frame}*.txt`` anywhere below the
    other folder.

    Raises:
        UserError: a folder is missing, there is no ground truth, or an image has no predictions or several.
    """
    for folder in (predictions, ground_truth):
        if not folder.is_dir():
            raise UserError(f"there is no folder '{folder}'.")
    maps = sorted(ground_truth.rglob(f"*{INSTANCE_SUFFIX}"))
    if not maps:
        raise UserError(f"'{ground_truth}' holds no '*{INSTANCE_SUFFIX}'; give the folder of the instance maps.")
    texts = sorted(predictions.rglob("*.txt"))
    by_image: dict[str, list[Path]] = {}
    for text in texts:
        by_image.setdefault("_".join(text.stem.split("_")[:2]), []).append(text)
    return [_pair(path, by_image, predictions) for path in maps]


def _pair(instance_map: Path, texts: Mapping[str, Sequence[Path]], folder: Path) -> ImageFiles:
    parts = instance_map.name.split("_")
    if len(parts) not in (4, 5):
        raise UserError(f"'{instance_map}' is not named '<city>_<sequence>_<frame>_gtFine{INSTANCE_SUFFIX}'.")
    name = "_".join(parts[:3])
    found = [text for text in texts.get("_".join(parts[:2]), ()) if text.name.startswith(name)]
    if not found:
        raise UserError(f"no predictions for '{instance_map}': expected '{name}*.txt' somewhere below '{folder}'.")
    if len(found) > 1:
        raise UserError(f"several predictions for '{instance_map}': '{found[0]}' and '{found[1]}'; keep one.")
    return ImageFiles(name, instance_map, found[0])


def read_predictions(text: Path, root: Path, shape: tuple[int, int]) -> Predictions:
    """The predictions of one image; those of labels that are not evaluated are left out.

    Args:
        root: the folder that no mask may lie outside of.
        shape: H, W of the image.

    Raises:
        UserError: a line or a mask is not as the format asks; the message names the file.
    """
    entries: dict[Path, tuple[int, float]] = {}  # the same mask twice: the last line wins
    for number, line in enumerate(_lines(text), start=1):
        mask, label, score = _parse(line, f"'{text}', line {number}", text.parent, root)
        entries[mask] = (label, score)
    kept = {mask: entry for mask, entry in entries.items() if entry[0] in CATEGORY_OF_LABEL}
    masks = from_crops([crop_of(_read_mask(mask, text, shape)) for mask in kept], shape)
    categories = np.array([CATEGORY_OF_LABEL[label] for label, _ in kept.values()], dtype=np.int64)
    return Predictions(masks, categories, np.array([score for _, score in kept.values()], dtype=np.float64))


def _lines(text: Path) -> list[str]:
    try:
        return read_text(text).splitlines()
    except UserError as error:
        raise UserError(f"{error} Expected lines of 'mask.png labelId score'.") from None


def _parse(line: str, where: str, folder: Path, root: Path) -> tuple[Path, int, float]:
    fields = line.split(" ")
    if len(fields) != 3:
        raise UserError(f"{where}: expected 'mask.png labelId score', separated by single spaces, not '{line}'.")
    mask = Path(os.path.abspath(folder / fields[0]))  # noqa: PTH100 - Path.resolve would follow the user's links
    if not mask.is_relative_to(os.path.abspath(root)):  # noqa: PTH100
        raise UserError(f"{where}: the mask '{fields[0]}' lies outside of '{root}'; use a relative path inside it.")
    try:
        label, score = int(float(fields[1])), float(fields[2])
    except (ValueError, OverflowError):
        raise UserError(f"{where}: the label and the score must be numbers, not '{line}'.") from None
    if label not in id2label:
        raise UserError(f"{where}: {label} is not a Cityscapes label id; use ids (person 24), not train ids.")
    if not np.isfinite(score):
        raise UserError(f"{where}: the score is {score}; give a finite number.")
    return mask, label, score


def _read_mask(path: Path, text: Path, shape: tuple[int, int]) -> np.ndarray:
    """(H, W) bool: everything that is not black when read as gray, like the script reads it."""
    try:
        data = path.read_bytes()
    except (OSError, ValueError):
        raise UserError(f"'{text}' names the mask '{path}', which does not exist.") from None
    found = size_of(path, data)
    if found != shape:
        size = f"{found[1]} x {found[0]}"
        raise UserError(f"the mask '{path}' is {size} pixels, but its image is {shape[1]} x {shape[0]}.")
    mask = decode_mask(data)
    if mask is None:
        mask = _read_gray(path, data) != 0
    return mask


def _read_gray(path: Path, data: bytes) -> np.ndarray:
    if data[24:26] == _GRAY_8_BITS and data[:4] == b"\x89PNG":
        try:
            gray = cv2.imdecode(np.frombuffer(data, dtype=np.uint8), cv2.IMREAD_GRAYSCALE)
        except cv2.error:
            gray = None
        if gray is not None:
            return gray
    # colours, palettes and other formats: Pillow's gray, as the script's, since roundings decide what is black
    try:
        with Image.open(path) as image:
            return np.asarray(image.convert("L"))
    except DAMAGES as error:
        raise UserError(f"the mask '{path}' is not a readable image ({error}); write it again.") from None


def match_files(files: ImageFiles, root: Path) -> tuple[str, ImageMatches]:
    """Reads and matches one image.

    Raises:
        UserError: see :func:`read_predictions`.
    """
    truth = MapGroundTruth(read_instance_map(files.instance_map), str(files.instance_map))
    found = read_predictions(files.predictions, root, truth.shape)
    return files.name, match_image(truth, found.masks, found.categories, found.scores)


def match_folders(
    predictions: str | os.PathLike[str], ground_truth: str | os.PathLike[str], num_workers: int = 0
) -> MatchTable:
    """Scores a folder of predictions against a folder of instance maps, on ``num_workers`` processes (0: all cores).

    Raises:
        UserError: see :func:`pair_files` and :func:`read_predictions`.

    >>> table = match_folders("predictions", "gtFine", num_workers=1)
    >>> table.images[0]
    'aachen_000000_000000'
    """
    root = Path(predictions)
    files = pair_files(root, Path(ground_truth))
    found = parallel_map(partial(match_files, root=root), files, "matching", num_workers)
    return match_table(dict(found))


def file_stem(image_id: object) -> str:
    """What the text file of an image's predictions begins with; the format splits lines at spaces."""
    return str(image_id).replace("/", "_").replace(" ", "_")


class Exporter:
    """Writes predictions as the test server asks for them; an observer of the evaluator.

    Args:
        folder: gets ``<image>_pred.txt`` and ``masks/<image>_<number>.png``.
        classes: class names in the order of the categories.

    Raises:
        UserError: a class is not one of Cityscapes', or the folder holds something already.
    """

    def __init__(self, folder: Path, classes: Sequence[str]) -> None:
        unknown = [name for name in classes if name not in name2label]
        if unknown:
            raise UserError(f"'{unknown[0]}' is not a Cityscapes class, so the predictions cannot be exported.")
        if folder.is_dir() and any(folder.iterdir()):
            raise UserError(f"'{folder}' is not empty; give a new folder, since other files would be zipped along.")
        self.folder, self.classes = folder, tuple(classes)
        self._labels = [name2label[name].id for name in classes]

    def __call__(
        self,
        frame: Mapping[str, Any],
        masks: MaskSet,
        categories: np.ndarray,
        scores: np.ndarray,
        matches: ImageMatches,
    ) -> None:
        """Writes the predictions of one image."""
        text, lines = self.text_of(frame), []
        for index in range(masks.num_masks):
            relative = f"masks/{text.stem.removesuffix('_pred')}_{index:03}.png"
            encoded = cv2.imencode(".png", masks.mask(index).astype(np.uint8) * 255)[1]
            with atomic_path(self.folder / relative) as temporary:
                temporary.write_bytes(encoded.tobytes())
            lines.append(f"{relative} {self._labels[categories[index]]} {float(scores[index])!r}\n")
        write_text(text, "".join(lines))

    def text_of(self, frame: Mapping[str, Any]) -> Path:
        """The text file of an image."""
        return self.folder / f"{file_stem(frame['image_id'])}_pred.txt"

    def zip(self) -> Path:
        """Packs the folder into ``<folder>.zip``, to be sent to the server."""
        target = self.folder.with_name(f"{self.folder.name}.zip")
        with atomic_path(target) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in sorted(self.folder.rglob("*")):
                if path.is_file():
                    archive.write(path, path.relative_to(self.folder))
        return target
