"""Folders and files that are not as their description says: a sentence each, and the rest goes on."""

import json

import cv2
import numpy as np
import pytest
import yaml
from PIL import Image
from tests.synmix.data.test_descriptions import WHOLE

from synmix.data import described as descriptions
from synmix.data.label_maps import Expression
from synmix.data.listing import frame_at, list_frames
from synmix.data.raw import read_labels
from synmix.errors import UserError
from synmix.harmonize.prepare import prepare
from synmix.harmonize.summary_text import summary_text

PERSON, RIDER, CAR, BICYCLE = 1, 2, 3, 8  # in WHOLE's numbers


@pytest.fixture
def describe(monkeypatch, tmp_path):
    """Writes the description 'town'."""
    (tmp_path / "described").mkdir()
    monkeypatch.setattr(descriptions, "FOLDERS", (tmp_path / "described",))

    def describe(**changes):
        values = {key: value for key, value in {**WHOLE, **changes}.items() if value is not None}
        (tmp_path / "described" / "town.yaml").write_text(yaml.safe_dump(values))
        return descriptions.described("town")

    return describe


def save(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), pixels)


def ids_of(*boxes, height=20, width=30):
    """R class, G + 256 B number; boxes are (class, number, left, right)."""
    pixels = np.zeros((height, width, 3), np.uint8)
    for label, number, left, right in boxes:
        pixels[4:12, left:right] = (number >> 8, number & 255, label)  # B, G, R
    return pixels


@pytest.fixture
def town(tmp_path):
    root = tmp_path / "town"
    for number in range(4):
        save(root / "rgb" / f"f{number}.png", np.full((20, 30, 3), 9, np.uint8))
        save(root / "ids" / f"f{number}.png", ids_of((CAR, 700, 0, 10), (RIDER, 3, 12, 20)))
    return root


def test_class_and_number_come_from_their_channels(describe, town):
    description = describe()
    labels = read_labels(description, frame_at(description, town, {"frame": "f1"}))
    assert labels.classes == {2600700: 26, 2500003: 25} and labels.unknown == {}
    assert (labels.instance_ids == 2600700).sum() == 80 and labels.class_map[0, 0] == 7


def test_the_folder_must_be_the_data_sets(describe, tmp_path, town):
    with pytest.raises(UserError, match=r"town/rgb' does not exist; expected a Town folder in"):
        list_frames(describe(), tmp_path / "nowhere/town")
    with pytest.raises(UserError, match=r"holds no frame \(image: 'rgb/\{frame\}\.jpg'\).*correct the pattern"):
        list_frames(describe(images="rgb/{frame}.jpg"), town)
    with pytest.raises(UserError, match=r"holds no frame \(instance map"):
        list_frames(describe(maps=[{**WHOLE["maps"][0], "file": "ids/x_{frame}.png"}]), town)


def test_images_without_labels_and_labels_without_images_are_named(describe, town, tmp_path):
    describe()
    (town / "ids/f0.png").unlink()
    (town / "rgb/f2.png").unlink()
    summary = prepare(town, tmp_path / "copy", name="town", split="train", num_workers=1)
    assert summary.written == 2 and summary.exit_code == 1
    assert dict(summary.skipped) == {
        "f0": "no instance map: unpack the missing files.",
        "f2": "no image: unpack the missing files.",
    }


def test_images_without_labels_are_counted_where_they_are_usual(describe, town, tmp_path):
    describe(some_unlabelled=True)
    (town / "ids/f0.png").unlink()
    summary = prepare(town, tmp_path / "copy", name="town", split="train", num_workers=1)
    assert (summary.written, summary.unlabelled, summary.exit_code) == (3, 1, 0)
    describe(some_unlabelled=True, splits={"val": {"frame": ["f1"]}})
    mine = prepare(town, tmp_path / "mine", name="town", num_workers=1)
    assert (mine.written, mine.unlabelled, [key for key, _ in mine.skipped]) == (1, 1, ["f2", "f3"])
    assert "images without labels, as is usual there: 1" in summary_text(summary)


