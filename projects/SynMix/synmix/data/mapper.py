"""The training mapper: a Detectron2 dict becomes image and instances, with the masks of all instances made at once from
the instance map. Equal bit for bit to Detectron2's ``DatasetMapper`` on the same labels and random state.

Shape legend: H, W are the augmented image's height and width, N its labelled instances.
"""

from collections.abc import Sequence
from typing import Any

import synmix.before_detectron2  # noqa: F401

import cv2
import numpy as np
import torch
from detectron2.config import CfgNode
from detectron2.data import DatasetMapper
from detectron2.data import transforms as T
from detectron2.structures import BitMasks, Boxes, BoxMode, Instances
from fvcore.transforms.transform import TransformList

from synmix.data.images import read_instance_map, read_map
from synmix.data.packed_masks import PackedMasks
from synmix.data.resizing import RESIZES
from synmix.data.run_lengths import Regions, Runs, regions_of, runs_of
from synmix.errors import UserError

#: Instances numbered in one map, so that it stays 8-bit: Detectron2 resizes wider types by another rule.
_PER_MAP = 255


class SynMixMapper:
    """A dict with an ``instance_map`` gets its masks from there; any other (polygons, RLE, keypoints) goes through
    Detectron2's own mapper.

    Args:
        augmentations: Detectron2 augmentations, applied in order.
        image_format: ``"BGR"`` or ``"RGB"``.
        fallback: maps the dicts without an ``instance_map``.
        crops: boxes are made anew from the masks, since a crop leaves them loose.
        packed: ``gt_masks`` is one map of instance numbers (:class:`PackedMasks`).

    >>> from synmix.config import load_config
    >>> from synmix.data import source
    >>> mapper = SynMixMapper.from_config(load_config("mini.yaml"))  # doctest: +SKIP
    """

    def __init__(
        self,
        augmentations: Sequence[T.Augmentation],
        image_format: str,
        fallback: DatasetMapper,
        crops: bool = False,
        packed: bool = False,
    ) -> None:
        self.augmentations = T.AugmentationList(augmentations)
        self.image_format = image_format
        self.fallback = fallback
        self.crops = crops
        self.packed = packed

    @classmethod
    def from_config(cls, cfg: CfgNode) -> "SynMixMapper":
        """The training mapper that ``cfg.INPUT`` describes."""
        fallback = DatasetMapper(cfg, is_train=True)
        augmentations = [RESIZES[cfg.INPUT.RESIZE](augmentation) for augmentation in fallback.augmentations.augs]
        fallback.augmentations = T.AugmentationList(augmentations)
        return cls(augmentations, cfg.INPUT.FORMAT, fallback, fallback.recompute_boxes, cfg.SPEED.PACKED_MASKS)

    def __call__(self, record: dict[str, Any]) -> dict[str, Any]:
        """Maps one dict; it is not changed.

        Returns:
            the dict with ``image``, (3, H, W) uint8, and ``instances``: ``gt_boxes``, ``gt_classes``, ``gt_masks``.

        Raises:
            UserError: the image or its map is missing, damaged, or of another size than the dict says.
        """
        if not (record.get("instance_map") and self.fallback.use_instance_mask):
            return self.fallback(record)
        record = dict(record)
        annotations = [a for a in record.pop("annotations") if not a.get("iscrowd", 0)]
        augmented = T.AugInput(_read_image(record, self.image_format))
        transforms = self.augmentations(augmented)
        record["image"] = torch.from_numpy(_channels_first(augmented.image))
        record["instances"] = self._instances(record, annotations, transforms, augmented.image.shape[:2])
        return record

    def _instances(
        self, record: dict[str, Any], annotations: list[dict[str, Any]], transforms: TransformList, size: tuple
    ) -> Instances:
        instances = Instances(size)
        instances.gt_boxes = Boxes(_boxes(annotations, transforms, size))
        instances.gt_classes = torch.tensor([a["category_id"] for a in annotations], dtype=torch.int64)
        if not annotations:
            return instances  # without masks, as Detectron2 leaves it
        numbers = _augmented_numbers(record, annotations, transforms)
        runs = [runs_of(part) for part in numbers]
        pixels, tight = _sizes(runs, len(annotations))
        if self.crops:
            instances.gt_boxes = Boxes(tight)
        keep = instances.gt_boxes.nonempty(threshold=1e-5) & (pixels > 0)  # filter_empty_instances
        kept = torch.nonzero(keep).flatten()
        instances = instances if len(kept) == len(annotations) else instances[kept]
        if self.packed:
            instances.gt_masks = PackedMasks(torch.from_numpy(_joined(numbers)), kept + 1)
        else:
            instances.gt_masks = BitMasks(_masks(runs, kept.numpy(), len(annotations)))
        return instances


