import json
import math

import pytest

from synmix.errors import UserError
from synmix.files import atomic_path, checksum, nan_to_null, null_to_nan, read_json, write_json


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


def test_nan_is_null_in_json_and_comes_back():
    assert nan_to_null(float("nan")) is None and nan_to_null(1.5) == 1.5
    assert math.isnan(null_to_nan(None)) and null_to_nan(1.5) == 1.5
