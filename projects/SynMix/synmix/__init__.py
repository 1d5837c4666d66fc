"""SynMix: does synthetic data help, how much of it, and how sure are we?

The way of the data, left to right; nothing imports anything on its right:
``labels`` -> ``data`` -> ``harmonize`` -> ``compose`` -> ``train`` -> ``evaluate`` -> ``study``.
"""

import os

from synmix import compat

__version__ = "0.1.0"

# Before torch is loaded: threads that wait for one another sleep. Where another process holds a core, spinning ones
# train the miniature eight times slower (docs/benchmarks/train.md).
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
compat.silence()
compat.restore()
