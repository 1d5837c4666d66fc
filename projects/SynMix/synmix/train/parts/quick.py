"""The parts of a model that are trained in less time, with the same weights, names and numbers."""

from detectron2.modeling.poolers import ROIPooler
from detectron2.modeling.proposal_generator import RPN
from detectron2.modeling.roi_heads import FastRCNNOutputLayers, StandardROIHeads
from torch import nn

from synmix.data import compiled
from synmix.train.parts.mask_head import SynMixPointRendMaskHead
from synmix.train.parts.roi_align import QuickROIPooler
from synmix.train.parts.roi_heads import QuickBoxOutputs, QuickROIHeads
from synmix.train.parts.rpn import QuickRPN

#: A class, exactly -> ours, which differs in methods alone; and its compiled loops, for the CPU.
_QUICK: dict[type[nn.Module], tuple[type[nn.Module], str]] = {
    RPN: (QuickRPN, "synmix.train.parts.box_loops"),
    StandardROIHeads: (QuickROIHeads, "synmix.train.parts.box_loops"),
    FastRCNNOutputLayers: (QuickBoxOutputs, ""),
    SynMixPointRendMaskHead: (SynMixPointRendMaskHead, "synmix.train.parts.point_loops"),
    ROIPooler: (QuickROIPooler, "synmix.train.parts.roi_align_loops"),
}
#: Steps after which loading compiled code, some two seconds, has paid.
_LEAST_STEPS = 100


def quicken(model: nn.Module, steps: int) -> bool:
    """Makes Detectron2's own parts of a model quicker in place; a subclass of them stays what it is.

    Args:
        model: any.
        steps: of training that are to come.

    Returns:
        whether compiled code was loaded.
    """
    is_loaded = False
    on_cpu = all(parameter.device.type == "cpu" for parameter in model.parameters())
    for module in model.modules():
        if type(module) in _QUICK:
            module.__class__, loops = _QUICK[type(module)]
            if loops and on_cpu and steps >= _LEAST_STEPS and compiled.module(loops):
                module.compiled = is_loaded = True  # type: ignore[assignment]
    return is_loaded
