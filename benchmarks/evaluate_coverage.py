"""Do the bootstrap's intervals hold what they promise? Simulated: data sets are drawn from a population whose AP is
known, and it is counted how often the interval covers it, and how often two equal models look different.

  python benchmarks/evaluate_coverage.py --experiments 200
"""

import argparse
import time

import numpy as np

from synmix.errors import run_tool
from synmix.evaluate.average_precision import MatchTable, average_precision, figure_names, figures_of
from synmix.evaluate.bootstrap import confidence_intervals, paired_difference
from synmix.evaluate.matching import IOU_THRESHOLDS

CLASSES = ("common", "usual", "rare")
_RATES = np.array([6.0, 2.0, 0.08])  # objects of a class in an image, as car, person and train have them
FIGURES = ("AP", "AP50", "AP-common", "AP-rare")
_POPULATION = 40_000  # images that stand for all images there are


def draw_matches(generator: np.random.Generator, images: int, models: int = 1) -> list[MatchTable]:
    """Matches of equally good models on the same images. Images differ in difficulty, and crowded ones are harder;
    what an object is found with (IoU, score) varies with both."""
    crowd = generator.gamma(2.0, 0.5, images)
    difficulty = 0.8 * generator.standard_normal(images) + 0.4 * (crowd - 1)
    truths = generator.poisson(_RATES * crowd[:, None])
    image = np.repeat(np.repeat(np.arange(images), 3), truths.ravel())
    category = np.repeat(np.tile(np.arange(3), images), truths.ravel())
    hardness = difficulty[image] + 0.7 * generator.standard_normal(len(image))
    return [_matches_of(generator, truths, image, category, hardness) for _ in range(models)]


def _matches_of(
    generator: np.random.Generator, truths: np.ndarray, image: np.ndarray, category: np.ndarray, hardness: np.ndarray
) -> MatchTable:
    quality = -hardness + 0.7 * generator.standard_normal(len(image))
    found = quality > -0.6
    iou = 1 / (1 + np.exp(-(1.2 + 0.8 * quality[found] + 0.4 * generator.standard_normal(found.sum()))))
    count = generator.poisson(1.5, len(truths))  # false positives that touch nothing
    places = np.concatenate([image[found], np.repeat(np.arange(len(truths)), count)])
    classes = np.concatenate([category[found], generator.choice(3, count.sum(), p=_RATES / _RATES.sum())])
    overlap = np.concatenate([iou, np.zeros(count.sum())])
    score = np.concatenate([iou + 0.15 * generator.standard_normal(len(iou)), generator.uniform(0, 0.8, count.sum())])
    outcome = np.where(overlap[:, None] > IOU_THRESHOLDS, 1, 2).astype(np.int8)
    order = np.argsort(places, kind="stable")
    names = tuple(f"{index:06}" for index in range(len(truths)))
    return MatchTable(CLASSES, names, truths, places[order], classes[order], score[order], outcome[order])


def main() -> None:
    """Prints the coverage and the share of false alarms for data sets of several sizes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--experiments", type=int, default=200)
    parser.add_argument("--resamples", type=int, default=300)
    parser.add_argument("--sizes", type=int, nargs="+", default=[40, 200, 500])
    arguments = parser.parse_args()
    generator = np.random.default_rng(0)
    population = draw_matches(generator, _POPULATION)[0]
    true = dict(zip(figure_names(CLASSES), figures_of(average_precision(population)).tolist(), strict=True))
    print("true:", ", ".join(f"{name} {true[name]:.2f}" for name in FIGURES))
    print(f"| images | {' | '.join(f'{name} covered' for name in FIGURES)} | width of AP | false alarms, AP |")
    print(f"|{'---|' * (len(FIGURES) + 3)}")
    for size in arguments.sizes:
        start = time.perf_counter()
        covered, widths, alarms = {name: [] for name in FIGURES}, [], 0
        for _ in range(arguments.experiments):
            first, second = draw_matches(generator, size, models=2)
            intervals = confidence_intervals(first, arguments.resamples)
            for name in FIGURES:
                if not np.isnan(intervals[name].low):
                    covered[name].append(intervals[name].low <= true[name] <= intervals[name].high)
            widths.append(intervals["AP"].high - intervals["AP"].low)
            difference = paired_difference([first], [second], arguments.resamples)["AP"]
            alarms += not difference.low <= 0 <= difference.high
        shares = " | ".join(f"{100 * np.mean(covered[name]):.1f} %" for name in FIGURES)
        alarm_share = 100 * alarms / arguments.experiments
        print(f"| {size} | {shares} | {np.mean(widths):.1f} | {alarm_share:.1f} % |", flush=True)
        print(f"  ({time.perf_counter() - start:.0f} s)", flush=True)


if __name__ == "__main__":
    run_tool(main)
