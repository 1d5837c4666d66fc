"""Detectron2's resizing of the image, by faster means; masks, boxes, points and random numbers stay Detectron2's."""

from collections.abc import Callable
from functools import partial

import synmix.before_detectron2  # noqa: F401

import cv2
import numpy as np
from detectron2.data import transforms as T
from PIL import Image

from synmix.data import bilinear, compiled


class PillowResize(T.ResizeTransform):
    """Pillow's resizing, bit for bit: by compiled code where that is loaded, and none at all to the same size."""

    def apply_image(self, img: np.ndarray, interp: int | None = None) -> np.ndarray:
        """Resizes (H, W, 3) uint8 images to a view of (3, H, W), all else (masks) by Detectron2's rule."""
        if img.dtype != np.uint8 or img.shape[:2] != (self.h, self.w) or min(self.new_h, self.new_w) < 1:
            return super().apply_image(img, interp)
        if (self.new_h, self.new_w) == (self.h, self.w):
            return img
        code = compiled.loaded()
        if code is None or not self._as_compiled(img, interp):
            return super().apply_image(img, interp)
        return bilinear.resized(img, self.new_h, self.new_w, code.row_sums)

    def _as_compiled(self, image: np.ndarray, interp: int | None) -> bool:
        bilinearly = (self.interp if interp is None else interp) == Image.Resampling.BILINEAR
        in_order = bilinear.rows_are_first((self.h, self.w), (self.new_h, self.new_w))
        return bilinearly and image.shape[2:] == (3,) and in_order and compiled.ROUNDS_ALIKE


class OpenCVResize(T.ResizeTransform):
    """Resizes the image with OpenCV; masks, boxes and points as Detectron2 does. Some grey levels off Pillow's, which
    also filters when it makes an image smaller."""

    def apply_image(self, img: np.ndarray, interp: int | None = None) -> np.ndarray:
        """Resizes (H, W, 3) uint8 images with OpenCV, all else (masks) with Detectron2's rule."""
        if interp is not None or img.dtype != np.uint8 or img.ndim != 3:
            return super().apply_image(img, interp)
        return cv2.resize(np.ascontiguousarray(img), (self.new_w, self.new_h), interpolation=cv2.INTER_LINEAR)


class PillowResizeShortestEdge(T.ResizeShortestEdge):
    """``ResizeShortestEdge`` that resizes by :class:`PillowResize`, from the same random numbers."""

    transform: type[T.ResizeTransform] = PillowResize

    def get_transform(self, image: np.ndarray) -> T.Transform:
        """The transform for one image."""
        plain = super().get_transform(image)
        if isinstance(plain, T.ResizeTransform):
            return self.transform(plain.h, plain.w, plain.new_h, plain.new_w, plain.interp)
        return plain


class OpenCVResizeShortestEdge(PillowResizeShortestEdge):
    """The same with :class:`OpenCVResize`."""

    transform = OpenCVResize


def _by(kind: type[PillowResizeShortestEdge], augmentation: T.Augmentation) -> T.Augmentation:
    if type(augmentation) is not T.ResizeShortestEdge:
        return augmentation
    style = "range" if augmentation.is_range else "choice"
    return kind(augmentation.short_edge_length, augmentation.max_size, style, augmentation.interp)


#: The values of ``INPUT.RESIZE``: what happens to each of Detectron2's augmentations.
RESIZES: dict[str, Callable[[T.Augmentation], T.Augmentation]] = {
    "pillow": partial(_by, PillowResizeShortestEdge),
    "opencv": partial(_by, OpenCVResizeShortestEdge),
}
