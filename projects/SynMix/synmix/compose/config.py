"""The config keys of a training set's composition and length (paper 4.1, 4.2)."""

from detectron2.config import CfgNode

from synmix.labels import CLASS_NAMES


def add_composition_config(cfg: CfgNode) -> None:
    """Adds the keys below to ``cfg.DATASETS`` and ``cfg.SOLVER``; ``DATASETS.TRAIN`` names the data sets, as everywhere
    in Detectron2."""
    data = cfg.DATASETS
    # Images taken of each data set of TRAIN, in its order; -1 takes all; () takes all of each.
    data.IMAGES = ()
    # Or: so many images in all, of which ...
    data.TOTAL_IMAGES = 0
    # ... this percentage is real (paper 4.2, Figure 5); -1 where IMAGES says it.
    data.REAL_SHARE = -1.0
    # How often each image of a data set is seen in an epoch, in TRAIN's order (for small real sets); () is once.
    data.REPEAT = ()
    # Percentage of each class's labels removed, smallest first (paper 4.1); of synthetic training sets only.
    # -1 for a class means the default.
    data.REMOVAL = CfgNode({"default": 0.0, **dict.fromkeys(CLASS_NAMES, -1.0)})
    # The seed of the choice of images.
    data.SEED = 0
    # Length in epochs of the composed set; 0 takes SOLVER.MAX_ITER and SOLVER.STEPS as they are.
    cfg.SOLVER.EPOCHS = 0.0
    # Where the learning rate drops, as fractions of the training: the paper's 18k and 22k of 24k iterations (3.3).
    cfg.SOLVER.STEP_FRACTIONS = (18 / 24, 22 / 24)
