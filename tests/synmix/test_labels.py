import numpy as np

from synmix.labels import CATEGORY_OF_LABEL, CLASS_NAMES, LABEL_IDS, VOID_LABEL_IDS, label_of


def test_the_eight_classes_of_the_paper():
    assert CLASS_NAMES == ("person", "rider", "car", "truck", "bus", "train", "motorcycle", "bicycle")
    assert LABEL_IDS == (24, 25, 26, 27, 28, 31, 32, 33)
    assert [CATEGORY_OF_LABEL[label] for label in LABEL_IDS] == list(range(8))


def test_void_is_what_evaluation_md_lists():
    assert VOID_LABEL_IDS == (0, 1, 2, 3, 4, 5, 6, 9, 10, 14, 15, 16, 18, 29, 30)


def test_label_of_instances_groups_and_stuff():
    assert label_of(np.array([26001, 26, 7, 33999, 0], np.uint16)).tolist() == [26, 26, 7, 33, 0]
