"""Finds a wrong flip map, or left and right mixed up, from the annotations alone.

The K points of many vehicles, each seen from somewhere, are views of one shape. Seen from afar, the points' x (and y)
coordinates in a view are an affine function of the shape's three coordinates (Tomasi and Kanade, 1992), so the shape
can be recovered from the annotations, up to an affine map, without a camera or a model. Then:

- *Mirror*. A mirrored photograph of a vehicle shows the vehicle's mirror image. So the flip map must act on the shape
  as a reflection does: there must be an affine map T with T(shape of i) = shape of flip[i], and T must turn the shape
  inside out (determinant -1). The identity, which is the bug of Phase 0, acts as T = 1, whose determinant is +1; two
  swapped points land on each other's places. Neither depends on the affine ambiguity.
- *Handedness*. Seen from above the ground, right front, left front, left back, right back run counter-clockwise in the
  image wherever the camera stands. Names mixed up between left and right run clockwise.

Shape legend: V vehicles, K points, L labelled points.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from vehicle_keypoints.schemas import flip_index, side_of

_MIN_SIGHTINGS = 12  # vehicles in which a point must be labelled to be judged
_MIN_POINTS = 6  # labelled points of a vehicle that takes part
_MIN_CLOCKWISE = 0.35  # share of clockwise quadrilaterals above which left and right are mixed up
_MAX_VEHICLES = 4000  # enough for any shape; more are thinned out evenly
_SWEEPS = 60  # of the alternating least squares
_RANK = 4  # three coordinates and a constant


@dataclass(frozen=True)
class PointVerdict:
    """What the annotations say about one point's entry in the flip map."""

    name: str
    mirrored_to: str
    sightings: int  # vehicles in which it is labelled
    residual: float  # share of the shape's size; nan where it cannot be judged
    better: str  # the point that would fit instead, "" where the entry fits


@dataclass(frozen=True)
class Audit:
    """The verdict on a data set and a flip map."""

    vehicles: int
    points: tuple[PointVerdict, ...]
    determinant: float  # of the map T; -1 for a reflection; nan where the annotations do not suffice
    clockwise: dict[str, float]  # per quadrilateral of parts ('wheel', ..): share of vehicles that show it mixed up
    problems: tuple[str, ...]  # a sentence each; empty means clean
    notes: tuple[str, ...]  # what could not be judged


def audit(keypoints: np.ndarray, flip: Sequence[int], names: Sequence[str]) -> Audit:
    """Audits a flip map against annotations.

    Args:
        keypoints: (V, K, 3) x, y in pixels, visibility 0..2, of all vehicles.
        flip: (K,) the point that each becomes in a mirrored image.
        names: (K,).
    """
    labelled = keypoints[..., 2] > 0
    sightings = labelled.sum(axis=0)
    judged = np.flatnonzero(sightings >= _MIN_SIGHTINGS)
    notes = [f"'{names[point]}' is labelled in {sightings[point]} vehicles: not judged" for point in range(len(names))
             if point not in judged]  # fmt: skip
    problems = _structure(flip, names) + _unlabelled_partners(flip, names, sightings)
    shape = _shape(keypoints, judged)
    residuals, determinant, better = np.full(len(names), np.nan), float("nan"), [""] * len(names)
    if shape is None:
        notes.append(
            "too few vehicles with enough labelled points, or all seen from one side: the mirror is not judged"
        )
    else:
        determinant, residuals, better = _mirror(shape, judged, flip, names)
        problems += _mirror_problems(determinant, residuals, better, flip, names)
    clockwise = _clockwise(keypoints, names)
    problems += [
        f"left and right are mixed up: the {part} points run clockwise in {100 * share:.0f} % of the vehicles, as only "
        "the underside of a vehicle could show them"
        for part, share in clockwise.items()
        if share > _MIN_CLOCKWISE
    ]
    verdicts = tuple(
        PointVerdict(name, _name(flip, names, index), int(sightings[index]), float(residuals[index]), better[index])
        for index, name in enumerate(names)
    )
    return Audit(len(keypoints), verdicts, determinant, clockwise, tuple(problems), tuple(notes))


def _name(flip: Sequence[int], names: Sequence[str], index: int) -> str:
    return names[flip[index]] if 0 <= flip[index] < len(names) else f"point {flip[index]}"


