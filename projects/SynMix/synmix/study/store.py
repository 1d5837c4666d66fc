"""The results store: plain files, one folder a run, safe with many writers, and one index over them.

``store.json`` (format and version), ``runs/<run id>/`` with ``run.json`` (what it trains), ``status.json`` (how far it
is), and what training and evaluation wrote: ``config.yaml``, ``manifest.json``, ``metrics.json``, ``results/*.json``,
``log.txt``. ``index.parquet`` and ``index.csv`` are made of the folders alone and can be deleted at any time.
"""

import hashlib
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal, get_args

import synmix
from synmix.config import import_modules
from synmix.errors import UserError
from synmix.evaluate.result import read_any_result, result_path
from synmix.files import read_json, write_json
from synmix.kinds import Choice, Entry, Number, Table, Text, Whole
from synmix.locks import BusyError, is_locked, lock_file, who
from synmix.study.runs import Run, from_plain, to_plain

FORMAT, VERSION = "synmix study store", 2
_RUN_LOCK = ".run.lock"  # beside the one that a training has on its OUTPUT_DIR
State = Literal["missing", "running", "broken", "failed", "finished"]
#: What a finished run consists of; their checksums are kept, so that a later edit is noticed.
SEALED = ("run.json", "config.yaml", "manifest.json", "results/*.json")


@dataclass(frozen=True)
class Computed:
    """How a run was computed; ranks times parts of a rank decide its numbers, devices do not."""

    processes: int  # ranks
    devices: str  # "4 x NVIDIA H100", "cpu"
    parts: int  # ranks x SOLVER.ACCUMULATE
    images_per_step: int
    iterations: int = 0


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
    computed: dict[str, Any] = field(default_factory=dict)  # Computed
    checksums: dict[str, str] = field(default_factory=dict)


class Computation(Entry):
    """A :class:`Computed`, or nothing yet."""

    def accepts(self, value: Any) -> bool:
        """See :class:`Kind`."""
        names = {field.name for field in fields(Computed)}
        return super().accepts(value) and all(
            key in names and (Text() if key == "devices" else Whole()).accepts(entry) for key, entry in value.items()
        )


_TIME = Number(0, 1e11)
_STATUS = {
    "state": Choice(get_args(State)),
    **{key: Text() for key in ("reason", "host", "version")},
    **{key: _TIME for key in ("started", "ended", "seconds")},
    "attempts": Whole(),
    "computed": Computation(),
    "checksums": Table(Text()),
}


@dataclass(frozen=True)
class Record:
    """A run of the store and its results, by data set."""

    run: Run
    status: Status
    folder: Path
    results: dict[str, Any]  # of the kind that its data set's evaluator writes

    @property
    def gpu_hours(self) -> float:
        """Hours of work times ranks; on the CPU hours of its ranks."""
        return self.status.seconds / 3600 * self.status.computed.get("processes", self.run.processes)


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
        """The folder of a run, whether it exists or not; a run that was once asked for by another name keeps it."""
        runs = self.root / "runs"
        if isinstance(run, str):
            return runs / run
        return next(iter(sorted(runs.glob(f"*_{run.digest}_seed{run.seed}"))), runs / run.id)

    def _status_path(self, run: Run | str) -> Path:
        return self.folder(run) / "status.json"

    def ids(self) -> list[str]:
        """The ids of all runs that were ever begun."""
        return sorted(path.parent.name for path in self.root.glob("runs/*/run.json"))

    def status(self, run: Run | str) -> Status:
        """How far a run is; ``broken`` is a run that was begun, has not ended, and that nobody works on."""
        path = self._status_path(run)
        if not path.exists():
            return Status()
        found = read_json(path)
        if not isinstance(found, dict) or not all(key in _STATUS and _STATUS[key].accepts(found[key]) for key in found):
            raise UserError(f"'{path}' was edited or damaged; remove its folder to train the run again.")
        status = Status(**found)
        if status.state == "running" and not is_locked(self.folder(run) / _RUN_LOCK):
            return replace(status, state="broken", reason=status.reason or "it was killed")
        return status

    @contextmanager
    def lock(self, run: Run) -> Iterator[None]:
        """Holds a run: nobody else trains it meanwhile. The system frees the lock of a process that dies.

        Raises:
            BusyError: another process trains the run.
        """
        self.create()
        with lock_file(self.root / ".create.lock", wait=True):  # of two names for one run the first one stays
            self.folder(run).mkdir(parents=True, exist_ok=True)
        with lock_file(self.folder(run) / _RUN_LOCK, f"the run '{run.id}'"):
            yield

    @contextmanager
    def sweep_lock(self) -> Iterator[None]:
        """Holds the whole store for one sweep or study.

        Raises:
            UserError: another one holds it.
        """
        self.create()
        try:
            with lock_file(self.root / ".sweep.lock", f"the store '{self.root}'"):
                yield
        except BusyError as busy:
            raise UserError(f"{busy}; wait until it ends, or give this sweep another store.") from None

    def begin(self, run: Run) -> Status:
        """Notes that work on a run starts (again)."""
        before = self.status(run)
        write_json(self.folder(run) / "run.json", to_plain(run))
        times, attempts = (before.started or time.time(), 0.0, before.seconds), before.attempts + 1
        status = Status("running", "", *times, attempts, who(), synmix.__version__, before.computed)
        write_json(self._status_path(run), asdict(status))
        return status

    def note(self, run: Run, computed: Computed) -> None:
        """Notes how a run is computed."""
        write_json(self._status_path(run), asdict(replace(self.status(run), computed=asdict(computed))))

    def end(self, run: Run, state: State, reason: str, seconds: float) -> None:
        """Notes how work on a run ended; a finished run is sealed by the checksums of its files."""
        before = self.status(run)
        checksums = seals(self.folder(run)) if state == "finished" else {}
        ended = replace(before, state=state, reason=reason, ended=time.time(), seconds=before.seconds + seconds)
        write_json(self._status_path(run), asdict(replace(ended, checksums=checksums)))

    def unevaluated(self, run: Run) -> list[str]:
        """Those of the data sets it is to be evaluated on that the run has no result on."""
        return [name for name in run.test_sets if not result_path(self.folder(run), name).is_file()]

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
        if not folder.name.endswith(f"_{run.digest}_seed{run.seed}"):
            raise UserError(f"'{folder / 'run.json'}' describes '{run.id}'; remove the folder to train again.")
        if status.state != "finished":
            return Record(run, status, folder, {})
        self.verify(run_id)
        import_modules(run.settings.get("IMPORTS", ()))  # they may register a kind of result
        results = {path.stem: read_any_result(path) for path in sorted(folder.glob("results/*.json"))}
        return Record(run, status, folder, results)


def seals(folder: Path) -> dict[str, str]:
    """sha256 of each file that a finished run consists of, by its path in the run's folder."""
    files = sorted(path for pattern in SEALED for path in folder.glob(pattern))
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
