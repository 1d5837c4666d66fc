"""A scale as small as it goes, for real trainings within seconds."""

from pathlib import Path

import yaml

from synmix.config import CONFIGS


def write_tiny_scale(folder: Path, workers: int = 0, iterations: int = 2) -> Path:
    """Writes ``scale/tiny.yaml`` below a folder: the miniature's scale with few images and iterations; its grids keep
    their ends."""
    scale = yaml.safe_load((CONFIGS / "sweep/scale/mini.yaml").read_text())
    short = {
        "SOLVER.IMS_PER_BATCH": 4, "SOLVER.MAX_ITER": iterations, "LOG.PICTURES": 0, "LOG.PERIOD": 1,
        "TEST.BOOTSTRAP.RESAMPLES": 20, "DATALOADER.NUM_WORKERS": workers, "SOLVER.CHECKPOINT_PERIOD": 1000,
    }  # fmt: skip
    configs = scale["configs"]
    configs["cityscapes.yaml"] |= {"DATASETS.IMAGES": [6], **short}
    configs["mini_start.yaml"] = {"DATASETS.IMAGES": [4], **short, "SOLVER.MAX_ITER": 2}
    configs["synscapes_3k.yaml"] = {"DATASETS.IMAGES": [6]}
    configs["synscapes_20k.yaml"] = {"DATASETS.IMAGES": [8], "SOLVER.EPOCHS": iterations / 2}
    configs["mixture.yaml"] = {"DATASETS.IMAGES": [6, 8], "SOLVER.EPOCHS": 0.4}
    configs["ratio.yaml"] = {"DATASETS.TOTAL_IMAGES": 6}
    grid = {
        "removal": [0, 90], "real_share": [0, 50, 100], "amounts": [0, 8], "epochs": [0.4, 0.5], "lr": [0.002, 0.02],
        "repeats": [0], "seeds": [0, 1], "answer_real": [3, 6], "answer_synthetic": [8], "answer_iterations": [2, 3],
        "answer_budget": [20], "answer_seeds": [0],
    }  # fmt: skip
    scale |= {"name": "tiny", "images": 6, "baseline_epochs": 0.5, "grid": {**scale["grid"], **grid}}
    path = folder / "scale/tiny.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(scale))
    return path
