"""The terms of a gate: everything that could be chosen to please, checked and written down before the first run.

As YAML (``configs/vehicle_keypoints/kill_switch.yaml`` is one)::

    name: does_mixing_pay
    control: cityscapes.yaml      # a config, {config: FILE, overrides: {KEY: VALUE}}, or {arm: NAME} of the store
    mixed: mixture.yaml
    data_set: cityscapes_instance_val
    min_gain: 2.0                 # in points of the figure
    figure: AP
    margin: 1.0                   # "equivalent" where the gain is surely smaller than this, either way
    seeds: [0, 1, 2]              # a fixed list ...
    looks: [3, 5, 8]              # ... or so many seeds at each look, from 0 on
    spending: obrien-fleming      # how the looks share the error; or pocock
    confidence: 0.95
    resamples: 1000
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, get_args

from synmix.config import import_modules
from synmix.data import coco
from synmix.data.sources import source
from synmix.errors import UserError, did_you_mean
from synmix.evaluators import figures_of
from synmix.statistics import Spending, planned_looks
from synmix.study.runs import Run, make_run
from synmix.study.scale import Scale, read_keys
from synmix.study.store import Store

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_FEWEST = 2  # seeds; with one nobody knows what another would have given


@dataclass(frozen=True)
class Terms:
    """What a gate asks."""

    name: str
    control: str  # an arm, the checksum of what it trains at its end
    mixed: str
    data_set: str
    min_gain: float
    seeds: tuple[int, ...]  # in the order in which looks take them in
    figure: str = "AP"
    margin: float | None = None
    looks: tuple[int, ...] = ()  # numbers of seeds, the last is all of them; (): one look
    spending: Spending = "obrien-fleming"
    confidence: float = 0.95
    resamples: int = 1000

    def levels(self) -> list[tuple[int, float]]:
        """Number of seeds and two-sided level of each look; all levels together spend ``1 - confidence``.

        Information is taken to grow as the seeds do. In truth it grows more slowly, since all looks share the images;
        looks are then more alike than supposed, and the boundaries cautious.
        """
        if not self.looks:
            return [(len(self.seeds), 1 - self.confidence)]
        shares = [count / self.looks[-1] for count in self.looks]
        planned = planned_looks(shares, self.spending, 1 - self.confidence)
        return [(count, look.level) for count, look in zip(self.looks, planned, strict=True)]


def read_terms(path: Path) -> dict[str, Any]:
    """The keys of a file of terms, as they are written.

    Raises:
        UserError: it is missing or not such YAML.
    """
    if not path.is_file():
        raise UserError(f"there are no terms in '{path}'; name a YAML file such as vehicle_keypoints/kill_switch.yaml.")
    return {"name": path.stem, **read_keys(path, f"the terms '{path}'")}


def terms_of(values: Mapping[str, Any], scale: Scale, store: Store) -> Terms:
    """Terms from plain keys, all of them checked.

    Raises:
        UserError: a key is unknown, missing or cannot be meant.
    """
    _check_keys(values)
    control, mixed = (arm_of(values[side], side, scale, store) for side in ("control", "mixed"))
    if control.digest == mixed.digest:
        raise UserError(f"control and mixed are the same training ('{control.arm}'); change one of them.")
    data_set = scale.data_set(str(values["data_set"]))
    _check_data_set(data_set, (control, mixed))
    figure = str(values.get("figure", "AP"))
    for run in (control, mixed):
        _check_figure(figure, data_set, run.settings.get("DATASETS.CLASSES", ()))
    seeds, looks = _seeds_and_looks(values)
    spending = values.get("spending", "obrien-fleming")
    if spending not in get_args(Spending):
        raise UserError(f"spending is '{spending}'; give one of {', '.join(get_args(Spending))}.")
    margin = values.get("margin")
    return Terms(
        _name(values["name"]),
        control.arm,
        mixed.arm,
        data_set,
        _number("min_gain", values["min_gain"]),
        seeds,
        figure,
        None if margin is None else _positive("margin", margin),
        looks,
        spending,
        _share(values.get("confidence", 0.95)),
        int(_positive("resamples", values.get("resamples", 1000))),
    )


def _check_keys(values: Mapping[str, Any]) -> None:
    known = [field.name for field in fields(Terms)]
    for key in values:
        if key not in known:
            raise UserError(f"the terms have the unknown key '{key}'.{did_you_mean(key, known)} Known: {known}.")
    for key in ("name", "control", "mixed", "data_set", "min_gain"):
        if values.get(key) is None:
            raise UserError(f"the terms lack '{key}'.")
    if values.get("seeds") is None and values.get("looks") is None:
        raise UserError("the terms lack 'seeds' (a list) or 'looks' (numbers of seeds); give one.")


def _name(value: Any) -> str:
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise UserError(f"name is {value!r}; a gate's name has letters, digits, '_', '-' and '.' only.")
    return value


def arm_of(value: Any, side: str, scale: Scale, store: Store) -> Run:
    """The training that a side names."""
    if isinstance(value, str):
        value = {"config": value} if value.endswith(".yaml") else {"arm": value}
    keys = set(value) if isinstance(value, Mapping) else set()
    if keys not in ({"arm"}, {"config"}, {"config", "overrides"}):
        raise UserError(f"{side} is {value!r}; give a config, {{config: FILE, overrides: {{...}}}}, or {{arm: NAME}}.")
    if "arm" in value:
        return find_run(store, str(value["arm"]))
    return make_run(str(value["config"]), value.get("overrides"), scale=scale)


def find_run(store: Store, name: str) -> Run:
    """A run of the store's arm of this name; its start is enough where it is the start of one arm's name only.

    Raises:
        UserError: no such arm, or several.
    """
    arms = {run_id.rsplit("_seed", 1)[0]: run_id for run_id in store.ids()}
    matching = {arm: run_id for arm, run_id in arms.items() if arm.startswith(name)}
    if len(matching) != 1:
        what = "ambiguous arm" if matching else "unknown arm"
        known = ", ".join(sorted(matching or arms)) or "none, the store is empty"
        raise UserError(f"{what} '{name}'; known: {known}. A training that is still to come is named by its config.")
    return store.record(next(iter(matching.values()))).run


def _check_data_set(name: str, sides: Sequence[Run]) -> None:
    for run in sides:
        if name not in run.test_sets:
            known = run.test_sets
            raise UserError(
                f"'{run.arm}' is not evaluated on '{name}' (DATASETS.TEST of its config).{did_you_mean(name, known)} "
                f"Known: {', '.join(known) or 'none'}."
            )
        import_modules(run.settings.get("IMPORTS", ()))  # they may register the data set and what scores it
        coco.register_all(run.settings.get("DATASETS.COCO", ()), run.settings.get("DATASETS.CLASSES", ()))


def _check_figure(figure: str, data_set: str, classes: Sequence[str]) -> None:
    known = figures_of(source(data_set), classes)
    if known and figure not in known:
        hint = did_you_mean(figure, known)
        raise UserError(f"unknown figure '{figure}' on '{data_set}'.{hint} Known: {', '.join(known)}.")


def _seeds_and_looks(values: Mapping[str, Any]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    looks = _whole_numbers("looks", values.get("looks") or [])
    seeds = _whole_numbers("seeds", values["seeds"] if values.get("seeds") is not None else range(max(looks)))
    if len(set(seeds)) < len(seeds):
        raise UserError(f"seeds has a seed twice: {list(seeds)}; each counts once.")
    if len(seeds) < _FEWEST:
        raise UserError(
            f"{len(seeds)} seed says nothing of another training; declare three or more (tools/gate.py plan says what "
            "how many can show)."
        )
    if looks and (list(looks) != sorted(set(looks)) or looks[0] < _FEWEST or looks[-1] != len(seeds)):
        raise UserError(
            f"looks are {list(looks)}; numbers of seeds ascend from {_FEWEST} or more to all {len(seeds)} of them."
        )
    return seeds, looks


def _whole_numbers(key: str, values: Any) -> tuple[int, ...]:
    listed = list(values) if isinstance(values, list | tuple | range) else [values]
    if not all(isinstance(value, int) and not isinstance(value, bool) and value >= 0 for value in listed):
        raise UserError(f"{key} is {values!r}; give a list of whole numbers of at least 0.")
    return tuple(listed)


def _number(key: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e6:
        raise UserError(f"{key} is {value!r}; give a number of points.")
    return float(value)


def _positive(key: str, value: Any) -> float:
    number = _number(key, value)
    if number <= 0:
        raise UserError(f"{key} is {value:g}; give a number above 0.")
    return number


def _share(value: Any) -> float:
    number = _number("confidence", value)
    if not 0.5 <= number < 1:
        hint = f"; did you mean {number / 100:g}?" if 50 <= number < 100 else "; give a share from 0.5 to below 1."
        raise UserError(f"confidence is {number:g}{hint}")
    return number
