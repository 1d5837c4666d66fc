"""COCO-format data sets beside the built-in ones: read as Detectron2 reads them, mapped by name or by a table."""

import fnmatch
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from pycocotools import mask as mask_util

from synmix.compose.composition import CompositionSpec, compose
from synmix.data import coco, sources
from synmix.data.coco_categories import class_of_category
from synmix.data.segmentation import counts_of
from synmix.errors import UserError

SQUARE = [[2, 3, 12, 3, 12, 9, 2, 9]]


def label(identity, image_id=1, category_id=1, **keys):
    box = {"bbox": [2, 3, 10, 6], "area": 60, "segmentation": SQUARE, "iscrowd": 0}
    return {"id": identity, "image_id": image_id, "category_id": category_id, **box, **keys}


def image(identity, file_name):
    return {"id": identity, "file_name": file_name, "height": 20, "width": 30}


@pytest.fixture
def document():
    crowd = {"size": [20, 30], "counts": [0, 100, 500]}
    return {
        "images": [image(2, "b.png"), image(1, "a.png")],
        "categories": [{"id": 1, "name": "car"}, {"id": 7, "name": "pedestrian"}, {"id": 9, "name": "tree"}],
        "annotations": [
            label(11),
            label(12, image_id=2, category_id=7, area=None),
            label(13, category_id=9),
            label(14, image_id=2, iscrowd=1, segmentation=crowd, bbox=[0, 0, 5, 20], area=100),
            label(15, segmentation=[[1, 1, 2, 2]]),
        ],
    }


@pytest.fixture
def register(tmp_path, document, monkeypatch):
    """A function that writes the document and registers it; keys go to register_coco_format."""
    monkeypatch.setattr(sources, "_SOURCES", dict(sources._SOURCES))
    monkeypatch.setenv("DETECTRON2_DATASETS", str(tmp_path))
    for name in "ab":
        Image.new("RGB", (30, 20)).save(tmp_path / f"{name}.png")

    def write(**keys):
        (tmp_path / "labels.json").write_text(json.dumps(document))
        coco.register_coco_format("street", "labels.json", ".", "synthetic", **keys)
        return sources.source("street")

    return write


def test_categories_map_by_name_and_the_rest_is_left_out_and_told(register, capsys):
    table = register().table()
    assert table.frames["frame"].to_list() == ["a.png", "b.png"]
    rows = table.instances.select("frame", "instance_id", "category", "pixels", "crowd").rows()
    assert rows == [("a.png", 11, "car", 60, False), ("b.png", 14, "car", 100, True)]
    told = " ".join(capsys.readouterr().err.split())
    assert "left out 3 labels without a class or a shape" in told and "1 pedestrian" in told


def test_attributes_are_columns_and_labels_go_by_them(register, document):
    document["annotations"][0]["attributes"] = {"occluded": True, "truncated": 0.25, "colour": "red"}
    document["annotations"].append(label(20, attributes={"occluded": 0.5}))
    table = register().table().instances
    known = table.select("instance_id", "occluded", "truncated").rows()
    assert known == [(11, 1.0, 0.25), (20, 0.5, None), (14, None, None)]
    assert "distance" not in table.columns
    composition = compose(CompositionSpec(("street",), removal={"car": 50}, removal_by="occlusion"))
    assert 11 not in composition.parts[0].table.instances["instance_id"].to_list()


def test_categories_map_by_a_table(register):
    table = register(categories={"pedestrian": "person", "car": "car"}).table()
    persons = table.instances.filter(category="person")
    assert persons["pixels"].to_list() == [60]  # counted from the polygon, since the file gives no area
    assert persons.select("x_min", "y_min", "x_max", "y_max").row(0) == (2, 3, 12, 9)


@pytest.fixture
def cones(register, document):
    document["categories"] = [
        {"id": 1, "name": "blue_cone"}, {"id": 7, "name": "blue_cone_large"}, {"id": 9, "name": "orange_cone"},
    ]  # fmt: skip
    return register


def classes(source):
    return dict(source.table().instances.select("instance_id", "category").iter_rows())


def test_categories_map_by_patterns_and_an_exact_name_wins(cones):
    assert classes(cones(categories={"blue_*": "car"})) == {11: "car", 12: "car", 14: "car"}
    found = classes(cones(categories={"*cone*": "car", "blue_cone_large": "bus", "orange_con?": "car"}))
    assert found == {11: "car", 12: "bus", 13: "car", 14: "car"}


def test_a_name_that_looks_like_a_pattern_is_a_name(cones, document):
    document["categories"][0]["name"] = "blue*"
    assert classes(cones(categories={"blue*": "car"})) == {11: "car", 14: "car"}


@pytest.mark.parametrize(
    ("categories", "sentence"),
    [
        ({"blue*": "car", "red*": "bus"}, r"no category that matches 'red\*' to map; it has blue_cone, "),
        ({"blue*": "car", "*large": "bus"}, r"'blue_cone_large' .* matches 'blue\*' \(car\) and '\*large' \(bus\)"),
        ({"Blue*": "car"}, "no category that matches"),
    ],
)
def test_patterns_that_cannot_be_meant(cones, categories, sentence):
    with pytest.raises(UserError, match=sentence):
        cones(categories=categories).table()


