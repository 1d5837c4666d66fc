"""The registered data sets: splits by group, one order of points for both, and a composition of them."""

import json

import pytest

from synmix.compose.composition import CompositionSpec, compose
from synmix.data.sources import source
from synmix.errors import UserError
from vehicle_keypoints.schemas import CARFUSION, CITYSAMPLE
from vehicle_keypoints.sources import dicts_of, frames_of, registered_frames


@pytest.mark.parametrize("dataset", ["carfusion", "citysample"])
def test_no_group_straddles_two_splits(dataset, keypoint_datasets):
    groups = {
        split: {frame.group for frame in frames_of(dataset, f"mini/{dataset}", split, CARFUSION).values()}
        for split in ("train", "val", "test")
    }
    assert all(groups.values())
    assert not (groups["train"] & groups["val"] or groups["train"] & groups["test"] or groups["val"] & groups["test"])


def test_both_sets_agree_on_points_flip_map_and_classes_in_either_schema(keypoint_datasets):
    for count, schema in ((14, CARFUSION), (24, CITYSAMPLE)):
        sets = [source(f"mini_{name}_{count}pt_train") for name in ("carfusion", "citysample")]
        for each in sets:
            assert each.metadata["keypoint_names"] == list(schema.points)
            assert dict(each.metadata["keypoint_flip_map"]) == dict(schema.flip_map)
            record = each.dicts(each.table())[0]
            assert all(len(annotation["keypoints"]) == 3 * count for annotation in record["annotations"])
        assert [each.domain for each in sets] == ["real", "synthetic"]


def test_the_ten_points_that_carfusion_lacks_are_unlabelled(keypoint_datasets):
    padded = source("mini_carfusion_24pt_val")
    for record in padded.dicts(padded.table()):
        for annotation in record["annotations"]:
            assert not any(annotation["keypoints"][3 * 14 :])


def test_a_part_of_the_table_gives_a_part_of_the_dicts(keypoint_datasets):
    whole = source("mini_citysample_14pt_train")
    table = whole.table()
    frames = frames_of("citysample", "mini/citysample", "train", CARFUSION)
    fewer = type(table)(table.name, table.frames[:3], table.instances[1:])
    records = dicts_of(fewer, frames)
    assert len(records) == 3
    first = table.instances["frame"][0]
    before = [record for record in whole.dicts(table) if record["image_id"] == first]
    after = [record for record in records if record["image_id"] == first]
    assert len(after[0]["annotations"]) == len(before[0]["annotations"]) - 1


def test_the_identity_flip_set_says_so_and_is_the_only_one(keypoint_datasets):
    _, schema, flip = registered_frames("mini_carfusion_14pt_identity_flip_train")
    assert flip == list(range(14))
    assert registered_frames("mini_carfusion_14pt_train")[2] == list(schema.flip_index)
    with pytest.raises(UserError, match="has no vehicle keypoints"):
        registered_frames("mini_cityscapes_instance_train")


def test_one_hundred_frames_are_nested_and_oversampled(keypoint_datasets):
    from synmix.config import get_config

    def chosen(images):
        cfg = get_config()
        cfg.DATASETS.TRAIN = ("mini_carfusion_14pt_train", "mini_citysample_14pt_train")
        cfg.DATASETS.IMAGES, cfg.DATASETS.REPEAT = (images, -1), (8, 1)
        composition = compose(CompositionSpec.from_config(cfg))
        return composition, set(composition.parts[0].table.frames["frame"].to_list())

    (small, few), (_, more) = chosen(10), chosen(20)
    assert few < more and len(few) == 10
    synthetic = len(small.parts[1].table.frames)
    assert small.num_images == 80 + synthetic
    assert small.manifest()


def test_missing_data_says_which_folder_and_how_to_get_it(tmp_path, monkeypatch):
    monkeypatch.setenv("DETECTRON2_DATASETS", str(tmp_path))
    with pytest.raises(UserError, match=r"carfusion', but there is no such folder\. Put CarFusion there"):
        source("carfusion_14pt_train").table()
    with pytest.raises(UserError, match=r"make_mini\.py --vehicles"):
        source("mini_citysample_24pt_train").table()


def test_a_frame_that_is_listed_twice_is_refused(keypoint_datasets, tmp_path, monkeypatch):
    root = tmp_path / "mini/citysample"
    (root / "annotations").mkdir(parents=True)
    (root / "images").symlink_to(keypoint_datasets / "citysample/images")
    data = json.loads((keypoint_datasets / "citysample/annotations/coco.json").read_text())
    data["images"].append({**data["images"][0], "id": 10_000})
    (root / "annotations/coco.json").write_text(json.dumps(data))
    monkeypatch.setenv("DETECTRON2_DATASETS", str(tmp_path))
    with pytest.raises(UserError, match=r"holds the frame '.*' 2 times; remove the copies"):
        source("mini_citysample_24pt_train").table()
