"""The paper's qualitative claims as a checklist, each answered from our runs with the interval that says so.

A comparison holds where its whole interval is on the claimed side of its margin, does not hold where the whole interval
is on the other side, and is open otherwise. A claim of several comparisons holds where all hold, and does not hold
where one does not.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise, product
from typing import Any, Literal

from synmix.compose.budget import effective_learning_rate
from synmix.files import read_json
from synmix.report.estimates import Estimate, Estimates
from synmix.study.experiments import (
    REAL,
    SYNTHETIC,
    TITLES,
    baseline,
    finetuned,
    mixture,
    removed,
    training,
    with_real_share,
)
from synmix.study.runs import Run
from synmix.study.scale import Scale

Answer = Literal["holds", "does not hold", "open", "not yet run"]
#: AP points that count as no harm: about the paper's own differences between neighbouring cells of Table 3.
NO_HARM = 1.0
#: "Almost doubles" (4.2): at least so many times.
ALMOST_DOUBLE = 1.8


@dataclass(frozen=True)
class Verdict:
    """A claim's answer and the figures it rests on."""

    answer: Answer
    evidence: tuple[str, ...]


@dataclass(frozen=True)
class Claim:
    """A sentence of the paper and how our runs answer it."""

    title: str
    section: str
    criterion: str
    judge: Callable[[Estimates], Verdict]


@dataclass(frozen=True)
class Comparison:
    """``second - first`` (or ``second / first``) should be above the margin."""

    text: str
    data_set: str
    first: Run
    second: Run
    margin: float = 0.0
    as_ratio: bool = False

    def judge(self, estimates: Estimates) -> tuple[Answer, str]:
        """The answer and its sentence."""
        compare = estimates.ratio if self.as_ratio else estimates.difference
        estimate = compare(self.first, self.second, self.data_set)
        if estimate is None:
            return "not yet run", f"{self.text}: not yet run"
        return _side(estimate, self.margin), f"{self.text}: {_show(estimate, self.as_ratio)}"


def _side(estimate: Estimate, margin: float) -> Answer:
    if estimate.is_open:
        return "open"
    return "holds" if estimate.low > margin else "does not hold" if estimate.high < margin else "open"


def _show(estimate: Estimate, as_ratio: bool) -> str:
    unit, sign = ("times", "") if as_ratio else ("AP", "+")
    interval = "one training a side" if estimate.is_open else f"[{estimate.low:{sign}.1f}, {estimate.high:{sign}.1f}]"
    numbers = f"{estimate.value:{sign}.1f} {unit} {interval}"
    return numbers.replace("-", "\N{MINUS SIGN}") + (f", {estimate.seeds} seeds" if estimate.seeds > 1 else "")


def all_hold(comparisons: Iterable[Comparison]) -> Callable[[Estimates], Verdict]:
    """Judges a claim that consists of comparisons."""
    asked = tuple(comparisons)

    def judge(estimates: Estimates) -> Verdict:
        answers, sentences = zip(*(comparison.judge(estimates) for comparison in asked), strict=True)
        return Verdict(combined(answers), sentences)

    return judge


def combined(answers: Sequence[Answer]) -> Answer:
    """The answer of several comparisons together."""
    order: tuple[Answer, ...] = ("does not hold", "not yet run", "open")
    return next((answer for answer in order if answer in answers), "holds")


def claims(scale: Scale) -> list[Claim]:
    """The checklist at a scale."""
    return [*_alignment(scale), *_mixing(scale), *_finetuning(scale)]


def _alignment(scale: Scale) -> list[Claim]:
    real, synthetic = baseline(scale), removed(scale, 0)
    harmless = [percent for percent in scale.grid["removal"] if 0 < percent <= 30]
    most = max(scale.grid["removal"])
    return [
        Claim(
            "There is a domain gap: each domain is learned best from itself.",
            "3.3",
            "training at home beats training abroad, on both domains",
            all_hold(
                Comparison(f"{TITLES[domain]} from itself against the other", domain, abroad, home)
                for domain, home, abroad in ((REAL, real, synthetic), (SYNTHETIC, synthetic, real))
            ),
        ),
        Claim(
            "Removing the smallest labels does not hurt, up to the knee near 30 %.",
            "4.1, Figure 4",
            f"AP on Synscapes falls by less than {NO_HARM:g} point",
            all_hold(
                Comparison(f"{percent:g} % removed against none", SYNTHETIC, synthetic, removed(scale, percent),
                           margin=-NO_HARM)
                for percent in harmless
            ),
        ),
        Claim(
            "Beyond the knee, precision falls steeply.",
            "4.1, Figure 4",
            f"AP on Synscapes is lower with {most:g} % removed than with none",
            all_hold([Comparison(f"none removed against {most:g} %", SYNTHETIC, removed(scale, most), synthetic)]),
        ),
        Claim(
            "About 40 % of the synthetic labels can go, and the two sets become more alike.",
            "4.1",
            "the chosen thresholds remove 35 to 50 % of the labels, and labels per image come closer to Cityscapes'",
            _fewer_labels,
        ),
        Claim(
            "Removal helps each approach on Cityscapes but pre-training.",
            "4.1, Table 2",
            "AP on Cityscapes is higher with removal, for mixing and fine-tuning",
            all_hold(
                Comparison(title, REAL, training(scale, without), training(scale, chosen))
                for title, without, chosen in (
                    ("mixing", "mixture_all_labels.yaml", "mixture.yaml"),
                    ("fine-tuning", "finetune_best_all_labels.yaml", "finetune_best.yaml"),
                )
            ),
        ),
    ]  # fmt: skip


