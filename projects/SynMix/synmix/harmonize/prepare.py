"""The Cityscapes-format copy of a Synscapes folder (paper 3.2): every Cityscapes tool then works on both domains."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from synmix.data import cityscapes, synscapes
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
    """What a call of :func:`prepare` did, and what the copy now holds."""

    output: Path
    how_split: str
    splits: dict[str, int] = field(default_factory=dict)  # frames in each split of the copy
    written: int = 0  # by this call
    kept: int = 0  # finished earlier
    skipped: list[tuple[int, str]] = field(default_factory=list)  # frame, reason
    tally: Tally = field(default_factory=Tally)  # over all frames of the copy

    @property
    def riders_created(self) -> int:
        """Rider instances beyond those that Synscapes had (it has none: paper 3.2)."""
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
            "skipped": [{"frame": number, "reason": reason} for number, reason in self.skipped],
            "riders_created": self.riders_created,
            **counts,
        }


def prepare(
    source: Path,
    output: Path,
    *,
    split: Split = "index",
    images: synscapes.Rendering = "rgb",
    rules: Mapping[str, str] | None = None,
    link: Link = "symlink",
    num_workers: int = 0,
    overwrite: bool = False,
) -> Summary:
    """Writes the Cityscapes-format copy of a Synscapes folder, or what is missing of it.

    A frame that cannot be done is skipped and named in the summary; the others go on.

    Args:
        source: the Synscapes folder, with ``img`` and ``meta``.
        output: gets ``leftImg8bit`` and ``gtFine``.
        split: ``index``, one split's name, or lists (:func:`.splits.assign_splits`).
        images: ``rgb`` (1440 x 720), or ``rgb-2k`` (2048 x 1024, labels scaled up by the nearest pixel).
        rules: what to decide otherwise than by default (:data:`.rules.RULES`).
        link: ``symlink`` to the images or ``copy`` them.
        num_workers: processes; 0 takes all cores.
        overwrite: write every frame anew, whatever is there.

    Raises:
        UserError: no Synscapes folder, an output that is not ours, cannot be written, or was made with other settings.
    """
    source, output, chosen = Path(source), Path(output), choose(rules)
    frames = synscapes.list_frames(source, images)
    assignment = assign_splits(list(frames), split)
    earlier = journal.read(output)
    settings = {"version": journal.VERSION, "images": images, "link": link, "rules": chosen}
    journal.check_settings(output, settings, overwrite)
    _move_out(output, assignment, overwrite)
    summary = Summary(output, assignment.how, skipped=list(assignment.problems))
    jobs = []
    for number, name in assignment.split_of.items():
        frame, target = synscapes.frame_paths(source, number, images), _target(output, number, name)
        job = Job(frame, target, name, chosen, link, output / journal.FRAMES)
        if frames[number]:
            summary.skipped.append((number, f"no {', no '.join(frames[number])}: unpack the missing files."))
        elif not overwrite and number in earlier and _is_done(job, earlier[number]):
            summary.kept += 1
            _count(summary, earlier[number])
        else:
            jobs.append(job)
    _run(jobs, summary, num_workers)
    summary.skipped.sort()
    write_json(output / SUMMARY, summary.as_json())
    return summary


def _run(jobs: list[Job], summary: Summary, num_workers: int) -> None:
    if not jobs:
        return
    for report in parallel_map(prepare_frame, jobs, "harmonising Synscapes", num_workers):
        if report.problem:
            summary.skipped.append((report.number, report.problem))
        else:
            summary.written += 1
            _count(summary, report)


def _count(summary: Summary, report: Report) -> None:
    summary.splits[report.split] = summary.splits.get(report.split, 0) + 1
    summary.tally.add(report.tally)


def _target(output: Path, number: int, split: str) -> cityscapes.Frame:
    return cityscapes.frame_paths(output, split, frame_name(number))


def _files(frame: cityscapes.Frame) -> tuple[Path, ...]:
    return frame.image, frame.instance_map, frame.label_map, frame.attributes


def _is_done(job: Job, report: Report) -> bool:
    try:
        return all(path.exists() for path in _files(job.target)) and stamp(job.source) == report.stamp
    except UserError:  # the frame's turn says what is wrong
        return False


def _move_out(output: Path, assignment: Assignment, overwrite: bool) -> None:
    """A frame must not lie in two splits, nor in one that it is no longer meant for: that would leak test images."""
    strays = [(number, split) for number, split in _present(output) if assignment.split_of.get(number) != split]
    if strays and not overwrite:
        raise UserError(
            f"'{output}' has {len(strays)} frames where this split does not want them, the first is frame "
            f"{strays[0][0]} in '{strays[0][1]}'; give another --output, or --overwrite to write it anew."
        )
    for number, split in strays:
        for path in _files(_target(output, number, split)):
            path.unlink(missing_ok=True)
    if overwrite:
        journal.clear(output)


def _present(output: Path) -> Iterator[tuple[int, str]]:
    """Number and split of each frame that the copy shows."""
    for split in cityscapes.SPLITS:
        folder = _target(output, 0, split).image.parent
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            number = path.name.removesuffix(cityscapes.IMAGE_SUFFIX).rpartition("_")[2]
            if number.isdecimal() and path == _target(output, int(number), split).image:
                yield int(number), split
