"""The Cityscapes-format copy: right, resumable, and unimpressed by broken frames."""

import errno
import json
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import polars as pl
import pytest
from PIL import Image

from synmix import files
from synmix.cli import prepare_synscapes
from synmix.data import cityscapes
from synmix.data.attributes import read_attributes, with_attributes
from synmix.data.described import described
from synmix.data.images import read_instance_map, read_label_map
from synmix.data.listing import frame_at
from synmix.data.raw import read_labels
from synmix.data.table import build_table
from synmix.errors import UserError
from synmix.files import read_json
from synmix.harmonize import frame as frame_module
from synmix.harmonize.frame import write_map
from synmix.harmonize.prepare import prepare
from synmix.harmonize.relabel import harmonize
from synmix.harmonize.summary_text import summary_text

SYNSCAPES = described("synscapes")
TOOL = Path(__file__).parents[3] / "datasets" / "prepare_synscapes.py"


def target(output, number, split="train"):
    return cityscapes.frame_paths(output, split, f"synscapes_000000_{number:06}")


def test_copy_holds_what_harmonise_says_and_links_the_images(synscapes_root, tmp_path):
    output = tmp_path / "copy"
    summary = prepare(synscapes_root, output, num_workers=1)
    assert (summary.written, summary.kept, summary.skipped) == (10, 0, [])
    assert summary.splits == {"train": 8, "val": 1, "test": 1}
    assert summary.riders_created == 20
    for number, split in ((3, "train"), (9, "val"), (10, "test")):
        made, source = target(output, number, split), frame_at(SYNSCAPES, synscapes_root, number)
        expected = harmonize(read_labels(SYNSCAPES, source))
        assert np.array_equal(read_instance_map(made.instance_map), expected.instance_ids)
        assert np.array_equal(read_label_map(made.label_map), expected.label_ids)
        assert made.image.is_symlink() and made.image.resolve() == source.image.resolve()
    assert read_json(output / "summary.json")["riders_created"] == 20


def test_copy_is_a_cityscapes_data_set_for_the_instance_table(synscapes_root, tmp_path):
    prepare(synscapes_root, tmp_path / "copy", num_workers=1)
    table = build_table("copy", cityscapes.list_frames(tmp_path / "copy", "train"), num_workers=1)
    per_class = dict(table.instances.group_by("category").len().iter_rows())
    assert per_class == {"person": 8, "rider": 16, "car": 8, "motorcycle": 8, "bicycle": 16}


def test_workers_give_the_same_copy(synscapes_root, write, tmp_path):
    for number in range(11, 20):
        write(synscapes_root, number)
    for workers in (1, 2):
        prepare(synscapes_root, tmp_path / str(workers), num_workers=workers)
    one, two = ({p.relative_to(root): p.read_bytes() for p in sorted(root.glob("gtFine/**/*.png"))}
                for root in (tmp_path / "1", tmp_path / "2"))  # fmt: skip
    assert one == two and len(one) == 38


def test_second_call_redoes_nothing_but_what_changed(synscapes_root, write, tmp_path):
    output = tmp_path / "copy"
    first = prepare(synscapes_root, output, num_workers=1)
    times = {path: path.stat().st_mtime_ns for path in output.glob("gtFine/**/*.png")}
    class_map = frame_at(SYNSCAPES, synscapes_root, 2).files["class map"]
    os.utime(class_map, ns=(1, 1))
    target(output, 5).label_map.unlink()
    second = prepare(synscapes_root, output, num_workers=1)
    assert (second.written, second.kept) == (2, 8)
    assert second.tally == first.tally
    changed = {path for path, before in times.items() if path.stat().st_mtime_ns != before}
    redone = {target(output, 2).instance_map, target(output, 2).label_map, *_labels(output, 5)}
    assert changed == redone


def _labels(output, number):
    made = target(output, number)
    return made.instance_map, made.label_map


