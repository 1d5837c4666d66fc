"""The vehicles' miniature on disk: both data sets, each in the layouts it is known in."""

from collections import Counter
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from miniature.disk import claim, write_picture
from miniature.vehicles.looks import LIGHTINGS, VENUES, real_look, synthetic_look
from miniature.vehicles.scene import DrawnFrame, draw_frame
from synmix.files import write_json, write_text
from synmix.progress import parallel_map
from vehicle_keypoints.frames import box_of_points
from vehicle_keypoints.schemas import CARFUSION, CITYSAMPLE

#: Scenes of the real miniature and the split of each; frames of a scene share light and street.
SCENES = {
    **{f"car_mini{number}": "train" for number in range(1, 9)},
    "car_mini9": "val",
    **{f"car_mini{number}": "test" for number in range(10, 13)},
}
_LABEL_NOISE = 0.012  # of the box's diagonal: CarFusion's points are triangulated, and visibly scattered (Phase 0)
_UNLABELLED = 0.1  # share of points that are missing from CarFusion-like labels
_EXHAUST, _CENTRE = 8, 13
_FORMAT = 1
_LAST = "citysample/annotations/coco.json"  # the file that is written last


@dataclass(frozen=True)
class Miniature:
    """The parameters of a miniature; sizes in pixels, numbers of frames."""

    seed: int = 0
    height: int = 64
    width: int = 96
    real_per_scene: int = 50
    synthetic_per_group: int = 40

    def frames(self) -> dict[str, dict[str, int]]:
        """How many frames each folder has, by split; the synthetic one has no splits."""
        real = Counter(SCENES.values())
        return {
            "carfusion": {split: scenes * self.real_per_scene for split, scenes in real.items()},
            "citysample": {"frames": len(synthetic_groups()) * self.synthetic_per_group},
        }


def write_miniature(root: Path, miniature: Miniature | None = None, num_workers: int = 0, force: bool = False) -> None:
    """Draws ``root/carfusion`` (raw text, COCO JSON and YOLO text) and ``root/citysample`` (COCO JSON); a second call
    reuses what is there.

    Args:
        num_workers: processes; 0: all cores.
        force: draws everything anew, whatever ``root`` holds.

    Raises:
        UserError: the folder holds another miniature, or what was not drawn here.
    """
    miniature = miniature or Miniature()
    claim(root, "keypoints_mini.json", {"format": _FORMAT, **asdict(miniature)}, ("carfusion", "citysample"), force)
    if (root / _LAST).is_file():
        return
    _write_real(root / "carfusion", miniature, num_workers)
    _write_synthetic(root / "citysample", miniature, num_workers)


@dataclass(frozen=True)
class _Job:
    """One frame to draw: all that makes it, and where its image goes."""

    domain: int  # 0 real, 1 synthetic
    group: int
    number: int
    path: Path


def _draw(job: _Job, miniature: Miniature) -> DrawnFrame:
    groups = synthetic_groups()
    look = synthetic_look(*groups[job.group]) if job.domain else real_look(job.group)
    seed = (miniature.seed, job.domain, job.group, job.number)
    frame = draw_frame(look, seed, miniature.height, miniature.width)
    if not job.domain:
        frame = _scatter(frame, np.random.default_rng((*seed, 1)))
    write_picture(job.path, frame.image)
    return frame


def synthetic_groups() -> list[tuple[str, str]]:
    """The 4 venues x 3 lightings."""
    return [(venue, lighting) for venue in VENUES for lighting in LIGHTINGS]


def _scatter(frame: DrawnFrame, generator: np.random.Generator) -> DrawnFrame:
    """The same frame with labels as CarFusion's: 14 points, whole pixels, scattered, some missing, never a centre."""
    points = frame.keypoints[:, : len(CARFUSION.points)].copy()
    diagonal = np.linalg.norm(frame.boxes[:, 2:] - frame.boxes[:, :2], axis=1)[:, None, None]
    points[..., :2] = np.round(
        points[..., :2] + generator.normal(0, 1, points[..., :2].shape) * _LABEL_NOISE * diagonal
    )
    points[..., 2] *= generator.random(points.shape[:2]) >= _UNLABELLED
    points[:, _EXHAUST, 2] *= points[:, _EXHAUST, 2] == 2
    points[:, _CENTRE] = 0
    height, width = frame.image.shape[:2]
    x, y = points[..., 0], points[..., 1]
    points[..., 2] *= (x > 0) & (y > 0) & (x <= width) & (y <= height)
    enough = (points[..., 2] > 0).sum(axis=1) >= 4
    return DrawnFrame(frame.image, frame.boxes[enough], points[enough])


