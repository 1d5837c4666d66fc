"""The fast decoder gives OpenCV's arrays or none at all, whatever a PNG file holds, whole or damaged."""

import subprocess
import sys

import cv2
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.synmix.data.png_writer import CHANNELS, DEPTHS, chunk, png

from synmix.data import compiled, images, png_decoding
from synmix.errors import UserError

KINDS = [(color, depth) for color, depths in DEPTHS.items() for depth in depths]
FAST = [(0, 8), (0, 16), (2, 8)]
WHITE = bytes.fromhex("00007a26 00008084 0000fa00 000080e8 00007530 0000ea60 00003a98 00001770")
PALETTE = chunk(b"PLTE", bytes(range(256)) * 3)
CHUNKS = {
    "tRNS": lambda color: chunk(b"tRNS", bytes(2 * CHANNELS[color])),
    "gAMA": lambda color: chunk(b"gAMA", (100_000).to_bytes(4, "big")),
    "bKGD": lambda color: chunk(b"bKGD", bytes(2 * CHANNELS[color])),
    "sRGB": lambda color: chunk(b"gAMA", (45_455).to_bytes(4, "big")) + chunk(b"sRGB", b"\0") + chunk(b"cHRM", WHITE),
    "tEXt": lambda color: chunk(b"tEXt", b"Comment\0made by hand"),
    "eXIf": lambda color: chunk(b"eXIf", b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0"),
}


def by_opencv(data):
    try:
        return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except cv2.error:
        return None


def assert_same(found, expected):
    assert expected is not None
    assert found.dtype == expected.dtype and np.array_equal(found, expected) and found.flags.c_contiguous


def drawn(random, height, width, color, depth, flat):
    """Noise, or a few flat patches as label maps have them."""
    samples = random.integers(0, 1 << depth, (height, width, CHANNELS[color]))
    if flat:
        samples[:] = samples[0, 0]
        for _ in range(3):
            y, x = random.integers(0, height), random.integers(0, width)
            samples[y : y + 9, x : x + 17] = random.integers(0, 1 << depth)
    return samples


@settings(max_examples=300, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    height=st.integers(1, 20),
    width=st.integers(1, 40),
    kind=st.sampled_from([*KINDS, *4 * FAST]),
    flat=st.booleans(),
    interlaced=st.sampled_from([False, False, True]),
    extra=st.sampled_from([None, None, *CHUNKS]),
    filters=st.sampled_from([None, None, 0, 1, 2, 3, 4]),
    parts=st.integers(1, 3),
)
def test_every_kind_of_file(seed, height, width, kind, flat, interlaced, extra, filters, parts):
    random, (color, depth) = np.random.default_rng(seed), kind
    chunks = [PALETTE] if color == 3 else []
    if extra and not (extra in ("tRNS", "bKGD") and color > 2):
        chunks.append(CHUNKS[extra](color))
    samples = drawn(random, height, width, color, depth, flat)
    kinds = None if filters is None else np.full(height, filters)
    data = png(samples, depth, color, random, interlaced=interlaced, kinds=kinds, extra=chunks, parts=parts)
    found = png_decoding.decode(data)
    if (color, depth) in FAST and not interlaced and extra not in ("tRNS", "eXIf"):
        assert found is not None
    if found is not None:
        assert_same(found, by_opencv(data))
        plain = samples[..., ::-1] if color == 2 else samples[..., 0]
        assert np.array_equal(found, plain)


def test_every_neighbourhood_of_paeth():
    """All ties and signs of the three distances, in every fast kind."""
    values = np.array([0, 1, 2, 127, 128, 129, 254, 255])
    grid = np.stack(np.meshgrid(values, values, values), -1).reshape(-1, 3)  # left, above, corner
    for color, depth in FAST:
        random = np.random.default_rng(0)
        samples = random.choice(values, (2, 4 * len(grid), CHANNELS[color])) * (257 if depth == 16 else 1)
        for number, (left, above, corner) in enumerate(grid.tolist()):
            scale = 257 if depth == 16 else 1
            samples[0, 4 * number], samples[0, 4 * number + 1] = corner * scale, above * scale
            samples[1, 4 * number] = left * scale
        data = png(samples, depth, color, random, kinds=np.array([0, 4]))
        assert_same(png_decoding.decode(data), by_opencv(data))


def reading(path):
    try:
        return images.read_map(path)
    except UserError as error:
        return str(error)


@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), kind=st.sampled_from(FAST), how=st.sampled_from(["cut", "flip", "drop", "more"]))
@example(seed=0, kind=(2, 8), how="cut")
def test_damaged_files_are_read_or_refused_as_before(tmp_path_factory, seed, kind, how):
    random, (color, depth) = np.random.default_rng(seed), kind
    data = bytearray(png(drawn(random, 9, 14, color, depth, False), depth, color, random, parts=2))
    place = int(random.integers(1, len(data)))
    if how == "cut":
        del data[place:]
    elif how == "flip":
        data[place] ^= 1 << int(random.integers(0, 8))
    elif how == "drop":
        del data[place : place + int(random.integers(1, 9))]
    else:
        data[place:place] = random.bytes(5)
    path = tmp_path_factory.mktemp("damaged") / "a.png"
    path.write_bytes(bytes(data))
    expected = reading(path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(images, "decode_where_it_pays", png_decoding.decode)
        found = reading(path)
    assert type(found) is type(expected)
    assert found == expected if isinstance(found, str) else np.array_equal(found, expected)


@pytest.mark.parametrize(
    "pixels",
    [
        pytest.param(b"\x05" + bytes(8), id="a filter that does not exist"),
        pytest.param(bytes(8), id="too few"),
        pytest.param(bytes(10), id="too many"),
        pytest.param(bytes(50_000_000), id="gigabytes if they were all inflated"),
    ],
)
def test_pixels_that_do_not_fit_are_left_to_opencv(pixels):
    import zlib

    whole = png(np.zeros((1, 8, 1), int), 8, 0, np.random.default_rng(0))
    start = whole.index(b"IDAT") - 4
    data = whole[:start] + chunk(b"IDAT", zlib.compress(pixels)) + chunk(b"IEND")
    assert png_decoding.decode(data) is None


def test_chunks_in_disorder_are_left_to_opencv():
    random = np.random.default_rng(0)
    whole = png(np.zeros((4, 8, 1), int), 8, 0, random, parts=2)
    second = whole.rindex(b"IDAT") - 4
    for data in (
        whole[:second] + chunk(b"tEXt", b"a\0b") + whole[second:],
        whole[:8] + chunk(b"tEXt", b"a\0b") + whole[8:],
        whole[: whole.index(b"IDAT") - 4] + whole[8:33] + whole[whole.index(b"IDAT") - 4 :],
    ):
        assert png_decoding.decode(data) is None


def test_real_frames(samples_root):
    files = sorted(samples_root.glob("cityscapes/**/*.png"))
    assert len(files) >= 8
    for path in files:
        assert_same(png_decoding.decode(path.read_bytes()), by_opencv(path.read_bytes()))


def test_it_takes_over_where_opencv_has_taken_long(monkeypatch):
    random = np.random.default_rng(0)
    tiny, small, large = (
        png(np.zeros((height, 1024, 1), int), 8, 0, random, kinds=np.zeros(height, int)) for height in (8, 64, 1024)
    )
    compiled.load.cache_clear()
    monkeypatch.setattr(compiled, "_waited", 0.0)
    png_decoding.by_opencv(small)
    assert compiled._waited == 0.0
    png_decoding.by_opencv(large)
    assert compiled._waited > 0.0 and png_decoding.decode_where_it_pays(large) is None
    monkeypatch.setattr(compiled, "_PATIENCE", compiled._waited)
    assert png_decoding.decode_where_it_pays(small) is None and compiled.loaded() is None
    assert_same(png_decoding.decode_where_it_pays(large), by_opencv(large))
    assert_same(png_decoding.decode_where_it_pays(small), by_opencv(small))
    assert png_decoding.decode_where_it_pays(tiny) is None


def test_without_numba_opencv_does_it(monkeypatch):
    data = png(np.zeros((2, 2, 1), int), 8, 0, np.random.default_rng(0))
    monkeypatch.setitem(sys.modules, "synmix.data.png_filters", None)
    compiled.load.cache_clear()
    assert png_decoding.decode(data) is None and compiled.loaded() is None
    monkeypatch.undo()
    compiled.load.cache_clear()
    assert png_decoding.decode(data) is not None


def test_reading_does_not_import_numba():
    code = "import synmix.data.images, synmix.data.bilinear, sys; assert 'numba' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
