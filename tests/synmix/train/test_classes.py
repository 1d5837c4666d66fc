"""Other classes from YAML alone, end to end: some of the eight, and a COCO data set with classes of its own."""

import json

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as mask_util

from synmix.compose.composition import CompositionSpec, compose
from synmix.config import CONFIGS, load_config
from synmix.data import sources
from synmix.errors import UserError
from synmix.evaluate.result import read_result
from synmix.export.labels import composition_labels
from synmix.predict.predictor import classes_of
from synmix.train.run import evaluate, train

SHORT = """
SOLVER: {IMS_PER_BATCH: 2, MAX_ITER: 3, WARMUP_ITERS: 1}
INPUT: {MIN_SIZE_TRAIN: [64], MAX_SIZE_TRAIN: 128, MIN_SIZE_TEST: 64, MAX_SIZE_TEST: 128}
LOG: {PICTURES: 2, PERIOD: 1}
TEST: {BOOTSTRAP: {RESAMPLES: 0}, DETECTIONS_PER_IMAGE: 5}
"""
TRACK = """
DATASETS:
  CLASSES: [cone, kart]
  COCO:
    - {name: track_train, annotations: train.json, images: ., domain: synthetic,
       categories: {"*_cone": cone, gokart: kart, tree: tree}}
    - {name: track_val, annotations: val.json, images: ., domain: real}
  TRAIN: [track_train]
  TEST: [track_val]
  REMOVAL: {cone: 50}
"""


def write_track(folder, name, cones, kart, polygons):
    """Two frames of 64 x 128 with cones as polygons or run lengths, a kart, and a tree."""
    images, labels = [], []
    categories = [{"id": place, "name": each} for place, each in enumerate((*cones, kart, "tree"), start=3)]
    for number in range(2):
        file = f"{name}_{number}.png"
        noise = np.random.default_rng(number).integers(0, 255, (64, 128, 3), dtype=np.uint8)
        Image.fromarray(noise).save(folder / file)
        images.append({"id": number, "file_name": file, "height": 64, "width": 128})
        for place, category in enumerate(categories * 2):
            x, y, width, height = 2 + 15 * place, 20, 12, 14 + 2 * place
            mask = np.zeros((64, 128), dtype=np.uint8, order="F")
            mask[y : y + height, x : x + width] = 1
            rle = mask_util.encode(mask)
            polygon = [x, y, x + width, y, x + width, y + height, x, y + height]
            shape = [polygon] if polygons else {"size": [64, 128], "counts": rle["counts"].decode()}
            label = {"id": len(labels) + 1, "image_id": number, "category_id": category["id"], "iscrowd": 0}
            labels.append({**label, "bbox": [x, y, width, height], "segmentation": shape})
    document = {"images": images, "annotations": labels, "categories": categories}
    (folder / f"{name}.json").write_text(json.dumps(document))


@pytest.fixture
def config(tmp_path, monkeypatch):
    """Writes a config over the miniature's and reads it; its results lie in ``out``."""
    monkeypatch.setattr(sources, "_SOURCES", dict(sources._SOURCES))

    def make(text, *options, base="Base-mini.yaml"):
        path = tmp_path / "mine.yaml"
        path.write_text(f"_BASE_: {CONFIGS / base}\nOUTPUT_DIR: {tmp_path / 'out'}\n{SHORT}{text}")
        return load_config(path, options)

    return make


@pytest.fixture
def track(tmp_path, monkeypatch):
    monkeypatch.setenv("DETECTRON2_DATASETS", str(tmp_path))
    write_track(tmp_path, "train", ("blue_cone", "yellow_cone"), "gokart", polygons=True)
    write_track(tmp_path, "val", ("cone",), "kart", polygons=False)


