"""Checkpoints that are whole or absent, and that run no code when loaded."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from detectron2.checkpoint import DetectionCheckpointer
from detectron2.config import CfgNode
from torch import nn

from synmix.config import build_model
from synmix.errors import UserError
from synmix.files import atomic_path, is_file, read_json, refusals_as_sentences, sha256_of, write_json
from synmix.train.signals import SAVING
from synmix.train.weights import Fit, check_fit, check_weights, fetch, is_trusted, read_weights

logger = logging.getLogger(__name__)

#: Lists the checkpoints of a folder, oldest first: file, sha256, iteration.
INDEX = "checkpoints.json"
FINAL, BEST = "model_final", "model_best"


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
        #: What was loaded last: {"file", "sha256"}; {} while nothing was.
        self.loaded: dict[str, str] = {}
        self._fit: Fit = "whole"

    def save(self, name: str, **extra: Any) -> None:
        """Writes ``<folder>/<name>.pth`` and lists it; ``extra`` is saved along (``iteration``).

        The list names a file before it is there, beside the one it replaces: a kill at any moment leaves one of both
        whole and known.

        Raises:
            UserError: the disk is full or refuses it; the file before it is as it was.
        """
        if not self.save_dir or not self.save_to_disk:
            return
        states = {key: value.state_dict() for key, value in self.checkpointables.items()}
        data = {"model": self.model.state_dict(), **states, **extra}
        path = Path(self.save_dir) / f"{name}.pth"
        with SAVING, refusals_as_sentences(f"checkpoint '{path}'"):
            others = [entry for entry in self.entries() if entry["file"] != path.name]
            before = [entry for entry in self.entries() if entry["file"] == path.name]
            with atomic_path(path) as temporary:
                _write(data, temporary)
                entry = {"file": path.name, "sha256": sha256_of(temporary), "iteration": extra.get("iteration")}
                write_json(self._index, [*others, *before, entry])
            write_json(self._index, [*others, entry])
            if name != BEST:
                self.tag_last_checkpoint(path.name)
        logger.info("saved '%s'", path)

    def tag_last_checkpoint(self, last_filename_basename: str) -> None:
        """Detectron2's own note of the latest checkpoint, kept for its tools."""
        with atomic_path(Path(self.save_dir) / "last_checkpoint") as temporary:
            temporary.write_text(last_filename_basename)

    @property
    def _index(self) -> Path:
        return Path(self.save_dir) / INDEX

    def entries(self) -> list[dict[str, Any]]:
        """The listed checkpoints, oldest first.

        Raises:
            UserError: the list is damaged.
        """
        return read_index(Path(self.save_dir))

    def has_checkpoint(self) -> bool:
        """Whether there is a whole checkpoint to resume from."""
        return latest_whole(Path(self.save_dir)) is not None

    def get_checkpoint_file(self) -> str:
        """The latest whole checkpoint, "" where there is none."""
        return str(latest_whole(Path(self.save_dir)) or "")

    def keep_only(self, latest: int) -> None:
        """Removes all but the latest numbered checkpoints; model_final and model_best stay. 0 keeps all."""
        files = dict.fromkeys(entry["file"] for entry in self.entries())
        numbered = [file for file in files if file not in (f"{FINAL}.pth", f"{BEST}.pth")]
        surplus = numbered[:-latest] if latest else []
        if surplus and self.save_to_disk:
            write_json(self._index, [entry for entry in self.entries() if entry["file"] not in surplus])
            for file in surplus:
                (Path(self.save_dir) / file).unlink(missing_ok=True)

    def load(self, path: str, checkpointables: Sequence[str] | None = None, fit: Fit = "whole") -> dict[str, Any]:
        """Loads a checkpoint into the model and the named checkpointables (all by default).

        Args:
            path: a file or an address; "" loads nothing.
            fit: what of it must fit the model.

        Raises:
            UserError: missing, damaged, able to run code when loaded, or of another model.
        """
        if not path:
            return super().load(path, checkpointables)
        local = fetch(path)
        self._fit, self.loaded = fit, {"file": path, "sha256": sha256_of(local)}
        return super().load(local, checkpointables)

    def _load_file(self, filename: str) -> dict[str, Any]:
        source = self.loaded["file"]
        if not filename.endswith((".pkl", ".pyth")):
            return read_weights(filename, source, self.trust_pickle)
        if not (self.trust_pickle or is_trusted(source)):
            raise UserError(
                f"weights '{source}' are a pickle, which can run any code when loaded, and do not come from "
                "Detectron2's model zoo; convert them to .pth, or add --trust-pickle if you trust them."
            )
        try:
            loaded = super()._load_file(filename)
        except Exception:  # a pickle raises whatever its bytes make it stumble over
            raise UserError(f"weights '{source}' cannot be read: the file is damaged, or something else.") from None
        check_weights(loaded.get("model"), source)
        return loaded

    def _load_model(self, checkpoint: Any) -> None:
        """Lays the weights against the model; what does not fit is judged here, and not logged again."""
        found = super()._load_model(checkpoint)
        keys, source = self.model.state_dict().keys(), self.loaded["file"]
        check_fit(keys, found.missing_keys, found.unexpected_keys, found.incorrect_shapes, self._fit, source)