def test_broken_frames_are_named_and_the_others_done(synscapes_root, tmp_path):
    def path(number, part):
        frame = frame_at(SYNSCAPES, synscapes_root, number)
        return frame.image if part == "image" else frame.files[part.replace("_", " ")]

    def cut(file):
        file.write_bytes(file.read_bytes()[:-40])

    cut(path(1, "class_map"))
    cut(path(2, "instance_map"))
    cut(path(3, "image"))
    cv2.imwrite(str(path(4, "class_map")), np.zeros((30, 60), np.uint8))
    path(5, "meta").write_text('{"camera": {}}')
    path(6, "instance_map").unlink()
    cv2.imwrite(str(path(7, "instance_map")), np.zeros((45, 90), np.uint16))
    cv2.imwrite(str(path(8, "image")), np.zeros((50, 90, 3), np.uint8))
    summary = prepare(synscapes_root, tmp_path / "copy", split="train", num_workers=1)
    reasons = dict(summary.skipped)
    expected = {1: "damaged", 2: "damaged", 3: "truncated", 4: "60 x 30", 5: "'instance' key", 6: "no instance map",
                7: "16-bit", 8: "90 x 50"}  # fmt: skip
    assert set(reasons) == set(expected)
    for number, words in expected.items():
        assert words in reasons[number]
        assert not target(tmp_path / "copy", number).image.exists()
    assert summary.written == 2 and summary.exit_code == 1
    text = summary_text(summary)
    assert "skipped 8" in text and reasons[3] in text


def test_alpha_in_the_instance_map_is_ignored(synscapes_root, write, tmp_path):
    prepare(synscapes_root, tmp_path / "rgb", split="train", num_workers=1)
    for number in range(1, 11):
        write(synscapes_root, number, alpha=True)
    prepare(synscapes_root, tmp_path / "rgba", split="train", num_workers=1)
    for number in range(1, 11):
        one, two = (read_instance_map(target(tmp_path / kind, number).instance_map) for kind in ("rgb", "rgba"))
        assert np.array_equal(one, two)


def test_rgb_2k_scales_labels_by_the_nearest_pixel(synscapes_root, tmp_path):
    (synscapes_root / "img" / "rgb-2k").mkdir()
    for number in range(1, 4):
        cv2.imwrite(str(synscapes_root / "img" / "rgb-2k" / f"{number}.png"), np.zeros((64, 128, 3), np.uint8))
    summary = prepare(synscapes_root, tmp_path / "copy", split="train", images="rgb-2k", num_workers=1)
    assert summary.written == 3 and [n for n, reason in summary.skipped if reason.startswith("no image")] == [
        4, 5, 6, 7, 8, 9, 10,
    ]  # fmt: skip
    small = harmonize(read_labels(SYNSCAPES, frame_at(SYNSCAPES, synscapes_root, 1))).instance_ids
    rows, columns = (((np.arange(n) + 0.5) * 45 / 64).astype(int) for n in (64, 128))
    assert np.array_equal(read_instance_map(target(tmp_path / "copy", 1).instance_map), small[rows][:, columns])


def test_other_settings_or_another_split_do_not_mix_into_a_copy(synscapes_root, tmp_path):
    output = tmp_path / "copy"
    prepare(synscapes_root, output, num_workers=1)
    with pytest.raises(UserError, match=r"other settings \(rules\)"):
        prepare(synscapes_root, output, rules={"rider_sliver": "keep"}, num_workers=1)
    with pytest.raises(UserError, match="2 frames where this split does not want them"):
        prepare(synscapes_root, output, split="train", num_workers=1)
    summary = prepare(synscapes_root, output, split="train", num_workers=1, overwrite=True)
    assert summary.splits == {"train": 10} and not list(output.glob("*/val/**/*.png"))