def test_names_that_fall_together_are_named(describe, tmp_path):
    root = tmp_path / "town"
    maps = [{**WHOLE["maps"][0], "file": "ids/{place}/{frame}.png"}]
    for place, name in (("a_b", "c"), ("a", "b_c")):
        save(root / "rgb" / place / f"{name}.png", np.zeros((20, 30, 3), np.uint8))
        save(root / "ids" / place / f"{name}.png", ids_of((CAR, 1, 0, 5)))
    describe(images="rgb/{place}/{frame}.png", maps=maps)
    summary = prepare(root, tmp_path / "copy", name="town", split="train", num_workers=1)
    assert summary.written == 1 and len(summary.skipped) == 1
    assert summary.skipped[0][0] == "a_b_c" and "make one name" in summary.skipped[0][1]
    save(root / "rgb" / "a" / "b_c.jpg", np.zeros((20, 30, 3), np.uint8))
    listing = list_frames(describe(images="rgb/{place}/{frame}.{png|jpg}", maps=maps), root)
    assert any("are the image of one frame" in reason for _, reason in listing.problems)


def test_unknown_values_are_counted_and_named(describe, town, tmp_path):
    describe()
    save(town / "ids/f3.png", ids_of((CAR, 1, 0, 5), (77, 2, 6, 9), (78, 2, 10, 11)))
    summary = prepare(town, tmp_path / "copy", name="town", split="train", num_workers=1)
    assert summary.tally.unknown == {"77": 24, "78": 8} and summary.exit_code == 0
    assert "unknown classes, with their pixels or labels: 77 (24), 78 (8)" in summary_text(summary)
    again = prepare(town, tmp_path / "copy", name="town", split="train", num_workers=1)
    assert again.kept == 4 and again.tally == summary.tally


def test_a_number_that_is_too_large_gets_a_sentence(describe, town, tmp_path):
    maps = [{**WHOLE["maps"][0], "id": "G + 65536 B"}]
    describe(maps=maps)
    save(town / "ids/f3.png", ids_of((CAR, 700, 0, 5)))
    summary = prepare(town, tmp_path / "copy", name="town", split="train", num_workers=1)
    assert len(summary.skipped) == 4
    assert (
        "holds the instance number 131260, but numbers must stay below 99,999; say 'renumber" in summary.skipped[0][1]
    )
    description = describe(maps=[{**maps[0], "renumber": True}])
    labels = read_labels(description, frame_at(description, town, {"frame": "f1"}))
    assert set(labels.classes.values()) == {25, 26} and len(labels.classes) == 2


def test_maps_of_two_sizes_get_a_sentence(describe, town, tmp_path):
    describe(
        maps=[
            {"file": "classes/{frame}.png", "class": "gray"},
            {"file": "ids/{frame}.png", "id": "G + 256 B"},
        ]
    )
    for number in range(4):
        save(town / "classes" / f"f{number}.png", np.full((20, 30 + number % 2), CAR, np.uint8))
    summary = prepare(town, tmp_path / "copy", name="town", split="train", num_workers=1)
    assert summary.written == 2 and [key for key, _ in summary.skipped] == ["f1", "f3"]
    assert "is 31 x 20 pixels but" in summary.skipped[0][1]


def test_other_bits_or_channels_get_a_sentence(describe, town, tmp_path):
    describe()
    save(town / "ids/f0.png", np.zeros((20, 30), np.uint8))
    save(town / "ids/f1.png", np.zeros((20, 30, 3), np.uint16))
    reasons = dict(prepare(town, tmp_path / "copy", name="town", split="train", num_workers=1).skipped)
    assert "is 8-bit with 1 channel(s), but this data set's maps are 8-bit RGB" in reasons["f0"]
    assert "is 16-bit with 3 channel(s)" in reasons["f1"]


def test_palettes_are_read_as_numbers_or_as_colours(describe, town):
    maps = [{"file": "classes/{frame}.png", "class": "gray"}, {"file": "ids/{frame}.png", "id": "G + 256 B"}]
    description = describe(maps=maps)
    classes = np.zeros((20, 30), np.uint8)
    classes[4:12, :10] = CAR
    picture = Image.fromarray(classes).convert("P")
    picture.putpalette([200, 3, 1] * 256)
    (town / "classes").mkdir()
    picture.save(town / "classes/f0.png")
    indices = Image.fromarray((classes > 0).astype(np.uint8)).convert("P")
    indices.putpalette([0, 0, 0, 9, 5, 0])  # R, G, B of the car: number 5
    indices.save(town / "ids/f0.png")
    labels = read_labels(description, frame_at(description, town, {"frame": "f0"}))
    assert labels.classes == {2600005: 26} and (labels.instance_ids > 0).sum() == 80


