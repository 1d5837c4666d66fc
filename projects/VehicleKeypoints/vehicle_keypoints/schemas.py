"""Keypoint schemas as data: the points' names; what follows from them (flip map, shared points) is derived.

Phase 0's every run mirrored images without swapping left and right, because a flip index was typed (as the identity)
instead of derived. Here a schema has no flip index of its own: :func:`flip_index` reads it off the names.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from synmix.errors import UserError

_SIDES = {"left": "right", "right": "left"}


@dataclass(frozen=True)
class KeypointSchema:
    """What the K points of a vehicle are called, how they are joined, and how strictly each is scored."""

    name: str
    points: tuple[str, ...]  # K names; words are joined by '_', sides are the words 'left' and 'right'
    skeleton: tuple[tuple[int, int], ...]  # 0-based pairs, for pictures only
    sigmas: tuple[float, ...]  # K, of the object keypoint similarity

    def __post_init__(self) -> None:
        check_names(self.points)
        if len(self.sigmas) != len(self.points):
            raise UserError(f"schema '{self.name}' has {len(self.points)} points but {len(self.sigmas)} sigmas.")

    @property
    def flip_index(self) -> tuple[int, ...]:
        """(K,) which point each point becomes in a mirrored image."""
        return flip_index(self.points)

    @property
    def flip_map(self) -> tuple[tuple[str, str], ...]:
        """Detectron2's ``keypoint_flip_map``: each left/right pair of names once."""
        pairs = enumerate(self.flip_index)
        return tuple((self.points[index], self.points[mirrored]) for index, mirrored in pairs if index < mirrored)


def check_names(points: Sequence[str]) -> None:
    """Raises:
    UserError: a name occurs twice.
    """
    for name in points:
        if points.count(name) > 1:
            raise UserError(f"the keypoint name '{name}' occurs {points.count(name)} times; each point needs its own.")


def mirrored_name(name: str) -> str:
    """The name of the same part on the other side: 'left_front_wheel' -> 'right_front_wheel', 'centre' -> 'centre'."""
    return "_".join(_SIDES.get(word, word) for word in name.split("_"))


def side_of(name: str) -> str:
    """'left', 'right', or '' for a point in the middle."""
    return next((word for word in name.split("_") if word in _SIDES), "")


def flip_index(points: Sequence[str]) -> tuple[int, ...]:
    """The flip index that the names imply: 'left' and 'right' change places, a name without a side stays.

    Raises:
        UserError: a name occurs twice, or a sided point has no partner.
    """
    check_names(points)
    index = []
    for name in points:
        partner = mirrored_name(name)
        if partner not in points:
            raise UserError(f"keypoint '{name}' has no partner '{partner}'; mirrored images would have no name for it.")
        index.append(points.index(partner))
    return tuple(index)


def check_flip_index(index: Sequence[int], points: Sequence[str]) -> None:
    """Checks a flip index that somebody else wrote (YOLO's ``flip_idx``) against the names.

    Raises:
        UserError: wrong length, no permutation, no involution, or not what the names imply.
    """
    if sorted(index) != list(range(len(points))):
        raise UserError(
            f"the flip index {list(index)} is no permutation of the {len(points)} points 0..{len(points) - 1}."
        )
    for point, mirrored in enumerate(index):
        if index[mirrored] != point:
            raise UserError(
                f"the flip index is no involution: it sends '{points[point]}' to '{points[mirrored]}', but that one to "
                f"'{points[index[mirrored]]}'; mirroring twice must change nothing."
            )
    expected = flip_index(points)
    wrong = [point for point, mirrored in enumerate(index) if mirrored != expected[point]]
    if wrong:
        first = wrong[0]
        raise UserError(
            f"the flip index sends '{points[first]}' to '{points[index[first]]}' where its name asks for "
            f"'{points[expected[first]]}' ({len(wrong)} of {len(points)} points are wrong); use {list(expected)}."
        )


_SHARED_POINTS = (
    "right_front_wheel",
    "left_front_wheel",
    "right_back_wheel",
    "left_back_wheel",
    "right_front_headlight",
    "left_front_headlight",
    "right_back_headlight",
    "left_back_headlight",
    "exhaust",
    "right_front_top",
    "left_front_top",
    "right_back_top",
    "left_back_top",
    "centre",
)
_CITYSAMPLE_POINTS = (
    "left_side_mirror",
    "right_side_mirror",
    "front_left_bumper_corner",
    "front_right_bumper_corner",
    "rear_left_bumper_corner",
    "rear_right_bumper_corner",
    "windshield_bottom_left",
    "windshield_bottom_right",
    "rear_window_bottom_left",
    "rear_window_bottom_right",
)
_SHARED_SKELETON = (
    *((0, 2), (1, 3), (0, 1), (2, 3), (9, 11), (10, 12), (9, 10), (11, 12), (4, 0)),
    *((4, 9), (4, 5), (5, 1), (5, 10), (6, 2), (6, 11), (7, 3), (7, 12), (6, 7)),
)
_CITYSAMPLE_SKELETON = ((16, 17), (18, 19), (16, 18), (17, 19), (20, 21), (22, 23), (14, 20), (15, 21))

#: CarFusion's 14 points (Reddy, Vo, Narasimhan, CVPR 2018), in its order.
CARFUSION = KeypointSchema("carfusion_14", _SHARED_POINTS, _SHARED_SKELETON, (0.05,) * 14)
#: CitySample's 24 points: CarFusion's, then ten more.
CITYSAMPLE = KeypointSchema(
    "citysample_24",
    _SHARED_POINTS + _CITYSAMPLE_POINTS,
    _SHARED_SKELETON + _CITYSAMPLE_SKELETON,
    (0.05,) * 14 + (0.06,) * 10,
)
#: By number of points, as files and configs know them.
SCHEMAS: Mapping[int, KeypointSchema] = {14: CARFUSION, 24: CITYSAMPLE}
