"""What the finished runs say: figures over all seeds of a training, with intervals, and paired comparisons.

A training is looked up by what it trains, so that further seeds join by themselves. Images are resampled, and trainings
with them where there are several; all replicates use the same images, so that they pair. Where both sides of a
comparison have the same seeds, these pair too: runs of one seed share what they start from.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from synmix.errors import UserError
from synmix.study.runs import Run
from synmix.study.scale import Scale
from synmix.study.store import Record

RESAMPLES, CONFIDENCE = 1000, 0.95


@dataclass(frozen=True)
class Estimate:
    """A figure with its interval: AP in percent, a difference in points, or a ratio."""

    value: float
    low: float
    high: float
    seeds: int  # trainings it rests on; of a comparison, the fewer


class Estimates:
    """The finished runs of a store, asked about the data sets of a scale."""

    def __init__(self, records: Sequence[Record], scale: Scale) -> None:
        self.scale = scale
        self.records = list(records)
        self._resampled: dict[int, dict[str, np.ndarray]] = {}  # by the identity of a result, kept alive by the records
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
        return list(self._by_seed(run, data_set).values())

    def _by_seed(self, run: Run, data_set: str) -> dict[int, Any]:
        name = self.scale.data_set(data_set)
        found = {record.run.seed: record.results[name] for record in self.finished(run) if name in record.results}
        return dict(sorted(found.items()))

    def estimate(self, run: Run, data_set: str, figure: str = "AP") -> Estimate | None:
        """The mean figure over seeds; None where there is no result."""
        results = self.results(run, data_set)
        if not results:
            return None
        value = float(np.mean([result.figures[figure] for result in results]))
        return _estimate(value, self._replicates(results, figure, side=0), len(results))

    def difference(self, first: Run, second: Run, data_set: str, figure: str = "AP") -> Estimate | None:
        """``second - first`` in points, on the same images; None where a side has no result."""
        return self._compare(first, second, data_set, figure, np.subtract)

    def ratio(self, first: Run, second: Run, data_set: str, figure: str = "AP") -> Estimate | None:
        """``second / first``, as :meth:`difference`; None too where the first is 0."""
        return self._compare(first, second, data_set, figure, np.divide)

    def _compare(self, first: Run, second: Run, data_set: str, figure: str, operation: np.ufunc) -> Estimate | None:
        by_seed = [self._by_seed(run, data_set) for run in (first, second)]
        sides = [list(results.values()) for results in by_seed]
        if not all(sides):
            return None
        means = [float(np.mean([result.figures[figure] for result in side])) for side in sides]
        if operation is np.divide and means[0] <= 0:
            return None
        if len({result.images for side in sides for result in side}) > 1:
            raise UserError(
                f"'{first.arm}' and '{second.arm}' saw different images of '{sides[0][0].dataset}'; remove "
                "the runs of one of them to train and evaluate it again."
            )
        with np.errstate(divide="ignore", invalid="ignore"):
            paired = by_seed[0].keys() == by_seed[1].keys()
            replicates = operation(
                self._replicates(sides[1], figure, side=0), self._replicates(sides[0], figure, side=0 if paired else 1)
            )
        return _estimate(float(operation(means[1], means[0])), replicates, min(map(len, sides)))

    def _replicates(self, results: Sequence[Any], figure: str, side: int) -> np.ndarray:
        """(B,) the mean over a resample of the trainings, for each resample of the images."""
        stacked = np.stack([self._resample(result)[figure] for result in results])
        draws = np.random.default_rng([side, len(results)]).integers(0, len(results), size=stacked.shape)
        return np.take_along_axis(stacked, draws, axis=0).mean(axis=0)

    def _resample(self, result: Any) -> dict[str, np.ndarray]:
        if id(result) not in self._resampled:
            self._resampled[id(result)] = result.replicates(RESAMPLES)
        return self._resampled[id(result)]


def _estimate(value: float, replicates: np.ndarray, seeds: int) -> Estimate:
    known = replicates[np.isfinite(replicates)]
    tail = 50 * (1 - CONFIDENCE)
    low, high = np.percentile(known, [tail, 100 - tail]) if len(known) else (np.nan, np.nan)
    return Estimate(value, float(low), float(high), seeds)
