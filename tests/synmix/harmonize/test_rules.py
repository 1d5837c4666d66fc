"""The rules are data: complete, without duplicates, and every choice does what its table says."""

from collections import Counter

import numpy as np
import pytest

from synmix.data.frame_labels import Labels
from synmix.errors import UserError
from synmix.harmonize.relabel import harmonize
from synmix.harmonize.rules import ACTIONS, KNOWN_LABELS, RULES, SITUATIONS, choose, table
from synmix.labels import INSTANCE_LABELS

ROAD, POLE, PERSON, RIDER, CAR, BUS, CARAVAN, BICYCLE = 7, 17, 24, 25, 26, 28, 29, 33
GROUP, VOID = "group", 0
#: rule -> (pixel row of class map, pixel row of ids, meta, the pixel asked about, {choice: its label id, instance id})
SCENES = {
    "rider_on_vehicle": (
        [BICYCLE] * 20 + [RIDER] * 20,
        [3300001] * 40,
        {3300001: BICYCLE},
        -1,
        {"split": (RIDER, 25000), "parts": (RIDER, 25000), "keep": (BICYCLE, 33000)},
    ),
    "rider_sliver": (
        [BICYCLE] * 20 + [RIDER] * 2,
        [3300001] * 22,
        {3300001: BICYCLE},
        -1,
        {"split": (RIDER, 25000), "plain": (RIDER, RIDER), "keep": (BICYCLE, 33000)},
    ),
    "rider_without_vehicle": (
        [RIDER] * 20,
        [3300001] * 20,
        {3300001: BICYCLE},
        -1,
        {"split": (RIDER, 25000), "plain": (RIDER, RIDER), "keep": (BICYCLE, 33000)},
    ),
    "vehicle_without_rider": (
        [BICYCLE] * 20,
        [3300001] * 20,
        {3300001: BICYCLE},
        -1,
        {"keep": (BICYCLE, 33000), "plain": (BICYCLE, BICYCLE)},
    ),
    "person_on_vehicle": (
        [BICYCLE] * 20 + [PERSON] * 20,
        [3300001] * 40,
        {3300001: BICYCLE},
        -1,
        {"split": (PERSON, 24000), "rider": (RIDER, 25000), "plain": (PERSON, PERSON), "keep": (BICYCLE, 33000)},
    ),
    "rider_elsewhere": (
        [PERSON] * 20 + [RIDER] * 20,
        [2400001] * 40,
        {2400001: PERSON},
        -1,
        {"split": (RIDER, 25000), "plain": (RIDER, RIDER), "keep": (PERSON, 24000)},
    ),
    "sliver_elsewhere": (
        [CAR] * 20 + [RIDER] * 2,
        [2600001] * 22,
        {2600001: CAR},
        -1,
        {"plain": (RIDER, RIDER), "split": (RIDER, 25000), "keep": (CAR, 26000)},
    ),
    "other_thing_inside": (
        [CAR] * 20 + [BUS] * 5,
        [2600001] * 25,
        {2600001: CAR},
        -1,
        {"plain": (BUS, BUS), "split": (BUS, 28000), "keep": (CAR, 26000), "void": (VOID, VOID)},
    ),
    "stuff_inside": (
        [CAR] * 20 + [POLE] * 5,
        [2600001] * 25,
        {2600001: CAR},
        -1,
        {"plain": (POLE, POLE), "keep": (CAR, 26000), "void": (VOID, VOID)},
    ),
    "class_disagrees": (
        [CAR] * 2 + [BUS] * 20,
        [2600001] * 22,
        {2600001: CAR},
        -1,
        {"split": (BUS, 28000), "keep": (CAR, 26000), "plain": (BUS, BUS)},
    ),
    "id_not_in_meta": (
        [CAR] * 20,
        [2600001] * 20,
        {},
        -1,
        {"split": (CAR, 26000), "plain": (CAR, CAR), "void": (VOID, VOID)},
    ),
    "thing_without_id": (
        [CAR] * 20,
        [0] * 20,
        {},
        -1,
        {"plain": (CAR, CAR), "parts": (CAR, 26000), "void": (VOID, VOID)},
    ),
    "ignored_class": (
        [CARAVAN] * 20,
        [2900001] * 20,
        {2900001: CARAVAN},
        -1,
        {"split": (CARAVAN, 29000), "plain": (CARAVAN, CARAVAN)},
    ),
    "unknown_label": (
        [CAR] * 20 + [255] * 5,
        [2600001] * 25,
        {2600001: CAR},
        -1,
        {"void": (VOID, VOID), "error": None},
    ),
}


def test_names_and_actions_of_the_rules_are_unique_and_known():
    names = [rule.name for rule in RULES]
    assert len(names) == len(set(names))
    for rule in RULES:
        assert set(rule.choices) <= set(ACTIONS) and len(rule.choices) == len(set(rule.choices)), rule.name
        assert rule.situation and rule.why.endswith(".")
        assert rule.name in table()
    assert set(ACTIONS) == {action for rule in RULES for action in rule.choices}, "an action that no rule offers"


def test_every_mixture_of_classes_has_a_rule():
    names = {rule.name for rule in RULES}
    for home in KNOWN_LABELS:
        for found in KNOWN_LABELS:
            assert next(name for homes, founds, name in SITUATIONS if home in homes and found in founds) in names
    assert RIDER in INSTANCE_LABELS and CARAVAN in INSTANCE_LABELS and POLE not in INSTANCE_LABELS


def test_every_rule_with_a_choice_has_a_scene_for_each_choice():
    for rule in RULES:
        if len(rule.choices) > 1:
            assert set(SCENES[rule.name][-1]) == set(rule.choices), rule.name


@pytest.mark.parametrize(("name", "action"), [(name, action) for name in SCENES for action in SCENES[name][-1]])
def test_choice_does_what_the_table_says(name, action):
    classes, ids, meta, pixel, expected = SCENES[name]
    labels = Labels(np.array([classes], np.uint8), np.array([ids], np.uint32), meta)
    if expected[action] is None:
        with pytest.raises(UserError, match="no Cityscapes labelId"):
            harmonize(labels, {name: action})
        return
    result = harmonize(labels, {name: action})
    assert (result.label_ids[0, pixel], result.instance_ids[0, pixel]) == expected[action]
    met = {name: sum(value == classes[pixel] for value in classes)}
    if name == "person_on_vehicle":
        met["vehicle_without_rider"] = 20
    if name == "class_disagrees" and action != "keep":
        met["other_thing_inside"] = 2  # what is left of the declared class
    assert result.tally.pixels == Counter(met) and result.tally.cases == Counter(met.keys())


def test_unknown_rules_and_choices_get_a_sentence():
    with pytest.raises(UserError, match="unknown rule 'rider'"):
        choose({"rider": "split"})
    with pytest.raises(UserError, match="choose one of split, parts, keep"):
        choose({"rider_on_vehicle": "void"})
