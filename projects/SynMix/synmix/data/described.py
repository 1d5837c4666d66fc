"""The described data sets by name: ``configs/data/NAME.yaml`` is all that another one needs, of this project or of the
folder that one works in."""

from functools import lru_cache
from pathlib import Path

from synmix.config_files import CONFIGS
from synmix.data.description import Description
from synmix.data.description_keys import read_description
from synmix.errors import UserError, did_you_mean

#: Where the descriptions are; each is a file of its data set's name. The first folder that has it counts.
FOLDERS = (CONFIGS / "data", Path("configs/data"))


def names() -> list[str]:
    """The described data sets, sorted."""
    return sorted({path.stem for folder in FOLDERS for path in folder.glob("*.yaml")})


def described(name: str) -> Description:
    """The description of a data set.

    Raises:
        UserError: there is none of this name, or it is wrong; the sentence names the key.
    """
    path = next((file for folder in FOLDERS if (file := folder / f"{name}.yaml").is_file()), None)
    if path is None:
        known = names()
        raise UserError(
            f"no data set '{name}' is described.{did_you_mean(name, known)} Described: {', '.join(known)}; another is "
            "a file configs/data/NAME.yaml here (docs/data.md)."
        )
    return _read(path.absolute(), path.stat().st_mtime_ns)


def markdown() -> str:
    """The described data sets as the table of docs/data.md."""
    rows = ["| name | data set | domain | known | does not label | raw folder |", "|---|---|---|---|---|---|"]
    for name in names():
        about = described(name)
        missing = ", ".join(about.missing) or "-"
        rows.append(f"| `{name}` | {about.title} | {about.domain} | {about.known} | {missing} | `{about.folder}` |")
    return "\n".join(rows)


@lru_cache(maxsize=64)
def _read(path: Path, changed: int) -> Description:
    return read_description(path)
