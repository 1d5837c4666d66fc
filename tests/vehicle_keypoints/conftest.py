"""A miniature drawn once for all keypoint tests."""

from pathlib import Path

import pytest

from miniature.vehicles.write import Miniature, write_miniature


@pytest.fixture(scope="session")
def keypoints_root(tmp_path_factory) -> Path:
    """``mini/carfusion`` and ``mini/citysample``, some frames of each group."""
    root = tmp_path_factory.mktemp("keypoints") / "mini"
    write_miniature(root, Miniature(real_per_scene=8, synthetic_per_group=6), num_workers=1)
    return root


@pytest.fixture
def keypoint_datasets(keypoints_root, monkeypatch) -> Path:
    """The same, as ``$DETECTRON2_DATASETS``."""
    monkeypatch.setenv("DETECTRON2_DATASETS", str(keypoints_root.parent))
    return keypoints_root
