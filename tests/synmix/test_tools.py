"""The tools as they are called: arguments out of range, endings that are none, and places that cannot be written."""

import json
import runpy
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from synmix.evaluate.average_precision import match_table
from synmix.evaluate.result import make_result, write_result

ROOT = Path(__file__).parents[2]
REAL, SYNTHETIC = "mini_cityscapes_instance_val", "mini_synscapes_instance_val"


@pytest.fixture
def call(monkeypatch, capsys):
    """A function that calls a tool in this process: its exit code and what it printed to standard error."""

    def tool(path, *arguments):
        monkeypatch.setattr(sys, "argv", [path, *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            runpy.run_path(str(ROOT / path), run_name="__main__")
        return stop.value.code, capsys.readouterr().err

    return tool


@pytest.mark.parametrize(
    "path, arguments, sentence",
    [
        ("tools/choose_removal.py", ["sweep", "--tolerance", "-1"], "from 0"),
        ("tools/choose_removal.py", ["sweep", "--tolerance", "nan"], "from 0"),
        ("tools/choose_removal.py", ["match", "--distance", "furlong"], "invalid choice"),
        ("tools/eval_cityscapes.py", ["--resamples", "-1"], "a whole number from 0"),
        ("tools/eval_cityscapes.py", ["--confidence", "95"], "above 0 and below 1"),
        ("tools/eval_cityscapes.py", ["--num-workers", "-2"], "a whole number from 0"),
        ("tools/eval_cityscapes.py", ["--size-edges", "9,3"], "ascending"),
        ("tools/eval_cityscapes.py", ["--results", "x.json", "--chart", "x.xyz"], "'x.xyz' names no kind of picture"),
        ("tools/audit_labels.py", ["--frames", "-3"], "a whole number from 0"),
        ("tools/plan.py", ["--iterations", "0"], "a whole number from 1"),
        ("tools/plan.py", ["--gpu-hours", "inf"], "above 0"),
        ("tools/plan.py", ["--iterations", "9", "--batch-size", "0"], "a whole number from 1"),
        ("tools/show_removal.py", ["x", "--output", "x.xyz"], "names no kind of picture"),
        ("tools/show_removal.py", ["x", "--output", "x.png", "--thresholds", "101"], "from 0 to 100"),
        ("tools/show_removal.py", ["x", "--output", "x.png", "--by", "luck"], "invalid choice"),
        ("tools/export.py", ["x", "--output", "x.json", "--shape", "boxes"], "invalid choice"),
        ("tools/export.py", ["x", "--output", "x.json", "--num-workers", "-1"], "a whole number from 0"),
        ("tools/predict.py", ["x", "--output", "y"], "--config-file"),
        ("tools/visualize_data.py", ["x", "--columns", "0"], "from 1 to 20"),
        ("tools/audit_keypoints.py", ["x", "--picture", "x.xyz"], "names no kind of picture"),
        ("tools/study.py", ["list", "--jobs", "0"], "a whole number from 1"),
        ("tools/train_net.py", ["--num-gpus", "-1"], "a whole number from 1"),
        ("datasets/make_mini.py", ["--real-train", "-1"], "a whole number from 0"),
        ("datasets/make_mini.py", ["--density", "nan"], "from 0 to 5"),
        ("datasets/make_mini.py", ["--picture", "x.xyz"], "names no kind of picture"),
        ("datasets/make_mini.py", ["--encoded", "0"], "a whole number from 1"),
        ("datasets/make_mini.py", ["--encodings", "kiti"], "Did you mean 'kitti'?"),
        ("datasets/prepare_synscapes.py", ["--num-workers", "x"], "a whole number from 0"),
        ("datasets/prepare.py", ["kiti"], "no data set 'kiti' is described. Did you mean 'kitti'?"),
        ("datasets/prepare.py", ["kitti", "--rendering", "depth"], "has no images 'depth'; choose one of rgb"),
        ("datasets/prepare.py", ["kitti", "--input", "nowhere"], "'nowhere/training/image_2' does not exist"),
        ("datasets/prepare.py", ["kitti", "--rule", "x"], "expected NAME=VALUE"),
        ("tools/audit_labels.py", ["--raw-name", "kiti"], "Did you mean 'kitti'?"),
    ],
)
def test_arguments_out_of_range(call, path, arguments, sentence):
    code, told = call(path, *arguments)
    assert code == 2 and sentence in told and "Traceback" not in told


@pytest.fixture
def result(tmp_path) -> Path:
    write_result(tmp_path / "result.json", make_result("set", match_table({}), 0))
    return tmp_path / "result.json"


@pytest.fixture
def predictions(tmp_path) -> list[str]:
    """Arguments for a folder of predictions of one image, in which nothing is found."""
    truth = tmp_path / "gtFine/val/town/town_000000_000019_gtFine_instanceIds.png"
    truth.parent.mkdir(parents=True)
    instance_map = np.full((40, 60), 7, np.uint16)
    instance_map[5:25, 5:25] = 26001
    cv2.imwrite(str(truth), instance_map)
    (tmp_path / "predictions").mkdir()
    (tmp_path / "predictions/town_000000_000019_pred.txt").write_text("")
    image = tmp_path / "leftImg8bit/val/town/town_000000_000019_leftImg8bit.png"
    image.parent.mkdir(parents=True)
    cv2.imwrite(str(image), np.zeros((40, 60, 3), np.uint8))
    return ["--predictions", str(tmp_path / "predictions"), "--ground-truth", str(tmp_path / "gtFine/val")]


def places(request, tmp_path, kind):
    if kind == "file":
        (tmp_path / "file").write_text("")
        return tmp_path / "file"
    return request.getfixturevalue("small_disk")


@pytest.mark.parametrize("small_disk", ["ro"], indirect=True)
@pytest.mark.parametrize("kind", ["file", "disk"])
@pytest.mark.parametrize("what", ["--json", "--chart", "--errors", "--why-chart"])
def test_evaluation_into_a_place_that_cannot_be_written(call, request, tmp_path, predictions, kind, what, small_disk):
    place = places(request, tmp_path, kind)
    name = {"--json": "a.json", "--errors": "errors"}.get(what, "a.png")
    code, told = call("tools/eval_cityscapes.py", *predictions, "--num-workers", 1, what, place / name)
    assert code == 2 and "cannot be" in told and "Traceback" not in told


@pytest.mark.parametrize("small_disk", ["ro"], indirect=True)
@pytest.mark.parametrize("kind", ["file", "disk"])
@pytest.mark.parametrize(
    "path, arguments",
    [
        (
            "datasets/make_mini.py",
            ["--real-train", "1", "--synthetic-images", "3", "--num-workers", "1", "--output", "{}/m"],
        ),
        ("datasets/make_mini.py", ["--vehicles", "--num-workers", "1", "--output", "{}/m"]),
        ("tools/report.py", ["--scale", "mini", "--output", "{}/report"]),
        ("tools/audit_labels.py", [REAL, "--num-workers", "1", "--output", "{}/audit"]),
        (
            "tools/audit_labels.py",
            ["--first-contact", "{root}/mini/Synscapes", "--num-workers", "1", "--output", "{}/audit"],
        ),
        ("tools/export.py", [SYNTHETIC, "--num-workers", "1", "--output", "{}/a.json"]),
        ("tools/visualize_data.py", [REAL, "--output", "{}/pictures"]),
        ("tools/show_removal.py", [SYNTHETIC, "--output", "{}/a.png"]),
        (
            "tools/choose_removal.py",
            [
                "match",
                "--real",
                "mini_cityscapes_instance_val",
                "--synthetic",
                "mini_synscapes_instance_val",
                "--chart",
                "{}/a.svg",
            ],
        ),
        (
            "tools/compose.py",
            ["--config-file", "configs/mini.yaml", "--json", "{}/a.json", "DATASETS.IMAGES", "(3, 3)"],
        ),
        (
            "datasets/prepare_synscapes.py",
            ["--input", "{root}/mini/Synscapes", "--num-workers", "1", "--output", "{}/s"],
        ),
        (
            "datasets/prepare.py",
            ["cityscapes", "--input", "{root}/mini/cityscapes", "--num-workers", "1", "--output", "{}/s"],
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_every_tool_that_writes(call, request, tmp_path, mini_root, monkeypatch, path, arguments, kind, small_disk):
    monkeypatch.setenv("DETECTRON2_DATASETS", str(mini_root))
    monkeypatch.chdir(tmp_path)
    place = places(request, tmp_path, kind)
    arguments = [each.format(place, root=mini_root).replace("configs/", f"{ROOT}/configs/") for each in arguments]
    code, told = call(path, *arguments)
    assert code == 2 and "cannot be" in told and "Traceback" not in told, told


def test_results_that_are_none(call, tmp_path, result):
    whole = json.loads(result.read_text())
    for spoilt in (
        {**whole, "AP": "high"},
        {**whole, "AP": 300},
        {**whole, "matches": []},
        [1],
        {**whole, "format": 9},
    ):
        result.write_text(json.dumps(spoilt))
        code, told = call("tools/eval_cityscapes.py", "--results", result)
        assert code == 2 and "result.json" in told and "Traceback" not in told


def test_a_mistyped_override_of_a_sweep_ends_with_2(call, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, told = call("tools/sweep.py", "-m", "confg=mini.yaml")
    assert code == 2 and "confg" in told
