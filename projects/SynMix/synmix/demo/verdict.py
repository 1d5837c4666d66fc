"""What the demo's trainings say: figures of both sides, their difference, and the answer with what would decide it."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from synmix.answer import Answer, Question, Training, answer, four_sentences, read_table
from synmix.answer.gains import SEEDS
from synmix.answer.read import REQUIRED
from synmix.demo.arms import CONTROL, MIXTURE, Arm, domain
from synmix.evaluate.bootstrap import Difference, Interval, paired_difference, remarks, runs_of
from synmix.evaluate.result import Result
from synmix.files import write_text
from synmix.statistics import image_variance, interaction_variance, mean

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


@dataclass(frozen=True)
class Verdict:
    """Both looks, and the answer for the real one."""

    looks: Sequence[Look]
    answer: Answer

    @property
    def sentences(self) -> list[str]:
        """The answer, and what would decide it."""
        first, *_, following = four_sentences(self.answer)
        seeds = len(self.looks[0].results[CONTROL])
        more = f"Here 'tools/demo.py --seeds {SEEDS}' trains what is missing." if seeds < SEEDS else ""
        return [first, f"{following} {more}".rstrip()]


def reach_verdict(sides: Sides, table: Path) -> Verdict:
    """Compares the finished trainings; writes the table of them that :mod:`synmix.answer` reads.

    Args:
        table: where the CSV goes; ``tools/answer.py --table`` takes it too.
    """
    names = sides[CONTROL][0].cfg.DATASETS.TEST
    looks = [Look(name, {side: [arm.result(name) for arm in arms] for side, arms in sides.items()}) for name in names]
    real = next((look for look in looks if domain(look.name) == "real"), looks[0])
    _write_table(table, sides, real)
    replicates = {
        _key(arm): result.replicates(result.resamples)["AP"]
        for side, arms in sides.items()
        for arm, result in zip(arms, real.results[side], strict=True)
    }
    trainings = replace(read_table(table), image_variance=_OverImages(replicates))
    return Verdict(looks, answer(trainings, Question(checks_law=False)))


def _key(arm: Arm) -> tuple[bool, int]:
    return arm.side == MIXTURE, arm.seed


@dataclass(frozen=True)
class _OverImages:
    """:class:`synmix.answer.table.ImageVariance` from the replicates of paired trainings."""

    replicates: Mapping[tuple[bool, int], np.ndarray]  # (B,) each

    def __call__(self, first: Sequence[Training], second: Sequence[Training]) -> tuple[float, float]:
        before, after = (
            [self.replicates[run.cell.synthetic > 0, run.seed] for run in side] for side in (first, second)
        )
        change = np.stack(after, axis=1) - np.stack(before, axis=1)
        return image_variance(change), interaction_variance(change)


def _write_table(path: Path, sides: Sides, look: Look) -> None:
    stream = io.StringIO()
    rows = csv.writer(stream, lineterminator="\n")
    rows.writerow([*REQUIRED, "image_se"])
    for side, arms in sides.items():
        for arm, result in zip(arms, look.results[side], strict=True):
            error = np.sqrt(image_variance(result.replicates(result.resamples)["AP"]))
            images = (arm.images("real"), arm.images("synthetic"))
            numbers = [*images, arm.cfg.SOLVER.MAX_ITER, arm.seed, f"{result.figures['AP']:.4f}"]
            rows.writerow([*numbers, f"{error:.4f}" if np.isfinite(error) else ""])
    write_text(path, stream.getvalue())
