"""Statistics for the log that stay on their device until a step is over, so that the host need not wait for each."""

import math
from weakref import WeakKeyDictionary

import torch
from detectron2.utils.events import EventStorage, get_event_storage

_kept: WeakKeyDictionary[EventStorage, dict[str, torch.Tensor]] = WeakKeyDictionary()


def log_later(name: str, value: torch.Tensor) -> None:
    """Notes a scalar under the name that ``put_scalar`` would give it; of several in one step the last one counts."""
    storage = get_event_storage()
    _kept.setdefault(storage, {})[storage._current_prefix + name] = value.detach()


def log_now() -> None:
    """Puts what was noted into the storage, by one transfer; parts of nothing, which are not numbers, are left out."""
    storage = get_event_storage()
    noted = _kept.pop(storage, {})
    if not noted:
        return
    for name, value in zip(noted, torch.stack([value.float() for value in noted.values()]).tolist(), strict=True):
        if math.isfinite(value):
            storage.put_scalar(name, value)
