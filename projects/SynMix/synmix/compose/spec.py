"""A composition as the config asks for it; ``compose/composition.py`` chooses by it.

``synmix.config`` has checked each value by itself; here they are checked against each other.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from synmix.compose.removal import DEFAULT, Scope
from synmix.compose.removal_rules import PIXELS, rule_of
from synmix.data import coco
from synmix.errors import UserError, did_you_mean
from synmix.labels import CLASS_NAMES


@dataclass(frozen=True)
class CompositionSpec:
    """The keys of ``DATASETS`` as plain values (``synmix/keys.py``).

    Raises:
        UserError: on construction, for values that cannot be meant together; the sentence names the keys.

    >>> CompositionSpec(["mini_cityscapes_instance_train"], images=[2]).removal_by
    'pixels'
    """

    data_sets: Sequence[str]
    images: Sequence[int] = ()
    total_images: int = 0
    real_share: float | None = None
    repeat: Sequence[int] = ()
    #: class name or ``default`` to percent
    removal: Mapping[str, float] = field(default_factory=dict)
    removal_scope: Scope = "chosen"
    #: name of a rule of ``removal_rules.py``
    removal_by: str = PIXELS.name
    #: A class that a data set does not label is left out of the loss there (``DATASETS.MISSING_CLASSES``).
    ignore_missing: bool = False
    seed: int = 0
    #: Leave out images without a label, as ``DATALOADER.FILTER_EMPTY_ANNOTATIONS`` of Detectron2 does.
    drop_empty: bool = True
    #: The classes trained and scored; () takes those that the data sets have.
    classes: Sequence[str] = ()

    @classmethod
    def from_config(cls, cfg: Any) -> "CompositionSpec":
        """The spec of a config; registers ``DATASETS.COCO`` on the way."""
        data = cfg.DATASETS
        coco.register_all(data.COCO, data.CLASSES)
        return cls(
            data_sets=tuple(data.TRAIN),
            images=tuple(data.IMAGES),
            total_images=data.TOTAL_IMAGES,
            real_share=data.REAL_SHARE,
            repeat=tuple(data.REPEAT),
            removal={name: percent for name, percent in data.REMOVAL.items() if percent is not None},
            removal_scope=data.REMOVAL_SCOPE,
            removal_by=data.REMOVAL_BY,
            ignore_missing=data.MISSING_CLASSES == "ignore",
            seed=data.SEED,
            drop_empty=cfg.DATALOADER.FILTER_EMPTY_ANNOTATIONS,
            classes=tuple(data.CLASSES),
        )

    def __post_init__(self) -> None:
        self._check_names()
        self._check_counts("IMAGES", self.images)
        self._check_counts("REPEAT", self.repeat)
        self._check_total()
        rule_of(self.removal_by)

    def _check_names(self) -> None:
        if not self.data_sets:
            raise UserError("DATASETS.TRAIN names no data set; name at least one.")
        twice = sorted({name for name in self.data_sets if list(self.data_sets).count(name) > 1})
        if twice:
            raise UserError(f"DATASETS.TRAIN names '{twice[0]}' twice; to see its images more often, set REPEAT.")

    def _check_counts(self, key: str, values: Sequence[int]) -> None:
        if values and len(values) != len(self.data_sets):
            raise UserError(
                f"DATASETS.{key} has {len(values)} entries for the {len(self.data_sets)} data sets of DATASETS.TRAIN; "
                "give one for each, in the same order."
            )

    def _check_total(self) -> None:
        if self.real_share is not None and not self.total_images:
            raise UserError(
                f"DATASETS.REAL_SHARE {self.real_share:g} is a share of DATASETS.TOTAL_IMAGES; set that too."
            )
        if self.total_images and self.images:
            raise UserError(
                f"DATASETS.IMAGES {tuple(self.images)} and DATASETS.TOTAL_IMAGES {self.total_images} both say how many "
                "images to take; keep one, and set the other to () or 0."
            )

    def check_classes(self, known: Iterable[str]) -> None:
        """Raises a :class:`UserError` where the removal names a class that no data set has.

        Of CLASSES that leave some of the eight out, a config that removes labels of those can still be the base.
        """
        names = [DEFAULT, *dict.fromkeys([*known, *(CLASS_NAMES if self.classes else ())])]
        for name in self.removal:
            if name not in names:
                hint = did_you_mean(name, names)
                raise UserError(f"DATASETS.REMOVAL names the unknown class '{name}'.{hint} Known: {', '.join(names)}.")
