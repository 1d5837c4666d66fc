"""Claims that are no plain comparison of trainings: counts of labels, knees, optima, budgets, times, test scores."""

import math
from collections.abc import Sequence
from itertools import pairwise, product
from typing import Any

import numpy as np

from synmix.compose.budget import effective_learning_rate
from synmix.files import read_json
from synmix.report.claims import NO_HARM, Answer, Comparison, Finding, better
from synmix.report.estimates import Estimates
from synmix.report.knees import class_knees
from synmix.report.selection import contenders_of
from synmix.statistics import Ratio, random_effects
from synmix.study import published
from synmix.study.comparison import Arm
from synmix.study.experiments import REAL, TEST, baseline, finetuned, mixture, training, with_real_share
from synmix.study.runs import Run

#: Figure 6's text: above the first a training diverges, under the second it is too slow.
FASTEST, SLOWEST = 0.02, 0.00005
#: What a training says that diverged.
_DIVERGED = "became infinite or not a number"


def label_counts(estimates: Estimates) -> tuple[int, int, int] | None:
    """Synthetic labels before and after the chosen removal, and real ones, of as many images; None before the runs."""
    scale = estimates.scale
    synthetic, real = (estimates.finished(run) for run in (with_real_share(scale, 0), baseline(scale)))
    if not (synthetic and real):
        return None
    before, after = _labels(read_json(synthetic[0].folder / "manifest.json"))
    return before, after, _labels(read_json(real[0].folder / "manifest.json"))[0]


def _labels(manifest: dict[str, Any]) -> tuple[int, int]:
    """Labels of a training set before and after removal."""
    classes = [values for part in manifest["data_sets"] for values in part["classes"].values()]
    return sum(values["labels"] for values in classes), sum(values["kept"] for values in classes)


def fewer_labels(estimates: Estimates, asked: str) -> list[Finding]:
    """``share``: as many labels go as the paper says; ``closer``: what remains is nearer to Cityscapes' number."""
    counts = label_counts(estimates)
    if counts is None:
        return [Finding("labels in the manifests of Figure 5's runs", "not yet run", adjusted="not yet run")]
    before, after, target = counts
    share = 100 * (1 - after / before)
    holds = 35 <= share <= 50 if asked == "share" else abs(after - target) < abs(before - target)
    text = f"{before:,} labels become {after:,} ({share:.1f} % removed); as many images of Cityscapes have {target:,}"
    return [Finding(text, "holds" if holds else "does not hold", "counted")]


def effort(estimates: Estimates) -> list[Finding]:
    """Seconds an iteration, with removal against without, seed by seed."""
    pairs = (
        ("pre-training", "synscapes_20k.yaml", "synscapes_20k_removal.yaml"),
        ("mixing", "mixture_all_labels.yaml", "mixture.yaml"),
    )
    return [_pace(estimates, title, *(training(estimates.scale, name) for name in names)) for title, *names in pairs]


def _pace(estimates: Estimates, title: str, without: Run, chosen: Run) -> Finding:
    sides = [
        {r.run.seed: r.status.seconds / (r.status.computed.get("iterations") or r.run.iterations or 1)
         for r in estimates.finished(run)} for run in (without, chosen)
    ]  # fmt: skip
    shared = sorted(set(sides[0]) & set(sides[1]))
    if not shared or not all(side[seed] > 0 for side in sides for seed in shared):
        return Finding(title, "not yet run", adjusted="not yet run")
    found = Ratio(random_effects([math.log(sides[1][seed] / sides[0][seed]) for seed in shared], 0.0))
    if found.log.is_open:
        return Finding(title, "open", f"{found.value:.2f} times the time, one training on a side")
    low, high = found.interval()
    answer: Answer = "holds" if high < 1 else "does not hold" if low > 1 else "open"
    figures = f"{found.value:.2f} times the time [{low:.2f}, {high:.2f}], {len(shared)} seeds"
    return Finding(title, answer, figures, p_value=found.p_value())


