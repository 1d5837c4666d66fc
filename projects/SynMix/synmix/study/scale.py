"""The scales of a study: what each changes in the configs, its grids, its ranks (``configs/sweep/scale/*.yaml``)."""

import reprlib
from dataclasses import dataclass, fields
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from synmix.config import CONFIGS
from synmix.errors import UserError, did_you_mean
from synmix.files import checksum
from synmix.kinds import ABOVE_ZERO, COUNT, FACTOR, SIZE, Anything, Many, Name, Table, Text

_FOLDER = CONFIGS / "sweep/scale"
MODELS = "models"  # folder of the configs that a model's own keys are taken from
_KINDS = {
    **{"name": Name(), "study": Name(), "processes": SIZE, "seconds_per_iteration": ABOVE_ZERO, "note": Text()},
    **{"data_sets": Table(Name()), "configs": Table(Table(Anything())), "grid": Table(Many(Anything()))},
    **{"images": COUNT, "baseline_epochs": FACTOR, "model": Text()},
}
_SCALES: dict[str, "Scale"] = {}  # equal ones are one, so that what is made of them can be remembered


@dataclass(frozen=True, eq=False)
class Scale:
    """A scale's keys, which its file explains.

    Raises:
        UserError: on construction, where it changes a config that does not exist.
    """

    name: str
    study: str
    processes: int
    seconds_per_iteration: float
    note: str
    data_sets: dict[str, str]
    configs: dict[str, dict[str, Any]]
    grid: dict[str, list]
    images: int = 0
    baseline_epochs: float = 0
    test_scores: str = ""
    model: str = ""  # of MODELS, in the place of the configs' own

    def __post_init__(self) -> None:
        for name in self.configs:
            if not (CONFIGS / name).is_file():
                known = (str(path.relative_to(CONFIGS)) for path in CONFIGS.rglob("*.yaml"))
                hint = did_you_mean(name, known)
                raise UserError(f"the scale '{self.name}' changes '{name}', which is no config in '{CONFIGS}'.{hint}")
        if self.model and self.model not in model_names():
            hint = did_you_mean(self.model, model_names())
            raise UserError(f"unknown model '{self.model}'.{hint} Known: {', '.join(model_names())}.")

    def with_model(self, model: str) -> "Scale":
        """The same scale with another model, one of :func:`model_names`; "" leaves the configs' own."""
        keys = {field.name: getattr(self, field.name) for field in fields(self)}
        return scale_of({**keys, "model": model}) if model != self.model else self

    def data_set(self, name: str) -> str:
        """What stands for a data set of the configs at this scale."""
        return self.data_sets.get(name, name)

    def described(self) -> Any:
        """The module whose ``STUDY`` this scale runs.

        Raises:
            UserError: it cannot be imported.
        """
        try:
            module = import_module(self.study)
            module.STUDY  # noqa: B018 - it has one
        except (ImportError, ValueError, TypeError, AttributeError) as error:
            raise UserError(f"the scale '{self.name}' names the study '{self.study}', but {error}.") from None
        return module


def model_names() -> list[str]:
    """The names of the models that a study can have."""
    return sorted(path.stem for path in (CONFIGS / MODELS).glob("*.yaml"))


def scale_names() -> list[str]:
    """The names of the known scales."""
    return sorted(path.stem for path in _FOLDER.glob("*.yaml"))


@lru_cache
def load_scale(name: str) -> Scale:
    """The scale of this name, or of a file of one's own.

    Raises:
        UserError: no such scale; the message lists the known ones.
    """
    path = Path(name) if name.endswith(".yaml") else _FOLDER / f"{name}.yaml"
    if not path.is_file():
        hint = did_you_mean(name, scale_names())
        raise UserError(f"unknown scale '{name}'.{hint} Known: {', '.join(scale_names())}, or a file.")
    return scale_of(read_keys(path, f"the scale '{path}'"))


def read_keys(path: Path, what: str) -> dict[str, Any]:
    """The keys and values of a YAML file, by OmegaConf's grammar, as Hydra reads it.

    Raises:
        UserError: it is not such YAML; ``what`` names it.
    """
    try:
        values = OmegaConf.to_container(OmegaConf.load(path))
    except Exception as error:  # YAML's and OmegaConf's own have no common base, and asserts are among them
        reason = " ".join(str(error).split()) or "it is not keys and values"
        raise UserError(f"{what} cannot be read: {reason}.") from None
    if not isinstance(values, dict):
        raise UserError(f"{what} cannot be read: it must hold keys and values.")
    return {str(key): value for key, value in values.items()}


def scale_of(values: Any) -> Scale:
    """The scale that these keys describe, perhaps changed on the command line.

    Raises:
        UserError: a key is missing or unknown, or see :class:`Scale`.
    """
    known = {field.name for field in fields(Scale)}
    needed = known - {"images", "baseline_epochs", "test_scores", "model"}
    if not isinstance(values, dict):
        raise UserError("a scale holds keys and values (configs/sweep/scale).")
    for keys, what in ((needed - set(values), "lacks the"), (set(values) - known, "has the unknown")):
        if keys:
            raise UserError(f"the scale '{values.get('name')}' {what} key '{sorted(keys)[0]}' (configs/sweep/scale).")
    for key, kind in _KINDS.items():
        if key in values and not kind.accepts(values[key]):
            wrong = reprlib.repr(values[key])
            raise UserError(f"the scale '{values.get('name')}' has {wrong} under '{key}'; give {kind.what}.")
    try:
        key = checksum(values)
    except ValueError:
        raise UserError(f"the scale '{values.get('name')}' holds a number that is not finite; give numbers.") from None
    return _SCALES.setdefault(key, Scale(**values))
