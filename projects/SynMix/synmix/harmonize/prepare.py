"""The Cityscapes-format copy of a described data set (paper 3.2): every Cityscapes tool then works on all of them."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from synmix.data import cityscapes, measured
from synmix.data.attributes import has_attributes
from synmix.data.described import described
from synmix.data.description import IMAGE, Description
from synmix.data.listing import Frame, Key, Listing, list_frames
from synmix.errors import UserError
from synmix.files import write_json
from synmix.harmonize import journal
from synmix.harmonize.frame import Job, Link, frame_name, prepare_frame, stamp
from synmix.harmonize.journal import Report
from synmix.harmonize.relabel import Tally
from synmix.harmonize.rules import choose
from synmix.harmonize.splits import Assignment, Split, assign_splits
from synmix.labels import RIDER
from synmix.progress import parallel_map

SUMMARY = "summary.json"


@dataclass
class Summary:
    """What a call of :func:`prepare` did, and what the copy now holds.

    >>> summary = prepare("mini/Synscapes", "harmonized", num_workers=1)
    >>> summary.splits["train"], summary.skipped
    (6, [])
    """

    output: Path
    how_split: str
    splits: dict[str, int] = field(default_factory=dict)  # frames in each split of the copy
    written: int = 0  # by this call
    kept: int = 0  # finished earlier
    skipped: list[tuple[Key, str]] = field(default_factory=list)  # frame, reason
    tally: Tally = field(default_factory=Tally)  # over all frames of the copy
    unlabelled: int = 0  # images without labels, of a data set where that is usual
    notes: list[str] = field(default_factory=list)  # what had to be measured on the folder, and was found

    @property
    def riders_created(self) -> int:
        """Rider instances beyond those that the data set had (Synscapes has none: paper 3.2)."""
        return self.tally.after[RIDER] - self.tally.before[RIDER]

    @property
    def exit_code(self) -> int:
        """0, or 1 where frames were skipped."""
        return int(bool(self.skipped))

    def as_json(self) -> dict[str, Any]:
        """Plain data, as ``summary.json`` has it."""
        counts = {name: {str(key): n for key, n in counter.items()} for name, counter in vars(self.tally).items()}
        return {
            "split": self.how_split,
            "frames": self.splits,
            "written": self.written,
            "kept": self.kept,
            "skipped": [{"frame": key, "reason": reason} for key, reason in self.skipped],
            "unlabelled": self.unlabelled,
            "notes": self.notes,
            "riders_created": self.riders_created,
            **counts,
        }


def prepare(
    source: str | os.PathLike[str],
    output: str | os.PathLike[str],
    *,
    name: str = "synscapes",
    split: Split = "own",
    images: str = "",
    rules: Mapping[str, str] | None = None,
    link: Link = "symlink",
    num_workers: int = 0,
    overwrite: bool = False,
) -> Summary:
    """Writes the Cityscapes-format copy of a data set's folder, or what is missing of it.

    A frame that cannot be done is skipped and named in the summary; the others go on.

    Args:
        source: the data set's folder, as its archives unpack.
        output: gets ``leftImg8bit`` and ``gtFine``.
        name: a described data set (``configs/data``).
        split: ``own``, one split's name, or lists (:func:`.splits.assign_splits`).
        images: one of the description's renderings, whose size the labels then have; "" is the usual one.
        rules: what to decide otherwise than by default (:data:`.rules.RULES`).
        link: ``symlink`` to the images or ``copy`` them.
        num_workers: processes; 0 takes all cores.
        overwrite: write every frame anew, whatever is there.

    Raises:
        UserError: an unknown data set, not its folder, an output that is not ours, cannot be written, or was made with
            other settings.

    >>> prepare("mini/Synscapes", "harmonized", num_workers=1).output.name
    'harmonized'
    """
    source, output, chosen = Path(source), Path(output), choose(rules)
    description = described(name)
    images = images or description.rendering
    listing = list_frames(description, source, images)
    description, notes = measured.settle(description, listing.whole)
    assignment = _assign(description, listing, split)
    earlier = journal.read(output)
    journal.check_settings(output, _settings(description, images, link, chosen), overwrite)
    _move_out(output, description, listing, _wanted(listing, assignment, split), overwrite)
    summary = Summary(output, assignment.how, skipped=list(listing.problems), notes=notes)
    for key, reason in assignment.problems:
        _note_missing(summary, description, listing, key, reason)
    scaled, finished = images != description.rendering, output / journal.FRAMES
    job = partial(Job, description, rules=chosen, link=link, journal=finished, scaled=scaled)
    frames = [(listing.frames[key], part) for key, part in assignment.split_of.items()]
    jobs = [job(frame, _target(output, description, frame, part), part) for frame, part in frames]
    _run(_due(jobs, listing, {} if overwrite else earlier, summary), summary, name, num_workers)
    summary.skipped.sort(key=lambda each: (isinstance(each[0], str), each))
    write_json(output / SUMMARY, summary.as_json())
    return summary


def _settings(description: Description, images: str, link: Link, rules: Mapping[str, str]) -> dict[str, Any]:
    """What a copy was made with. Older ones, all of Synscapes, do not speak of the data set."""
    is_first = description.name == "synscapes"
    return {
        "version": journal.VERSION,
        "images": images,
        "link": link,
        "rules": rules,
        "data_set": None if is_first else description.name,
        "description": None if is_first else description.fingerprint,
    }


def _wanted(listing: Listing, assignment: Assignment, split: Split) -> dict[Key, str]:
    """Where frames may lie: one split of a data set's own can be done after another."""
    own = {key: name for key, name in _own_splits(listing).items() if name} if isinstance(split, str) else {}
    return {**own, **assignment.split_of}


