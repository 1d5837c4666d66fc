"""The config keys of evaluation."""

from detectron2.config import CfgNode


def add_evaluation_config(cfg: CfgNode) -> None:
    """Adds the keys below to ``cfg.TEST``."""
    # Resamples of the images for the confidence intervals; 0 leaves the intervals out.
    cfg.TEST.BOOTSTRAP = CfgNode({"RESAMPLES": 1000, "CONFIDENCE": 0.95, "SEED": 0})
    # Also report pycocotools' figures for data sets in COCO format.
    cfg.TEST.COCO = False
    # Inference in half precision (torch.autocast); figures then differ by what rounding does.
    cfg.TEST.AMP = False
