"""Every table and figure of the paper as data: its cells, the run that fills each, and on which data set.

The trainings themselves are the configs; what stands here is which of them, with which grid of a scale, fill a table.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from synmix.answer.design import design_runs
from synmix.errors import UserError, did_you_mean
from synmix.labels import CLASS_NAMES
from synmix.study import published
from synmix.study.runs import Run, make_run
from synmix.study.scale import Scale

REAL, SYNTHETIC, TEST = "cityscapes_instance_val", "synscapes_instance_val", "cityscapes_instance_test"
TITLES = {REAL: "Cityscapes", SYNTHETIC: "Synscapes", TEST: "Cityscapes test"}
#: The trainings of the paper whose numbers its tables give (3.3, 4.1 to 4.3).
PAPER_CONFIGS = (
    "cityscapes.yaml", "synscapes_3k.yaml", "synscapes_20k.yaml", "synscapes_20k_removal.yaml", "mixture.yaml",
    "mixture_all_labels.yaml", "finetune.yaml", "finetune_best.yaml", "finetune_best_all_labels.yaml",
)  # fmt: skip


@dataclass(frozen=True)
class Cell:
    """One number of a table or figure: where it stands, which run gives it, on which data set; what was published."""

    row: str
    column: str
    run: Run
    data_set: str  # as the configs name it; a scale may have another in its place
    published: float | None = None
    figure: str = "AP"
    control: Run | None = None  # real images alone for as many iterations, where that is another run


@dataclass(frozen=True)
class Experiment:
    """One table or figure."""

    name: str
    title: str
    section: str
    cells: tuple[Cell, ...]
    seeds: tuple[int, ...] = (0,)
    titles: tuple[str, str] = ("trained on", "evaluated on")  # of its rows and columns
    note: str = ""  # what a reader of it must know

    def arms(self) -> list[Run]:
        """The distinct runs, of seed 0; controls last."""
        controls = [cell.control for cell in self.cells if cell.control]
        return list(dict.fromkeys([*(cell.run for cell in self.cells), *controls]))

    def runs(self) -> list[Run]:
        """The distinct runs of all its seeds, of the first seed first."""
        return [run.with_seed(seed) for seed in self.seeds for run in self.arms()]


@dataclass(frozen=True)
class Study:
    """Experiments that belong together; a scale names the module whose ``STUDY`` it runs."""

    title: str
    experiments: Mapping[str, Callable[[Scale], Experiment]]
    report: str  # the module that says what its report shows beside the tables: PICTURES, opening, closing

    def experiment(self, name: str, scale: Scale) -> Experiment:
        """The experiment of this name at a scale.

        Raises:
            UserError: no such experiment; the message lists the known ones.
        """
        if name not in self.experiments:
            hint = did_you_mean(name, self.experiments)
            raise UserError(f"unknown experiment '{name}'.{hint} Known: {', '.join(self.experiments)}.")
        return self.experiments[name](scale)


# -- the trainings on a grid ---------------------------------------------------------------------------------------
def training(scale: Scale, config: str, overrides: Mapping[str, Any] | None = None) -> Run:
    """A config's run at a scale."""
    return make_run(config, overrides, scale=scale)


def baseline(scale: Scale) -> Run:
    """Real images alone (3.3)."""
    return training(scale, "cityscapes.yaml")


def classes_of(scale: Scale) -> tuple[str, ...]:
    """The classes that a scale's baseline tells apart: the paper's eight, or its ``DATASETS.CLASSES``."""
    return tuple(baseline(scale).settings.get("DATASETS.CLASSES") or CLASS_NAMES)


def removed(scale: Scale, percent: float) -> Run:
    """As many synthetic images, so much removed of every class's labels (4.1)."""
    return training(scale, "synscapes_3k.yaml", {"DATASETS.REMOVAL.default": percent} if percent else None)


def with_real_share(scale: Scale, percent: float) -> Run:
    """As many images, so many of them real (Figure 5)."""
    if percent == 100:
        return baseline(scale)
    return training(scale, "ratio.yaml", {"DATASETS.REAL_SHARE": percent})


def mixture(scale: Scale, amount: int, epochs: float) -> Run:
    """All real images and so many synthetic ones for so many epochs (Table 3); what the paper calls its last row's
    epochs of the real images alone is the baseline."""
    if not amount and epochs == scale.baseline_epochs:
        return baseline(scale)
    images = [scale.images, amount]
    return training(scale, "mixture.yaml", {"DATASETS.IMAGES": images, "SOLVER.EPOCHS": epochs})


