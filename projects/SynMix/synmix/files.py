"""Files that are whole or absent, and checksums of files and of plain data."""

import errno
import hashlib
import json
import math
import os
import re
import secrets
import socket
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]

from synmix.errors import UserError

#: Half a character, perhaps with its other half.
_HALF = re.compile(r"\\u[dD][89a-fA-F]")
_PARTIAL = ".partial-"  # marks what a kill may leave behind of a file that was being written
#: What a disk answers that is full, read-only, or not ours.
_REFUSALS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM, errno.ENAMETOOLONG)
_CLEANED: set[Path] = set()  # folders in which this process has looked for what was left by killed ones
#: Plain values only; libyaml's reader is some ten times as fast, where it is there.
_PLAIN_YAML = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@contextmanager
def atomic_path(path: str | os.PathLike[str], early: bool = True) -> Iterator[Path]:
    """Yields a temporary path beside ``path`` and moves it there on success, so that no reader and no kill ever sees
    half a file. The folder is made where it is missing; on failure the temporary file is removed.

    Args:
        early: a refusal comes before the work; not worth a system call where the content is there already.

    Raises:
        UserError: the disk is full, the folder cannot be written, or a file stands in its place.
    """
    final = Path(path)
    with refusals_as_sentences(f"'{final}'"):
        if final.is_dir():
            raise UserError(f"'{final}' is a folder, but a file is to be written there; name a file.")
        temporary = _temporary(final)
        try:
            if early:
                temporary.touch(exist_ok=False)
            yield temporary
            temporary.replace(final)
        except BaseException:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
            raise


def is_file(path: str | os.PathLike[str]) -> bool:
    """Whether a file is there; False, unlike ``Path.is_file``, also for a name that no file can have."""
    return os.path.isfile(path)  # noqa: PTH113


def expanded(path: str | os.PathLike[str]) -> Path:
    """A path with its ``~``; unlike ``Path.expanduser`` as it is where nobody has that name."""
    return Path(os.path.expanduser(path))  # noqa: PTH111


def link_to(source: Path, target: Path) -> None:
    """Makes ``target`` a link to ``source``, relative so that both can move together; an older one is replaced.

    Raises:
        UserError: see :func:`atomic_path`.
    """
    with refusals_as_sentences(f"'{target}'"):
        temporary = _temporary(target)  # makes the folder too
        content = os.path.relpath(os.path.realpath(source), os.path.realpath(target.parent))
        try:
            target.symlink_to(content)
        except FileExistsError:
            temporary.symlink_to(content)
            temporary.replace(target)


def _temporary(final: Path) -> Path:
    """A free name beside a file; it says whose it is, so that what a kill left of it can be told apart."""
    folder = final.parent
    if folder not in _CLEANED or not folder.is_dir():
        make_folder(folder, f"the folder '{folder}'")
        _CLEANED.add(folder)
        remove_abandoned(folder)
    return final.with_name(f".{final.stem}{_PARTIAL}{_mark(os.getpid())}-{secrets.token_hex(4)}{final.suffix}")


@lru_cache(maxsize=64)
def _mark(pid: int) -> str:
    return f"{zlib.crc32(socket.gethostname().encode()):08x}-{pid}"


def remove_abandoned(folder: Path) -> None:
    """Removes what killed processes of this host left of files that they were writing in ``folder``; other processes
    may be writing there. :func:`atomic_path` calls it once for each folder."""
    for path in folder.glob(f".*{_PARTIAL}*"):
        pid = re.fullmatch(r"[0-9a-f]{8}-(\d+)-.*", path.name.rpartition(_PARTIAL)[2])
        if pid and path.name.rpartition(_PARTIAL)[2].startswith(_mark(int(pid[1]))) and not _is_alive(int(pid[1])):
            with suppress(OSError):
                path.unlink(missing_ok=True)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        return True
    return True


def remove_partial(folder: Path, stem: str = "*") -> None:
    """Removes what killed processes left of files with such a stem in ``folder``; call it where nobody writes them."""
    for path in folder.glob(f".{stem}{_PARTIAL}*"):
        path.unlink(missing_ok=True)


def why_absent(path: str | os.PathLike[str]) -> str:
    """Completes "'x' ..." for a file that is not there: a link whose target has moved says so."""
    if not Path(path).is_symlink():
        return "does not exist"
    target = Path(path).readlink()
    if not os.path.lexists(Path(path).parent / target):
        return f"is a link to '{target}', which is no longer there: put that back, or make the link anew"
    return f"is a link to '{target}', which leads in a circle or to nothing: make the link anew"


