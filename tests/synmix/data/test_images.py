import resource
import struct

import cv2
import numpy as np
import pytest
from PIL import Image

from synmix.data.images import image_size, read_colors, read_indices, read_instance_map, read_label_map, read_rgb
from synmix.errors import UserError


def test_sixteen_bits_survive(tmp_path):
    instance_map = np.array([[26001, 33999], [0, 24]], np.uint16)
    cv2.imwrite(str(tmp_path / "ids.png"), instance_map)
    assert np.array_equal(read_instance_map(tmp_path / "ids.png"), instance_map)


def test_rgb_comes_in_rgb_order(tmp_path):
    cv2.imwrite(str(tmp_path / "red.png"), np.full((2, 3, 3), (0, 0, 255), np.uint8))
    assert read_rgb(tmp_path / "red.png")[0, 0].tolist() == [255, 0, 0]
    assert image_size(tmp_path / "red.png") == (2, 3)


@pytest.mark.parametrize(
    ("image", "reader", "sentence"),
    [
        (
            np.zeros((2, 2), np.uint8),
            read_instance_map,
            r"is 8-bit with 1 channel\(s\), but instanceIds are 16-bit gray",
        ),
        (np.zeros((2, 2, 3), np.uint16), read_instance_map, r"is 16-bit with 3 channel\(s\)"),
        (np.zeros((2, 2), np.uint16), read_label_map, "is not an 8-bit gray label map"),
    ],
)
def test_the_wrong_kind_of_map_is_named(tmp_path, image, reader, sentence):
    cv2.imwrite(str(tmp_path / "map.png"), image)
    with pytest.raises(UserError, match=rf"map\.png' {sentence}"):
        reader(tmp_path / "map.png")


@pytest.mark.parametrize("rest", [0, 20, -10])
def test_a_truncated_file_is_named(tmp_path, rest):
    path = tmp_path / "cut.png"
    cv2.imwrite(str(path), np.random.default_rng(0).integers(0, 9, (64, 64)).astype(np.uint16))
    path.write_bytes(path.read_bytes()[:rest] if rest >= 0 else path.read_bytes()[:-300])
    with pytest.raises(UserError, match=r"cut\.png' is not a readable PNG"):
        read_instance_map(path)


def test_a_missing_file_is_named(tmp_path):
    for reader in (read_rgb, image_size):
        with pytest.raises(UserError, match=r"gone\.png' does not exist"):
            reader(tmp_path / "gone.png")


def giant(path, size=20_000):
    cv2.imwrite(str(path), np.zeros((4, 4), np.uint8))
    data = path.read_bytes()
    path.write_bytes(data[:16] + struct.pack(">II", size, size) + data[24:])


@pytest.mark.parametrize("reader", [read_rgb, read_label_map, image_size])
def test_a_header_of_400_megapixels_asks_for_no_memory(tmp_path, reader):
    giant(tmp_path / "giant.png")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(UserError, match=r"giant\.png' says that it is 20000 x 20000 pixels"):
        reader(tmp_path / "giant.png")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000


def test_a_palette_holds_classes_or_colours_but_no_16_bit_ids(tmp_path):
    classes = np.arange(16, dtype=np.uint8).reshape(4, 4)
    image = Image.fromarray(classes).convert("P")
    image.putpalette([value for number in range(256) for value in (number, 255 - number, 7)])
    image.save(tmp_path / "palette.png")
    with pytest.raises(UserError, match=r"palette\.png' .*a palette PNG"):
        read_instance_map(tmp_path / "palette.png")
    for reader in (read_label_map, read_indices):
        assert np.array_equal(reader(tmp_path / "palette.png"), classes)
    assert read_rgb(tmp_path / "palette.png")[0, 3].tolist() == [3, 252, 7]
    assert read_colors(tmp_path / "palette.png")[0, 3].tolist() == [7, 252, 3]  # OpenCV's order


def test_links_to_nothing_and_in_a_circle(tmp_path):
    (tmp_path / "moved.png").symlink_to("raw/1.png")
    (tmp_path / "circle.png").symlink_to("circle.png")
    for reader in (read_rgb, image_size):
        with pytest.raises(UserError, match=r"moved\.png' is a link to 'raw/1\.png', which is no longer there"):
            reader(tmp_path / "moved.png")
        with pytest.raises(UserError, match=r"circle\.png'"):
            reader(tmp_path / "circle.png")
