"""Three layouts of the same drawn scenes read alike, and each kind of bad input gets its sentence."""

import json

import numpy as np
import pytest

from miniature.vehicles.write import SCENES, Miniature, write_miniature
from synmix.errors import UserError
from vehicle_keypoints.frames import VehicleFrame, box_of_points, check_frame, split_of_groups, to_points
from vehicle_keypoints.readers.carfusion import read_carfusion, read_frame
from vehicle_keypoints.readers.coco import group_of, read_coco
from vehicle_keypoints.readers.yolo import read_description, read_yolo
from vehicle_keypoints.schemas import CARFUSION, CITYSAMPLE


@pytest.fixture(scope="module")
def layouts(keypoints_root):
    """The real miniature's training scenes by frame name, from its three layouts."""
    root = keypoints_root / "carfusion"
    train = {scene for scene, split in SCENES.items() if split == "train"}
    raw = read_carfusion(root / "train", num_workers=1)
    coco = read_coco(root / "annotations/car_keypoints_train.json", root / "train", CARFUSION)
    yolo = read_yolo(root / "yolo", "train", CARFUSION)
    found = [{frame.name: frame for frame in frames if frame.group in train} for frames in (raw, coco, yolo)]
    assert found[0]
    return found


def test_the_three_layouts_hold_the_same_frames_and_points(layouts):
    raw, *others = layouts
    for other in others:
        assert raw.keys() == other.keys()
        for name, frame in raw.items():
            same = other[name]
            assert (same.height, same.width, same.group) == (frame.height, frame.width, frame.group)
            labelled = frame.keypoints[..., 2] > 0
            np.testing.assert_array_equal(same.keypoints[..., 2], frame.keypoints[..., 2])
            np.testing.assert_allclose(same.keypoints[labelled], frame.keypoints[labelled], atol=1e-3)
            np.testing.assert_allclose(same.boxes, frame.boxes, atol=0.02)


def test_every_image_named_by_a_layout_exists_in_spite_of_windows_separators(layouts, keypoints_root):
    assert all(frame.image.is_file() for frames in layouts for frame in frames.values())
    text = (keypoints_root / "carfusion/annotations/car_keypoints_train.json").read_text()
    assert "\\\\images_jpg\\\\" in text


def test_the_makers_box_by_hand():
    """Hull (10, 20)..(50, 40): moved out a tenth (6, 18), then a quarter larger: 50 x 25."""
    points = np.zeros((14, 3))
    points[0], points[1], points[5] = (10, 20, 2), (50, 40, 1), (500, 500, 0)
    np.testing.assert_allclose(box_of_points(points, 1080, 1920), (6, 18, 56, 43))
    np.testing.assert_allclose(box_of_points(points, 42, 52), (6, 18, 52, 42))


def test_carfusion_visibilities_are_turned_into_cocos(tmp_path, keypoints_root):
    image = next((keypoints_root / "carfusion/train").glob("*/images_jpg/*.jpg"))
    (tmp_path / "s/gt").mkdir(parents=True)
    (tmp_path / "s/images").mkdir()
    (tmp_path / "s/images/1_1.jpg").write_bytes(image.read_bytes())
    rows = "10,10,1,7,1\n60,12,2,7,2\n30,40,3,7,3\n900,40,4,7,1\n"
    (tmp_path / "s/gt/1_1.txt").write_text(rows)
    frame = read_frame(tmp_path / "s/gt/1_1.txt")
    assert frame.name == "s__1_1" and frame.keypoints.shape == (1, 14, 3)
    assert frame.keypoints[0, :5, 2].tolist() == [2, 1, 2, 0, 0]


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        ("1,2,15,0,1", "keypoint 15 is outside 1..14"),
        ("1,2,3,0,4", "visibility 4 is outside 1..3"),
        ("1,2,3,0", "needs five finite numbers"),
        ("1,nan,3,0,1", "needs five finite numbers"),
        ("a,b,c", "in numbers"),
    ],
)
def test_bad_rows_of_carfusion(row, sentence, tmp_path, keypoints_root):
    image = next((keypoints_root / "carfusion/train").glob("*/images_jpg/*.jpg"))
    for folder in ("gt", "images_jpg"):
        (tmp_path / "s" / folder).mkdir(parents=True)
    (tmp_path / "s/images_jpg/1_1.jpg").write_bytes(image.read_bytes())
    path = tmp_path / "s/gt/1_1.txt"
    path.write_text(f"1,2,3,0,1\n{row}\n")
    with pytest.raises(UserError, match=rf"1_1\.txt', line 2: .*{sentence}"):
        read_frame(path)


