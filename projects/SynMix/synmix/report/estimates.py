"""What the finished runs say: figures over all seeds of a training, with intervals, and paired comparisons.

A training is looked up by what it trains, so that further seeds join by themselves.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from synmix import statistics
from synmix.statistics import Ratio, percentile_interval
from synmix.study.comparison import Arm, contrast, gain, quotient
from synmix.study.runs import Run
from synmix.study.scale import Scale
from synmix.study.store import Record
from synmix.study.test_scores import TestScore

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Estimate:
    """A figure with its interval: AP in percent, a difference in points, or a ratio.

    With one training on a side it is *open*: of a figure the interval is then that of the images alone, a comparison
    has none.
    """

    value: float
    low: float
    high: float
    seeds: int  # trainings it rests on; of a comparison, the fewer
    is_open: bool = False
    source: "statistics.Estimate | Ratio | None" = None  # of a comparison, for its tests
    entered: str = ""  # of a score that another computed: by whom and when; it has no interval

    def p_value(self, against: float = 0.0) -> float:
        """Of a comparison, two-sided; nan of anything else and where it is open."""
        return self.source.p_value(against) if self.source and not self.is_open else math.nan


class Estimates:
    """The finished runs of a store, asked about the data sets of a scale."""

    def __init__(self, records: Sequence[Record], scale: Scale, scores: Sequence[TestScore] = ()) -> None:
        self.scale = scale
        self.scores = tuple(scores)
        self.records = list(records)
        self._arms: dict[tuple[str, str], Arm] = {}
        self._by_digest: dict[str, list[Record]] = {}
        for record in self.records:
            self._by_digest.setdefault(record.run.digest, []).append(record)

    def finished(self, run: Run) -> list[Record]:
        """The finished trainings of the run, one a seed."""
        return [record for record in self._by_digest.get(run.digest, []) if record.status.state == "finished"]

    def state(self, run: Run) -> str:
        """How far the run is, whatever it is called in the store."""
        states = [r.status.state for r in self._by_digest.get(run.digest, []) if r.run.seed == run.seed]
        return states[0] if states else "not yet run"

    def failure(self, run: Run) -> str:
        """Why the training failed with every seed that was tried, as one that diverges does; "" where one did not."""
        known = [record.status for record in self._by_digest.get(run.digest, [])]
        reasons = [status.reason or "failed" for status in known if status.state == "failed"]
        return "; ".join(dict.fromkeys(reasons)) if not any(status.state == "finished" for status in known) else ""

    def results(self, run: Run, data_set: str) -> list[Any]:
        """The results of a training on a data set, a seed each; empty where there are none yet."""
        arm = self.arm(run, data_set)
        return list(arm.by_seed.values()) if arm else []

    def arm(self, run: Run, data_set: str) -> Arm | None:
        """All seeds of a training on a data set; None where there is no result."""
        name = self.scale.data_set(data_set)
        if (run.digest, name) not in self._arms:
            found = {record.run.seed: record.results[name] for record in self.finished(run) if name in record.results}
            if not found:
                return None
            self._arms[run.digest, name] = Arm(run.arm, found)
        return self._arms[run.digest, name]

    def estimate(self, run: Run, data_set: str, figure: str = "AP") -> Estimate | None:
        """The mean figure over seeds; None where there is no result."""
        arm = self.arm(run, data_set)
        if arm is None:
            return self._entered(run, data_set, figure)
        found = statistics.mean(arm.runs(figure))
        if found.is_open:
            low, high = percentile_interval(arm.runs(figure).replicates[:, 0], CONFIDENCE)
        else:
            low, high = found.interval(CONFIDENCE)
        return Estimate(found.value, low, high, len(arm.seeds), found.is_open)

    def difference(self, first: Run, second: Run, data_set: str, figure: str = "AP") -> Estimate | None:
        """``second - first`` in points, on the same images; None where a side has no result."""
        arms = [self.arm(run, data_set) for run in (first, second)]
        if arms[0] is None or arms[1] is None:
            return None
        found = gain(arms[0], arms[1], figure)
        seeds = min(len(arms[0].seeds), len(arms[1].seeds))
        return Estimate(found.value, *found.interval(CONFIDENCE), seeds, found.is_open, found)

    def _entered(self, run: Run, data_set: str, figure: str) -> Estimate | None:
        """A score that was entered for the training, the latest."""
        name = self.scale.data_set(data_set)
        for score in sorted(self.scores, key=lambda one: one.date, reverse=True):
            if score.digest == run.digest and score.data_set == name and figure in score.figures:
                about = f"{score.submission}, {score.date}"
                return Estimate(score.figures[figure], math.nan, math.nan, 1, True, entered=about)
        return None

    def contrast(self, weights: Sequence[tuple[float, Run]], data_set: str, figure: str = "AP") -> Estimate | None:
        """A weighted sum of trainings' figures over the seeds that all have; None where one has no result."""
        arms = [(weight, self.arm(run, data_set)) for weight, run in weights]
        known = [(weight, arm) for weight, arm in arms if arm is not None]
        if len(known) < len(arms):
            return None
        found = contrast(known, figure)
        seeds = len(set.intersection(*(set(arm.seeds) for _, arm in known)))
        return Estimate(found.value, *found.interval(CONFIDENCE), seeds, found.is_open, found)

    def iterations(self, run: Run) -> int | None:
        """As trained, else as planned; None where only the data would say."""
        done = [record.status.computed.get("iterations") for record in self.finished(run)]
        return next((int(count) for count in done if count), run.iterations)

    def ratio(self, first: Run, second: Run, data_set: str, figure: str = "AP") -> Estimate | None:
        """``second / first``, as :meth:`difference`; None too where a side is 0."""
        arms = [self.arm(run, data_set) for run in (first, second)]
        found = quotient(arms[0], arms[1], figure) if arms[0] and arms[1] else None
        if found is None or arms[0] is None or arms[1] is None:
            return None
        seeds = min(len(arms[0].seeds), len(arms[1].seeds))
        return Estimate(found.value, *found.interval(CONFIDENCE), seeds, found.log.is_open, found)
