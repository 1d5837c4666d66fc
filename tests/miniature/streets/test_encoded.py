"""The miniature in other makers' encodings: the same on every call, and nobody else's folder is touched. That they are
read back exactly is tested in tests/synmix/data/test_there_and_back.py."""

import json

import cv2
import numpy as np
import pytest

from miniature.streets.encoded import chosen_encodings, draw_encoded, split_of, write_encodings
from miniature.streets.encodings import ENCODINGS
from miniature.streets.truth import Truth
from miniature.streets.write import Drawing
from synmix.errors import UserError

SMALL = Drawing(height=64, width=128)


def bytes_of(root):
    return {path.relative_to(root): path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}


def test_workers_and_calls_give_the_same_files(tmp_path):
    names = ["kitti", "shift"]
    write_encodings(tmp_path / "one", SMALL, names, 4, num_workers=1)
    write_encodings(tmp_path / "two", SMALL, ["shift"], 4, num_workers=2)
    write_encodings(tmp_path / "two", SMALL, names, 4, num_workers=2)
    one = bytes_of(tmp_path / "one")
    assert one == bytes_of(tmp_path / "two") and len(one) == 4 * 2 + 4 + 2 + 1
    times = {path: (tmp_path / "one" / path).stat().st_mtime_ns for path in one}
    write_encodings(tmp_path / "one", SMALL, names, 4, num_workers=1)
    assert times == {path: (tmp_path / "one" / path).stat().st_mtime_ns for path in one}


def test_other_frames_are_drawn_anew(tmp_path):
    write_encodings(tmp_path, SMALL, ["kitti"], 3, num_workers=1)
    write_encodings(tmp_path, SMALL, ["kitti"], 2, num_workers=1)
    assert len(list((tmp_path / "kitti/training/instance").iterdir())) == 2
    assert json.loads((tmp_path / "encodings.json").read_text())["kitti"]["frames"] == 2


def test_a_folder_that_was_not_drawn_here_is_left_alone(tmp_path):
    (tmp_path / "kitti").mkdir()
    (tmp_path / "kitti/mine.txt").write_text("mine")
    with pytest.raises(UserError, match="kitti' exists but was not drawn here"):
        write_encodings(tmp_path, SMALL, ["kitti"], 1, force=True)
    assert (tmp_path / "kitti/mine.txt").read_text() == "mine"


def test_names(tmp_path):
    assert chosen_encodings(["all"]) == list(ENCODINGS) and chosen_encodings(["kitti"]) == ["kitti"]
    with pytest.raises(UserError, match=r"no encoding is called 'kity'\. Did you mean 'kitti'"):
        chosen_encodings(["kity"])
    with pytest.raises(UserError, match="frames in each encoding is 0"):
        write_encodings(tmp_path, SMALL, ["kitti"], 0)


def test_splits_by_order():
    assert [split_of(number, 10) for number in range(10)] == ["train"] * 8 + ["val", "test"]


def test_riders_are_apart_in_numbers_and_one_with_the_vehicle_in_actors():
    class_map = np.array([[33, 25, 26, 7, 26]], np.uint8)
    truth = Truth.of(class_map, np.array([[5, 5, 9, 0, 3]]))
    assert truth.numbers.tolist() == [[1, 1, 2, 0, 1]]
    assert truth.actors.tolist() == [[2, 2, 3, 0, 1]]
    assert len(set(truth.apart[0, [0, 1, 2, 4]].tolist())) == 4 and truth.apart[0, 3] == 0


def test_what_is_on_disk_is_what_the_makers_say(tmp_path):
    """Two encodings by hand, against the miniature's own reader."""
    write_encodings(tmp_path, SMALL, ["synthia", "kitti"], 1, num_workers=1)
    _, truth = draw_encoded(SMALL, 0, "synthetic")
    labels = cv2.imread(str(tmp_path / "RAND_CITYSCAPES/GT/LABELS/0000001.png"), cv2.IMREAD_UNCHANGED)
    assert labels.dtype == np.uint16 and set(np.unique(labels[..., 2][truth.class_map == 26])) <= {8}
    assert np.array_equal(labels[..., 1] > 0, truth.numbers > 0)
    ids = cv2.imread(str(tmp_path / "kitti/training/instance/000001_10.png"), cv2.IMREAD_UNCHANGED)
    assert ids.dtype == np.uint16 and np.array_equal(ids // 256, truth.class_map)
