"""Lays every table and figure of a study beside the runs of a store.

uv run tools/report.py --scale mini  # reads runs/mini, writes runs/mini/report/report.html
"""

import argparse
from pathlib import Path

from synmix.cli.parser import argument_parser
from synmix.cli.results import add_json, write_result_json
from synmix.cli.words import add_store, scale_and_store
from synmix.report.report import write_report


def parse_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argument_parser(__doc__)
    add_store(parser)
    parser.add_argument(
        "--output", type=Path, metavar="DIR", help="for report.html, report.md, *.svg (default: <store>/report)"
    )
    parser.add_argument(
        "--test-scores",
        type=Path,
        metavar="FILE",
        help="what a test server said, a YAML (default: the scale's, if it names one)",
    )
    add_json(parser)
    return parser.parse_args()


def main() -> None:
    """Writes the report; an empty or missing store gives one in which everything is yet to be run."""
    arguments = parse_arguments()
    scale, store = scale_and_store(arguments)
    output = arguments.output or store.root / "report"
    document = write_report(store, scale, output, arguments.test_scores)
    print(f"{output / 'report.html'}: " + ", ".join(f"{figure} {what}" for figure, what in document.cards))
    write_result_json(arguments.json, {"scale": scale.name, "store": store.root, **document.as_json()})
