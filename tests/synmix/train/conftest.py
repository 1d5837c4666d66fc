"""A training that takes milliseconds: drawn frames and a detector with random choices of its own."""

from pathlib import Path

import synmix.before_detectron2  # noqa: F401

import numpy as np
import pytest
import torch
from detectron2.modeling import META_ARCH_REGISTRY
from detectron2.structures import Boxes, Instances
from PIL import Image
from torch import nn

from synmix.config import get_config
from synmix.data import sources

FRAMES = 12
HEIGHT, WIDTH = 32, 64


class TinyDetector(nn.Module):
    """Its loss depends on images, masks and torch's random numbers, as a detector's does."""

    def __init__(self, cfg):
        super().__init__()
        self.convolution = nn.Conv2d(3, 4, 3, padding=1)
        self.norm = nn.BatchNorm2d(4) if cfg.MODEL.RESNETS.NORM == "BN" else nn.Identity()
        self.head = nn.Conv2d(4, 1, 1)

    def forward(self, batch):
        device = self.head.weight.device
        images = torch.stack([record["image"].to(device).float() / 255 for record in batch])
        scores = self.head(torch.relu(self.norm(self.convolution(images))))[:, 0]
        if not self.training:
            return [{"instances": self._found(record)} for record in batch]
        masks = torch.stack([record["instances"].to(device).gt_masks.tensor.any(0).float() for record in batch])
        noise = torch.rand_like(scores)
        loss = nn.functional.binary_cross_entropy_with_logits(scores, masks, reduction="none")
        return {"loss_mask": loss.mean(), "loss_noise": (noise * scores).square().mean()}

    def _found(self, record):
        found = Instances((record["height"], record["width"]))
        found.pred_boxes = Boxes(torch.tensor([[0.0, 0.0, 8.0, 8.0]]))
        found.scores, found.pred_classes = torch.tensor([0.9]), torch.tensor([2])
        found.pred_masks = torch.zeros(1, record["height"], record["width"], dtype=torch.bool)
        found.pred_masks[0, :8, :8] = True
        return found


if "TinyDetector" not in META_ARCH_REGISTRY:
    META_ARCH_REGISTRY.register(TinyDetector)


def write_frames(root: Path, split: str, count: int = FRAMES, seed: int = 0) -> None:
    """Random frames in the Cityscapes layout, two cars each."""
    random = np.random.default_rng(seed)
    images, labels = root / "leftImg8bit" / split / "toy", root / "gtFine" / split / "toy"
    images.mkdir(parents=True)
    labels.mkdir(parents=True)
    for index in range(count):
        name = f"toy_000000_{index:06}"
        ids = np.full((HEIGHT, WIDTH), 7, dtype=np.uint16)
        ids[4:20, 4 : 20 + index] = 26000
        ids[16:30, 40:60] = 26001
        picture = random.integers(0, 255, (HEIGHT, WIDTH, 3), dtype=np.uint8)
        Image.fromarray(picture).save(images / f"{name}_leftImg8bit.png")
        Image.fromarray(ids).save(labels / f"{name}_gtFine_instanceIds.png")


@pytest.fixture(scope="session")
def register_toys():
    """Registers the toy data sets, by the names the configs below use; needed in every new process."""
    return _register_toys


def _register_toys(root: Path) -> None:
    sources.register_cityscapes_format("toy_real_train", root / "real", "train", "real")
    sources.register_cityscapes_format("toy_synthetic_train", root / "synthetic", "train", "synthetic")
    sources.register_cityscapes_format("toy_val", root / "real", "val", "real")


@pytest.fixture(scope="session")
def toy_root(tmp_path_factory) -> Path:
    """Two tiny data sets and a validation split."""
    root = tmp_path_factory.mktemp("toys")
    write_frames(root / "real", "train")
    write_frames(root / "real", "val", 3, seed=1)
    write_frames(root / "synthetic", "train", seed=2)
    _register_toys(root)
    return root


@pytest.fixture(scope="session")
def toy_config(toy_root):
    """Makes the config of twelve iterations of four images on a tiny detector, for an output folder."""
    return _toy_config


def _toy_config(output):
    cfg = get_config()
    cfg.MODEL.META_ARCHITECTURE = "TinyDetector"
    cfg.MODEL.DEVICE, cfg.MODEL.WEIGHTS = "cpu", ""
    cfg.MODEL.MASK_ON, cfg.INPUT.MASK_FORMAT = True, "bitmask"
    cfg.MODEL.RESNETS.NORM = "BN"
    cfg.DATASETS.TRAIN, cfg.DATASETS.TEST = ("toy_real_train", "toy_synthetic_train"), ()
    cfg.INPUT.MIN_SIZE_TRAIN, cfg.INPUT.MAX_SIZE_TRAIN = (HEIGHT,), WIDTH
    cfg.INPUT.MIN_SIZE_TEST, cfg.INPUT.MAX_SIZE_TEST = HEIGHT, WIDTH
    cfg.SOLVER.MAX_ITER, cfg.SOLVER.IMS_PER_BATCH, cfg.SOLVER.STEPS = 12, 4, (8,)
    cfg.SOLVER.BASE_LR, cfg.SOLVER.WARMUP_ITERS = 0.1, 3
    cfg.SOLVER.CHECKPOINT_PERIOD = 3
    cfg.DATALOADER.NUM_WORKERS = 0
    cfg.TEST.BOOTSTRAP.RESAMPLES = 0
    cfg.LOG.WRITERS, cfg.LOG.PICTURES, cfg.LOG.PERIOD = (), 0, 1
    cfg.SEED = 5
    cfg.OUTPUT_DIR = str(output)
    return cfg


@pytest.fixture
def toy(toy_config, tmp_path):
    """The config of the tiny training, writing to this test's folder."""
    return toy_config(tmp_path / "output")
