"""Do the intervals hold what they promise? Simulated data sets, trainings and match tables, whose truth is known.

Drawn are images (crowded and hard ones among them), and on them trainings: equal seeds share part of their luck, each
has a skill of its own, likes some images more than others, and then it is luck which objects are found. ``r`` is the
standard deviation over seeds of a difference by their skills, divided by the standard error that images give the
difference of one pair. Counted is how often the 95 % interval of a true gain covers it, and how often equal models
seem to differ.

  uv run benchmarks/statistics_coverage.py      # everything, two processes; interrupted, the next call goes on
  uv run benchmarks/statistics_coverage.py --experiments 40 --images 40 --ratios 0 1 --store quick.json
"""

import math
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from results import Table, add_json, write_results
from scipy import stats

from synmix.cli.parser import argument_parser
from synmix.errors import run_tool
from synmix.evaluate.average_precision import MatchTable, figures_of, resampled_average_precision
from synmix.evaluate.bootstrap import join_models
from synmix.evaluate.matching import TRUE_POSITIVE
from synmix.files import read_json, write_json
from synmix.statistics import Estimate, Runs, difference, image_variance, image_weights, mean, power, swap_test

CLASSES = ("common", "usual", "rare")
_RATES = np.array([6.0, 2.0, 0.08])  # objects of a class in an image, as car, person and train have them
_GAIN = 0.25  # of skill, in the unit of an object's hardness: about four points
_LIKING = 0.3  # standard deviation of what an image does to one training alone
_SHARED = 0.5  # what equal seeds share, as a share of what is a training's own
TRAININGS = (1, 2, 3, 5)
_RESAMPLES, _SWAPS = 100, 99
_BLOCK = 20  # experiments that are kept together
_THRESHOLDS = np.array([0.5, 0.75])  # two of the ten IoUs: a fifth of the time


@dataclass(frozen=True)
class Images:
    """A data set's images and objects."""

    truths: np.ndarray  # (I, C)
    image: np.ndarray  # (objects,)
    category: np.ndarray
    hardness: np.ndarray


def draw_images(generator: np.random.Generator, number: int) -> Images:
    """Images differ in difficulty, and crowded ones are harder."""
    crowd = generator.gamma(2.0, 0.5, number)
    difficulty = 0.8 * generator.standard_normal(number) + 0.4 * (crowd - 1)
    truths = generator.poisson(_RATES * crowd[:, None])
    image = np.repeat(np.repeat(np.arange(number), len(CLASSES)), truths.ravel())
    category = np.repeat(np.tile(np.arange(len(CLASSES)), number), truths.ravel())
    return Images(truths, image, category, difficulty[image] + 0.7 * generator.standard_normal(len(image)))


def train(generator: np.random.Generator, images: Images, skill: float) -> MatchTable:
    """What a training of some skill finds: objects with an IoU and a score, and false positives that touch nothing."""
    number = len(images.truths)
    liking = _LIKING * generator.standard_normal(number)
    luck = 0.7 * generator.standard_normal(len(images.image))
    quality = skill + liking[images.image] - images.hardness + luck
    found = quality > -0.6
    iou = 1 / (1 + np.exp(-(1.2 + 0.8 * quality[found] + 0.4 * generator.standard_normal(found.sum()))))
    count = generator.poisson(1.5, number)
    places = np.concatenate([images.image[found], np.repeat(np.arange(number), count)])
    classes = np.concatenate([images.category[found], generator.choice(3, count.sum(), p=_RATES / _RATES.sum())])
    overlap = np.concatenate([iou, np.zeros(count.sum())])
    score = np.concatenate([iou + 0.15 * generator.standard_normal(len(iou)), generator.uniform(0, 0.8, count.sum())])
    outcome = np.where(overlap[:, None] > _THRESHOLDS, 1, 2).astype(np.int8)
    order = np.argsort(places, kind="stable")
    names = tuple(f"{index:06}" for index in range(number))
    return MatchTable(CLASSES, names, images.truths, places[order], classes[order], score[order], outcome[order])


def ap(table: MatchTable) -> float:
    """AP of all classes, percent."""
    return float(quick_ap(table, np.ones((len(table.images), 1)))[0])


@lru_cache
def population() -> tuple[np.ndarray, np.ndarray]:
    """Skills, and the AP of a training of each on all images there are: a smooth curve through 33 trainings on 60,000
    images, since the luck of any one of them would blur the truth."""
    skills = np.linspace(-4.0, 4.0, 33)
    generator = np.random.default_rng(1)
    images = draw_images(generator, 60_000)
    found = np.array([ap(train(generator, images, skill)) for skill in skills]) / 100
    curve = np.polynomial.Polynomial.fit(skills, np.log(found / (1 - found)), 9)
    fine = np.linspace(-4.0, 4.0, 801)
    return fine, 100 / (1 + np.exp(-curve(fine)))


def expected_ap(skill: float, spread: float) -> float:
    """AP over trainings whose skills are normal."""
    skills, values = population()
    nodes, weights = np.polynomial.hermite_e.hermegauss(21)
    return float(np.interp(skill + spread * nodes, skills, values) @ weights / weights.sum())