def trained_for(scale: Scale, real: int, synthetic: int, iterations: int) -> Run:
    """The mixture's training on so many images of each domain for so many iterations; without synthetic ones it is the
    baseline's of that size and length, the control of equal compute."""
    length: dict[str, Any] = {"SOLVER.EPOCHS": None, "SOLVER.MAX_ITER": iterations, "SOLVER.STEPS": []}
    if not synthetic:
        return training(scale, "cityscapes.yaml", {"DATASETS.IMAGES": [real], **length})
    return training(scale, "mixture.yaml", {"DATASETS.IMAGES": [real, synthetic], **length})


def control(scale: Scale, run: Run) -> Run:
    """Real images alone for as many iterations as a run has with its pre-trainings: equal compute."""
    start = baseline(scale).init
    shared = start.total_iterations if start else 0
    return trained_for(scale, scale.images, 0, run.total_iterations - shared)


def finetuned(scale: Scale, lr: float, momentum: float) -> Run:
    """Fine-tuning at a learning rate and momentum (4.3, Figure 6)."""
    return training(scale, "finetune.yaml", {"SOLVER.BASE_LR": lr, "SOLVER.MOMENTUM": momentum})


# -- the answer --------------------------------------------------------------------------------------------------
def answer(scale: Scale) -> Experiment:
    """Not in the paper: real sizes x synthetic amounts x lengths, each mixture with real images alone of its length
    (docs/answer.md); the paper's best mixture and its control come first, then the design's corners and centre."""
    grid = scale.grid
    sizes = (grid["answer_real"], grid["answer_synthetic"], grid["answer_iterations"])
    best = training(scale, "mixture.yaml").facts
    first = (best["real"], best["synthetic"], best["iterations"])
    chosen = dict.fromkeys([(first[0], 0, first[2]), first, *map(tuple, design_runs(*sizes, grid["answer_budget"][0]))])
    cells = tuple(
        Cell(
            f"{real:,} real, {count:,} iterations", f"+{synthetic:,}", trained_for(scale, real, synthetic, count), REAL
        )
        for real, synthetic, count in sorted(chosen, key=lambda cell: (-cell[0], cell[2], cell[1]))
    )
    title = "Beyond the paper: synthetic images at equal compute"
    return Experiment("answer", title, "-", cells, tuple(grid["answer_seeds"]), ("real images", "synthetic images"))


# -- tables and figures --------------------------------------------------------------------------------------------
def domain_gap(scale: Scale) -> Experiment:
    """Table 1."""
    rows = (("Synscapes", training(scale, "synscapes_3k.yaml")), ("Cityscapes", baseline(scale)))
    title = "Table 1: each domain trained on, both evaluated"
    return Experiment("domain_gap", title, "3.3", _both_domains(scale, rows), tuple(scale.grid["repeats"]))


def removal(scale: Scale) -> Experiment:
    """Figure 4."""
    rows = [(_percent(percent), removed(scale, percent)) for percent in scale.grid["removal"]]
    title = "Figure 4: removing the smallest labels, class by class"
    return Experiment("removal", title, "4.1", _both_domains(scale, rows), titles=("labels removed", "evaluated on"))


def ratio(scale: Scale) -> Experiment:
    """Figure 5."""
    rows = [(_percent(share), with_real_share(scale, share)) for share in scale.grid["real_share"]]
    cells = _both_domains(scale, rows, (REAL, SYNTHETIC))
    title = "Figure 5: the share of real images"
    return Experiment("ratio", title, "4.2", cells, titles=("real images", "evaluated on"))


def epochs(scale: Scale) -> Experiment:
    """Table 3."""
    table = published.on_grid(published.TABLE_3, scale.grid["epochs"], scale.grid["amounts"])
    cells = tuple(
        _with_control(
            scale, Cell(f"{count:g} epochs", f"+{amount}", mixture(scale, amount, count), REAL, table[count, amount])
        )
        for count in scale.grid["epochs"]
        for amount in scale.grid["amounts"]
    )
    title = "Table 3: epochs against synthetic images added, on Cityscapes"
    return Experiment("epochs", title, "4.2", cells, titles=("length", "synthetic images"))


