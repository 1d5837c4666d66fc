"""``import synmix`` changes nothing, and nothing of ours brings torch or Detectron2 before they are prepared for."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import miniature
import synmix
import vehicle_keypoints

PACKAGES = [Path(package.__file__).parent for package in (synmix, miniature, vehicle_keypoints)]
MODULES = sorted(path for package in PACKAGES for path in package.rglob("*.py"))
HEAVY = ("torch", "torchvision", "detectron2")
BEFORE = "synmix.before_detectron2"


def run(code: str) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


def imported(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module or ""] if isinstance(node, ast.ImportFrom) and not node.level else []


def blocks(tree: ast.Module) -> Iterator[list[ast.stmt]]:
    """A module's statements, and those of each function in it."""
    yield tree.body
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            yield node.body


def unprepared(statements: list[ast.stmt]) -> bool:
    names = [name for node in statements for name in imported(node)]
    heavy = [place for place, name in enumerate(names) if name.split(".")[0] in HEAVY]
    return bool(heavy) and BEFORE not in names[: heavy[0]]


def prepares(path: Path) -> bool:
    return BEFORE in [name for node in ast.parse(path.read_text()).body for name in imported(node)]


def covered(path: Path) -> bool:
    """Whether the module or a package above it prepares at its top."""
    inits = [folder / "__init__.py" for folder in path.parents if (folder / "__init__.py").is_file()]
    return any(map(prepares, [*inits, path]))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(path.parents[2])))
def test_what_brings_torch_or_detectron2_prepares_for_them_first(path):
    top, *functions = blocks(ast.parse(path.read_text()))
    package = [folder / "__init__.py" for folder in path.parent.parents if folder.name in ("synmix",)]
    by_package = any(map(prepares, [path.parent / "__init__.py", *package]))
    assert by_package or not unprepared(top)
    if path.name != "compat.py":  # called once torch is there
        assert covered(path) or not any(map(unprepared, functions))


def test_import_synmix_changes_nothing_outside_itself():
    done = run(f"""
import os, sys, warnings
before = list(sys.meta_path), dict(os.environ), list(warnings.filters), set(sys.modules)
import synmix
assert before[:3] == (list(sys.meta_path), dict(os.environ), list(warnings.filters))
new = set(sys.modules) - before[3]
assert not new & {{*{HEAVY}, "numpy", "fvcore", "polars"}}, new
assert {{name.split(".")[0] for name in new}} == {{"synmix"}}, new
""")
    assert done.returncode == 0, done.stderr


#: What people and spawned processes import first, of each room that needs Detectron2.
FIRST = (
    "synmix.train.run",
    "synmix.data.mapper",
    "synmix.data.catalog",
    "synmix.evaluate.evaluator",
    "synmix.predict.predictor",
    "synmix.demo",
    "vehicle_keypoints.evaluator",
    "vehicle_keypoints.gallery",
)


def test_each_room_works_when_it_is_imported_first():
    """In forks of one process that has imported nothing of ours, nor torch."""
    done = run(f"""
import importlib, os, sys
assert not set(sys.modules) & {{"synmix", "torch"}}
for name in {FIRST}:
    if not (child := os.fork()):
        importlib.import_module(name)
        from detectron2.layers import ROIAlignRotated
        from detectron2.modeling import build_model
        assert os.environ["OMP_WAIT_POLICY"] == "PASSIVE"
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0, name
""")
    assert done.returncode == 0, done.stderr
