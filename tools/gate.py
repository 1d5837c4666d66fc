#!/usr/bin/env python3
"""Does mixing pay? Compares a control arm with a mixed arm by terms declared beforehand.

uv run tools/gate.py CONTROL MIXED --min-gain 2.0 --declaration gate.json --scale mini

Call it once before the runs are trained: it writes the terms down. Call it again afterwards: it gives the verdict.
CONTROL and MIXED are arms (all their seeds) or runs of the store, as tools/study.py list shows them; the start of a
name is enough where it is the only one. Exit code: 0 pass, 1 fail, 3 inconclusive, 4 while runs are missing.
"""

import argparse
from pathlib import Path

from synmix.errors import UserError, argument_parser, run_tool
from synmix.study.experiments import REAL
from synmix.study.gate import GateVerdict, Terms, declare, judge
from synmix.study.scale import load_scale, scale_names
from synmix.study.store import Store

EXIT_CODES = {"pass": 0, "fail": 1, "inconclusive": 3}
DECLARED_ONLY = 4


def parse_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argument_parser(__doc__)
    parser.add_argument("control", help="the arm without synthetic data")
    parser.add_argument("mixed", help="the arm with it")
    parser.add_argument("--min-gain", type=float, required=True, help="the least gain that pays, in AP points")
    parser.add_argument("--declaration", type=Path, default=Path("gate.json"), help="the terms (default: gate.json)")
    parser.add_argument("--scale", default="paper", help=f"{' or '.join(scale_names())} (default: paper)")
    parser.add_argument("--store", type=Path, help="the results store (default: runs/<scale>)")
    parser.add_argument("--data-set", help="evaluated on (default: the scale's real validation set)")
    parser.add_argument("--figure", default="AP", help="AP, AP50, AP-car, ... (default: AP)")
    parser.add_argument("--confidence", type=float, default=0.95, help="of the interval (default: 0.95)")
    parser.add_argument("--resamples", type=int, default=1000, help="of the images (default: 1000)")
    return parser.parse_args()


def main() -> int:
    """Declares, and judges where both arms are finished."""
    arguments = parse_arguments()
    scale = load_scale(arguments.scale)
    store = Store(arguments.store or Path("runs") / scale.name)
    data_set = scale.data_set(arguments.data_set or REAL)
    options = (arguments.min_gain, arguments.figure, arguments.confidence, arguments.resamples)
    terms = Terms(arguments.control, arguments.mixed, data_set, *options)
    is_new = not arguments.declaration.exists()
    declared = declare(arguments.declaration, terms)
    try:
        verdict = judge(store, terms, declared)
    except UserError as error:
        if not is_new:
            raise
        print(f"declared in '{arguments.declaration}'; no verdict yet: {error}")
        return DECLARED_ONLY
    print(report(verdict))
    return EXIT_CODES[verdict.answer]


def report(verdict: GateVerdict) -> str:
    """The verdict for people."""
    gain, terms = verdict.gain, verdict.terms
    low, high = gain.interval(terms.confidence)
    p_value = gain.p_value(terms.min_gain, "greater")
    between = "open, with one training on a side" if gain.is_open else f"[{low:+.2f}, {high:+.2f}]"
    late = "" if verdict.declared_first else (
        "\nnote: the terms were declared after results were there, so this verdict explores, it does not confirm."
    )  # fmt: skip
    return (
        f"{verdict.answer.upper()}: {terms.figure} on {terms.data_set} changes by {gain.value:+.2f} points "
        f"{between} ({terms.confidence:.0%}); {terms.min_gain:+g} was asked for (p = {p_value:.3f}).\n"
        f"control: {', '.join(verdict.control)}\nmixed: {', '.join(verdict.mixed)}{late}"
    )


if __name__ == "__main__":
    run_tool(main)
