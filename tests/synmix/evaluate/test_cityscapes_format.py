"""The Cityscapes result format is read as cityscapesScripts reads it, and bad files get a sentence with their name."""

import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from synmix.errors import UserError
from synmix.evaluate.average_precision import average_precision
from synmix.evaluate.cityscapes_format import Exporter, match_folders, pair_files, read_predictions
from synmix.evaluate.official import official_average_precision
from synmix.labels import CLASS_NAMES

HEIGHT, WIDTH = 40, 60
NAME = "town_000000_000019"


@pytest.fixture
def folders(tmp_path) -> tuple[Path, Path]:
    """A folder of predictions and one of ground truth, with an image in which one car is found."""
    predictions, truths = tmp_path / "predictions", tmp_path / "gtFine" / "val" / "town"
    predictions.mkdir()
    truths.mkdir(parents=True)
    instance_map = np.full((HEIGHT, WIDTH), 7, dtype=np.uint16)
    instance_map[5:25, 5:25] = 26001
    cv2.imwrite(str(truths / f"{NAME}_gtFine_instanceIds.png"), instance_map)
    write_mask(predictions / "car.png", (instance_map == 26001).astype(np.uint8) * 255)
    (predictions / f"{NAME}_pred.txt").write_text("car.png 26 0.9\n")
    return predictions, tmp_path / "gtFine"


def write_mask(path: Path, mask: np.ndarray, mode: str | None = None) -> None:
    image = Image.fromarray(mask)
    (image if mode is None else image.convert(mode)).save(path)


def text_of(folders) -> Path:
    return folders[0] / f"{NAME}_pred.txt"


def ap_of(folders) -> np.ndarray:
    return average_precision(match_folders(*folders))


def official(folders) -> np.ndarray:
    files = pair_files(*folders)
    return official_average_precision([f.predictions for f in files], [f.instance_map for f in files], folders[0])


def test_a_perfect_prediction(folders):
    areas = ap_of(folders)
    assert areas[CLASS_NAMES.index("car")].tolist() == [1.0] * 10
    np.testing.assert_array_equal(areas, official(folders))


@pytest.mark.parametrize(
    "value, found",
    [((0, 0, 3), False), ((0, 0, 5), True), ((1, 0, 0), False), ((2, 0, 0), True), ((0, 1, 0), True)],
)
def test_colours_are_read_as_gray(folders, value, found):
    """RGB (0, 0, 3) is black: the script reads masks with Pillow's ``convert("L")``."""
    instance_map = np.asarray(Image.open(folders[0] / "car.png"))
    write_mask(folders[0] / "car.png", (instance_map[:, :, None] > 0) * np.array(value, dtype=np.uint8))
    assert (ap_of(folders)[2, 0] == 1) == found
    np.testing.assert_array_equal(ap_of(folders), official(folders))


@pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "RGBA", "I"])
def test_masks_of_each_kind_of_png(folders, mode):
    mask = np.asarray(Image.open(folders[0] / "car.png"))
    write_mask(folders[0] / "car.png", mask, mode)
    np.testing.assert_array_equal(ap_of(folders), official(folders))


def test_faint_masks_count_in_full(folders):
    mask = np.asarray(Image.open(folders[0] / "car.png"))
    write_mask(folders[0] / "car.png", np.minimum(mask, 1))
    assert ap_of(folders)[2, 0] == 1


def test_the_same_mask_twice_is_one_prediction_the_last_line_wins(folders):
    text_of(folders).write_text("car.png 24 0.9\n./car.png 26 0.8\n")
    found = read_predictions(text_of(folders), folders[0], (HEIGHT, WIDTH))
    assert (found.categories.tolist(), found.scores.tolist()) == ([2], [0.8])
    np.testing.assert_array_equal(ap_of(folders), official(folders))


def test_labels_that_are_not_evaluated_need_no_mask(folders):
    text_of(folders).write_text("car.png 26 0.9\nno_such.png 29 0.5\nno_such_either.png 7 1\n")
    assert ap_of(folders)[2, 0] == 1


def test_no_prediction_and_an_empty_mask(folders):
    write_mask(folders[0] / "empty.png", np.zeros((HEIGHT, WIDTH), dtype=np.uint8))
    for text in ("", "empty.png 26 1\n"):
        text_of(folders).write_text(text)
        assert ap_of(folders)[2].tolist() == [0.0] * 10


