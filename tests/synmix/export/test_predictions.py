"""Predictions in the Cityscapes result format as a COCO file, pixel for pixel."""

import contextlib
import io
import json

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from synmix.data import sources
from synmix.data.images import read_instance_map
from synmix.errors import UserError
from synmix.evaluate.cityscapes_format import Exporter
from synmix.evaluate.masks import from_masks
from synmix.export.labels import data_set_labels, write_export
from synmix.export.predictions import predictions_of
from synmix.labels import CLASS_NAMES

NAME = "mini_cityscapes_instance_val"


@pytest.fixture
def perfect(mini_root, monkeypatch, tmp_path):
    """A folder of predictions that are the labels, groups left out, with scores of their own; and what was predicted
    as image -> masks, categories, scores."""
    monkeypatch.setenv("DETECTRON2_DATASETS", str(mini_root))
    source, predicted = sources.source(NAME), {}
    export = Exporter(tmp_path / "sent", CLASS_NAMES)
    for record in source.dicts(source.table()):
        instance_map = read_instance_map(record["instance_map"])
        kept = [annotation for annotation in record["annotations"] if not annotation["iscrowd"]]
        masks = np.array([instance_map == annotation["instance_id"] for annotation in kept])
        masks = masks.reshape(-1, *instance_map.shape)
        categories = np.array([annotation["category_id"] for annotation in kept], dtype=np.int64)
        scores = np.linspace(0.1, 0.9, len(kept))
        export(record, from_masks(masks), categories, scores, None)
        predicted[record["image_id"]] = masks, categories, scores
    return tmp_path / "sent", predicted


@pytest.mark.parametrize("shape", ["rle", "polygons"])
def test_masks_classes_and_scores_are_those_of_the_folder(perfect, tmp_path, shape):
    folder, predicted = perfect
    written, _ = write_export(predictions_of(NAME, folder), tmp_path / "p.json", shape, num_workers=1)
    api = COCO(str(tmp_path / "p.json"))
    assert written.annotations == sum(len(scores) for _, _, scores in predicted.values())
    names = [category["name"] for category in api.loadCats(sorted(api.getCatIds()))]
    for image in api.loadImgs(api.getImgIds()):
        masks, categories, scores = predicted[image["file_name"].removesuffix("_leftImg8bit.png")]
        found = api.loadAnns(api.getAnnIds(imgIds=image["id"]))
        assert [names[each["category_id"] - 1] for each in found] == [CLASS_NAMES[c] for c in categories]
        assert [each["score"] for each in found] == scores.tolist()
        for each, mask in zip(found, masks, strict=True):
            x, y, width, height = each["bbox"]
            assert np.array_equal(api.annToMask(each), mask) and each["area"] == mask.sum()
            assert mask[y : y + height, x : x + width].sum() == mask.sum() and mask[y].any() and mask[:, x].any()


def test_pycocotools_scores_them_against_the_labels(perfect, tmp_path):
    write_export(data_set_labels(NAME), tmp_path / "truth.json", num_workers=1)
    write_export(predictions_of(NAME, perfect[0]), tmp_path / "p.json", num_workers=1)
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO(str(tmp_path / "truth.json"))
        evaluation = COCOeval(
            truth, truth.loadRes(json.loads((tmp_path / "p.json").read_text())["annotations"]), "segm"
        )
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    assert evaluation.stats[0] == pytest.approx(1)


def test_what_is_missing_or_there_twice_is_named(perfect, tmp_path):
    folder, predicted = perfect
    name = next(iter(predicted))
    text = folder / f"{name}_pred.txt"
    (folder / "deep").mkdir()
    (folder / "deep" / text.name).write_text("")
    with pytest.raises(UserError, match=f"'{name}' below .*: several"):
        predictions_of(NAME, folder)
    (folder / "deep" / text.name).unlink()
    text.unlink()
    with pytest.raises(UserError, match=rf"'{name}\*\.txt' is not there"):
        predictions_of(NAME, folder)
    with pytest.raises(UserError, match=r"no folder .*--export writes one"):
        predictions_of(NAME, tmp_path / "absent")
    (tmp_path / "result.json").write_text("{}")
    with pytest.raises(UserError, match="not their masks"):
        predictions_of(NAME, tmp_path / "result.json")
