"""The report and the audit tool, from results made up for the purpose; pictures are drawn and have the right size."""

import json
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest

from synmix.evaluate.result import result_path
from synmix.report.report import write_report
from synmix.study.scale import load_scale
from synmix.study.store import Store
from vehicle_keypoints.average_precision import Predictions, Truth
from vehicle_keypoints.pictures import mirrored, most_telling, show_flip
from vehicle_keypoints.result import score, write_result
from vehicle_keypoints.schemas import CARFUSION
from vehicle_keypoints.sources import registered_frames
from vehicle_keypoints.study import arm, judged_on

TOOLS = Path(__file__).resolve().parents[2] / "tools"
MINI = load_scale("keypoints_mini")
NOISE = {"identity_flip": 4.0, "corrected_flip": 1.0, "arm_b": 1.4, "arm_a": 1.5}


def fill(store, arms, seeds=(0, 1, 2)):
    """Finished runs with results of predictions that are off by the arm's noise."""
    generator = np.random.default_rng(3)
    truths = {}
    for index in range(12):
        points = np.column_stack([generator.uniform(5, 60, (14, 2)), np.full(14, 2)])
        truths[f"f{index}"] = Truth(np.array([[5.0, 5, 60, 60]]), points[None])
    for name in arms:
        for seed in seeds:
            run, data_set = arm(MINI, name).with_seed(seed), MINI.data_set(judged_on(name))
            with store.lock(run):
                store.begin(run)
                found = {}
                for frame, truth in truths.items():
                    shifted = truth.keypoints + np.append(generator.normal(0, NOISE[name], 2), 0)
                    found[frame] = Predictions(generator.uniform(0.3, 1, 1), truth.boxes, shifted)
                result = score(data_set, CARFUSION.points, CARFUSION.sigmas, truths, found)
                write_result(result_path(store.folder(run), data_set), result, 20, 0, {})
                store.end(run, "finished", "", 60.0)


def test_a_full_report_holds_figures_published_numbers_and_plots(tmp_path):
    store = Store(tmp_path / "store")
    fill(store, NOISE)
    write_report(store, MINI, tmp_path / "report")
    text = (tmp_path / "report/report.md").read_text()
    for expected in ("| +28.4 |", "38.1", "35.8", "−2.3 pp, one training each", "12 of 15 runs finished", "3 seeds"):
        assert expected in text, expected
    assert {path.name for path in (tmp_path / "report").glob("*.svg")} == {"arms.svg", "flip.svg"}


def test_a_report_works_with_missing_runs_and_says_so(tmp_path):
    store = Store(tmp_path / "store")
    fill(store, ["arm_b"], seeds=(0,))
    write_report(store, MINI, tmp_path / "report")
    text = (tmp_path / "report/report.md").read_text()
    assert "Not yet run. The original reports" in text and "not yet run" in text


def test_an_edited_result_is_noticed(tmp_path):
    store = Store(tmp_path / "store")
    fill(store, ["arm_b"], seeds=(0,))
    path = next((tmp_path / "store").rglob("results/*.json"))
    path.write_text(json.dumps(json.loads(path.read_text()) | {"AP": 99}))
    write_report(store, MINI, tmp_path / "report")
    assert "was edited since the run finished" in (tmp_path / "report/report.md").read_text()


def test_mirroring_twice_gives_the_frame_back(keypoint_datasets):
    frames, schema, flip = registered_frames("mini_carfusion_14pt_val")
    frame = most_telling(frames)
    boxes, keypoints = mirrored(frame, flip)
    again = mirrored(type(frame)(*[*vars(frame).values()][:5], boxes, keypoints), flip)
    np.testing.assert_allclose(again[0], frame.boxes)
    np.testing.assert_allclose(again[1], frame.keypoints)
    picture = show_flip(frame, schema, flip)
    assert picture.ndim == 3 and picture.shape[1] > 1000


@pytest.mark.parametrize(
    ("arguments", "code", "expected"),
    [
        (["mini_carfusion_14pt_train"], 0, "clean"),
        (["mini_carfusion_14pt_identity_flip_train"], 1, "left and right are not swapped"),
        (["--yolo", "{root}/carfusion/yolo", "--flip", ",".join(map(str, range(14)))], 1, "not swapped"),
        (["mini_carfusion_14pt_train", "--flip", "1,0"], 2, "--flip has 2 entries"),
        ([], 2, "name one of"),
    ],
)
def test_the_audit_tool_says_what_it_finds_and_exits_accordingly(
    arguments, code, expected, keypoint_datasets, monkeypatch, capsys
):
    tool = str(TOOLS / "audit_keypoints.py")
    monkeypatch.setattr(sys, "argv", [tool, *(argument.format(root=keypoint_datasets) for argument in arguments)])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(tool, run_name="__main__")
    printed = capsys.readouterr()
    assert ended.value.code == code, printed.err
    assert expected in " ".join((printed.out + printed.err).split())
