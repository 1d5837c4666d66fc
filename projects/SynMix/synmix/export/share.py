"""A training as a folder for a model hub: weights that run nothing when loaded, config, manifest, results, a card.

Nothing in it names this machine: paths are left out of config and results.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import synmix.before_detectron2  # noqa: F401

import torch

from synmix.compose.manifest import read_manifest
from synmix.compose.manifest_text import summary
from synmix.config import load_config
from synmix.errors import UserError
from synmix.evaluate.result import Result, read_result, result_path, to_json
from synmix.extras import HOW, need
from synmix.files import atomic_path, make_folder, read_text, sha256_of, write_json, write_text
from synmix.train.weights import read_weights

WEIGHTS, CONFIG, MANIFEST, CARD = "model.safetensors", "config.yaml", "manifest.json", "README.md"
_INTERVALS = (
    "Intervals are over other images of the same kind, of this one training; another seed is not in them. `results/` "
    "holds every match, so that `synmix evaluate --compare` pairs another model with it on these images."
)
_FRONT_MATTER = """---
library_name: synmix
pipeline_tag: image-segmentation
tags: [detectron2, synthetic-data]
datasets: [{}]
---
"""


@dataclass(frozen=True)
class Training:
    """What a training's folder holds that others may want."""

    config: Any
    manifest: Mapping[str, Any]
    results: Mapping[str, Result]  # by data set
    weights: Mapping[str, torch.Tensor]
    sha256: str  # of the file that the weights were read from


def read_training(folder: Path) -> Training:
    """Reads a finished training's folder.

    Raises:
        UserError: it has no weights, config or manifest, or one is damaged.
    """
    weights = folder / "model_final.pth"
    for path in (weights, folder / CONFIG, folder / MANIFEST):
        if not path.is_file():
            raise UserError(f"'{path}' is missing; name the OUTPUT_DIR of a finished training, or a run of a store.")
    cfg = load_config(folder / CONFIG)
    found = {path.stem: read_result(path) for path in sorted(result_path(folder, "x").parent.glob("*.json"))}
    state = read_weights(str(weights), str(weights), trust_pickle=False)["model"]
    tensors = {name: torch.as_tensor(value).contiguous() for name, value in state.items()}
    return Training(cfg, read_manifest(folder / MANIFEST), found, tensors, sha256_of(weights))


def write_share(training: Training, folder: Path, name: str, answer: Path | None = None) -> None:
    """Writes the folder.

    Args:
        name: of the model.
        answer: ``answer.md`` of ``tools/answer.py``, to stand in the card.

    Raises:
        UserError: the folder holds something, or cannot be written; safetensors is not installed.
    """
    need(HOW["models"], safetensors="safetensors")
    from safetensors.torch import save_file

    make_folder(folder, f"the folder '{folder}'")
    if any(folder.iterdir()):
        raise UserError(f"'{folder}' is not empty; name a new one.")
    cfg = training.config.clone()
    cfg.OUTPUT_DIR, cfg.MODEL.WEIGHTS, cfg.LOG.WRITERS = f"output/{name}", "", ()
    with atomic_path(folder / WEIGHTS) as path:
        save_file(dict(training.weights), path, metadata={"format": "pt"})
        path.chmod(0o644)  # safetensors makes a file for its owner alone
    write_text(folder / CONFIG, cfg.dump())
    write_json(folder / MANIFEST, training.manifest)
    for data_set, result in training.results.items():
        write_json(folder / "results" / f"{data_set}.json", _plain(to_json(result)), indent=None)
    write_text(folder / CARD, card(training, name, read_text(answer) if answer else ""))


def card(training: Training, name: str, answer: str = "") -> str:
    """The model card, Markdown behind a hub's front matter."""
    cfg, sets = training.config, ", ".join(each["name"] for each in training.manifest["data_sets"])
    length = f"{cfg.SOLVER.MAX_ITER:,} iterations of {cfg.SOLVER.IMS_PER_BATCH} images, seed {cfg.SEED}"
    parts = [
        f"# {name}",
        f"{cfg.MODEL.META_ARCHITECTURE}, trained with SynMix on {sets}: {length}.",
        "## Results",
        _results(training.results),
        _INTERVALS,
        *(["## The answer", answer.strip()] if answer else []),
        "## Use",
        f"```bash\nsynmix train --eval-only --config-file {CONFIG} MODEL.WEIGHTS {WEIGHTS}\n"
        f"synmix predict PHOTOS --config-file {CONFIG} MODEL.WEIGHTS {WEIGHTS}\n```",
        "## Trained on",
        f"```\n{summary(training.manifest)}\n```",
        "Data sets have licences of their own, which may say what their models can be used for.",
        "## Provenance",
        _provenance(training),
    ]
    return _FRONT_MATTER.format(sets) + "\n\n".join(parts) + "\n"


def _results(results: Mapping[str, Result]) -> str:
    if not results:
        return "It was not evaluated."
    rows = [f"| {name} | {_figure(result, 'AP')} | {_figure(result, 'AP50')} |" for name, result in results.items()]
    return "\n".join(["| evaluated on | AP [95 %] | AP50 [95 %] |", "|---|---|---|", *rows])


def _figure(result: Result, figure: str) -> str:
    interval = result.intervals.get(figure)
    ends = f" [{interval.low:.1f}, {interval.high:.1f}]" if interval else ""
    return f"{result.figures[figure]:.1f}{ends}"


def _provenance(training: Training) -> str:
    first: Mapping[str, Any] = next((result.provenance for result in training.results.values()), {})
    known = {
        "code": " ".join(filter(None, (f"SynMix {first.get('version', '?')}", first.get("commit")))),
        "evaluated": first.get("time", "?"),
        "training set": f"checksum {training.manifest['checksum'][:16]}",
        "weights": f"sha256 {training.sha256[:16]} of the checkpoint",
    }
    return "\n".join(f"- {what}: {value}" for what, value in known.items())


def _plain(result: dict[str, Any]) -> dict[str, Any]:
    """A result without this machine's paths."""
    about = {
        key: value for key, value in result["provenance"].items() if not (isinstance(value, str) and os.sep in value)
    }
    return {**result, "provenance": about}


def upload(folder: Path, repository: str, token: str) -> str:
    """Uploads a folder to the Hugging Face hub, and returns its address.

    Raises:
        UserError: no network, no right to, or no such owner.
    """
    need(HOW["models"], huggingface_hub="huggingface_hub")
    from huggingface_hub import HfApi

    try:
        api = HfApi(token=token)
        api.create_repo(repository, exist_ok=True)
        return str(api.upload_folder(repo_id=repository, folder_path=folder).split("/tree/")[0])
    except Exception as error:  # of HTTP, of the hub
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"'{folder}' is not uploaded to '{repository}' ({reason}); the folder is complete.") from None
