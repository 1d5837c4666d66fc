"""The Detectron2 evaluator: the same figures on one process, on two, in any order, and a sentence for bad input."""

import synmix.before_detectron2  # noqa: F401

# isort: split
import json
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from detectron2.data import DatasetCatalog, MetadataCatalog
from detectron2.structures import Instances
from pycocotools import mask as mask_util
from torch import distributed

from synmix.data import sources
from synmix.data.coco import register_coco_format
from synmix.errors import UserError
from synmix.evaluate.evaluator import CityscapesInstanceEvaluator
from synmix.evaluate.result import read_result
from synmix.labels import CATEGORY_OF_LABEL, CLASS_NAMES

HEIGHT, WIDTH, IMAGES = 64, 96, 6


def draw_frames(root: Path) -> None:
    """Six frames in the Cityscapes layout: two cars and a person each, at places of their own."""
    for number in range(IMAGES):
        generator = np.random.default_rng(number)
        instance_map = np.full((HEIGHT, WIDTH), 7, dtype=np.uint16)
        for value, x in ((26001, 2), (26002, 34), (24001, 66)):
            y, height, width = generator.integers(0, 30), generator.integers(14, 30), generator.integers(12, 28)
            instance_map[y : y + height, x : x + width] = value
        name = f"town_{number:06}_000019"
        for folder, suffix, picture in (
            ("leftImg8bit", "leftImg8bit", np.full((HEIGHT, WIDTH, 3), 90, dtype=np.uint8)),
            ("gtFine", "gtFine_instanceIds", instance_map),
        ):
            path = root / folder / "val" / "town" / f"{name}_{suffix}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(path), picture)