def make_folder(folder: Path, what: str) -> None:
    """Makes a folder and its parents where they are missing.

    Raises:
        UserError: it cannot be made.
    """
    with refusals_as_sentences(what):
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError):
            raise UserError(f"{what} cannot be made, since a file stands in its place; name another folder.") from None
        except FileNotFoundError:
            raise UserError(f"{what} cannot be made there; name another folder.") from None


@contextmanager
def refusals_as_sentences(what: str) -> Iterator[None]:
    """Says in one sentence that ``what`` ("OUTPUT_DIR 'x'") cannot be written, where a disk refuses something within.

    Raises:
        UserError: it is full, read-only, or not permitted.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in _REFUSALS:
            raise
        where = f": '{error.filename}'" if error.filename else ""
        raise UserError(f"{what} cannot be written ({error.strerror}{where}); mend that, or take another.") from None


def write_bytes(path: str | os.PathLike[str], data: bytes) -> None:
    """Writes ``data``, atomically."""
    with atomic_path(path, early=False) as temporary:
        temporary.write_bytes(data)


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Writes ``text`` as UTF-8, atomically."""
    write_bytes(path, text.encode())


def write_json(path: str | os.PathLike[str], value: Any, indent: int | None = 2) -> None:
    """Writes ``value`` as JSON, atomically; nan is refused, since JSON has none. Without ``indent`` it is four times
    as fast, for what is written for every frame."""
    write_text(path, json.dumps(value, indent=indent, ensure_ascii=False, allow_nan=False) + "\n")


def read_text(path: str | os.PathLike[str]) -> str:
    """Reads UTF-8 text.

    Raises:
        UserError: the file is missing, cannot be read, or is no text.
    """
    try:
        return Path(path).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UserError(f"'{path}' {why_absent(path)}.") from None
    except OSError as error:
        raise UserError(f"'{path}' cannot be read ({error.strerror}).") from None
    except ValueError:  # bytes that are no text, or a name that is none
        raise UserError(f"'{path}' is not a text file.") from None


def read_json(path: str | os.PathLike[str]) -> Any:
    """Reads a JSON file.

    Raises:
        UserError: the file is missing, cannot be read, or is not JSON.
    """
    text = read_text(path)
    try:
        value = json.loads(text)
        if _HALF.search(text):
            json.dumps(value, ensure_ascii=False).encode()
        return value
    except RecursionError:
        raise UserError(f"'{path}' is not valid JSON (nested too deeply).") from None
    except ValueError as error:  # also numbers of thousands of digits
        raise UserError(f"'{path}' is not valid JSON ({error}).") from None


def check_noted(path: Path, settings: Mapping[str, Any], again: str) -> None:
    """Compares settings with those that a folder notes of what it holds.

    Args:
        path: the note, JSON.
        again: what ``--overwrite`` does.

    Raises:
        UserError: they differ.
    """
    earlier = read_json(path)
    known = earlier if isinstance(earlier, dict) else {}
    changed = [key for key, value in settings.items() if known.get(key) != value]
    if changed:
        raise UserError(
            f"'{path.parent}' was written with other settings ({', '.join(changed)}); give another --output, or "
            f"--overwrite to {again} anew."
        )


def stamp_of(path: Path) -> str:
    """Size and time of a file: another stamp means another content.

    Raises:
        UserError: it is gone, or cannot be asked.
    """
    try:
        status = path.stat()
    except FileNotFoundError:
        raise UserError(f"'{path}' {why_absent(path)}.") from None
    except OSError as error:
        raise UserError(f"'{path}' cannot be read ({error.strerror}).") from None
    return f"{status.st_size}:{status.st_mtime_ns}"


def read_yaml(path: str | os.PathLike[str]) -> dict[Any, Any]:
    """Reads the keys and values of a plain YAML file; no tag in it is run.

    Raises:
        UserError: the file is missing, cannot be read, or is not such YAML.
    """
    text = read_text(path)
    try:
        values = yaml.load(text, Loader=_PLAIN_YAML)
    except Exception as error:  # PyYAML raises whatever Python does, for values such as '!!bool x'
        raise UserError(f"'{path}' is not plain YAML ({' '.join(str(error).split())}).") from None
    if not isinstance(values, dict):
        raise UserError(f"'{path}' must hold keys and values.")
    return values


def nan_to_null(value: float) -> float | None:
    """The value as JSON has it: None for nan and the infinities."""
    return float(value) if math.isfinite(value) else None


def null_to_nan(value: float | None) -> float:
    """What :func:`nan_to_null` was given."""
    return math.nan if value is None else float(value)


def checksum(value: Any) -> str:
    """The sha256 of plain data in canonical JSON: equal on every machine and Python version."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def sha256_of(path: str | os.PathLike[str]) -> str:
    """The sha256 of a file's bytes."""
    digest = hashlib.sha256()
    with Path(path).open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
