"""The config keys of a training set's composition and length (paper 4.1, 4.2).

A key that is None says nothing; its type is then free, so that a file may write 60 or 60.0.
"""

from detectron2.config import CfgNode

from synmix.compose.budget import PAPER_FRACTIONS
from synmix.labels import CLASS_NAMES


def add_composition_config(cfg: CfgNode) -> None:
    """Adds the keys below to ``cfg.DATASETS`` and ``cfg.SOLVER``; ``DATASETS.TRAIN`` names the data sets, as everywhere
    in Detectron2, and ``DATALOADER.FILTER_EMPTY_ANNOTATIONS`` says whether images without a label are left out."""
    data = cfg.DATASETS
    # Images taken of each data set of TRAIN, in its order; -1 takes all; () takes all of each.
    data.IMAGES = ()
    # Or: so many images in all, of which ...
    data.TOTAL_IMAGES = 0
    # ... this percentage is real (paper 4.2, Figure 5); None takes every real image first and fills up with synthetic
    # ones (the rule of Table 4).
    data.REAL_SHARE = None
    # How often each image of a data set is seen in an epoch, in TRAIN's order (for small real sets); () is once.
    data.REPEAT = ()
    # Percentage of each class's labels removed, smallest first (paper 4.1); of synthetic training sets only.
    # None for a class means the default, None for the default means 0. Other classes than the eight may be added.
    data.REMOVAL = CfgNode({"default": None, **dict.fromkeys(CLASS_NAMES)}, new_allowed=True)
    # What the percentage is taken of: the labels of the chosen images ("chosen", paper 4.1), or of the whole data set
    # ("data_set": a larger choice then keeps exactly the labels of a smaller one).
    data.REMOVAL_SCOPE = "chosen"
    # The seed of the choice of images.
    data.SEED = 0
    # Further data sets in COCO format, registered before use: a list of {name, annotations, images, domain, categories}
    # (synmix/data/coco.py).
    data.COCO = []
    # Length in epochs of the composed set; None takes SOLVER.MAX_ITER.
    cfg.SOLVER.EPOCHS = None
    # Where the learning rate drops, as fractions of the training: the paper's 18k and 22k of 24k iterations (3.3).
    # They set SOLVER.STEPS where the length is given in epochs or where STEPS is ().
    cfg.SOLVER.STEP_FRACTIONS = PAPER_FRACTIONS
