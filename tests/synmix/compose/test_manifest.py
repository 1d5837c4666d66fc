"""Manifests: written whole, compared in words, and a resumed run refused under another one."""

import json

import polars as pl
import pytest

from synmix.compose.composition import CompositionSpec, compose
from synmix.compose.manifest import check_manifest, differences, read_manifest, write_manifest
from synmix.compose.manifest_text import summary
from synmix.data.table import InstanceTable
from synmix.errors import UserError


@pytest.fixture
def manifest_of(registered, make_table):
    registered(make_table("real", 30), "real")
    registered(make_table("synthetic", 60, seed=1), "synthetic")

    def manifest(**keys):
        return compose(CompositionSpec(**{"data_sets": ("real", "synthetic"), **keys})).manifest()

    return manifest


def test_a_manifest_says_what_was_chosen(manifest_of, tmp_path):
    manifest = manifest_of(images=(-1, 20), removal={"default": 30}, seed=3)
    path = tmp_path / "run" / "manifest.json"
    write_manifest(path, manifest)
    assert read_manifest(path) == manifest
    real, synthetic = manifest["data_sets"]
    assert (real["images"], synthetic["images"], synthetic["available"], len(synthetic["frames"])) == (30, 20, 60, 20)
    assert all(row["kept"] + row["removed"] == row["labels"] for row in synthetic["classes"].values())
    assert manifest["labels_removed"] == sum(row["removed"] for row in synthetic["classes"].values()) > 0
    assert str(tmp_path) not in path.read_text()  # nothing of this machine


def test_resuming_under_the_same_training_set(manifest_of, tmp_path):
    path = tmp_path / "manifest.json"
    write_manifest(path, manifest_of(seed=1))
    check_manifest(path, manifest_of(seed=2))  # all images of both sets: the seed chooses nothing


@pytest.mark.parametrize(
    "keys, words",
    [
        ({"seed": 1}, ["seed 0 -> 1", "real: 10 -> 10 images"]),
        ({"images": (10, 21)}, ["synthetic: 20 -> 21 images, 20 in common (first difference: 'city_"]),
        ({"removal": {"car": 50}}, ["synthetic: 'car' percent 0.0 -> 50.0, kept", "threshold None -> "]),
        ({"repeat": (2, 1)}, ["real: repeat 1 -> 2"]),
        ({"drop_empty": False}, ["drop_empty True -> False"]),
        ({"data_sets": ("synthetic", "real"), "images": (20, 10)}, ["in another order"]),
        ({"data_sets": ("real",), "images": (10,)}, ["'synthetic' is no longer used"]),
    ],
)
def test_resuming_under_another_training_set_is_refused_with_what_differs(manifest_of, tmp_path, keys, words):
    path = tmp_path / "manifest.json"
    write_manifest(path, manifest_of(images=(10, 20)))
    with pytest.raises(UserError) as error:
        check_manifest(path, manifest_of(**{"images": (10, 20), **keys}))
    for word in [*words, str(path), "OUTPUT_DIR"]:
        assert word in str(error.value)


def test_labels_that_changed_under_equal_counts_are_noticed(manifest_of, registered, make_table):
    before = manifest_of()
    table = make_table("real", 30)
    moved = table.instances.with_columns(pl.col("x_max") + 1)
    registered(InstanceTable("real", table.frames, moved), "real")
    after = manifest_of()
    assert differences(before, after) == [
        "real: the labels themselves changed (equal counts, other pixels, boxes or ids)"
    ]
    assert differences(before, before) == []


@pytest.mark.parametrize(
    "text, sentence",
    [("{", "not valid JSON"), ("[]", "not a manifest"), ('{"a": 1}', "not a manifest"), (None, "does not exist")],
)
def test_what_is_no_manifest(tmp_path, text, sentence):
    path = tmp_path / "manifest.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(UserError, match=sentence):
        read_manifest(path)


def test_a_manifest_of_another_version(manifest_of, tmp_path):
    path = tmp_path / "manifest.json"
    path.write_text(json.dumps({**manifest_of(), "version": 99}))
    with pytest.raises(UserError, match="version 99"):
        read_manifest(path)


def test_the_summary_shows_classes_and_totals(manifest_of):
    manifest = manifest_of(images=(10, 20), removal={"person": 60}, repeat=(8, 1))
    text = summary(manifest)
    person = manifest["data_sets"][1]["classes"]["person"]
    assert f"{person['removed']:,}" in text and f"{person['threshold']:,}" in text
    assert "each 8 times" in text and manifest["checksum"][:16] in text
