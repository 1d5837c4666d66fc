"""The journal of a Cityscapes-format copy: how it was made and what it holds; a killed one goes on from there."""

import json
import os
import socket
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from synmix.data.listing import Key
from synmix.errors import UserError
from synmix.files import check_noted, write_json
from synmix.harmonize.relabel import Tally

SETTINGS = "prepared.json"
FRAMES = "prepared"
#: Part of the settings: a change of what is written makes every older copy stale.
VERSION = 1


@dataclass(frozen=True)
class Report:
    """What became of a frame; ``problem`` is a sentence where it was skipped."""

    key: Key  # of the frame
    split: str
    stamp: str = ""  # of the source files (:func:`.frame.stamp`)
    problem: str = ""
    tally: Tally = field(default_factory=Tally)


def check_settings(output: Path, settings: dict[str, Any], overwrite: bool) -> None:
    """Makes sure that ``output`` is this tool's and made with these settings, and writes them down.

    Raises:
        UserError: the folder is someone else's, cannot be written, or was made with other settings.
    """
    path = output / SETTINGS
    if not path.exists() and any((output / name).exists() for name in ("leftImg8bit", "gtFine")):
        raise UserError(f"'{output}' holds a data set that this tool did not write; give another --output.")
    if path.exists() and not overwrite:
        check_noted(path, settings, "write every frame")
    write_json(path, settings)


def read(output: Path) -> dict[Key, Report]:
    """The finished frames, by key; the latest note of a frame counts, a line cut off by a kill does not."""
    entries = []
    for path in sorted((output / FRAMES).glob("*.jsonl")):
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            try:
                entry = json.loads(line)
                entries.append((entry["time"], _report(entry)))
            except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
                continue
    return {report.key: report for _, report in sorted(entries, key=lambda each: each[0])}


def clear(output: Path) -> None:
    """Forgets all finished frames."""
    for path in (output / FRAMES).glob("*.jsonl"):
        path.unlink()


def append(folder: Path, report: Report) -> None:
    """Notes a finished frame, at once: each process writes a file of its own, so that nobody waits and a kill costs
    nothing that is finished."""
    line = json.dumps({**_plain(report), "time": time.time_ns()}, separators=(",", ":"))
    if not folder.is_dir():
        folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{socket.gethostname()}-{os.getpid()}.jsonl").open("a", encoding="utf-8") as file:
        file.write(f"\n{line}")  # the break first: what a kill has cut off stays a line of its own


def _plain(report: Report) -> dict[str, Any]:
    tally = {name: {str(key): n for key, n in counts.items() if n} for name, counts in vars(report.tally).items()}
    return {"frame": report.key, "split": report.split, "stamp": report.stamp, **tally}


def _report(entry: dict[str, Any]) -> Report:
    before, after = (Counter({int(key): n for key, n in entry[name].items()}) for name in ("before", "after"))
    cases, pixels, unknown = (Counter(entry.get(name, {})) for name in ("cases", "pixels", "unknown"))
    key = entry["frame"]
    if not isinstance(key, int | str):
        raise TypeError(key)
    return Report(key, entry["split"], entry["stamp"], tally=Tally(before, after, cases, pixels, unknown))
