"""How figures of a results table are written, in the browser and as text."""

from synmix.report.report_model import Number


def published_text(number: Number) -> str:
    """The paper's figure, or a dash."""
    return "–" if number.published is None else f"{number.published:.1f}"


def estimate_text(number: Number) -> str:
    """Our figure with its interval and seeds, or the run's state."""
    ours = number.ours
    if ours is None:
        return number.state if number.state != "finished" else "no result on this data set"
    seeds = f" ({ours.seeds} seeds)" if ours.seeds > 1 else ""
    return f"{ours.value:.1f} [{ours.low:.1f}, {ours.high:.1f}]{seeds}"


def difference_text(number: Number) -> str:
    """Ours less the paper's, or nothing."""
    return "" if number.ours is None or number.published is None else _signed(number.ours.value - number.published)


def _signed(value: float) -> str:
    return f"{value:+.1f}".replace("-", "\N{MINUS SIGN}")