def _own_splits(listing: Listing) -> dict[Key, str]:
    return {key: frame.split for key, frame in listing.frames.items()}


def _assign(description: Description, listing: Listing, split: Split) -> Assignment:
    names = {frame.image.stem: key for key, frame in listing.frames.items()}
    names |= {frame_name(description, frame): key for key, frame in listing.frames.items()}
    names |= {str(key): key for key in listing.frames}
    return assign_splits(
        list(listing.frames),
        split,
        description.splits.ranges,
        _own_splits(listing),
        None if description.is_numbered else names,
    )


def _note_missing(summary: Summary, description: Description, listing: Listing, key: Key, reason: str) -> None:
    """A frame without a place or files; of a data set where that is usual, images without labels are only counted."""
    if description.some_unlabelled and IMAGE not in listing.missing.get(key, [IMAGE]):
        summary.unlabelled += 1
    else:
        summary.skipped.append((key, reason))


def _due(jobs: list[Job], listing: Listing, earlier: Mapping[Key, Report], summary: Summary) -> list[Job]:
    """What is to be done; what is not, finished earlier or without its files, is noted in the summary."""
    due = []
    for job in jobs:
        key = job.source.key
        if key in listing.missing:
            reason = f"no {', no '.join(listing.missing[key])}: unpack the missing files."
            _note_missing(summary, job.description, listing, key, reason)
        elif key in earlier and _is_done(job, earlier[key]):
            summary.kept += 1
            _count(summary, earlier[key])
        else:
            due.append(job)
    return due


def _run(jobs: list[Job], summary: Summary, name: str, num_workers: int) -> None:
    if not jobs:
        return
    for report in parallel_map(prepare_frame, jobs, f"harmonising {name}", num_workers):
        if report.problem:
            summary.skipped.append((report.key, report.problem))
        else:
            summary.written += 1
            _count(summary, report)


def _count(summary: Summary, report: Report) -> None:
    summary.splits[report.split] = summary.splits.get(report.split, 0) + 1
    summary.tally.add(report.tally)


def _target(output: Path, description: Description, frame: Frame, split: str) -> cityscapes.Frame:
    return cityscapes.frame_paths(output, split, frame_name(description, frame))


def _files(frame: cityscapes.Frame) -> tuple[Path, ...]:
    return frame.image, frame.instance_map, frame.label_map


def _is_done(job: Job, report: Report) -> bool:
    try:
        if not all(path.exists() for path in _files(job.target)) or stamp(job.source) != report.stamp:
            return False
        return not job.description.meta or has_attributes(job.target.instance_map)
    except UserError:  # the frame's turn says what is wrong
        return False


def _move_out(
    output: Path, description: Description, listing: Listing, split_of: Mapping[Key, str], overwrite: bool
) -> None:
    """A frame must not lie in two splits, nor in one that it is no longer meant for: that would leak test images."""
    wanted = {frame_name(description, listing.frames[key]): split for key, split in split_of.items()}
    strays = [(name, split) for name, split in _present(output, description) if wanted.get(name) != split]
    if strays and not overwrite:
        known = {frame_name(description, frame): key for key, frame in listing.frames.items()}
        raise UserError(
            f"'{output}' has {len(strays)} frames where this split does not want them, the first is frame "
            f"{known.get(strays[0][0], strays[0][0])} in '{strays[0][1]}'; give another --output, or --overwrite to "
            "write it anew."
        )
    for name, split in strays:
        for path in _files(cityscapes.frame_paths(output, split, name)):
            path.unlink(missing_ok=True)
    if overwrite:
        journal.clear(output)


def _present(output: Path, description: Description) -> Iterator[tuple[str, str]]:
    """Name and split of each frame that the copy shows."""
    for split in cityscapes.SPLITS:
        folder = cityscapes.frame_paths(output, split, f"{description.name}_").image.parent
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            if path.name.endswith(cityscapes.IMAGE_SUFFIX) and not path.name.startswith("."):
                yield path.name.removesuffix(cityscapes.IMAGE_SUFFIX), split