@lru_cache
def image_error(number: int) -> float:
    """Standard error, over data sets of ``number`` images, of the difference of two equal trainings."""
    generator = np.random.default_rng(3)
    found = []
    for _ in range(100):
        images = draw_images(generator, number)
        found.append(ap(train(generator, images, 0.0)) - ap(train(generator, images, 0.0)))
    return float(np.std(found))


def experiments(number: int, ratio: float, block: int) -> dict[str, int]:
    """How often what is counted happened in a block of experiments."""
    generator = np.random.default_rng([number, int(10 * ratio), block])
    skills, values = population()
    slope = np.interp(0.25, skills, values) - np.interp(-0.25, skills, values)
    own = ratio * image_error(number) / (2 * slope) / math.sqrt(2)  # standard deviation of a training's skill
    truth = expected_ap(_GAIN, own) - expected_ap(0.0, own)
    level = expected_ap(0.0, own * math.hypot(1.0, _SHARED))
    found: dict[str, int] = {}
    for _ in range(_BLOCK):
        images = draw_images(generator, number)
        shared = _SHARED * own * generator.standard_normal(max(TRAININGS))
        gains = (0.0, _GAIN) if ratio else (0.0, _GAIN, 0.0)
        tables = [
            [train(generator, images, gain + luck + own * generator.standard_normal()) for luck in shared]
            for gain in gains
        ]
        arms = [_runs(arm) for arm in tables]
        for key, happened in _judge(arms, truth, level, tables).items():
            found[key] = found.get(key, 0) + int(happened)
    return found


def _runs(tables: Sequence[MatchTable]) -> Runs:
    """AP as the tables are, and under resamples of their images, all in one go."""
    number = len(tables[0].images)
    weights = np.concatenate([np.ones((number, 1), np.float32), image_weights(number, _RESAMPLES, seed=0)], axis=1)
    figures = np.stack([quick_ap(table, weights) for table in tables], axis=1)
    return Runs(figures[0], figures[1:])


def quick_ap(table: MatchTable, weights: np.ndarray) -> np.ndarray:
    """(B,) AP in percent, as :func:`resampled_average_precision` finds it, for tables without equal scores and dropped
    predictions: small ones cost a tenth."""
    order = np.lexsort((-table.score, table.category))
    category, columns = table.category[order], np.ascontiguousarray(weights.T)[:, table.image[order]]  # (B, P)
    areas = np.full((weights.shape[1], len(table.classes), table.outcome.shape[1]), np.nan)
    truths = weights.T @ table.truths
    for one in range(len(table.classes)):
        mine = slice(*np.searchsorted(category, [one, one + 1]))
        drawn = columns[:, mine]
        seen = np.cumsum(drawn, axis=1)
        for threshold in range(areas.shape[2]):
            hits = np.flatnonzero(table.outcome[order[mine], threshold] == TRUE_POSITIVE)
            gained, after = drawn[:, hits], seen[:, hits]
            found, before = np.cumsum(gained, axis=1), after - gained
            precision = found / np.maximum(after, 1e-9)
            precision += np.where(before > 0, (found - gained) / np.maximum(before, 1e-9), 1.0)
            area = 0.5 * np.einsum("bp,bp->b", gained, precision)
            np.divide(area, truths[:, one], out=areas[:, one, threshold], where=truths[:, one] > 0)
    return figures_of(areas)[:, 0]


def _check_quick() -> None:
    generator = np.random.default_rng(0)
    table = train(generator, draw_images(generator, 60), 0.3)
    weights = image_weights(60, 50, seed=1)
    exact = figures_of(resampled_average_precision(table, weights))[:, 0]
    np.testing.assert_allclose(quick_ap(table, weights), exact, atol=1e-3)


def _judge(arms: Sequence[Runs], truth: float, level: float, tables: list[list[MatchTable]]) -> dict[str, bool]:
    """What the methods say of one experiment."""
    found = {}
    for trainings in TRAININGS:
        some = [Runs(arm.values[:trainings], arm.replicates[:, :trainings]) for arm in arms]
        found[f"gain {trainings}"] = _covers(_compare(some[0], some[1]), truth)
        found[f"level {trainings}"] = _covers(_level(some[0]), level)
        if len(arms) > 2:
            found[f"equal {trainings}"] = not _covers(_compare(some[0], some[2]), 0.0)
            if trainings in (1, 3):
                found[f"swap {trainings}"] = _swaps_differ(tables[0][:trainings], tables[2][:trainings])
    return found


def _swaps_differ(first: Sequence[MatchTable], second: Sequence[MatchTable]) -> bool:
    joined = [join_models(one, other) for one, other in zip(first, second, strict=True)]
    test = swap_test(
        lambda a, b: np.mean([quick_ap(table, np.concatenate([a, b])) for table in joined], axis=0),
        len(first[0].images),
        _SWAPS,
    )
    return bool(test.p_value()[0] <= 0.05)


def _compare(first: Runs, second: Runs) -> Estimate:
    """With one training a side, what is left: these very trainings, on other images."""
    if len(first) > 1:
        return difference(first, second, paired=True)
    variance = image_variance(second.replicates - first.replicates)
    return Estimate(float(second.values[0] - first.values[0]), variance, math.inf)


