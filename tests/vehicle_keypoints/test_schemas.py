"""Flip maps follow from names, and a wrong one is refused with a sentence."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synmix.errors import UserError
from vehicle_keypoints.schemas import (
    CARFUSION,
    CITYSAMPLE,
    SCHEMAS,
    KeypointSchema,
    check_flip_index,
    flip_index,
    side_of,
)


def test_the_flip_index_of_the_names_is_the_one_that_phase_0_found():
    assert CARFUSION.flip_index == (1, 0, 3, 2, 5, 4, 7, 6, 8, 10, 9, 12, 11, 13)


def test_the_ten_new_points_swap_in_neighbouring_pairs():
    assert CITYSAMPLE.flip_index[:14] == CARFUSION.flip_index
    assert CITYSAMPLE.flip_index[14:] == (15, 14, 17, 16, 19, 18, 21, 20, 23, 22)


@pytest.mark.parametrize("schema", SCHEMAS.values(), ids=lambda schema: schema.name)
def test_flip_is_an_involution_that_swaps_every_side(schema):
    flip = schema.flip_index
    for point, mirrored in enumerate(flip):
        assert flip[mirrored] == point
        sides = {side_of(schema.points[point]), side_of(schema.points[mirrored])}
        assert sides in ({"left", "right"}, {""})
    check_flip_index(flip, schema.points)


@pytest.mark.parametrize("schema", SCHEMAS.values(), ids=lambda schema: schema.name)
def test_detectron2_derives_the_same_index_from_our_flip_map(schema):
    flip_map = dict(schema.flip_map)
    flip_map |= {second: first for first, second in flip_map.items()}
    assert tuple(schema.points.index(flip_map.get(name, name)) for name in schema.points) == schema.flip_index


def test_the_skeleton_joins_known_points_and_mirrors_into_itself():
    for schema in SCHEMAS.values():
        bones = {frozenset(bone) for bone in schema.skeleton}
        assert all(0 <= end < len(schema.points) for bone in bones for end in bone)
    mirrored = {frozenset(CITYSAMPLE.flip_index[end] for end in bone) for bone in CITYSAMPLE.skeleton[18:]}
    assert mirrored == {frozenset(bone) for bone in CITYSAMPLE.skeleton[18:]}


def test_names_that_occur_twice_or_lack_a_partner_are_refused():
    with pytest.raises(UserError, match="'left_wheel' occurs 2 times"):
        flip_index(("left_wheel", "left_wheel"))
    with pytest.raises(UserError, match="'left_wheel' has no partner 'right_wheel'"):
        flip_index(("left_wheel", "centre"))
    with pytest.raises(UserError, match="2 points but 1 sigmas"):
        KeypointSchema("short", ("left", "right"), (), (0.05,))


def test_the_identity_of_phase_0_is_refused():
    with pytest.raises(UserError, match=r"'right_front_wheel' to 'right_front_wheel' .* \(12 of 14 points are wrong\)"):
        check_flip_index(range(14), CARFUSION.points)


@given(st.permutations(range(14)))
def test_only_the_flip_index_of_the_names_is_accepted(index):
    if tuple(index) == CARFUSION.flip_index:
        check_flip_index(index, CARFUSION.points)
    else:
        with pytest.raises(UserError):
            check_flip_index(index, CARFUSION.points)


def test_a_map_that_is_no_involution_says_where():
    index = list(CARFUSION.flip_index)
    index[0], index[1], index[2] = index[1], index[2], index[0]
    with pytest.raises(UserError, match="no involution: it sends 'left_front_wheel' to 'left_back_wheel'"):
        check_flip_index(index, CARFUSION.points)
    with pytest.raises(UserError, match="no permutation of the 14 points"):
        check_flip_index([0] * 14, CARFUSION.points)