def test_frames_of_another_split_are_noticed_without_the_journal(synscapes_root, tmp_path):
    prepare(synscapes_root, tmp_path / "copy", num_workers=1)
    for path in (tmp_path / "copy" / "prepared").iterdir():
        path.unlink()
    with pytest.raises(UserError, match="the first is frame 9 in 'val'"):
        prepare(synscapes_root, tmp_path / "copy", split="train", num_workers=1)


def test_a_folder_of_someone_else_is_left_alone(synscapes_root, tmp_path):
    (tmp_path / "cityscapes" / "leftImg8bit").mkdir(parents=True)
    with pytest.raises(UserError, match="this tool did not write"):
        prepare(synscapes_root, tmp_path / "cityscapes", num_workers=1)


def test_a_target_that_cannot_be_written_gets_a_sentence(synscapes_root, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"cannot be (written|made)"):
        prepare(synscapes_root, tmp_path / "file" / "copy", num_workers=1)


def test_a_full_disk_is_named_per_frame_and_leaves_no_halves(synscapes_root, tmp_path, monkeypatch):
    real = Path.write_bytes

    def full(self, data):
        if "000004" in self.name:
            real(self, data[: len(data) // 2])
            raise OSError(errno.ENOSPC, "No space left on device", str(self))
        return real(self, data)

    monkeypatch.setattr(frame_module.Path, "write_bytes", full)
    summary = prepare(synscapes_root, tmp_path / "copy", num_workers=1)
    assert [number for number, _ in summary.skipped] == [4] and "No space left" in summary.skipped[0][1]
    assert not list((tmp_path / "copy").glob("gtFine/**/*000004*")) and summary.written == 9
    monkeypatch.undo()
    assert prepare(synscapes_root, tmp_path / "copy", num_workers=1).written == 1


def test_tool_names_the_limit_that_the_system_sets(synscapes_root, tmp_path):
    """A real write error (files may grow to 100 bytes): a sentence, exit code 2, no traceback."""

    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))

    arguments = ["--input", synscapes_root, "--output", tmp_path / "copy", "--num-workers", "1"]
    done = subprocess.run([sys.executable, TOOL, *arguments], capture_output=True, text=True, preexec_fn=limit)
    assert done.returncode == 2 and done.stderr.startswith("error: ") and "cannot be written" in done.stderr


def finished(output) -> list[int]:
    """The frames that the journals of all processes note, a number per line."""
    lines = [line for path in (output / "prepared").glob("*.jsonl") for line in path.read_text().splitlines()]
    return sorted(json.loads(line)["frame"] for line in lines if line.endswith("}"))