def removal_on_off(scale: Scale) -> Experiment:
    """Table 2."""
    approaches = (
        ("Pre-training on Synscapes", "synscapes_20k.yaml", "synscapes_20k_removal.yaml"),
        ("Mixing Synscapes and Cityscapes", "mixture_all_labels.yaml", "mixture.yaml"),
        ("Fine-tuning on Cityscapes", "finetune_best_all_labels.yaml", "finetune_best.yaml"),
    )
    cells = tuple(
        _with_control(scale, _cell(scale, f"{title}, on {TITLES[data_set]}", state, training(scale, config), data_set))
        for title, *configs in approaches
        for data_set in (SYNTHETIC, REAL)
        for state, config in zip(("off", "on"), configs, strict=True)
    )
    title = "Table 2: each approach without and with the removal of labels"
    titles = ("approach and evaluation", "removal")
    return Experiment("removal_on_off", title, "4.1", cells, tuple(scale.grid["repeats"]), titles)


def finetune(scale: Scale) -> Experiment:
    """Table 5."""
    rows = (
        ("Basic train on Cityscapes", "cityscapes.yaml"),
        ("Pre-train on 3k Synscapes images", "synscapes_3k.yaml"),
        ("+ Retrain with 20k Synscapes images", "synscapes_20k.yaml"),
        ("+ Remove non-valuable instances", "synscapes_20k_removal.yaml"),
        ("+ Fine-tune on Cityscapes", "finetune.yaml"),
        ("+ Optimize hyperparameters", "finetune_best.yaml"),
    )
    cells = _both_domains(scale, [(title, training(scale, config)) for title, config in rows])
    cells = tuple(_with_control(scale, cell) for cell in cells)
    return Experiment("finetune", "Table 5: fine-tuning, step by step", "4.3", cells, titles=("step", "evaluated on"))


def hyperparameters(scale: Scale) -> Experiment:
    """Figure 6."""
    cells = tuple(
        _cell(scale, f"{lr:g}", f"{momentum:g}", finetuned(scale, lr, momentum), REAL)
        for lr in scale.grid["lr"]
        for momentum in scale.grid["momentum"]
    )
    title = "Figure 6: learning rate and momentum of fine-tuning"
    return Experiment("hyperparameters", title, "4.3", cells, titles=("learning rate", "momentum"))


def test_set(scale: Scale) -> Experiment:
    """The test-set row of 4.2; only where the scale's test split has labels."""
    cells = tuple(
        Cell(title, TITLES[TEST], run, TEST, published.TEST_SET[title]) for title, run in _baseline_and_mixture(scale)
    )
    title = "Cityscapes test set: baseline and best mixture"
    note = "" if TEST in scale.data_sets else (
        "Cityscapes keeps its test labels: submit predictions to its server and lay its figures beside these."
    )  # fmt: skip
    return Experiment("test_set", title, "4.2", cells, titles=("training", "evaluated on"), note=note)


def seeds(scale: Scale) -> Experiment:
    """Not in the paper: how much of a difference is owed to the seed."""
    cells = _both_domains(scale, _baseline_and_mixture(scale), (REAL, SYNTHETIC))
    title = "Beyond the paper: the same trainings with other seeds"
    return Experiment("seeds", title, "-", cells, tuple(scale.grid["seeds"]), ("training", "evaluated on"))


_ALL = (answer, domain_gap, removal, ratio, removal_on_off, epochs, finetune, hyperparameters, test_set, seeds)
STUDY = Study(
    "Boosting instance segmentation with synthetic data: the study",
    {build.__name__: build for build in _ALL},
    "synmix.report.paper",
)


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


def _baseline_and_mixture(scale: Scale) -> tuple[tuple[str, Run], ...]:
    return (("Baseline", baseline(scale)), ("Best mixture", training(scale, "mixture.yaml")))


def published_ap(scale: Scale, run: Run, data_set: str) -> float | None:
    """What the paper reports for what a run trains, under whatever config's name."""
    named = next((known for config in PAPER_CONFIGS if (known := training(scale, config)) == run), run)
    return named.published(scale.data_set(data_set))


def _cell(scale: Scale, row: str, column: str, run: Run, data_set: str) -> Cell:
    return Cell(row, column, run, data_set, published_ap(scale, run, data_set))


def _with_control(scale: Scale, cell: Cell) -> Cell:
    equal = control(scale, cell.run)
    return cell if equal == cell.run else replace(cell, control=equal)


def _percent(value: float) -> str:
    return f"{value:g}\N{NO-BREAK SPACE}%"


def _both_domains(
    scale: Scale, rows: Sequence[tuple[str, Run]], data_sets: Sequence[str] = (SYNTHETIC, REAL)
) -> tuple[Cell, ...]:
    return tuple(_cell(scale, title, TITLES[data_set], run, data_set) for title, run in rows for data_set in data_sets)