def test_crowds_and_what_is_to_be_ignored(describe, town):
    flags = {"class": "R", "id": "B", "crowd": "G & 2", "ignore": "G & 1"}
    description = describe(maps=[{"file": "ids/{frame}.png", **flags}])
    save(town / "ids/f0.png", ids_of((CAR, 256 * 5, 0, 5), (CAR, 256 * 6 + 2, 6, 12), (CAR, 256 * 7 + 9, 14, 20)))
    labels = read_labels(description, frame_at(description, town, {"frame": "f0"}))
    assert set(labels.classes) == {2600005}
    assert labels.class_map[5, 8] == 26 and labels.class_map[5, 15] == 0


def test_a_rider_and_the_vehicle_in_one_instance_are_split(describe, town, tmp_path):
    description = describe(riders="merged")
    save(town / "ids/f0.png", ids_of((BICYCLE, 9, 0, 6), (RIDER, 9, 6, 9)))
    labels = read_labels(description, frame_at(description, town, {"frame": "f0"}))
    assert labels.classes == {3300009: 33} and (labels.instance_ids == 3300009).sum() == 72
    summary = prepare(town, tmp_path / "copy", name="town", split="train", num_workers=1)
    assert summary.tally.cases["rider_on_vehicle"] == 1


def test_a_copy_takes_no_second_data_set(describe, town, tmp_path):
    describe()
    prepare(town, tmp_path / "copy", name="town", split="train", num_workers=1)
    (tmp_path / "described" / "city.yaml").write_text((tmp_path / "described" / "town.yaml").read_text())
    with pytest.raises(UserError, match=r"written with other settings \(data_set\)"):
        prepare(town, tmp_path / "copy", name="city", split="train", num_workers=1)
    describe(classes={**WHOLE["classes"], 9: "sky"})
    with pytest.raises(UserError, match=r"written with other settings \(description\)"):
        prepare(town, tmp_path / "copy", name="town", split="train", num_workers=1)


def test_lists_name_frames_by_their_names(describe, town, tmp_path):
    describe()
    (tmp_path / "train.txt").write_text("rgb/f1.png\nf3\n")
    (tmp_path / "val.txt").write_text("f0 town_f9\n")
    lists = {"train": tmp_path / "train.txt", "val": tmp_path / "val.txt"}
    summary = prepare(town, tmp_path / "copy", name="town", split=lists, num_workers=1)
    assert summary.splits == {"train": 2, "val": 1} and [key for key, _ in summary.skipped] == ["town_f9"]


def test_own_splits_can_be_done_one_after_the_other(describe, tmp_path):
    root = tmp_path / "town"
    for word in ("training", "validation"):
        for number in range(2):
            save(root / word / "rgb" / f"{word}{number}.png", np.zeros((20, 30, 3), np.uint8))
            save(root / word / "ids" / f"{word}{number}.png", ids_of((CAR, 1, 0, 5)))
    describe(
        images="{split}/rgb/{frame}.png",
        maps=[{**WHOLE["maps"][0], "file": "{split}/ids/{frame}.png"}],
        splits={"train": "training", "val": "validation"},
    )
    first = prepare(root, tmp_path / "copy", name="town", split="train", num_workers=1)
    second = prepare(root, tmp_path / "copy", name="town", split="val", num_workers=1)
    assert (first.splits, second.splits) == ({"train": 2}, {"val": 2})
    whole = prepare(root, tmp_path / "copy", name="town", num_workers=1)
    assert (whole.written, whole.kept) == (0, 4)


