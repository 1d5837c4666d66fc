"""The raw Synscapes reader, against files written to the specification byte by byte."""

import json

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from synmix.data import listing, raw
from synmix.data.described import described
from synmix.data.synscapes import instance_colors, read_meta
from synmix.errors import UserError

SYNSCAPES = described("synscapes")


def read_instance_ids(path):
    coding = SYNSCAPES.maps[1].codings[0]
    return coding.id_of(coding.read(path))


def frame_paths(root, number):
    return listing.frame_at(SYNSCAPES, root, number)


def list_frames(root, images=""):
    found = listing.list_frames(SYNSCAPES, root, images)
    return {key: found.missing.get(key, []) for key in found.frames}


def make_folders(root):
    for folder in ("img/rgb", "img/class", "img/instance", "meta"):
        (root / folder).mkdir(parents=True)


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_instance_id_is_red_plus_256_green_plus_65536_blue(tmp_path, mode):
    image = Image.new(mode, (3, 2))
    pixel = (2400004 % 256, 2400004 // 256 % 256, 2400004 // 65536)
    image.putpixel((1, 0), pixel if mode == "RGB" else (*pixel, 9))
    image.save(tmp_path / "1.png")
    ids = read_instance_ids(tmp_path / "1.png")
    assert ids.dtype == np.uint32 and ids.tolist() == [[0, 2400004, 0], [0, 0, 0]]


@given(st.lists(st.integers(0, 2**24 - 1), min_size=1, max_size=12))
def test_colors_are_the_inverse_of_reading(ids):
    ids = np.array([ids], np.uint32)
    blue, green, red = (channel.astype(int) for channel in cv2.split(instance_colors(ids)))
    assert np.array_equal(red + 256 * green + 65536 * blue, ids)


def test_listing_finds_gaps_and_sorts_by_number(tmp_path):
    make_folders(tmp_path)
    for number in (10, 9, 2):
        frame = frame_paths(tmp_path, number)
        for path in frame.paths:
            path.touch()
    frame_paths(tmp_path, 9).files["meta"].unlink()
    frame_paths(tmp_path, 10).image.unlink()
    (tmp_path / "img" / "rgb" / "Thumbs.png").touch()
    assert list_frames(tmp_path) == {2: [], 9: ["meta"], 10: ["image"]}


def test_a_folder_that_is_not_synscapes_gets_a_sentence(tmp_path):
    with pytest.raises(UserError, match=r"expected a Synscapes folder"):
        list_frames(tmp_path)
    make_folders(tmp_path)
    with pytest.raises(UserError, match="holds no frame"):
        list_frames(tmp_path)
    with pytest.raises(UserError, match="rgb-2k"):
        list_frames(tmp_path, "rgb-2k")


@pytest.mark.parametrize(
    ("meta", "words"),
    [
        ({}, "no 'instance' key"),
        ([], "no 'instance' key"),
        ({"instance": {"bbox2d": {}}}, "no 'class' key"),
        ({"instance": {"class": {"2400004": "person"}}}, "whole numbers"),
        ({"instance": {"class": {"24-4": 24}}}, "whole numbers"),
        ({"instance": {"class": {"2400004": True}}}, "whole numbers"),
    ],
)
def test_meta_of_another_kind_gets_a_sentence(tmp_path, meta, words):
    (tmp_path / "1.json").write_text(json.dumps(meta))
    with pytest.raises(UserError, match=words):
        read_meta(tmp_path / "1.json")


def test_meta_gives_the_class_of_each_id(tmp_path):
    (tmp_path / "1.json").write_text('{"instance": {"class": {"2400004": 24, "3300001": 33}}}')
    assert read_meta(tmp_path / "1.json")[0] == {2400004: 24, 3300001: 33}


@pytest.mark.parametrize("array", [np.zeros((2, 3), np.uint8), np.zeros((2, 3, 3), np.uint16)], ids=["gray", "16-bit"])
def test_an_instance_map_of_another_kind_gets_a_sentence(tmp_path, array):
    cv2.imwrite(str(tmp_path / "1.png"), array)
    with pytest.raises(UserError, match="8-bit RGB"):
        read_instance_ids(tmp_path / "1.png")


def test_maps_of_different_sizes_get_a_sentence(tmp_path):
    make_folders(tmp_path)
    frame = frame_paths(tmp_path, 1)
    cv2.imwrite(str(frame.files["class map"]), np.zeros((4, 8), np.uint8))
    cv2.imwrite(str(frame.files["instance map"]), np.zeros((4, 6, 3), np.uint8))
    frame.files["meta"].write_text('{"instance": {"class": {}}}')
    with pytest.raises(UserError, match=r"8 x 4 pixels but .* is 6 x 4"):
        raw.read_labels(SYNSCAPES, frame)
