"""What a training or an evaluation came to, as plain data: its last lines and ``--json`` say it."""

from pathlib import Path
from typing import Any

from synmix.files import read_json
from synmix.train.checkpoint import FINAL, read_index

Results = dict[str, dict[str, dict[str, float]]]


def reached(folder: Path, results: Results) -> dict[str, Any]:
    """Data set -> ``figures`` (task -> figure -> percent) and ``interval``, the two ends of the AP's, percent, None
    where its result has none."""
    return {name: {"figures": tasks, "interval": _interval(folder, name)} for name, tasks in results.items()}


def ending(folder: Path, results: Results) -> dict[str, Any]:
    """A finished training: its ``weights`` with their checksum, its ``iterations``, and what it reached.

    Raises:
        UserError: the list of checkpoints or a result is damaged.
    """
    file = f"{FINAL}.pth"
    final = next(entry for entry in reversed(read_index(folder)) if entry["file"] == file)
    return {
        "iterations": final["iteration"] + 1,
        "weights": {"file": str(folder / file), "sha256": final["sha256"]},
        "evaluated": reached(folder, results),
    }


def _interval(folder: Path, data_set: str) -> list[float] | None:
    path = folder / "results" / f"{data_set}.json"
    ends = read_json(path).get("intervals", {}).get("AP") if path.is_file() else None
    return ends if ends and None not in ends else None