def _structure(flip: Sequence[int], names: Sequence[str]) -> list[str]:
    """What is wrong with the map by itself, and against the names."""
    if sorted(flip) != list(range(len(names))):
        return ["the flip map is no permutation of the points"]
    problems = []
    torn = [names[point] for point, mirrored in enumerate(flip) if flip[mirrored] != point]
    if torn:
        problems.append(f"the flip map is no involution at {', '.join(torn)}: mirroring twice must change nothing")
    if any(side_of(name) for name in names):
        wrong = [point for point, expected in enumerate(flip_index(names)) if flip[point] != expected]
        if wrong:
            listed = ", ".join(f"'{names[point]}' -> '{names[flip[point]]}'" for point in wrong[:4])
            more = " ..." if len(wrong) > 4 else ""
            problems.append(f"the flip map contradicts the names of {len(wrong)} points: {listed}{more}")
    return problems


def _unlabelled_partners(flip: Sequence[int], names: Sequence[str], sightings: np.ndarray) -> list[str]:
    """Points that are often labelled, but whose mirror image would be a point that nobody ever labels."""
    if sorted(flip) != list(range(len(names))):
        return []
    return [
        f"'{names[point]}' -> '{names[flip[point]]}': the first is labelled in {count} vehicles, the second in none"
        for point, count in enumerate(sightings)
        if count >= _MIN_SIGHTINGS and not sightings[flip[point]]
    ]


