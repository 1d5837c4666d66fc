"""Checkpoints that are whole or absent, and that run no code when loaded."""

import hashlib
import logging
import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import torch
from detectron2.checkpoint import DetectionCheckpointer
from torch import nn

from synmix.errors import UserError
from synmix.files import atomic_path, read_json, write_json

logger = logging.getLogger(__name__)

#: Lists the checkpoints of a folder, oldest first: file, sha256, iteration.
INDEX = "checkpoints.json"
FINAL, BEST = "model_final", "model_best"
#: Where Detectron2's own weights lie; ``.pkl`` files are unpickled from there only.
TRUSTED = ("detectron2://", "catalog://", "https://dl.fbaipublicfiles.com/detectron2/")


class SafeCheckpointer(DetectionCheckpointer):
    """Detectron2's checkpointer, but each file is written beside its place and moved there, listed with its checksum,
    and loaded weights-only; a damaged one gives way to the one before it.

    Args:
        model: what to save and load.
        folder: ``OUTPUT_DIR``.
        trust_pickle: unpickle ``.pkl`` and old ``.pth`` files from anywhere; such a file can run any code.
        checkpointables: further objects with ``state_dict`` and ``load_state_dict``.
    """

    def __init__(self, model: nn.Module, folder: str = "", trust_pickle: bool = False, **checkpointables: Any) -> None:
        super().__init__(model, folder, **checkpointables)
        self.trust_pickle = trust_pickle
        self._source = ""  # what load() was asked for, before it became a local file

    def save(self, name: str, **extra: Any) -> None:
        """Writes ``<folder>/<name>.pth`` and lists it; ``extra`` is saved along (``iteration``)."""
        if not self.save_dir or not self.save_to_disk:
            return
        states = {key: value.state_dict() for key, value in self.checkpointables.items()}
        data = {"model": self.model.state_dict(), **states, **extra}
        path = Path(self.save_dir) / f"{name}.pth"
        with atomic_path(path) as temporary:
            torch.save(data, temporary)
            digest = sha256_of(temporary)
        entries = [entry for entry in self.entries() if entry["file"] != path.name]
        write_json(self._index, [*entries, {"file": path.name, "sha256": digest, "iteration": extra.get("iteration")}])
        logger.info("saved '%s'", path)
        if name != BEST:
            self.tag_last_checkpoint(path.name)

    def tag_last_checkpoint(self, last_filename_basename: str) -> None:
        """Detectron2's own note of the latest checkpoint, kept for its tools."""
        with atomic_path(Path(self.save_dir) / "last_checkpoint") as temporary:
            temporary.write_text(last_filename_basename)

    @property
    def _index(self) -> Path:
        return Path(self.save_dir) / INDEX

    def entries(self) -> list[dict[str, Any]]:
        """The listed checkpoints, oldest first."""
        if not self._index.is_file():
            return []
        try:
            return list(read_json(self._index))
        except UserError as error:
            logger.warning("%s No checkpoint is known without it.", error)
            return []

    def resumable(self) -> list[Path]:
        """Whole checkpoints to resume from, the latest first; damaged and missing ones are reported and left out."""
        entries = [entry for entry in self.entries() if entry["file"] != f"{BEST}.pth"]
        whole = []
        for entry in reversed(entries):
            path = Path(self.save_dir) / entry["file"]
            if not path.is_file():
                logger.warning("checkpoint '%s' is listed but missing; taking the one before it", path)
            elif sha256_of(path) != entry["sha256"]:
                logger.warning("checkpoint '%s' is torn or was changed; taking the one before it", path)
            else:
                whole.append(path)
                break  # older ones are not read in vain
        return whole

    def has_checkpoint(self) -> bool:
        """Whether there is a whole checkpoint to resume from."""
        return bool(self.resumable())

    def get_checkpoint_file(self) -> str:
        """The latest whole checkpoint, "" where there is none."""
        return str(next(iter(self.resumable()), ""))

    def keep_only(self, latest: int) -> None:
        """Removes all but the latest numbered checkpoints; model_final and model_best stay. 0 keeps all."""
        numbered = [entry for entry in self.entries() if entry["file"] not in (f"{FINAL}.pth", f"{BEST}.pth")]
        surplus = numbered[:-latest] if latest else []
        if surplus and self.save_to_disk:
            write_json(self._index, [entry for entry in self.entries() if entry not in surplus])
            for entry in surplus:
                (Path(self.save_dir) / entry["file"]).unlink(missing_ok=True)

    def load(self, path: str, checkpointables: Sequence[str] | None = None) -> dict[str, Any]:
        """Loads a checkpoint into the model and the named checkpointables (all by default).

        Raises:
            UserError: missing, damaged, or able to run code when loaded.
        """
        self._source = path
        try:
            return super().load(path, checkpointables)
        except (AssertionError, FileNotFoundError):
            raise UserError(f"weights '{path}' not found; check MODEL.WEIGHTS.") from None

    def _load_file(self, filename: str) -> dict[str, Any]:
        if filename.endswith((".pkl", ".pyth")):
            if not (self.trust_pickle or is_trusted(self._source)):
                raise UserError(
                    f"weights '{self._source}' are a pickle, which can run any code when loaded, and do not come from "
                    "Detectron2's model zoo; convert them to .pth, or add --trust-pickle if you trust them."
                )
            return super()._load_file(filename)
        loaded = load_weights_only(filename) if not self.trust_pickle else torch.load(filename, weights_only=False)
        return loaded if "model" in loaded else {"model": loaded}


def is_trusted(source: str) -> bool:
    """Whether weights come from Detectron2's model zoo."""
    return source.startswith(TRUSTED) and ".." not in urlparse(source).path


def load_weights_only(path: str | Path) -> dict[str, Any]:
    """Reads a ``.pth`` file without running anything in it.

    Raises:
        UserError: damaged, or it holds more than tensors and plain values.
    """
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, KeyError) as error:
        reason = str(error).strip().splitlines()[0]
        raise UserError(
            f"'{path}' cannot be loaded safely: it is damaged, or holds more than tensors and plain values ({reason})."
        ) from None


def sha256_of(path: Path) -> str:
    """The sha256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() if hasattr(hashlib, "file_digest") else _sha256(file)


def _sha256(file: Any) -> str:
    digest = hashlib.sha256()  # Python 3.10 has no file_digest
    while block := file.read(1 << 20):
        digest.update(block)
    return digest.hexdigest()


def load_weights(model: nn.Module, source: str, trust_pickle: bool = False) -> None:
    """Loads weights alone into a model, from a file or Detectron2's model zoo."""
    SafeCheckpointer(model, trust_pickle=trust_pickle).load(source, checkpointables=[])
