"""Fixtures for all tests: no test writes to the user's cache, and the miniature is drawn once."""

import os
from pathlib import Path

import pytest

import synmix  # noqa: F401  before any test imports Detectron2


@pytest.fixture(autouse=True, scope="session")
def _cache(tmp_path_factory):
    os.environ["SYNMIX_CACHE"] = str(tmp_path_factory.mktemp("cache"))
    os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="session")
def samples_root() -> Path:
    """The folder that holds real Cityscapes frames as ``cityscapes/``; they may not be redistributed."""
    folder = os.environ.get("SYNMIX_SAMPLES", "")
    if not (folder and (Path(folder) / "cityscapes").is_dir()):
        pytest.skip("SYNMIX_SAMPLES does not name a folder with real Cityscapes frames under 'cityscapes'")
    return Path(folder)
