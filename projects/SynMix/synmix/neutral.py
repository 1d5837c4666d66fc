"""Config keys that change no number: a run with other values of them is the same run. Torch-free."""

from typing import Any

#: Dotted names; a node stands for all below it.
NEUTRAL_KEYS = (
    "OUTPUT_DIR",
    "VERSION",
    "VIS_PERIOD",
    "LOG",
    "MODEL.DEVICE",
    "DATALOADER.NUM_WORKERS",
    "DATALOADER.START_METHOD",
    "DATALOADER.PREFETCH",
    "DATALOADER.PIN_MEMORY",
    "SPEED.PACKED_MASKS",
    "SPEED.PROFILE",
    "SOLVER.CHECKPOINT_PERIOD",
    "SOLVER.KEEP_CHECKPOINTS",
    "DATASETS.TEST",  # what a run is evaluated on can grow; each data set has a result of its own
    "TEST.EVAL_PERIOD",
    "TEST.EXPECTED_RESULTS",
    "TEST.BEST_METRIC",
    "TEST.BOOTSTRAP",
    "TEST.COCO",
    "TEST.PUBLISHED",
)


def is_neutral(key: str) -> bool:
    """Whether a dotted key changes no number."""
    return any(key == neutral or key.startswith(f"{neutral}.") for neutral in NEUTRAL_KEYS)


def numbers_of(config: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """The values of a config (nested plain dicts) that are not neutral, by their dotted keys."""
    found: dict[str, Any] = {}
    for key, value in config.items():
        name = f"{prefix}{key}"
        if is_neutral(name):
            continue
        if isinstance(value, dict) and value:
            found |= numbers_of(value, f"{name}.")
        else:
            found[name] = value
    return found
