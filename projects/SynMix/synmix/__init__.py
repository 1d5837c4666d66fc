"""SynMix: does synthetic data help, how much of it, and how sure are we?

The way of the data, left to right; nothing imports anything on its right:
``labels`` -> ``data`` -> ``harmonize`` -> ``compose`` -> ``train`` -> ``evaluate`` -> ``study``.
"""

from synmix import compat

__version__ = "0.1.0"

compat.restore()