def _mixing(scale: Scale) -> list[Claim]:
    shares = sorted(scale.grid["real_share"])
    first = shares[1]
    enough = scale.grid["epochs"][1:]  # from the paper's 50 on
    most = max(scale.grid["amounts"])
    rising = [(REAL, low, high) for low, high in pairwise(shares)]
    falling = [(SYNTHETIC, high, low) for low, high in pairwise(shares)]
    return [
        Claim(
            f"The first {first:g} % of real images nearly double AP on Cityscapes.",
            "4.2, Figure 5",
            f"at least {ALMOST_DOUBLE:g} times the AP without real images",
            all_hold([Comparison(f"{first:g} % real against none", REAL, with_real_share(scale, 0),
                                 with_real_share(scale, first), margin=ALMOST_DOUBLE, as_ratio=True)]),
        ),
        Claim(
            "The more images of a domain, the better on that domain: both curves are monotone.",
            "4.2, Figure 5",
            f"no step along a curve goes down by more than {NO_HARM:g} point",
            all_hold(
                Comparison(f"{TITLES[domain]}, {worse:g} to {better:g} % real",
                           domain, with_real_share(scale, worse), with_real_share(scale, better), margin=-NO_HARM)
                for domain, worse, better in (*rising, *falling)
            ),
        ),
        Claim(
            "More synthetic images help, given enough epochs.",
            "4.2, Table 3",
            f"+{most} synthetic images beat none on Cityscapes, from {enough[0]:g} epochs on",
            all_hold(
                Comparison(f"{count:g} epochs", REAL, mixture(scale, 0, count), mixture(scale, most, count))
                for count in enough
            ),
        ),
        Claim(
            "The mixture beats training on real images alone.",
            "4.2",
            "AP on Cityscapes is higher than the baseline's",
            all_hold([Comparison("mixture against baseline", REAL, baseline(scale), training(scale, "mixture.yaml"))]),
        ),
    ]  # fmt: skip


def _finetuning(scale: Scale) -> list[Claim]:
    tuned, mixed = training(scale, "finetune_best.yaml"), training(scale, "mixture.yaml")
    return [
        Claim(
            "Fine-tuning beats training on real images alone.",
            "4.3, Table 5",
            "AP on Cityscapes is higher than the baseline's",
            all_hold([Comparison("fine-tuning against baseline", REAL, baseline(scale), tuned)]),
        ),
        Claim(
            "Mixing beats fine-tuning, on both domains.",
            "4.3, Table 2",
            "AP is higher on both",
            all_hold(Comparison(TITLES[domain], domain, tuned, mixed) for domain in (REAL, SYNTHETIC)),
        ),
        Claim(
            "With and without momentum, the optimum lies at one effective learning rate.",
            "4.3, Figure 6",
            "the best effective rates of both curves differ by at most one step of the grid",
            _one_optimum,
        ),
    ]


def _fewer_labels(estimates: Estimates) -> Verdict:
    synthetic, real = (
        estimates.finished(with_real_share(estimates.scale, 0)),
        estimates.finished(baseline(estimates.scale)),
    )
    if not (synthetic and real):
        return Verdict("not yet run", ("the manifests are written by the runs of Figure 5: not yet run",))
    before, after = _labels(read_json(synthetic[0].folder / "manifest.json"))
    target, _ = _labels(read_json(real[0].folder / "manifest.json"))
    removed = 100 * (1 - after / before)
    closer = abs(after - target) < abs(before - target)
    sentence = (
        f"{before:,} labels become {after:,} ({removed:.1f} % removed); as many images of Cityscapes have {target:,}"
    )
    return Verdict("holds" if closer and 35 <= removed <= 50 else "does not hold", (sentence,))


def _labels(manifest: dict[str, Any]) -> tuple[int, int]:
    """Labels of a training set before and after removal."""
    classes = [values for part in manifest["data_sets"] for values in part["classes"].values()]
    return sum(values["labels"] for values in classes), sum(values["kept"] for values in classes)


def _one_optimum(estimates: Estimates) -> Verdict:
    """Holds where each curve's best rates agree, does not hold where no rates agree that could be the best."""
    scale = estimates.scale
    rates, best, possible = sorted(scale.grid["lr"]), [], []
    for momentum in scale.grid["momentum"]:
        curve = {effective_learning_rate(rate, momentum): finetuned(scale, rate, momentum) for rate in rates}
        runs = {rate: run for rate, run in curve.items() if not estimates.has_failed(run)}  # those did not diverge
        found = {rate: estimate for rate, run in runs.items() if (estimate := estimates.estimate(run, REAL))}
        if not found or len(found) < len(runs):
            return Verdict("not yet run", (f"momentum {momentum:g}: {len(found)} of {len(runs)} rates run",))
        top = max(found, key=lambda rate: found[rate].value)
        best.append(top)
        differences = {rate: estimates.difference(run, runs[top], REAL) for rate, run in runs.items()}
        possible.append([rate for rate, gap in differences.items() if gap and (gap.is_open or gap.low <= 0)])
    step = 1.001 * max(high / low for low, high in pairwise(rates))
    answer: Answer = "holds" if max(best) / min(best) <= step else "open"
    if not any(max(some) / min(some) <= step for some in product(*possible)):
        answer = "does not hold"
    sentences = tuple(
        f"momentum {momentum:g}: best at an effective rate of {top:.3g}; not worse beyond doubt at "
        + ", ".join(f"{rate:.3g}" for rate in sorted(rest))
        for momentum, top, rest in zip(scale.grid["momentum"], best, possible, strict=True)
    )
    return Verdict(answer, sentences)