def test_some_of_the_eight(config, mini_root, monkeypatch, tmp_path, call_tool):
    monkeypatch.setenv("DETECTRON2_DATASETS", str(mini_root))
    data = "DATASETS: {CLASSES: [car, person], IMAGES: [2, 2], TEST: [mini_cityscapes_instance_val]}\n"
    cfg = config(data, base="mini.yaml")
    figures = train(cfg)["mini_cityscapes_instance_val"]["segm"]
    assert list(figures) == ["AP", "AP50", "AP-car", "AP-person", "AP50-car", "AP50-person"]
    assert read_result(tmp_path / "out/results/mini_cityscapes_instance_val.json").table.classes == ("car", "person")
    assert len(list((tmp_path / "out/pictures").iterdir())) == 2
    code, told, _ = call_tool("compose", "--config-file", tmp_path / "mine.yaml")
    assert code == 0 and "DATASETS.CLASSES does not name:" in told
    weights = ("MODEL.WEIGHTS", str(tmp_path / "out/model_final.pth"), "OUTPUT_DIR", str(tmp_path / "other"))
    more = config(data, "DATASETS.CLASSES", "('car','bus','person')", *weights, base="mini.yaml")
    with pytest.raises(UserError, match="do not fit"):
        train(more)


def test_a_coco_set_with_classes_of_its_own(config, track, tmp_path):
    cfg = config(TRACK)
    composition = compose(CompositionSpec.from_config(cfg))
    part = composition.parts[0]
    assert {each.category: (each.labels, each.removed) for each in part.removal} == {"cone": (8, 4), "kart": (4, 0)}
    assert part.left_out == {"tree": 4} and composition_labels(composition, "mine").classes == ("cone", "kart")
    assert {a["category_id"] for record in composition.dicts() for a in record["annotations"]} == {0, 1}
    figures = train(cfg)["track_val"]["segm"]
    assert list(figures) == ["AP", "AP50", "AP-cone", "AP-kart", "AP50-cone", "AP50-kart"]
    assert not any(np.isnan(value) for value in figures.values())
    assert classes_of(cfg) == ("cone", "kart")
    again = config(TRACK, "MODEL.WEIGHTS", str(tmp_path / "out/model_final.pth"))
    assert evaluate(again).figures["track_val"]["segm"] == pytest.approx(figures)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            ("CLASSES: [cone, kart]", "CLASSES: []"),
            "maps to the unknown class 'cone'; .* to be named in DATASETS.CLASSES",
        ),
        (("CLASSES: [cone, kart]", "CLASSES: [cone, karts]"), "'karts', which no data set has. Did you mean 'kart'"),
        (("REMOVAL: {cone: 50}", "REMOVAL: {cones: 50}"), "unknown class 'cones'. Did you mean 'cone'"),
        (("CLASSES: [cone, kart]", "CLASSES: [tree]"), None),
        (("TRAIN: [track_train]", "TRAIN: [track_val]"), None),
        (
            ("TEST: [track_val]", "TEST: [mini_cityscapes_instance_val]"),
            "has none of the classes cone, kart of DATASETS",
        ),
    ],
)
def test_what_yaml_can_say_wrongly_or_otherwise(config, track, mini_root, monkeypatch, change, sentence):
    from synmix.train.run import prepare

    cfg = config(TRACK.replace(*change))
    if sentence is None:
        prepare(cfg)
        return
    monkeypatch.setattr("synmix.data.sources.build_table", lambda *_: None)
    monkeypatch.setattr("synmix.data.cityscapes.list_frames", lambda *_: [])
    with pytest.raises(UserError, match=sentence):
        prepare(cfg)


def test_by_equal_names_the_files_say_which_classes_there_are(config, track):
    cfg = config(TRACK.replace("TRAIN: [track_train]", "TRAIN: [track_val]"), "DATASETS.CLASSES", "('kart','coen')")
    with pytest.raises(UserError, match=r"'coen', which no data set has. Did you mean 'cone'"):
        compose(CompositionSpec.from_config(cfg))
