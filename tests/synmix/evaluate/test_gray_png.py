import io
import struct
import zlib

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from PIL import Image

from synmix.evaluate.gray_png import decode_mask

images = arrays(
    np.uint8, array_shapes(min_dims=2, max_dims=2, max_side=9), elements=st.sampled_from([0, 0, 0, 1, 200, 255])
)


def written(image: np.ndarray, filters: np.ndarray, pixels: bytes = b"") -> bytes:
    """A PNG whose rows use the given filters 0 to 4."""
    rows, before = [], np.zeros(image.shape[1], np.int64)
    for row, kind in zip(image.astype(np.int64), filters, strict=True):
        left = np.concatenate([[0], row[:-1]])
        corner = np.concatenate([[0], before[:-1]])
        estimate = left + before - corner
        distances = np.abs(np.stack([left, before, corner]) - estimate)
        paeth = np.stack([left, before, corner])[distances.argmin(0), np.arange(len(row))]
        guess = (np.zeros_like(row), left, before, (left + before) // 2, paeth)[kind]
        rows.append(bytes([kind]) + ((row - guess) % 256).astype(np.uint8).tobytes())
        before = row

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", image.shape[1], image.shape[0], 8, 0, 0, 0, 0)
    pixels = pixels or zlib.compress(b"".join(rows))
    parts = chunk(b"IHDR", header), chunk(b"IDAT", pixels[:5]), chunk(b"IDAT", pixels[5:]), chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


@given(images, st.data())
def test_every_mixture_of_filters_gives_the_mask_back_or_nothing(image, data):
    filters = data.draw(arrays(np.uint8, len(image), elements=st.integers(0, 4)))
    found = decode_mask(written(image, filters))
    assert (found is None) == bool((filters == 3).any())
    assert found is None or np.array_equal(found, image != 0)


@given(images)
def test_what_pillow_and_opencv_write(image):
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG")
    encoded = cv2.imencode(".png", image, [cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_UP])[1].tobytes()
    for data in (buffer.getvalue(), encoded):
        found = decode_mask(data)
        assert found is None or np.array_equal(found, image != 0)
    assert decode_mask(encoded) is not None


@pytest.mark.parametrize("mode", ["1", "P", "RGB", "RGBA", "I;16", "LA"])
def test_other_kinds_are_left_to_others(mode):
    buffer = io.BytesIO()
    Image.new(mode, (4, 3)).save(buffer, "PNG")
    assert decode_mask(buffer.getvalue()) is None


def test_masks_with_ragged_outlines_are_decoded():
    mask = np.zeros((200, 300), np.uint8)
    outline = np.random.default_rng(0).normal(0, 9, (60, 1, 2)) + 90 * np.array(
        [[[np.cos(angle), np.sin(angle)]] for angle in np.linspace(0, 6.2, 60)]
    )
    cv2.fillPoly(mask, [(outline + np.array([150, 100])).astype(np.int32)], 255)
    buffer = io.BytesIO()
    Image.fromarray(mask).save(buffer, "PNG")
    assert np.array_equal(decode_mask(buffer.getvalue()), mask != 0)


def test_noise_under_paeth_is_left_to_others():
    noise = np.random.default_rng(0).integers(0, 256, (2, 900)).astype(np.uint8)
    assert decode_mask(written(noise, np.array([0, 4]))) is None


@pytest.mark.parametrize("pixels", [b"this is no zlib stream", zlib.compress(b"too short"), zlib.compress(bytes(99))])
def test_pixels_that_do_not_fit_the_header_are_left_to_others(pixels):
    assert decode_mask(written(np.zeros((5, 6), np.uint8), np.zeros(5, np.uint8), pixels)) is None


def test_damage_is_never_decoded():
    data = written(np.arange(30, dtype=np.uint8).reshape(5, 6), np.zeros(5, np.uint8))
    assert decode_mask(data) is not None
    for position in range(8, len(data)):
        damaged = bytearray(data)
        damaged[position] ^= 0x55
        found = decode_mask(bytes(damaged))
        assert found is None or position >= len(data) - 12, position
        assert decode_mask(data[:position]) is None
