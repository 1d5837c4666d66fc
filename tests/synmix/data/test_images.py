import cv2
import numpy as np
import pytest

from synmix.data.images import image_size, read_instance_map, read_label_map, read_rgb
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
