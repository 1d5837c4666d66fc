"""The miniature's own model: it learns, its losses are those of the day the recipe was made, and it bears what a
composition can bring."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from detectron2.structures import BitMasks, Boxes, Instances
from detectron2.utils.events import EventStorage

from synmix.config import build_model, load_config
from synmix.train.run import train, with_device
from synmix.train.trainer import SynMixTrainer
from synmix.train.weights import load_weights_only

#: Written anew with SYNMIX_WRITE_GOLDEN=1 where the miniature or its model is changed on purpose.
GOLDEN = Path(__file__).with_name("golden_losses.json")
MINI = Path(__file__).resolve().parents[3] / "configs/mini.yaml"


@pytest.fixture
def mini(mini_root, monkeypatch, tmp_path):
    """The config of the miniature, on very few frames."""
    monkeypatch.setenv("DETECTRON2_DATASETS", str(mini_root))
    cfg = load_config(MINI)
    cfg.SOLVER.IMS_PER_BATCH, cfg.SOLVER.MAX_ITER, cfg.SOLVER.WARMUP_ITERS = 2, 20, 5
    cfg.DATASETS.TEST = ()
    cfg.LOG.PICTURES, cfg.LOG.PERIOD = 2, 1
    cfg.OUTPUT_DIR = str(tmp_path / "output")
    return cfg


def image_without_labels():
    instances = Instances((128, 256))
    instances.gt_boxes, instances.gt_classes = Boxes(torch.zeros(0, 4)), torch.zeros(0, dtype=torch.int64)
    return {"image": torch.zeros(3, 128, 256, dtype=torch.uint8), "instances": instances, "height": 128, "width": 256}


def test_a_batch_without_any_label_trains(mini):
    torch.manual_seed(0)
    model = build_model(with_device(mini)).train()
    with EventStorage():
        losses = model([image_without_labels(), image_without_labels()])
    sum(losses.values()).backward()
    assert all(torch.isfinite(value) for value in losses.values())


def test_packed_masks_give_the_same_losses(mini):
    from synmix.data.mapper import PackedMasks

    torch.manual_seed(0)
    model = build_model(with_device(mini)).train()
    numbers = torch.zeros(128, 256, dtype=torch.uint8)
    numbers[20:60, 30:90], numbers[50:100, 100:200] = 1, 2
    losses = []
    for packed in (False, True):
        record = image_without_labels()
        instances = Instances((128, 256))
        instances.gt_boxes = Boxes(torch.tensor([[30.0, 20, 90, 60], [100, 50, 200, 100]]))
        instances.gt_classes = torch.tensor([2, 3])
        masks = PackedMasks(numbers, torch.tensor([1, 2]))
        instances.gt_masks = masks if packed else BitMasks(torch.stack([numbers == 1, numbers == 2]))
        record["instances"] = instances
        torch.manual_seed(1)
        with EventStorage():
            losses.append({name: value.item() for name, value in model([record]).items()})
    assert losses[0] == losses[1]


def test_twenty_iterations_have_the_golden_losses_learn_and_leave_pictures(mini, monkeypatch):
    totals = []
    original = SynMixTrainer.run_step

    def run_step(self):
        original(self)
        totals.append(self.storage.latest()["total_loss"][0])

    monkeypatch.setattr(SynMixTrainer, "run_step", run_step)
    train(mini)
    assert np.mean(totals[-5:]) < 0.8 * np.mean(totals[:5])
    assert len(list((Path(mini.OUTPUT_DIR) / "pictures").glob("inputs*.jpg"))) == 1
    if "SYNMIX_WRITE_GOLDEN" in os.environ:
        GOLDEN.write_text(json.dumps([round(total, 4) for total in totals]) + "\n")
    golden = json.loads(GOLDEN.read_text())
    # Other processors and numbers of threads round otherwise, and it adds up.
    np.testing.assert_allclose(totals[:3], golden[:3], rtol=1e-3)
    np.testing.assert_allclose(totals[:6], golden[:6], rtol=0.05)
    np.testing.assert_allclose(np.mean(totals[-8:]), np.mean(golden[-8:]), rtol=0.15)


@pytest.mark.slow
def test_a_crash_and_a_resume_give_the_same_pointrend_to_the_bit(mini, tmp_path, monkeypatch):
    mini.SOLVER.MAX_ITER, mini.SOLVER.CHECKPOINT_PERIOD, mini.LOG.PICTURES = 6, 2, 0
    whole = mini.clone()
    whole.OUTPUT_DIR = str(tmp_path / "whole")
    train(whole)
    with monkeypatch.context() as patch:
        original = SynMixTrainer.run_step

        def run_step(self):
            if self.iter == 3:
                raise OSError("the disk is gone")
            original(self)

        patch.setattr(SynMixTrainer, "run_step", run_step)
        with pytest.raises(OSError, match="disk"):
            train(mini)
    train(mini, resume=True)
    weights, expected = (load_weights_only(Path(cfg.OUTPUT_DIR) / "model_final.pth")["model"] for cfg in (mini, whole))
    assert weights.keys() == expected.keys()
    assert [name for name in expected if not torch.equal(weights[name], expected[name])] == []
