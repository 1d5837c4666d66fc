"""Results survive their file, with every match, and a file that is something else is refused in a sentence."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synmix.errors import UserError
from synmix.evaluate.average_precision import MatchTable
from synmix.evaluate.packing import pack, unpack
from synmix.evaluate.result import make_result, read_result, to_json, write_result

CLASSES = ("person", "car")


@st.composite
def tables(draw):
    images, rows = draw(st.integers(1, 5)), draw(st.integers(0, 12))
    generator = np.random.default_rng(draw(st.integers(0, 1000)))
    return MatchTable(
        CLASSES,
        tuple(f"town/{index}" for index in range(images)),
        generator.integers(0, 4, (images, 2)),
        np.sort(generator.integers(0, images, rows)),
        generator.integers(0, 2, rows),
        generator.random(rows),
        generator.integers(0, 3, (rows, 10)).astype(np.int8),
    )


@settings(deadline=None, max_examples=40)
@given(tables())
def test_a_match_table_survives_packing(table):
    back = unpack(json.loads(json.dumps(pack(table))))
    assert (back.classes, back.images) == (table.classes, table.images)
    for name in ("truths", "image", "category", "score", "outcome"):
        np.testing.assert_array_equal(getattr(back, name), getattr(table, name))


@settings(deadline=None, max_examples=20)
@given(table=tables())
def test_a_result_survives_its_file(tmp_path_factory, table):
    path = tmp_path_factory.mktemp("result") / "a.json"
    result = make_result("town", table, resamples=20, seed=1, provenance={"commit": "abc"})
    write_result(path, result)
    back = read_result(path)
    assert to_json(back) == to_json(result)


@pytest.mark.parametrize(
    "text, message",
    [
        ("{", "is not valid JSON"),
        ("[]", "is not a result of SynMix's evaluation"),
        ('{"AP": 3}', "is not a result of SynMix's evaluation"),
        ('{"format": 99}', "is a result of format 99"),
    ],
)
def test_another_file_is_refused(tmp_path, text, message):
    path = tmp_path / "a.json"
    path.write_text(text)
    with pytest.raises(UserError, match=message):
        read_result(path)


def broken(change):
    table = MatchTable(
        CLASSES, ("a",), np.ones((1, 2), int), np.zeros(3, int), np.zeros(3, int), np.ones(3), np.ones((3, 10), np.int8)
    )
    document = to_json(make_result("town", table, resamples=0))
    change(document["matches"])
    return document


@pytest.mark.parametrize(
    "change",
    [
        lambda matches: matches.update(score="not base64"),
        lambda matches: matches.update(score="AAAA"),
        lambda matches: matches.update(image=matches["category"]),
        lambda matches: matches.update(classes=["person"]),
        lambda matches: matches.update(images=[]),
        lambda matches: matches.pop("outcome"),
    ],
)
def test_damaged_matches_are_refused(tmp_path, change):
    path = tmp_path / "a.json"
    path.write_text(json.dumps(broken(change)))
    with pytest.raises(UserError, match=r"a.json' is not a result of SynMix's evaluation"):
        read_result(path)
