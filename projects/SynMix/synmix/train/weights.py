"""Weights from a file or an address: fetched, read without running anything in them, and laid against a model."""

import logging
import pickle
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlparse

import numpy as np
import torch
from detectron2.checkpoint.catalog import ModelCatalog
from detectron2.utils.file_io import Detectron2Handler, PathManager
from iopath.common.file_io import get_cache_dir

from synmix.errors import UserError
from synmix.extras import HOW, need
from synmix.files import is_file

logger = logging.getLogger(__name__)

#: Where Detectron2's own weights lie; ``.pkl`` files are unpickled from there only.
TRUSTED = ("detectron2://", "catalog://", "https://dl.fbaipublicfiles.com/detectron2/")

_HUB = "hf://"  # owner/name of a model on the Hugging Face hub

#: What must fit. ``whole``: every weight. ``start``: every weight, or exactly a backbone, as ImageNet's files hold one.
#: ``partial``: something.
Fit = Literal["whole", "start", "partial"]

_SHOWN = 3  # keys that a sentence names
_CLASSIFIER = re.compile(r"(^|[._])fc\d*[._]")  # what a backbone was pre-trained with, and a detector leaves out
_COUNTER = "num_batches_tracked"  # of BatchNorm: counts, is not read where momentum is set, and old files lack it


def is_trusted(source: str) -> bool:
    """Whether weights come from Detectron2's model zoo."""
    return source.startswith(TRUSTED) and ".." not in urlparse(source).path


def fetch(source: str) -> str:
    """The path of weights on this machine, downloaded where they are an address.

    Raises:
        UserError: missing, or not to be had from here; says where to put them by hand.
    """
    if is_file(source):
        return source
    if source.startswith(_HUB):
        return _from_hub(source)
    if "://" not in source:
        raise UserError(f"weights '{source}' not found; check MODEL.WEIGHTS.")
    try:
        path = PathManager.get_local_path(source)
    except (OSError, RuntimeError, AssertionError, ValueError) as error:
        raise UserError(f"weights '{source}' cannot be fetched ({_reason(error)}){_by_hand(source)}.") from None
    if not is_file(path):
        raise UserError(f"weights '{source}' not found; check MODEL.WEIGHTS.")
    return str(path)


def _from_hub(source: str) -> str:
    """The tensors of a model on the Hugging Face hub, in its cache."""
    need(HOW["models"], huggingface_hub="huggingface_hub")
    from huggingface_hub import hf_hub_download

    try:
        return hf_hub_download(source.removeprefix(_HUB), "model.safetensors")
    except Exception as error:  # of HTTP, of the hub, of the disk
        remedy = "where there is no network, download its model.safetensors elsewhere, and name that file"
        raise UserError(f"weights '{source}' cannot be fetched ({_reason(error)}); {remedy}.") from None


def _reason(error: Exception) -> str:
    return str(getattr(error, "reason", "") or error).strip().splitlines()[0] if str(error) else type(error).__name__


def _by_hand(source: str) -> str:
    url = source
    if source.startswith(Detectron2Handler.PREFIX):
        url = Detectron2Handler.S3_DETECTRON2_PREFIX + source.removeprefix(Detectron2Handler.PREFIX)
    elif source.startswith("catalog://"):
        try:
            url = ModelCatalog.get(source.removeprefix("catalog://"))
        except RuntimeError:
            return "; no such entry is in Detectron2's catalog"
    if not url.startswith(("http://", "https://")):
        return "; download them, and name the file"
    place = Path(get_cache_dir()) / urlparse(url).path.lstrip("/")
    return f"; where there is no network, download {url} elsewhere and put it at '{place}'"


def read_weights(path: str, source: str, trust_pickle: bool) -> dict[str, Any]:
    """A ``.pth`` or ``.safetensors`` file as a dict with ``model``: names to tensors.

    Raises:
        UserError: damaged, no weights, or able to run code when loaded.
    """
    if path.endswith(".safetensors"):
        loaded: Any = _load_safetensors(path)
    else:
        loaded = load_weights_only(path) if not trust_pickle else _unpickle(path)
    if not isinstance(loaded, dict):
        raise UserError(f"'{source}' holds no weights but a {type(loaded).__name__}; check MODEL.WEIGHTS.")
    loaded = loaded if "model" in loaded else {"model": loaded}
    check_weights(loaded["model"], source)
    return loaded


