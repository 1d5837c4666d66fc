"""How a page of claims is judged: by intervals alone, each comparison plain and in the company of all others (Holm).

A comparison *holds* where its whole interval is beyond the margin of its criterion, *does not hold* where all of it is
on the other side, and is *open* otherwise. A claim holds where all its comparisons do, and does not hold where one does
not. Adjusted, a comparison that decides something only in the plain reading is open.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Literal

from synmix.minus import with_minus
from synmix.report.estimates import CONFIDENCE, Estimate, Estimates
from synmix.statistics import holm
from synmix.study.runs import Run

Answer = Literal["holds", "does not hold", "open", "not yet run"]
#: AP points that count as no harm: about the paper's own differences between neighbouring cells of Table 3.
NO_HARM = 1.0
_UNEQUAL = 1.05  # lengths that differ by more are called unequal


@dataclass(frozen=True)
class Finding:
    """What one comparison, or one count, says."""

    text: str
    answer: Answer
    figures: str = ""  # the estimate with its interval
    iterations: str = ""  # of both sides
    p_value: float = math.nan  # two-sided, against the margin; nan: no test, so that nothing is adjusted
    adjusted_p: float = math.nan
    adjusted: Answer = "open"


@dataclass(frozen=True)
class Claim:
    """A sentence of the paper and how our runs answer it."""

    quote: str
    section: str
    criterion: str
    judge: Callable[[Estimates], Sequence[Finding]]
    note: str = ""  # where the paper's own numbers do not bear it out, or what the sentence leaves open


@dataclass(frozen=True)
class Verdict:
    """A claim's answer, plain and adjusted, and the findings it rests on."""

    claim: Claim
    answer: Answer
    adjusted: Answer
    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class Comparison:
    """A weighted sum of trainings' figures (or ``second / first``) should be above the margin."""

    text: str
    data_set: str
    weights: tuple[tuple[float, Run], ...]  # the last one is the side that should be better
    margin: float = 0.0
    as_ratio: bool = False
    figure: str = "AP"

    def judge(self, estimates: Estimates) -> Finding:
        """The answer in isolation."""
        estimate = self._estimate(estimates)
        lengths = _lengths(self.weights, estimates)
        if estimate is None:
            return Finding(self.text, "not yet run", iterations=lengths, adjusted="not yet run")
        figures = _show(estimate, self.as_ratio)
        return Finding(self.text, _side(estimate, self.margin), figures, lengths, estimate.p_value(self.margin))

    def _estimate(self, estimates: Estimates) -> Estimate | None:
        first, second = self.weights[0][1], self.weights[-1][1]
        if self.as_ratio:
            return estimates.ratio(first, second, self.data_set, self.figure)
        if [weight for weight, _ in self.weights] == [-1, 1]:
            return estimates.difference(first, second, self.data_set, self.figure)
        return estimates.contrast(self.weights, self.data_set, self.figure)


def better(
    text: str, data_set: str, first: Run, second: Run, margin: float = 0.0, as_ratio: bool = False, figure: str = "AP"
) -> Comparison:
    """``second`` should be better than ``first`` by more than the margin."""
    return Comparison(text, data_set, ((-1, first), (1, second)), margin, as_ratio, figure)


def all_of(comparisons: Iterable[Comparison]) -> Callable[[Estimates], Sequence[Finding]]:
    """Judges a claim that consists of comparisons."""
    asked = tuple(comparisons)
    return lambda estimates: [comparison.judge(estimates) for comparison in asked]


def judge_page(claims: Sequence[Claim], estimates: Estimates) -> list[Verdict]:
    """Judges claims that a reader sees together."""
    found = [list(claim.judge(estimates)) for claim in claims]
    every = list(chain.from_iterable(found))
    adjusted_p = iter(holm([finding.p_value for finding in every], 1 - CONFIDENCE).adjusted if every else ())
    verdicts = []
    for claim, findings in zip(claims, found, strict=True):
        both = tuple(_adjusted(finding, float(next(adjusted_p))) for finding in findings)
        plain, strict = ([getattr(finding, kind) for finding in both] for kind in ("answer", "adjusted"))
        verdicts.append(Verdict(claim, combined(plain), combined(strict), both))
    return verdicts


def _adjusted(finding: Finding, p_value: float) -> Finding:
    survives = math.isnan(p_value) or p_value <= 1 - CONFIDENCE
    return replace(finding, adjusted_p=p_value, adjusted=finding.answer if survives else "open")


def combined(answers: Sequence[Answer]) -> Answer:
    """The answer of several findings together; without any there is nothing that could decide: open."""
    if not answers:
        return "open"
    order: tuple[Answer, ...] = ("does not hold", "not yet run", "open")
    return next((answer for answer in order if answer in answers), "holds")


def _side(estimate: Estimate, margin: float) -> Answer:
    if estimate.is_open or math.isnan(estimate.low):
        return "open"
    return "holds" if estimate.low > margin else "does not hold" if estimate.high < margin else "open"


def _show(estimate: Estimate, as_ratio: bool) -> str:
    unit, sign = ("times", "") if as_ratio else ("AP", "+")
    interval = (
        "one training on a side" if estimate.is_open else f"[{estimate.low:{sign}.1f}, {estimate.high:{sign}.1f}]"
    )
    numbers = f"{estimate.value:{sign}.1f} {unit} {interval}"
    return with_minus(numbers) + (f", {estimate.seeds} seeds" if estimate.seeds > 1 else "")


def _lengths(weights: Sequence[tuple[float, Run]], estimates: Estimates) -> str:
    """``18,594 against 143,594 iterations, unequal``: of the side that should be worse and of the better one; what both
    start from is told where they differ in it."""
    runs = [run for _, run in weights]
    counts = [estimates.iterations(run) for run in runs]
    known = [count for count in counts if count]
    starts = {run.init.digest if run.init else "" for run in runs}
    shown = [
        ("?" if count is None else f"{count:,}")
        + (f" after {run.init.total_iterations:,}" if len(starts) > 1 and run.init else "")
        for count, run in zip(counts, runs, strict=True)
    ]
    if len(weights) == 2:
        text = f"{shown[0]} against {shown[1]} iterations"
    else:
        text = f"{min(known):,} to {max(known):,} iterations" if known else "? iterations"
    unequal = len(starts) > 1 or (known and max(known) > _UNEQUAL * min(known))
    if not unequal and len(known) == len(counts):
        return f"{known[0]:,} iterations each" if len(set(known)) == 1 else text
    return f"{text}, unequal" if unequal else text
