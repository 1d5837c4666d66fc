"""How figures of a results table are written, in the browser and as text."""

import math

from synmix.minus import signed
from synmix.report.claims import Finding
from synmix.report.estimates import Estimate
from synmix.report.report_model import CheckItem, Number

_PLURAL = {"holds": "hold", "does not hold": "do not hold", "open": "are open", "not yet run": "are not yet run"}


def published_text(number: Number) -> str:
    """The paper's figure, or a dash."""
    return "–" if number.published is None else f"{number.published:.1f}"


def estimate_text(number: Number) -> str:
    """Our figure with its interval and seeds, or the run's state."""
    ours = number.ours
    if ours is None:
        return number.state if number.state != "finished" else "no result on this data set"
    if ours.entered:
        return f"{ours.value:.1f} ({ours.entered})"
    seeds = f" ({ours.seeds} seeds)" if ours.seeds > 1 else ""
    low, high = ends_of_percent(ours)
    return f"{ours.value:.1f} [{low:.1f}, {high:.1f}]{seeds}"


def ends_of_percent(ours: Estimate) -> tuple[float, float]:
    """An interval's ends within 0 and 100, which Student's knows nothing of."""
    return max(ours.low, 0.0), min(ours.high, 100.0)


def difference_text(number: Number) -> str:
    """Ours less the paper's, or nothing."""
    return "" if number.ours is None or number.published is None else signed(number.ours.value - number.published)


def control_text(number: Number) -> str:
    """The gain over real images alone of equal length with its interval, and their figure; nothing without them."""
    control, gain = number.control, number.gain
    if control is None:
        return ""
    if gain is None:
        return f"control {control.value:.1f}"
    return f"{gain_text(gain)} on {control.value:.1f}"


def gain_text(gain: Estimate) -> str:
    """A difference in points with its interval."""
    ends = "one seed" if gain.is_open else f"{signed(gain.low)}, {signed(gain.high)}"
    return f"{signed(gain.value)} [{ends}]"


def holm_text(item: CheckItem) -> str:
    """Whether a claim's answer survives Holm's adjustment; nothing where there is no answer to survive."""
    if item.answer not in ("holds", "does not hold"):
        return ""
    return "also after Holm" if item.adjusted == item.answer else f"after Holm: {item.adjusted}"


def finding_text(finding: Finding) -> str:
    """What a comparison found and what it rests on."""
    parts = [finding.figures, finding.iterations]
    if not math.isnan(finding.p_value):
        parts.append(f"p {_p(finding.p_value)}, Holm {_p(finding.adjusted_p)}")
    said = "; ".join(part for part in parts if part)
    answer: str = finding.answer
    if answer != finding.adjusted and not math.isnan(finding.adjusted_p):
        answer = f"{answer}, after Holm {finding.adjusted}"
    return f"{finding.text}: {said} → {answer}" if said else f"{finding.text}: {answer}"


def tally(item: CheckItem) -> str:
    """``18 comparisons: 12 hold, 6 are open``."""
    answers = [finding.answer for finding in item.findings]
    counts = [f"{answers.count(answer)} {plural}" for answer, plural in _PLURAL.items() if answer in answers]
    return f"{len(answers)} comparisons: {', '.join(counts)}"


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"{value:.3f}"
