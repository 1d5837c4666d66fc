"""Claims of section 4.3: fine-tuning, its hyperparameters, and mixing against it."""

from synmix.report.claims import Claim, all_of, better
from synmix.report.claims_counted import FASTEST, SLOWEST, diverges, one_optimum
from synmix.study.experiments import REAL, SYNTHETIC, TITLES, baseline, control, removed, training
from synmix.study.scale import Scale


def finetuning(scale: Scale) -> list[Claim]:
    """Section 4.3 at a scale."""
    return [*_steps(scale), *_hyperparameters(), *_best(scale)]


def _steps(scale: Scale) -> list[Claim]:
    real, pretrained = baseline(scale), training(scale, "synscapes_20k_removal.yaml")
    first, tuned = training(scale, "finetune.yaml"), training(scale, "finetune_best.yaml")
    return [
        Claim(
            "This result highlights the benefits of using Synscapes in its entirety, increasing the number of epochs, "
            "and pre-processing the images.",
            "4.3, Table 5",
            "AP on Synscapes is higher than that of 3.3's training on as many images as Cityscapes has",
            all_of([better("all images, longer, with removal", SYNTHETIC, removed(scale, 0), pretrained)]),
        ),
        Claim(
            "After this second training, the network precision decreases to 19.7% when evaluating on Synscapes, but "
            "increases to 38.0% when evaluating on Cityscapes.",
            "4.3, Table 5",
            "fine-tuning lowers AP on Synscapes and raises it on Cityscapes",
            all_of([
                better("Synscapes, before against after", SYNTHETIC, first, pretrained),
                better("Cityscapes, after against before", REAL, pretrained, first),
            ]),
        ),
        Claim(
            "Compared to baseline training, replacing the initialization weights and fine-tuning already improve the "
            "average precision on real images to 38.0% from 35.7%.",
            "4.3, Table 5",
            "fine-tuning at the baseline's own rate beats the baseline on Cityscapes",
            all_of([better("fine-tuning at the base rate against the baseline", REAL, real, first)]),
        ),
        Claim(
            "Consistent learning rate and momentum enable to control the fine-tuning phase improving the performance "
            "on both data sets at the same time.",
            "4.3, Table 5",
            "AP with the tuned rate is higher than with the base rate, on both",
            all_of(better(f"tuned against base rate, {TITLES[d]}", d, first, tuned) for d in (REAL, SYNTHETIC)),
        ),
    ]  # fmt: skip


def _hyperparameters() -> list[Claim]:
    return [
        Claim(
            "When η is above 0.02 the model diverges and when it is under 0.00005 the model converges too slowly, "
            "making the precision very low.",
            "4.3, Figure 6",
            f"every rate above {FASTEST:g} ends in a loss that is not finite or below half of the curve's best, every "
            f"rate of {SLOWEST:g} or less below half of it",
            diverges,
        ),
        Claim(
            "The maximum of the two curves are reached for the same effective learning rate.",
            "4.3, Figure 6",
            "all rates of one curve that cannot be told from its best (Hsu) agree with all of the other's within one "
            "step of the grid; it does not hold where none do",
            one_optimum,
            "To the letter the sentence before gives 0.0005 to momentum 0 and 0.005 to momentum 0.9, which would make "
            "the effective rates 0.0005 and 0.05.",
        ),
    ]


def _best(scale: Scale) -> list[Claim]:
    tuned, mixed = training(scale, "finetune_best.yaml"), training(scale, "mixture.yaml")
    as_long = control(scale, tuned)
    return [
        Claim(
            "Fine-tuning strategy achieves an average precision up to 39.6% when evaluating on Cityscapes, which "
            "overcomes the baseline PointRend performance.",
            "4.3, Table 5",
            "AP on Cityscapes is higher than the baseline's, and than that of real images alone for as many "
            "iterations as pre-training and fine-tuning take together",
            all_of([
                better("tuned fine-tuning against as many iterations of real images", REAL, as_long, tuned),
                better("tuned fine-tuning against the baseline", REAL, baseline(scale), tuned),
            ]),
        ),
        Claim(
            "The performance obtained by a data set mixing strategy remains better on both data sets than by using "
            "fine-tuning.",
            "4.3 and 5, Table 2",
            "AP of the mixture is higher on both",
            all_of(better(f"mixture against fine-tuning, {TITLES[d]}", d, tuned, mixed) for d in (REAL, SYNTHETIC)),
            "The two differ in length: 143,594 iterations against 250,000 of pre-training and 24,000 of fine-tuning.",
        ),
    ]  # fmt: skip