def _level(arm: Runs) -> Estimate:
    return mean(arm) if len(arm) > 1 else Estimate(float(arm.values[0]), image_variance(arm.replicates), math.inf)


def _covers(estimate: Estimate, truth: float) -> bool:
    low, high = estimate.interval()
    return low <= truth <= high


def gaussian(trainings: int, ratio: float, own: float, number: int) -> float:
    """Coverage where all is normal and the images' variances are known.

    Args:
        own: the share of the images' variance that is a training's own.
    """
    if trainings == 1:  # images alone
        return float(1 - 2 * stats.norm.sf(stats.norm.isf(0.025) / math.hypot(1.0, ratio)))
    spreads = (ratio, math.sqrt(1 - own), math.sqrt(own))
    return power(0.0, 0.0, trainings, *spreads, experiments=number).inconclusive  # the true gain, 0, is in the interval


def _collect(store: Path, sizes: Sequence[int], ratios: Sequence[float], blocks: int) -> dict[str, dict[str, int]]:
    """Runs what the store lacks; every block is kept as soon as it is there."""
    done = read_json(store) if store.exists() else {}
    wanted = {
        f"{size} {ratio:g} {block}": (size, ratio, block)
        for block in range(blocks)
        for size in sizes
        for ratio in ratios
    }
    for size in sizes:  # known before the processes part, so that both have it
        image_error(size)
    population()
    with ProcessPoolExecutor(2) as pool:
        waiting = {pool.submit(experiments, *what): key for key, what in wanted.items() if key not in done}
        for place, future in enumerate(as_completed(waiting), 1):
            done[waiting[future]] = future.result()
            write_json(store, done)
            print(f"\r{place} of {len(waiting)} blocks", end="", flush=True)
    return {key: done[key] for key in wanted}


def _share(done: dict[str, dict[str, int]], size: int, ratio: float, what: str) -> float:
    counts = [found[what] for key, found in done.items() if key.startswith(f"{size} {ratio:g} ")]
    return 100 * sum(counts) / (len(counts) * _BLOCK)


def _by_ratio(*columns: str, ratios: Sequence[float]) -> Table:
    shares = {f"r = {ratio:g}": "{:.1f}" for ratio in ratios}
    return Table({**dict.fromkeys(columns, "{}"), **shares})


def _counted(done: dict[str, dict[str, int]], sizes: Sequence[int], ratios: Sequence[float]) -> dict[str, Table]:
    """Of a true gain and of an arm's mean AP, in how many percent the interval covers it; of equal models, in how many
    they seem to differ."""
    cells = [(trainings, size) for trainings in TRAININGS for size in sizes]
    tables = {}
    for what in ("gain", "level"):
        tables[what] = _by_ratio("trainings", "images", ratios=ratios)
        for trainings, size in cells:
            shares = [_share(done, size, ratio, f"{what} {trainings}") for ratio in ratios]
            tables[what].rows.append([trainings, size, *shares])
    if 0 in ratios:
        tables["equal"] = Table({"trainings": "{}", "images": "{}", "interval": "{:.1f}", "swap test": "{:.1f}"})
        for trainings, size in cells:
            swap = _share(done, size, 0, f"swap {trainings}") if trainings in (1, 3) else None
            tables["equal"].rows.append([trainings, size, _share(done, size, 0, f"equal {trainings}"), swap])
    return tables


def _normal(ratios: Sequence[float], experiments: int) -> Table:
    """In how many percent the interval covers, where all is normal."""
    table = _by_ratio("trainings", "own", ratios=ratios)
    for trainings in TRAININGS:
        for own in (0.0, 0.5, 1.0):
            shares = [100 * gaussian(trainings, ratio, own, experiments) for ratio in ratios]
            table.rows.append([trainings, f"{own:g}", *shares])
    return table


def main() -> None:
    """Prints Markdown tables."""
    parser = argument_parser(__doc__)
    parser.add_argument("--experiments", type=int, default=480, help="of each cell (default: 480)")
    parser.add_argument("--images", type=int, nargs="+", default=[40, 200, 500])
    parser.add_argument("--ratios", type=float, nargs="+", default=[0, 1, 2, 4])
    parser.add_argument("--gaussian", type=int, default=20_000, help="normal experiments of each cell (default: 20000)")
    parser.add_argument("--store", type=Path, default=Path("output/statistics_coverage.json"), help="what is done")
    add_json(parser)
    arguments = parser.parse_args()
    _check_quick()
    arguments.store.parent.mkdir(parents=True, exist_ok=True)
    done = _collect(arguments.store, arguments.images, arguments.ratios, math.ceil(arguments.experiments / _BLOCK))
    tables = _counted(done, arguments.images, arguments.ratios)
    tables["normal"] = _normal(arguments.ratios, arguments.gaussian)
    for name, table in tables.items():
        print(f"\n{name} (%)\n\n{table.markdown()}")
    write_results(arguments, tables)


if __name__ == "__main__":
    run_tool(main)
