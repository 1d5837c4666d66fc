"""Does the answer hold what it promises? Tables are drawn from laws that are known, and it is counted how often each
interval covers the truth, and how often the verdict is wrong.

  python benchmarks/answer_coverage.py --draws 200
"""

import math
import time
from collections import Counter
from collections.abc import Sequence

import numpy as np
from results import Table, add_json, write_results

from synmix.answer import Answer, Cell, Costs, Question, answer, design_runs
from synmix.answer.known_laws import (
    LAWS,
    LENGTHS,
    REAL,
    SEED_SD,
    SYNTHETIC,
    TRAINING_SD,
    Law,
    draw_table,
    full_design,
)
from synmix.cli.parser import argument_parser
from synmix.errors import run_tool

_COSTS = Costs("EUR", real_image=8.0, synthetic_image=0.05, gpu_hour=2.0, gpu_hours_per_iteration=5e-4)
_BUDGET = 20_000.0
_ASKED = {"inside": Cell(1500, 6000, 30_000), "twice the images": Cell(3000, 18_000, 40_000)}


def fraction() -> list[Cell]:
    """The D-optimal fraction that costs two thirds of the whole."""
    whole = full_design()
    return design_runs(REAL, SYNTHETIC, LENGTHS, budget=2 / 3 * sum(cell.iterations for cell in whole))


def outcomes(law: Law, given: Answer, generator: np.random.Generator) -> dict[str, bool]:
    """For each entry that the answer has, whether its interval covers the truth. A prediction is of a new training."""

    def new(cell: Cell) -> float:
        return law.ap(*cell) + generator.normal(0, math.hypot(TRAINING_SD, SEED_SD))

    found: dict[str, bool] = {}
    level = given.question.verdict_confidence
    if given.gain is not None:
        low, high = given.gain.estimate.interval(level)
        found["gain"] = low <= law.ap(*given.mixture) - law.ap(*given.control) <= high
    if given.best is not None:
        low, high = given.best.estimate.interval(level)
        found["gain at best"] = low <= _best(law, given.mixture) - _best(law, given.control) <= high
    if given.split is not None:
        low, high = given.split.length.interval(level)
        found["split"] = low <= law.ap(*given.split.control) - law.ap(*given.split.short) <= high
    if given.exchange is not None:
        truth = law.rate(given.mixture.real, given.mixture.synthetic / 2, given.mixture.iterations)
        found["exchange rate"] = given.exchange.low <= truth <= given.exchange.high
    if given.recommendation is not None:
        expected = given.recommendation.expected
        found["recommended"] = expected.low <= new(given.recommendation.cell) <= expected.high
    for name, cell in _ASKED.items():
        if given.surface is not None and not given.surface.unknown(cell):
            predicted = given.surface.predict_cell(cell)
            found[name] = predicted.low <= new(cell) <= predicted.high
    if given.error is not None:
        found["left-out cells 85 to 100 %"] = 0.85 <= given.error.coverage <= 1
    return found


def _best(law: Law, cell: Cell) -> float:
    return max(law.ap(cell.real, cell.synthetic, length) for length in LENGTHS)


def is_wrong(law: Law, given: Answer) -> bool:
    """Whether the verdict claims the opposite of the truth. Where the true gain is 0, *helps* is wrong; *does not help*
    is not."""
    wrong = {"helps": "does not help", "does not help": "helps", "none": "helps"}[law.truth]
    return given.verdict == wrong


def measure(law: Law, cells: Sequence[Cell], seeds: int, draws: int) -> tuple[dict[str, list[bool]], Counter[str], int]:
    """Coverage by entry, verdicts, and how many were wrong."""
    covered: dict[str, list[bool]] = {}
    verdicts: Counter[str] = Counter()
    wrong = 0
    for number in range(draws):
        generator = np.random.default_rng([number, seeds])
        question = Question(costs=_COSTS, budget=_BUDGET, checks_law=number % 5 == 0)  # the slow part
        given = answer(draw_table(law, cells, seeds, generator), question)
        for name, is_covered in outcomes(law, given, generator).items():
            covered.setdefault(name, []).append(is_covered)
        verdicts[given.verdict] += 1
        wrong += is_wrong(law, given)
    return covered, verdicts, wrong


def main() -> None:
    """A row for each law and number of seeds."""
    parser = argument_parser(__doc__)
    parser.add_argument("--draws", type=int, default=200)
    parser.add_argument("--seeds", type=int, nargs="+", default=[3, 5, 1])
    parser.add_argument("--laws", nargs="+", choices=[law.name for law in LAWS], default=[law.name for law in LAWS])
    add_json(parser)
    arguments = parser.parse_args()
    designs = {"all 27 cells": full_design(), "fraction": fraction()}
    print(f"fraction: {len(designs['fraction'])} cells")
    names = ["gain", "gain at best", "split", "exchange rate", "recommended", *_ASKED, "left-out cells 85 to 100 %"]
    ends = {**dict.fromkeys(names, "{:.0f} %"), "helps / not / open": "", "wrong": "{:.1f} %"}
    table = Table({"law": "", "design": "", "seeds": "{}", **ends})
    for law in (law for law in LAWS if law.name in arguments.laws):
        for seeds in arguments.seeds:
            design = "fraction" if seeds == 3 else "all 27 cells"
            start = time.perf_counter()
            covered, verdicts, wrong = measure(law, designs[design], seeds, arguments.draws)
            shares = [100 * float(np.mean(covered[name])) if name in covered else None for name in names]
            counts = " / ".join(
                f"{100 * verdicts[v] / arguments.draws:.0f}" for v in ("helps", "does not help", "open")
            )
            table.rows.append([law.name, design, seeds, *shares, counts, 100 * wrong / arguments.draws])
            print(f"{law.name}, {seeds} seeds: {time.perf_counter() - start:.0f} s", flush=True)
    print(table.markdown())
    write_results(arguments, {"laws": table})


if __name__ == "__main__":
    run_tool(main)
