"""Descriptions as people write them: every mistake gets a sentence that names the file and the key."""

import numpy as np
import pytest
import yaml
from cityscapesscripts.helpers.labels import name2label

from synmix.config_files import CONFIGS
from synmix.data import described as descriptions
from synmix.data.described import described, names
from synmix.data.description_keys import read_description
from synmix.errors import UserError

EVALUATED = ("person", "rider", "car", "truck", "bus", "train", "motorcycle", "bicycle")
WHOLE = {
    "title": "Town",
    "domain": "synthetic",
    "known": "A",
    "images": "rgb/{frame}.png",
    "maps": [{"file": "ids/{frame}.png", "class": "R", "id": "G + 256 B"}],
    "classes": {0: "road", **{number: name for number, name in enumerate(EVALUATED, 1)}},
    "riders": "own",
}


@pytest.fixture
def read(tmp_path):
    def read(**changes):
        values = {key: value for key, value in {**WHOLE, **changes}.items() if value is not None}
        (tmp_path / "town.yaml").write_text(yaml.safe_dump(values))
        return read_description(tmp_path / "town.yaml")

    return read


@pytest.mark.parametrize("name", names())
def test_every_description_in_the_project_is_sound(name):
    description = described(name)
    assert description.name == name and "_" not in name  # a city's name has none
    assert description.known in ("A", "B", "?")


def test_a_description_of_the_folder_that_one_works_in(monkeypatch, tmp_path, read):
    read()
    (tmp_path / "configs/data").mkdir(parents=True)
    (tmp_path / "town.yaml").rename(tmp_path / "configs/data/town.yaml")
    monkeypatch.chdir(tmp_path)
    assert {"town", "kitti"} <= set(names()) and described("town").title == "Town"


def test_the_page_has_every_data_set():
    page = (CONFIGS.parent / "docs/data.md").read_text(encoding="utf-8")
    assert descriptions.markdown() in page, "replace its table by synmix.data.described.markdown()"


def test_the_example_of_the_page_is_a_description(tmp_path):
    page = (CONFIGS.parent / "docs/data.md").read_text(encoding="utf-8")
    (tmp_path / "town.yaml").write_text(page.split("```yaml\n")[1].split("```")[0])
    description = read_description(tmp_path / "town.yaml")
    assert description.missing == ("rider", "train") and description.splits.words == {"train": "train", "val": "val"}


def test_a_small_description_is_enough(read):
    description = read()
    assert (description.folder, description.copy, description.frame) == ("town", "town_harmonized", "{frame}")
    assert description.classes.labels_of(np.array([[0, 3, 9]], np.uint8)).tolist() == [[7, 26, 255]]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"image": "a/{frame}.png"}, r"'town.yaml' has the unknown key 'image'\. Did you mean 'images'\?"),
        ({"domain": "drawn"}, r"has 'drawn' for 'domain'; give 'real' or 'synthetic'"),
        ({"title": None}, r"lacks 'title'"),
        ({"images": "rgb/{Frame name}.png"}, r"'rgb/\{Frame name\}.png', which is no pattern"),
        ({"images": "/rgb/{frame}.png"}, "which is no pattern"),
        ({"maps": None}, "must have either 'maps' or 'lists'"),
        ({"maps": [{"file": "ids/{frame}.png", "clas": "R"}]}, "unknown key 'clas'. Did you mean 'class'"),
        ({"maps": [{"file": "ids/{frame}.png", "class": "R * G"}]}, r"'class' with 'R \* G', which is no sum"),
        ({"maps": [{"file": "ids/{frame}.png", "class": "gray + R"}]}, "mixes a whole pixel with channels"),
        ({"maps": [{"file": "ids/{frame}.png"}]}, "says neither 'class' nor 'id'"),
        ({"maps": [{"file": "ids/{frame}.png", "class": "R"}]}, "has no map with an 'id'"),
        ({"maps": [{"file": "ids/{frame}.png", "id": "R"}]}, "has no map with a 'class'"),
        ({"maps": [{"file": "ids/{number}.png", "class": "R", "id": "G"}]}, "whose names are not those of 'images'"),
        ({"maps": [{"file": "{split}/{frame}.png", "class": "R", "id": "G"}]}, "no 'splits' that say"),
        ({"classes": {0: "street"}}, r"unknown class 'street'.*Known: background, unlabeled"),
        ({"classes": {"a": "road"}}, "has the key 'a'; give a value such as 7"),
        ({"classes": {"like": "ids"}}, "give labelIds or trainIds"),
        ({"missing": ["rider"]}, "both maps and calls missing the class 'rider'"),
        ({"classes": {1: "person"}}, "neither maps nor calls missing the class 'rider'"),
        ({"missing": ["cars"]}, "for 'missing'; give a list, each entry 'person' or"),
        ({"splits": {"dev": "dev"}}, "unknown split 'dev'"),
        ({"splits": {"train": 7}}, "has 7 for 'train'"),
        ({"splits": {"train": {"scene": ["a"]}}}, "divides or names frames by 'scene'"),
        ({"splits": {"train": "1..9"}}, "divides or names frames by 'number'"),
        ({"splits": {"train": "a", "val": {"frame": ["b"]}}}, "mixes several ways"),
        ({"maps": [{"file": "ids/{frame}.png", "class": "R", "id": "G", "crowd": "x"}]}, "for 'crowd'; give a channel"),
    ],
)
def test_a_mistake_gets_a_sentence(read, changes, words):
    with pytest.raises(UserError, match=words) as error:
        read(**changes)
    assert "'town.yaml'" in str(error.value)


def test_text_that_is_no_yaml_gets_a_sentence(tmp_path):
    (tmp_path / "town.yaml").write_text("title: [")
    with pytest.raises(UserError, match=r"town\.yaml' is not plain YAML"):
        read_description(tmp_path / "town.yaml")


def test_an_undescribed_name_lists_the_described(monkeypatch, tmp_path):
    with pytest.raises(UserError, match=r"no data set 'kiti' is described\. Did you mean 'kitti'\?.*docs/data\.md"):
        described("kiti")


def test_one_file_is_all_that_another_data_set_needs(monkeypatch, tmp_path):
    from synmix.data import sources

    monkeypatch.setattr(descriptions, "FOLDERS", (tmp_path,))
    (tmp_path / "town.yaml").write_text(yaml.safe_dump({**WHOLE, "missing": []}))
    assert sources.source("town_instance_val").domain == "synthetic"
    monkeypatch.delitem(sources._SOURCES, "town_instance_val")


def test_train_ids_come_from_cityscapes_own_table():
    table = described("urbansyn").classes
    for name in ("road", "person", "bicycle"):
        label = name2label[name]
        assert table.labels_of(np.array([[label.trainId]], np.uint8)).tolist() == [[label.id]]
