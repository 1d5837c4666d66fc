"""Harmonising: any described data set in Cityscapes' conventions and format (paper 3.2).

>>> from synmix.harmonize import prepare
>>> summary = prepare("mini/Synscapes", "harmonized", num_workers=1)
>>> summary.written, summary.exit_code
(8, 0)
"""

from synmix.harmonize.audit import Audit, audit, raw_frames, registered_frames
from synmix.harmonize.prepare import Summary, prepare
from synmix.harmonize.relabel import Harmonized, harmonize
from synmix.harmonize.reverse import to_synscapes
from synmix.harmonize.rules import RULES

__all__ = [
    "RULES",
    "Audit",
    "Harmonized",
    "Summary",
    "audit",
    "harmonize",
    "prepare",
    "raw_frames",
    "registered_frames",
    "to_synscapes",
]
