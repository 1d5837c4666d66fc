"""A training set chosen as its spec asks: images and labels, in what numbers; no image is opened.

``compose(CompositionSpec.from_config(cfg))`` gives the parts, the Detectron2 dicts and the manifest.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from synmix.compose import manifest, missing, mixing
from synmix.compose.part import Part
from synmix.compose.removal import describe_removal, mark_removed, remaining
from synmix.compose.removal_rules import PIXELS, rule_of
from synmix.compose.spec import CompositionSpec
from synmix.data import classes, sources
from synmix.data.sources import DataSource
from synmix.data.table import InstanceTable
from synmix.errors import UserError

__all__ = ["Composition", "CompositionSpec", "Part", "compose"]


@dataclass(frozen=True)
class Composition:
    """A training set, chosen.

    >>> chosen = compose(CompositionSpec(["mini_cityscapes_instance_train"], images=[1]))
    >>> chosen.num_images, chosen.warnings()
    (1, [])
    """

    spec: CompositionSpec
    parts: Sequence[Part]

    @property
    def num_images(self) -> int:
        """Images of an epoch, repeats counted. Images that removal leaves without labels count too, so that the length
        of a training does not depend on the removal; ``len(dicts())`` is without them where they are left out."""
        return sum(part.num_images for part in self.parts)

    def dicts(self) -> list[dict[str, Any]]:
        """Detectron2 dicts of all parts, in the order of ``DATASETS.TRAIN``; a repeated frame is the same dict again.

        Images without labels are left out where ``DATALOADER.FILTER_EMPTY_ANNOTATIONS`` says so.
        """
        return [record for part in self.parts for record in self._part_dicts(part)]

    def _part_dicts(self, part: Part) -> list[dict[str, Any]]:
        table = part.table
        if self.spec.drop_empty and part.num_empty:
            keep = pl.col("frame").is_in(list(part.labelled_frames))
            table = InstanceTable(table.name, table.frames.filter(keep), table.instances.filter(keep))
        records = part.source.dicts(table)
        for record in records:
            record.setdefault("dataset", part.source.name)
        return records * part.repeat

    def manifest(self) -> dict[str, Any]:
        """What was chosen, as plain JSON data (``compose/manifest.py``)."""
        return manifest.describe(self.spec, self.parts)

    def warnings(self) -> list[str]:
        """What a person should know before training: classes that a data set does not label or that removal
        wiped out, images left without labels, keys without effect; a sentence each."""
        wiped = [
            f"the removal leaves no '{report.category}' label of '{part.source.name}' (all {report.labels} removed); "
            f"lower DATASETS.REMOVAL.{report.category} unless that is meant."
            for part in self.parts
            for report in part.removal
            if report.labels and not report.kept
        ]
        fate = "left out" if self.spec.drop_empty else "kept as background"
        empty = [
            f"{part.num_empty} of {len(part.table.frames)} images of '{part.source.name}' have no label and are "
            f"{fate} (DATALOADER.FILTER_EMPTY_ANNOTATIONS)."
            for part in self.parts
            if part.num_empty
        ]
        idle = any(self.spec.removal.values()) and not any(_is_synthetic(part.source) for part in self.parts)
        unlabelled = missing.warnings([part.source for part in self.parts], self.spec.ignore_missing)
        return [
            *unlabelled,
            *wiped,
            *empty,
            *(["DATASETS.REMOVAL has no effect: no synthetic data set is trained on."] * idle),
        ]


def compose(spec: CompositionSpec) -> Composition:
    """Chooses images and labels; equal specs on equal data give equal sets on every machine.

    Raises:
        UserError: unknown data sets or classes, more images asked for than there are, no image left, data sets of
            different classes, or a table that contradicts itself.

    >>> sets = ["mini_cityscapes_instance_train", "mini_synscapes_instance_train"]
    >>> compose(CompositionSpec(sets, images=[2, 4], removal={"default": 50})).num_images
    6
    """
    whole = [sources.source(name) for name in spec.data_sets]
    classes.check_known(spec.classes, whole)
    members = [classes.seen_as(member, spec.classes) for member in whole]
    known = [name for member in whole for name in member.classes] if spec.classes else []
    spec.check_classes([*_common_classes(members), *known])
    tables = [_checked(member.table()) for member in members]
    chosen = _choose(spec, members, tables)
    parts = [
        _part(spec, member, table, set(chosen[member.name]), repeat)
        for member, table, repeat in zip(members, tables, spec.repeat or [1] * len(members), strict=True)
    ]
    left = sum(len(part.labelled_frames) if spec.drop_empty else len(part.table.frames) for part in parts)
    if not left:
        raise UserError(
            "the composition leaves no image to train on; raise DATASETS.IMAGES or TOTAL_IMAGES, or lower "
            "DATASETS.REMOVAL (images without labels are left out by DATALOADER.FILTER_EMPTY_ANNOTATIONS)."
        )
    return Composition(spec, parts)


def _choose(
    spec: CompositionSpec, members: Sequence[DataSource], tables: Sequence[InstanceTable]
) -> dict[str, list[str]]:
    pools = [
        mixing.Pool(member.name, _is_synthetic(member), table.frames["frame"].to_list())
        for member, table in zip(members, tables, strict=True)
    ]
    if spec.total_images:
        return mixing.choose_share(pools, spec.total_images, spec.real_share, spec.seed)
    return mixing.choose_counts(pools, spec.images or [mixing.ALL] * len(pools), spec.seed)


def _part(spec: CompositionSpec, member: DataSource, table: InstanceTable, chosen: set[str], repeat: int) -> Part:
    percentages = spec.removal if _is_synthetic(member) else {}
    rule = rule_of(spec.removal_by) if any(percentages.values()) else PIXELS
    rule.check(table)
    if spec.removal_scope == "chosen":
        marked = mark_removed(_of(table.instances, chosen), percentages, rule)
    else:
        marked = _of(mark_removed(table.instances, percentages, rule), chosen)
    reduced = InstanceTable(table.name, _of(table.frames, chosen), remaining(marked))
    others = classes.left_out(sources.source(member.name), spec.classes, chosen)
    return Part(member, reduced, repeat, len(table.frames), describe_removal(marked, percentages, rule), others)


def _of(rows: pl.DataFrame, chosen: set[str]) -> pl.DataFrame:
    return rows.filter(pl.col("frame").is_in(list(chosen)))


def _is_synthetic(member: DataSource) -> bool:
    return member.domain == "synthetic"


def _common_classes(members: Sequence[DataSource]) -> tuple[str, ...]:
    first = members[0]
    for member in members:
        if member.classes != first.classes:
            raise UserError(
                f"'{first.name}' has the classes {', '.join(first.classes)} but '{member.name}' has "
                f"{', '.join(member.classes)}; data sets are mixed only where their classes agree: name those to train "
                "on in DATASETS.CLASSES, or map categories by name."
            )
    return first.classes


def _checked(table: InstanceTable) -> InstanceTable:
    """The table, in order of frames and ids, once it is known to agree with itself."""
    frames = table.frames["frame"]
    stray = table.instances.filter(~pl.col("frame").is_in(frames.implode()))
    if frames.n_unique() != len(frames) or len(stray):
        what = f"labels of the unlisted frame '{stray['frame'][0]}'" if len(stray) else "a frame listed twice"
        raise UserError(
            f"the instance table of '{table.name}' is stale or damaged ({what}); delete its file in the cache "
            "($SYNMIX_CACHE, else ~/.cache/synmix), and it is built again."
        )
    # sources keep this order already; one that did not would change the manifest
    return InstanceTable(table.name, table.frames.sort("frame"), table.instances.sort("frame", "instance_id"))
