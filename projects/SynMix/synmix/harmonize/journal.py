"""What a Cityscapes-format copy holds and how it was made, so that a killed preparation goes on where it stopped."""

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from synmix.errors import UserError
from synmix.files import read_json, write_json
from synmix.harmonize.frame import Report
from synmix.harmonize.relabel import Tally

SETTINGS = "prepared.json"
FRAMES = "prepared.jsonl"
#: Part of the settings: a change of what is written makes every older copy stale.
VERSION = 1


def check_settings(output: Path, settings: dict[str, Any], overwrite: bool) -> None:
    """Makes sure that ``output`` is this tool's and made with these settings, and writes them down.

    Raises:
        UserError: the folder is someone else's, cannot be written, or was made with other settings.
    """
    path = output / SETTINGS
    if not path.exists() and any((output / name).exists() for name in ("leftImg8bit", "gtFine")):
        raise UserError(f"'{output}' holds a data set that this tool did not write; give another --output.")
    if path.exists() and not overwrite:
        earlier = read_json(path)
        changed = [key for key, value in settings.items() if earlier.get(key) != value]
        if changed:
            raise UserError(
                f"'{output}' was written with other settings ({', '.join(changed)}); give another --output, or "
                "--overwrite to write every frame anew."
            )
    try:
        write_json(path, settings)
    except OSError as error:
        raise UserError(f"'{output}' cannot be written ({error.strerror}); give another --output.") from None


def read(output: Path) -> dict[int, Report]:
    """The finished frames, by number; the last entry of a frame counts, a line cut off by a kill does not."""
    path = output / FRAMES
    reports = {}
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        try:
            report = _report(json.loads(line))
        except (json.JSONDecodeError, KeyError, TypeError, ValueError):
            continue
        reports[report.number] = report
    return reports


@contextmanager
def writer(output: Path) -> Iterator["Writer"]:
    """Opens the journal for further frames."""
    path = output / FRAMES
    cut_off = path.exists() and not path.read_bytes().endswith(b"\n")
    with path.open("a", encoding="utf-8") as file:
        if cut_off:
            file.write("\n")
        yield Writer(file)


class Writer:
    """Appends finished frames, each at once on disk."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def add(self, report: Report) -> None:
        """Writes one line.

        Raises:
            UserError: the disk is full.
        """
        try:
            self._file.write(json.dumps(_plain(report), separators=(",", ":")) + "\n")
            self._file.flush()
        except OSError as error:
            raise UserError(
                f"'{self._file.name}' cannot be written ({error.strerror}); make room and call again, finished "
                "frames are kept."
            ) from None


def _plain(report: Report) -> dict[str, Any]:
    tally = {name: {str(key): n for key, n in counts.items() if n} for name, counts in vars(report.tally).items()}
    return {"frame": report.number, "split": report.split, "stamp": report.stamp, **tally}


def _report(entry: dict[str, Any]) -> Report:
    before, after = (Counter({int(key): n for key, n in entry[name].items()}) for name in ("before", "after"))
    tally = Tally(before, after, Counter(entry["cases"]), Counter(entry["pixels"]))
    return Report(int(entry["frame"]), entry["split"], entry["stamp"], tally=tally)
