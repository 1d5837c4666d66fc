"""One scene's labels in the encodings of other makers' data sets, each written from what its maker says of it.

Nothing here knows how they are read: that is in ``configs/data``, and tests hold one against the other.

Shape legend: H, W are a frame's height and width.
"""

from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from cityscapesscripts.helpers.labels import id2label, labels, name2label
from pycocotools import mask as mask_util

from miniature.streets.truth import Truth

Maps = dict[str, np.ndarray]


@dataclass(frozen=True)
class Encoding:
    """A data set's files: where they lie below the miniature, and what is in them."""

    domain: str
    image: str  # the pattern of images; {split} and {number} are filled in
    maps: Mapping[str, str]  # map -> pattern
    encode: Callable[[Truth], Maps]  # (H, W) or (H, W, C), RGB(A); uint8 or uint16
    splits: tuple[str, ...] = ("", "", "")  # the words for train, val and test; without words the reader divides
    lists: str = ""  # the pattern of the file that has all labels instead of maps
    entries: Callable[[Truth, str], Any] | None = None  # what such a file says of a frame, by its image's path
    collect: Callable[[list[Any]], Any] | None = None  # and the file


def _table(words: Mapping[str, int], other: int) -> np.ndarray:
    """(256,) the maker's value of each label id; ``other`` for classes that it does not know."""
    table = np.full(256, other, dtype=np.int64)
    for name, value in words.items():
        table[name2label[name].id] = value
    return table


def _bytes(value: np.ndarray, count: int = 2) -> list[np.ndarray]:
    return [(value >> 8 * place) & 255 for place in range(count)]


def _rgb(*channels: np.ndarray) -> np.ndarray:
    return np.stack(channels, axis=-1).astype(np.uint8)


_LABEL_IDS = {label.name: label.id for label in labels if label.id >= 0}
_SYNTHIA = _table(
    {"sky": 1, "building": 2, "road": 3, "sidewalk": 4, "fence": 5, "vegetation": 6, "pole": 7, "car": 8,
     "traffic sign": 9, "person": 10, "bicycle": 11, "motorcycle": 12, "parking": 13, "traffic light": 15,
     "terrain": 16, "rider": 17, "truck": 18, "bus": 19, "train": 20, "wall": 21}, 0)  # fmt: skip
_VIPER = _table({"person": 20, "motorcycle": 23, "car": 24, "bus": 26, "truck": 27, "trailer": 28, "train": 29}, 0)
_CARLA = _table(
    {"road": 1, "sidewalk": 2, "building": 3, "wall": 4, "fence": 5, "pole": 6, "traffic light": 7, "traffic sign": 8,
     "vegetation": 9, "terrain": 10, "sky": 11, "person": 12, "rider": 13, "car": 14, "truck": 15, "bus": 16,
     "train": 17, "motorcycle": 18, "bicycle": 19, "static": 20, "dynamic": 21, "rail track": 27}, 22)  # fmt: skip
_VKITTI = _table(
    {"sky": 0x5AC8FF, "terrain": 0xD200C8, "vegetation": 0x5AF000, "building": 0x8C8C8C, "road": 0x643C64,
     "traffic sign": 0xFFFF00, "traffic light": 0xC8C800, "pole": 0xFF8200, "truck": 0xA03C3C, "car": 0xFF7F50},
    0x505050)  # fmt: skip
_IDD = _table(
    {"road": 0, "parking": 1, "sidewalk": 3, "rail track": 4, "person": 6, "rider": 8, "motorcycle": 9, "bicycle": 10,
     "car": 12, "truck": 13, "bus": 14, "caravan": 15, "trailer": 16, "train": 17, "wall": 20, "fence": 21,
     "traffic sign": 24, "traffic light": 25, "pole": 26, "building": 29, "vegetation": 32, "sky": 33}, 35)  # fmt: skip
_VISTAS = _table(
    {"fence": 3, "wall": 6, "parking": 10, "rail track": 12, "road": 13, "sidewalk": 15, "building": 17, "person": 19,
     "rider": 20, "sky": 27, "terrain": 29, "vegetation": 30, "pole": 45, "traffic light": 48, "traffic sign": 50,
     "bicycle": 52, "bus": 54, "car": 55, "motorcycle": 57, "train": 58, "truck": 61}, 65)  # fmt: skip
_BDD = _table(
    {"person": 1, "rider": 2, "car": 3, "truck": 4, "bus": 5, "train": 6, "motorcycle": 7, "bicycle": 8},
    0)  # fmt: skip
