"""Numbers as pages show them: with a minus sign, which a hyphen is not."""


def with_minus(numbers: str) -> str:
    """A text of numbers, its hyphens as minus signs."""
    return numbers.replace("-", "\N{MINUS SIGN}")


def signed(value: float) -> str:
    """A difference to one digit, with its sign."""
    return with_minus(f"{value:+.1f}")