@pytest.mark.parametrize("workers", ["1", "2"])
def test_killed_tool_goes_on_where_it_stopped(synscapes_root, write, tmp_path, workers):
    for number in range(11, 61):
        write(synscapes_root, number, scale=8)
    output = tmp_path / "copy"
    arguments = ["--input", synscapes_root, "--output", output, "--num-workers", workers]
    process = subprocess.Popen(
        [sys.executable, TOOL, *arguments], stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True
    )
    while process.poll() is None and len(finished(output)) < 5:
        time.sleep(0.002)
    os.killpg(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL, "it finished before it could be killed"
    with next((output / "prepared").iterdir()).open("a") as file:
        file.write('\n{"frame": 60, "spl')  # what a kill in the middle of a line leaves
    before = len(finished(output))
    summary = prepare(synscapes_root, output, num_workers=1)
    assert (summary.kept, summary.written, summary.skipped) == (before, 60 - before, [])
    assert len(list(output.glob("leftImg8bit/*/*/synscapes_*.png"))) == 60
    assert finished(output) == list(range(1, 61)), "a finished frame was done again"


def run_here(monkeypatch, *arguments):
    """Runs the tool in this process: what it returns or raises."""
    monkeypatch.setattr(sys, "argv", ["prepare_synscapes.py", *map(str, arguments)])
    return prepare_synscapes.main()


def test_tool_lists_its_rules_and_refuses_what_it_does_not_know(synscapes_root, tmp_path, monkeypatch, capsys):
    with pytest.raises(SystemExit):
        run_here(monkeypatch, "--help")
    assert "rider_on_vehicle: split|parts|keep" in capsys.readouterr().out
    folders = ["--input", synscapes_root, "--output", tmp_path / "copy"]
    for arguments, words in {
        ("--rule", "rider=split"): "unknown rule 'rider'",
        ("--rule", "rider_sliver"): "expected NAME=VALUE",
        ("--split", "dev"): "unknown split 'dev'",
        ("--input", tmp_path / "nothing"): "expected a Synscapes folder",
    }.items():
        with pytest.raises(UserError, match=words):
            run_here(monkeypatch, *folders, *arguments)


def test_tool_without_arguments_uses_the_datasets_folder(synscapes_root, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("DETECTRON2_DATASETS", str(tmp_path))
    assert run_here(monkeypatch) == 0
    assert (tmp_path / "synscapes_harmonized" / "leftImg8bit" / "train").is_dir()
    assert "riders created 20" in capsys.readouterr().out


def test_tool_reads_splits_from_files_and_says_by_its_exit_code_what_was_wrong(synscapes_root, tmp_path, monkeypatch):
    (tmp_path / "a.txt").write_text("1\n2\n2\n")
    (tmp_path / "b.txt").write_text("3\n")
    splits = ["--split", f"train={tmp_path / 'a.txt'}", f"val={tmp_path / 'b.txt'}"]
    assert run_here(monkeypatch, "--input", synscapes_root, "--output", tmp_path / "copy", *splits) == 1
    summary = read_json(tmp_path / "copy" / "summary.json")
    assert summary["frames"] == {"train": 2, "val": 1} and [each["frame"] for each in summary["skipped"]] == [2]


def test_a_giant_header_skips_its_frame_alone(synscapes_root, tmp_path):
    for number, kind in ((2, "rgb"), (5, "class"), (8, "instance")):
        path = synscapes_root / "img" / kind / f"{number}.png"
        data = path.read_bytes()
        path.write_bytes(data[:16] + (20_000).to_bytes(4, "big") * 2 + data[24:])
    summary = prepare(synscapes_root, tmp_path / "copy", num_workers=1)
    assert [number for number, _ in summary.skipped] == [2, 5, 8] and summary.written == 7
    assert all("20000 x 20000 pixels" in reason for _, reason in summary.skipped)


def test_raw_data_that_moved_is_named_and_mended_by_preparing_again(synscapes_root, tmp_path):
    output = tmp_path / "copy"
    prepare(synscapes_root, output, split="train", num_workers=1)
    moved = synscapes_root.rename(tmp_path / "Moved")
    with pytest.raises(
        UserError, match=r"10 of 10 images .*is a link to '.*Synscapes/img/rgb/1\.png', which is no longer"
    ):
        cityscapes.list_frames(output, "train")
    assert prepare(moved, output, split="train", num_workers=1).written == 10
    assert len(cityscapes.list_frames(output, "train")) == 10


def test_raw_files_that_are_links_to_nothing_are_skipped(synscapes_root, tmp_path):
    prepare(synscapes_root, tmp_path / "copy", num_workers=1)
    path = synscapes_root / "img/class/3.png"
    path.unlink()
    path.symlink_to("gone.png")
    summary = prepare(synscapes_root, tmp_path / "copy", num_workers=1)
    assert [number for number, _ in summary.skipped] == [3] and "is a link to 'gone.png'" in summary.skipped[0][1]


def test_half_written_files_of_a_killed_tool_are_cleaned_up(synscapes_root, tmp_path):
    output = tmp_path / "copy"
    prepare(synscapes_root, output, num_workers=1)
    folder = cityscapes.frame_paths(output, "train", "synscapes_000000_000001").instance_map.parent
    pid = subprocess.Popen([sys.executable, "-c", ""])
    pid.wait()
    left = folder / f".old_gtFine.partial-{files._mark(pid.pid)}-0123.png"
    left.write_bytes(b"half")
    files._CLEANED.clear()
    prepare(synscapes_root, output, num_workers=1, overwrite=True)
    assert not left.exists()


def known(root, number, **tables):
    """Adds what Synscapes says of instances beside their class to a frame's meta."""
    path = root / "meta" / f"{number}.json"
    meta = json.loads(path.read_text())
    meta["instance"] |= tables
    path.write_text(json.dumps(meta))


def test_what_synscapes_says_of_instances_comes_along_by_their_new_ids(synscapes_root, tmp_path):
    boxes = {"3300001": {"zmin": 8, "zmax": 10.0}, "2600003": {"zmin": -4, "zmax": 9}, "2400004": {"zmin": 5}}
    known(synscapes_root, 3, occluded={"3300001": 0.25, "2600003": 1, "2600050": 0.5, "x": 0.1}, bbox2d=boxes,
          truncated={"3300001": 0.0, "2600003": "much", "3200002": 1.5})  # fmt: skip
    prepare(synscapes_root, tmp_path / "copy", num_workers=1)
    frames = {frame.name[-2:]: frame for frame in cityscapes.list_frames(tmp_path / "copy", "train")}
    # riders come in the order of the Synscapes ids: the motorcycle's first; hidden and unknown instances are left out
    assert read_attributes(frames["03"].instance_map) == {
        "occluded": {25001: 0.25, 26000: 1.0, 33000: 0.25},
        "truncated": {25001: 0.0, 33000: 0.0},
        "distance": {25001: 9.0, 33000: 9.0},
    }
    assert read_attributes(frames["04"].instance_map) == {"occluded": {}, "truncated": {}, "distance": {}}
    rows = build_table("copy", list(frames.values()), num_workers=1).instances
    assert rows.filter(pl.col("occluded").is_not_null()).select("frame", "instance_id", "occluded").rows() == [
        (frames["03"].name, 25001, 0.25), (frames["03"].name, 26000, 1.0), (frames["03"].name, 33000, 0.25),
    ]  # fmt: skip


def test_a_copy_from_before_attributes_gets_them_and_nothing_else_changes(synscapes_root, tmp_path):
    known(synscapes_root, 2, occluded={"3300001": 0.25})
    output = tmp_path / "copy"
    prepare(synscapes_root, output, num_workers=1)
    frames = cityscapes.list_frames(output, "train")
    maps = {each.instance_map: read_instance_map(each.instance_map) for each in frames}
    for path, pixels in maps.items():
        write_map(path, pixels)
    before = build_table("copy", frames, num_workers=1)
    assert "occluded" not in before.instances.columns
    summary = prepare(synscapes_root, output, num_workers=1)
    assert (summary.written, summary.kept) == (8, 2)
    for path, pixels in maps.items():
        np.testing.assert_array_equal(read_instance_map(path), pixels)
        np.testing.assert_array_equal(np.asarray(Image.open(path)), pixels)
    after = build_table("copy", frames, num_workers=1)  # the table of before is stale
    assert after.instances["occluded"].drop_nulls().to_list() == [0.25, 0.25]
    assert after.instances.select(before.instances.columns).equals(before.instances)


def test_attributes_that_cannot_be_are_named(synscapes_root, tmp_path):
    prepare(synscapes_root, tmp_path / "copy", num_workers=1)
    frame = cityscapes.list_frames(tmp_path / "copy", "train")[0]
    png = frame.instance_map.read_bytes()
    for spoilt in ({}, {"occluded": {}}, {"occluded": {"a": 1}, "truncated": {}, "distance": {}},
                   {"occluded": {"1": 7}, "truncated": {}, "distance": {}}):  # fmt: skip
        frame.instance_map.write_bytes(with_attributes(png, spoilt))
        with pytest.raises(UserError, match=r"the text of '.*gtFine_instanceIds\.png' does not hold attributes"):
            build_table("spoilt", [frame], num_workers=1)
