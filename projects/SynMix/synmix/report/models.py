"""Does the answer depend on the model? The gain of the mixture at equal length, model by model."""

from synmix.report.estimates import Estimate, Estimates
from synmix.report.numbers import gain_text
from synmix.report.report_model import Grid, Paragraph, Section
from synmix.statistics import holm
from synmix.study.experiments import REAL, control, training
from synmix.study.runs import Run
from synmix.study.scale import Scale, model_names

_TEXT = (
    "The mixture against real images alone for as many iterations, each model for itself, and how much that gain "
    "differs from the own model's: over the seeds that all four trainings have, on the same images. A model answers "
    "otherwise where the interval of that difference excludes 0, after Holm's adjustment for the number of models."
)
_HEADER = ("model", "real alone", "mixture", "gain at equal length", "the gain less the own model's", "")


def models_section(estimates: Estimates) -> list[Section]:
    """The section, or none while a study has one model only."""
    scale = estimates.scale
    own = _pair(scale)
    others = {name: pair for name in model_names() if (pair := _pair(scale.with_model(name))) != own}
    known = {name: pair for name, pair in others.items() if estimates.difference(*pair, REAL)}
    if not known:
        return []
    changes = {name: _change(estimates, own, pair) for name, pair in known.items()}
    family = holm([change.p_value() if change else float("nan") for change in changes.values()])
    decided = dict(zip(changes, family.decided.tolist(), strict=True))
    rows = [_row("the configs' own", estimates, own, None, "")]
    rows += [
        _row(name, estimates, pair, changes[name], _verdict(changes[name], decided[name]))
        for name, pair in known.items()
    ]
    blocks = (Paragraph(_TEXT, "dim"), Grid(_HEADER, tuple(rows), numeric=(1, 2)))
    return [Section("models", "Does the answer depend on the model?", blocks)]


def _pair(scale: Scale) -> tuple[Run, Run]:
    mixture = training(scale, "mixture.yaml")
    return control(scale, mixture), mixture


def _change(estimates: Estimates, own: tuple[Run, Run], other: tuple[Run, Run]) -> Estimate | None:
    weights = ((1, own[0]), (-1, own[1]), (-1, other[0]), (1, other[1]))
    return estimates.contrast(weights, REAL)


def _verdict(change: Estimate | None, decided: bool) -> str:
    if change is None or change.is_open:
        return "open: too few trainings of both"
    return "another answer" if decided else "no other answer shown"


def _row(
    name: str, estimates: Estimates, pair: tuple[Run, Run], change: Estimate | None, verdict: str
) -> tuple[str, ...]:
    means = [estimates.estimate(run, REAL) for run in pair]
    shown = [f"{mean.value:.1f}" if mean else "–" for mean in means]
    found = (estimates.difference(*pair, REAL), change)
    return name, *shown, *(gain_text(each) if each else "–" for each in found), verdict