def knees(estimates: Estimates) -> list[Finding]:
    """Whether each class's knee lies where the paper's does."""
    found = class_knees(estimates)
    if not found:
        return [Finding("the knees of all classes", "not yet run", adjusted="not yet run")]
    grid = sorted(estimates.scale.grid["removal"])
    step = max(high - low for low, high in pairwise(grid))
    return [_knee(name, one.knee.percent, one.low, one.high, one.seeds, step) for name, one in found.items()]


def _knee(name: str, percent: float, low: float, high: float, seeds: int, step: float) -> Finding:
    theirs = published.FIGURE_4_KNEE.get(name, published.FIGURE_4_KNEE_OTHERS)
    near, far = theirs - step, theirs + step
    answer: Answer = "holds" if near <= low and high <= far else "does not hold" if high < near or low > far else "open"
    images = "" if seeds > 1 else ", images alone"
    answer = answer if seeds > 1 else "open"
    return Finding(f"{name}: paper {theirs:g} %", answer, f"{percent:g} % [{low:g}, {high:g}]{images}")


def small_budget(estimates: Estimates) -> list[Finding]:
    """Mixtures within the least budget against the longest training of the real images alone."""
    scale, limit = estimates.scale, min(estimates.scale.grid["budgets"])
    fits = [
        (amount, count, run)
        for amount, count in product(scale.grid["amounts"], scale.grid["epochs"])
        if (run := mixture(scale, amount, count)).iterations and (run.iterations or 0) <= limit
    ]
    alone = [run for amount, _, run in fits if not amount]
    mixed = [(f"+{amount:,}, {count:g} epochs", run) for amount, count, run in fits if amount]
    if not alone or not mixed:
        return [Finding(f"no pair of trainings of Table 3 fits into {limit:,} iterations", "open")]
    longest = max(alone, key=lambda run: run.iterations or 0)
    return [better(f"{title} not better", REAL, run, longest, -NO_HARM).judge(estimates) for title, run in mixed]


