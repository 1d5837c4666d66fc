"""Keys of earlier versions in today's words: the configs of finished trainings hold them. Torch-free."""

from collections.abc import Sequence
from typing import Any

_WRITERS = {"LOG.TENSORBOARD": "tensorboard", "LOG.WANDB_PROJECT": "wandb"}


def todays(name: str, value: Any, writers: Sequence[str]) -> dict[str, Any]:
    """What a key of a file says, by today's keys; most say just themselves.

    Args:
        writers: ``LOG.WRITERS`` so far.
    """
    if name not in _WRITERS:
        return {name: value}
    named = [writer for writer in writers if writer != _WRITERS[name]] + [_WRITERS[name]] * bool(value)
    project = {"LOG.PROJECT": value} if value and name == "LOG.WANDB_PROJECT" else {}
    return {"LOG.WRITERS": named, **project}
