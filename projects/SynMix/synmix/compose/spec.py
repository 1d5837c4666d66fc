"""A composition as the config asks for it, read and checked; ``compose/composition.py`` chooses by it."""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Integral
from typing import Any, get_args

from synmix.compose.mixing import ALL
from synmix.compose.removal import DEFAULT, Scope
from synmix.data import coco
from synmix.errors import UserError


@dataclass(frozen=True)
class CompositionSpec:
    """The keys of ``compose/config.py`` as plain values.

    Raises:
        UserError: on construction, for any value that cannot be meant; the sentence names the key.
    """

    data_sets: Sequence[str]
    images: Sequence[int] = ()
    total_images: int = 0
    real_share: float | None = None
    repeat: Sequence[int] = ()
    #: class name or ``default`` to percent
    removal: Mapping[str, float] = field(default_factory=dict)
    removal_scope: Scope = "chosen"
    seed: int = 0
    #: Leave out images without a label, as ``DATALOADER.FILTER_EMPTY_ANNOTATIONS`` of Detectron2 does.
    drop_empty: bool = True

    @classmethod
    def from_config(cls, cfg: Any) -> "CompositionSpec":
        """The spec of a config with the keys of ``add_composition_config``; registers ``DATASETS.COCO`` on the way."""
        data = cfg.DATASETS
        coco.register_all(data.COCO)
        return cls(
            data_sets=tuple(data.TRAIN),
            images=tuple(data.IMAGES),
            total_images=data.TOTAL_IMAGES,
            real_share=data.REAL_SHARE,
            repeat=tuple(data.REPEAT),
            removal={name: percent for name, percent in data.REMOVAL.items() if percent is not None},
            removal_scope=data.REMOVAL_SCOPE,
            seed=data.SEED,
            drop_empty=cfg.DATALOADER.FILTER_EMPTY_ANNOTATIONS,
        )

    def __post_init__(self) -> None:
        self._check_names()
        self._check_counts("IMAGES", self.images, ALL, "-1 (all) or a number of images")
        self._check_counts("REPEAT", self.repeat, 1, "a whole number from 1 on")
        self._check_total()
        self._check_removal()
        if not isinstance(self.seed, Integral):
            raise UserError(f"DATASETS.SEED is {self.seed!r}; give a whole number.")

    def _check_names(self) -> None:
        if not self.data_sets:
            raise UserError("DATASETS.TRAIN names no data set; name at least one.")
        twice = sorted({name for name in self.data_sets if list(self.data_sets).count(name) > 1})
        if twice:
            raise UserError(f"DATASETS.TRAIN names '{twice[0]}' twice; to see its images more often, set REPEAT.")

    def _check_counts(self, key: str, values: Sequence[int], least: int, expected: str) -> None:
        if values and len(values) != len(self.data_sets):
            raise UserError(
                f"DATASETS.{key} has {len(values)} entries for the {len(self.data_sets)} data sets of DATASETS.TRAIN; "
                "give one for each, in the same order."
            )
        for name, value in zip(self.data_sets, values, strict=False):
            if not _is_whole(value) or value < least:
                raise UserError(f"DATASETS.{key} says {value!r} for '{name}'; give {expected}.")

    def _check_total(self) -> None:
        if not _is_whole(self.total_images) or self.total_images < 0:
            raise UserError(
                f"DATASETS.TOTAL_IMAGES is {self.total_images!r}; give a number of images, or 0 for none said."
            )
        if self.real_share is not None:
            _check_percent("DATASETS.REAL_SHARE", self.real_share)
            if not self.total_images:
                raise UserError(
                    f"DATASETS.REAL_SHARE {self.real_share:g} is a share of DATASETS.TOTAL_IMAGES; set that too."
                )
        if self.total_images and self.images:
            raise UserError(
                f"DATASETS.IMAGES {tuple(self.images)} and DATASETS.TOTAL_IMAGES {self.total_images} both say how many "
                "images to take; keep one, and set the other to () or 0."
            )

    def _check_removal(self) -> None:
        for name, percent in self.removal.items():
            _check_percent(f"DATASETS.REMOVAL.{name}", percent)
        if self.removal_scope not in get_args(Scope):
            known = " or ".join(f"'{scope}'" for scope in get_args(Scope))
            raise UserError(f"DATASETS.REMOVAL_SCOPE is '{self.removal_scope}'; give {known}.")

    def check_classes(self, known: Iterable[str]) -> None:
        """Raises a :class:`UserError` where the removal names a class that no data set has."""
        names = [DEFAULT, *known]
        for name in self.removal:
            if name not in names:
                close = difflib.get_close_matches(name, names, n=1)
                hint = f" Did you mean '{close[0]}'?" if close else ""
                raise UserError(f"DATASETS.REMOVAL names the unknown class '{name}'.{hint} Known: {', '.join(names)}.")


def _is_whole(value: Any) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)


def _check_percent(key: str, value: Any) -> None:
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= 100:
        raise UserError(f"{key} is {value!r}; give a percentage from 0 to 100.")
