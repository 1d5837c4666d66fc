"""The whole answer to a table of results, as plain data."""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from synmix.answer.costs import Costs, Recommendation, recommend
from synmix.answer.exchange import exchange_rate
from synmix.answer.gains import (
    SEEDS,
    Comparison,
    GainAtBest,
    Split,
    Verdict,
    equal_compute,
    gain_at_best,
    judge,
    largest_split,
    learned_nothing,
    published_comparison,
)
from synmix.answer.leave_out import LeaveOut, leave_one_cell_out
from synmix.answer.planning import NextRun, Stop, next_run
from synmix.answer.surface import LEAST_CELLS, Interval, Surface, fit_surface
from synmix.answer.table import Cell, Table
from synmix.statistics import Estimate


@dataclass(frozen=True)
class Question:
    """What is asked of a table.

    >>> Question(confidence=0.95, looks=5).verdict_confidence
    0.99
    """

    least_gain: float = 0.0  # the verdict *helps* needs more than this, in AP
    margin: float | None = None  # a gain within it is none
    predict: Cell | None = None
    costs: Costs | None = None
    budget: float | None = None
    confidence: float = 0.95
    looks: int = 1  # how often the verdict will be asked for while trainings are added
    checks_law: bool = True  # by leaving one cell out after the other, which takes most of the time

    @property
    def verdict_confidence(self) -> float:
        """Of the gains' intervals: the error is shared among the looks (Bonferroni), so that asking until the verdict
        is decided does not make it wrong more often."""
        return 1 - (1 - self.confidence) / self.looks


@dataclass(frozen=True)
class Answer:
    """Every entry, and for each that the table cannot give a sentence in ``why``.

    >>> from synmix.answer import read_table
    >>> answer(read_table("results.csv")).as_json()["verdict"]
    'helps'
    """

    table: Table
    question: Question
    surface: Surface | None
    verdict: Verdict
    comparison: Comparison | None  # of equal compute, where there is any
    control: Cell  # what the gain compares, or should
    mixture: Cell
    best: GainAtBest | None
    split: Split | None
    exchange: Interval | None
    prediction: Interval | None
    recommendation: Recommendation | None
    next: NextRun | Stop
    error: LeaveOut | None
    why: dict[str, str]

    @property
    def gain(self) -> Comparison | None:
        """The comparison, where it has an interval."""
        return None if "gain" in self.why else self.comparison

    @cached_property
    def verdict_at_best(self) -> Verdict:
        """By the gain at each side's own best length."""
        question = self.question
        if self.best is None:
            return "open"
        return judge(self.best.estimate, question.least_gain, question.margin, question.verdict_confidence)

    @property
    def disagrees(self) -> bool:
        """Whether the two gains lead to different verdicts, one of them *helps*."""
        return self.best is not None and self.gain is not None and (
            (self.verdict == "helps") != (self.verdict_at_best == "helps")
        )  # fmt: skip

    def as_json(self) -> dict[str, Any]:
        """The entries as plain data; an end that is infinite is null."""
        level = self.question.verdict_confidence
        gain, best, split, advice = self.gain, self.best, self.split, self.recommendation
        return {
            "verdict": self.verdict,
            "gain": gain and _of_estimate(gain.estimate, level) | _of_cell(gain.mixture),
            "gain_at_best": best
            and _of_estimate(best.estimate, level) | {"iterations": [best.control.iterations, best.mixture.iterations]},
            "split": split
            and {
                "length": _of_estimate(split.length, self.question.confidence),
                "data": _of_estimate(split.data, self.question.confidence),
            },
            "exchange_rate": self.exchange and _of_interval(self.exchange),
            "prediction": self.prediction and _of_interval(self.prediction),
            "recommendation": advice
            and _of_cell(advice.cell) | {"AP": _of_interval(advice.expected), "cost": advice.cost},
            "next": "stop" if isinstance(self.next, Stop) else _of_next(self.next),
            "error": self.error and {"rms": self.error.rms, "coverage": self.error.coverage},
            "why": self.why,
        }


def answer(table: Table, question: Question | None = None) -> Answer:
    """Answers the question from a table.

    Raises:
        UserError: costs without a budget within reach, or without the length of an iteration.

    >>> from synmix.answer import read_table
    >>> answer(read_table("results.csv")).verdict
    'helps'
    """
    question = question or Question()
    why: dict[str, str] = {}
    surface = fit_surface(table, confidence=question.confidence)
    comparison = equal_compute(table)
    control, mixture = target(table, comparison)
    verdict, following = _decide(table, question, comparison, control, mixture, why)
    best = gain_at_best(table, mixture.real, mixture.synthetic)
    if best is None:
        why["gain_at_best"] = (
            f"Lengths must be chosen on other seeds than they are judged on; run {_seeds(control)} and of {mixture}."
        )
    split = largest_split(table)
    if split is None:
        why["split"] = _why_no_split(table, control, mixture)
    exchange, missing = exchange_rate(table, surface, mixture)
    if exchange is None:
        why["exchange_rate"] = missing
    prediction, missing = _predict(table, surface, question.predict)
    if prediction is None:
        why["prediction"] = missing
    advice = _recommend(table, surface, question, why)
    why["next"] = following.why
    error = leave_one_cell_out(table, question.confidence) if question.checks_law else None
    if error is None:
        why["error"] = f"Leaving one cell out takes more than {LEAST_CELLS} cells with real images."
    return Answer(
        table,
        question,
        surface,
        verdict,
        comparison,
        control,
        mixture,
        best,
        split,
        exchange,
        prediction,
        advice,
        following,
        error,
        why,
    )