def fifty_epochs(estimates: Estimates) -> list[Finding]:
    """For each budget, of which lengths the trainings are that cannot be told from the best."""
    scale = estimates.scale
    counts = sorted(scale.grid["epochs"])
    middle = counts[len(counts) // 2]
    found = []
    for limit in scale.grid["budgets"]:
        cells = {(count, amount): mixture(scale, amount, count) for count in counts for amount in scale.grid["amounts"]}
        fits = {key: run for key, run in cells.items() if run.iterations and run.iterations <= limit}
        if len(fits) < 2 or not any(count == middle for count, _ in fits):
            continue
        found.append(_lengths_of_best(f"{limit:,} iterations", fits, middle, estimates))
    return found


def _lengths_of_best(
    title: str, fits: dict[tuple[float, int], Run], middle: float, estimates: Estimates
) -> Finding:  # fmt: skip
    arms = {key: arm for key, run in fits.items() if (arm := estimates.arm(run, REAL))}
    if len(arms) < len(fits):
        return Finding(title, "not yet run", f"{len(arms)} of {len(fits)} trainings", adjusted="not yet run")
    contenders, is_open = contenders_of(arms)
    own = [count == middle for count, _ in contenders]
    answer: Answer = "open" if is_open or any(own) else "does not hold"
    answer = "holds" if all(own) and not is_open else answer
    lengths = ", ".join(f"{count:g} epochs +{amount:,}" for count, amount in contenders)
    return Finding(title, answer, "one training each" if is_open else f"may be the best: {lengths}")


def test_server(estimates: Estimates) -> list[Finding]:
    """The mixture against the baseline on the test set: our results where it has labels, else the server's."""
    sides = baseline(estimates.scale), training(estimates.scale, "mixture.yaml")
    found = [estimates.estimate(run, TEST) for run in sides]
    text = "mixture against baseline, test set"
    if found[0] and found[1] and (found[0].entered or found[1].entered):
        figures = f"{found[0].value:.1f} and {found[1].value:.1f} AP, entered without interval"
        return [Finding(text, "open", figures)]
    return [better(text, TEST, *sides).judge(estimates)]


test_server.__test__ = False  # type: ignore[attr-defined]  # for pytest


def diverges(estimates: Estimates) -> list[Finding]:
    """Rates that are too high or too low against half of their curve's best."""
    scale, found = estimates.scale, []
    for momentum in scale.grid["momentum"]:
        extreme = [rate for rate in scale.grid["lr"] if rate > FASTEST or rate <= SLOWEST]
        values = {rate: ours.value for rate in scale.grid["lr"] if (ours := _rate(estimates, rate, momentum))}
        for rate in extreme:
            found.append(_extreme(estimates, rate, momentum, values))
    faster = any(rate > FASTEST for rate in scale.grid["lr"])
    slower = any(rate <= SLOWEST for rate in scale.grid["lr"])
    missing = [f"above {FASTEST:g}"] * (not faster) + [f"of {SLOWEST:g} or less"] * (not slower)
    return [*found, *(Finding(f"no rate {what} is in the grid", "open") for what in missing)]


def _rate(estimates: Estimates, rate: float, momentum: float) -> Any:
    return estimates.estimate(finetuned(estimates.scale, rate, momentum), REAL)


def _extreme(estimates: Estimates, rate: float, momentum: float, values: dict[float, float]) -> Finding:
    run, title = finetuned(estimates.scale, rate, momentum), f"rate {rate:g}, momentum {momentum:g}"
    if (reason := estimates.failure(run)) and rate > FASTEST:
        diverged = _DIVERGED in reason
        return Finding(
            title, "holds" if diverged else "open", "diverged" if diverged else f"failed otherwise: {reason}"
        )
    others = {other: value for other, value in values.items() if other != rate}
    if not others:
        return Finding(title, "not yet run", adjusted="not yet run")
    best = finetuned(estimates.scale, max(others, key=lambda other: others[other]), momentum)
    return Comparison(f"{title}: half of the best less it", REAL, ((-1.0, run), (0.5, best))).judge(estimates)


def optima(estimates: Estimates) -> dict[float, dict[float, Arm]] | None:
    """Momentum -> effective rate -> its runs; rates that diverged are out. None while some are not yet run."""
    scale, curves = estimates.scale, {}
    for momentum in scale.grid["momentum"]:
        runs = {effective_learning_rate(rate, momentum): finetuned(scale, rate, momentum) for rate in scale.grid["lr"]}
        left = {rate: run for rate, run in runs.items() if _DIVERGED not in estimates.failure(run)}
        arms = {rate: arm for rate, run in left.items() if (arm := estimates.arm(run, REAL))}
        if not arms or len(arms) < len(left):
            return None
        curves[momentum] = arms
    return curves


def one_optimum(estimates: Estimates) -> list[Finding]:
    """Whether the curves' optima agree, as far as they can be told."""
    curves = optima(estimates)
    if curves is None:
        return [Finding("both curves", "not yet run", adjusted="not yet run")]
    rates = sorted(set(estimates.scale.grid["lr"]))
    if len(rates) == 1:
        return [Finding("the grid has one rate, among which none is the best", "open")]
    step = 1.001 * max(high / low for low, high in pairwise(rates))
    found = {momentum: contenders_of(arms) for momentum, arms in curves.items()}
    agree = [max(some) / min(some) <= step for some in product(*(rest for rest, _ in found.values()))]
    told = not any(is_open for _, is_open in found.values())
    answer: Answer = "holds" if told and all(agree) else "does not hold" if told and not any(agree) else "open"
    shown = [f"momentum {momentum:g}: {_listed(rest, is_open)}" for momentum, (rest, is_open) in found.items()]
    return [Finding("effective rates that may be the best", answer, "; ".join(shown))]


def _listed(rates: Sequence[float], is_open: bool) -> str:
    return "one training each" if is_open else ", ".join(f"{rate:.3g}" for rate in sorted(np.asarray(rates).tolist()))