def _write_real(root: Path, miniature: Miniature, num_workers: int) -> None:
    part = {"train": "train", "val": "train", "test": "test"}  # the download's two folders; val is part of train
    jobs = [
        _Job(0, group, number, root / part[split] / scene / "images_jpg" / f"{number % 4 + 1}_{number:05}.jpg")
        for group, (scene, split) in enumerate(SCENES.items())
        for number in range(miniature.real_per_scene)
    ]
    frames = list(parallel_map(partial(_draw, miniature=miniature), jobs, "drawing CarFusion's miniature", num_workers))
    for job, frame in zip(jobs, frames, strict=True):
        _write_rows(job.path.parents[1] / "gt" / f"{job.path.stem}.txt", frame)
        _write_yolo(root / "yolo", job.path, frame, SCENES[job.path.parents[1].name])
    for folder in ("train", "test"):
        chosen = [
            (job.path, frame) for job, frame in zip(jobs, frames, strict=True) if folder == job.path.parents[2].name
        ]
        write_json(root / "annotations" / f"car_keypoints_{folder}.json", _real_coco(root / folder, chosen))
    names = {0: "car"}
    flips = ", ".join(map(str, CARFUSION.flip_index))
    write_text(
        root / "yolo" / "data.yaml",
        f"train: images/train\nval: images/val\ntest: images/test\n"
        f"kpt_shape: [{len(CARFUSION.points)}, 3]\nnames: {names}\nflip_idx: [{flips}]\n",
    )
    held_out = {split: [scene for scene, own in SCENES.items() if own == split] for split in ("val", "test")}
    write_json(root / "splits.json", held_out)


def _write_rows(path: Path, frame: DrawnFrame) -> None:
    """CarFusion's raw rows; its visibility 1 is visible, 2 hidden."""
    rows = [
        f"{x:.0f},{y:.0f},{point},{vehicle},{1 if visibility == 2 else 2}"
        for vehicle, points in enumerate(frame.keypoints)
        for point, (x, y, visibility) in enumerate(points, 1)
        if visibility
    ]
    write_text(path, "".join(f"{row}\n" for row in rows))


def _write_yolo(root: Path, image: Path, frame: DrawnFrame, split: str) -> None:
    name = f"{image.parents[1].name}__{image.stem}"
    link = root / "images" / split / f"{name}.jpg"
    link.parent.mkdir(parents=True, exist_ok=True)
    link.unlink(missing_ok=True)
    link.symlink_to(Path("../../..") / image.relative_to(root.parent))
    height, width = frame.image.shape[:2]
    rows = []
    for points in frame.keypoints:
        x0, y0, x1, y1 = box_of_points(points, height, width)
        box = ((x0 + x1) / 2 / width, (y0 + y1) / 2 / height, (x1 - x0) / width, (y1 - y0) / height)
        values = [f"{value:.6f}" for value in box]
        for x, y, visibility in points:
            values += [f"{x / width:.6f}", f"{y / height:.6f}", f"{visibility:.0f}"] if visibility else ["0", "0", "0"]
        rows.append(" ".join(["0", *values]) + "\n")
    write_text(root / "labels" / split / f"{name}.txt", "".join(rows))


def _real_coco(root: Path, frames: list[tuple[Path, DrawnFrame]]) -> dict[str, Any]:
    """COCO JSON as the published samples have it: Windows separators in the file names and all."""
    names = [str(path.relative_to(root)).replace("/", "\\") for path, _ in frames]
    boxes = [[box_of_points(points, *frame.image.shape[:2]) for points in frame.keypoints] for _, frame in frames]
    return _coco([frame for _, frame in frames], names, boxes, CARFUSION.points, CARFUSION.skeleton)


def _write_synthetic(root: Path, miniature: Miniature, num_workers: int) -> None:
    groups = synthetic_groups()
    jobs = [
        _Job(1, group, number, root / "images" / "_".join(groups[group]) / f"{number:04}.png")
        for group in range(len(groups))
        for number in range(miniature.synthetic_per_group)
    ]
    frames = list(
        parallel_map(partial(_draw, miniature=miniature), jobs, "drawing CitySample's miniature", num_workers)
    )
    names = [str(job.path.relative_to(root)) for job in jobs]
    coco = _coco(frames, names, [list(frame.boxes) for frame in frames], CITYSAMPLE.points, CITYSAMPLE.skeleton)
    for image, job in zip(coco["images"], jobs, strict=True):
        image["venue"], image["lighting"] = groups[job.group]
    write_json(root / "annotations" / "coco.json", coco)


def _coco(
    frames: list[DrawnFrame],
    names: list[str],
    boxes: list[list[np.ndarray]],
    points: tuple[str, ...],
    skeleton: tuple[tuple[int, int], ...],
) -> dict[str, Any]:
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for number, (frame, name) in enumerate(zip(frames, names, strict=True), 1):
        height, width = frame.image.shape[:2]
        images.append({"id": number, "file_name": name, "height": height, "width": width})
        for (x0, y0, x1, y1), keypoints in zip(boxes[number - 1], frame.keypoints, strict=True):
            box = [round(float(value), 2) for value in (x0, y0, x1 - x0, y1 - y0)]
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": number,
                    "category_id": 1,
                    "iscrowd": 0,
                    "bbox": box,
                    "area": box[2] * box[3],
                    "num_keypoints": int((keypoints[:, 2] > 0).sum()),
                    "keypoints": [round(float(value), 2) for value in keypoints.reshape(-1)],
                }
            )
    category = {"id": 1, "name": "car", "keypoints": list(points), "skeleton": [list(pair) for pair in skeleton]}
    return {"images": images, "annotations": annotations, "categories": [category]}
