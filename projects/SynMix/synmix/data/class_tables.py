"""A data set's own classes in Cityscapes' words: the key ``classes`` of a description, and label maps read by it.

Shape legend: H, W are a map's height and width.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from cityscapesscripts.helpers.labels import labels as LABELS
from cityscapesscripts.helpers.labels import name2label

from synmix.data.frame_labels import UNKNOWN
from synmix.data.run_lengths import runs_of
from synmix.errors import UserError, did_you_mean

#: Pixels that show no labelled thing where the rest of the picture is not labelled. Any class without instances does
#: that counts as background in the metric, which 'unlabeled' does not: there false positives are forgiven.
BACKGROUND = name2label["building"].id
_TABLES = {"labelIds": lambda label: label.id, "trainIds": lambda label: label.trainId}


@dataclass(frozen=True)
class ClassTable:
    """A data set's own classes -> Cityscapes label ids."""

    numbers: np.ndarray | None = None  # (65536,) uint8 of values, UNKNOWN where not listed; None: they are label ids
    colors: Mapping[int, int] = field(default_factory=dict)  # of larger values
    names: Mapping[str, int] = field(default_factory=dict)  # of categories in lists

    @property
    def key(self) -> bytes:
        """What :meth:`of_key` makes the table of gray values of again; unlike the table it can be looked up."""
        return b"" if self.numbers is None else self.numbers.tobytes()

    @classmethod
    def of_key(cls, key: bytes) -> "ClassTable":
        """See :attr:`key`."""
        return cls(np.frombuffer(key, dtype=np.uint8) if key else None)

    def labels_of(self, values: np.ndarray) -> np.ndarray:
        """(H, W) uint8 label ids of a map's own values."""
        if self.numbers is None:
            return values if values.dtype == np.uint8 else np.where(values < UNKNOWN, values, UNKNOWN).astype(np.uint8)
        if values.dtype != np.uint32:
            return np.take(self.numbers, values)
        runs = runs_of(values)
        distinct, index = np.unique(runs.values, return_inverse=True)
        table = np.array([self._label(value) for value in distinct.tolist()], dtype=np.uint8)
        return np.repeat(table[index], runs.lengths).reshape(runs.shape)

    def _label(self, value: int) -> int:
        if value in self.colors:
            return self.colors[value]
        return int(self.numbers[value]) if self.numbers is not None and value < len(self.numbers) else UNKNOWN

    def unknown_in(self, values: np.ndarray, labels: np.ndarray) -> dict[str, int]:
        """The values that no class is known of, each with its pixels."""
        if self.numbers is None or not (labels == UNKNOWN).any():
            return {}
        found, counts = np.unique(values[labels == UNKNOWN], return_counts=True)
        named = (f"#{value:06x}" if self.colors else str(value) for value in found.tolist())
        return dict(zip(named, counts.tolist(), strict=True))


def _label(word: Any, where: str) -> int:
    if word == "background":
        return BACKGROUND
    if word not in name2label or name2label[word].id < 0:
        known = [label.name for label in LABELS if label.id >= 0]
        raise UserError(f"{where} maps to the unknown class '{word}'.{did_you_mean(word, known)} Known: background, "
                        f"{', '.join(known)}.")  # fmt: skip
    return name2label[word].id


def read_classes(entry: Mapping[Any, Any], where: str, by_name: bool) -> ClassTable:
    """Reads the key ``classes`` of a description.

    Args:
        where: the description, for sentences.
        by_name: keys are names of categories.

    Raises:
        UserError: a key that is no value, or a class that Cityscapes does not have.
    """
    where = f"{where}, under 'classes',"
    table = dict(entry)
    like = table.pop("like", None)
    if like is not None and like not in _TABLES:
        raise UserError(f"{where} has 'like: {like}'; give {' or '.join(_TABLES)}.")
    if like == "labelIds" and not table:
        return ClassTable()
    if by_name:
        return ClassTable(names={str(key): _label(word, where) for key, word in table.items()})
    numbers, colors = np.full(1 << 16, UNKNOWN, dtype=np.uint8), {}
    for label in LABELS if like else ():
        if label.id >= 0 and 0 <= _TABLES[like](label) < UNKNOWN:
            numbers[_TABLES[like](label)] = label.id
    for key, word in table.items():
        first, last = _values(key, where)
        if str(key).startswith("#"):
            colors[first] = _label(word, where)
        numbers[first : last + 1] = _label(word, where)
    return ClassTable(numbers, colors)


def _values(key: Any, where: str) -> tuple[int, int]:
    """The first and the last value that a key of 'classes' stands for: 7, '3..9', or a colour '#ff7f50'."""
    text = str(key)
    if re.fullmatch(r"#[0-9a-fA-F]{6}", text):
        return int(text[1:], 16), int(text[1:], 16)
    match = re.fullmatch(r"(\d{1,5})(?:\.\.(\d{1,5}))?", text)
    if match is None or int(match[2] or match[1]) > 65535:
        raise UserError(f"{where} has the key {key!r}; give a value such as 7, a range '3..9' or a colour '#ff7f50'.")
    return int(match[1]), int(match[2] or match[1])
