"""Photographs are predicted as the evaluation predicts, and the tool as it is called."""

import json
from functools import partial

import numpy as np
import pytest
import torch
from PIL import Image

from synmix.config import CONFIGS, build_model, load_config
from synmix.data.images import read_rgb
from synmix.labels import CLASS_NAMES
from synmix.predict.predictor import Predictor, classes_of, settled

MINI = str(CONFIGS / "mini.yaml")


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """A network as it is initialised; its masks are of all shapes."""
    path = tmp_path_factory.mktemp("weights") / "random.pth"
    torch.manual_seed(0)
    torch.save({"model": build_model(load_config(MINI)).state_dict()}, path)
    return str(path)


@pytest.fixture
def photograph(tmp_path):
    noise = np.random.default_rng(1).integers(0, 255, (30, 44, 3), dtype=np.uint8)
    path = tmp_path / "photographs/a.png"
    path.parent.mkdir()
    Image.fromarray(noise).resize((440, 300), Image.Resampling.BICUBIC).save(path)
    return path


@pytest.fixture
def call(call_tool):
    return partial(call_tool, "predict")


@pytest.mark.parametrize("point_rend", [True, False])
def test_as_the_evaluation_predicts(weights, photograph, point_rend, tmp_path):
    from synmix.train.checkpoint import trained_model
    from synmix.train.loader import EvaluationImages

    options = [] if point_rend else ["MODEL.ROI_MASK_HEAD.NAME", "MaskRCNNConvUpsampleHead"]
    options += [] if point_rend else ["MODEL.ROI_MASK_HEAD.POOLER_TYPE", "ROIAlignV2"]
    if not point_rend:
        torch.manual_seed(0)
        weights = str(tmp_path / "other.pth")
        torch.save({"model": build_model(load_config(MINI, options)).state_dict()}, weights)
    cfg = settled(load_config(MINI, [*options, "MODEL.WEIGHTS", weights]))
    model, _ = trained_model(cfg)
    record = EvaluationImages(cfg)({"file_name": str(photograph), "height": 300, "width": 440})
    with torch.inference_mode():
        theirs = model.eval()([record])[0]["instances"]
    ours = Predictor(cfg, 0.0)(read_rgb(photograph))
    assert len(theirs) > 5
    assert np.array_equal(ours.scores, theirs.scores.double().numpy())
    assert np.array_equal(ours.categories, theirs.pred_classes.numpy())
    for index, mask in enumerate(theirs.pred_masks.numpy()):
        assert np.array_equal(ours.masks.mask(index), mask)
    least = float(np.median(ours.scores))
    assert Predictor(cfg, least)(read_rgb(photograph)).scores.tolist() == [s for s in ours.scores if s >= least]


def test_the_tool(call, weights, photograph, tmp_path, capsys):
    (photograph.parent / "torn.jpg").write_text("hello")
    common = ("--config-file", MINI, "--output", tmp_path / "out", "--score", "0.1", "MODEL.WEIGHTS", weights)
    summary = tmp_path / "summary.json"
    code, told, errors = call(photograph.parent, *common, "TEST.DETECTIONS_PER_IMAGE", 4, "--json", summary)
    assert code == 1 and "1 photographs predicted" in told and "torn.jpg" in errors
    document = json.loads((tmp_path / "out/predictions.json").read_text())
    assert [each["file_name"] for each in document["images"]] == ["a.png"] and len(document["annotations"]) <= 4
    assert [each["name"] for each in document["categories"]] == list(CLASS_NAMES)
    written = json.loads(summary.read_text())
    assert (written["made"], written["instances"]) == (1, len(document["annotations"]))
    assert "torn.jpg" in written["problems"][0][0] and written["score"] == 0.1
    code, told, _ = call(photograph, *common, "TEST.DETECTIONS_PER_IMAGE", 4)
    assert code == 0 and "0 photographs predicted, 1 kept" in told
    code, _, errors = call(photograph, *common, "TEST.DETECTIONS_PER_IMAGE", 5)
    assert code == 2 and "other settings (config)" in errors


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--score", "2"], "from 0 to 1"),
        (["MODEL.WEIGHTS", "absent.pth"], "'absent.pth' not found"),
        (["MODEL.MASK_ON", "False"], "predicts no masks"),
        (["MODEL.ROI_HEADS.NUM_CLASSES", "7", "MODEL.POINT_HEAD.NUM_CLASSES", "7"], "has 8 classes"),
        (["MODEL.FPN.OUT_CHANNELS", "32"], "do not fit the model"),
    ],
)
def test_what_cannot_be_meant(call, weights, photograph, tmp_path, options, sentence):
    code, _, errors = call(
        photograph, "--config-file", MINI, "--output", tmp_path / "out", "MODEL.WEIGHTS", weights, *options
    )
    assert code == 2 and sentence in errors and "Traceback" not in errors and not (tmp_path / "out").exists()


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_without_a_gpu_the_cpu_predicts_and_it_is_said(capsys):
    cfg = settled(load_config(MINI, ["MODEL.DEVICE", "cuda"]))
    assert cfg.MODEL.DEVICE == "cpu" and "predicting on the CPU" in capsys.readouterr().err


def test_classes_without_any_data_set():
    none = ["DATASETS.TRAIN", "()", "DATASETS.TEST", "()"]
    assert classes_of(load_config(MINI, none)) == CLASS_NAMES
    three = ["MODEL.ROI_HEADS.NUM_CLASSES", "3", "MODEL.POINT_HEAD.NUM_CLASSES", "3"]
    assert classes_of(load_config(MINI, none + three)) == ("class 1", "class 2", "class 3")
