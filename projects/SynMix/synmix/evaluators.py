"""What scores a data set: a registry by the data set's metadata ``evaluator_type``, open to every plugin."""

from collections.abc import Callable
from pkgutil import resolve_name
from typing import TYPE_CHECKING

from synmix.errors import UserError

if TYPE_CHECKING:
    from detectron2.config import CfgNode
    from detectron2.evaluation import DatasetEvaluator

#: Given a config and a data set's name, its evaluator. Beside Detectron2's methods it may have ``result``: what it
#: found, after ``evaluate`` on the main process; and ``source``: a dict of further provenance to note there.
EvaluatorFactory = Callable[["CfgNode", str], "DatasetEvaluator"]

#: By ``evaluator_type``: the factory, or ``"module:name"`` of it, imported when first used. A new kind of data set adds
#: its own.
EVALUATORS: dict[str, EvaluatorFactory | str] = {
    "synmix": "synmix.evaluate.evaluator:CityscapesInstanceEvaluator.from_config"
}


def build_evaluator(cfg: "CfgNode", dataset: str) -> "DatasetEvaluator":
    """What scores a data set.

    Raises:
        UserError: nothing is registered for its ``evaluator_type``.
    """
    from detectron2.data import MetadataCatalog

    kind = MetadataCatalog.get(dataset).get("evaluator_type")
    if kind not in EVALUATORS:
        raise UserError(
            f"nothing scores '{dataset}': its evaluator_type '{kind}' is not in synmix.evaluators.EVALUATORS."
        )
    factory = EVALUATORS[kind]
    return (resolve_name(factory) if isinstance(factory, str) else factory)(cfg, dataset)
