"""What is predicted is kept: by photograph, through stops, changes and photographs that cannot be read."""

import json
import os

import numpy as np
import pytest
from PIL import Image

from synmix.errors import UserError
from synmix.evaluate.cityscapes_format import Predictions
from synmix.evaluate.masks import from_masks
from synmix.labels import CLASS_NAMES
from synmix.predict.folder import check_folder, predict_all

SETTINGS = {"weights": "abc", "score": 0.5}


class Found:
    """Finds a car in the left half of everything; counts."""

    def __init__(self):
        self.seen = 0
        self.stop_after = None

    def __call__(self, image):
        if self.stop_after == self.seen:
            raise KeyboardInterrupt
        self.seen += 1
        mask = np.zeros((1, *image.shape[:2]), bool)
        mask[0, :, : image.shape[1] // 2] = True
        return Predictions(from_masks(mask), np.array([2]), np.array([0.75]))


@pytest.fixture
def photographs(tmp_path):
    root = tmp_path / "photographs"
    for name, size in (("a.png", (40, 30)), ("b.JPG", (64, 48)), ("deep/a.png", (8, 8))):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", size, (90, 90, 90)).save(root / name)
    return root


def predict(root, output, found, overwrite=False, settings=SETTINGS):
    check_folder(output, settings, overwrite)
    paths = sorted(path for path in root.rglob("*") if path.is_file())
    return predict_all(root, paths, output, lambda: found, CLASS_NAMES, {"description": "x"}, settings, overwrite)


def document(output):
    return json.loads((output / "predictions.json").read_text())


def test_pictures_and_one_file_of_all(photographs, tmp_path):
    done = predict(photographs, tmp_path / "out", Found())
    assert (done.made, done.kept, done.instances, done.problems) == (3, 0, 3, [])
    written = document(tmp_path / "out")
    assert [(each["file_name"], each["width"], each["height"]) for each in written["images"]] == [
        ("a.png", 40, 30), ("b.JPG", 64, 48), ("deep/a.png", 8, 8),
    ]  # fmt: skip
    assert [each["name"] for each in written["categories"]] == list(CLASS_NAMES)
    assert [(each["category_id"], each["score"], each["area"]) for each in written["annotations"]] == [
        (3, 0.75, 600), (3, 0.75, 1536), (3, 0.75, 32),
    ]  # fmt: skip
    for name in ("a.png", "b.JPG", "deep/a.png"):
        assert (tmp_path / "out/pictures" / name).is_file()
    picture = np.asarray(Image.open(tmp_path / "out/pictures/b.JPG"))
    half = picture.shape[1] // 2
    assert np.abs(picture[-8:, half + 8 :].astype(int) - 90).max() < 4  # nothing was found there
    assert np.abs(picture[-8:, : half - 8].astype(int) - 90).max() > 40


def test_a_second_call_does_what_is_missing_or_changed(photographs, tmp_path):
    predict(photographs, tmp_path / "out", Found())
    before = (tmp_path / "out/predictions.json").read_bytes()
    found = Found()
    assert predict(photographs, tmp_path / "out", found).kept == 3 and found.seen == 0
    assert (tmp_path / "out/predictions.json").read_bytes() == before
    Image.new("RGB", (20, 10)).save(photographs / "a.png")
    (tmp_path / "out/pictures/b.JPG").unlink()
    done = predict(photographs, tmp_path / "out", found)
    assert (done.made, done.kept) == (2, 1) and document(tmp_path / "out")["images"][0]["width"] == 20
    (tmp_path / "out/photographs/a.png.json").write_text("{")
    assert predict(photographs, tmp_path / "out", found).made == 1
    assert predict(photographs, tmp_path / "out", found, overwrite=True).made == 3
    (photographs / "a.png").unlink()
    assert len(document(tmp_path / "out")["images"]) == 3
    predict(photographs, tmp_path / "out", found)
    assert len(document(tmp_path / "out")["images"]) == 2


def test_a_photograph_that_cannot_be_read_is_named_and_the_rest_goes_on(photographs, tmp_path, capsys):
    (photographs / "a.png").write_text("hello")
    done = predict(photographs, tmp_path / "out", Found())
    assert done.made == 2 and [path.name for path, _ in done.problems] == ["a.png"]
    assert "left out" in capsys.readouterr().err
    assert [each["file_name"] for each in document(tmp_path / "out")["images"]] == ["b.JPG", "deep/a.png"]
    Image.new("RGB", (9, 9)).save(photographs / "a.png")
    assert predict(photographs, tmp_path / "out", Found()).made == 1


def test_what_an_interrupted_call_made_is_kept(photographs, tmp_path):
    found = Found()
    found.stop_after = 2
    with pytest.raises(KeyboardInterrupt):
        predict(photographs, tmp_path / "out", found)
    assert len(document(tmp_path / "out")["images"]) == 2
    found.stop_after = None
    assert predict(photographs, tmp_path / "out", found).made == 1


def test_other_settings_and_other_peoples_folders_are_refused(photographs, tmp_path):
    predict(photographs, tmp_path / "out", Found())
    with pytest.raises(UserError, match=r"other settings \(score\).*--overwrite"):
        predict(photographs, tmp_path / "out", Found(), settings={**SETTINGS, "score": 0.4})
    assert predict(photographs, tmp_path / "out", Found(), True, {**SETTINGS, "score": 0.4}).made == 3
    (tmp_path / "theirs/pictures").mkdir(parents=True)
    with pytest.raises(UserError, match="did not write"):
        predict(photographs, tmp_path / "theirs", Found())


@pytest.mark.parametrize("small_disk", ["full", "ro"], indirect=True)
def test_a_disk_that_refuses_stops_the_work_in_a_sentence(photographs, small_disk):
    if os.access(small_disk, os.W_OK):
        (small_disk / "filler").write_bytes(bytes(2**20 - 4096))
    with pytest.raises(UserError, match="cannot be written"):
        predict(photographs, small_disk / "out", Found())


def test_a_network_that_cannot_be_made_leaves_no_note(photographs, tmp_path):
    def refuse():
        raise UserError("the weights do not fit")

    paths = sorted(photographs.glob("*.png"))
    with pytest.raises(UserError, match="do not fit"):
        predict_all(photographs, paths, tmp_path / "out", refuse, CLASS_NAMES, {}, SETTINGS)
    assert not (tmp_path / "out").exists()
