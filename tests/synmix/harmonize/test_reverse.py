"""Real Cityscapes shapes, merged as Synscapes merges, come back; and what cannot come back is known."""

import cv2
import numpy as np
import pytest

from synmix.data.cityscapes import list_frames
from synmix.data.described import described
from synmix.data.frame_labels import Labels
from synmix.data.images import read_instance_map, read_label_map
from synmix.data.synscapes import instance_colors
from synmix.harmonize.contacts import borders, vehicles_of_riders
from synmix.harmonize.relabel import harmonize
from synmix.harmonize.reverse import counterparts, to_synscapes, vehicle_of_each_rider
from synmix.labels import INSTANCE_FACTOR, RIDER, label_of

CODING = described("synscapes").maps[1].codings[0]  # of instance maps


def two_riders_on_one_bicycle() -> np.ndarray:
    instance_ids = np.full((9, 12), 7, np.uint16)
    instance_ids[5:8, 1:8] = 33000
    instance_ids[2:5, 1:4], instance_ids[2:5, 5:8] = 25000, 25001
    instance_ids[1:4, 10:12] = 25002  # touches nothing
    return instance_ids


def test_borders_count_the_edges_between_ids():
    assert borders(np.array([[1, 1, 0], [2, 1, 3], [2, 2, 3]], np.uint16)) == {(1, 2): 3, (1, 3): 1, (2, 3): 1}


def test_riders_find_their_vehicle():
    assert vehicles_of_riders(two_riders_on_one_bicycle()) == {25000: [33000], 25001: [33000], 25002: []}


def test_a_rider_takes_the_vehicle_with_the_longest_border():
    instance_ids = np.array([[32000, 25000, 33000], [7, 25000, 33000]], np.uint16)
    assert vehicle_of_each_rider(instance_ids) == {25000: 33000}


def test_riders_that_share_a_vehicle_come_back_as_one():
    original = two_riders_on_one_bicycle()
    result = harmonize(to_synscapes(original, label_of(original).astype(np.uint8))).instance_ids
    assert counterparts(original, result) == {33000: 33000, 25002: 25000}


@pytest.mark.parametrize("size", [(2048, 1024), (1440, 720)], ids=["full", "synscapes"])
def test_real_labels_come_back(samples_root, tmp_path, size):
    """Every instance of the eight frames comes back exactly but riders that share a vehicle (there are none here)."""
    total, back, riders_merged = 0, 0, 0
    for frame in list_frames(samples_root / "cityscapes", "train"):
        original, label_ids = read_instance_map(frame.instance_map), read_label_map(frame.label_map)
        original, label_ids = (
            cv2.resize(m, size, interpolation=cv2.INTER_NEAREST_EXACT) for m in (original, label_ids)
        )
        labels = to_synscapes(original, label_ids)
        cv2.imwrite(str(tmp_path / "1.png"), instance_colors(labels.instance_ids))
        labels = Labels(label_ids, CODING.id_of(CODING.read(tmp_path / "1.png")), labels.classes)
        assert not any(label == RIDER for label in labels.classes.values())
        result = harmonize(labels)
        assert np.array_equal(result.label_ids, label_ids)
        shared = [rider for rider, vehicle in vehicle_of_each_rider(original).items() if _is_shared(original, vehicle)]
        instances = {int(value) for value in np.unique(original) if value >= INSTANCE_FACTOR}
        assert set(counterparts(original, result.instance_ids)) == instances - set(shared)
        total, back = total + len(instances), back + len(counterparts(original, result.instance_ids))
        riders_merged += len(vehicle_of_each_rider(original))
    assert (total, back, riders_merged) == (124, 124, 2)


def _is_shared(instance_ids: np.ndarray, vehicle: int) -> bool:
    return list(vehicle_of_each_rider(instance_ids).values()).count(vehicle) > 1
