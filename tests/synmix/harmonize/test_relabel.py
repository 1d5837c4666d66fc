"""Laws of harmonising, on random label maps, and the cases that a person would look at."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from synmix.data.frame_labels import ID_FACTOR, Labels
from synmix.errors import UserError
from synmix.harmonize.relabel import harmonize
from synmix.labels import INSTANCE_FACTOR, label_of

ROAD, POLE, PERSON, RIDER, CAR, TRUCK, CARAVAN, MOTORCYCLE, BICYCLE = 7, 17, 24, 25, 26, 27, 29, 32, 33
CLASSES = [ROAD, POLE, PERSON, RIDER, CAR, TRUCK, CARAVAN, MOTORCYCLE, BICYCLE]
IDS = [0, 7, 1700001, 2400001, 2600002, 2900003, 3200003, 3300004, 3300005, 3300006]
VEHICLES = (MOTORCYCLE, BICYCLE)


@st.composite
def label_maps(draw) -> Labels:
    """Blocks of arbitrary classes and ids: every disagreement that the format allows."""
    shape = draw(st.tuples(st.integers(1, 7), st.integers(1, 9)))
    class_map = draw(arrays.arrays(np.uint8, shape, elements=st.sampled_from(CLASSES)))
    ids = draw(arrays.arrays(np.uint32, shape, elements=st.sampled_from(IDS)))
    listed = draw(st.lists(st.sampled_from(IDS[1:]), unique=True))
    meta = {instance: draw(st.sampled_from(CLASSES)) for instance in listed}
    scale = np.ones((2, 2), int)
    return Labels(np.kron(class_map, scale).astype(np.uint8), np.kron(ids, scale).astype(np.uint32), meta)


def harmonized(labels: Labels):
    """The result, unless the random map is one that is rightly refused."""
    try:
        return harmonize(labels)
    except UserError:
        assume(False)


def as_synscapes(instance_ids: np.ndarray, label_ids: np.ndarray) -> Labels:
    """Writes Cityscapes ids as Synscapes would, without merging anything."""
    label, k = np.divmod(instance_ids.astype(np.uint32), INSTANCE_FACTOR)
    ids = np.where(label > 0, label * np.uint32(ID_FACTOR) + k, 0).astype(np.uint32)
    return Labels(label_ids, ids, {int(i): int(i) // ID_FACTOR for i in np.unique(ids) if i})


@given(label_maps())
@settings(max_examples=150, deadline=None)
def test_no_pixel_changes_class_and_both_maps_agree(labels):
    result = harmonized(labels)
    assert np.array_equal(result.label_ids, labels.class_map)
    assert np.array_equal(label_of(result.instance_ids), result.label_ids)


@given(label_maps())
@settings(max_examples=150, deadline=None)
def test_harmonising_twice_changes_nothing(labels):
    once = harmonized(labels)
    twice = harmonize(as_synscapes(once.instance_ids, once.label_ids))
    assert np.array_equal(once.instance_ids, twice.instance_ids)
    assert np.array_equal(once.label_ids, twice.label_ids)


@given(label_maps())
@settings(max_examples=150, deadline=None)
def test_pixels_of_one_instance_and_class_stay_together_and_meet_nobody_else(labels):
    result = harmonized(labels)
    for value in np.unique(result.instance_ids[result.instance_ids >= INSTANCE_FACTOR]):
        inside = result.instance_ids == value
        source, label = labels.instance_ids[inside][0], labels.class_map[inside][0]
        whole = (labels.instance_ids == source) & (labels.class_map == label)
        assert np.array_equal(inside, whole)


@given(label_maps())
@settings(max_examples=150, deadline=None)
def test_ids_count_up_from_zero_in_each_class(labels):
    result = harmonized(labels)
    values = np.unique(result.instance_ids[result.instance_ids >= INSTANCE_FACTOR])
    for label in np.unique(values // INSTANCE_FACTOR):
        mine = values[values // INSTANCE_FACTOR == label]
        assert mine.tolist() == list(range(label * INSTANCE_FACTOR, label * INSTANCE_FACTOR + len(mine)))
        assert result.tally.after[label] == len(mine)


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_rider_and_vehicle_are_together_what_the_instance_was(data):
    """On frames where only riders and vehicles mix, the paper's rule in its plainest form gives the same masks."""
    shape = (6, 8)
    ids = data.draw(arrays.arrays(np.uint32, shape, elements=st.sampled_from([0, 2600002, 3200003, 3300004])))
    with_rider = data.draw(arrays.arrays(np.bool_, shape))
    class_map = np.where(ids == 0, ROAD, ids // ID_FACTOR).astype(np.uint8)
    class_map[with_rider & np.isin(class_map, VEHICLES)] = RIDER
    result = harmonize(Labels(class_map, ids, {int(i): int(i) // ID_FACTOR for i in np.unique(ids) if i}))
    for instance in (i for i in np.unique(ids) if i):
        whole = ids == instance
        values = np.unique(result.instance_ids[whole])
        assert np.array_equal(np.isin(result.instance_ids, values), whole)
        assert set((values // INSTANCE_FACTOR).tolist()) <= {RIDER, int(instance) // ID_FACTOR}


def test_riders_torn_apart_are_one_by_default_and_parts_on_request(draw):
    class_map, ids, classes = draw()
    class_map[24, 46:53] = ids[24, 46:53] = ROAD  # a gap through the cyclist
    ids[24, 46:53] = 0
    one = harmonize(Labels(class_map, ids, classes))
    parts = harmonize(Labels(class_map, ids, classes), {"rider_on_vehicle": "parts"})
    assert (one.tally.after[RIDER], parts.tally.after[RIDER]) == (2, 3)
    assert np.array_equal(one.label_ids, parts.label_ids)
    assert set(np.unique(parts.instance_ids[parts.label_ids == RIDER])) == {25000, 25001, 25002}


def test_things_without_id_become_instances_by_part_on_request():
    class_map = np.full((5, 12), ROAD, np.uint8)
    class_map[1:4, 1:4] = class_map[1:4, 6:9] = CAR
    class_map[4, 9] = CAR  # touches the second by its corner
    labels = Labels(class_map, np.zeros((5, 12), np.uint32), {})
    result = harmonize(labels, {"thing_without_id": "parts"})
    assert result.tally.after[CAR] == 2
    assert result.instance_ids[4, 9] == result.instance_ids[2, 7] != result.instance_ids[2, 2]


def test_beyond_a_thousand_of_a_class_the_smallest_become_a_group():
    ids = np.repeat(np.arange(1005, dtype=np.uint32) + 2600001, 2)[None]
    ids = np.concatenate([ids, np.full_like(ids, 2600001)])  # the first is the largest
    ids[0, 2 * 500 : 2 * 500 + 1] = 2600001  # and number 501 the smallest
    class_map = np.full(ids.shape, CAR, np.uint8)
    result = harmonize(Labels(class_map, ids, {int(i): CAR for i in np.unique(ids)}))
    assert result.tally.after[CAR] == 1000 and result.tally.cases["too_many"] == 5
    assert result.instance_ids.max() == 26999
    assert result.instance_ids[0, 2 * 500 + 1] == CAR


def test_train_ids_in_the_class_map_are_refused(draw):
    class_map, ids, classes = draw()
    train_ids = {ROAD: 0, PERSON: 11, RIDER: 12, CAR: 13, MOTORCYCLE: 17, BICYCLE: 18}
    for label, train_id in train_ids.items():
        class_map[class_map == label] = train_id
    with pytest.raises(UserError, match="not trainIds"):
        harmonize(Labels(class_map, ids, classes))


def test_tally_counts_instances_before_and_after(draw):
    tally = harmonize(Labels(*draw())).tally
    assert tally.before == {PERSON: 1, CAR: 1, MOTORCYCLE: 1, BICYCLE: 2}
    assert tally.after == {PERSON: 1, RIDER: 2, CAR: 1, MOTORCYCLE: 1, BICYCLE: 2}
    assert tally.cases["hidden_instance"] == 1 and tally.cases["vehicle_without_rider"] == 1
