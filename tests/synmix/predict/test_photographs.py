"""Photographs as cameras and people make them."""

import numpy as np
import pytest
from PIL import Image, ImageOps

from synmix.errors import UserError
from synmix.predict.photographs import find_photographs, read_photograph

ORIENTATION = 274  # EXIF's tag


@pytest.fixture
def colors():
    return np.random.default_rng(0).integers(0, 255, (8, 12, 3), dtype=np.uint8)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("ending", ["png", "JPEG"])
def test_photographs_are_upright(tmp_path, orientation, ending):
    corner = np.zeros((64, 96, 3), np.uint8)
    corner[:32, :32, 0] = 250  # red, above on the left
    exif = Image.Exif()
    exif[ORIENTATION] = {5: 5, 6: 8, 7: 7, 8: 6}.get(orientation, orientation)  # the one that turns it back
    turned = Image.fromarray(corner)
    turned.getexif()[ORIENTATION] = exif[ORIENTATION]
    stored = ImageOps.exif_transpose(turned)  # as the camera's sensor lies
    exif[ORIENTATION] = orientation
    stored.save(tmp_path / f"a.{ending}", exif=exif)
    found = read_photograph(tmp_path / f"a.{ending}")
    assert found.shape == corner.shape and found.dtype == np.uint8
    assert np.abs(found.astype(int) - corner).mean() < 6


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "1", "LA"])
def test_other_kinds_of_pixels_become_colours(tmp_path, colors, mode):
    image = Image.fromarray(colors).convert(mode)
    image.save(tmp_path / "a.png")
    assert np.array_equal(read_photograph(tmp_path / "a.png"), np.asarray(image.convert("RGB")))


def test_sixteen_bits_are_not_cut_off(tmp_path):
    gray = np.linspace(0, 65535, 96).astype(np.uint16).reshape(8, 12)
    Image.fromarray(gray).save(tmp_path / "a.png")
    assert np.array_equal(read_photograph(tmp_path / "a.png")[..., 1], gray // 257)


def test_print_colours(tmp_path, colors):
    Image.fromarray(colors).convert("CMYK").save(tmp_path / "a.jpg")
    assert read_photograph(tmp_path / "a.jpg").shape == colors.shape


def test_what_is_none_is_named(tmp_path, colors):
    Image.fromarray(colors).resize((200, 100)).save(tmp_path / "torn.jpg")
    (tmp_path / "torn.jpg").write_bytes((tmp_path / "torn.jpg").read_bytes()[:900])
    (tmp_path / "text.png").write_text("hello")
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "giant.png").write_bytes(giant())
    for name in ("torn.jpg", "text.png", "empty.png", "giant.png", "absent.png"):
        with pytest.raises(UserError, match=name.replace(".", r"\.")):
            read_photograph(tmp_path / name)


def giant() -> bytes:
    """The header of a PNG of 90,000 x 90,000 pixels."""
    side = (90_000).to_bytes(4, "big")
    return b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + side + side + b"\x08\x02\x00\x00\x00" + bytes(30)


def test_a_folder_with_all_below_it_but_not_what_was_made(tmp_path):
    for name in ("b.JPG", "deep/a.png", "made/pictures/b.JPG", ".hidden.png", "notes.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    root, found = find_photographs(tmp_path, tmp_path / "made")
    assert root == tmp_path and found == [tmp_path / "b.JPG", tmp_path / "deep/a.png"]
    assert find_photographs(tmp_path / "b.JPG", tmp_path) == (tmp_path, [tmp_path / "b.JPG"])


@pytest.mark.parametrize(
    ("place", "sentence"), [("notes.txt", "does not end in"), ("absent", "no photograph"), ("empty", "holds no photo")]
)
def test_nothing_to_predict(tmp_path, place, sentence):
    (tmp_path / "notes.txt").write_text("")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=sentence):
        find_photographs(tmp_path / place, tmp_path / "out")
