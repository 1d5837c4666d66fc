"""Every table and figure of the paper as data: its cells, the run that fills each, and the number published for it."""

import difflib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from synmix.compose.mixing import percentage_of
from synmix.errors import UserError
from synmix.study import published
from synmix.study.runs import Removal, Run, make_run, parse_removal
from synmix.study.scale import Scale

REAL, SYNTHETIC, TEST = "real", "synthetic", "test"
DOMAIN_TITLES = {REAL: "Cityscapes", SYNTHETIC: "Synscapes", TEST: "Cityscapes test"}


@dataclass(frozen=True)
class Cell:
    """One number of a table or figure: where it stands, which run gives it, on which domain, and what was published."""

    row: str
    column: str
    run: Run
    domain: str
    published: float | None = None


@dataclass(frozen=True)
class Experiment:
    """One table or figure."""

    name: str
    title: str
    section: str
    cells: tuple[Cell, ...]
    seeds: tuple[int, ...] = (0,)

    def runs(self) -> list[Run]:
        """The distinct runs, of the first seed first."""
        arms = list(dict.fromkeys(cell.run for cell in self.cells))
        return [run.with_seed(seed) for seed in self.seeds for run in arms]


@dataclass(frozen=True)
class Trainings:
    """The trainings that several experiments share, as in ``configs/sweep/training/*.yaml``."""

    scale: Scale

    @property
    def removal(self) -> Removal:
        """The chosen thresholds (4.1)."""
        return parse_removal(self.scale, "chosen")

    @property
    def real(self) -> Run:
        """The baseline on Cityscapes (3.3)."""
        return make_run(self.scale, self.scale.images, 0)

    def synthetic(self, removal: float = 0) -> Run:
        """The baseline on as many synthetic images (3.3), labels removed of every class (4.1)."""
        return make_run(self.scale, 0, self.scale.images, parse_removal(self.scale, removal))

    def ratio(self, share: float) -> Run:
        """As many images as Cityscapes has, ``share`` percent of them real (Figure 5)."""
        return make_run(self.scale, *split_by_share(self.scale.images, share), self.removal)

    def mixing(self, amount: int | None = None, epochs: float | None = None, removal: Removal | None = None) -> Run:
        """All real images and ``amount`` synthetic ones (4.2)."""
        scale = self.scale
        amount = scale.all_synthetic if amount is None else amount
        removal = self.removal if removal is None else removal
        return make_run(scale, scale.images, amount, removal, epochs=epochs or scale.mixing_epochs)

    def pretraining(self, removal: Removal | None = None) -> Run:
        """All synthetic images (4.3)."""
        removal = self.removal if removal is None else removal
        return make_run(self.scale, 0, self.scale.all_synthetic, removal, epochs=self.scale.pretrain_epochs)

    def finetuning(self, lr: float | None = None, momentum: float | None = None, removal: Removal | None = None) -> Run:
        """The baseline on Cityscapes from a pre-training's weights (4.3)."""
        lr = self.scale.finetune_lr if lr is None else lr
        momentum = self.scale.finetune_momentum if momentum is None else momentum
        return make_run(self.scale, self.scale.images, 0, lr=lr, momentum=momentum, init=self.pretraining(removal))


def split_by_share(total: int, share: float) -> tuple[int, int]:
    """Real and synthetic images of ``total`` when ``share`` percent are real."""
    real = percentage_of(share, total)
    return real, total - real


def domain_gap(scale: Scale) -> Experiment:
    """Table 1."""
    trainings = Trainings(scale)
    rows = (("Synscapes", trainings.synthetic()), ("Cityscapes", trainings.real))
    cells = _both_domains(rows, published.TABLE_1)
    title = "Table 1: each domain trained on, both evaluated"
    return Experiment("domain_gap", title, "3.3", cells, tuple(scale.grid["repeats"]))


def removal(scale: Scale) -> Experiment:
    """Figure 4."""
    trainings = Trainings(scale)
    cells = tuple(
        Cell(_percent(percent), domain, trainings.synthetic(percent), domain)
        for percent in scale.grid["removal"]
        for domain in (SYNTHETIC, REAL)
    )
    return Experiment("removal", "Figure 4: removing the smallest labels, class by class", "4.1", cells)


def ratio(scale: Scale) -> Experiment:
    """Figure 5."""
    cells = tuple(
        Cell(
            f"{share:g}\N{NO-BREAK SPACE}%",
            domain,
            Trainings(scale).ratio(share),
            domain,
            published.FIGURE_5.get((share, domain)),
        )
        for share in scale.grid["real_share"]
        for domain in (REAL, SYNTHETIC)
    )
    return Experiment("ratio", "Figure 5: the share of real images", "4.2", cells)


def epochs(scale: Scale) -> Experiment:
    """Table 3."""
    table = published.on_grid(published.TABLE_3, scale.grid["epochs"], scale.grid["amounts"])
    cells = tuple(
        Cell(f"{count:g} epochs", f"+{amount}", Trainings(scale).mixing(amount, count), REAL, table[count, amount])
        for count in scale.grid["epochs"]
        for amount in scale.grid["amounts"]
    )
    return Experiment("epochs", "Table 3: epochs against synthetic images added, on Cityscapes", "4.2", cells)