def check_weights(model: Any, source: str) -> None:
    """Checks that something is names and arrays.

    Raises:
        UserError: it is not.
    """
    arrays = isinstance(model, dict) and all(isinstance(v, (torch.Tensor, np.ndarray)) for v in model.values())
    if not arrays or not model:
        keys = f" but {_some(map(str, model))}" if isinstance(model, dict) and model else ""
        raise UserError(f"'{source}' is no checkpoint of a detector: it holds no weights{keys}; check MODEL.WEIGHTS.")


def load_weights_only(path: str | Path) -> dict[str, Any]:
    """Reads a ``.pth`` file without running anything in it.

    Raises:
        UserError: damaged, or it holds more than tensors and plain values.
    """
    if not Path(path).stat().st_size:
        raise UserError(f"'{path}' is empty; take a whole file.")
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception:  # torch raises whatever the bytes make it stumble over
        raise UserError(
            f"'{path}' cannot be loaded safely: it is damaged, no checkpoint, or holds more than tensors and plain "
            "values; take a whole file, or convert it to one of tensors alone."
        ) from None


def _load_safetensors(path: str) -> dict[str, Any]:
    need(HOW["models"], safetensors="safetensors")
    from safetensors.torch import load_file

    try:
        return {"model": load_file(path)}
    except Exception:  # safetensors raises its own
        raise UserError(f"'{path}' cannot be loaded: it is damaged, or holds no tensors; take a whole file.") from None


def _unpickle(path: str) -> Any:
    try:
        return torch.load(path, map_location="cpu", weights_only=False)
    except (pickle.UnpicklingError, RuntimeError, EOFError, AttributeError, ImportError, ValueError, OSError) as error:
        raise UserError(f"'{path}' cannot be loaded ({_reason(error)}); take a whole file.") from None


def check_fit(
    keys: Iterable[str], missing: Sequence[str], surplus: Sequence[str], shapes: Sequence[tuple], fit: Fit, source: str
) -> None:
    """Decides whether weights that were laid against a model are what was meant.

    Args:
        keys: of the model.
        missing, surplus: keys of the model that got nothing, and of the file that the model lacks.
        shapes: (key, shape in the file, shape in the model) of those that differ.

    Raises:
        UserError: they are not; names the keys.
    """
    missing = [key for key in missing if not key.endswith(_COUNTER) and key not in {shape[0] for shape in shapes}]
    surplus = [key for key in surplus if not key.endswith(_COUNTER)]
    if not (missing or surplus or shapes):
        return
    unfilled = {*missing, *(shape[0] for shape in shapes)}
    filled = [key for key in keys if key not in unfilled and not key.endswith(_COUNTER)]
    if fit == "start" and not shapes and _is_backbone(filled, missing, surplus):
        logger.info("'%s' holds a backbone: %d other weights begin at random", source, len(missing))
        return
    what = "; ".join(
        f"{_some(found)} {said}"
        for found, said in (
            (missing, "missing"),
            (surplus, "not in the model"),
            ([f"{key} {tuple(theirs)} instead of {tuple(ours)}" for key, theirs, ours in shapes], "of another shape"),
        )
        if found
    )
    if fit == "partial" and filled:
        logger.warning("'%s' fits in part; left at random or out: %s", source, what)
        return
    remedy = "check that config and weights belong together"
    if fit == "start" and filled:
        remedy += ", or set MODEL.PARTIAL_WEIGHTS True to start from what fits"
    raise UserError(f"weights '{source}' do not fit the model of this config: {what}; {remedy}.")


def _is_backbone(filled: Sequence[str], missing: Sequence[str], surplus: Sequence[str]) -> bool:
    """Whether weights fill a model's whole backbone and nothing else, as files of classifiers do. (A detector without
    pyramid has the backbone's last stage in its heads.)"""
    trunk = "backbone.bottom_up." if any(key.startswith("backbone.bottom_up.") for key in filled) else "backbone."
    return (
        any(key.startswith(trunk) for key in filled)
        and all(key.startswith(trunk) or ".res5." in key for key in filled)
        and not any(key.startswith(trunk) for key in missing)
        and all(_CLASSIFIER.search(key) for key in surplus)
    )


def _some(keys: Iterable[str]) -> str:
    named = list(keys)
    more = f" and {len(named) - _SHOWN} more" if len(named) > _SHOWN else ""
    return ", ".join(named[:_SHOWN]) + more
