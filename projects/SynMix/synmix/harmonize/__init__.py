"""Harmonising: any described data set in Cityscapes' conventions and format (paper 3.2).

>>> from synmix.harmonize import prepare
>>> summary = prepare("mini/Synscapes", "harmonized", num_workers=1)
>>> summary.written, summary.exit_code
(8, 0)
"""

from typing import TYPE_CHECKING

from synmix.harmonize.prepare import Summary, prepare
from synmix.harmonize.relabel import Harmonized, harmonize
from synmix.harmonize.reverse import to_synscapes
from synmix.harmonize.rules import RULES
from synmix.lazy import lazily

if TYPE_CHECKING:
    from synmix.harmonize.auditing import Audit, audit, raw_frames, registered_frames

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

# It reads instance tables, whose library takes a third of the memory of a process that prepares frames.
__getattr__, __dir__ = lazily(__name__, {"auditing": ("Audit", "audit", "raw_frames", "registered_frames")})
