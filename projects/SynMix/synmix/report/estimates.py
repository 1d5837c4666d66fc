"""What the finished runs say: figures over all seeds of a training, with intervals, and paired comparisons.

A training is looked up by what it trains, so that further seeds join by themselves.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from synmix import statistics
from synmix.statistics import percentile_interval
from synmix.study.comparison import Arm, gain, quotient
from synmix.study.runs import Run
from synmix.study.scale import Scale
from synmix.study.store import Record

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
    p_value: float = 1.0  # of a comparison, against no difference, two-sided


class Estimates:
    """The finished runs of a store, asked about the data sets of a scale."""

    def __init__(self, records: Sequence[Record], scale: Scale) -> None:
        self.scale = scale
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

    def has_failed(self, run: Run) -> bool:
        """Whether the training was tried and failed with every seed, as one that diverges does."""
        states = [record.status.state for record in self._by_digest.get(run.digest, [])]
        return "failed" in states and "finished" not in states

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
            return None
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
        return Estimate(found.value, *found.interval(CONFIDENCE), seeds, found.is_open, found.p_value())

    def ratio(self, first: Run, second: Run, data_set: str, figure: str = "AP") -> Estimate | None:
        """``second / first``, as :meth:`difference`; None too where a side is 0."""
        arms = [self.arm(run, data_set) for run in (first, second)]
        found = quotient(arms[0], arms[1], figure) if arms[0] and arms[1] else None
        if found is None or arms[0] is None or arms[1] is None:
            return None
        seeds = min(len(arms[0].seeds), len(arms[1].seeds))
        return Estimate(found.value, *found.interval(CONFIDENCE), seeds, found.log.is_open, found.p_value())
