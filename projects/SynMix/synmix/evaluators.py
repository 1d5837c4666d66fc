"""What scores a data set: a registry by the data set's metadata ``evaluator_type``, open to every plugin."""

from collections.abc import Callable, Sequence
from pkgutil import resolve_name
from typing import TYPE_CHECKING

from synmix.errors import UserError

if TYPE_CHECKING:
    from detectron2.config import CfgNode
    from detectron2.evaluation import DatasetEvaluator

    from synmix.data.sources import DataSource

#: Given a config and a data set's name, its evaluator. Beside Detectron2's methods it may have ``result``: what it
#: found, after ``evaluate`` on the main process; and ``source``: a dict of further provenance to note there.
EvaluatorFactory = Callable[["CfgNode", str], "DatasetEvaluator"]

#: By ``evaluator_type``: the factory, or ``"module:name"`` of it, imported when first used. A new kind of data set adds
#: its own.
EVALUATORS: dict[str, EvaluatorFactory | str] = {
    "synmix": "synmix.evaluate.evaluator:CityscapesInstanceEvaluator.from_config"
}

#: By ``evaluator_type``: from a data set's classes the names of its figures, or ``"module:name"`` of that; for what is
#: declared before there is any result. A kind that is not here is not checked.
FIGURES: dict[str, Callable[[Sequence[str]], Sequence[str]] | str] = {
    "synmix": "synmix.evaluate.average_precision:figure_names"
}


def figures_of(source: "DataSource", classes: Sequence[str] = ()) -> tuple[str, ...]:
    """The figures that a result on this data set, or on these classes of it, will have; () where nobody knows."""
    known = FIGURES.get(source.metadata.get("evaluator_type", "synmix"))
    names = resolve_name(known) if isinstance(known, str) else known
    return tuple(names(tuple(classes) or source.classes)) if names else ()


def build_evaluator(cfg: "CfgNode", dataset: str) -> "DatasetEvaluator":
    """What scores a data set.

    Raises:
        UserError: nothing is registered for its ``evaluator_type``.
    """
    import synmix.before_detectron2  # noqa: F401

    from detectron2.data import MetadataCatalog

    kind = MetadataCatalog.get(dataset).get("evaluator_type")
    if kind not in EVALUATORS:
        raise UserError(
            f"nothing scores '{dataset}': its evaluator_type '{kind}' is not in synmix.evaluators.EVALUATORS."
        )
    factory = EVALUATORS[kind]
    return (resolve_name(factory) if isinstance(factory, str) else factory)(cfg, dataset)
