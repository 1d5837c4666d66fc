"""Results survive their file, with every match, and a file that is something else is refused in a sentence."""

import json
from dataclasses import fields

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tests.synmix.evaluate.drawn import scene, scenes, table_of

from synmix.errors import UserError
from synmix.evaluate.average_precision import MatchTable
from synmix.evaluate.packing import pack, unpack
from synmix.evaluate.result import make_result, read_result, to_json, write_result
from synmix.evaluate.why import why_table

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


@settings(deadline=None, max_examples=30)
@given(images=st.lists(scenes(), max_size=3))
def test_details_survive_packing(images):
    table = table_of(images)
    back = unpack(json.loads(json.dumps(pack(table))))
    for column in fields(table.details):
        np.testing.assert_array_equal(getattr(back.details, column.name), getattr(table.details, column.name))


def test_a_result_of_format_1_is_read_and_lacks_details(tmp_path):
    table = table_of([scene([(26001, 0, 0, 12, 12)], [(26, 0.9, 0, 0, 12, 12)])])
    document = to_json(make_result("town", table, resamples=0))
    document["matches"].pop("details")
    document["format"] = 1
    path = tmp_path / "a.json"
    path.write_text(json.dumps(document))
    old = read_result(path)
    assert old.figures["AP-car"] == 100 and old.table.details is None
    assert old.table.subset(old.table.images).details is None
    write_result(path, old)  # in today's format, still without
    assert read_result(path).table.details is None
    with pytest.raises(UserError, match="format 1 lacks; evaluate again"):
        why_table(old)


@settings(deadline=None, max_examples=20)
@given(table=tables())
def test_a_result_survives_its_file(tmp_path_factory, table):
    path = tmp_path_factory.mktemp("result") / "a.json"
    result = make_result("town", table, resamples=20, seed=1, provenance={"commit": "abc"})
    assume(all(not value > 100 for value in result.figures.values()))  # more found than there is
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
    car, person = (26001, 0, 0, 12, 12), (24001, 20, 0, 12, 12)
    table = table_of([scene([car, person], [(26, 0.9, *car[1:]), (26, 0.8, *person[1:]), (24, 0.7, *person[1:])])])
    document = to_json(make_result("town", table, resamples=0))
    change(document["matches"])
    return document


@pytest.mark.parametrize(
    "change", [{"classes": {}}, {"intervals": {"confidence": 0.95, "resamples": 10, "AP": [1.0, 2.0]}}]
)
def test_figures_of_other_classes_than_the_matches_are_refused(tmp_path, change):
    document, path = {**broken(lambda matches: None), **change}, tmp_path / "a.json"
    path.write_text(json.dumps(document))
    with pytest.raises(UserError, match="figures of other classes"):
        read_result(path)


@pytest.mark.parametrize(
    "change",
    [
        lambda matches: matches.update(score="not base64"),
        lambda matches: matches.update(score="AAAA"),
        lambda matches: matches.update(image=matches["category"]),
        lambda matches: matches.update(classes=["person"]),
        lambda matches: matches.update(images=[]),
        lambda matches: matches.pop("outcome"),
        lambda matches: matches["details"].pop("taker"),
        lambda matches: matches["details"].update(pixels=matches["details"]["taker"]),
        lambda matches: matches["details"].update(own_truth=matches["details"]["pixels"]),
        lambda matches: matches["details"].update(truth_category=matches["category"]),
        lambda matches: matches["details"].update(truth_image=matches["details"]["truth_pixels"]),
    ],
)
def test_damaged_matches_are_refused(tmp_path, change):
    path = tmp_path / "a.json"
    path.write_text(json.dumps(broken(change)))
    with pytest.raises(UserError, match=r"a.json' is not a result of SynMix's evaluation"):
        read_result(path)