def removal_on_off(scale: Scale) -> Experiment:
    """Table 2."""
    trainings = Trainings(scale)
    approaches = (
        ("Pre-training on Synscapes", trainings.pretraining),
        ("Mixing Synscapes and Cityscapes", trainings.mixing),
        ("Fine-tuning on Cityscapes", trainings.finetuning),
    )
    cells = tuple(
        Cell(f"{title}, on {DOMAIN_TITLES[domain]}", state, build(removal=labels), domain, value)
        for title, build in approaches
        for domain in (SYNTHETIC, REAL)
        for state, labels, value in zip(
            ("off", "on"), ((), trainings.removal), published.TABLE_2[title, domain], strict=True
        )
    )
    title = "Table 2: each approach without and with the removal of labels"
    return Experiment("removal_on_off", title, "4.1", cells, tuple(scale.grid["repeats"]))


def finetune(scale: Scale) -> Experiment:
    """Table 5."""
    trainings = Trainings(scale)
    rows = (
        ("Basic train on Cityscapes", trainings.real),
        ("Pre-train on 3k Synscapes images", trainings.synthetic()),
        ("+ Retrain with 20k Synscapes images", trainings.pretraining(removal=())),
        ("+ Remove non-valuable instances", trainings.pretraining()),
        ("+ Fine-tune on Cityscapes", trainings.finetuning(scale.lr, scale.momentum)),
        ("+ Optimize hyperparameters", trainings.finetuning()),
    )
    title = "Table 5: fine-tuning, step by step"
    return Experiment("finetune", title, "4.3", _both_domains(rows, published.TABLE_5))


def hyperparameters(scale: Scale) -> Experiment:
    """Figure 6."""
    cells = tuple(
        Cell(
            f"{lr:g}",
            f"{momentum:g}",
            Trainings(scale).finetuning(lr, momentum),
            REAL,
            published.FIGURE_6.get((lr, momentum)),
        )
        for lr in scale.grid["lr"]
        for momentum in scale.grid["momentum"]
    )
    return Experiment("hyperparameters", "Figure 6: learning rate and momentum of fine-tuning", "4.3", cells)


def test_set(scale: Scale) -> Experiment:
    """The test-set row of 4.2; only where the scale's test split has labels."""
    rows = (("Baseline", Trainings(scale).real), ("Best mixture", Trainings(scale).mixing()))
    cells = tuple(Cell(title, TEST, run, TEST, published.TEST_SET[title]) for title, run in rows)
    return Experiment("test_set", "Cityscapes test set: baseline and best mixture", "4.2", cells)


def seeds(scale: Scale) -> Experiment:
    """Not in the paper: how much of a difference is owed to the seed."""
    rows = (("Baseline", Trainings(scale).real), ("Best mixture", Trainings(scale).mixing()))
    cells = tuple(Cell(title, domain, run, domain) for title, run in rows for domain in (REAL, SYNTHETIC))
    title = "Beyond the paper: the same trainings with other seeds"
    return Experiment("seeds", title, "-", cells, tuple(scale.grid["seeds"]))


EXPERIMENTS: dict[str, Callable[[Scale], Experiment]] = {
    build.__name__: build
    for build in (domain_gap, removal, ratio, removal_on_off, epochs, finetune, hyperparameters, test_set, seeds)
}


def experiment(name: str, scale: Scale) -> Experiment:
    """The experiment of this name at a scale.

    Raises:
        UserError: no such experiment; the message lists the known ones.
    """
    if name not in EXPERIMENTS:
        close = difflib.get_close_matches(name, EXPERIMENTS, n=1)
        hint = f" Did you mean '{close[0]}'?" if close else ""
        raise UserError(f"unknown experiment '{name}'.{hint} Known: {', '.join(EXPERIMENTS)}.")
    return EXPERIMENTS[name](scale)


def all_runs(experiments: Iterable[Experiment]) -> list[Run]:
    """The distinct runs of some experiments in an order that respects dependencies: a pre-training before what starts
    from it, and first seeds before further ones, so that a study cut short has something of everything."""
    wanted = [run for item in experiments for run in item.runs()]
    return in_order(sorted(wanted, key=lambda run: run.seed))


def in_order(runs: Sequence[Run]) -> list[Run]:
    """The runs and their pre-trainings, each once and after what it starts from."""
    ordered: dict[Run, None] = {}
    for run in runs:
        chain = [run]
        while chain[-1].init:
            chain.append(chain[-1].init)
        ordered.update(dict.fromkeys(reversed(chain)))
    return list(ordered)


def _percent(value: float) -> str:
    return f"{value:g}\N{NO-BREAK SPACE}%"


def _both_domains(rows: Sequence[tuple[str, Run]], table: published.Table) -> tuple[Cell, ...]:
    return tuple(
        Cell(title, domain, run, domain, table[title, domain]) for title, run in rows for domain in (SYNTHETIC, REAL)
    )
