"""From a run to the Detectron2 config that trains it."""

from pathlib import Path

from detectron2.config import CfgNode

from synmix.compose.budget import steps_of
from synmix.config import CONFIGS, load_config
from synmix.study.runs import Run
from synmix.study.scale import Scale
from synmix.study.start import start_set


def recipe(run: Run, scale: Scale, output: Path, weights: Path | None = None) -> CfgNode:
    """The config of a run.

    Args:
        output: its folder in the store.
        weights: the pre-trained weights of a fine-tuning.

    Raises:
        UserError: the scale's config is missing, or ``run.overrides`` names an unknown key.
    """
    cfg = load_config(CONFIGS / scale.config, [str(part) for pair in run.overrides for part in pair])
    real_train = start_set() if run.is_start else scale.real_train
    parts = [(real_train, run.real), (scale.synthetic_train, run.synthetic)]
    data, solver = cfg.DATASETS, cfg.SOLVER
    data.TRAIN = tuple(name for name, images in parts if images)
    data.IMAGES = tuple(images for _, images in parts if images)
    data.TOTAL_IMAGES, data.REAL_SHARE, data.REPEAT = 0, None, ()
    data.TEST = tuple(scale.evaluated.values())
    for name in data.REMOVAL:
        data.REMOVAL[name] = dict(run.removal).get(name)
    solver.EPOCHS, solver.MAX_ITER, solver.IMS_PER_BATCH = None, run.iterations, scale.batch
    solver.STEPS = steps_of(run.iterations, solver.STEP_FRACTIONS)
    solver.BASE_LR, solver.MOMENTUM = run.lr, run.momentum
    cfg.SEED = data.SEED = run.seed
    cfg.TEST.EVAL_PERIOD = 0  # the end counts; evaluating on the way would only cost time
    cfg.TEST.PUBLISHED = []  # the report lays the paper's numbers beside ours
    cfg.MODEL.DEVICE = "cuda" if scale.devices else "cpu"
    if weights:
        cfg.MODEL.WEIGHTS = str(weights)
    cfg.OUTPUT_DIR = str(output)
    return cfg