def test_missing_files_are_named(tmp_path):
    with pytest.raises(UserError, match="holds no '<scene>/gt"):
        read_carfusion(tmp_path)
    (tmp_path / "s/gt").mkdir(parents=True)
    (tmp_path / "s/gt/1_1.txt").write_text("")
    with pytest.raises(UserError, match=r"has no image: expected '.*images_jpg/1_1\.jpg'"):
        read_carfusion(tmp_path)
    with pytest.raises(UserError, match="holds no image; expected the YOLO layout"):
        read_yolo(tmp_path, "train", CARFUSION)
    with pytest.raises(UserError, match=r"data\.yaml' does not exist"):
        read_description(tmp_path)


def coco(**changes):
    annotation = {"id": 5, "image_id": 1, "category_id": 1, "bbox": [1, 1, 50, 30], "keypoints": [0, 0, 0] * 14}
    data = {
        "images": [{"id": 1, "file_name": "scene\\images\\1.jpg", "height": 64, "width": 96}],
        "annotations": [annotation | changes.pop("annotation", {})],
        "categories": [{"id": 1, "keypoints": list(CARFUSION.points)}],
    }
    return {**data, **changes}


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (
            coco(annotation={"keypoints": [0, 0, 0] * 13}),
            "annotation 5 has 13 keypoints, but schema 'carfusion_14' has 14",
        ),
        (coco(annotation={"keypoints": [9, 9, 3] + [0, 0, 0] * 13}), "point 0 of vehicle 0 has visibility 3"),
        (coco(annotation={"keypoints": [99, 9, 1] + [0, 0, 0] * 13}), r"lies at \(99, 9\), outside the 96 x 64 frame"),
        (coco(annotation={"image_id": 2}), "annotation 5 belongs to image 2"),
        (coco(categories=[{"keypoints": ["left_wheel"] * 14}]), "'left_wheel' occurs 14 times"),
        (coco(categories=[{"keypoints": ["left", "right"]}]), "names 2 keypoints"),
        (
            coco(categories=[{"keypoints": [CARFUSION.points[index] for index in CARFUSION.flip_index]}]),
            "calls point 0 'left_front_wheel' where .* left and right would be mixed up",
        ),
        (coco(images=[{"id": 1, "file_name": "../x.jpg", "height": 64, "width": 96}]), "leaves the image folder"),
        (coco(annotation={"bbox": [1, 1, float("nan"), 3]}), "annotation 5 of .* has the bbox .*nan"),
        (
            coco(annotation={"keypoints": ["a"] * 42}),
            "annotation 5 of .* has the keypoints .*give a list, each entry a number",
        ),
        (coco(images=[{"id": 1, "file_name": "x.jpg"}]), "image 1 of .* has no 'height'"),
        ({"images": []}, "is not a COCO file: it has no list 'annotations'"),
    ],
)
def test_bad_coco_files(data, sentence, tmp_path):
    path = tmp_path / "coco.json"
    path.write_text(json.dumps(data))
    with pytest.raises(UserError, match=sentence):
        read_coco(path, tmp_path, CARFUSION)


def test_points_off_the_frame_may_keep_their_coordinates_when_they_are_not_labelled(tmp_path):
    """The published samples have them so: (2191, 802) with visibility 0 in a 1920 x 1080 frame."""
    path = tmp_path / "coco.json"
    path.write_text(json.dumps(coco(annotation={"keypoints": [2191, 802, 0] + [5, 5, 2] * 13})))
    (frame,) = read_coco(path, tmp_path, CARFUSION)
    assert frame.name == "scene__1" and frame.group == "scene"
    assert frame.image == tmp_path / "scene/images/1.jpg"


@pytest.mark.parametrize(
    ("row", "sentence"), [("0 0.5 0.5", "3 numbers, but .* needs 47"), ("0 0.5 x", "not a number")]
)
def test_bad_yolo_rows(row, sentence, tmp_path, keypoints_root):
    for folder in ("images/train", "labels/train"):
        (tmp_path / folder).mkdir(parents=True)
    image = next((keypoints_root / "carfusion/train").glob("*/images_jpg/*.jpg"))
    (tmp_path / "images/train/a__1.jpg").write_bytes(image.read_bytes())
    with pytest.raises(UserError, match="has no labels"):
        read_yolo(tmp_path, "train", CARFUSION)
    (tmp_path / "labels/train/a__1.txt").write_text("\n")
    (empty,) = read_yolo(tmp_path, "train", CARFUSION)
    assert empty.keypoints.shape == (0, 14, 3) and empty.boxes.shape == (0, 4)
    (tmp_path / "labels/train/a__1.txt").write_text(row)
    with pytest.raises(UserError, match=rf"a__1\.txt', line 1: .*{sentence}"):
        read_yolo(tmp_path, "train", CARFUSION)


def test_yolos_description_runs_no_code(tmp_path):
    (tmp_path / "data.yaml").write_text("flip_idx: !!python/object/apply:os.getcwd []\n")
    with pytest.raises(UserError, match="is not plain YAML"):
        read_description(tmp_path)


