"""The report and the audit tool, from results made up for the purpose; pictures are drawn and have the right size."""

import json
import runpy
import sys
from pathlib import Path
from typing import cast

import numpy as np
import pytest
from vehicle_keypoints.experiment import declared, load_scale, make_run

from synmix.errors import UserError
from synmix.study.runs import Run
from synmix.study.store import Store
from vehicle_keypoints.average_precision import Predictions, Truth
from vehicle_keypoints.pictures import mirrored, most_telling, show_flip
from vehicle_keypoints.report import arms_table, write_report
from vehicle_keypoints.result import score, write_result
from vehicle_keypoints.schemas import CARFUSION
from vehicle_keypoints.sources import registered_frames

TOOLS = Path(__file__).resolve().parents[2] / "tools"
NOISE = {"identity_flip": 4.0, "corrected_flip": 1.0, "arm_b": 1.4, "arm_a": 1.5}


def fill(store, scale, arms, seeds=(0, 1, 2)):
    """Finished runs with results of predictions that are off by the arm's noise."""
    generator = np.random.default_rng(3)
    truths = {}
    for index in range(12):
        points = np.column_stack([generator.uniform(5, 60, (14, 2)), np.full(14, 2)])
        truths[f"f{index}"] = Truth(np.array([[5.0, 5, 60, 60]]), points[None])
    for arm in arms:
        for seed in seeds:
            run = make_run(scale, arm, seed)
            with store.lock(cast(Run, run)):
                store.begin(cast(Run, run))
                found = {}
                for name, truth in truths.items():
                    shifted = truth.keypoints + np.append(generator.normal(0, NOISE[arm], 2), 0)
                    found[name] = Predictions(generator.uniform(0.3, 1, 1), truth.boxes, shifted)
                result = score(scale.test_set(arm), CARFUSION.points, CARFUSION.sigmas, truths, found)
                folder = store.folder(run.id)
                write_result(folder / "results" / f"{scale.test_set(arm)}.json", result, 20, 0, {})
                store.end(cast(Run, run), "finished", "", 60.0)


def test_a_full_report_holds_figures_published_numbers_and_a_verdict(tmp_path):
    scale, store = load_scale("mini"), Store(tmp_path / "store")
    fill(store, scale, NOISE)
    text = write_report(scale, store, declared(), tmp_path / "report").read_text()
    for expected in (
        "| +28.4 |",
        "OKS-mAP 38.1",
        "OKS-mAP 35.8",
        "-2.3 pp, one training each",
        "12 runs took 12 minutes",
    ):
        assert expected in text
    assert any(answer in text for answer in ("**PASS:", "**FAIL:", "**INCONCLUSIVE:"))
    assert (tmp_path / "report/arms.png").stat().st_size > 5000
    assert (tmp_path / "report/points.png").stat().st_size > 5000


def test_a_report_works_with_missing_runs_and_says_so(tmp_path):
    scale, store = load_scale("mini"), Store(tmp_path / "store")
    with pytest.raises(UserError, match="holds no finished run"):
        arms_table(scale, store, declared())
    fill(store, scale, ["arm_b"], seeds=(0,))
    text = write_report(scale, store, declared(), tmp_path / "report").read_text()
    assert "No verdict yet:** 'arm_b' has 1 finished runs" in text and "Not yet run." in text


def test_an_edited_result_is_noticed(tmp_path):
    scale, store = load_scale("mini"), Store(tmp_path / "store")
    fill(store, scale, ["arm_b"], seeds=(0,))
    path = next((tmp_path / "store").rglob("results/*.json"))
    path.write_text(json.dumps(json.loads(path.read_text()) | {"AP": 99}))
    with pytest.raises(UserError, match="was edited since the run finished"):
        arms_table(scale, store, declared())


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
