import json
import math
import signal
import subprocess
import sys

import pytest

from synmix.errors import UserError
from synmix.files import (
    atomic_path,
    checksum,
    nan_to_null,
    null_to_nan,
    read_json,
    remove_abandoned,
    write_json,
    write_text,
)


def test_a_failure_leaves_the_old_file_and_no_rest(tmp_path):
    target = tmp_path / "deep" / "value.json"
    write_json(target, {"a": 1})

    def fail_half_way():
        with atomic_path(target) as path:
            path.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_half_way()
    assert read_json(target) == {"a": 1}
    assert [path.name for path in target.parent.iterdir()] == ["value.json"]


def test_checksum_ignores_the_order_of_keys_but_not_values():
    assert checksum({"a": 1, "b": [1.5, "ü"]}) == checksum(json.loads('{"b": [1.5, "\\u00fc"], "a": 1}'))
    assert checksum({"a": 1}) != checksum({"a": 2})
    # golden: the same on every machine
    assert checksum({"a": 1})[:16] == "015abd7f5cc57a2d"


def test_bad_json_is_named(tmp_path):
    (tmp_path / "broken.json").write_text("{")
    with pytest.raises(UserError, match=r"broken\.json' is not valid JSON"):
        read_json(tmp_path / "broken.json")
    with pytest.raises(UserError, match="does not exist"):
        read_json(tmp_path / "absent.json")
    with pytest.raises(UserError, match="cannot be read"):
        read_json(tmp_path)


def test_half_a_character_is_no_json(tmp_path):
    path = tmp_path / "a.json"
    path.write_text(r'["\ud83d\ude97"]')
    assert read_json(path) == ["\U0001f697"]
    path.write_text(r'{"name": "\ud800"}')
    with pytest.raises(UserError, match="is not valid JSON"):
        read_json(path)


def test_nan_is_null_in_json_and_comes_back():
    assert nan_to_null(float("nan")) is None and nan_to_null(float("inf")) is None and nan_to_null(1.5) == 1.5
    assert math.isnan(null_to_nan(None)) and null_to_nan(1.5) == 1.5


@pytest.mark.parametrize("small_disk", ["full", "ro"], indirect=True)
def test_a_disk_that_refuses_is_one_sentence_and_leaves_nothing(small_disk):
    with pytest.raises(UserError, match=r"value\.json' cannot be written \((No space left|Read-only)"):
        write_text(small_disk / "value.json", "x" * 2_000_000)
    assert not list(small_disk.glob(".*")) and not (small_disk / "value.json").exists()


def test_a_file_in_the_place_of_a_folder_and_the_other_way_round(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"the folder '.*file' cannot be made, since a file stands in its place"):
        write_json(tmp_path / "file" / "a.json", 1)
    with pytest.raises(UserError, match="is a folder, but a file is to be written there"):
        write_json(tmp_path, 1)


def test_what_a_killed_process_left_is_removed_by_the_next_one_and_what_a_living_one_writes_is_not(tmp_path):
    code = (
        "import os, pathlib, signal, sys; from synmix.files import atomic_path\n"
        f"with atomic_path('{tmp_path}/big.bin') as path:\n"
        "    path.write_text('half'); os.kill(os.getpid(), signal.SIGKILL)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == -signal.SIGKILL
    assert len(list(tmp_path.glob(".big.partial-*"))) == 1
    with atomic_path(tmp_path / "mine.txt") as mine:
        mine.write_text("half")
        assert not list(tmp_path.glob(".big.partial-*"))
        remove_abandoned(tmp_path)
        assert mine.exists()


def test_a_link_says_where_it_leads(tmp_path):
    (tmp_path / "moved.json").symlink_to("elsewhere/a.json")
    (tmp_path / "a.json").symlink_to("b.json")
    (tmp_path / "b.json").symlink_to("a.json")
    with pytest.raises(UserError, match=r"moved\.json' is a link to 'elsewhere/a\.json', which is no longer there"):
        read_json(tmp_path / "moved.json")
    with pytest.raises(UserError, match=r"a\.json' .*(circle|symbolic links)"):
        read_json(tmp_path / "a.json")
