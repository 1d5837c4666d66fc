"""Training sets: their labels, their images and their length (paper 4.1, 4.2); works on instance tables alone.

>>> from synmix.compose import CompositionSpec, compose
>>> spec = CompositionSpec(["mini_cityscapes_instance_train", "mini_synscapes_instance_train"], removal={"default": 30})
>>> compose(spec).num_images
8
"""

from typing import TYPE_CHECKING

from synmix.lazy import lazily

if TYPE_CHECKING:
    from synmix.compose.budget import epochs_of, iterations_of
    from synmix.compose.composition import Composition, compose
    from synmix.compose.manifest import differences, read_manifest, write_manifest
    from synmix.compose.planner import Plan, plan
    from synmix.compose.removal import mark_removed, remaining
    from synmix.compose.removal_rules import RULES
    from synmix.compose.spec import CompositionSpec
    from synmix.compose.thresholds import knee, label_sizes, match_sizes

__all__ = [
    "RULES",
    "Composition",
    "CompositionSpec",
    "Plan",
    "compose",
    "differences",
    "epochs_of",
    "iterations_of",
    "knee",
    "label_sizes",
    "mark_removed",
    "match_sizes",
    "plan",
    "read_manifest",
    "remaining",
    "write_manifest",
]

__getattr__, __dir__ = lazily(__name__, {
    "budget": ("epochs_of", "iterations_of",),
    "composition": ("Composition", "compose",),
    "manifest": ("differences", "read_manifest", "write_manifest",),
    "planner": ("Plan", "plan",),
    "removal": ("mark_removed", "remaining",),
    "removal_rules": ("RULES",),
    "spec": ("CompositionSpec",),
    "thresholds": ("knee", "label_sizes", "match_sizes",),
})  # fmt: skip
