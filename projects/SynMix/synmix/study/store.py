"""The results store: plain files, one folder a run, safe with many writers, and one index over them.

``store.json`` (format and version), ``runs/<run id>/`` with ``run.json`` (what it trains), ``status.json`` (how far it
is), and what training and evaluation wrote: ``config.yaml``, ``manifest.json``, ``metrics.json``, ``results/*.json``,
``log.txt``. ``index.parquet`` and ``index.csv`` are made of the folders alone and can be deleted at any time.
"""

import fcntl
import hashlib
import os
import socket
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Literal

from synmix.errors import UserError
from synmix.evaluate.result import Result, read_result, result_path
from synmix.files import read_json, write_json
from synmix.study.runs import Run, from_plain, to_plain

FORMAT, VERSION = "synmix study store", 1
State = Literal["missing", "running", "broken", "failed", "finished"]
#: What a finished run consists of; their checksums are kept, so that a later edit is noticed.
SEALED = ("run.json", "config.yaml", "manifest.json", "results/*.json")


class BusyError(Exception):
    """Another process holds the lock; the message says who."""


@dataclass(frozen=True)
class Status:
    """How far a run is. Times in seconds since 1970, ``seconds`` of work over all attempts."""

    state: State = "missing"
    reason: str = ""
    started: float = 0.0
    ended: float = 0.0
    seconds: float = 0.0
    attempts: int = 0
    host: str = ""
    version: str = ""  # of the code
    config: str = ""  # checksum of the config under configs/ that it is trained with
    checksums: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Record:
    """A run of the store and its results, by data set."""

    run: Run
    status: Status
    folder: Path
    results: dict[str, Result]


