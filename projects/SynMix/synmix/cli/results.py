"""``--json FILE``: what a command prints, as plain data."""

import math
from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any

from synmix.cli.words import Options
from synmix.files import write_json


def add_json(*parsers: Options) -> None:
    """Adds the option."""
    for parser in parsers:
        parser.add_argument("--json", type=Path, metavar="FILE", help="also write there what is printed, as JSON")


def write_result_json(path: Path | None, result: Any) -> None:
    """Writes a result where it was asked for: dataclasses as objects, numbers that are none or have no end as null.

    Raises:
        UserError: the file cannot be written.
    """
    if path:
        write_json(path, _plain(result))
        print(f"wrote {path}")


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return _plain(asdict(value))
    if isinstance(value, Mapping):
        return {str(key): _plain(below) for key, below in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Path):
        return str(value)
    return _plain(value.tolist()) if hasattr(value, "tolist") else value
