"""The vehicles' miniature on disk: drawn by the tool, resumed after a kill, and never over what was not drawn here."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from miniature.vehicles.write import Miniature, write_miniature
from synmix.errors import UserError
from vehicle_keypoints.schemas import CITYSAMPLE
from vehicle_keypoints.sources import frames_of

TOOL = Path(__file__).resolve().parents[3] / "datasets" / "make_mini.py"
SMALL = Miniature(height=48, width=64, real_per_scene=1, synthetic_per_group=1)


def contents(root):
    return {path.relative_to(root): path.read_bytes() for path in root.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    root = tmp_path_factory.mktemp("vehicles")
    write_miniature(root, SMALL, num_workers=1)
    return root


def test_a_killed_call_is_done_again(drawn, tmp_path):
    write_miniature(tmp_path, SMALL, num_workers=1)
    (tmp_path / "citysample/annotations/coco.json").unlink()
    next((tmp_path / "carfusion").rglob("*.jpg")).unlink()
    write_miniature(tmp_path, SMALL, num_workers=1)
    assert contents(tmp_path) == contents(drawn)


def test_a_second_call_draws_nothing(drawn):
    before = {path: path.stat().st_mtime_ns for path in drawn.rglob("*.png")}
    write_miniature(drawn, SMALL, num_workers=1)
    assert {path: path.stat().st_mtime_ns for path in drawn.rglob("*.png")} == before


@pytest.mark.parametrize("force", [False, True])
def test_data_that_was_not_drawn_here_is_never_touched(tmp_path, force):
    own = tmp_path / "carfusion" / "train" / "mine.txt"
    own.parent.mkdir(parents=True)
    own.write_text("real data")
    with pytest.raises(UserError, match="choose another folder"):
        write_miniature(tmp_path, SMALL, num_workers=1, force=force)
    assert own.read_text() == "real data"


def test_another_miniature_needs_force(tmp_path):
    write_miniature(tmp_path, SMALL, num_workers=1)
    first = contents(tmp_path)
    other = Miniature(seed=3, height=48, width=64, real_per_scene=1, synthetic_per_group=1)
    with pytest.raises(UserError, match=r"other seed.*--overwrite"):
        write_miniature(tmp_path, other, num_workers=1)
    write_miniature(tmp_path, other, num_workers=1, force=True)
    assert contents(tmp_path) != first


@pytest.mark.slow
def test_the_remedy_for_missing_data_is_a_command_that_works(tmp_path, monkeypatch):
    monkeypatch.setenv("DETECTRON2_DATASETS", str(tmp_path))
    with pytest.raises(UserError, match=r"uv run datasets/make_mini\.py --vehicles"):
        frames_of("citysample", "mini/citysample", "train", CITYSAMPLE)
    subprocess.run([sys.executable, str(TOOL), "--vehicles"], check=True, capture_output=True)
    frames = frames_of("citysample", "mini/citysample", "train", CITYSAMPLE)
    assert np.mean([len(frame.boxes) for frame in frames.values()]) > 1