def test_boxes_without_extent_are_refused(tmp_path):
    frame = VehicleFrame("f", tmp_path, 64, 96, "g", np.array([[5, 5, 5, 9.0]]), np.zeros((1, 14, 3)))
    with pytest.raises(UserError, match="the box of vehicle 0 has no extent"):
        check_frame(frame, "file")


def test_schemas_share_their_first_points(tmp_path):
    points = np.arange(2 * 24 * 3, dtype=float).reshape(2, 24, 3)
    frame = VehicleFrame("f", tmp_path, 64, 96, "g", np.zeros((2, 4)), points)
    short = to_points(frame, 14)
    np.testing.assert_array_equal(short.keypoints, points[:, :14])
    padded = to_points(short, 24).keypoints
    np.testing.assert_array_equal(padded[:, :14], points[:, :14])
    assert (padded[:, 14:] == 0).all()


def test_groups_are_split_whole_and_as_declared(tmp_path):
    groups = [f"g{index}" for index in range(12)]
    split = split_of_groups(groups, tmp_path)
    assert sorted(split.values()) == ["test"] * 2 + ["train"] * 8 + ["val"] * 2
    assert split == split_of_groups(list(reversed(groups)) * 3, tmp_path)
    (tmp_path / "splits.json").write_text('{"val": ["g1"], "test": ["g2"]}')
    assert split_of_groups(groups, tmp_path)["g1"] == "val"
    for text, sentence in (
        ('{"val": ["g1"], "test": ["g1"]}', "puts the group 'g1' into both 'val' and 'test'"),
        ('{"val": ["nowhere"]}', "names the group 'nowhere', which has no frames"),
        ('{"valid": ["g1"]}', "names the split 'valid'"),
    ):
        (tmp_path / "splits.json").write_text(text)
        with pytest.raises(UserError, match=sentence):
            split_of_groups(groups, tmp_path)
    with pytest.raises(UserError, match=r"holds 1 group\(s\)"):
        split_of_groups(["g"], tmp_path / "elsewhere")


def test_groups_come_from_keys_or_names():
    assert group_of({"venue": "plaza", "lighting": "noon"}, "x/1.png") == "plaza_noon"
    assert group_of({"group": 7}, "x/1.png") == "7"
    assert group_of({}, "car_craig1/images_jpg/12_35273.jpg") == "car_craig1"
    assert group_of({}, "images/plaza_noon_0001.png") == "plaza_noon"


def test_the_miniature_is_the_same_whatever_was_drawn_before_and_reused(keypoints_root, tmp_path):
    write_miniature(tmp_path / "mini", Miniature(real_per_scene=2, synthetic_per_group=1), num_workers=1)
    for relative in ("carfusion/train/car_mini3/images_jpg/2_00001.jpg", "citysample/images/plaza_dusk/0000.png"):
        assert (tmp_path / "mini" / relative).read_bytes() == (keypoints_root / relative).read_bytes()
    with pytest.raises(UserError, match=r"holds a miniature with other real_per_scene.*--overwrite"):
        write_miniature(tmp_path / "mini", Miniature(real_per_scene=3), num_workers=1)


def test_citysamples_miniature_has_24_points_and_12_groups(keypoints_root):
    root = keypoints_root / "citysample"
    frames = read_coco(root / "annotations/coco.json", root, CITYSAMPLE)
    assert len({frame.group for frame in frames}) == 12
    visibility = np.concatenate([frame.keypoints[..., 2].ravel() for frame in frames])
    assert set(np.unique(visibility)) == {0, 1, 2}


@pytest.mark.parametrize(
    "data, sentence",
    [
        (coco(annotation={"bbox": ["1", 1, 50, 30]}), "annotation 5 of .* has the bbox"),
        (coco(annotation={"image_id": [1]}), "annotation 5 of .* has the image_id"),
        (
            coco(images=[{"id": 1, "file_name": "x.jpg", "height": "64", "width": 96}]),
            "image 1 of .* has the height '64'",
        ),
        (coco(images=2 * [{"id": 1, "file_name": "x.jpg", "height": 64, "width": 96}]), "gives an image id twice"),
        (coco(images="none"), "has no list 'images'"),
        (coco(categories=[{"keypoints": [3]}]), "has the keypoints"),
        (coco(categories=["car"]), "lists 'car' where"),
        (
            coco(images=[{"id": 1, "file_name": "x.jpg", "height": 65, "width": 96}]),
            "is 96 x 65 pixels, but it is 96 x 64",
        ),
    ],
)
def test_odd_coco_values(data, sentence, tmp_path, keypoints_root):
    image = next((keypoints_root / "carfusion/train").glob("*/images_jpg/*.jpg"))
    (tmp_path / "x.jpg").write_bytes(image.read_bytes())
    path = tmp_path / "coco.json"
    path.write_text(json.dumps(data))
    with pytest.raises(UserError, match=sentence):
        read_coco(path, tmp_path, CARFUSION)
