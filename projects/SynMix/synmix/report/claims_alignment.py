"""Claims of sections 3.3 and 4.1: the domain gap, and the removal of labels."""

from synmix.report.claims import NO_HARM, Claim, Comparison, all_of, better
from synmix.report.claims_counted import effort, fewer_labels, knees
from synmix.study import published
from synmix.study.experiments import REAL, SYNTHETIC, TITLES, baseline, classes_of, removed, training
from synmix.study.runs import Run
from synmix.study.scale import Scale

#: "Decent" (3.3): real images give at least so many times the AP of synthetic ones where the latter do not suffice.
DECENT = 2.0


def alignment(scale: Scale) -> list[Claim]:
    """Sections 3.3 and 4.1 at a scale."""
    real, synthetic = baseline(scale), removed(scale, 0)
    homes = ((REAL, real, synthetic), (SYNTHETIC, synthetic, real))
    return [
        Claim(
            "These first results highlight the domain shift between the two data sets.",
            "3.3, Table 1",
            "training at home beats training abroad, on both domains",
            all_of(better(f"{TITLES[d]} from itself against the other", d, abroad, home) for d, home, abroad in homes),
        ),
        Claim(
            "Synthetic data are not sufficient to achieve a decent performance on real world inference.",
            "3.3, Table 1",
            f"as many real images give at least {DECENT:g} times the AP on Cityscapes",
            all_of([better("real against synthetic images", REAL, synthetic, real, DECENT, as_ratio=True)]),
        ),
        *_removal(scale),
        *_table_2(scale),
    ]


def _removal(scale: Scale) -> list[Claim]:
    most = max(scale.grid["removal"])
    return [
        Claim(
            "This means that for each class, removing the smallest instances does not have a negative effect on the "
            "final performance and may even improve it.",
            "4.1, Figure 4",
            f"each class's AP on Synscapes falls by less than {NO_HARM:g} point up to its knee",
            all_of(
                better(f"{name}: {_at_knee(scale, name):g} % removed against none", SYNTHETIC, removed(scale, 0),
                       removed(scale, _at_knee(scale, name)), -NO_HARM, figure=f"AP-{name}")
                for name in classes_of(scale)
            ),
        ),
        Claim(
            "Then, there is a strong decrease of the average precision when the removal threshold becomes too high.",
            "4.1, Figure 4",
            f"between its knee and {most:g} % each class loses more for every 10 % removed than before the knee",
            all_of(_steeper(scale, name, most) for name in classes_of(scale) if 0 < _at_knee(scale, name) < most),
        ),
        Claim(
            "For most of them, the limit threshold is around 30% but regarding “person” class it is rather around 60%.",
            "4.1, Figure 4",
            "the 95 % interval of each class's knee lies within one step of the grid around the paper's",
            knees,
        ),
        Claim(
            "We can consider that around 40% of the labels present on synthetic images are not valuable.",
            "4.1",
            "the chosen thresholds remove 35 to 50 % of the labels",
            lambda estimates: fewer_labels(estimates, "share"),
            "137,255 to 70,744 labels are 48.5 %.",
        ),
        Claim(
            "It makes Synscapes and Cityscapes labelings more similar.",
            "4.1",
            "the number of labels in as many images comes closer to Cityscapes'",
            lambda estimates: fewer_labels(estimates, "closer"),
        ),
        Claim(
            "It reduces considerably the number of labeled instances and thus reduces the computational effort.",
            "4.1",
            "trainings with removal take less time an iteration than the same without; times are those of machines "
            "that may have had other work",
            effort,
        ),
    ]  # fmt: skip


def _table_2(scale: Scale) -> list[Claim]:
    approaches = [
        (title, training(scale, without), training(scale, chosen))
        for title, without, chosen in (
            ("pre-training", "synscapes_20k.yaml", "synscapes_20k_removal.yaml"),
            ("mixing", "mixture_all_labels.yaml", "mixture.yaml"),
            ("fine-tuning", "finetune_best_all_labels.yaml", "finetune_best.yaml"),
        )
    ]
    helped = [
        (title, data_set, without, chosen)
        for title, without, chosen in approaches
        for data_set in (SYNTHETIC, REAL)
        if (title, data_set) != ("pre-training", REAL)
    ]
    _, all_labels, fewer = approaches[0]
    return [
        Claim(
            "For almost all training approaches, the final average precision obtained on both data sets, is better "
            "with instance removal pre-processing than without.",
            "4.1, Table 2",
            "AP is higher with removal in the five cells in which the paper finds it so",
            all_of(better(f"{title}, on {TITLES[d]}", d, without, chosen) for title, d, without, chosen in helped),
        ),
        Claim(
            "[Almost all: pre-training falls on Cityscapes, from 14.9 to 14.2.]",
            "4.1, Table 2",
            f"removal adds less than {NO_HARM:g} point to pre-training's AP on Cityscapes",
            all_of([better("without removal against with it", REAL, fewer, all_labels, -NO_HARM)]),
        ),
    ]


def _at_knee(scale: Scale, name: str) -> float:
    """The grid's threshold at or below the paper's knee of a class."""
    knee = published.FIGURE_4_KNEE.get(name, published.FIGURE_4_KNEE_OTHERS)
    return float(max(percent for percent in scale.grid["removal"] if percent <= knee))


def _steeper(scale: Scale, name: str, most: float) -> Comparison:
    """Loss for every 10 % removed: after the knee less before it."""
    knee = _at_knee(scale, name)
    after, before = 10 / (most - knee), 10 / knee
    weights: tuple[tuple[float, Run], ...] = (
        (-before, removed(scale, 0)), (after + before, removed(scale, knee)), (-after, removed(scale, most)),
    )  # fmt: skip
    return Comparison(
        f"{name}: loss for 10 % beyond {knee:g} %, less that before", SYNTHETIC, weights, figure=f"AP-{name}"
    )
