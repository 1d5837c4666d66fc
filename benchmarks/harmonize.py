"""How fast harmonising is: against a per-instance full-frame loop, and end to end against the frame's own PNG work.

Frames of 1440 x 720 are drawn with the miniature's renderer, or made of real Cityscapes labels (--labels DIR, a folder
that holds leftImg8bit and gtFine) merged as Synscapes merges. Rounds are interleaved; medians, and medians of the
rounds' ratios, are printed.
"""

import statistics
import tempfile
import time
import tracemalloc
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

import cv2
import numpy as np
from results import Table, add_json, write_results

from miniature.streets.write import write_miniature
from synmix.cli.parser import argument_parser
from synmix.data import cityscapes
from synmix.data.described import described
from synmix.data.frame_labels import ID_FACTOR, Labels
from synmix.data.images import read_instance_map, read_label_map
from synmix.data.listing import Frame, frame_at, list_frames
from synmix.data.raw import read_labels
from synmix.data.synscapes import instance_colors
from synmix.errors import UserError, run_tool
from synmix.files import write_json
from synmix.harmonize.frame import Job, frame_name, prepare_frame, write_map
from synmix.harmonize.relabel import harmonize
from synmix.harmonize.reverse import to_synscapes
from synmix.harmonize.rules import VEHICLES, choose
from synmix.labels import RIDER

SYNSCAPES = described("synscapes")
_SIZE = (1440, 720)
_FRAMES = 25_000


def rider_loop(labels: Labels) -> np.ndarray:
    """The paper's rule alone, as one would first write it: every instance of meta is compared with the full frame."""
    instance_ids = labels.class_map.astype(np.uint16)
    counters: Counter[int] = Counter()
    for instance, label in labels.classes.items():
        mask = labels.instance_ids == instance
        if label in VEHICLES:
            rider = mask & (labels.class_map == RIDER)
            mask &= ~rider
            _add(instance_ids, rider, RIDER, counters)
        _add(instance_ids, mask, label, counters)
    return instance_ids


def class_loop(labels: Labels) -> np.ndarray:
    """The same loop, but asking for every class inside each instance, as the table of rules does."""
    instance_ids = labels.class_map.astype(np.uint16)
    counters: Counter[int] = Counter()
    for instance in labels.classes:
        mask = labels.instance_ids == instance
        for label in np.unique(labels.class_map[mask]).tolist():
            _add(instance_ids, mask & (labels.class_map == label), label, counters)
    return instance_ids


def _add(instance_ids: np.ndarray, mask: np.ndarray, label: int, counters: Counter[int]) -> None:
    if mask.any():
        instance_ids[mask] = label * 1000 + counters[label]
        counters[label] += 1


def png_only(job: Job) -> None:
    """The frame's own reading and writing, without any rule between them."""
    labels = read_labels(SYNSCAPES, job.source)
    write_map(job.target.label_map, labels.class_map)
    write_map(job.target.instance_map, _RESULT[job.source.key])


_RESULT: dict[int, np.ndarray] = {}


def draw_frames(root: Path, count: int) -> None:
    """Drawn Synscapes frames at the published size: two dense streets side by side, since one holds half as many
    instances as a Synscapes frame (46 labels, the paper's 137,255 in 2,975 frames)."""
    halves = root / "halves"
    write_miniature(halves, height=_SIZE[1], width=_SIZE[0] // 2, real=(0, 0, 0), synthetic=2 * count, density=5.0)
    for number in range(1, count + 1):
        left, right = (frame_at(SYNSCAPES, halves / "Synscapes", 2 * number - side) for side in (1, 0))
        one, other = read_labels(SYNSCAPES, left), read_labels(SYNSCAPES, right)
        shift = np.uint32(ID_FACTOR // 2)  # within the class, behind the left street's numbers
        ids = np.where(other.instance_ids > 0, other.instance_ids + shift, 0).astype(np.uint32)
        classes = {**one.classes, **{key + int(shift): label for key, label in other.classes.items()}}
        labels = Labels(np.hstack([one.class_map, other.class_map]), np.hstack([one.instance_ids, ids]), classes)
        image = np.hstack([cv2.imread(str(frame.image)) for frame in (left, right)])
        write_frame(frame_at(SYNSCAPES, root / "Synscapes", number), image, labels)


def write_frame(target: Frame, image: np.ndarray, labels: Labels) -> None:
    """Writes a raw Synscapes frame."""
    colors = instance_colors(labels.instance_ids)
    for path, content in (
        (target.image, image),
        (target.files["class map"], labels.class_map),
        (target.files["instance map"], colors),
    ):
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), content)
    write_json(
        target.files["meta"], {"instance": {"class": {str(key): label for key, label in labels.classes.items()}}}
    )