_SHIFT = {"person": "pedestrian", **{name: name for name in ("car", "truck", "bus", "motorcycle", "bicycle")}}
_NUIMAGES = _SHIFT  # the same six
_TRAIN_IDS = _table({label.name: label.trainId for label in labels if label.id >= 0 and label.trainId < 19}, 19)


def _synthia(truth: Truth) -> Maps:
    planes = [_SYNTHIA[truth.class_map], truth.apart, np.zeros_like(truth.apart)]
    return {"labels": np.stack(planes, axis=-1).astype(np.uint16)}


def _viper(truth: Truth) -> Maps:
    classes = np.where(truth.numbers > 0, _VIPER[truth.class_map], 0)
    low, high = _bytes(np.where(classes > 0, truth.apart * 97, 0))  # numbers that need both bytes
    return {"inst": _rgb(classes, high, low)}


def _carla(ids: np.ndarray, truth: Truth) -> Maps:
    low, high = _bytes(ids * 211 % 65536)
    return {"instance": _rgb(_CARLA[truth.class_map], low, high)}


def _vkitti(truth: Truth) -> Maps:
    colors = _VKITTI[truth.class_map]
    tracks = np.where(np.isin(colors, (0xA03C3C, 0xFF7F50)), truth.apart, 0)
    return {"class": _rgb(*reversed(_bytes(colors, 3))), "instance": tracks.astype(np.uint8)}


def _urbansyn(truth: Truth) -> Maps:
    """The panoptic map as COCO numbers segments, which is a guess at what the maker does."""
    red, green, blue = _bytes(truth.class_map.astype(np.int64) * 1000 + truth.numbers, 3)
    return {"ss": _TRAIN_IDS[truth.class_map].astype(np.uint8), "panoptic": _rgb(red, green, blue)}


def _factor(table: np.ndarray, factor: int, truth: Truth, first: int = 1, plain: bool = False) -> Maps:
    """class * factor + number, in 16 bits; with ``plain`` the class alone where there is no instance."""
    classes, shown = table[truth.class_map], truth.numbers > 0
    values = classes * factor + np.where(shown, truth.numbers - 1 + first, 0)
    return {"instance": (np.where(shown, values, classes) if plain else values).astype(np.uint16)}


def _bdd(truth: Truth) -> Maps:
    low, high = _bytes(np.where(truth.numbers > 0, truth.apart * 131, 0))
    classes = np.where(truth.numbers > 0, _BDD[truth.class_map], 0)
    return {"bitmask": _rgb(classes, np.zeros_like(low), high, low)}


def _shapes(truth: Truth) -> list[tuple[int, str, dict[str, Any]]]:
    """Number, class and run lengths of each instance."""
    apart = truth.apart
    found = []
    for number in range(1, int(apart.max()) + 1):
        mask = apart == number
        name = id2label[int(truth.class_map[mask][0])].name
        coded = mask_util.encode(np.asfortranarray(mask.astype(np.uint8)))
        found.append((number, name, {"size": list(coded["size"]), "counts": coded["counts"].decode("ascii")}))
    return found


def _scalabel(truth: Truth, image: str) -> Any:
    video, name = image.split("/")[-2:]
    shapes = [(number, _SHIFT[label], rle) for number, label, rle in _shapes(truth) if label in _SHIFT]
    labelled = [{"id": str(number), "category": name, "rle": rle} for number, name, rle in shapes]
    return {"name": name, "videoName": video, "labels": labelled}


def _nuimages(truth: Truth, image: str) -> Any:
    """A frame of COCO's format: its image, and its annotations by category."""
    shapes = [(_NUIMAGES[label], rle) for _, label, rle in _shapes(truth) if label in _NUIMAGES]
    again = [(name, {**rle, "counts": b64encode(rle["counts"].encode()).decode()}) for name, rle in shapes]
    height, width = truth.class_map.shape
    return {"file_name": image[image.index("samples/") :], "height": height, "width": width, "shapes": again}


def _coco(frames: list[Any]) -> Any:
    names = sorted(set(_NUIMAGES.values()))
    images = [
        {"id": place, **{key: frame[key] for key in ("file_name", "height", "width")}}
        for place, frame in enumerate(frames)
    ]
    shapes = [(place, name, rle) for place, frame in enumerate(frames) for name, rle in frame["shapes"]]
    annotations = [
        {"id": number, "image_id": place, "category_id": names.index(name), "segmentation": rle, "iscrowd": 0}
        for number, (place, name, rle) in enumerate(shapes)
    ]
    categories = [{"id": place, "name": name} for place, name in enumerate(names)]
    return {"images": images, "annotations": annotations, "categories": categories}