class Store:
    """A results store on disk; nothing is written until a run begins."""

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self.root = Path(root)
        header = self.root / "store.json"
        if header.exists():
            self._check_header(header)
        elif self.root.is_dir() and any(self.root.glob("runs/*/run.json")):
            raise UserError(
                f"'{self.root}' holds runs but no store.json, so its version is unknown; use another folder."
            )

    @staticmethod
    def _check_header(header: Path) -> None:
        found = read_json(header)
        if not isinstance(found, dict) or found.get("format") != FORMAT:
            raise UserError(f"'{header}' is not the header of a results store; name another folder.")
        if found.get("version") != VERSION:
            raise UserError(
                f"the store '{header.parent}' was written in version {found.get('version')}, this code reads version "
                f"{VERSION}; use the code it was written with, or another store."
            )

    def create(self) -> None:
        """Makes the folder and its header; an existing store stays as it is."""
        if not (self.root / "store.json").exists():
            write_json(self.root / "store.json", {"format": FORMAT, "version": VERSION})

    def folder(self, run: Run | str) -> Path:
        """The folder of a run, whether it exists or not."""
        return self.root / "runs" / (run if isinstance(run, str) else run.id)

    def ids(self) -> list[str]:
        """The ids of all runs that were ever begun."""
        return sorted(path.parent.name for path in self.root.glob("runs/*/run.json"))

    def status(self, run: Run | str) -> Status:
        """How far a run is; ``broken`` is a run that was begun, has not ended, and that nobody works on."""
        path = self.folder(run) / "status.json"
        if not path.exists():
            return Status()
        try:
            status = Status(**read_json(path))
        except TypeError:
            raise UserError(f"'{path}' was edited or damaged; remove its folder to train the run again.") from None
        if status.state == "running" and not _is_held(self.folder(run) / ".lock"):
            return Status(**{**asdict(status), "state": "broken", "reason": status.reason or "it was killed"})
        return status

    @contextmanager
    def lock(self, run: Run) -> Iterator[None]:
        """Holds a run: nobody else trains it meanwhile. The system frees the lock of a process that dies.

        Raises:
            BusyError: another process trains the run.
        """
        self.create()
        self.folder(run).mkdir(parents=True, exist_ok=True)
        with _flock(self.folder(run) / ".lock", f"the run '{run.id}'"):
            yield

    @contextmanager
    def sweep_lock(self) -> Iterator[None]:
        """Holds the whole store for one sweep or study.

        Raises:
            UserError: another one holds it.
        """
        self.create()
        try:
            with _flock(self.root / ".sweep.lock", f"the store '{self.root}'"):
                yield
        except BusyError as busy:
            raise UserError(f"{busy}; wait until it ends, or give this sweep another store.") from None

    def begin(self, run: Run, config: str = "") -> Status:
        """Notes that work on a run starts (again), with the config of this checksum."""
        before = self.status(run)
        write_json(self.folder(run) / "run.json", to_plain(run))
        now = time.time()
        times, attempts = (before.started or now, 0.0, before.seconds), before.attempts + 1
        status = Status("running", "", *times, attempts, _who(), _code(), config or before.config)
        write_json(self.folder(run) / "status.json", asdict(status))
        return status

    def end(self, run: Run, state: State, reason: str, seconds: float) -> None:
        """Notes how work on a run ended; a finished run is sealed by the checksums of its files."""
        before = self.status(run)
        checksums = seals(self.folder(run)) if state == "finished" else {}
        changed = {"state": state, "reason": reason, "ended": time.time(), "seconds": before.seconds + seconds}
        write_json(self.folder(run) / "status.json", {**asdict(before), **changed, "checksums": checksums})

    def check_config(self, run: Run, config: str) -> None:
        """Checks that what a run has trained so far came from the config of this checksum.

        Raises:
            UserError: it came from another one.
        """
        status = self.status(run)
        trained = status.state == "finished" or (self.folder(run) / "last_checkpoint").exists()
        if trained and status.config and status.config != config:
            raise UserError(
                f"'{run.id}' was trained with another config of that name: a file under configs/ has changed since. "
                "Take another store for the changed one, or remove the run's folder to train it again."
            )

    def unevaluated(self, run: Run, data_sets: Iterable[str]) -> list[str]:
        """Those of the data sets that the run has no result on."""
        return [name for name in data_sets if not result_path(self.folder(run), name).is_file()]

    def verify(self, run: Run | str) -> None:
        """Checks that a finished run is what it was when it finished.

        Raises:
            UserError: one of its files was edited, added or removed.
        """
        folder, expected = self.folder(run), self.status(run).checksums
        found = seals(folder)
        for name in sorted({*expected, *found}):
            if expected.get(name) != found.get(name):
                what = "is gone" if name not in found else "was edited" if name in expected else "was added"
                raise UserError(
                    f"'{folder / name}' {what} since the run finished; put it back, or remove the run's folder to "
                    "train it again."
                )

    def record(self, run_id: str) -> Record:
        """A run with its results, verified where it is finished.

        Raises:
            UserError: its files were edited or damaged, or describe another run.
        """
        folder, status = self.folder(run_id), self.status(run_id)
        run = from_plain(read_json(folder / "run.json"), str(folder / "run.json"))
        if run.id != run_id:
            raise UserError(
                f"'{folder / 'run.json'}' was edited: it describes '{run.id}'; remove the folder to train again."
            )
        if status.state != "finished":
            return Record(run, status, folder, {})
        self.verify(run_id)
        results = {path.stem: read_result(path) for path in sorted(folder.glob("results/*.json"))}
        return Record(run, status, folder, results)


def seals(folder: Path) -> dict[str, str]:
    """sha256 of each file that a finished run consists of, by its path in the run's folder."""
    files = sorted(path for pattern in SEALED for path in folder.glob(pattern))
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@contextmanager
def _flock(path: Path, what: str) -> Iterator[None]:
    with path.open("a+", encoding="utf-8") as file:
        if not _try_lock(file, attempts=5):
            raise BusyError(f"{what} is worked on by {_holder(file)}")
        file.truncate(0)
        file.write(_who())
        file.flush()
        yield


def _try_lock(file: IO[str], attempts: int) -> bool:
    """Takes the lock; tries again for a moment, since :func:`_is_held` takes it for an instant to look."""
    for attempt in range(attempts):
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except OSError:
            time.sleep(0.02 * (attempt + 1))
    return False


def _holder(file: IO[str]) -> str:
    file.seek(0)
    return file.read().strip() or "another process"


def _is_held(path: Path) -> bool:
    if not path.exists():
        return False
    with path.open("r", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return True
    return False


def _who() -> str:
    return f"{socket.gethostname()}, process {os.getpid()}"


def _code() -> str:
    from importlib.metadata import version

    return version("synmix")