@given(st.dictionaries(st.text("ab*?", min_size=1, max_size=3), st.sampled_from(["car", "bus"]), max_size=3))
def test_every_category_has_the_class_of_its_name_or_of_all_patterns_that_match(mapping):
    names = ["a", "b", "ab", "a*", "bba"]
    entries = [{"id": name, "name": name} for name in names]
    try:
        found = class_of_category(Path("x.json"), entries, tuple(mapping.items()), ("car", "bus"))
    except UserError as error:
        assert "x.json" in str(error)
        return
    for name in names:
        matching = {mapping[key] for key in mapping if fnmatch.fnmatchcase(name, key) and key not in names}
        assert {found[name]} == ({mapping[name]} if name in mapping else matching or {None})


def test_dicts_equal_detectron2s_own(register, tmp_path, document):
    from detectron2.data.datasets import load_coco_json
    from detectron2.structures import BoxMode

    for raw in document["annotations"]:
        raw["category_id"] = 1
    document["annotations"][0]["keypoints"] = [3, 4, 2, 8, 8, 0]
    source = register()
    ours = {record["image_id"]: record for record in source.dicts(source.table())}
    for theirs in load_coco_json(str(tmp_path / "labels.json"), str(tmp_path)):
        mine = ours[theirs["file_name"].split("/")[-1]]
        assert (mine["height"], mine["width"]) == (theirs["height"], theirs["width"])
        assert Path(mine["file_name"]).samefile(theirs["file_name"])
        assert len(mine["annotations"]) == len(theirs["annotations"])
        for a, b in zip(mine["annotations"], theirs["annotations"], strict=True):
            assert a["bbox"] == b["bbox"] and a["bbox_mode"] == b["bbox_mode"] == BoxMode.XYWH_ABS
            assert a["iscrowd"] == b["iscrowd"] and a.get("keypoints") == b.get("keypoints")
            assert a["category_id"] == 2  # car is the third class
            assert a["segmentation"] == b["segmentation"]


def test_a_part_of_the_table_gives_a_part_of_the_dicts(register):
    register(categories={"pedestrian": "person", "car": "car"})
    composition = compose(CompositionSpec(("street",), removal={"person": 100}))
    [record] = composition.dicts()  # the other image keeps only a group, and is left out
    assert [a["instance_id"] for a in record["annotations"]] == [11]
    assert record["dataset"] == "street" and np.all(mask_util.area(mask_util.frPyObjects(SQUARE, 20, 30)) == 60)


def test_a_changed_file_is_read_again(register, document):
    source = register()
    assert len(source.table().instances) == 2
    document["annotations"].append(label(99))
    assert len(register().table().instances) == 3


def test_either_role_from_the_config(register, tmp_path):
    register()
    entry = {"name": "other", "annotations": "labels.json", "images": ".", "domain": "real"}
    coco.register_all([{**entry, "categories": {"pedestrian": "person"}}])
    composition = compose(CompositionSpec(("other", "street"), removal={"car": 100}, drop_empty=False))
    assert [part.source.domain for part in composition.parts] == ["real", "synthetic"]
    assert composition.manifest()["labels_removed"] == 1


@pytest.mark.parametrize(
    "spoil, sentence",
    [
        (lambda d: d.pop("categories"), "has no list 'categories'"),
        (lambda d: d["images"][0].pop("width"), "image 2 of .* has no 'width'"),
        (lambda d: d["images"].append(d["images"][0]), "lists an image twice"),
        (
            lambda d: d["images"].append(image(5, "c.png")),
            "put them there, or take",
        ),
        (lambda d: d["annotations"].append(label(11)), "annotation id twice"),
        (lambda d: d["annotations"].append(label(20, image_id=77)), "unlisted image_id 77"),
        (lambda d: d["annotations"].append(label(20, category_id=77)), "unlisted category_id 77"),
        (lambda d: d["annotations"][0].pop("bbox"), "annotation 11 of .* has no 'bbox'"),
        (
            lambda d: d["annotations"][0].update(attributes={"occluded": 7}),
            r"annotation 11 of .* has the attributes .*'occluded': 7.*shares from 0 to 1",
        ),
        (lambda d: d.update(categories=[{"id": 1, "name": "auto"}]), r"none of the categories .*\(auto\)"),
    ],
)
def test_a_file_that_is_wrong(register, document, spoil, sentence):
    spoil(document)
    with pytest.raises(UserError, match=sentence):
        register().table()


def test_registering_costs_nothing_and_the_missing_file_is_told_on_use(monkeypatch):
    monkeypatch.setattr(sources, "_SOURCES", dict(sources._SOURCES))
    coco.register_coco_format("nowhere", "/nowhere/labels.json", "/nowhere", "real")
    with pytest.raises(UserError, match=r"expected the annotations of 'nowhere' in '/nowhere/labels\.json'"):
        sources.source("nowhere").table()


