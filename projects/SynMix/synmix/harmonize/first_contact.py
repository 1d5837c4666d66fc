"""First contact with a raw Synscapes folder: all that can be told of it in a text that holds no picture and no place,
fit to be mailed to whoever has no copy. It says what is there, and which assumption of the rules holds.
"""

import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from cityscapesscripts.helpers.labels import id2label
from PIL import Image

import synmix
from synmix.data.described import described
from synmix.data.description import META
from synmix.data.frame_labels import ID_FACTOR
from synmix.data.images import DAMAGES
from synmix.data.listing import Frame, frame_at
from synmix.data.raw import read_labels
from synmix.data.run_lengths import runs_of
from synmix.errors import UserError
from synmix.files import read_json
from synmix.harmonize import audit_tables
from synmix.harmonize.auditing import Audit, audit, evenly, raw_frames
from synmix.progress import parallel_map

NAME = "Synscapes"  # stands for the folder, wherever it lies
_FOLDERS = ("img/rgb", "img/rgb-2k", "img/class", "img/instance", "img/depth", "meta")
_OPENED = 20  # files of each folder whose format is looked at
_ROWS = 40  # of a table whose length the folder decides
_SHOWN = 20  # sentences about frames that cannot be read


@dataclass
class Facts:
    """What one frame, or many, show beside what the audit counts; additive."""

    pixels: Counter[int] = field(default_factory=Counter)  # of each value of the class map
    declared: Counter[int] = field(default_factory=Counter)  # instances of each class in meta
    ids: Counter[str] = field(default_factory=Counter)
    keys: Counter[str] = field(default_factory=Counter)  # of meta, in how many frames
    values: dict[str, list[float]] = field(default_factory=dict)  # of each attribute

    def add(self, other: "Facts") -> None:
        """Adds another frame's."""
        for name in ("pixels", "declared", "ids", "keys"):
            getattr(self, name).update(getattr(other, name))
        for name, values in other.values.items():
            self.values.setdefault(name, []).extend(values)


def first_contact(root: Path, frames: int = 500, num_workers: int = 0) -> str:
    """The text, as Markdown. What cannot be found out is a sentence in its place.

    Args:
        root: the folder with ``img`` and ``meta``.
        frames: looked at, evenly spread; 0 takes all.
        num_workers: processes; 0 takes all cores.

    Raises:
        UserError: there is no such folder.
    """
    root = Path(os.path.abspath(root))  # noqa: PTH100 - so that it can be found in every sentence
    if not root.is_dir():
        raise UserError(f"there is no folder '{root}'; name the one that holds img and meta.")
    parts: list[object] = [
        f"# First contact with a {NAME} folder",
        f"SynMix {synmix.__version__}. No pixel and no place is in here.",
    ]
    parts += ["## Files", _files(root)]
    try:
        items = evenly(raw_frames(root), frames)
        raw = audit(NAME, items, num_workers)
        numbers = [int(item.name) for item in items if item.name not in dict(raw.problems)]
        facts = Facts()
        work = [frame_at(described("synscapes"), root, number) for number in numbers]
        for found in parallel_map(_facts, work, "first contact", num_workers):
            facts.add(found)
        parts += _labels(raw, facts)
    except UserError as error:
        parts += ["## Labels", f"They cannot be read: {error}"]
    return without_places("\n\n".join(map(str, parts)), root) + "\n"


def without_places(text: str, root: Path) -> str:
    """The text with the folder's own name for it, and without any other absolute path."""
    for place in sorted({str(root), str(root.resolve())}, key=len, reverse=True):
        text = text.replace(place, NAME)
    return re.sub(r"'(?:/|[A-Za-z]:\\)[^']*?([^'/\\]*)'", r"'.../\1'", text)


def _files(root: Path) -> str:
    rows = [_folder_row(root / name, name) for name in _FOLDERS]
    others = sorted(entry.name for entry in os.scandir(root) if entry.name not in {"img", "meta"})
    return audit_tables.markdown(
        ["folder", "files", "first and last number", "format of the first and others"], rows
    ) + (f"\n\nBeside them: {', '.join(others[:_SHOWN])}." if others else "")


def _folder_row(folder: Path, name: str) -> list[object]:
    if not folder.is_dir():
        return [name, 0, "-", "no such folder"]
    names = sorted(entry.name for entry in os.scandir(folder) if not entry.name.startswith("."))
    numbers = sorted(int(stem) for each in names if (stem := each.split(".")[0]).isdecimal())
    odd = [each for each in names if not each.split(".")[0].isdecimal()]
    span = f"{numbers[0]} to {numbers[-1]}" if numbers else "-"
    span += f", and {len(odd)} of other names ('{odd[0]}')" if odd else ""
    opened = [names[int(place)] for place in np.linspace(0, len(names) - 1, min(_OPENED, len(names)))]
    formats = Counter(_format(folder / each) for each in opened)
    return [name, len(names), span, "; ".join(f"{found} ({count})" for found, count in formats.most_common())]


