"""What the training mapper makes of mirrored frames: the step at which Phase 0 went wrong."""

import numpy as np
import pytest
import torch
from detectron2.data import transforms as T

from synmix.config import CONFIGS, load_config
from synmix.data.catalog import register_all
from synmix.data.mapper import SynMixMapper
from synmix.data.sources import source
from vehicle_keypoints.schemas import CARFUSION


def mirrored(dataset, record):
    """A record as the mapper of that training set mirrors it."""
    cfg = load_config(CONFIGS / "vehicle_keypoints/mini.yaml", ["DATASETS.TRAIN", str((dataset,))])
    mapper = SynMixMapper.from_config(cfg)
    mapper.fallback.augmentations = T.AugmentationList([T.RandomFlip(prob=1.0)])
    return mapper(record)


@pytest.fixture
def record(keypoint_datasets):
    register_all()
    clean = source("mini_carfusion_14pt_train")
    return next(record for record in clean.dicts(clean.table()) if record["annotations"])


def test_the_corrected_map_renames_left_and_right(record):
    instances = mirrored("mini_carfusion_14pt_train", record)["instances"]
    before = torch.tensor([a["keypoints"] for a in record["annotations"]]).reshape(-1, 14, 3)
    after = instances.gt_keypoints.tensor
    expected = before[:, list(CARFUSION.flip_index)].clone()
    labelled = expected[..., 2] > 0
    expected[..., 0] = record["width"] - expected[..., 0]
    torch.testing.assert_close(after[labelled], expected[labelled].float())
    assert not after[~labelled].any()


def test_the_identity_set_reproduces_the_bug(record):
    after = mirrored("mini_carfusion_14pt_identity_flip_train", record)["instances"].gt_keypoints.tensor
    before = torch.tensor([a["keypoints"] for a in record["annotations"]]).reshape(-1, 14, 3)
    labelled = before[..., 2] > 0
    np.testing.assert_allclose(after[labelled][:, 0], (record["width"] - before[..., 0])[labelled], rtol=1e-5)


def test_unlabelled_points_carry_no_loss(keypoint_datasets):
    register_all()
    padded = source("mini_carfusion_24pt_train")
    record = next(record for record in padded.dicts(padded.table()) if record["annotations"])
    instances = mirrored("mini_carfusion_24pt_train", record)["instances"]
    _, valid = instances.gt_keypoints.to_heatmap(instances.gt_boxes.tensor, 28)
    assert not valid.reshape(len(instances), 24)[:, 14:].any()
    assert valid.any()
