"""The audit finds each planted error in the annotations of either miniature and passes them as they are."""

from itertools import combinations

import numpy as np
import pytest

from vehicle_keypoints.audit import audit, quadrilaterals
from vehicle_keypoints.schemas import CARFUSION, CITYSAMPLE
from vehicle_keypoints.sources import frames_of

SETS = {"carfusion": CARFUSION, "citysample": CITYSAMPLE}


@pytest.fixture(params=SETS, scope="module")
def annotations(request, keypoints_root):
    """Keypoints (V, K, 3) of a clean set, and its schema."""
    from _pytest.monkeypatch import MonkeyPatch

    with MonkeyPatch.context() as patch:
        patch.setenv("DETECTRON2_DATASETS", str(keypoints_root.parent))
        frames = frames_of(request.param, f"mini/{request.param}", "train", SETS[request.param])
    return np.concatenate([frame.keypoints for frame in frames.values()]), SETS[request.param]


def test_a_clean_set_passes(annotations):
    keypoints, schema = annotations
    found = audit(keypoints, schema.flip_index, schema.points)
    assert found.problems == ()
    assert found.determinant == pytest.approx(-1, abs=0.05)
    assert all(share < 0.05 for share in found.clockwise.values()) and found.clockwise


def test_the_identity_is_caught_without_looking_at_names(annotations):
    keypoints, schema = annotations
    nameless = [f"point{index}" for index in range(len(schema.points))]
    found = audit(keypoints, range(len(schema.points)), nameless)
    assert found.determinant == pytest.approx(1, abs=0.05)
    assert any("instead of mirroring it" in problem for problem in found.problems)


def test_swaps_of_two_entries_are_caught_without_looking_at_names(annotations):
    """Some 30 of the 91 (276) transpositions of the right map; names are withheld. All of them were tried once."""
    keypoints, schema = annotations
    nameless = [f"point{index}" for index in range(len(schema.points))]
    pairs = list(combinations(range(len(schema.points)), 2))
    for first, second in pairs[:: len(pairs) // 30]:
        flip = list(schema.flip_index)
        flip[first], flip[second] = flip[second], flip[first]
        found = audit(keypoints, flip, nameless)
        geometry = [problem for problem in found.problems if "involution" not in problem]
        assert geometry, (schema.points[first], schema.points[second])


def test_a_pair_that_is_not_swapped_is_named(annotations):
    keypoints, schema = annotations
    flip = list(schema.flip_index)
    flip[4], flip[5] = 4, 5
    nameless = [f"point{index}" for index in range(len(schema.points))]
    found = audit(keypoints, flip, nameless)
    assert found.points[4].better == "point5" and found.points[5].better == "point4"
    assert sum(bool(point.better) for point in found.points) == 2


def test_left_and_right_mixed_up_in_the_labels_are_caught(annotations):
    keypoints, schema = annotations
    mixed = keypoints[:, list(schema.flip_index)]
    found = audit(mixed, schema.flip_index, schema.points)
    assert found.clockwise["wheel"] > 0.95
    assert any("left and right are mixed up: the wheel points" in problem for problem in found.problems)


def test_one_pair_mixed_up_in_the_labels_is_caught(annotations):
    keypoints, schema = annotations
    order = list(range(len(schema.points)))
    order[2], order[3] = 3, 2  # the two back wheels alone
    found = audit(keypoints[:, order], schema.flip_index, schema.points)
    assert found.problems == () or any("mixed up" in problem for problem in found.problems)
    # A crossed pair is still a mirror pair: what shows it is that the wheels' outline crosses itself.
    assert found.clockwise["wheel"] > 0.05


def test_too_few_vehicles_are_not_judged(annotations):
    keypoints, schema = annotations
    found = audit(keypoints[:3], schema.flip_index, schema.points)
    assert found.problems == () and np.isnan(found.determinant)
    assert any("not judged" in note for note in found.notes)


def test_a_point_that_mirrors_into_one_nobody_labels_is_caught(annotations):
    keypoints, schema = annotations
    blind = keypoints.copy()
    blind[:, 13] = 0
    flip = list(schema.flip_index)
    flip[8], flip[13] = 13, 8
    found = audit(blind, flip, [f"point{index}" for index in range(len(schema.points))])
    assert any("the second in none" in problem for problem in found.problems)


def test_quadrilaterals_come_from_the_names():
    assert quadrilaterals(CARFUSION.points) == {
        "wheel": (0, 1, 3, 2),
        "headlight": (4, 5, 7, 6),
        "top": (9, 10, 12, 11),
    }
    assert quadrilaterals(CITYSAMPLE.points)["bumper corner"] == (17, 16, 18, 19)
