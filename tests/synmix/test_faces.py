"""What people import: it is there without torch, mypy sees the same names, and the examples of docstrings run."""

import ast
import doctest
import importlib
import os
import pkgutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from miniature.streets.write import write_miniature
from synmix.evaluate import evaluate_folders, write_result
from synmix.files import write_json
from synmix.harmonize import prepare

ROOMS = ("evaluate", "statistics", "answer", "harmonize", "compose", "data")
MODULES = [
    f"synmix.{room}.{module.name}"
    for room in ROOMS
    for module in pkgutil.iter_modules(importlib.import_module(f"synmix.{room}").__path__)
]
#: Names of types, and tables of things that have their own.
_NO_EXAMPLE = {"Alternative", "Answer", "Spending", "RULES"}
RESULTS = """real_images,synthetic_images,iterations,seed,AP
400,0,1000,0,30.0
400,0,1000,1,30.4
400,0,1000,2,29.9
400,1600,1000,0,32.1
400,1600,1000,1,32.3
400,1600,1000,2,31.9
"""


@pytest.fixture(scope="module")
def example_folder(tmp_path_factory) -> Path:
    """Where the examples run: a tiny miniature, predictions of four images, and tables."""
    folder = tmp_path_factory.mktemp("examples")
    write_miniature(folder / "mini", height=64, width=128, real=(2, 2, 1), synthetic=8, num_workers=1)
    prepare(folder / "mini/Synscapes", folder / "mini/synscapes_harmonized", num_workers=1)
    _write_predictions(folder)
    write_result(folder / "result.json", evaluate_folders(folder / "predictions", folder / "gtFine", num_workers=1))
    (folder / "results.csv").write_text(RESULTS)
    (folder / "costs.yaml").write_text("{unit: EUR, real_image: 8.5, synthetic_image: 0.04, gpu_hour: 2.2}")
    _write_coco(folder)
    return folder


def _write_predictions(folder: Path) -> None:
    """Four cars; the predictions miss a margin of each (IoU 0.9), and two of them more of it (IoU 0.6)."""
    for name in ("gtFine", "predictions", "worse"):
        (folder / name).mkdir()
    for number in range(4):
        name = f"aachen_000000_{number:06d}"
        truth = np.zeros((20, 40), dtype=np.uint16)
        truth[:, :20] = 26_000
        cv2.imwrite(str(folder / f"gtFine/{name}_gtFine_instanceIds.png"), truth)
        for kind, columns in (("predictions", 18), ("worse", 12)):
            mask = np.zeros((20, 40), dtype=np.uint8)
            mask[:, :columns] = 255
            cv2.imwrite(str(folder / kind / f"{name}_0.png"), mask)
            (folder / kind / f"{name}.txt").write_text(f"{name}_0.png 26 0.9\n")


def _write_coco(folder: Path) -> None:
    (folder / "images").mkdir()
    cv2.imwrite(str(folder / "images/one.png"), np.zeros((20, 40, 3), dtype=np.uint8))
    label = {"id": 1, "image_id": 1, "category_id": 1, "bbox": [0, 0, 20, 20], "area": 400, "iscrowd": 0}
    label["segmentation"] = [[0, 0, 20, 0, 20, 20, 0, 20]]
    image = {"id": 1, "file_name": "one.png", "height": 20, "width": 40}
    write_json(
        folder / "coco.json", {"images": [image], "annotations": [label], "categories": [{"id": 1, "name": "car"}]}
    )


@pytest.fixture
def in_folder(example_folder, monkeypatch):
    monkeypatch.chdir(example_folder)
    monkeypatch.setenv("DETECTRON2_DATASETS", str(example_folder))


@pytest.mark.parametrize("name", [*(f"synmix.{room}" for room in ROOMS), *MODULES])
def test_examples_run(name, in_folder):
    found = doctest.testmod(importlib.import_module(name), optionflags=doctest.ELLIPSIS)
    assert not found.failed


@pytest.mark.parametrize("room", ROOMS)
def test_every_name_of_a_face_has_an_example(room):
    face, finder = importlib.import_module(f"synmix.{room}"), doctest.DocTestFinder(recurse=False)
    assert sorted(face.__all__) == sorted(set(face.__all__) & set(dir(face)))
    for name in face.__all__:
        shown = getattr(face, name)
        assert not isinstance(shown, type(sys)), f"{name} is a module"
        if name not in _NO_EXAMPLE or isinstance(shown, type):
            assert any(test.examples for test in finder.find(shown, name)), name


@pytest.mark.parametrize("room", ["evaluate", "compose", "data"])
def test_mypy_sees_what_is_given_lazily(room):
    face = importlib.import_module(f"synmix.{room}")
    (block,) = [node for node in ast.parse(Path(face.__file__).read_text()).body if isinstance(node, ast.If)]
    seen = {alias.name: node.module for node in block.body for alias in node.names}
    assert sorted(seen) == sorted(face.__all__)
    assert all(getattr(importlib.import_module(module), name) is getattr(face, name) for name, module in seen.items())
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        face.nonsense  # noqa: B018


def test_a_face_brings_no_torch():
    names = "; ".join(f"from synmix.{room} import *" for room in ROOMS if room != "data")
    code = f"import synmix.data, sys; {names}; assert not {{'torch', 'detectron2'}} & set(sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=os.environ, check=False)
    assert done.returncode == 0, done.stderr
