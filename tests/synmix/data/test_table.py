import os

import cv2
import numpy as np
import pytest

from synmix.data import table as table_module
from synmix.data.cityscapes import list_frames
from synmix.data.table import FRAME_SCHEMA, INSTANCE_SCHEMA, build_table, cache_path
from synmix.errors import UserError


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SYNMIX_CACHE", str(tmp_path / "cache"))


def test_one_row_per_instance_and_group(write_frame, street):
    root = write_frame("ulm_000001_000019", street)
    table = build_table("set", list_frames(root, "train"))
    assert dict(table.frames.schema) == FRAME_SCHEMA
    assert dict(table.instances.schema) == INSTANCE_SCHEMA
    assert table.instances.drop("frame").rows() == [
        (24, "person", 12, 10, 0, 16, 2, True),
        (26000, "car", 10, 1, 2, 5, 5, False),
        (26001, "car", 24, 3, 4, 9, 8, False),
    ]


def test_a_frame_without_instances_stays_a_frame(write_frame):
    root = write_frame("ulm_000001_000019", np.full((4, 6), 7, np.uint16))
    table = build_table("set", list_frames(root, "train"))
    assert table.frames.select("frame", "height", "width").rows() == [("ulm_000001_000019", 4, 6)]
    assert len(table.instances) == 0
    assert dict(table.instances.schema) == INSTANCE_SCHEMA


def test_only_changed_and_new_frames_are_read_again(write_frame, street, monkeypatch):
    root = write_frame("ulm_000001_000019", street)
    write_frame("ulm_000002_000019", street)
    read: list[str] = []
    original = table_module._read_frame
    monkeypatch.setattr(table_module, "_read_frame", lambda frame: read.append(frame.name) or original(frame))
    first = build_table("set", list_frames(root, "train"))
    assert build_table("set", list_frames(root, "train")).instances.equals(first.instances)
    assert read == ["ulm_000001_000019", "ulm_000002_000019"]

    changed = np.where(street == 26001, 7, street).astype(np.uint16)
    write_frame("ulm_000002_000019", changed)
    os.utime(list_frames(root, "train")[1].instance_map, ns=(1, 1))  # clocks may be coarse
    write_frame("ulm_000003_000019", street)
    again = build_table("set", list_frames(root, "train"))
    assert read[2:] == ["ulm_000002_000019", "ulm_000003_000019"]
    assert again.instances.group_by("frame", maintain_order=True).len()["len"].to_list() == [3, 2, 3]

    list_frames(root, "train")[0].image.unlink()
    assert build_table("set", list_frames(root, "train")).frames["frame"].to_list() == read[2:]
    assert len(read) == 4


def test_a_damaged_cache_is_built_again(write_frame, street, capsys):
    frames = list_frames(write_frame("ulm_000001_000019", street), "train")
    first = build_table("set", frames)
    cache_path("set", frames).write_bytes(b"not parquet")
    assert build_table("set", frames).instances.equals(first.instances)


def test_many_processes_give_the_same_table(write_frame, street):
    rng = np.random.default_rng(0)
    for index in range(20):
        instance_map = street.copy()
        instance_map[rng.integers(0, 8), :] = 24000 + index
        root = write_frame(f"ulm_{index:06}_000019", instance_map)
    frames = list_frames(root, "train")
    parallel, alone = build_table("many", frames, num_workers=2), build_table("one", frames, num_workers=1)
    assert parallel.instances.equals(alone.instances)


def test_bad_labels_are_named(write_frame, street):
    root = write_frame("ulm_000001_000019", street)
    frames = list_frames(root, "train")
    cv2.imwrite(str(frames[0].instance_map), street.astype(np.uint8))
    with pytest.raises(UserError, match=r"ulm_000001_000019_gtFine_instanceIds\.png' is 8-bit"):
        build_table("set", frames)
    cv2.imwrite(str(frames[0].instance_map), street[:4])
    with pytest.raises(UserError, match="is 16 x 8 pixels but its labels are 16 x 4"):
        build_table("set", frames)


def test_real_frames(samples_root):
    frames = list_frames(samples_root / "cityscapes", "train")
    table = build_table("samples", frames)
    for frame in frames[:2]:
        instance_map = cv2.imread(str(frame.instance_map), cv2.IMREAD_UNCHANGED)
        rows = table.instances.filter(frame=frame.name)
        assert rows["pixels"].to_list() == [int((instance_map == value).sum()) for value in rows["instance_id"]]


def test_without_a_cache_the_work_goes_on_and_it_is_said_once(write_frame, street, tmp_path, monkeypatch, capsys):
    frames = list_frames(write_frame("ulm_000001_000019", street), "train")
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("SYNMIX_CACHE", str(tmp_path / "file" / "cache"))
    first = build_table("set", frames)
    assert build_table("set", frames).instances.equals(first.instances) and len(first.instances) == 3
    assert capsys.readouterr().err.count("work goes on without a cache") == 1


@pytest.mark.parametrize("small_disk", ["full", "ro"], indirect=True)
def test_a_cache_on_a_disk_that_refuses(write_frame, street, small_disk, monkeypatch):
    frames = list_frames(write_frame("ulm_000001_000019", street), "train")
    if small_disk.is_mount() and os.access(small_disk, os.W_OK):
        (small_disk / "filler").write_bytes(bytes(2**20 - 4096))
    monkeypatch.setenv("SYNMIX_CACHE", str(small_disk))
    assert len(build_table("set", frames).instances) == 3


def test_images_that_are_links_to_moved_data_are_named_with_the_remedy(write_frame, street):
    root = write_frame("ulm_000001_000019", street)
    frame = list_frames(root, "train")[0]
    frame.image.unlink()
    frame.image.symlink_to("../../../raw/1.png")
    with pytest.raises(
        UserError, match=r"ulm_000001_000019.* is a link to '.*raw/1\.png', which is no longer there.*again"
    ):
        list_frames(root, "train")
    frame.image.unlink()
    frame.image.symlink_to(frame.image.name)
    with pytest.raises(UserError, match=r"1 of 1 images .*leads in a circle"):
        list_frames(root, "train")
