"""``DATASETS.MISSING_CLASSES: ignore``: a class that a data set does not label is left out of the classification loss
of that set's images, so that its objects there, which look like background, do not unlearn it.

The softmax of such an image runs over the classes that its data set labels and background alone. The proposals' own
loss (RPN) knows no classes and stays as it is.

Legend: R proposals of a batch, K classes.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from detectron2.config import CfgNode
from detectron2.modeling.roi_heads.fast_rcnn import FastRCNNOutputLayers
from detectron2.structures import Instances
from torch import nn

from synmix.compose.missing import labelled_elsewhere
from synmix.data import classes
from synmix.errors import UserError

#: A score that no softmax and no sigmoid sees; finite, also in half precision, so that nothing becomes NaN.
NEVER = -1e4


def leave_out_missing(cfg: CfgNode, model: nn.Module) -> None:
    """Makes a model heed ``DATASETS.MISSING_CLASSES``; weights and predictions are as without.

    Raises:
        UserError: its classification loss is not Detectron2's.
    """
    if cfg.DATASETS.MISSING_CLASSES != "ignore":
        return
    members = {name: classes.source(name, cfg.DATASETS.CLASSES) for name in cfg.DATASETS.TRAIN}
    columns = {
        name: [members[name].classes.index(each) for each in lacking]
        for name, lacking in labelled_elsewhere(list(members.values())).items()
    }
    predictors = [module for module in model.modules() if isinstance(module, FastRCNNOutputLayers)]
    if columns and not predictors:
        raise UserError(
            f"DATASETS.MISSING_CLASSES is 'ignore', but {type(model).__name__} has none of Detectron2's box heads, "
            "whose loss it is about; set it to 'background'."
        )
    if columns:
        batch = _Batch(columns)
        model.register_forward_pre_hook(batch.note)
        for predictor in predictors:
            predictor.losses = _Losses(predictor, batch)


class _Batch:
    """The data sets of the images that a model is about to see."""

    def __init__(self, columns: Mapping[str, Sequence[int]]) -> None:
        self.columns = columns  # data set -> the classes to leave out
        self.names: list[str] = []

    def note(self, model: nn.Module, inputs: tuple[Any, ...]) -> None:
        """A forward hook: the model is called with a list of mapped dicts."""
        self.names = [record.get("dataset", "") for record in inputs[0]]

    def mask(self, proposals: Sequence[Instances], shape: tuple[int, int]) -> torch.Tensor:
        """(R, K + 1) bool, where a class is left out; ``shape`` is that of the scores."""
        mask = torch.zeros(shape, dtype=torch.bool)
        first = 0
        for name, image in zip(self.names, proposals, strict=True):
            mask[first : first + len(image), self.columns.get(name, [])] = True
            first += len(image)
        return mask


class _Losses:
    """``FastRCNNOutputLayers.losses`` with the scores of missing classes out of play."""

    def __init__(self, predictor: FastRCNNOutputLayers, batch: _Batch) -> None:
        self._losses = predictor.losses
        self._batch = batch

    def __call__(
        self, predictions: tuple[torch.Tensor, torch.Tensor], proposals: list[Instances]
    ) -> dict[str, torch.Tensor]:
        scores, deltas = predictions
        mask = self._batch.mask(proposals, (scores.shape[0], scores.shape[1]))
        return self._losses((scores.masked_fill(mask.to(scores.device), NEVER), deltas), proposals)
