"""Laws of harmonising, on random label maps, and the cases that a person would look at."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import ndimage

from synmix.data.frame_labels import ID_FACTOR, Labels
from synmix.errors import UserError
from synmix.harmonize.relabel import Tally, harmonize
from synmix.labels import INSTANCE_FACTOR, label_of

ROAD, POLE, PERSON, RIDER, CAR, TRUCK, BUS, CARAVAN, MOTORCYCLE, BICYCLE = 7, 17, 24, 25, 26, 27, 28, 29, 32, 33
CLASSES = [ROAD, POLE, PERSON, RIDER, CAR, TRUCK, CARAVAN, MOTORCYCLE, BICYCLE]
IDS = [0, 1, 7, 1700001, 2400001, 2600002, 2900003, 3200003, 3300004, 3300005, 3300006]
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


@given(label_maps())
@settings(max_examples=150, deadline=None)
def test_instances_know_where_they_come_from_and_count_up_in_that_order(labels):
    result = harmonized(labels)
    values = np.unique(result.instance_ids[result.instance_ids >= INSTANCE_FACTOR]).tolist()
    assert sorted(result.sources) == values
    for value, source in result.sources.items():
        assert set(labels.instance_ids[result.instance_ids == value].tolist()) == {source}
    for label in {value // INSTANCE_FACTOR for value in values}:
        mine = [result.sources[value] for value in values if value // INSTANCE_FACTOR == label]
        assert mine == sorted(mine)


@given(arrays.arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9)), elements=st.sampled_from([ROAD, CAR])))
@settings(deadline=None)
def test_parts_are_what_touches_at_a_side_or_a_corner(class_map):
    labels = Labels(class_map, np.zeros(class_map.shape, np.uint32), {})
    result = harmonize(labels, {"thing_without_id": "parts"})
    parts, count = ndimage.label(class_map == CAR, structure=np.ones((3, 3)))
    assert result.tally.after[CAR] == count and result.sources == {}
    for part in range(1, count + 1):
        assert len(np.unique(result.instance_ids[parts == part])) == 1
    assert len(np.unique(result.instance_ids[class_map == CAR])) == count
    assert np.array_equal(result.label_ids, class_map)


def row(*parts, meta=None, instance=2600001):
    """One instance in a row of so many pixels of each class, declared as meta says."""
    class_map = np.concatenate([np.full(count, label, np.uint8) for label, count in parts])[None]
    classes = {} if meta is None else {instance: meta}
    return Labels(class_map, np.full(class_map.shape, instance, np.uint32), classes)


@pytest.mark.parametrize(
    ("declared", "parts", "home"),
    [
        (CAR, ((CAR, 20), (BUS, 21)), BUS),
        (CAR, ((CAR, 20), (BUS, 20)), CAR),  # in doubt as declared
        (BUS, ((CAR, 20), (BUS, 20)), BUS),
        (CAR, ((CAR, 1), (ROAD, 50)), CAR),  # stuff does not vote
        (BICYCLE, ((BICYCLE, 1), (PERSON, 30), (RIDER, 30)), BICYCLE),  # nor do people on what they ride
        (BICYCLE, ((PERSON, 30), (RIDER, 30)), BICYCLE),
        (BICYCLE, ((BICYCLE, 1), (MOTORCYCLE, 2)), MOTORCYCLE),
        (PERSON, ((PERSON, 1), (RIDER, 30)), PERSON),  # riders nowhere
        (CAR, ((CAR, 20), (PERSON, 21)), PERSON),
        (CAR, ((RIDER, 30),), RIDER),  # but where nothing else can
    ],
)
def test_an_instance_is_of_the_class_that_most_of_it_shows(declared, parts, home):
    cases = harmonize(row(*parts, meta=declared)).tally.cases
    assert (cases["class_disagrees"] == 1) == (home != declared)
    inside = {label for label, _ in parts} - {home}
    kept = harmonize(row(*parts, meta=declared), {"other_thing_inside": "keep", "stuff_inside": "keep"})
    if not inside & {PERSON, RIDER}:
        assert (kept.label_ids == home).all()
    assert harmonize(row(*parts, meta=declared)).tally.before == {declared: 1}


def test_what_meta_does_not_list_disagrees_with_nobody():
    tally = harmonize(row((BUS, 20), (CAR, 3))).tally  # by its id a car
    assert tally.before == {CAR: 1}
    assert tally.pixels == {"id_not_in_meta": 23, "other_thing_inside": 3}
    unknown = harmonize(row((CAR, 20), instance=7700001)).tally
    assert unknown.before == {0: 1} and unknown.after == {CAR: 1}
    assert harmonize(row((CAR, 20), meta=77)).tally.before == {0: 1}


@pytest.mark.parametrize(("pixels", "rule"), [(9, "rider_sliver"), (10, "rider_on_vehicle"), (11, "rider_on_vehicle")])
def test_fewer_than_ten_pixels_are_a_sliver(pixels, rule):
    labels = row((BICYCLE, 20), (RIDER, pixels), meta=BICYCLE)
    assert harmonize(labels).tally.pixels == {rule: pixels}
    kept = harmonize(labels, {"rider_on_vehicle": "keep"})  # then a sliver stays too
    assert (kept.label_ids == BICYCLE).all() and kept.tally.pixels == {"rider_on_vehicle": pixels}


def test_a_frame_is_refused_that_shows_no_instance_on_more_than_a_hundred_pixels():
    for stuff, unknown in ((100, 0), (60, 40), (0, 100)):
        parts = [(label, count) for label, count in ((ROAD, stuff), (99, unknown)) if count]
        assert harmonize(row(*parts, meta=CAR)).tally.after == {}
        with pytest.raises(UserError, match="none of the 1 instances"):
            harmonize(row(*parts, (POLE, 1), meta=CAR))
    assert harmonize(row((ROAD, 101), (CAR, 1), meta=CAR)).tally.after == {CAR: 1}


def test_tallies_add_up(draw):
    total, one = Tally(), harmonize(Labels(*draw())).tally
    for _ in range(2):
        total.add(one)
    for name, counts in vars(one).items():
        assert getattr(total, name) == {key: 2 * count for key, count in counts.items()}


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
    group = (result.instance_ids == CAR).sum()
    assert result.tally.pixels["too_many"] == group == 4 * 2 + 1 and len(result.sources) == 1000


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
