"""Every described data set, there and back: the miniature in its encoding, read by its description, pixel by pixel."""

import numpy as np
import pytest

from miniature.streets.encoded import draw_encoded, image_path, write_encodings
from miniature.streets.encodings import ENCODINGS
from miniature.streets.write import Drawing
from synmix.data import cityscapes, sources
from synmix.data.described import described, names
from synmix.data.images import read_instance_map, read_label_map
from synmix.harmonize.prepare import prepare
from synmix.labels import CLASS_NAMES, LABEL_IDS

DRAWING, FRAMES = Drawing(seed=5, density=1.5), 10
#: What every miniature has, without being asked.
ALWAYS = {"cityscapes", "synscapes"}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("encodings")
    write_encodings(folder / "mini", DRAWING, ["all"], FRAMES, num_workers=1)
    return folder


def test_every_description_has_its_encoding():
    assert set(names()) == {*ENCODINGS, *ALWAYS}


def instances_of(instance_ids, labels) -> set:
    """Every instance of these classes, as its class and the bytes of its mask."""
    found = set()
    for value in np.unique(instance_ids).tolist():
        if value // 1000 in labels:
            found.add((value // 1000, np.packbits(instance_ids == value).tobytes()))
    return found


def truth_of(truth, labels) -> set:
    found = set()
    for label in labels:
        for number in np.unique(truth.numbers[truth.class_map == label]).tolist():
            if number:
                mask = (truth.class_map == label) & (truth.numbers == number)
                found.add((label, np.packbits(mask).tobytes()))
    return found


@pytest.mark.parametrize("name", ENCODINGS)
def test_each_instance_comes_back_exactly(root, name, monkeypatch):
    description = described(name)
    summary = prepare(root / "mini" / description.folder, root / "mini" / description.copy, name=name, num_workers=1)
    assert summary.skipped == [] and summary.written == FRAMES and not summary.tally.unknown
    assert bool(summary.notes) == (name == "urbansyn")
    labelled = {label for label, word in zip(LABEL_IDS, CLASS_NAMES, strict=True) if word not in description.missing}
    copy = root / "mini" / description.copy
    frames = {frame.image.resolve(): frame for split in summary.splits for frame in cityscapes.list_frames(copy, split)}
    assert len(frames) == FRAMES
    compared = 0
    for number in range(FRAMES):
        _, truth = draw_encoded(DRAWING, number, description.domain)
        expected = truth_of(truth, labelled)
        frame = frames[image_path((root / "mini").resolve(), name, number, FRAMES)]
        found = read_instance_map(frame.instance_map)
        assert instances_of(found, labelled) == expected, (name, number)
        assert not instances_of(found, set(LABEL_IDS) - labelled)
        classes = read_label_map(frame.label_map)
        assert np.array_equal(classes == 26, truth.class_map == 26)
        compared += len(expected)
    assert compared > 20
    monkeypatch.setenv("DETECTRON2_DATASETS", str(root))
    source = sources.source(f"mini_{name}_instance_train")
    assert (source.domain, source.missing) == (description.domain, description.missing)
    assert len(source.table().frames) == summary.splits["train"]


def test_cityscapes_comes_back_with_its_groups(mini_root, tmp_path):
    """Synscapes' way is tested beside the rules (tests/synmix/harmonize)."""
    summary = prepare(mini_root / "mini" / "cityscapes", tmp_path, name="cityscapes", num_workers=1)
    assert summary.splits == {"train": 12, "val": 4, "test": 2}
    for split in summary.splits:
        frames = cityscapes.list_frames(mini_root / "mini" / "cityscapes", split)
        for frame in frames:
            copy = cityscapes.frame_paths(tmp_path, split, f"cityscapes_{frame.name}")
            before, after = read_instance_map(frame.instance_map), read_instance_map(copy.instance_map)
            assert instances_of(before, set(LABEL_IDS)) == instances_of(after, set(LABEL_IDS))
            groups = before < 1000
            assert np.array_equal(before[groups], after[groups])


def test_a_described_set_is_composed_audited_and_its_missing_classes_said(root, tmp_path, monkeypatch, call_tool):
    monkeypatch.setenv("DETECTRON2_DATASETS", str(root))
    for name in ("shift", "kitti"):
        about = described(name)
        prepare(root / "mini" / about.folder, root / "mini" / about.copy, name=name, num_workers=1)
    names = "['mini_kitti_instance_train', 'mini_shift_instance_train']"
    code, shown, _ = call_tool("compose", "--config-file", "configs/mini.yaml", "DATASETS.TRAIN", names)
    assert code == 0 and "not labelled there: rider, train" in shown
    assert "note: 'mini_shift_instance_train' does not label 'rider' and 'train': they are background" in shown
    code, shown, _ = call_tool(
        "audit_labels", "mini_kitti_instance_train", "mini_shift_instance_train", "--raw-name", "shift",
        "--output", tmp_path, "--num-workers", "1",
    )  # fmt: skip
    assert code == 0 and "'mini_shift_instance_train' does not label rider, train" in shown
    assert "What harmonising takes for granted about this SHIFT folder" in shown and "Every assumption holds" in shown
    assert "SHIFT as delivered" in shown and "meta lists no rider" not in shown