def _format(path: Path) -> str:
    """Kind, pixels and size of a file, in words."""
    if path.suffix.lower() not in (".png", ".jpg", ".jpeg"):
        return path.suffix or "no ending"
    try:
        with Image.open(path) as image:
            return f"{image.format} {image.mode} {image.width} x {image.height}"
    except DAMAGES:
        return f"{path.suffix} that is no image"


def _facts(frame: Frame) -> Facts:
    labels, meta = read_labels(described("synscapes"), frame), read_json(frame.files[META])
    facts, runs = Facts(), runs_of(labels.class_map)
    counts = np.bincount(runs.values, weights=runs.lengths).astype(int).tolist()
    facts.pixels.update({value: count for value, count in enumerate(counts) if count})
    facts.declared.update(labels.classes.values())
    shown = set(np.unique(runs_of(labels.instance_ids).values).tolist()) - {0}
    listed = set(labels.classes)
    facts.ids.update(
        {
            "shown and listed": len(shown & listed),
            "shown, not listed in meta": len(shown - listed),
            "listed, not shown": len(listed - shown),
            f"listed as class * {ID_FACTOR:,} + k": sum(each // ID_FACTOR == labels.classes[each] for each in listed),
            "above 65,535": sum(each > 0xFFFF for each in shown),
        }
    )
    facts.keys.update(_keys(meta))
    facts.values = {name: list(table.values()) for name, table in labels.attributes.items()}
    return facts


def _keys(meta: Mapping[str, Any]) -> Iterable[str]:
    """The names in a meta file, and those of the first entry of each of its tables of instances."""
    for name, group in meta.items():
        if name != "instance":
            yield f"{name}: {', '.join(map(str, group)) if isinstance(group, dict) else type(group).__name__}"
            continue
        for table, entries in group.items():
            first = next(iter(entries.values()), None) if isinstance(entries, dict) else entries
            kind = f"{{{', '.join(map(str, first))}}}" if isinstance(first, dict) else type(first).__name__
            yield f"instance.{table}: {kind if entries else 'empty'}"


def _labels(raw: Audit, facts: Facts) -> list[object]:
    counts = Counter({"frames that could be read": raw.frames, "frames that could not": len(raw.problems)})
    parts: list[object] = [
        "## Labels",
        _counted("looked at", counts),
        "## Ids of instances",
        _counted("ids", facts.ids),
    ]
    parts += ["## Classes", _classes(facts), "## Keys of meta, and in how many frames", _counted("key", facts.keys)]
    parts += ["## What meta says of instances", _values(facts.values)]
    parts += [
        "## Conventions, riders and vehicles",
        audit_tables.conventions([raw]),
        audit_tables.sizes([raw]),
    ]
    parts += ["## Classes found inside instances", audit_tables.inside([raw])]
    parts += ["## Rules that these frames meet", audit_tables.rules_met(raw)]
    parts += ["## What harmonising takes for granted", audit_tables.assumptions(raw), audit_tables.advice(raw)]
    if raw.problems:
        parts += ["## Frames that could not be read"]
        parts += ["\n".join(f"- {frame}: {reason}" for frame, reason in raw.problems[:_SHOWN])]
    return parts


def _counted(heading: str, counts: Counter[str]) -> str:
    rows = [[name, count] for name, count in counts.items()]
    more = f"\n\nand {len(rows) - _ROWS:,} more" if len(rows) > _ROWS else ""
    return audit_tables.markdown([heading, "number"], rows[:_ROWS]) + more


def _classes(facts: Facts) -> str:
    whole = sum(facts.pixels.values())
    rows = [
        [
            str(label),
            id2label[label].name if label in id2label else "none of Cityscapes'",
            f"{facts.pixels[label] / whole:.3%}",
            facts.declared[label],
        ]
        for label in sorted({*facts.pixels, *facts.declared})
    ]
    return audit_tables.markdown(["value", "label", "of the class map's pixels", "instances in meta"], rows)


def _values(values: Mapping[str, Sequence[float]]) -> str:
    rows: list[list[object]] = [
        [name, len(found), *(np.quantile(found, [0, 0.5, 1]).round(3).tolist() if found else ["-", "-", "-"])]
        for name, found in values.items()
    ]
    return audit_tables.markdown(["attribute", "instances", "least", "median", "most"], rows)
