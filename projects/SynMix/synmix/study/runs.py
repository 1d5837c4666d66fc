"""A run: a config file, overrides, a seed, and what it starts from.

It is identified by what it trains, not by when or for which table, so that two experiments that need it share it.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from synmix.config import CONFIGS, CfgNode, get_config, leaves, merge_values
from synmix.errors import UserError
from synmix.files import checksum, is_file
from synmix.kinds import Anything, Table, Text, Whole
from synmix.neutral import is_neutral
from synmix.study.resolve import domains, images_of, resolve
from synmix.study.scale import Scale

_LABEL = 60  # characters of a name that say what was asked for
_WEIGHTS = re.compile(r"output/(?P<config>.+)/model_final\.pth")
#: Decided by the run, not by its config.
_KINDS = {
    **{"config": Text(), "seed": Whole(), "processes": Whole(1)},
    **{key: Table(Anything()) for key in ("settings", "overrides", "facts")},
}
_OF_THE_RUN = ("SEED", "DATASETS.SEED", "OUTPUT_DIR")


@dataclass(frozen=True, eq=False)
class Run:
    """One training. Equal are runs that train the same, whatever they are called."""

    config: str  # its file, as it was asked for
    settings: Mapping[str, Any]  # the resolved config where it differs from the defaults: dotted key -> plain value
    seed: int = 0
    processes: int = 1  # ranks it asks for
    init: "Run | None" = None  # None: it starts from MODEL.WEIGHTS
    overrides: Mapping[str, Any] = field(default_factory=dict)  # what was changed by hand
    facts: Mapping[str, Any] = field(default_factory=dict)  # images of each domain and iterations, where known

    @cached_property
    def digest(self) -> str:
        """Of everything that decides a number but the seed."""
        said_otherwise = ("SOLVER.ACCUMULATE", *(["MODEL.WEIGHTS"] if self.init else ()))
        trained = {key: v for key, v in self.settings.items() if not is_neutral(key) and key not in said_otherwise}
        return checksum([trained, self.parts, self.init.digest if self.init else None])[:10]

    @property
    def parts(self) -> int:
        """Pieces in which a step sees its images: ranks times ``SOLVER.ACCUMULATE``, which decide what is computed."""
        return self.processes * self.settings.get("SOLVER.ACCUMULATE", 1)

    @property
    def arm(self) -> str:
        """Its name but for the seed, which repetitions share."""
        return f"{_label(self.config, self.overrides)}_{self.digest}"

    @property
    def id(self) -> str:
        """The run's name, and its folder's in the store."""
        return f"{self.arm}_seed{self.seed}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Run) and (self.digest, self.seed) == (other.digest, other.seed)

    def __hash__(self) -> int:
        return hash((self.digest, self.seed))

    @property
    def test_sets(self) -> tuple[str, ...]:
        """The data sets on which it is evaluated; another list makes no other run."""
        return tuple(self.settings.get("DATASETS.TEST", ()))

    @property
    def iterations(self) -> int | None:
        """None where only the data say how long its epochs are."""
        return self.facts.get("iterations")

    @property
    def total_iterations(self) -> int:
        """Iterations with those of what it starts from, as far as known."""
        return (self.iterations or 0) + (self.init.total_iterations if self.init else 0)

    def with_seed(self, seed: int) -> "Run":
        """The same training with another seed; whatever it starts from has that seed too, so that figures over several
        seeds contain what all of it adds."""
        return replace(self, seed=seed, init=self.init.with_seed(seed) if self.init else None)

    def published(self, data_set: str, metric: str = "segm/AP") -> float | None:
        """What the paper reports for its config (``TEST.PUBLISHED``)."""
        entries = self.settings.get("TEST.PUBLISHED", ())
        return next((entry[2] for entry in entries if tuple(entry[:2]) == (data_set, metric)), None)


def make_run(
    config: str,
    overrides: Mapping[str, Any] | None = None,
    seed: int = 0,
    processes: int | None = None,
    scale: Scale | None = None,
    init: str | None = None,
) -> Run:
    """The run that a config and overrides describe, at a scale or as they are.

    Args:
        processes: None: the scale's, else 1.
        init: the config whose run it starts from; None: the one whose ``output/NAME/model_final.pth`` its
            ``MODEL.WEIGHTS`` names, if any.

    Raises:
        UserError: unknown config or key, a value that cannot be meant, or a circle of starts.
    """
    ranks = processes if processes is not None else scale.processes if scale else 1
    if ranks < 1:
        raise UserError(f"processes is {ranks}; give 1 or more.")
    changes = json.dumps(dict(overrides or {}), sort_keys=True)
    return _make(config, changes, ranks, scale, init, ()).with_seed(int(seed))


@lru_cache(maxsize=4096)
def _make(
    config: str, overrides: str, processes: int, scale: Scale | None, init: str | None, started: tuple[str, ...]
) -> Run:
    changed = json.loads(overrides)
    cfg = resolve(config, changed, scale)
    source = init or _named_by_weights(cfg.MODEL.WEIGHTS)
    if source in (*started, config):
        raise UserError(f"the config '{config}' starts from itself, by way of '{source}'; name other weights.")
    first = _make(source, "{}", processes, scale, None, (*started, config)) if source else None
    return Run(config, settings_of(cfg), 0, processes, first, changed, _facts(cfg))


def _named_by_weights(weights: str) -> str | None:
    found = _WEIGHTS.fullmatch(weights)
    name = f"{found['config']}.yaml" if found else ""
    return name if name and is_file(CONFIGS / name) else None


def settings_of(cfg: CfgNode) -> dict[str, Any]:
    """A config's values that differ from the defaults, as plain data by dotted key, sorted."""
    defaults, found = (json.loads(json.dumps(dict(leaves(node)), sort_keys=True)) for node in (get_config(), cfg))
    return {
        key: value
        for key, value in found.items()
        if key not in _OF_THE_RUN and (key not in defaults or value != defaults[key])
    }