def test_what_no_coding_fits_is_refused_with_a_sentence(describe, town):
    from synmix.data import measured

    candidates = [{"bits": 16, "id": "gray"}, {"bits": 8, "id": "gray"}]
    maps = [
        {"file": "classes/{frame}.png", "class": "gray"},
        {"file": "ids/{frame}.png", "renumber": True, "candidates": candidates},
    ]
    rng = np.random.default_rng(0)
    for number in range(4):
        save(town / "classes" / f"f{number}.png", rng.integers(1, 9, (20, 30), dtype=np.uint8))
    description = describe(maps=maps)
    whole = list_frames(description, town).whole
    with pytest.raises(UserError, match="is in none of the codings"):
        measured.settle(description, whole)
    for number in range(4):
        save(town / "ids" / f"f{number}.png", np.repeat(np.arange(20, dtype=np.uint8)[:, None], 30, axis=1))
        save(town / "classes" / f"f{number}.png", np.repeat(np.arange(20, dtype=np.uint8)[:, None] // 4, 30, axis=1))
    settled, notes = measured.settle(description, whole)
    assert settled.is_settled and "is read as 8-bit gray" in notes[0] and "100.0%" in notes[0]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("R", 3), ("G + 256 B", 2 + 256), ("R + 256 G + 65536 B", 3 + 512 + 65536), ("(R + 256 G) // 100", 5),
        ("(R + 256 G) % 100", 15), ("color", 0x030201), ("3 R + 5 B", 14), ("256 B + A", 256 + 4),
    ],
)  # fmt: skip
def test_words_of_channels(text, value):
    pixels = np.full((2, 3, 4), (1, 2, 3, 4), np.uint8)  # B, G, R, A
    assert Expression.parse(text)(pixels).tolist() == [[value] * 3] * 2


SCALABEL = {
    "frames": [
        {
            "name": "f0.png",
            "labels": [
                {"id": "a", "category": "person", "poly2d": [{"vertices": [[0, 0], [6, 0], [6, 8], [0, 8]]}]},
                {"id": "b", "category": "car", "rle": {"size": [20, 30], "counts": [0, 100, 500]}},
                {"id": "c", "category": "tram", "rle": {"size": [20, 30], "counts": [500, 100]}},
            ],
        },
        {"name": "f1.png", "labels": None},
        {"name": "f2.png", "labels": [{"id": "a", "category": "car", "rle": {"size": [10, 30], "counts": [300]}}]},
        {"name": "f1.png", "labels": []},
        {"name": "f8.png", "labels": []},
    ]
}


def test_lists_of_labels(describe, town, tmp_path):
    (town / "labels.json").write_text(json.dumps(SCALABEL))
    lists = {"format": "scalabel", "file": "labels.json"}
    classes = {name: name for name in ("person", "rider", "car", "truck", "bus", "train", "motorcycle", "bicycle")}
    description = describe(maps=None, lists=lists, classes=classes)
    listing = list_frames(description, town)
    labels = read_labels(description, listing.frames["f0"])
    assert labels.classes == {2400001: 24, 2600002: 26} and labels.unknown == {"tram": 1}
    assert (labels.instance_ids == 2600002).sum() == 100 - 40  # the smaller one lies above
    assert read_labels(description, listing.frames["f1"]).classes == {}
    assert listing.missing == {"f3": ["labels"]}
    reasons = dict(listing.problems)
    assert "lists it twice" in reasons["f1.png"] and "no such image" in reasons["f8.png"]
    summary = prepare(town, tmp_path / "copy", name="town", split="train", num_workers=1)
    assert summary.written == 2 and summary.tally.unknown == {"tram": 1}
    reasons = dict(summary.skipped)
    assert "'car' label of 30 x 10 pixels, but the image is 30 x 20" in reasons["f2"]


@pytest.mark.parametrize(
    ("content", "words"),
    [("{}", "is not in Scalabel's format"), ('{"frames": []}', "lists no frame"), ("[1]", "is not in Scalabel's"),
     ("[", "is not valid JSON")],
)  # fmt: skip
def test_a_list_of_another_kind_gets_a_sentence(describe, town, content, words):
    (town / "labels.json").write_text(content)
    classes = {name: name for name in ("person", "rider", "car", "truck", "bus", "train", "motorcycle", "bicycle")}
    description = describe(maps=None, lists={"format": "scalabel", "file": "labels.json"}, classes=classes)
    with pytest.raises(UserError, match=words):
        list_frames(description, town)
