"""``INPUT.RESIZE pillow`` is Detectron2's resizing, whatever it is given."""

import numpy as np
import pytest
from detectron2.data import transforms as T
from PIL import Image

from synmix.data import compiled
from synmix.data.resizing import PillowResize, PillowResizeShortestEdge

KINDS = {
    "image": ((30, 40, 3), np.uint8),
    "gray": ((30, 40), np.uint8),
    "one channel": ((30, 40, 1), np.uint8),
    "four channels": ((30, 40, 4), np.uint8),
    "floats": ((30, 40, 3), np.float32),
}


@pytest.mark.parametrize("size", [(17, 23), (30, 40), (61, 80), (1, 90)])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("loaded", [False, True])
@pytest.mark.parametrize("interp", [None, Image.NEAREST, Image.BILINEAR, Image.BICUBIC])
def test_every_kind_of_array(size, kind, loaded, interp):
    compiled.load.cache_clear()
    assert not loaded or compiled.load()
    shape, dtype = KINDS[kind]
    image = np.random.default_rng(0).integers(0, 256, shape).astype(dtype)
    ours, theirs = (each(30, 40, *size) for each in (PillowResize, T.ResizeTransform))
    found, expected = ours.apply_image(image.copy(), interp), theirs.apply_image(image.copy(), interp)
    assert found.dtype == expected.dtype and np.array_equal(found, expected)
    points = np.array([[3.0, 4.0], [39.5, 0.0]])
    assert np.array_equal(ours.apply_coords(points.copy()), theirs.apply_coords(points.copy()))
    assert np.array_equal(ours.inverse().apply_coords(points.copy()), theirs.inverse().apply_coords(points.copy()))


def test_another_size_than_was_promised_is_refused():
    compiled.load()
    for new in (20, 30):
        with pytest.raises(AssertionError):
            PillowResize(30, 40, new, 40).apply_image(np.zeros((31, 40, 3), np.uint8))


def test_bilinear_alone_is_the_codes():
    edge = PillowResizeShortestEdge(20, 100, interp=Image.BICUBIC)
    compiled.load()
    image = np.random.default_rng(0).integers(0, 256, (30, 40, 3), dtype=np.uint8)
    found = edge.get_transform(image).apply_image(image)
    assert np.array_equal(found, np.asarray(Image.fromarray(image).resize((27, 20), Image.BICUBIC)))