def _read_image(record: dict[str, Any], image_format: str) -> np.ndarray:
    image = read_map(record["file_name"])
    image = cv2.cvtColor(image, cv2.COLOR_GRAY2BGR) if image.ndim == 2 else image[:, :, :3]
    _check_size(record["file_name"], image, record)
    return image if image_format == "BGR" else cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def _channels_first(image: np.ndarray) -> np.ndarray:
    """(H, W, 3) as contiguous (3, H, W), by OpenCV where it can: a fifth of NumPy's time. Views of planes, as resizing
    gives them, are copied only if they are flipped or cut."""
    planes = image.transpose(2, 0, 1)
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or image.strides[1] == 1:
        return np.ascontiguousarray(planes)
    made = np.empty(planes.shape, dtype=np.uint8)
    if image.strides[1] == -1:
        for plane, target in zip(planes, made, strict=True):
            cv2.flip(plane[:, ::-1], 1, dst=target)
        return made
    if image.strides[1] < 0:  # flipped, a view that runs backwards
        image = cv2.flip(image[:, ::-1], 1)
    cv2.split(np.ascontiguousarray(image), list(made))
    return made


def _check_size(path: str, image: np.ndarray, record: dict[str, Any]) -> None:
    if image.shape[:2] != (record["height"], record["width"]):
        raise UserError(
            f"'{path}' is {image.shape[1]} x {image.shape[0]} pixels but {record['width']} x {record['height']} was "
            "registered; the file has changed, or image and labels are of different sizes."
        )


def _boxes(annotations: list[dict[str, Any]], transforms: TransformList, size: tuple[int, int]) -> np.ndarray:
    """(N, 4) transformed boxes, x_min, y_min, x_max, y_max, clipped to the image (``transform_instance_annotations``).
    Always in floats: Detectron2 cuts the fractions off where a dict's box holds integers."""
    if not annotations:
        return np.zeros((0, 4))
    boxes = [BoxMode.convert(a["bbox"], a["bbox_mode"], BoxMode.XYXY_ABS) for a in annotations]
    moved = transforms.apply_box(np.array(boxes, dtype=np.float64)).clip(min=0)
    height, width = size
    return np.minimum(moved, [width, height, width, height])


def _augmented_numbers(
    record: dict[str, Any], annotations: list[dict[str, Any]], transforms: TransformList
) -> list[np.ndarray]:
    """Maps (H, W) uint8 of the annotations' numbers 1..255 (0: none of them), augmented like a mask; one map for each
    255 annotations. Nearest-neighbour sampling of a map of numbers is that of each mask."""
    instance_map = read_instance_map(record["instance_map"])
    _check_size(record["instance_map"], instance_map, record)
    runs, maps = runs_of(instance_map), []
    for first in range(0, len(annotations), _PER_MAP):
        ids = [a["instance_id"] for a in annotations[first : first + _PER_MAP]]
        number_of = np.zeros(1 << 16, dtype=np.uint8)
        number_of[ids] = np.arange(1, len(ids) + 1)
        numbers = np.repeat(number_of[runs.values], runs.lengths)  # a quarter of np.take's time
        maps.append(transforms.apply_segmentation(numbers.reshape(instance_map.shape)))
    return maps


def _joined(maps: list[np.ndarray]) -> np.ndarray:
    """(H, W) uint8, or int32 where there are several maps: the numbers 1..N of all of them; 0 is none."""
    if len(maps) == 1:
        return np.array(maps[0], order="C")  # augmented arrays may be views that run backwards
    joined = np.zeros(maps[0].shape, dtype=np.int32)
    for part, numbers in enumerate(maps):
        np.add(numbers, part * _PER_MAP, out=joined, where=numbers > 0, dtype=np.int32)
    return joined


def _sizes(runs: list[Runs], count: int) -> tuple[torch.Tensor, torch.Tensor]:
    """(N,) pixels and (N, 4) float32 tight boxes of each annotation, zeros where nothing of it is left."""
    pixels, boxes = np.zeros(count, dtype=np.int64), np.zeros((count, 4), dtype=np.float32)
    for part, part_runs in enumerate(runs):
        regions: Regions = regions_of(_foreground(part_runs))
        index = regions.values.astype(np.int64) - 1 + part * _PER_MAP
        pixels[index], boxes[index] = regions.pixels, regions.boxes
    return torch.from_numpy(pixels), torch.from_numpy(boxes)


def _foreground(runs: Runs) -> Runs:
    inside = runs.values > 0
    return Runs(runs.values[inside], runs.starts[inside], runs.ends[inside], runs.shape)


def _masks(runs: list[Runs], kept: np.ndarray, count: int) -> torch.Tensor:
    """(N, H, W) bool masks of the kept annotations. Only the pixels inside masks are touched: the zeros around them
    come from the operating system for nothing."""
    height, width = runs[0].shape
    masks = np.zeros((len(kept), height * width), dtype=bool)
    row_of = np.full(count, -1)
    row_of[kept] = np.arange(len(kept))
    for part, part_runs in enumerate(runs):
        inside = _foreground(part_runs)
        rows = row_of[inside.values.astype(np.int64) - 1 + part * _PER_MAP]
        for row, start, end in zip(rows.tolist(), inside.starts.tolist(), inside.ends.tolist(), strict=True):
            if row >= 0:
                masks[row, start:end] = True
    return torch.from_numpy(masks.reshape(-1, height, width))
