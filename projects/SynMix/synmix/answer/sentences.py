"""The answer in words: four sentences, and what must be known to read them."""

import math

from synmix.answer.answer import Answer
from synmix.answer.gains import SEEDS
from synmix.answer.planning import Stop
from synmix.answer.surface import Interval
from synmix.answer.table import Cell
from synmix.minus import signed
from synmix.statistics import Estimate


def headline(answer: Answer) -> str:
    """The verdict, a few words.

    >>> from synmix.answer import answer, read_table
    >>> headline(answer(read_table("results.csv")))
    'Synthetic images help.'
    """
    if answer.disagrees:
        longer = answer.verdict_at_best == "helps"
        return (
            "Synthetic images help only with the longer training that they need."
            if longer
            else "Synthetic images help at equal compute, but not where each side trains for its own best length."
        )
    return {
        "helps": "Synthetic images help.",
        "does not help": "Synthetic images do not help.",
        "open": "Whether synthetic images help is open.",
    }[answer.verdict]


def four_sentences(answer: Answer, below_headline: bool = False) -> list[str]:
    """What adding synthetic images changes; what one more real image is worth; what to train on; what to run next.

    Args:
        below_headline: the verdict stands above them, so the first does not repeat it.

    >>> from synmix.answer import answer, read_table
    >>> len(four_sentences(answer(read_table("results.csv"))))
    4
    """
    first = _gain(answer) if below_headline else f"{headline(answer)} {_gain(answer)}"
    return [first, _exchange(answer), _advice(answer), _next(answer)]


def notes(answer: Answer) -> list[str]:
    """What limits the answer.

    >>> from synmix.answer import answer, read_table
    >>> notes(answer(read_table("results.csv")))[-1]
    'The table does not say how AP varies with the evaluated images, so intervals hold for these images.'
    """
    found = []
    if answer.split is None and len({cell.iterations for cell in answer.table.cells}) > 1:
        found.append(answer.why["split"])
    if answer.best is None and answer.gain is not None:
        found.append(answer.why["gain_at_best"])
    if answer.gain is not None and answer.gain.seeds < SEEDS:
        found.append(f"The gain rests on {answer.gain.seeds} seeds a side; {SEEDS} are the least that hold.")
    if not any(run.image_se is not None for run in answer.table.trainings):
        found.append(
            "The table does not say how AP varies with the evaluated images, so intervals hold for these images."
        )
    if answer.question.looks > 1:
        found.append(f"The gains' intervals are widened for {answer.question.looks} looks.")
    if answer.error is not None:
        error = answer.error
        found.append(
            f"Each cell predicted from all others is off by {error.rms:.1f} AP (root mean square over {error.cells} "
            f"cells; the worst, {error.worst}, by {signed(error.worst_error)}); the intervals hold "
            f"{100 * error.coverage:.0f} % of the trainings."
        )
    return found


def change(estimate: Estimate, confidence: float) -> str:
    """A difference with its interval."""
    low, high = estimate.interval(confidence)
    return f"{signed(estimate.value)} AP [{signed(low)}, {signed(high)}]"


def reached(interval: Interval) -> str:
    """An AP with its interval."""
    return f"{interval.value:.1f} AP [{interval.low:.1f}, {interval.high:.1f}]"


def _worth(rate: Interval) -> str:
    """An exchange rate with its interval."""
    least = _round(rate.low) if math.isfinite(rate.low) else ""
    if not math.isfinite(rate.value):
        few = f" (by the interval at least {least} are)" if least else ""
        return f"No number of synthetic images is worth one more real image{few}"
    upper = f"to {_round(rate.high)}" if math.isfinite(rate.high) else "or more"
    return f"One more real image is worth {_round(rate.value)} synthetic images [{least} {upper}]"


def _round(value: float) -> str:
    return f"{value:,.0f}" if value >= 20 else f"{value:.2g}"


def _gain(answer: Answer) -> str:
    level = answer.question.verdict_confidence
    if answer.gain is None:
        return answer.why["gain"]
    mixture = answer.gain.mixture
    text = (
        f"At equal compute ({mixture.iterations:,} iterations), adding {mixture.synthetic:,} synthetic images "
        f"to {mixture.real:,} real ones changes AP by {change(answer.gain.estimate, level)}"
    )
    if answer.best is not None:
        lengths = f"{answer.best.control.iterations:,} and {answer.best.mixture.iterations:,} iterations"
        text += f", and by {change(answer.best.estimate, level)} with each side at its own best length ({lengths})"
    text += "."
    if answer.split is not None:
        split, confidence = answer.split, answer.question.confidence
        text += (
            f" Of the step from {split.short} to {split.mixture}, {change(split.total, confidence)}, the longer "
            f"training makes {change(split.length, confidence)} and the data make {change(split.data, confidence)}."
        )
    return text


def _exchange(answer: Answer) -> str:
    if answer.exchange is None:
        return f"What one more real image is worth cannot be told. {answer.why['exchange_rate']}"
    place = _place(answer)
    text = f"{_worth(answer.exchange)} at {place}"
    costs = answer.question.costs
    if costs is None:
        return text + (
            "; label where a real image costs less than that many synthetic ones, else render."
            if math.isfinite(answer.exchange.value)
            else "; label rather than render."
        )
    low, high = (costs.synthetic_image * end for end in (answer.exchange.low, answer.exchange.high))
    unit = costs.unit
    if costs.real_image <= low:
        choice = "label"
    elif costs.real_image > high:
        choice = "render"
    else:
        choice = "the interval does not tell which"
    prices = f"a real image costs {costs.real_image:g} {unit} and a synthetic one {costs.synthetic_image:g} {unit}"
    return f"{text}; {prices}: {choice}."


def _place(answer: Answer) -> str:
    mixture = answer.mixture
    images = f"{mixture.real:,} real images beside {mixture.synthetic // 2:,} synthetic ones"
    return f"{images} ({mixture.iterations:,} iterations)"


def _advice(answer: Answer) -> str:
    parts = []
    advice, asked = answer.recommendation, answer.question.predict
    if advice is not None:
        parts.append(
            f"With {answer.question.budget:,.6g} {advice.unit}, train on {advice.cell} ({advice.cost:,.4g} "
            f"{advice.unit}): expect {reached(advice.expected)}."
        )
    elif answer.question.costs is not None or asked is None:
        parts.append(f"What to train on under a budget: {_lower(answer.why['recommendation'])}")
    if asked is not None:
        parts.append(_prediction(answer, asked))
    return " ".join(parts)


def _prediction(answer: Answer, asked: Cell) -> str:
    if answer.prediction is None:
        return f"{asked} cannot be predicted. {answer.why['prediction']}"
    text = f"A training on {asked} is expected to reach {reached(answer.prediction)}"
    if answer.prediction.beyond > 0:
        text += (
            f"; that lies beyond what was run, by {100 * answer.prediction.beyond:.0f} % of what the runs span, and "
            "the interval is widened for it"
        )
    return text + "."


def _next(answer: Answer) -> str:
    if isinstance(answer.next, Stop):
        return f"Stop. {answer.next.why}"
    run = answer.next
    hours = f" ({run.gpu_hours:.3g} GPU hours)" if run.gpu_hours else ""
    return f"Run {run.cell} with seed {run.seed} next{hours}. {run.why}"


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]