def encode_frames(root: Path, folder: Path) -> None:
    """Synscapes frames at the published size, of real Cityscapes labels."""
    for number, frame in enumerate(cityscapes.list_frames(folder, "train"), 1):
        maps = read_instance_map(frame.instance_map), read_label_map(frame.label_map)
        small = [cv2.resize(each, _SIZE, interpolation=cv2.INTER_NEAREST_EXACT) for each in maps]
        image = cv2.resize(cv2.imread(str(frame.image)), _SIZE, interpolation=cv2.INTER_AREA)
        write_frame(frame_at(SYNSCAPES, root / "Synscapes", number), image, to_synscapes(small[0], small[1]))


def measure(jobs: list[Job], rounds: int) -> Mapping[str, list[float]]:
    """Milliseconds a frame of each way, a value per round; the ways take turns within a round."""
    loaded = {job.source.key: read_labels(SYNSCAPES, job.source) for job in jobs}
    _RESULT.update({number: harmonize(labels).instance_ids for number, labels in loaded.items()})
    ways: dict[str, Callable[[Job], object]] = {
        "rules on runs": lambda job: harmonize(loaded[job.source.key]),
        "loop: riders only": lambda job: rider_loop(loaded[job.source.key]),
        "loop: every class inside": lambda job: class_loop(loaded[job.source.key]),
        "PNG reading and writing only": png_only,
        "end to end (prepare_frame)": prepare_frame,
    }
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            start = time.process_time()
            for job in jobs:
                way(job)
            times[name].append(1000 * (time.process_time() - start) / len(jobs))
    return times


def check_equal(jobs: list[Job]) -> int:
    """All ways give the same masks; returns the instances compared."""
    compared = 0
    for job in jobs:
        labels = read_labels(SYNSCAPES, job.source)
        fast = harmonize(labels).instance_ids
        for slow in (rider_loop(labels), class_loop(labels)):
            pairs = np.unique(np.stack([fast.ravel(), slow.ravel()]), axis=1)
            if any(len(np.unique(side)) != pairs.shape[1] for side in pairs):
                raise UserError(f"the ways differ on frame {job.source.key}.")
        compared += int((pairs[0] >= 1000).sum())
    return compared


def peak_memory(job: Job) -> tuple[float, float]:
    """Peak of one frame in MB (NumPy's and Python's), and the size of its three maps."""
    tracemalloc.start()
    prepare_frame(job)
    peak = tracemalloc.get_traced_memory()[1] / 1e6
    tracemalloc.stop()
    labels = read_labels(SYNSCAPES, job.source)
    return peak, (labels.class_map.nbytes + labels.instance_ids.nbytes + 2 * labels.class_map.size) / 1e6


def _ratio(times: Mapping[str, list[float]], one: str, other: str) -> float:
    return statistics.median(a / b for a, b in zip(times[one], times[other], strict=True))


def report(times: Mapping[str, list[float]], jobs: list[Job]) -> Table:
    end, rules, png = "end to end (prepare_frame)", "rules on runs", "PNG reading and writing only"
    beside = {"loop: riders only": rules, "loop: every class inside": rules, end: png}
    form = "{:.1f}"
    table = Table({"a frame": "", "median ms": form, "minimum ms": form, "times as long": "{:.3g}", "as": ""})
    for name, values in times.items():
        other = beside.get(name)
        ratio = _ratio(times, name, other) if other else None
        table.rows.append([name, statistics.median(values), min(values), ratio, other])
    print(table.markdown())
    print(f"wanted of a loop: 8 times as long as {rules}; of the end to end: at most 1.3 times")
    peak, frame = peak_memory(jobs[0])
    print(f"peak memory of a frame: {peak:.1f} MB, {peak / frame:.1f} times its maps ({frame:.1f} MB)")
    hours = _FRAMES * statistics.median(times[end]) / 1000 / 2 / 60
    print(f"{_FRAMES:,} frames on two cores: {hours:.1f} minutes of computing")
    return table


def _job(root: Path, number: int) -> Job:
    frame = frame_at(SYNSCAPES, root / "Synscapes", number)
    target = cityscapes.frame_paths(root / "copy", "train", frame_name(SYNSCAPES, frame))
    return Job(SYNSCAPES, frame, target, "train", choose(), "symlink", root / "copy" / "prepared")


def main() -> int:
    parser = argument_parser(__doc__)
    parser.add_argument("--labels", type=Path, help="a Cityscapes folder whose training labels to use")
    parser.add_argument("--frames", type=int, default=8, help="frames to draw (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=7, help="interleaved rounds (default: %(default)s)")
    add_json(parser)
    args = parser.parse_args()
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        if args.labels:
            encode_frames(root, args.labels)
        else:
            draw_frames(root, args.frames)
        jobs = [_job(root, number) for number in list_frames(SYNSCAPES, root / "Synscapes").frames]
        print(f"{len(jobs)} frames of {_SIZE[0]} x {_SIZE[1]}, {check_equal(jobs)} instances, equal all ways")
        write_results(args, {"ways": report(measure(jobs, args.rounds), jobs)})
    return 0


if __name__ == "__main__":
    run_tool(main)
