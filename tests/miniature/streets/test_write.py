"""The miniature on disk is what the raw formats say, the same on every call, and safe to call again."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from cityscapesscripts.helpers.labels import name2label
from cityscapesscripts.preparation.json2instanceImg import json2instanceImg
from cityscapesscripts.preparation.json2labelImg import json2labelImg

from miniature.streets.write import write_miniature
from synmix.data.cityscapes import list_frames
from synmix.data.images import image_size, read_instance_map, read_label_map, read_rgb
from synmix.errors import UserError
from synmix.labels import label_of

COUNTS = {"real": (4, 2, 1), "synthetic": 4}


pytestmark = pytest.mark.filterwarnings("ignore:Saving I mode images")  # what the official tool does


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mini")
    write_miniature(folder, images=("rgb", "rgb-2k"), num_workers=1, **COUNTS)
    return folder


def real_frames(root):
    return [frame for split in ("train", "val", "test") for frame in list_frames(root / "cityscapes", split)]


def synscapes(root, kind, number):
    return cv2.imread(str(root / "Synscapes" / "img" / kind / f"{number}.png"), cv2.IMREAD_UNCHANGED)


def test_cityscapes_layout(root):
    names = {split: [f.name for f in list_frames(root / "cityscapes", split)] for split in ("train", "val", "test")}
    assert [len(found) for found in names.values()] == [4, 2, 1]
    cities = {split: {name.split("_")[0] for name in found} for split, found in names.items()}
    assert len(set.union(*cities.values())) == sum(len(found) for found in cities.values())  # no city in two splits


def test_cityscapes_maps_agree(root):
    for frame in real_frames(root):
        instances, labels = read_instance_map(frame.instance_map), read_label_map(frame.label_map)
        assert image_size(frame.image) == instances.shape == labels.shape == (128, 256)
        assert np.array_equal(label_of(instances), labels)
        with_instances = labels[instances >= 1000]
        assert set(np.unique(with_instances)) <= {24, 25, 26, 27, 28, 29, 30, 31, 32, 33}
        assert {1, 2, 3} <= set(np.unique(labels).tolist())  # bonnet, rectification border, out of roi


def test_official_tools_make_the_same_maps_from_the_polygons(root, tmp_path):
    for frame in real_frames(root):
        polygons = str(frame.instance_map).replace("instanceIds.png", "polygons.json")
        json2instanceImg(polygons, str(tmp_path / "instances.png"))
        json2labelImg(polygons, str(tmp_path / "labels.png"))
        made = cv2.imread(str(tmp_path / "instances.png"), cv2.IMREAD_UNCHANGED)
        assert np.array_equal(made, read_instance_map(frame.instance_map))
        assert np.array_equal(read_label_map(tmp_path / "labels.png"), read_label_map(frame.label_map))
        content = json.loads(Path(polygons).read_text())
        known = {entry["label"].removesuffix("group") for entry in content["objects"]}
        assert known <= set(name2label)


def test_synscapes_formats(root):
    for number in range(1, 5):
        classes, instances = synscapes(root, "class", number), synscapes(root, "instance", number)
        assert classes.dtype == np.uint8 and classes.shape == (128, 256) and classes.max() <= 33
        assert instances.dtype == np.uint8 and instances.shape == (128, 256, 3)
        assert synscapes(root, "rgb", number).shape == (128, 256, 3)
        assert synscapes(root, "rgb-2k", number).shape == (182, 364, 3)
    assert not (root / "Synscapes" / "img" / "class" / "0.png").exists()


def test_synscapes_meta_lists_every_instance_and_some_hidden_ones(root):
    hidden = 0
    for number in range(1, 5):
        classes, blue_green_red = synscapes(root, "class", number), synscapes(root, "instance", number).astype(np.int64)
        instances = blue_green_red[..., 2] + 256 * blue_green_red[..., 1] + 65536 * blue_green_red[..., 0]
        meta = json.loads((root / "Synscapes" / "meta" / f"{number}.json").read_text())
        assert {"camera", "instance", "scene"} == set(meta)
        tables = meta["instance"]
        assert set(tables) == {"bbox2d", "bbox3d", "class", "occluded", "truncated"}
        listed = {int(key) for key in tables["class"]}
        assert all(set(table) == set(tables["class"]) for table in tables.values())
        assert all(int(key) // 100_000 == label for key, label in tables["class"].items())
        assert set(tables["class"].values()) <= {24, 26, 27, 28, 31, 32, 33}
        assert all(0 <= share <= 1 for field in ("occluded", "truncated") for share in tables[field].values())
        seen = set(np.unique(instances[instances > 0]).tolist())
        assert seen <= listed
        hidden += len(listed - seen)
        has_id = instances > 0
        assert np.array_equal(has_id, np.isin(classes, [24, 25, 26, 27, 28, 31, 32, 33]))
        vehicle_of_rider = np.unique(instances[classes == 25] // 100_000)
        assert set(vehicle_of_rider.tolist()) <= {32, 33}
        others = has_id & (classes != 25)
        assert np.array_equal(instances[others] // 100_000, classes[others])
    assert hidden > 0


def test_boxes_hold_their_pixels(root):
    for number in range(1, 5):
        encoded = synscapes(root, "instance", number).astype(np.int64)
        instances = encoded[..., 2] + 256 * encoded[..., 1] + 65536 * encoded[..., 0]
        boxes = json.loads((root / "Synscapes" / "meta" / f"{number}.json").read_text())["instance"]["bbox2d"]
        for key, box in boxes.items():
            rows, columns = np.nonzero(instances == int(key))
            assert 0 < box["zmin"] < box["zmax"] < 130
            if len(rows):  # strokes are rounded up to a whole pixel, heads are discs around their point
                slack = 6
                assert box["xmin"] * 256 - slack <= columns.min() and columns.max() <= box["xmax"] * 256 + slack
                assert box["ymin"] * 128 - slack <= rows.min() and rows.max() <= box["ymax"] * 128 + slack


def test_the_larger_rendering_shows_the_same_scene_anew(root):
    small, large = (read_rgb(root / "Synscapes" / "img" / kind / "1.png").astype(float) for kind in ("rgb", "rgb-2k"))
    resized = cv2.resize(small, (364, 182), interpolation=cv2.INTER_LINEAR)
    assert np.corrcoef(resized.ravel(), large.ravel())[0, 1] > 0.9
    assert np.abs(resized - large).mean() > 2  # not an enlarged copy


def test_a_frame_depends_on_its_number_alone_and_not_on_processes(root, tmp_path):
    write_miniature(tmp_path, real=(16, 0, 0), synthetic=1, num_workers=2)
    for frame in list_frames(root / "cityscapes", "train"):
        for path in (frame.image, frame.instance_map):
            assert path.read_bytes() == (tmp_path / path.relative_to(root)).read_bytes()
    for kind in ("rgb", "class", "instance"):
        assert np.array_equal(synscapes(root, kind, 1), synscapes(tmp_path, kind, 1))


def test_another_seed_draws_other_frames(root, tmp_path):
    write_miniature(tmp_path, seed=1, real=(1, 0, 0), synthetic=0, num_workers=1)
    first = list_frames(root / "cityscapes", "train")[0].image
    assert first.read_bytes() != (tmp_path / first.relative_to(root)).read_bytes()


def test_a_second_call_only_draws_what_is_missing(tmp_path):
    small = {"height": 64, "width": 128, "num_workers": 1}
    write_miniature(tmp_path, real=(2, 0, 0), synthetic=1, **small)
    kept, lost = list_frames(tmp_path / "cityscapes", "train")
    before, content = kept.image.stat().st_mtime_ns, lost.image.read_bytes()
    lost.image.unlink()
    write_miniature(tmp_path, real=(3, 0, 0), synthetic=2, **small)
    assert kept.image.stat().st_mtime_ns == before
    assert lost.image.read_bytes() == content
    assert len(list_frames(tmp_path / "cityscapes", "train")) == 3
    assert (tmp_path / "Synscapes" / "img" / "rgb" / "2.png").is_file()


def test_another_miniature_in_the_same_folder_is_refused(tmp_path):
    small = {"height": 64, "width": 128, "num_workers": 1}
    write_miniature(tmp_path, real=(2, 0, 0), synthetic=0, **small)
    with pytest.raises(UserError, match=r"other seed.*--overwrite"):
        write_miniature(tmp_path, seed=5, real=(2, 0, 0), synthetic=0, **small)
    with pytest.raises(UserError, match=r"more train frames.*--overwrite"):
        write_miniature(tmp_path, real=(1, 0, 0), synthetic=0, **small)
    write_miniature(tmp_path, seed=5, real=(1, 0, 0), synthetic=0, force=True, **small)
    assert len(list_frames(tmp_path / "cityscapes", "train")) == 1


@pytest.mark.parametrize("force", [False, True])
def test_data_that_was_not_drawn_here_is_never_touched(tmp_path, force):
    own = tmp_path / "cityscapes" / "leftImg8bit" / "mine.txt"
    own.parent.mkdir(parents=True)
    own.write_text("real data")
    with pytest.raises(UserError, match="choose another folder"):
        write_miniature(tmp_path, real=(1, 0, 0), synthetic=0, num_workers=1, force=force)
    assert own.read_text() == "real data"


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"height": 8}, "height and width are 8 x 256"),
        ({"seed": -1}, "seed is -1"),
        ({"density": -0.5}, "density is -0.5"),
        ({"density": float("nan")}, "density is nan"),
        ({"synthetic": -3}, "number of synthetic frames is -3"),
        ({"images": ("rgb", "4k")}, "take one or both of rgb, rgb-2k"),
        ({"images": ()}, "take one or both of rgb, rgb-2k"),
    ],
)
def test_bad_parameters_get_a_sentence_and_leave_no_trace(tmp_path, wrong, message):
    with pytest.raises(UserError, match=message):
        write_miniature(tmp_path / "new", **wrong)
    assert not (tmp_path / "new").exists()


def test_a_place_that_cannot_be_written_gets_a_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"cannot be (written|made)"):
        write_miniature(tmp_path / "file" / "mini", real=(1, 0, 0), synthetic=0, num_workers=1)
