"""``OUTPUT_DIR``: one training's, held while it works there, its state read from what lies there."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]
from detectron2.config import CfgNode
from detectron2.utils import comm

from synmix.compose.manifest import check_manifest, write_manifest
from synmix.errors import UserError
from synmix.files import (
    checksum,
    make_folder,
    read_json,
    read_yaml,
    refusals_as_sentences,
    remove_partial,
    sha256_of,
    write_text,
)
from synmix.locks import BusyError, lock_file
from synmix.neutral import numbers_of
from synmix.train.checkpoint import FINAL, INDEX, latest_whole, read_index
from synmix.train.weights import fetch

_LOCK = ".training.lock"
#: Compared by what they amount to when the checkpoint is read (``SynMixTrainer.load_state_dict``).
_COMPARED_LATER = ("MODEL.WEIGHTS", "MODEL.PARTIAL_WEIGHTS", "SOLVER.ACCUMULATE")
_SHOWN = 5  # keys that a sentence names


@contextmanager
def hold(output_dir: str) -> Iterator[Path]:
    """Holds ``OUTPUT_DIR`` against every other training and evaluation, by rank 0, and clears away what a killed one
    was about to write.

    Raises:
        UserError: another process works there, or it cannot be written.
    """
    folder, what = Path(output_dir), f"OUTPUT_DIR '{output_dir}'"
    with ExitStack() as stack:
        stack.enter_context(refusals_as_sentences(what))
        if comm.is_main_process():
            make_folder(folder, what)
            try:
                stack.enter_context(lock_file(folder / _LOCK, what))
            except BusyError as busy:
                raise UserError(f"{busy}; wait until it ends, or take another OUTPUT_DIR.") from None
            for stem in ("model_*", "checkpoints", "last_checkpoint", "config", "manifest"):
                remove_partial(folder, stem)
            for below in ("results", "pictures"):
                remove_partial(folder / below)
        comm.synchronize()
        yield folder


def claim(cfg: CfgNode, folder: Path, manifest: dict[str, Any], resume: bool) -> None:
    """Notes config and manifest in a folder that is free, or holds this very training and it is to be resumed.

    Raises:
        UserError: it holds another training, or one that cannot be resumed as asked.
    """
    if holds_training(folder):
        if not resume:
            raise UserError(
                f"OUTPUT_DIR '{folder}' already holds a training; add --resume to go on, or give another folder."
            )
        check_manifest(folder / "manifest.json", manifest)
        _check_config(cfg, folder)
        if latest_whole(folder) is None:
            raise UserError(
                f"OUTPUT_DIR '{folder}' holds a training of which no checkpoint is whole any more; put one back from a "
                "copy, or train anew in another folder."
            )
    elif any(folder.glob("results/*.json")):
        raise UserError(
            f"OUTPUT_DIR '{folder}' holds results, but not the weights they belong to; give another folder, so that "
            "they are not overwritten."
        )
    comm.synchronize()
    if comm.is_main_process():
        write_manifest(folder / "manifest.json", manifest)
        write_text(folder / "config.yaml", cfg.dump())
    comm.synchronize()


def holds_training(folder: Path) -> bool:
    """Whether checkpoints lie there.

    Raises:
        UserError: their list is missing or damaged, so that nobody can say which are whole.
    """
    weights = any(folder.glob("model_*.pth"))
    try:
        listed = bool(read_index(folder))
        problem = "" if listed or not weights else f"'{folder / INDEX}' is missing or empty"
    except UserError as error:
        problem = str(error).rstrip(".")
    if problem:
        raise UserError(
            f"OUTPUT_DIR '{folder}' holds a training, but {problem}, so it is not known which of its checkpoints are "
            "whole; put the list back from a copy, or start in another folder (from one of them: MODEL.WEIGHTS FILE)."
        )
    return weights


def claim_results(folder: Path, weights: dict[str, str], data_sets: tuple[str, ...]) -> None:
    """Checks that results of some weights may be written below a folder: not beside or over those of others.

    Args:
        weights: ``file`` and ``sha256`` of what is evaluated; {} where a network that has learnt nothing is.

    Raises:
        UserError: the folder holds a training with other final weights, or a result of other weights.
    """
    digest, remedy = weights.get("sha256"), "give this evaluation another OUTPUT_DIR."
    if holds_training(folder):
        final = [entry["sha256"] for entry in read_index(folder) if entry["file"] == f"{FINAL}.pth"]
        if digest not in final:
            raise UserError(
                f"OUTPUT_DIR '{folder}' holds a training, whose results are those of its {FINAL}.pth and not of "
                f"'{weights.get('file', 'random weights')}'; {remedy}"
            )
        return
    for path in (folder / "results" / f"{name}.json" for name in data_sets):
        if path.is_file() and _weights_of(path) != digest:
            raise UserError(f"'{path}' is the result of other weights, and would be overwritten; {remedy}")


def _weights_of(path: Path) -> str | None:
    found = read_json(path)
    source = found.get("provenance") if isinstance(found, dict) else None
    weights = source.get("weights") if isinstance(source, dict) else None
    return weights.get("sha256") if isinstance(weights, dict) else None


def agree(facts: dict[str, Any], folder: Path) -> None:
    """Checks before the first step that all ranks are about to compute one training.

    Args:
        facts: what must be the same on all, by name; plain values.

    Raises:
        UserError: it is not, on all ranks; names what differs.
    """
    told = comm.all_gather(facts)
    unlike = [name for name in facts if len({str(other[name]) for other in told}) > 1]
    if not unlike:
        return
    rank = next(rank for rank, other in enumerate(told) if other[unlike[0]] != told[0][unlike[0]])
    differences = ", ".join(f"{name} ({told[0][name]} on rank 0, {told[rank][name]} on rank {rank})" for name in unlike)
    raise UserError(
        f"the ranks do not agree on {differences}: OUTPUT_DIR '{folder}', or the data, is not the same for all; put it "
        "on a file system that all machines share."
    )


def numbers_checksum(cfg: CfgNode) -> str:
    """A checksum of all that a config says about numbers."""
    return checksum(numbers_of(yaml.safe_load(cfg.dump())))


def _check_config(cfg: CfgNode, folder: Path) -> None:
    """Checks that a training is resumed with the config it was begun with."""
    path = folder / "config.yaml"
    try:
        before = numbers_of(read_yaml(path))
    except (UserError, AttributeError):
        raise UserError(
            f"'{path}' is missing or damaged, so it cannot be told whether the training there is the one to be "
            "resumed; put it back from a copy, or give another OUTPUT_DIR."
        ) from None
    now = numbers_of(yaml.safe_load(cfg.dump()))
    unlike = [
        key for key in now if key not in _COMPARED_LATER and key in before and _plain(now[key]) != _plain(before[key])
    ]
    if not unlike:
        return
    named = [f"{key} is {now[key]}, but was {before[key]}" for key in unlike[:_SHOWN]]
    more = f", and {len(unlike) - _SHOWN} more keys differ" if len(unlike) > _SHOWN else ""
    longer = f" (longer from its weights: MODEL.WEIGHTS {folder / FINAL}.pth)" if "SOLVER.MAX_ITER" in unlike else ""
    raise UserError(
        f"the training in OUTPUT_DIR '{folder}' was begun with another config: {'; '.join(named)}{more}. Resume it as "
        f"it was begun, or train the other one in another folder{longer}."
    )


def check_same_run(state: dict[str, Any], cfg: CfgNode, parts: int) -> None:
    """Checks what a resume must not change and ``config.yaml`` does not tell. Checkpoints of earlier versions say less.

    Args:
        state: of the trainer, as saved.
        parts: processes x ``SOLVER.ACCUMULATE``, as they are now.

    Raises:
        UserError: it was changed.
    """
    remedy = "or give the new training another OUTPUT_DIR."
    if cfg.SEED >= 0 and state["seed"] != cfg.SEED:
        raise UserError(
            f"the run was trained with SEED {state['seed']}, but the config says {cfg.SEED}; resume it with its own "
            f"seed, {remedy}"
        )
    before = state.get("parts", parts)
    if parts != before:
        raise UserError(
            f"the run was trained in {before} parts (processes x SOLVER.ACCUMULATE), but these are {parts}; resume it "
            f"with a product of {before}, {remedy}"
        )
    origin, now = state.get("origin", {}), cfg.MODEL.WEIGHTS
    if "origin" in state and now != origin.get("file", "") and _digest(now) != origin.get("sha256"):
        raise UserError(
            f"the run began with the weights '{origin.get('file', '')}', but MODEL.WEIGHTS is '{now}'; resume it as it "
            f"was begun, {remedy}"
        )


def _digest(source: str) -> str | None:
    return sha256_of(fetch(source)) if source else None


def _plain(value: Any) -> Any:
    """1 and 1.0 are one number, lists and tuples one sequence."""
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value