@pytest.mark.parametrize(
    "line, message",
    [
        ("car.png 26", "line 1: expected 'mask.png labelId score'"),
        ("car.png  26 0.9", "line 1: expected 'mask.png labelId score'"),
        ("a car.png 26 0.9", "line 1: expected 'mask.png labelId score'"),
        ("\ncar.png 26 0.9", "line 1: expected"),
        ("car.png car 0.9", "line 1: the label and the score must be numbers"),
        ("car.png 26 high", "line 1: the label and the score must be numbers"),
        ("car.png inf 0.9", "line 1: the label and the score must be numbers"),
        ("car.png 34 0.9", "line 1: 34 is not a Cityscapes label id"),
        ("car.png 26 nan", "line 1: the score is nan"),
        ("../car.png 26 0.9", "the mask '../car.png' lies outside of"),
        ("/etc/car.png 26 0.9", "the mask '/etc/car.png' lies outside of"),
        ("../predictions2/car.png 26 0.9", "lies outside of"),  # the script compares letters and lets this one pass
        ("absent.png 26 0.9", r"names the mask '.*absent.png', which does not exist"),
        (". 26 0.9", "which does not exist"),
        (f"{NAME}_pred.txt 26 0.9", "is not a readable image"),
    ],
)
def test_bad_lines(folders, line, message):
    text_of(folders).write_text(f"{line}\n")
    with pytest.raises(UserError, match=message):
        ap_of(folders)


def test_a_text_that_is_no_text(folders):
    text_of(folders).write_bytes(b"\x89PNG\xff\xfe")
    with pytest.raises(UserError, match=f"'{text_of(folders)}' is not a text file"):
        ap_of(folders)


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_a_mask_of_another_size(folders, mode):
    write_mask(folders[0] / "car.png", np.ones((30, 60), dtype=np.uint8), mode)
    with pytest.raises(UserError, match=r"'.*car.png' is 60 x 30 pixels, but its image is 60 x 40"):
        ap_of(folders)


def test_a_truncated_mask(folders):
    data = (folders[0] / "car.png").read_bytes()
    (folders[0] / "car.png").write_bytes(data[: len(data) // 2])
    with pytest.raises(UserError, match=r"'.*car.png' is not a readable image"):
        ap_of(folders)


def test_folders_that_do_not_match(folders, tmp_path):
    predictions, truths = folders
    with pytest.raises(UserError, match="there is no folder"):
        pair_files(tmp_path / "absent", truths)
    with pytest.raises(UserError, match="holds no"):
        pair_files(predictions, predictions)
    (predictions / "deeper").mkdir()
    second = predictions / "deeper" / f"{NAME}.txt"
    second.write_text("")
    with pytest.raises(UserError, match="several predictions"):
        pair_files(predictions, truths)
    text_of(folders).unlink()
    assert pair_files(predictions, truths)[0].predictions == second
    second.unlink()
    with pytest.raises(UserError, match=f"no predictions for .*{NAME}"):
        pair_files(predictions, truths)


def test_ground_truth_that_is_no_instance_map(folders):
    path = next(folders[1].rglob("*.png"))
    cv2.imwrite(str(path), np.zeros((HEIGHT, WIDTH), dtype=np.uint8))
    with pytest.raises(UserError, match=f"'{path}' is 8-bit"):
        ap_of(folders)


def test_an_export_is_read_back_and_zipped(folders, tmp_path):
    source = read_predictions(text_of(folders), folders[0], (HEIGHT, WIDTH))
    exporter = Exporter(tmp_path / "server", CLASS_NAMES)
    frame = {"image_id": NAME}
    exporter(frame, source.masks, source.categories, source.scores, None)
    back = read_predictions(exporter.text_of(frame), exporter.folder, (HEIGHT, WIDTH))
    np.testing.assert_array_equal(back.masks.mask(0), source.masks.mask(0))
    assert (back.categories.tolist(), back.scores.tolist()) == ([2], [0.9])
    np.testing.assert_array_equal(ap_of((exporter.folder, folders[1])), ap_of(folders))
    with zipfile.ZipFile(exporter.zip()) as archive:
        assert sorted(archive.namelist()) == [f"masks/{NAME}_000.png", f"{NAME}_pred.txt"]


def test_exports_that_cannot_be(folders, tmp_path):
    with pytest.raises(UserError, match="'tricycle' is not a Cityscapes class"):
        Exporter(tmp_path / "server", ("person", "tricycle"))
    with pytest.raises(UserError, match="is not empty"):
        Exporter(folders[0], CLASS_NAMES)