def predict(frame: dict) -> dict:
    """Predictions from the truth: shifted by the image's own amount, one false car each."""
    instance_map = cv2.imread(frame["instance_map"], cv2.IMREAD_UNCHANGED)
    generator = np.random.default_rng(int(frame["image_id"].split("_")[1]))
    values = [value for value in np.unique(instance_map).tolist() if value >= 1000]
    masks = [np.roll(instance_map == value, generator.integers(0, 4), axis=1) for value in values]
    masks.append(np.zeros((HEIGHT, WIDTH), dtype=bool))
    masks[-1][50:, 40:] = True
    instances = Instances((HEIGHT, WIDTH))
    instances.pred_masks = torch.from_numpy(np.array(masks))
    instances.scores = torch.from_numpy(generator.random(len(masks)).astype(np.float32))
    instances.pred_classes = torch.tensor([CATEGORY_OF_LABEL[value // 1000] for value in values] + [2])
    return {"instances": instances}


@pytest.fixture(scope="module")
def town(tmp_path_factory) -> str:
    root = tmp_path_factory.mktemp("town")
    draw_frames(root)
    sources.register_cityscapes_format("town_val", root, "val", "real")
    return "town_val"


def scored(name: str, frames: list, **options) -> CityscapesInstanceEvaluator:
    evaluator = CityscapesInstanceEvaluator(name, **options)
    evaluator.reset()
    for frame in frames:
        evaluator.process([frame], [predict(frame)])
    return evaluator


def frames_of(name: str) -> list:
    CityscapesInstanceEvaluator(name)  # registers
    return DatasetCatalog.get(name)


def test_figures_under_detectron2s_names_and_the_result_file(town, tmp_path):
    evaluator = scored(town, frames_of(town), output_dir=str(tmp_path), resamples=50)
    figures = evaluator.evaluate()["segm"]
    assert list(figures)[:3] == ["AP", "AP50", "AP-person"]
    assert 0 < figures["AP-car"] < figures["AP50-car"] < 100
    assert figures["AP"] == pytest.approx((figures["AP-car"] + figures["AP-person"]) / 2)
    assert np.isnan(figures["AP-train"])
    document = json.loads((tmp_path / "results" / f"{town}.json").read_text())
    assert document["AP"] == figures["AP"]
    assert document["classes"]["car"]["AP50"] == figures["AP50-car"]
    assert document["classes"]["train"] == {"AP": None, "AP50": None}
    assert document["intervals"]["AP"][0] <= document["AP"] <= document["intervals"]["AP"][1]
    assert set(document["classes"]) == set(CLASS_NAMES)
    assert read_result(tmp_path / "results" / f"{town}.json").figures["AP50"] == figures["AP50"]


def test_a_class_has_the_figures_it_has_among_all(town):
    frames = frames_of(town)
    whole = scored(town, frames, resamples=0).evaluate()["segm"]
    chosen = ("car", "person")
    evaluator = CityscapesInstanceEvaluator(town, resamples=0, classes=chosen)
    evaluator.reset()
    for frame in frames:
        found = predict(frame)["instances"]
        names = [CLASS_NAMES[category] for category in found.pred_classes.tolist()]
        found = found[[index for index, name in enumerate(names) if name in chosen]]
        found.pred_classes = torch.tensor([chosen.index(name) for name in names if name in chosen])
        evaluator.process([frame], [{"instances": found}])
    figures = evaluator.evaluate()["segm"]
    assert list(figures) == ["AP", "AP50", "AP-car", "AP-person", "AP50-car", "AP50-person"]
    assert all(figures[name] == whole[name] for name in list(figures)[2:])


def test_the_result_says_where_it_comes_from(town, tmp_path):
    (tmp_path / "config.yaml").write_text("SEED: 0\n")
    (tmp_path / "manifest.json").write_text('{"checksum": "abc"}')
    scored(town, frames_of(town), output_dir=str(tmp_path), resamples=0).evaluate()
    found = read_result(tmp_path / "results" / f"{town}.json").provenance
    assert found["config"] == str(tmp_path / "config.yaml")
    assert found["manifest"] == "abc"
    assert found["version"]


def test_nothing_is_written_without_a_folder(town, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    scored(town, frames_of(town), resamples=0).evaluate()
    assert not list(tmp_path.iterdir())


def test_the_order_of_images_does_not_matter_and_reset_forgets(town):
    frames = frames_of(town)
    first = scored(town, frames, resamples=20)
    second = scored(town, frames[::-1], resamples=20)
    expected = first.evaluate()
    assert second.evaluate() == expected or repr(second.evaluate()) == repr(expected)  # nan is not nan
    assert first.result.intervals["AP"] == second.result.intervals["AP"]
    second.reset()
    assert second.evaluate()["segm"]["AP"] == 0


def test_images_nobody_has_seen_count_as_missed(town, caplog):
    frames = frames_of(town)
    figures = scored(town, frames[:3], resamples=0).evaluate()["segm"]
    assert "3 of 6 images of 'town_val' were not evaluated" in caplog.text
    blank = scored(town, frames[:3], resamples=0)
    blank.process(frames[3:], [{}] * 3)  # an image without "instances" has no predictions
    assert repr(blank.evaluate()["segm"]) == repr(figures)


def test_integer_and_float_masks_are_read_like_boolean_ones(town):
    frames = frames_of(town)
    expected = repr(scored(town, frames, resamples=0).evaluate())
    for convert in (lambda m: m.to(torch.uint8), lambda m: m.float() * 0.9):
        evaluator = CityscapesInstanceEvaluator(town, resamples=0)
        for frame in frames:
            output = predict(frame)
            output["instances"].pred_masks = convert(output["instances"].pred_masks)
            evaluator.process([frame], [output])
        assert repr(evaluator.evaluate()) == expected


def spoil(frame: dict, **fields) -> dict:
    output = predict(frame)
    instances = Instances((HEIGHT, WIDTH))
    for name in ("pred_masks", "scores", "pred_classes"):
        instances.set(name, fields.get(name, output["instances"].get(name)))
    return {"instances": instances}


@pytest.mark.parametrize(
    "fields, message",
    [
        (
            {"pred_masks": torch.ones(4, HEIGHT, 7, dtype=torch.bool)},
            "masks are 7 x 64 pixels, the ground truth 96 x 64",
        ),
        ({"scores": torch.tensor([0.1, 0.2, float("nan"), 0.3])}, "a score is not a number"),
        ({"pred_classes": torch.tensor([0, 1, 2, 8])}, "class 8 was predicted .* has only 8; set MODEL.ROI_HEADS"),
    ],
)
def test_predictions_that_cannot_be_scored(town, fields, message):
    frame = frames_of(town)[0]
    with pytest.raises(UserError, match=f"'town_000000_000019'.*{message}|{message}"):
        CityscapesInstanceEvaluator(town).process([frame], [spoil(frame, **fields)])


def test_an_image_of_another_data_set_is_refused(town):
    with pytest.raises(UserError, match="'elsewhere', which is not an image of 'town_val'"):
        CityscapesInstanceEvaluator(town).process([{"image_id": "elsewhere"}], [{}])


def test_an_empty_data_set_is_refused():
    DatasetCatalog.register("nothing_val", lambda: [])
    MetadataCatalog.get("nothing_val").thing_classes = list(CLASS_NAMES)
    try:
        with pytest.raises(UserError, match="'nothing_val' holds no image"):
            CityscapesInstanceEvaluator("nothing_val")
    finally:
        DatasetCatalog.remove("nothing_val")


def test_coco_format_is_scored_by_both_metrics(town, tmp_path):
    """The same frames in COCO format: no void there and no groups, hence the same Cityscapes figures."""
    frames = frames_of(town)
    images, annotations = [], []
    for number, frame in enumerate(frames):
        name = Path(frame["file_name"]).name
        images.append({"id": number, "file_name": name, "height": HEIGHT, "width": WIDTH})
        instance_map = cv2.imread(frame["instance_map"], cv2.IMREAD_UNCHANGED)
        for value in (26001, 26002, 24001):
            rle = mask_util.encode(np.asfortranarray(instance_map == value))
            box, area = mask_util.toBbox(rle).tolist(), int(mask_util.area(rle))
            rle["counts"] = rle["counts"].decode()
            entry = {"id": len(annotations) + 1, "image_id": number, "category_id": value // 1000, "bbox": box}
            annotations.append({**entry, "area": area, "segmentation": rle, "iscrowd": 0})
    categories = [{"id": 24, "name": "person"}, {"id": 26, "name": "car"}]
    path = tmp_path / "town.json"
    path.write_text(json.dumps({"images": images, "annotations": annotations, "categories": categories}))
    mapping = {"person": "person", "car": "car"}
    register_coco_format("town_coco", path, Path(frames[0]["file_name"]).parent, "real", mapping)
    evaluator = CityscapesInstanceEvaluator("town_coco", str(tmp_path), resamples=0, coco=True)
    for frame, original in zip(DatasetCatalog.get("town_coco"), frames, strict=True):
        evaluator.process([frame], [predict(original)])
    figures = evaluator.evaluate()
    expected = scored(town, frames, resamples=0).evaluate()["segm"]
    assert figures["segm"] == pytest.approx(expected, nan_ok=True)
    assert 0 < figures["segm-coco"]["AP"] < figures["segm-coco"]["AP50"] <= 100
    assert np.isnan(figures["segm-coco"]["APl"])
    written = read_result(tmp_path / "results" / "town_coco.json")
    assert written.coco == pytest.approx(figures["segm-coco"], nan_ok=True)


def test_two_processes_give_the_result_of_one(town, tmp_path):
    frames = frames_of(town)
    root = str(Path(frames[0]["instance_map"]).parents[3])
    scored(town, frames, output_dir=str(tmp_path / "one"), resamples=30).evaluate()
    meeting, output = f"file://{tmp_path}/meeting", str(tmp_path / "two")
    other = subprocess.Popen([sys.executable, __file__, "1", meeting, root, output])
    try:
        score_share(0, meeting, root, output)
        assert other.wait(timeout=60) == 0
    finally:
        other.kill()
    one, two = (read_result(tmp_path / folder / "results" / f"{town}.json") for folder in ("one", "two"))
    assert one.figures == pytest.approx(two.figures, nan_ok=True, abs=0)
    assert one.intervals["AP"] == two.intervals["AP"]
    np.testing.assert_array_equal(one.table.outcome, two.table.outcome)


def score_share(rank: int, meeting: str, root: str, output: str) -> None:
    """What each of two processes does: every second image."""
    distributed.init_process_group("gloo", meeting, timeout=timedelta(minutes=4), world_size=2, rank=rank)
    try:
        sources.register_cityscapes_format("town_val", root, "val", "real")
        evaluator = scored("town_val", frames_of("town_val")[rank::2], output_dir=output, resamples=30)
        assert bool(evaluator.evaluate()) == (rank == 0)
    finally:
        distributed.destroy_process_group()


if __name__ == "__main__":
    score_share(int(sys.argv[1]), *sys.argv[2:])
