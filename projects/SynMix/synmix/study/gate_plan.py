"""What a gate can show, before the money is spent: how likely each verdict is for seeds x images, and what it costs."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from scipy.special import chdtri

from synmix.errors import UserError
from synmix.statistics import Power, Runs, image_variance, interaction_variance, power
from synmix.study.comparison import Arm
from synmix.study.scale import Scale
from synmix.study.store import Record, Store
from synmix.study.terms import Terms


@dataclass(frozen=True)
class Spread:
    """What moves a difference of two arms, in points of the figure."""

    seed_sd: float  # over seeds, on endless images
    image_se: float  # from the images that all seeds share
    interaction_se: float = 0.0  # of what images do to one seed alone
    seeds: int = 0  # that it was measured with; 0: assumed
    images: int = 0

    @property
    def cautious_seed_sd(self) -> float:
        """The upper 80 % limit of the seeds' spread, which few seeds hardly tell; the assumed one as it is."""
        if self.seeds < 2:
            return self.seed_sd
        return self.seed_sd * math.sqrt((self.seeds - 1) / float(chdtri(self.seeds - 1, 0.8)))


@dataclass(frozen=True)
class Planned:
    """A row of the plan."""

    gain: float  # if this is the true one
    seeds: int
    image_factor: float  # times as many images
    power: Power
    gpu_hours: float  # of all trainings of both arms; nan where only the data say how long they are


def spread_of(control: Runs, mixed: Runs) -> Spread:
    """The spread of paired differences.

    >>> pilot = Runs(np.array([1.0, 3.0]), np.zeros((2, 2)))
    >>> spread_of(Runs(np.zeros(2), np.zeros((2, 2))), pilot)
    Spread(seed_sd=1.414..., image_se=0.0, interaction_se=0.0, seeds=2, images=0)
    """
    differences, replicates = mixed.values - control.values, mixed.replicates - control.replicates
    own, number = interaction_variance(replicates), len(differences)
    seeds = max(float(differences.var(ddof=1)) - own, 0.0)
    images = max(image_variance(replicates) - own / number, 0.0)
    return Spread(math.sqrt(seeds), math.sqrt(images), math.sqrt(own), number)


def pilot(store: Store, terms: Terms) -> Spread:
    """The spread that the finished runs of both arms show, with the seeds they share.

    Raises:
        UserError: they share fewer than two seeds.
    """
    sides = [_finished(store, arm, terms.data_set) for arm in (terms.control, terms.mixed)]
    shared = sorted(set(sides[0]) & set(sides[1]))
    if len(shared) < 2:
        raise UserError(
            f"the arms share {len(shared)} finished seeds in '{store.root}', and two at least tell how trainings vary; "
            "give --seed-sd and --image-se, or --pilot-control and --pilot-mixed, arms that are finished."
        )
    arms = [
        Arm(name, {seed: side[seed].results[terms.data_set] for seed in shared}, terms.resamples)
        for name, side in zip((terms.control, terms.mixed), sides, strict=True)
    ]
    found = spread_of(arms[0].runs(terms.figure), arms[1].runs(terms.figure))
    images = len(arms[0].by_seed[shared[0]].images)
    return Spread(found.seed_sd, found.image_se, found.interaction_se, found.seeds, images)


def pair_hours(store: Store, terms: Terms, scale: Scale, iterations: Sequence[int | None]) -> float:
    """GPU hours of one training of each arm: as measured, else by the scale's seconds an iteration; nan where only the
    data say how long one is."""
    hours = 0.0
    for arm, length in zip((terms.control, terms.mixed), iterations, strict=True):
        known = [record.gpu_hours for record in _finished(store, arm, terms.data_set).values()]
        planned = math.nan if length is None else length * scale.seconds_per_iteration / 3600 * scale.processes
        hours += float(np.mean(known)) if known else planned
    return hours


def plan(
    terms: Terms,
    spread: Spread,
    hours: float,
    gains: Sequence[float],
    seeds: Sequence[int],
    image_factors: Sequence[float],
    experiments: int = 20_000,
) -> Iterator[Planned]:
    """How likely each verdict is, for each true gain, number of seeds and amount of images.

    Raises:
        UserError: a number of seeds, factor or spread that cannot be meant.
    """
    for true, number, factor in product(gains, seeds, image_factors):
        try:
            found = power(
                true, terms.min_gain, number, spread.seed_sd, spread.image_se, spread.interaction_se, terms.margin,
                factor, terms.confidence, experiments,
            )  # fmt: skip
        except ValueError as error:
            raise UserError(f"this cannot be planned: {error}.") from None
        yield Planned(true, number, factor, found, number * hours)


def _finished(store: Store, arm: str, data_set: str) -> dict[int, Record]:
    """Seed -> finished run with a result on the data set."""
    digest = arm.rsplit("_", 1)[1]
    records = [store.record(run_id) for run_id in store.ids() if f"_{digest}_seed" in run_id]
    return {record.run.seed: record for record in records if data_set in record.results}
