"""Every model of ``configs/models`` trains and is evaluated as the miniature has it."""

import numpy as np
import pytest
from detectron2.data import DatasetMapper

from synmix.data.sources import source
from synmix.errors import UserError
from synmix.evaluate.result import read_result, result_path
from synmix.study.experiments import training
from synmix.study.runs import config_of
from synmix.study.scale import load_scale, model_names
from synmix.train import loader
from synmix.train.run import train

REAL = "mini_cityscapes_instance_val"


@pytest.mark.parametrize("model", model_names())
def test_a_model_trains_and_is_evaluated(mini_root, monkeypatch, tmp_path, model):
    monkeypatch.setenv("DETECTRON2_DATASETS", str(mini_root))
    run = training(load_scale("mini").with_model(model), "mixture.yaml")
    cfg = config_of(run, tmp_path / "run")
    cfg.MODEL.WEIGHTS = ""
    cfg.DATASETS.IMAGES, cfg.DATASETS.TEST = (4, 4), (REAL,)
    cfg.SOLVER.MAX_ITER, cfg.SOLVER.STEPS, cfg.SOLVER.IMS_PER_BATCH = 2, (), 2
    train(cfg)
    assert np.isfinite(read_result(result_path(cfg.OUTPUT_DIR, REAL)).figures["AP"])


def upside_down(cfg):
    """A mapper of one's own: Detectron2's, on its head."""
    mapper = DatasetMapper(cfg, is_train=True)

    def flipped(record):
        mapped = mapper(record)
        return {**mapped, "image": mapped["image"].flip(1)}

    return flipped


def test_a_mapper_of_ones_own(toy_config, tmp_path):
    own, plain = toy_config(tmp_path / "own"), toy_config(tmp_path / "plain")
    own.INPUT.MAPPER = f"{__name__}:upside_down"
    for cfg in (own, plain):
        cfg.INPUT.RANDOM_FLIP = "none"
    record, *_ = source("toy_real_train").dicts(source("toy_real_train").table())
    images = [loader.mapper_of(cfg)(dict(record))["image"] for cfg in (own, plain)]
    assert images[0].equal(images[1].flip(1))


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("no.such:mapper", "INPUT.MAPPER is 'no.such:mapper', which does not make"),
        ("os:nothing", "does not make a mapper"),
    ],
)
def test_a_mapper_that_is_none(toy_config, tmp_path, name, sentence):
    cfg = toy_config(tmp_path)
    cfg.INPUT.MAPPER = name
    with pytest.raises(UserError, match=sentence):
        loader.mapper_of(cfg)


def test_a_mapper_that_returns_nothing(toy_root):
    (first, *_) = source("toy_real_train").dicts(source("toy_real_train").table())
    mapped = loader.TrainingImages([first], lambda record: None, 0)[0, 0]
    assert "INPUT.MAPPER made NoneType of" in mapped["failure"]
