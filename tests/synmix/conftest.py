"""A training that takes no time: it writes what the real one writes, with match tables drawn from what it was given."""

import sys
import types

import numpy as np
import pytest

from synmix.data.sources import source
from synmix.evaluate.average_precision import MatchTable
from synmix.evaluate.matching import FALSE_POSITIVE, TRUE_POSITIVE
from synmix.evaluate.result import make_result, result_path, write_result
from synmix.files import write_json, write_text
from synmix.labels import CLASS_NAMES
from synmix.study import execute


def draw_table(skill: float, seed: int, num_images: int = 12, classes: tuple[str, ...] = CLASS_NAMES) -> MatchTable:
    """Matches of a model that finds each of 2 instances of each class and image with probability ``skill``."""
    generator = np.random.default_rng(seed)
    truths = np.full((num_images, len(classes)), 2)
    image = np.repeat(np.arange(num_images), 2 * len(classes))
    category = np.tile(np.repeat(np.arange(len(classes)), 2), num_images)
    found = generator.random(len(image)) < skill
    outcome = np.where(found[:, None], TRUE_POSITIVE, FALSE_POSITIVE).repeat(10, axis=1).astype(np.int8)
    images = tuple(f"frame_{index:03}" for index in range(num_images))
    return MatchTable(classes, images, truths, image, category, generator.random(len(image)), outcome)


class FakeTrainer:
    """Stands in for ``synmix.train.run.train``; knows what it was asked to train, and fails where it is told to."""

    def __init__(self) -> None:
        self.trained = []
        self.failures = {}  # output folder's name contains -> exception
        self.during = lambda cfg: None

    def __call__(self, cfg, resume=False, trust_pickle=False):
        folder = cfg.OUTPUT_DIR
        if "/mini_start_" not in folder:  # every run of the miniature begins with that one
            self.trained.append(folder.rsplit("/", 1)[1])
        self.during(cfg)
        for part, error in self.failures.items():
            if part in folder:
                write_text(f"{folder}/last_checkpoint", "model_0000001.pth")
                raise error
        write_text(f"{folder}/config.yaml", cfg.dump())
        write_text(f"{folder}/model_final.pth", "weights")
        parts = [
            {
                "name": name, "domain": source(name).domain, "images": count, "repeat": 1,
                "classes": {"car": {"labels": 9 * count, "kept": 5 * count}},
            }
            for name, count in zip(cfg.DATASETS.TRAIN, cfg.DATASETS.IMAGES or (9, 9), strict=False)
        ]  # fmt: skip
        write_json(f"{folder}/manifest.json", {"data_sets": parts})
        self.evaluate(cfg)

    def evaluate(self, cfg):
        """Stands in for ``synmix.train.run.evaluate``."""
        real = any("cityscapes" in name for name in cfg.DATASETS.TRAIN)
        for number, name in enumerate(cfg.DATASETS.TEST):
            skill = 0.3 + 0.4 * (real == ("cityscapes" in name))
            table = draw_table(skill, 10 * cfg.SEED + number, classes=tuple(cfg.DATASETS.CLASSES) or CLASS_NAMES)
            write_result(result_path(cfg.OUTPUT_DIR, name), make_result(name, table, resamples=50))


@pytest.fixture
def trainer(monkeypatch) -> FakeTrainer:
    """Replaces the training room's ``train``, and leaves the start's frames undrawn."""
    monkeypatch.setattr(execute, "draw_start", lambda images: None)
    fake = FakeTrainer()
    module = types.ModuleType("synmix.train.run")
    module.train, module.evaluate = fake, fake.evaluate
    monkeypatch.setitem(sys.modules, "synmix.train.run", module)
    return fake
