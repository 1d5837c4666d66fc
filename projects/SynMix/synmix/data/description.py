"""What a data set is, as ``configs/data/NAME.yaml`` describes it: where its files lie, what its labels mean.

docs/data.md explains the keys to whoever adds a data set; ``description_keys.py`` checks and reads them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from synmix.data.class_tables import ClassTable
from synmix.data.label_maps import Coding
from synmix.data.patterns import FilePattern

Domain = Literal["real", "synthetic"]
Known = Literal["A", "B", "?"]

IMAGE, META = "image", "meta"


@dataclass(frozen=True)
class MapFile:
    """One kind of label map."""

    part: str  # what to call it: "class map", "instance map"
    pattern: FilePattern
    codings: tuple[Coding, ...]  # one; several where the folder has to decide (``measured.py``)


@dataclass(frozen=True)
class ListFile:
    """Labels that stand in one file for many frames."""

    format: Literal["scalabel", "coco"]
    pattern: FilePattern


@dataclass(frozen=True)
class Splits:
    """How a data set is divided. Without any of these: in the order of its frames, 80 %, 10 % and 10 %."""

    words: Mapping[str, str] = field(default_factory=dict)  # split -> what {split} stands for
    members: Mapping[str, Mapping[str, Sequence[str]]] = field(default_factory=dict)  # split -> name -> its values
    ranges: Mapping[str, range] = field(default_factory=dict)  # split -> frame numbers

    def words_of(self) -> dict[str, str]:
        """Each split of the data set's own folders with its word; {"": ""} where its folders know none."""
        return dict(self.words) or {"": ""}

    def split_of(self, values: Mapping[str, str]) -> str:
        """The split that a frame's names put it in; "" where none does."""
        for split, wanted in self.members.items():
            if all(values[name] in allowed for name, allowed in wanted.items()):
                return split
        return ""


@dataclass(frozen=True)
class Description:
    """A described data set."""

    name: str
    title: str
    domain: Domain
    known: Known  # A: the maker's own code or page says so; B: other people's code; ?: nobody does
    folder: str  # the raw folder under $DETECTRON2_DATASETS
    copy: str  # the folder of its Cityscapes-format copy, likewise; the same for what is in that format
    images: Mapping[str, FilePattern]  # rendering -> pattern; the first is the usual one
    maps: tuple[MapFile, ...]
    lists: ListFile | None
    meta: FilePattern | None  # Synscapes' (``synscapes.py``)
    classes: ClassTable
    missing: tuple[str, ...]  # evaluated classes that nobody has labelled there
    merged_riders: bool  # a rider and the vehicle are one instance
    splits: Splits
    frame: str  # the frame's name, of the pattern's names in braces
    some_unlabelled: bool  # more images than labels are usual
    fingerprint: str  # of all that decides what its labels become

    @property
    def rendering(self) -> str:
        """The usual images."""
        return next(iter(self.images))

    @property
    def names(self) -> tuple[str, ...]:
        """What tells its frames apart."""
        return self.images[self.rendering].names

    @property
    def is_numbered(self) -> bool:
        """Whether frames are known by their numbers."""
        return self.names == ("number",)

    @property
    def is_settled(self) -> bool:
        """Whether every map's coding is known, without a look at the folder."""
        return all(len(each.codings) == 1 for each in self.maps)

    def settled(self, part: str, coding: Coding) -> "Description":
        """The same with one coding of a map."""
        maps = tuple(replace(each, codings=(coding,)) if each.part == part else each for each in self.maps)
        return replace(self, maps=maps)
