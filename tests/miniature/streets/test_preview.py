"""The tool and its picture."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
from PIL import Image

from miniature.streets.preview import contact_sheet, overlay
from miniature.streets.write import Drawing

TOOL = Path(__file__).resolve().parents[3] / "datasets" / "make_mini.py"


def test_the_preview_has_four_rows():
    sheet = contact_sheet(Drawing(height=64, width=128), columns=2)
    assert sheet.shape == (4 * 64, 2 * 128, 3)
    assert np.any(sheet[:64] != sheet[64:128])


def test_overlay_colours_instances_and_leaves_the_rest():
    image = np.full((20, 30, 3), 100, np.uint8)
    ids, labels = np.zeros((20, 30), np.uint16), np.full((20, 30), 7)
    ids[5:15, 5:15], labels[5:15, 5:15] = 26000, 26
    shown = overlay(image, ids, labels)
    assert np.array_equal(shown[0, 20], image[0, 20])
    assert shown[10, 10].tolist() == [40, 40, int(100 * 0.4 + 142 * 0.6)]  # 60 % of a car's colour


def test_tool_draws_below_the_datasets_folder(tmp_path):
    command = [
        sys.executable,
        str(TOOL),
        "--real-train",
        "1",
        "--real-val",
        "1",
        "--real-test",
        "0",
        "--synthetic-images",
        "1",
    ]
    environment = {**os.environ, "DETECTRON2_DATASETS": str(tmp_path)}
    done = subprocess.run(
        [*command, "--height", "64", "--width", "128", "--picture", str(tmp_path / "preview.png")],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert len(list((tmp_path / "mini" / "cityscapes" / "leftImg8bit" / "val").glob("*/*.png"))) == 1
    with Image.open(tmp_path / "preview.png") as sheet:
        assert sheet.size == (3 * 128, 4 * 64)
    again = subprocess.run([*command, "--seed", "3"], env=environment, capture_output=True, text=True, check=False)
    assert again.returncode == 2 and again.stderr.startswith("error: ") and "Traceback" not in again.stderr
