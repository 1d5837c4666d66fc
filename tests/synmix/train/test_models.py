"""Every model of ``configs/models`` trains and is evaluated as the miniature has it."""

import numpy as np
import pytest

from synmix.evaluate.result import read_result, result_path
from synmix.study.experiments import training
from synmix.study.runs import config_of
from synmix.study.scale import load_scale, model_names
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
