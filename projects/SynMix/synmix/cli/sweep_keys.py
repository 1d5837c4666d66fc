"""What a shell may complete after ``synmix sweep``: the keys of its config and, after ``=``, their names."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from synmix.config_files import CONFIGS
from synmix.files import read_yaml
from synmix.keys import TABLE
from synmix.study.scale import model_names, scale_names

_SWEEP = CONFIGS / "sweep"


def _choices(group: str) -> list[str]:
    return [path.stem for path in (_SWEEP / group).glob("*.yaml")]


def _configs() -> list[str]:
    paths = [*CONFIGS.glob("*.yaml"), *CONFIGS.glob("vehicle_keypoints/*.yaml")]
    return [path.relative_to(CONFIGS).as_posix() for path in paths if not path.name.startswith("Base-")]


#: Of the keys that have names, what gives them.
_NAMES: dict[str, Callable[[], Iterable[str]]] = {
    "config": _configs,
    "model": model_names,
    "scale": scale_names,
    "+experiment": partial(_choices, "experiment"),
    "missing_pretraining": lambda: ("train", "fail"),
    "trust_pickle": lambda: ("true", "false"),
    "hydra/launcher": partial(_choices, "hydra/launcher"),
}


def complete(prefix: str, **_: Any) -> list[str]:
    """What may be typed on, for argcomplete, which leaves out what does not begin with ``prefix``."""
    key, equals, typed = prefix.partition("=")
    if equals:
        before = typed[: typed.rfind(",") + 1]  # a sweep's values are separated by commas
        return [f"{key}={before}{name}" for name in _NAMES.get(key, list)()]
    keys = {**_NAMES, **read_yaml(_SWEEP / "sweep.yaml")}.keys() - {"defaults", "hydra", "set"}
    return [f"{each}=" for each in (*keys, *(f"+set.{key.name}" for key in TABLE if prefix.startswith("+set")))]
