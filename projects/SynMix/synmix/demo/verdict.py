"""What the demo's trainings say: figures of both sides, their difference, and the answer with what would decide it."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from synmix.answer import Answer, Cell, Question, Table, Training, answer, four_sentences, headline, make_table
from synmix.answer.gains import SEEDS
from synmix.answer.read import REQUIRED
from synmix.demo.arms import CONTROL, MIXTURE, Arm, domain
from synmix.evaluate.bootstrap import Difference, Interval, paired_difference, remarks, runs_of
from synmix.evaluate.result import Result
from synmix.files import write_text
from synmix.statistics import mean
from synmix.study.answering import OnImages
from synmix.study.index import standard_error

Sides = Mapping[str, Sequence[Arm]]


@dataclass(frozen=True)
class Look:
    """One evaluated data set: the results of both sides, by seed."""

    name: str
    results: Mapping[str, Sequence[Result]]

    @property
    def title(self) -> str:
        """In words."""
        return f"{domain(self.name)} look"

    @property
    def frames(self) -> int:
        """That it was evaluated on."""
        return len(self.results[CONTROL][0].images)

    def reached(self, side: str, figure: str) -> Interval:
        """A side's figure in percent; its interval is over images with one training, over seeds too with several."""
        results = self.results[side]
        if len(results) == 1:
            return results[0].intervals[figure]
        estimate = mean(runs_of([result.table for result in results], results[0].resamples)[figure])
        return Interval(estimate.value, *estimate.interval(results[0].confidence))

    @cached_property
    def gains(self) -> dict[str, Difference]:
        """Of each figure, mixture less real images alone, on the same images; {} where one image is all there is."""
        first, second = ([result.table for result in self.results[side]] for side in (CONTROL, MIXTURE))
        one = self.results[CONTROL][0]
        if len(one.images) < 2:
            return {}
        return paired_difference(first, second, one.resamples, one.confidence, swaps=0)  # no p-value is shown

    @cached_property
    def remarks(self) -> list[str]:
        """What a reader of the gains has to know."""
        return remarks(self.gains) if self.gains else []

    def as_json(self) -> dict[str, Any]:
        """What the demo's table shows of it."""
        shown = {
            figure: {**{side: self.reached(side, figure) for side in self.results}, "gain": self.gains.get(figure)}
            for figure in ("AP", "AP50")
        }
        return {"name": self.name, "frames": self.frames, **shown}


@dataclass(frozen=True)
class Verdict:
    """Both looks, and the answer for the real one."""

    looks: Sequence[Look]
    answer: Answer

    @property
    def sentences(self) -> list[str]:
        """The verdict, the answer, and what would decide it."""
        first, *_, following = four_sentences(self.answer, below_headline=True)
        seeds = len(self.looks[0].results[CONTROL])
        more = f"Here 'tools/demo.py --num-seeds {SEEDS}' trains what is missing." if seeds < SEEDS else ""
        return [headline(self.answer), first, f"{following} {more}".rstrip()]

    def as_json(self) -> dict[str, Any]:
        """Both looks, what is said of them, and the answer."""
        looks = [look.as_json() for look in self.looks]
        return {"looks": looks, "sentences": self.sentences, "answer": self.answer.as_json()}


def reach_verdict(sides: Sides, table: Path) -> Verdict:
    """Compares the finished trainings; writes the table of them that :mod:`synmix.answer` reads.

    Args:
        table: where the CSV goes; ``tools/answer.py --table`` takes it too.
    """
    names = sides[CONTROL][0].cfg.DATASETS.TEST
    looks = [Look(name, {side: [arm.result(name) for arm in arms] for side, arms in sides.items()}) for name in names]
    real = next((look for look in looks if domain(look.name) == "real"), looks[0])
    pairs = [pair for side, arms in sides.items() for pair in zip(arms, real.results[side], strict=True)]
    trainings = make_table((_training(arm, result) for arm, result in pairs), str(table)).trainings
    _write_table(table, trainings)
    on_images = OnImages({str(arm.output): result for arm, result in pairs}, real.results[CONTROL][0].resamples)
    return Verdict(looks, answer(Table(trainings, on_images), Question(checks_law=False)))


def _training(arm: Arm, result: Result) -> Training:
    cell = Cell(arm.images("real"), arm.images("synthetic"), arm.cfg.SOLVER.MAX_ITER)
    error = standard_error(result.intervals["AP"])
    return Training(cell, arm.seed, result.figures["AP"], error, place=str(arm.output))


def _write_table(path: Path, trainings: Sequence[Training]) -> None:
    stream = io.StringIO()
    rows = csv.writer(stream, lineterminator="\n")
    rows.writerow([*REQUIRED, "image_se"])
    for run in trainings:
        error = f"{run.image_se:.4f}" if run.image_se is not None and np.isfinite(run.image_se) else ""
        rows.writerow([*run.cell, run.seed, f"{run.average_precision:.4f}", error])
    write_text(path, stream.getvalue())
