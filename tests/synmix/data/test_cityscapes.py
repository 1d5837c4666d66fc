import pytest

from synmix.data.cityscapes import list_frames
from synmix.errors import UserError


def test_frames_are_found_and_sorted(write_frame, street):
    for name in ("ulm_000001_000019", "aachen_000000_000019"):
        root = write_frame(name, street)
    frames = list_frames(root, "train")
    assert [frame.name for frame in frames] == ["aachen_000000_000019", "ulm_000001_000019"]
    assert all(frame.image.is_file() and frame.instance_map.is_file() and frame.label_map.is_file() for frame in frames)


def test_a_missing_folder_says_what_was_expected_and_how_to_get_it(tmp_path):
    with pytest.raises(UserError, match=r"leftImg8bit/val', but there is no such folder\. Download it\."):
        list_frames(tmp_path, "val", "Download it.")
    (tmp_path / "leftImg8bit" / "val").mkdir(parents=True)
    with pytest.raises(UserError, match="holds no"):
        list_frames(tmp_path, "val")


def test_frames_without_labels_are_counted_and_named(write_frame, street):
    root = write_frame("ulm_000001_000019", street)
    write_frame("bonn_000001_000019", street)
    list_frames(root, "train")[0].instance_map.unlink()
    with pytest.raises(UserError, match="1 of 2 frames have no labels, the first is 'bonn_000001_000019'"):
        list_frames(root, "train")
