"""tools/export.py as it is called."""

import json
from functools import partial

import pytest
import yaml

from synmix.config_files import CONFIGS
from synmix.data import sources

NAME = "mini_synscapes_instance_val"


@pytest.fixture
def call(call_tool, monkeypatch, mini_root):
    monkeypatch.setenv("DETECTRON2_DATASETS", str(mini_root))
    monkeypatch.setattr(sources, "_SOURCES", dict(sources._SOURCES))
    return partial(call_tool, "export")


def test_a_data_set(call, tmp_path):
    code, told, _ = call(NAME, "--output", tmp_path / "a.json", "--num-workers", 1)
    document = json.loads((tmp_path / "a.json").read_text())
    assert code == 0 and f"{len(document['annotations']):,} labels" in told
    assert "file names start from" in told and "Synscapes/img/rgb" in told


def test_a_training_set_and_a_part_of_it_wherever_the_words_stand(call, tmp_path):
    config = tmp_path / "c.yaml"
    config.write_text(yaml.safe_dump({"_BASE_": str(CONFIGS / "mini.yaml"), "DATASETS": {"IMAGES": [2, 3]}}))
    common = ("--config-file", config, "--num-workers", 1, "--output", tmp_path / "a.json")
    assert call(*common, "DATASETS.REMOVAL.car", 100)[0] == 0
    document = json.loads((tmp_path / "a.json").read_text())
    synthetic = {each["id"] for each in document["images"] if "synscapes" in each["data_set"]}
    cars = [each for each in document["annotations"] if each["category_id"] == 3 and each["image_id"] in synthetic]
    assert not cars and {each["data_set"] for each in document["images"]} == {
        "mini_cityscapes_instance_train", "mini_synscapes_instance_train",
    }  # fmt: skip
    part = "mini_synscapes_instance_train"
    assert call(part, *common, "DATASETS.REMOVAL.car", 100)[0] == 0
    document = json.loads((tmp_path / "a.json").read_text())
    assert {each["data_set"] for each in document["images"]} == {part}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "give one DATASET"),
        (["a", "b"], "give one DATASET"),
        (["mini_synscapes_instance_vall"], "Did you mean"),
        ([NAME, "--predictions", "absent"], "no folder 'absent'"),
        (["--config-file", "mini.yaml", "--predictions", "x"], "leave out --config-file"),
        (["--config-file", "mini.yaml", "elsewhere"], "does not train on 'elsewhere'"),
        ([NAME, "--images", "/nowhere"], "not lie below '/nowhere'"),
    ],
)
def test_what_cannot_be_meant(call, tmp_path, arguments, sentence):
    code, _, told = call(*arguments, "--output", tmp_path / "a.json", "--num-workers", 1)
    assert code == 2 and sentence in told and not (tmp_path / "a.json").exists()


def test_the_file_ends_in_json(call, tmp_path):
    code, _, told = call(NAME, "--output", tmp_path / "a.txt")
    assert code == 2 and "end in .json" in told
