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
from synmix.data.packed_masks import PackedMasks
from synmix.train.later import log_now
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


def image_with_labels(packed):
    numbers = torch.zeros(128, 256, dtype=torch.uint8)
    numbers[20:60, 30:90], numbers[50:100, 100:200], numbers[0:30, 200:256] = 1, 2, 3
    masks = PackedMasks(numbers, torch.tensor([1, 2, 3]))
    instances = Instances((128, 256))
    instances.gt_boxes = Boxes(torch.tensor([[30.0, 20, 90, 60], [100, 50, 200, 100], [200, 0, 256, 30]]))
    instances.gt_classes = torch.tensor([2, 3, 0])
    instances.gt_masks = masks if packed else BitMasks(masks.tensor)
    return image_without_labels() | {"instances": instances}


def losses_of(cfg, *batch):
    torch.manual_seed(0)
    model = build_model(with_device(cfg)).train()
    torch.manual_seed(1)
    with EventStorage() as storage:
        losses = model(list(batch))
        log_now()
    sum(losses.values()).backward()
    gradient = sum(
        parameter.grad.double().square().sum().item() for parameter in model.parameters() if parameter.grad is not None
    )
    found = {name: value.item() for name, value in losses.items()} | {"gradient": gradient}
    return found | {name: value for name, (value, _) in storage.latest().items() if "mask" in name or "point" in name}


@pytest.mark.parametrize("head", ["PointRendMaskHead", "SynMixPointRendMaskHead"])
@pytest.mark.parametrize("batch", [(True,), (True, False), (True, None, True)])
def test_packed_masks_give_stock_heads_losses(mini, head, batch):
    """Of a batch of maps, full frames and images without labels, with the same random numbers; but for rounding, since
    our head multiplies matrices where Detectron2's convolves points."""
    stock, ours = mini.clone(), mini.clone()
    stock.MODEL.ROI_MASK_HEAD.NAME, ours.MODEL.ROI_MASK_HEAD.NAME = "PointRendMaskHead", head
    images = [image_without_labels() if packed is None else image_with_labels(packed) for packed in batch]
    frames = [image_without_labels() if packed is None else image_with_labels(False) for packed in batch]
    assert losses_of(ours, *images) == pytest.approx(losses_of(stock, *frames), rel=1e-5)


def test_other_mask_heads_take_packed_masks(mini):
    mini.MODEL.ROI_MASK_HEAD.NAME, mini.MODEL.ROI_MASK_HEAD.POOLER_TYPE = "MaskRCNNConvUpsampleHead", "ROIAlignV2"
    mini.MODEL.ROI_MASK_HEAD.NUM_CONV = 1
    assert losses_of(mini, image_with_labels(True)) == losses_of(mini, image_with_labels(False))


def test_no_full_frame_is_made_for_proposals(mini, monkeypatch):
    """The heads ask for targets, never for the masks of 64 proposals."""
    unpacked = []
    frames = PackedMasks.tensor.fget
    monkeypatch.setattr(PackedMasks, "tensor", property(lambda self: unpacked.append(len(self)) or frames(self)))
    record = image_with_labels(True)
    losses_of(mini, record)
    assert sum(unpacked) <= len(record["instances"])


def test_a_training_on_packed_masks_has_the_same_losses(mini, monkeypatch, tmp_path):
    """Flips, resizes and crops of the mapper included, missing classes left out; to the bit."""
    mini.SOLVER.MAX_ITER, mini.LOG.PICTURES, mini.DATASETS.MISSING_CLASSES = 4, 0, "ignore"
    mini.INPUT.MIN_SIZE_TRAIN, mini.INPUT.CROP.ENABLED = (96, 112, 128), True
    totals = {True: [], False: []}
    for packed, found in totals.items():
        cfg = mini.clone()
        cfg.SPEED.PACKED_MASKS, cfg.OUTPUT_DIR = packed, str(tmp_path / f"packed-{packed}")
        original = SynMixTrainer.run_step

        def run_step(self, original=original, found=found):
            original(self)
            found.append(self.storage.latest()["total_loss"][0])

        with monkeypatch.context() as patch:
            patch.setattr(SynMixTrainer, "run_step", run_step)
            train(cfg)
    assert len(totals[True]) == 4 and totals[True] == totals[False]


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
    whole.OUTPUT_DIR, whole.SPEED.PACKED_MASKS = str(tmp_path / "whole"), True  # changes no number
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