def config_of(run: Run, folder: Path, weights: Path | None = None) -> CfgNode:
    """The Detectron2 config that trains a run in its folder.

    Raises:
        UserError: a key is unknown to this code.
    """
    cfg = get_config()
    merge_values(cfg, run.settings, f"the run '{run.id}'")
    cfg.SEED = cfg.DATASETS.SEED = run.seed
    cfg.OUTPUT_DIR = str(folder)
    cfg.TEST.EVAL_PERIOD = 0  # the end counts; evaluating on the way would only cost time
    if weights:
        cfg.MODEL.WEIGHTS = str(weights)
    return cfg


def _facts(cfg: CfgNode) -> dict[str, Any]:
    images = images_of(cfg)
    counts: dict[str, int | None] = {"real": None, "synthetic": None}
    if images is not None:
        pairs = list(zip(domains(cfg), images, strict=True))
        counts = {domain: sum(count for kind, count in pairs if kind == domain) for domain in counts}
    known = images is not None or not cfg.SOLVER.EPOCHS
    return {**counts, "iterations": cfg.SOLVER.MAX_ITER if known else None}


def _label(config: str, overrides: Mapping[str, Any]) -> str:
    """``mixture_EPOCHS2.5_IMAGES160-0``: the config, and each key that was changed by its last names and value, but for
    those that were only emptied."""
    parts = [Path(config).stem]
    for key, value in overrides.items():
        if value is None or value == []:
            continue
        name = key.removeprefix("SOLVER.").removeprefix("DATASETS.").removeprefix("MODEL.")
        parts.append(f"{name}{_slug(value)}")
    return "_".join(parts)[:_LABEL].rstrip("_-.")


def _slug(value: Any) -> str:
    parts = value if isinstance(value, list | tuple) else [value]
    text = "-".join(f"{part:g}" if isinstance(part, float) else str(part) for part in parts)
    return re.sub(r"[^A-Za-z0-9.+-]+", "-", text).strip("-")


def to_plain(run: Run) -> dict[str, Any]:
    """The run as JSON holds it."""
    return {
        "id": run.id,
        "config": run.config,
        "overrides": dict(run.overrides),
        "settings": dict(run.settings),
        "seed": run.seed,
        "processes": run.processes,
        "init": to_plain(run.init) if run.init else None,
        "facts": dict(run.facts),
    }


def from_plain(plain: Mapping[str, Any], where: str = "a run's description") -> Run:
    """The inverse of :func:`to_plain`; ``where`` it was read is named where it is damaged.

    Raises:
        UserError: a field is missing, unknown or of the wrong kind, or they contradict each other.
    """
    try:
        values = dict(plain)
        name = values.pop("id")
        for key, kind in _KINDS.items():
            if not kind.accepts(values[key]):
                raise ValueError(f"{key} is not {kind.what}")
        values["init"] = from_plain(values["init"], where) if values["init"] else None
        run = Run(**values)
        if run.id == name:
            return run
        problem = f"it describes '{run.id}'"
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        problem = str(error)
    raise UserError(f"'{where}' was edited or damaged ({problem}); remove its folder to train the run again.")
