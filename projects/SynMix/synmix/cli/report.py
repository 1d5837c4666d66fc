"""Lays every table and figure of a study beside the runs of a store.

uv run tools/report.py --scale mini  # reads runs/mini, writes runs/mini/report/report.html
"""

import argparse
from pathlib import Path

from synmix.errors import argument_parser
from synmix.report.report import write_report
from synmix.study.scale import load_scale, scale_names
from synmix.study.store import Store


def parse_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argument_parser(__doc__)
    parser.add_argument("--scale", default="paper", help=f"{' or '.join(scale_names())} (default: paper)")
    parser.add_argument("--store", type=Path, help="the results store (default: runs/<scale>)")
    parser.add_argument(
        "--output", type=Path, help="folder for report.html, report.md, *.svg (default: <store>/report)"
    )
    parser.add_argument(
        "--test-scores", type=Path, help="what a test server said, a YAML (default: the scale's, if it names one)"
    )
    return parser.parse_args()


def main() -> None:
    """Writes the report; an empty or missing store gives one in which everything is yet to be run."""
    arguments = parse_arguments()
    scale = load_scale(arguments.scale)
    store = Store(arguments.store or Path("runs") / scale.name)
    output = arguments.output or store.root / "report"
    document = write_report(store, scale, output, arguments.test_scores)
    print(f"{output / 'report.html'}: " + ", ".join(f"{figure} {what}" for figure, what in document.cards))
