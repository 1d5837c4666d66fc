"""Imported before torch and Detectron2 are, by whatever needs them; ``import synmix`` alone changes nothing.

It is a section of its own in the order of imports (``pyproject.toml``), between Python's modules and other people's.
``tests/synmix/test_imports.py`` sees to it that nothing of ours brings either without it.

Raises:
    MissingExtraError: one is not installed.
"""

import os

from synmix import compat
from synmix.extras import HOW, need

need(HOW["train"], torch="PyTorch")
need(HOW["detectron2"], detectron2="Detectron2")
# Before torch is loaded: threads that wait for one another sleep. Where another process holds a core, spinning ones
# train the miniature eight times slower (docs/benchmarks/train.md).
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
compat.silence()
compat.restore()
