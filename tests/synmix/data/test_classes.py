"""A data set seen as having the classes of a config: what stays, under which number, and what cannot be meant."""

from functools import partial

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synmix.compose.composition import CompositionSpec, compose
from synmix.compose.manifest_text import summary
from synmix.data import classes, sources
from synmix.data.sources import DataSource
from synmix.data.table import FRAME_SCHEMA, INSTANCE_SCHEMA, InstanceTable
from synmix.errors import UserError
from synmix.evaluate.ground_truth import MapGroundTruth
from synmix.evaluators import figures_of
from synmix.labels import CLASS_NAMES, COLORS, colors_of

SCENE = {"car": 3, "bus": 2, "person": 1}  # labels in each frame


def table_of(name, labels=SCENE, frames=4):
    names = [f"{name}_{index}" for index in range(frames)]
    frame_rows = [(each, f"{each}.png", f"{each}_ids.png", 32, 64) for each in names]
    rows = [
        (frame, 1000 * (place + 24) + number, category, 50 + number, 0, 0, 8, 8, False)
        for frame in names
        for place, (category, count) in enumerate(labels.items())
        for number in range(count)
    ]
    return InstanceTable(
        name,
        pl.DataFrame(frame_rows, schema=FRAME_SCHEMA, orient="row"),
        pl.DataFrame(rows, schema=INSTANCE_SCHEMA, orient="row"),
    )


@pytest.fixture
def member(monkeypatch):
    """Registers a data set by name; its dicts number the classes that it has."""
    monkeypatch.setattr(sources, "_SOURCES", dict(sources._SOURCES))

    def register(name="town", labels=SCENE, own=None, domain="synthetic", **keys):
        table = table_of(name, labels)
        metadata = {} if own is None else {"thing_classes": list(own)}
        dicts = sources.to_dicts if own is None else partial(dicts_of, own=tuple(own))
        found = DataSource(name, domain, lambda: table, dicts, metadata, **keys)
        sources.register(found)
        return found

    return register


def dicts_of(table, own):
    frames = table.frames["frame"].to_list()
    rows = table.instances.select("frame", "category").rows()
    annotations = {frame: [{"category_id": own.index(kind)} for at, kind in rows if at == frame] for frame in frames}
    return [{"image_id": frame, "annotations": annotations[frame]} for frame in frames]


def test_no_classes_leave_a_data_set_as_it_is(member):
    town = member()
    assert classes.seen_as(town, ()) is town and town.classes == CLASS_NAMES


@settings(max_examples=60, deadline=None)
@given(
    own=st.lists(st.sampled_from("abcdef"), min_size=1, unique=True),
    wanted=st.lists(st.sampled_from("abcdefgh"), min_size=1, unique=True),
    missing=st.sets(st.sampled_from("abc")),
)
def test_a_view_has_the_wanted_classes_under_their_new_numbers(own, wanted, missing):
    labels = {name: place + 1 for place, name in enumerate(own)}
    table = table_of("any", labels, frames=2)
    whole = DataSource(
        "any",
        "real",
        lambda: table,
        partial(dicts_of, own=tuple(own)),
        {"thing_classes": own},
        tuple(name for name in own if name in missing),
    )
    seen = classes.seen_as(whole, wanted)
    assert seen.classes == tuple(wanted) and len(set(seen.metadata["thing_colors"])) == len(wanted)
    both = [name for name in wanted if name in own]
    assert set(seen.missing) == {name for name in wanted if name not in own or name in missing}
    counted = seen.table().instances["category"].value_counts()
    assert dict(counted.iter_rows()) == {name: 2 * labels[name] for name in both}
    for record in seen.dicts(table):  # also of a table that holds the others
        named = [wanted[annotation["category_id"]] for annotation in record["annotations"]]
        assert {name: named.count(name) for name in set(named)} == {name: labels[name] for name in both}
    left = classes.left_out(whole, wanted, ["any_0"])
    assert left == {name: labels[name] for name in sorted(set(own) - set(wanted))}


