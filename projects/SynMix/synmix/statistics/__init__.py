"""How sure: intervals, tests and plans from numbers alone. It knows no other room of SynMix.

A figure computed on evaluated images varies with the images and with the training. From one value a training
(``per_seed``) and replicates over images (``Runs``) follow estimates, and from these everything that is judged.
"""

from synmix.statistics.best import BestSet, comparison_with_best
from synmix.statistics.comparison import Ratio, Runs, difference, mean, ratio
from synmix.statistics.estimate import (
    Alternative,
    Estimate,
    random_effects,
    random_effects_interval,
    unpaired_effects,
)
from synmix.statistics.families import Family, holm
from synmix.statistics.looks import Look, Spending, information_fractions, planned_looks, spent_error
from synmix.statistics.power import Power, power
from synmix.statistics.resampling import (
    image_covariance,
    image_variance,
    image_weights,
    interaction_variance,
    jackknife_replicates,
    jackknife_weights,
    known_replicates,
    percentile_interval,
)
from synmix.statistics.split import Component, variance_split
from synmix.statistics.swap import SwapTest, swap_test
from synmix.statistics.verdicts import Answer, Equivalence, answer, equivalent

__all__ = [
    "Alternative",
    "Answer",
    "BestSet",
    "Component",
    "Equivalence",
    "Estimate",
    "Family",
    "Look",
    "Power",
    "Ratio",
    "Runs",
    "Spending",
    "SwapTest",
    "answer",
    "comparison_with_best",
    "difference",
    "equivalent",
    "holm",
    "image_covariance",
    "image_variance",
    "image_weights",
    "information_fractions",
    "interaction_variance",
    "jackknife_replicates",
    "jackknife_weights",
    "known_replicates",
    "mean",
    "percentile_interval",
    "planned_looks",
    "power",
    "random_effects",
    "random_effects_interval",
    "ratio",
    "spent_error",
    "swap_test",
    "unpaired_effects",
    "variance_split",
]
