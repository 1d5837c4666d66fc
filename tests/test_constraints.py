"""What is pinned is pinned for all, is within what pyproject.toml allows, and says nothing about where it was made."""

import re
from importlib import metadata

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from synmix.config_files import CONFIGS

tomllib = pytest.importorskip("tomllib", reason="Python 3.10 has no TOML reader")
ROOT = CONFIGS.parent
LINES = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
PINS = [line for line in LINES if not line.startswith("#")]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def asked_for() -> list[Requirement]:
    """The project's dependencies, those of its tested extras, and the tools."""
    project = PROJECT["project"]
    extras = [line for name in ("train", "detectron2", "sweep") for line in project["optional-dependencies"][name]]
    tools = [line for group in PROJECT["dependency-groups"].values() for line in group]
    every = [*project["dependencies"], *extras, *tools]
    return [Requirement(line) for line in every if not line.startswith("synmix")]


def test_uv_and_pip_are_told_the_same():
    assert PROJECT["tool"]["uv"]["constraint-dependencies"] == PINS


@pytest.mark.parametrize("python", ["3.10", "3.11", "3.12", "3.13"])
def test_every_dependency_is_pinned_within_its_range(python):
    here = {"python_version": python, "python_full_version": f"{python}.1"}
    pins = [Requirement(line) for line in PINS]
    valid = {canonicalize_name(pin.name): pin for pin in pins if pin.marker is None or pin.marker.evaluate(here)}
    for wanted in asked_for():
        pin = valid[canonicalize_name(wanted.name)]
        (version,) = pin.specifier
        assert version.operator == "==" and wanted.specifier.contains(version.version, prereleases=True), wanted


def test_the_extra_for_training_brings_what_detectron2_needs():
    """Detectron2 itself is installed without its dependencies."""
    project = PROJECT["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["train"]]
    brought: set[str] = set()
    while wanted:
        one = Requirement(wanted.pop())
        if (one.marker is None or one.marker.evaluate({"extra": ""})) and one.name not in brought:
            brought.add(canonicalize_name(one.name))
            wanted += metadata.requires(one.name) or []
    (needed,) = (entry["requires-dist"] for entry in PROJECT["tool"]["uv"]["dependency-metadata"])
    assert {canonicalize_name(Requirement(line).name) for line in needed} - brought <= {"wheel"}


def test_no_host_path_or_local_build():
    assert not [line for line in LINES if re.search(r"://|--|@|\+|/home|/tmp", line)]