def test_a_composition_has_them_counts_the_others_and_removes_by_class(member):
    member()
    spec = CompositionSpec(("town",), classes=("car", "person"), removal={"car": 50, "bus": 30})
    composition = compose(spec)
    part = composition.parts[0]
    assert part.left_out == {"bus": 8} and part.source.classes == ("car", "person")
    assert {report.category: report.removed for report in part.removal} == {"person": 0, "car": 6}
    numbers = [annotation["category_id"] for record in composition.dicts() for annotation in record["annotations"]]
    assert sorted(numbers) == [0] * 6 + [1] * 4
    manifest = composition.manifest()
    assert "DATASETS.CLASSES does not name: 8 bus" in summary(manifest)
    whole = compose(CompositionSpec(("town",))).manifest()
    assert "left_out_classes" not in whole["data_sets"][0] and whole["checksum"] != manifest["checksum"]


def test_sets_of_other_classes_mix_in_what_is_named_and_what_one_lacks_is_missing(member):
    member("town", domain="real")
    member("track", {"cone": 2, "car": 1}, own=("cone", "car"))
    with pytest.raises(UserError, match=r"name those to train on in DATASETS.CLASSES"):
        compose(CompositionSpec(("town", "track")))
    mixed = compose(CompositionSpec(("town", "track"), classes=("cone", "car", "bus"), removal={"cone": 50}))
    assert [part.source.missing for part in mixed.parts] == [("cone",), ("bus",)]
    assert [part.left_out for part in mixed.parts] == [{"person": 4}, {}]
    first, second, *_ = mixed.warnings()
    assert first.startswith("'town' does not label 'cone'") and second.startswith("'track' does not label 'bus'")
    numbers = [annotation["category_id"] for annotation in mixed.dicts()[-1]["annotations"]]
    assert set(numbers) <= {0, 1}


def test_a_known_class_that_nobody_labels_is_a_warning(member):
    member(missing=("rider",))
    composition = compose(CompositionSpec(("town",), classes=("car", "rider")))
    assert "no data set of DATASETS.TRAIN labels 'rider', so that this cannot be learnt." in composition.warnings()


@pytest.mark.parametrize(
    ("wanted", "sentence"),
    [
        (("car", "preson"), "'preson', which no data set has. Did you mean 'person'.*Known: person, rider"),
        (("cone",), r"'cone', which no data set has\..*'categories' of DATASETS.COCO"),
        (("Car ",), "'Car ', which no data set has. Did you mean 'car'"),
    ],
)
def test_a_class_that_no_data_set_has(member, wanted, sentence):
    member()
    with pytest.raises(UserError, match=sentence):
        compose(CompositionSpec(("town",), classes=wanted))


def test_a_removal_of_a_class_that_nobody_knows(member):
    member()
    compose(CompositionSpec(("town",), classes=("car",), removal={"person": 60}))  # of a config that is the base
    with pytest.raises(UserError, match=r"DATASETS\.REMOVAL names the unknown class 'cone'"):
        compose(CompositionSpec(("town",), classes=("car",), removal={"cone": 60}))


def test_other_classes_are_to_the_metric_what_a_road_is():
    ids = np.full((20, 30), 7, dtype=np.uint16)
    ids[:5, :5], ids[:5, 10:15], ids[10:15, :5], ids[10:15, 10:15] = 26001, 28001, 24001, 3
    ids[16:, 16:] = 26  # a group
    truth = MapGroundTruth(ids, classes=("person", "car"))
    category = dict(zip(truth.regions.ids.tolist(), truth.regions.categories.tolist(), strict=True))
    assert category == {26001: 1, 26: 1, 28001: -1, 24001: 0, 3: -1, 7: -1}
    void = dict(zip(truth.regions.ids.tolist(), truth.regions.void.tolist(), strict=True))
    assert void == {26001: False, 26: False, 28001: False, 24001: False, 3: True, 7: False}


def test_figures_are_those_of_the_classes(member):
    figures = figures_of(member(), ("car", "person"))
    assert set(figures) == {"AP", "AP50", "AP-car", "AP-person", "AP50-car", "AP50-person"}


def test_any_number_of_classes_has_distinct_colours():
    names = [f"class {number}" for number in range(60)]
    colors = colors_of([*names, *CLASS_NAMES])
    assert len(set(colors)) == 60 + len(set(COLORS)) and colors[60:] == COLORS
    assert all(0 <= channel <= 255 for color in colors for channel in color)
    assert colors_of(("bus", "cone"))[0] == COLORS[CLASS_NAMES.index("bus")]