def _shape(keypoints: np.ndarray, judged: np.ndarray) -> np.ndarray | None:
    """(L, 4) affine coordinates of the judged points, the last column constant; None where they cannot be had."""
    points = keypoints[:, judged]
    labelled = points[..., 2] > 0
    usable = labelled.sum(axis=1) >= _MIN_POINTS
    if len(judged) < _MIN_POINTS or usable.sum() < 2 * _MIN_SIGHTINGS:
        return None
    chosen = np.flatnonzero(usable)[:: 1 + int(usable.sum()) // _MAX_VEHICLES]
    points, labelled = points[chosen], labelled[chosen]
    rows, known = _normalised(points[..., :2], labelled)
    shape = _factorise(rows, known)
    coordinates = shape[:, 1:] - shape[:, 1:].mean(axis=0)
    left, spread, _ = np.linalg.svd(coordinates, full_matrices=False)
    if spread[-1] < 0.02 * spread[0]:
        return None
    return np.column_stack([left * np.sqrt(len(judged)), np.ones(len(judged))])


def _normalised(points: np.ndarray, labelled: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(2V, L) coordinates as rows, each vehicle centred and scaled to size 1, and which of them are known."""
    weight = labelled[..., None]
    count = labelled.sum(axis=1)[:, None]
    centre = (points * weight).sum(axis=1) / count
    offset = (points - centre[:, None]) * weight
    size = np.sqrt((offset**2).sum(axis=(1, 2)) / count[:, 0])[:, None, None]
    rows = (offset / np.maximum(size, 1e-9)).transpose(0, 2, 1).reshape(-1, points.shape[1])
    return rows, np.repeat(labelled, 2, axis=0)


def _factorise(rows: np.ndarray, known: np.ndarray) -> np.ndarray:
    """(L, 4) the shape whose views the rows are, by alternating least squares over the known entries.

    The first column is held constant: it carries each view's offset.
    """
    filled = np.where(known, rows, 0)
    _, _, axes = np.linalg.svd(filled, full_matrices=False)
    shape = np.column_stack([np.ones(rows.shape[1]), axes[: _RANK - 1].T * np.sqrt(rows.shape[1])])
    ridge = 1e-3 * np.eye(_RANK)
    for _ in range(_SWEEPS):
        gram = np.einsum("rl,li,lj->rij", known, shape, shape) + ridge
        views = np.linalg.solve(gram, (filled @ shape)[..., None])[..., 0]  # (rows, 4)
        free = views[:, 1:]
        gram = np.einsum("rl,ri,rj->lij", known, free, free) + ridge[1:, 1:]
        target = np.where(known, rows - views[:, :1], 0)
        shape[:, 1:] = np.linalg.solve(gram, (target.T @ free)[..., None])[..., 0]
    return shape


def _mirror(
    shape: np.ndarray, judged: np.ndarray, flip: Sequence[int], names: Sequence[str]
) -> tuple[float, np.ndarray, list[str]]:
    """Determinant of the map T that the flip map asks for, (K,) residuals, and for each point what would fit better."""
    place = {int(point): index for index, point in enumerate(judged)}
    pairs = [(place[point], place[flip[point]]) for point in place if flip[point] in place]
    source, target = (np.array(side) for side in zip(*pairs, strict=True))
    transform = _robust_map(shape[source], shape[target, :3])
    determinant = float(np.linalg.det(transform[:3]))
    moved = shape[source] @ transform  # where each point lies after mirroring
    distance = np.linalg.norm(moved[:, None] - shape[None, :, :3], axis=2)
    size = np.sqrt((shape[:, :3] ** 2).sum(axis=1).mean())
    # One to one: a part that is truly on one side (an exhaust) lands beside its own place, on the other side, where
    # another point may lie nearer; but that point's place is taken by its own partner.
    rows, fitting = linear_sum_assignment(distance**2)
    residuals, better = np.full(len(names), np.nan), [""] * len(names)
    for row, fit in zip(rows, fitting, strict=True):
        point = int(judged[source[row]])
        residuals[point] = distance[row, target[row]] / size
        if fit != target[row]:
            better[point] = names[judged[fit]]
    return determinant, residuals, better


def _robust_map(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """(4, 3) least-squares map from (n, 4) to (n, 3) that a few wrong pairs do not bend (iteratively reweighted)."""
    weights = np.ones(len(source))
    for _ in range(50):
        root = np.sqrt(weights)[:, None]
        transform = np.linalg.lstsq(source * root, target * root, rcond=None)[0]
        weights = 1 / np.maximum(np.linalg.norm(source @ transform - target, axis=1), 0.02)
    return transform


def _mirror_problems(
    determinant: float, residuals: np.ndarray, better: Sequence[str], flip: Sequence[int], names: Sequence[str]
) -> list[str]:
    problems = []
    if determinant > 0:
        problems.append(
            "the flip map leaves the vehicle as it is instead of mirroring it (determinant "
            f"{determinant:+.2f}, a mirror has -1): left and right are not swapped"
        )
    for index in (index for index, name in enumerate(better) if name):
        problems.append(
            f"'{names[index]}' -> '{_name(flip, names, index)}' misses by {100 * residuals[index]:.0f} % of the "
            f"vehicle's size: the mirrored point is '{better[index]}'"
        )
    return problems


def quadrilaterals(names: Sequence[str]) -> dict[str, tuple[int, int, int, int]]:
    """Parts that exist right front, left front, left back and right back, by the names alone: 'wheel' -> indices."""
    corners = (("right", "front"), ("left", "front"), ("left", "back"), ("right", "back"))
    found: dict[str, dict[tuple[str, str], int]] = {}
    for index, name in enumerate(names):
        words = ["back" if word == "rear" else word for word in name.split("_")]
        side, end = side_of(name), next((word for word in words if word in ("front", "back")), "")
        part = " ".join(word for word in words if word not in (side, end))
        found.setdefault(part, {})[side, end] = index
    complete = {part: ends for part, ends in found.items() if all(corner in ends for corner in corners)}
    return {part: tuple(ends[corner] for corner in corners) for part, ends in complete.items()}  # type: ignore[misc]


def _clockwise(keypoints: np.ndarray, names: Sequence[str]) -> dict[str, float]:
    """Share of vehicles whose lowest part (the one that every camera above the ground sees from above) runs clockwise.

    Roofs are left out: a camera may well be below them.
    """
    shares = {}
    for part, corners in quadrilaterals(names).items():
        if part == "top":
            continue
        vehicles = keypoints[(keypoints[:, list(corners), 2] > 0).all(axis=1)][:, list(corners), :2]
        if len(vehicles) >= _MIN_SIGHTINGS:
            x, y = vehicles[..., 0], vehicles[..., 1]
            area = (x * np.roll(y, -1, axis=1) - np.roll(x, -1, axis=1) * y).sum(axis=1)
            # y points down in an image: a positive area is clockwise to the eye.
            shares[part] = float((area > 0).mean())
    return shares