@pytest.mark.parametrize(
    "keys, sentence",
    [
        ({"domain": "fake"}, "has the domain 'fake'; give real or synthetic"),
        ({"categories": {"auto": "cra"}}, "maps to the unknown class 'cra'"),
        ({"color": 3}, "unknown key 'color'"),
        ({"name": None}, "lacks 'name'"),
    ],
)
def test_an_entry_that_cannot_be_meant(keys, sentence):
    entry = {"name": "x", "annotations": "x.json", "images": ".", "domain": "real", **keys}
    with pytest.raises(UserError, match=sentence):
        coco.register_all([{key: value for key, value in entry.items() if value is not None}])


def test_a_mapping_of_an_absent_category_is_told(register):
    with pytest.raises(UserError, match="has no category 'auto' to map; it has car, pedestrian, tree"):
        register(categories={"auto": "car", "pedestrian": "person"}).table()


def first(**keys):
    return lambda d: d["annotations"][0].update(keys)


@pytest.mark.parametrize(
    "spoil, sentence",
    [
        (
            first(segmentation={"size": [30, 20], "counts": [600]}),
            r"run lengths of the size \[30, 20\], but .*\[20, 30\]",
        ),
        (first(segmentation={"counts": [600]}), "run lengths of the size None"),
        (first(segmentation={"size": [20, 30], "counts": [700, -100]}), "cannot be read: counts must be whole numbers"),
        (first(segmentation={"size": [20, 30], "counts": [5]}), "run lengths of 5 pixels, but its image has 600"),
        (first(segmentation={"size": [20, 30], "counts": "\u00ff~"}), "cannot be read: the compressed text is damaged"),
        (first(segmentation={"size": [20, 30], "counts": "oooooooooooo0"}), "holds a number without end"),
        (first(segmentation="polygon"), "neither polygons"),
        (first(segmentation=[2, 3, 12, 3, 12, 9]), "neither polygons"),
        (first(segmentation=[[2, 3, 12, 3, 12, 9, 2]]), "has a polygon of .*give pairs"),
        (first(segmentation=[[2, 3, 12, "3", 12, 9]]), "has a polygon of .*give pairs"),
        (first(segmentation=[[2, 3, 400, 3, 400, 9]]), "has a polygon outside of its image of 30 x 20"),
        (first(bbox=[2, 3, 10]), r"has the bbox \[2, 3, 10\]; give a list of 4"),
        (first(bbox=["2", 3, 10, 6]), "has the bbox"),
        (first(bbox=[2, float("nan"), 10, 6]), "has the bbox"),
        (first(bbox=[2, 3, -10, 6]), "bbox of negative size"),
        (first(bbox=[2, 3, 1000, 6]), "bbox outside of its image"),
        (first(iscrowd="yes"), "has the iscrowd 'yes'; give 0 or 1"),
        (first(iscrowd=2), "has the iscrowd 2"),
        (first(area="60"), "has the area '60'"),
        (first(area=float("nan")), "has the area nan"),
        (first(keypoints=[1, 2]), "keypoints that are not x, y and visibility"),
        (first(keypoints=[1, 2, 7]), "keypoints that are not x, y and visibility"),
        (first(id="11"), "annotation '11' of .* has the id '11'; give a whole number"),
        (first(id=10**30), "has the id 1000"),
        (first(id=True), "has the id True"),
        (first(image_id="1"), "names the unlisted image_id '1'"),
        (first(category_id=[1]), r"has the category_id \[1\]"),
        (lambda d: d["annotations"].append("label"), "lists 'label' where"),
        (lambda d: d["images"][0].update(height=21), r"says that '.*b\.png' is 30 x 21 pixels, but it is 30 x 20"),
        (lambda d: d["images"][0].update(width="30"), "has the width '30'"),
        (lambda d: d["images"][0].update(file_name=3), "has the file_name 3"),
        (lambda d: d["images"][0].update(id=[3]), "has the id"),
        (lambda d: d["categories"].append({"id": 1, "name": "bus"}), "gives a category id twice"),
        (lambda d: d["categories"].append({"id": 5}), "category 5 of .* has no 'name'"),
    ],
)
def test_odd_values_name_the_entry(register, document, spoil, sentence):
    spoil(document)
    with pytest.raises(UserError, match=rf"labels\.json'.*{sentence}|{sentence}"):
        register().table()


@pytest.mark.parametrize(
    "entry", ["street", {"name": 3}, {"name": "x", "categories": ["car"]}, {"name": "x", "images": None}]
)
def test_an_entry_of_the_wrong_shape(entry):
    with pytest.raises(UserError, match=r"DATASETS\.COCO"):
        coco.register_all([entry])


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 40), min_size=1, max_size=30).filter(lambda counts: sum(counts) > 0))
def test_compressed_counts_are_read_as_pycocotools_writes_them(counts):
    packed = mask_util.frPyObjects({"size": [1, sum(counts)], "counts": counts}, 1, sum(counts))
    assert counts_of(packed["counts"]).tolist() == counts
