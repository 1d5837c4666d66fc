"""The folder of predictions: a note and a picture for each photograph, and one COCO file of all. A stopped call goes on
from there."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

import synmix
from synmix.errors import UserError
from synmix.evaluate.cityscapes_format import Predictions
from synmix.export.coco_file import Picture, write_coco
from synmix.export.predictions import scored_annotations
from synmix.files import check_noted, read_json, stamp_of, write_json
from synmix.pictures import draw_masks, save_picture
from synmix.predict.photographs import read_photograph
from synmix.progress import console, track

SETTINGS, NOTES, PICTURES, PREDICTIONS = "predicted.json", "photographs", "pictures", "predictions.json"
_VERSION = 1  # of what is written: another one makes a folder stale


@dataclass
class Done:
    """What a call did, and what the folder now holds."""

    made: int = 0
    kept: int = 0
    instances: int = 0
    problems: list[tuple[Path, str]] = field(default_factory=list)


def check_folder(output: Path, settings: dict[str, Any], overwrite: bool) -> None:
    """Makes sure that a folder is of these weights and settings, or new.

    Raises:
        UserError: it was made with others, or is someone else's.
    """
    settings = {"version": _VERSION, **settings}
    path = output / SETTINGS
    if not overwrite and path.exists():
        check_noted(path, settings, "predict everything")
    elif not overwrite and any((output / name).exists() for name in (NOTES, PICTURES, PREDICTIONS)):
        raise UserError(f"'{output}' holds something that this tool did not write; give another --output.")


def predict_all(
    root: Path,
    photographs: Sequence[Path],
    output: Path,
    make_predictor: Callable[[], Callable[[np.ndarray], Predictions]],
    classes: Sequence[str],
    info: dict[str, Any],
    settings: dict[str, Any],
    overwrite: bool = False,
) -> Done:
    """Predicts what is missing of some photographs, and writes the COCO file of all; also where it is interrupted.

    Args:
        root: the folder that names start from.
        make_predictor: called once there is something to do: a network takes seconds to build.
        classes: names, in the order of categories.
        info: of the COCO file.
        settings: of :func:`check_folder`; noted once there is a network that they fit.

    Raises:
        UserError: the output cannot be written, or the network cannot be made.
    """
    todo = [path for path in photographs if overwrite or not _is_done(path, root, output)]
    done = Done(kept=len(photographs) - len(todo))
    predictor = make_predictor() if todo else None
    write_json(output / SETTINGS, {"version": _VERSION, **settings})
    try:
        if predictor is not None:
            for path in track(todo, "predicting", len(todo)):
                _predict(path, root, output, predictor, classes, done)
    finally:
        pictures = list(_pictures(root, photographs, output))
        write_coco(output / PREDICTIONS, {**info, "version": synmix.__version__}, classes, pictures)
        done.instances = sum(len(picture.annotations) for picture in pictures)
    return done


def _predict(
    path: Path, root: Path, output: Path, predictor: Callable[..., Predictions], classes: Sequence[str], done: Done
) -> None:
    try:
        stamp, image = stamp_of(path), read_photograph(path)
    except UserError as error:
        done.problems.append((path, str(error)))
        console.print(f"left out: {error}")
        return
    found = predictor(image)
    save_picture(output / PICTURES / path.relative_to(root), draw_predictions(image, found, classes))
    annotations = scored_annotations(found, (found.categories + 1).tolist())
    note = {"stamp": stamp, "height": image.shape[0], "width": image.shape[1], "annotations": annotations}
    write_json(_note(path, root, output), note)  # last: a note says that all is there
    done.made += 1


def draw_predictions(image: np.ndarray, found: Predictions, classes: Sequence[str]) -> np.ndarray:
    """A photograph with what was found in it, classes and scores: the largest first, so that nothing is covered.

    Args:
        image: (H, W, 3) RGB.
    """
    order = np.argsort(-found.masks.pixels, kind="stable").tolist()
    masks = ((int(found.categories[index]), found.masks.mask(index)) for index in order)
    captions = [f"{classes[found.categories[index]]} {found.scores[index]:.2f}" for index in order]
    return draw_masks(image, masks, captions, classes=classes)


def _note(path: Path, root: Path, output: Path) -> Path:
    return output / NOTES / f"{path.relative_to(root)}.json"


def _is_done(path: Path, root: Path, output: Path) -> bool:
    note = _read_note(path, root, output)
    return note is not None and (output / PICTURES / path.relative_to(root)).is_file()


def _read_note(path: Path, root: Path, output: Path) -> dict[str, Any] | None:
    """What is noted of a photograph; None where it is missing, damaged, or of another file."""
    try:
        note = read_json(_note(path, root, output))
        whole = isinstance(note, dict) and {"height", "width", "annotations"} <= note.keys()
        return note if whole and note.get("stamp") == stamp_of(path) else None
    except UserError:
        return None


def _pictures(root: Path, photographs: Sequence[Path], output: Path) -> Iterator[Picture]:
    for path in photographs:
        note = _read_note(path, root, output)
        if note is not None:
            yield Picture(path.relative_to(root).as_posix(), note["height"], note["width"], note["annotations"])
