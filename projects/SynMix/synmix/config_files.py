"""Config files on disk: where they are, and what each file of a ``_BASE_`` chain holds itself. Torch-free, and nothing
that a stranger may have written is run."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]

from synmix.errors import UserError, did_you_mean
from synmix.files import expanded, is_file

_PACKAGE = Path(__file__).resolve().parent
#: The folder of the project's configs: beside the modules where a wheel is installed, else the checkout's.
CONFIGS = path if (path := _PACKAGE / "configs").is_dir() else _PACKAGE.parents[2] / "configs"
BASE = "_BASE_"


@dataclass(frozen=True)
class ConfigFile:
    """A YAML file and what stands in it, without ``_BASE_``."""

    path: Path
    values: dict[str, Any]


def config_path(path: str | Path) -> Path:
    """The file of a config: as given, else of this name in :data:`CONFIGS`; ``configs/NAME`` is understood anywhere.

    Raises:
        UserError: there is no such file; the sentence names the configs that there are.
    """
    for candidate in (expanded(path), CONFIGS / path, CONFIGS.parent / path):
        if is_file(candidate):
            return candidate
    above = Path(path).parent
    folder = above if above != Path() and any(above.glob("*.yaml")) else CONFIGS  # a bare name is one of ours
    known = sorted(str(other.relative_to(folder)) for other in folder.glob("*.yaml"))
    hint = did_you_mean(Path(path).name, known)
    raise UserError(f"config '{path}' does not exist.{hint} Configs in '{folder}': {', '.join(known)}.")


def config_chain(path: str | Path) -> list[ConfigFile]:
    """A config and all that it is based on, in the order in which they are merged: what is changed last comes last.
    A base lies beside the file that names it, else in :data:`CONFIGS`.

    Raises:
        UserError: a file is missing, not plain YAML, or based on itself.
    """
    return _chain(config_path(path), ())


def _chain(path: Path, above: tuple[Path, ...]) -> list[ConfigFile]:
    if path.resolve() in (other.resolve() for other in above):
        circle = " -> ".join(f"'{other}'" for other in (*above, path))
        raise UserError(f"{BASE} goes in a circle: {circle}; take it out of one of them.")
    values = _read(path)
    bases = values.pop(BASE, [])
    chain: list[ConfigFile] = []
    for base in bases if isinstance(bases, list) else [bases]:
        if not isinstance(base, str):
            raise UserError(f"{BASE} of config '{path}' is {base!r}; give a file, or a list of files.")
        beside = path.parent / expanded(base)
        file = next((found for found in (beside, CONFIGS / base) if is_file(found)), beside)
        if not is_file(file):
            raise UserError(f"config '{path}' is based on '{file}', which does not exist; correct its {BASE}.")
        chain += _chain(file, (*above, path))
    return [*chain, ConfigFile(path, values)]


def _read(path: Path) -> dict[str, Any]:
    try:
        values = yaml.load(path.read_text(encoding="utf-8"), Loader=_PlainLoader)
    except Exception as error:  # PyYAML raises whatever Python does, for values such as '!!bool x'
        if isinstance(error, yaml.constructor.ConstructorError) and "could not determine" in str(error.problem):
            problem = f"holds a YAML tag that would run code ({error.problem}); write plain values."
        else:
            problem = f"cannot be read: {' '.join(str(error).split())}"
        raise UserError(f"config '{path}' {problem}") from error
    if not isinstance(values, dict):
        raise UserError(f"config '{path}' cannot be read: it must hold keys and values.")
    return values


class _PlainLoader(yaml.SafeLoader):
    """YAML's plain values; a key that stands twice is refused, where YAML would forget the first unsaid."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict:
        """See ``yaml.SafeLoader``."""
        seen: set[str] = set()
        for key, _ in node.value if isinstance(node, yaml.MappingNode) else ():
            if isinstance(key, yaml.ScalarNode) and key.value in seen:
                raise yaml.MarkedYAMLError(problem=f"the key '{key.value}' stands twice", problem_mark=key.start_mark)
            seen.add(str(key.value))
        return super().construct_mapping(node, deep)