def _decide(
    table: Table, question: Question, comparison: Comparison | None, control: Cell, mixture: Cell, why: dict[str, str]
) -> tuple[Verdict, NextRun | Stop]:
    """The verdict, and what to run next; why there is no gain, where there is none."""
    sought = question.least_gain, question.margin, question.verdict_confidence
    nothing = comparison is not None and learned_nothing(table, comparison)
    verdict: Verdict = "open"
    if comparison is None or comparison.estimate.is_open or nothing:
        why["gain"] = _why_no_gain(table, comparison, control, mixture)
    else:
        verdict = judge(comparison.estimate, *sought)
    following = Stop(why["gain"]) if nothing else next_run(table, control, mixture, verdict, *sought)
    return verdict, following


def target(table: Table, comparison: Comparison | None) -> tuple[Cell, Cell]:
    """The control and the mixture whose difference is the answer: those that are compared, or that should be."""
    if comparison is not None:
        return comparison.control, comparison.mixture
    if table.mixtures:
        real = max(cell.real for cell in table.mixtures)
        at_real = [cell for cell in table.mixtures if cell.real == real]
        amount = max(cell.synthetic for cell in at_real)
        mixture = max((cell for cell in at_real if cell.synthetic == amount), key=table.mean)
    else:
        cells = list(table.cells)
        real = max((cell.real for cell in cells), default=0) or max(cell.synthetic for cell in cells)
        amount = max(cell.synthetic for cell in cells) or real
        mixture = Cell(real, amount, max(cell.iterations for cell in cells))
    return Cell(mixture.real, 0, mixture.iterations), mixture


def _seeds(cell: Cell) -> str:
    return f"{SEEDS} seeds of {cell}"


def _why_no_gain(table: Table, comparison: Comparison | None, control: Cell, mixture: Cell) -> str:
    if not table.mixtures:
        return f"No training is on real and synthetic images together; run {_seeds(mixture)} and of {control}."
    if comparison is None:
        return (
            "No training on real images alone is as long as a mixture's, so each comparison compares lengths as well; "
            f"run {_seeds(control)}, the control of {mixture}."
        )
    if learned_nothing(table, comparison):
        return f"Neither {control} nor {mixture} has learned anything: 0.0 AP. Train longer before comparing."
    published = published_comparison(table)
    further = ""
    if published and table.control_of(published[1]) is None:
        missing = Cell(published[1].real, 0, published[1].iterations)
        further = f" The best mixture, {published[1]}, has no control: run {_seeds(missing)} too."
    return (
        f"At equal compute there is one training a side, {table.mean(control):.1f} AP of {control} and "
        f"{table.mean(mixture):.1f} of {mixture}, and nobody can say how others would come out; run further seeds of "
        f"both, {SEEDS} in all.{further}"
    )


def _why_no_split(table: Table, control: Cell, mixture: Cell) -> str:
    published = published_comparison(table)
    if published is None:
        return f"A mixture and real images alone are not both there; run {_seeds(control)} and of {mixture}."
    if len({cell.iterations for cell in table.cells}) == 1:
        return "All trainings are of one length, so that none gains by being longer."
    alone, best = published
    missing = Cell(best.real, 0, best.iterations)
    compared = f"{table.mean(alone):.1f} of {alone} and {table.mean(best):.1f} of {best}"
    if table.control_of(best) is None:
        return f"How much of the step between {compared} is the longer training cannot be told; run {_seeds(missing)}."
    return (
        f"A step such as that between {compared} is split by real images alone at both lengths, with two seeds or more "
        f"of each; run {_seeds(alone)}, of {missing} and of {best}."
    )


def _predict(table: Table, surface: Surface | None, cell: Cell | None) -> tuple[Interval | None, str]:
    if cell is None:
        return None, "Ask with --predict REAL,SYNTHETIC,ITERATIONS."
    if surface is None:
        count = sum(cell.real > 0 for cell in table.cells)
        return None, f"A law takes {LEAST_CELLS} cells with real images, and there are {count}; run {cell} itself."
    missing = surface.unknown(cell)
    return (None, missing) if missing else (surface.predict_cell(cell), "")


def _recommend(table: Table, surface: Surface | None, question: Question, why: dict[str, str]) -> Recommendation | None:
    if question.costs is None or question.budget is None:
        why["recommendation"] = "Ask with --costs and --budget."
    elif surface is None:
        why["recommendation"] = f"A law takes {LEAST_CELLS} cells with real images; run more of the design first."
    else:
        return recommend(table, surface, question.costs, question.budget)
    return None


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _of_interval(interval: Interval) -> dict[str, Any]:
    return {"value": _finite(interval.value), "low": _finite(interval.low), "high": _finite(interval.high)}


def _of_estimate(estimate: Estimate, confidence: float) -> dict[str, Any]:
    low, high = estimate.interval(confidence)
    return {"value": estimate.value, "low": low, "high": high}


def _of_cell(cell: Cell) -> dict[str, Any]:
    return {"real_images": cell.real, "synthetic_images": cell.synthetic, "iterations": cell.iterations}


def _of_next(run: NextRun) -> dict[str, Any]:
    return _of_cell(run.cell) | {"seed": run.seed, "gpu_hours": run.gpu_hours, "why": run.why}