def _write(data: dict[str, Any], path: Path) -> None:
    try:
        torch.save(data, path)
    except RuntimeError as error:  # how torch's writer says that a disk is full
        if "PytorchStreamWriter" not in str(error) and "write failed" not in str(error):
            raise
        raise UserError(f"'{path.parent}' cannot be written (no space left, or no right to); free some.") from None


def read_index(folder: Path) -> list[dict[str, Any]]:
    """The list of a folder's checkpoints, oldest first; [] where there is none.

    Raises:
        UserError: it is damaged.
    """
    path = folder / INDEX
    if not path.is_file():
        return []
    entries = read_json(path)
    if not isinstance(entries, list) or not all(_is_entry(entry) for entry in entries):
        raise UserError(f"'{path}' is no list of checkpoints.")
    return entries


def latest_whole(folder: Path) -> Path | None:
    """The checkpoint of a folder to resume from; damaged and missing ones are reported, and the one before is taken."""
    for entry in reversed(read_index(folder)):
        path = folder / entry["file"]
        if path.stem == BEST:
            continue
        if not is_file(path):
            logger.warning("checkpoint '%s' is listed but missing; taking the one before it", path)
        elif sha256_of(path) != entry["sha256"]:
            logger.warning("checkpoint '%s' is torn or was changed; taking the one before it", path)
        else:
            return path
    return None


def _is_entry(entry: Any) -> bool:
    return isinstance(entry, dict) and all(isinstance(entry.get(key), str) for key in ("file", "sha256"))


def load_weights(model: nn.Module, source: str, trust_pickle: bool = False) -> dict[str, str]:
    """Loads weights alone into a model, from a file or Detectron2's model zoo; every one must fit.

    Returns:
        what a result notes of them: ``file`` and ``sha256``.
    """
    checkpointer = SafeCheckpointer(model, trust_pickle=trust_pickle)
    checkpointer.load(source, checkpointables=[])
    return checkpointer.loaded


def trained_model(cfg: CfgNode, trust_pickle: bool = False) -> tuple[nn.Module, dict[str, str]]:
    """The network of a config with the weights that ``MODEL.WEIGHTS`` names, as evaluated and predicted with; as it is
    initialised where they are "".

    Returns:
        the network, and of its weights what :func:`load_weights` says; {} where there are none.

    Raises:
        UserError: it cannot be built, or the weights are missing, damaged, or of another network.
    """
    model = build_model(cfg)
    return model, load_weights(model, cfg.MODEL.WEIGHTS, trust_pickle) if cfg.MODEL.WEIGHTS else {}
