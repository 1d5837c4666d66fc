"""Does synthetic data help, how much of it, and how sure: the answer from a table of results, anyone's.

>>> from synmix.answer import answer, four_sentences, headline, read_table
>>> found = answer(read_table("results.csv"))
>>> headline(found), len(four_sentences(found))
('Synthetic images help.', 4)

It stands on :mod:`synmix.statistics` and the ground floor alone.
"""

from synmix.answer.answer import Answer, Question, answer
from synmix.answer.costs import Costs, read_costs
from synmix.answer.design import design_runs
from synmix.answer.planning import NextRun, Stop, next_run
from synmix.answer.read import read_table
from synmix.answer.sentences import four_sentences, headline, notes
from synmix.answer.surface import Interval, Surface, fit_surface
from synmix.answer.table import Cell, Table, Training, make_table

__all__ = [
    "Answer",
    "Cell",
    "Costs",
    "Interval",
    "NextRun",
    "Question",
    "Stop",
    "Surface",
    "Table",
    "Training",
    "answer",
    "design_runs",
    "fit_surface",
    "four_sentences",
    "headline",
    "make_table",
    "next_run",
    "notes",
    "read_costs",
    "read_table",
]
