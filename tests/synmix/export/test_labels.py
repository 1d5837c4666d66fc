"""Labels out and in again: an export, registered by DATASETS.COCO, is the same instance table; others read it too."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image
from pycocotools.coco import COCO

from synmix.compose.composition import CompositionSpec, compose
from synmix.data import coco, sources
from synmix.data.attributes import ATTRIBUTES
from synmix.data.cityscapes import frame_paths
from synmix.data.images import read_instance_map
from synmix.errors import UserError
from synmix.export.labels import composition_labels, data_set_labels, write_export
from synmix.labels import CLASS_NAMES, label_of

REAL, SYNTHETIC = "mini_cityscapes_instance_val", "mini_synscapes_instance_train"
COLUMNS = ("category", "pixels", "x_min", "y_min", "x_max", "y_max", "crowd")
#: Road, void, groups, instances, and classes that are not evaluated.
VALUES = [0, 7, 24, 26, 24000, 24001, 25000, 26000, 26001, 29000, 33007]


@pytest.fixture(autouse=True)
def _sources(monkeypatch):
    monkeypatch.setattr(sources, "_SOURCES", dict(sources._SOURCES))


@pytest.fixture
def mini(mini_root, monkeypatch):
    monkeypatch.setenv("DETECTRON2_DATASETS", str(mini_root))
    return mini_root


def come_back(file: Path, images: Path, name="again"):
    """The export as a data set of its own."""
    coco.register_all([{"name": name, "annotations": str(file), "images": str(images), "domain": "real"}])
    return sources.source(name)


def rows(table):
    """What must be equal, by image: a COCO data set calls frames by their files."""
    frames = {frame: Path(image).resolve().name for frame, image in table.frames.select("frame", "image").iter_rows()}
    known = [column for column in (*COLUMNS, *ATTRIBUTES) if column in table.instances.columns]
    columns = table.instances.select("frame", *known).iter_rows()
    return sorted((frames[frame], *rest) for frame, *rest in columns)


@pytest.mark.parametrize("shape", ["rle", "polygons"])
@pytest.mark.parametrize("name", [REAL, SYNTHETIC])
def test_there_and_back(mini, tmp_path, name, shape):
    written, folder = write_export(data_set_labels(name), tmp_path / "labels.json", shape, num_workers=1)
    before, back = sources.source(name).table(), come_back(tmp_path / "labels.json", folder)
    assert rows(back.table()) == rows(before)
    assert back.table().instances.columns == before.instances.columns
    assert (written.images, written.annotations) == (len(before.frames), len(before.instances))
    assert written.groups == before.instances["crowd"].sum()
    for record in back.dicts(back.table())[:3]:
        assert Path(record["file_name"]).is_file()


@pytest.mark.parametrize("shape", ["rle", "polygons"])
def test_a_second_time_and_from_coco_itself(mini, tmp_path, shape):
    _, folder = write_export(data_set_labels(REAL), tmp_path / "once.json", shape, num_workers=1)
    come_back(tmp_path / "once.json", folder)
    write_export(data_set_labels("again"), tmp_path / "twice.json", shape, num_workers=1)
    other = "polygons" if shape == "rle" else "rle"
    write_export(data_set_labels("again"), tmp_path / "other.json", other, num_workers=1)
    once, twice, third = (COCO(str(tmp_path / f"{name}.json")) for name in ("once", "twice", "other"))
    for key in once.anns:
        assert {**once.anns[key], "instance_id": 0} == {**twice.anns[key], "instance_id": 0}
        assert np.array_equal(once.annToMask(once.anns[key]), third.annToMask(third.anns[key]))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    instance_map=arrays(np.uint16, st.tuples(st.integers(1, 12), st.integers(1, 12)), elements=st.sampled_from(VALUES))
)
@pytest.mark.parametrize("shape", ["rle", "polygons"])
def test_any_map_there_and_back(tmp_path_factory, shape, instance_map):
    root = tmp_path_factory.mktemp("drawn")
    frame = frame_paths(root, "train", "ulm_000000_000019")
    for path in (frame.image, frame.instance_map):
        path.parent.mkdir(parents=True)
    cv2.imwrite(str(frame.image), np.zeros((*instance_map.shape, 3), np.uint8))
    cv2.imwrite(str(frame.instance_map), instance_map)
    cv2.imwrite(str(frame.label_map), label_of(instance_map).astype(np.uint8))
    sources.register_cityscapes_format("drawn", root, "train", "real")
    written, folder = write_export(data_set_labels("drawn"), root / "labels.json", shape, num_workers=1)
    back = come_back(root / "labels.json", folder)
    assert rows(back.table()) == rows(sources.source("drawn").table())
    api = COCO(str(root / "labels.json"))
    assert len(api.anns) == written.annotations
    for annotation in api.anns.values():
        assert np.array_equal(api.annToMask(annotation), instance_map == annotation["instance_id"])


def test_equal_input_gives_equal_bytes_on_any_number_of_processes(mini, tmp_path):
    for workers in (1, 2):
        write_export(data_set_labels(SYNTHETIC), tmp_path / f"{workers}.json", num_workers=workers)
    assert (tmp_path / "1.json").read_bytes() == (tmp_path / "2.json").read_bytes()
    assert str(tmp_path) not in (tmp_path / "1.json").read_text() and str(mini) not in (tmp_path / "1.json").read_text()


@pytest.mark.parametrize("drop_empty", [True, False])
def test_what_is_trained_on(mini, tmp_path, drop_empty):
    spec = CompositionSpec(
        (REAL, SYNTHETIC), images=(3, 6), repeat=(2, 1), removal={"default": 80}, drop_empty=drop_empty
    )
    chosen = compose(spec)
    written, folder = write_export(composition_labels(chosen, "mixture.yaml"), tmp_path / "a.json", num_workers=1)
    document = json.loads((tmp_path / "a.json").read_text())
    trained = {record["file_name"]: record["annotations"] for record in chosen.dicts()}
    assert {folder / image["file_name"] for image in document["images"]} == {Path(name).resolve() for name in trained}
    assert written.annotations == sum(map(len, trained.values()))
    assert document["info"]["composition"]["checksum"] == chosen.manifest()["checksum"]
    assert [entry["repeat"] for entry in document["info"]["data_sets"]] == [2, 1]
    assert {image["data_set"] for image in document["images"]} == {REAL, SYNTHETIC}
    only, _ = write_export(composition_labels(chosen, "m.yaml", SYNTHETIC), tmp_path / "b.json", num_workers=1)
    assert only.annotations == sum(len(each) for name, each in trained.items() if "synscapes" in name)
    with pytest.raises(UserError, match=r"'m\.yaml' does not train on 'elsewhere'; it trains on mini_cityscapes"):
        composition_labels(chosen, "m.yaml", "elsewhere")


def test_keypoints_come_back_as_they_were(tmp_path):
    Image.new("RGB", (30, 20)).save(tmp_path / "a.png")
    entry = {"id": 5, "image_id": 1, "category_id": 1, "bbox": [2, 3, 10, 6.5], "area": 65, "iscrowd": 0}
    document = {
        "images": [{"id": 1, "file_name": "a.png", "height": 20, "width": 30}],
        "categories": [{"id": 1, "name": "car"}],
        "annotations": [{**entry, "keypoints": [3, 4, 2, 8.25, 8, 1, 0, 0, 0]}],
    }
    (tmp_path / "points.json").write_text(json.dumps(document))
    come_back(tmp_path / "points.json", tmp_path, "points")
    write_export(data_set_labels("points"), tmp_path / "again.json", num_workers=1)
    [found] = json.loads((tmp_path / "again.json").read_text())["annotations"]
    assert found["keypoints"] == [3, 4, 2, 8.25, 8, 1, 0, 0, 0] and found["num_keypoints"] == 2
    assert found["bbox"] == [2, 3, 10, 6.5] and found["area"] == 65 and "segmentation" not in found


def test_file_names_start_where_they_are_wanted(mini, tmp_path):
    export = data_set_labels(SYNTHETIC)
    _, folder = write_export(export, tmp_path / "a.json", images=mini, num_workers=1)
    document = json.loads((tmp_path / "a.json").read_text())
    assert folder == mini and document["images"][0]["file_name"].startswith("mini/synscapes_harmonized/leftImg8bit/")
    assert document["info"]["images"] == "."
    with pytest.raises(UserError, match="does not lie below"):
        write_export(export, tmp_path / "a.json", images=tmp_path, num_workers=1)


@pytest.mark.parametrize("name", [REAL, "mini_synscapes_instance_val"])
@pytest.mark.parametrize("shape", ["rle", "polygons"])
def test_supervision_reads_it(mini, tmp_path, name, shape):
    supervision = pytest.importorskip("supervision")
    _, folder = write_export(data_set_labels(name), tmp_path / "labels.json", shape, num_workers=1)
    found = supervision.DetectionDataset.from_coco(str(folder), str(tmp_path / "labels.json"), force_masks=True)
    assert found.classes == list(CLASS_NAMES)
    source = sources.source(name)
    for record in source.dicts(source.table()):
        _, image, detections = next(entry for entry in found if Path(entry[0]).samefile(record["file_name"]))
        instance_map = read_instance_map(record["instance_map"])
        assert image.shape[:2] == instance_map.shape and len(detections) == len(record["annotations"])
        for annotation, category, mask in zip(record["annotations"], detections.class_id, detections.mask, strict=True):
            assert category == annotation["category_id"]
            true = instance_map == annotation["instance_id"]
            if shape == "rle":
                assert np.array_equal(mask, true)
            else:  # OpenCV fills a polygon's edge too, so that what it fills is larger
                assert (mask | ~true).all()
