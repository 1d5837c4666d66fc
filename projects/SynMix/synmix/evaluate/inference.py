"""Evaluates a checkpoint on registered data sets."""

from collections.abc import Callable, Sequence

from detectron2.config import CfgNode
from detectron2.evaluation import inference_on_dataset
from detectron2.utils import comm

from synmix.config import build_model
from synmix.data import coco
from synmix.data.catalog import register_all
from synmix.errors import UserError
from synmix.evaluate.evaluator import CityscapesInstanceEvaluator, Observer
from synmix.evaluate.result import Result
from synmix.train.checkpoint import load_weights
from synmix.train.loader import build_test_loader
from synmix.train.run import check_test_sets, log_to, speed_settings, with_device


def evaluate_checkpoint(
    cfg: CfgNode,
    observers: Callable[[str, Sequence[str]], Sequence[Observer]] = lambda dataset, classes: (),
    trust_pickle: bool = False,
) -> dict[str, Result]:
    """Scores ``MODEL.WEIGHTS`` on every data set of ``DATASETS.TEST`` and writes ``OUTPUT_DIR/results``.

    Args:
        observers: given a data set and its classes, who looks at the predictions of each of its images.
        trust_pickle: unpickle weights of any origin; such a file can run any code.

    Returns:
        the result of each data set, on the main process; {} on others.

    Raises:
        UserError: config, data or weights do not allow it.
    """
    cfg = with_device(cfg)
    coco.register_all(cfg.DATASETS.COCO)
    register_all()
    if not cfg.DATASETS.TEST:
        raise UserError("DATASETS.TEST names no data set, so there is nothing to evaluate; name one.")
    if not cfg.MODEL.WEIGHTS:
        raise UserError("MODEL.WEIGHTS is empty; give the checkpoint to evaluate: MODEL.WEIGHTS FILE.")
    check_test_sets(cfg)
    with log_to(cfg.OUTPUT_DIR), speed_settings(cfg):
        model = build_model(cfg)
        load_weights(model, cfg.MODEL.WEIGHTS, trust_pickle)
        found = {}
        for dataset in cfg.DATASETS.TEST:
            evaluator = CityscapesInstanceEvaluator.from_config(cfg, dataset)
            evaluator.source["weights"] = cfg.MODEL.WEIGHTS
            evaluator.observers = tuple(observers(dataset, evaluator.classes))
            inference_on_dataset(model, build_test_loader(cfg, dataset), evaluator)
            if comm.is_main_process() and evaluator.result is not None:
                found[dataset] = evaluator.result
        return found