def _nothing(truth: Truth) -> Maps:
    return {}


ENCODINGS: dict[str, Encoding] = {
    "synthia": Encoding(
        "synthetic", "RAND_CITYSCAPES/RGB/{number:07}.png",
        {"labels": "RAND_CITYSCAPES/GT/LABELS/{number:07}.png"}, _synthia,
    ),
    "shift": Encoding(
        "synthetic", "shift/discrete/images/{split}/front/0a3f/{number:08}_img_front.jpg", {}, _nothing,
        ("train", "val", ""), "shift/discrete/images/{split}/front/det_insseg_2d.json", _scalabel,
        lambda frames: {"frames": frames, "config": {}},
    ),
    "viper": Encoding(
        "synthetic", "viper/{split}/img/001/001_{number:05}.jpg",
        {"inst": "viper/{split}/inst/001/001_{number:05}.png"}, _viper, ("train", "val", ""),
    ),
    "carla": Encoding(
        "synthetic", "carla/town/rgb/{number:06}.png", {"instance": "carla/town/instance/{number:06}.png"},
        lambda truth: _carla(truth.apart, truth),
    ),
    "carla16": Encoding(
        "synthetic", "carla16/town/rgb/{number:06}.png", {"instance": "carla16/town/instance/{number:06}.png"},
        lambda truth: _carla(truth.actors, truth),
    ),
    "vkitti2": Encoding(
        "synthetic", "vkitti2/{split}/clone/frames/rgb/Camera_0/rgb_{number:05}.jpg",
        {"class": "vkitti2/{split}/clone/frames/classSegmentation/Camera_0/classgt_{number:05}.png",
         "instance": "vkitti2/{split}/clone/frames/instanceSegmentation/Camera_0/instancegt_{number:05}.png"},
        _vkitti, ("Scene01", "Scene18", "Scene20"),
    ),
    "urbansyn": Encoding(
        "synthetic", "urbansyn/rgb/rgb_{number}.png",
        {"ss": "urbansyn/ss/ss_{number}.png", "panoptic": "urbansyn/panoptic/panoptic_{number}.png"}, _urbansyn,
    ),
    "kitti": Encoding(
        "real", "kitti/training/image_2/{number:06}_10.png",
        {"instance": "kitti/training/instance/{number:06}_10.png"},
        lambda truth: _factor(_table(_LABEL_IDS, 0), 256, truth),
    ),
    "kitti360": Encoding(
        "real", "KITTI-360/data_2d_raw/{split}/image_00/data_rect/{number:010}.png",
        {"instance": "KITTI-360/data_2d_semantics/train/{split}/image_00/instance/{number:010}.png"},
        lambda truth: _factor(_table(_LABEL_IDS, 0), 1000, truth),
        ("2013_05_28_drive_0000_sync", "2013_05_28_drive_0003_sync", "2013_05_28_drive_0010_sync"),
    ),
    "bdd100k": Encoding(
        "real", "bdd100k/images/10k/{split}/0a0a0a0a-{number:08x}.jpg",
        {"bitmask": "bdd100k/labels/ins_seg/bitmasks/{split}/0a0a0a0a-{number:08x}.png"}, _bdd, ("train", "val", ""),
    ),
    "idd": Encoding(
        "real", "IDD_Segmentation/leftImg8bit/{split}/0/{number:06}_leftImg8bit.png",
        {"instance": "IDD_Segmentation/gtFine/{split}/0/{number:06}_gtFine_instanceids.png"},
        lambda truth: _factor(_IDD, 1000, truth, first=0, plain=True), ("train", "val", ""),
    ),
    "nuimages": Encoding(
        "real", "nuimages/samples/CAM_FRONT/n003-2018-01-02__{number}.jpg", {}, _nothing,
        ("train", "val", ""), "nuimages/annotations/nuimages_v1.0-{split}.json", _nuimages, _coco,
    ),
    "mapillary": Encoding(
        "real", "mapillary/{split}/images/{number:022}.jpg",
        {"instance": "mapillary/{split}/v1.2/instances/{number:022}.png"},
        lambda truth: _factor(_VISTAS, 256, truth, first=0), ("training", "validation", ""),
    ),
}  # fmt: skip
