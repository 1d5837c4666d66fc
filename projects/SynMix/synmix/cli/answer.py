"""Does synthetic data help, how much of it, and how sure? Answers from results, anyone's.

Of trainings made one by one (--runs), a store's (--store), or a table: a CSV with the columns real_images,
synthetic_images, iterations, seed and AP (docs/answer.md). Four sentences go to the screen, answer.html and answer.md
to --output.

uv run tools/answer.py --store runs/mini                                    # the finished trainings of a store
uv run tools/answer.py --runs output/mixed_* output/alone_*                 # trainings made one by one
uv run tools/answer.py --table docs/data/paper_table3.csv --costs docs/data/costs.yaml --budget 500  # what to buy
uv run tools/answer.py --table docs/data/paper_table3.csv --predict 2975,20000,143594 --json answer.json
"""

import argparse
import math
from pathlib import Path

from synmix.answer.answer import Question, answer
from synmix.answer.costs import read_costs
from synmix.answer.read import keep_rows, read_table
from synmix.answer.sentences import four_sentences, notes
from synmix.answer.table import Cell, Table
from synmix.cli.parser import argument_parser
from synmix.cli.results import add_json, write_result_json
from synmix.cli.words import add_data_set
from synmix.errors import UserError
from synmix.kinds import SIZE, argument


def parse_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argument_parser(__doc__, allow_abbrev=False)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--table", type=Path, help="a CSV of results, one row per training")
    source.add_argument("--store", type=Path, help="a store of runs")
    source.add_argument(
        "--runs", type=Path, nargs="+", metavar="DIR", help="folders (OUTPUT_DIR) of finished trainings"
    )
    add_data_set(
        parser, "--dataset", help="with --store and --runs: the evaluated set whose AP is asked about (default: real)"
    )
    parser.add_argument(
        "--only", action="append", default=[], metavar="COLUMN=VALUE[,VALUE]", help="take these rows only (repeatable)"
    )
    parser.add_argument("--predict", metavar="REAL,SYNTHETIC,ITERATIONS", help="a training whose AP is asked for")
    parser.add_argument("--costs", type=Path, help="a YAML of prices: unit, real_image, synthetic_image, gpu_hour")
    parser.add_argument("--budget", type=float, help="what may be spent, in the unit of --costs")
    parser.add_argument("--least-gain", type=float, default=0.0, help="'helps' takes more than this, in AP")
    parser.add_argument("--margin", type=float, help="a gain within it, either way, counts as none")
    parser.add_argument(
        "--looks", type=argument(SIZE), default=1, help="how often the verdict is asked for while runs are added"
    )
    parser.add_argument("--confidence", type=float, default=0.95, help="of the intervals")
    parser.add_argument("--output", type=Path, default=Path("output/answer"), metavar="DIR", help="folder of the pages")
    add_json(parser)
    return parser.parse_args()


def main() -> None:
    """Reads, answers, and writes."""
    arguments = parse_arguments()
    question = _question(arguments)
    given = answer(_table(arguments), question)
    print("\n".join(four_sentences(given)))
    for note in notes(given):
        print(f"note: {note}")
    from synmix.answer.page import write_pages  # matplotlib: the sentences do not wait for it

    write_result_json(arguments.json, given.as_json())
    print(f"page: {write_pages(given, arguments.output)}")


def _table(arguments: argparse.Namespace) -> Table:
    keep = keep_rows(arguments.only)
    if arguments.table:
        if arguments.dataset:
            raise UserError("--dataset chooses within --store or --runs; name a table's rows with --only COLUMN=VALUE.")
        return read_table(arguments.table, keep)
    if arguments.runs:
        from synmix.study.trainings import read_trainings  # Detectron2: a table does not wait for it

        return read_trainings(arguments.runs, arguments.dataset, keep)
    from synmix.study.answering import read_store

    return read_store(arguments.store, arguments.dataset, keep)


def _question(arguments: argparse.Namespace) -> Question:
    if (arguments.costs is None) != (arguments.budget is None):
        raise UserError("--costs and --budget belong together: prices, and what may be spent.")
    for name in ("least_gain", "margin", "budget"):
        value = getattr(arguments, name)
        if value is not None and not math.isfinite(value):
            raise UserError(f"--{name.replace('_', '-')} is {value:g}; give a finite number.")
    if not 0.5 <= arguments.confidence < 1:
        raise UserError(f"--confidence is {arguments.confidence:g}; give a share such as 0.95.")
    if arguments.margin is not None and not arguments.margin > 0:
        raise UserError(f"--margin is {arguments.margin:g}; give AP points above 0.")
    return Question(
        arguments.least_gain,
        arguments.margin,
        _cell(arguments.predict) if arguments.predict else None,
        read_costs(arguments.costs) if arguments.costs else None,
        arguments.budget,
        arguments.confidence,
        arguments.looks,
    )


def _cell(text: str) -> Cell:
    try:
        real, synthetic, iterations = (int(part) for part in text.split(","))
    except ValueError:
        raise UserError(f"--predict is '{text}'; give three whole numbers such as 2975,20000,143594.") from None
    if min(real, synthetic) < 0 or real + synthetic == 0 or iterations < 1:
        raise UserError(f"--predict is '{text}'; a training has at least one image and one iteration.")
    return Cell(real, synthetic, iterations)
