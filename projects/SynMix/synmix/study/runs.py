"""A run is identified by what it trains, not by when or for which table: two experiments that need it share it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from synmix.compose.budget import iterations_of
from synmix.errors import UserError
from synmix.files import checksum
from synmix.labels import CLASS_NAMES
from synmix.study.scale import Scale

Removal = tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class Run:
    """One training: composition, schedule, optimisation, seed, and the run it starts from."""

    scale: str
    real: int  # images of the scale's real training set
    synthetic: int  # images of its synthetic training set
    removal: Removal  # (class or "default", % of its synthetic labels removed), sorted, without zeros
    iterations: int
    lr: float
    momentum: float
    seed: int = 0
    init: "Run | None" = None  # None: the initial weights of the scale's config
    is_start: bool = False  # it makes the weights that all others begin with (mini scale); ``real`` counts its images
    overrides: tuple[tuple[str, Any], ...] = ()  # further Detectron2 keys, sorted

    @property
    def arm(self) -> str:
        """What is trained but for the seed: readable, with a checksum of everything; repetitions share it."""
        digest = checksum(without_seed(self))[:8]
        parts = [f"real{self.real}", f"synthetic{self.synthetic}", *_removal_part(self.removal), f"{self.iterations}it"]
        kind = "start" if self.is_start else "finetuned" if self.init and not self.init.is_start else None
        return "_".join([*([kind] if kind else []), *parts, f"lr{self.lr:g}", f"m{self.momentum:g}", digest])

    @property
    def id(self) -> str:
        """The run's name, and its folder's in the store."""
        return f"{self.arm}_seed{self.seed}"

    @property
    def total_iterations(self) -> int:
        """Iterations with those of the pre-training."""
        return self.iterations + (self.init.total_iterations if self.init else 0)

    def with_seed(self, seed: int) -> "Run":
        """The same training with another seed; whatever it starts from has that seed too, so that figures over several
        seeds contain what all of it adds."""
        return replace(self, seed=seed, init=self.init.with_seed(seed) if self.init else None)


def without_seed(run: Run) -> dict[str, Any]:
    """What the run trains as plain data, but for the seeds."""
    plain = asdict(run.with_seed(0))
    plain["overrides"] = [list(item) for item in run.overrides]
    return _drop_seed(plain)


def _drop_seed(plain: dict[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in plain.items() if key != "seed"}
    kept["init"] = _drop_seed(kept["init"]) if kept["init"] else None
    return kept


def _removal_part(removal: Removal) -> list[str]:
    names = {"default": "removal"}
    return ["-".join(f"{names.get(name, name)}{percent:g}" for name, percent in removal)] if removal else []


def make_run(
    scale: Scale,
    real: int,
    synthetic: int,
    removal: Removal = (),
    *,
    iterations: int | None = None,
    epochs: float | None = None,
    lr: float | None = None,
    momentum: float | None = None,
    seed: int = 0,
    init: Run | None = None,
    overrides: tuple[tuple[str, Any], ...] = (),
) -> Run:
    """A run in its one canonical form, so that equal trainings get equal names.

    Without synthetic images nothing can be removed. ``epochs`` becomes iterations at the scale's batch; the baseline's
    own epochs on the baseline's images are its own iterations (24k, which the paper calls 66 epochs; they are 64.5).

    Raises:
        UserError: no images, or no schedule.
    """
    if real < 0 or synthetic < 0 or real + synthetic == 0:
        raise UserError(f"a run needs images, not {real} real and {synthetic} synthetic ones.")
    if epochs is not None:
        is_baseline = (real, synthetic, epochs) == (scale.images, 0, scale.baseline_epochs)
        iterations = scale.iterations if is_baseline else iterations_of(epochs, real + synthetic, scale.batch)
    iterations = iterations or scale.iterations
    return Run(
        scale.name,
        real,
        synthetic,
        removal if synthetic else (),
        iterations,
        float(scale.lr if lr is None else lr),
        float(scale.momentum if momentum is None else momentum),
        seed,
        init.with_seed(seed) if init else start_of(scale, seed),
        overrides=overrides,
    )


def start_of(scale: Scale, seed: int = 0) -> Run | None:
    """The run that makes the weights all others begin with; None where the scale's config names them (ImageNet)."""
    start = scale.start
    if not start:
        return None
    lr, momentum = float(start["lr"]), float(scale.momentum)
    return Run(scale.name, start["images"], 0, (), start["iterations"], lr, momentum, seed, is_start=True)


def parse_removal(scale: Scale, value: Any) -> Removal:
    """``none``, ``chosen`` (the scale's thresholds), a percentage for every class, or one by class.

    Raises:
        UserError: neither of these, an unknown class, or a percentage outside 0..100.
    """
    named: dict[str, Any] = {"none": {}, "chosen": scale.removal}
    try:
        thresholds = value if isinstance(value, Mapping) else named.get(str(value)) if str(value) in named else None
        percents = {"default": float(value)} if thresholds is None else {k: float(v) for k, v in thresholds.items()}
    except (TypeError, ValueError):
        raise UserError(f"compose.removal is '{value}'; give none, chosen, a percentage, or one by class.") from None
    for name, percent in percents.items():
        if name not in ("default", *CLASS_NAMES):
            raise UserError(f"compose.removal names the unknown class '{name}'; known: {', '.join(CLASS_NAMES)}.")
        if not 0 <= percent <= 100:
            raise UserError(f"compose.removal is {percent:g} % for '{name}'; give 0 to 100.")
    # A class at the default's percentage adds nothing; a zero matters only against another default.
    default = percents.get("default", 0.0)
    kept = {name: percent for name, percent in percents.items() if name != "default" and percent != default}
    return tuple(sorted({**({"default": default} if default else {}), **kept}.items()))


def to_plain(run: Run) -> dict[str, Any]:
    """The run as JSON holds it."""
    plain = asdict(run)
    plain["removal"] = dict(run.removal)
    plain["overrides"] = dict(run.overrides)
    plain["init"] = to_plain(run.init) if run.init else None
    return plain


def from_plain(plain: Mapping[str, Any], where: str = "a run's description") -> Run:
    """The inverse of :func:`to_plain`; ``where`` it was read is named where it is damaged.

    Raises:
        UserError: a field is missing or unknown.
    """
    try:
        values = dict(plain)
        values["removal"] = tuple(sorted((name, float(percent)) for name, percent in values["removal"].items()))
        values["overrides"] = tuple(sorted(values["overrides"].items()))
        values["init"] = from_plain(values["init"]) if values["init"] else None
        return Run(**values)
    except (KeyError, TypeError, AttributeError) as error:
        raise UserError(f"'{where}' is damaged ({error}); remove its folder to train the run again.") from None
