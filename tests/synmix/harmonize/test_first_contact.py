"""The text about a raw folder: what it must say, and what it must not."""

import json
import runpy
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from synmix.config_files import CONFIGS
from synmix.errors import UserError
from synmix.harmonize.findings import ASSUMPTIONS
from synmix.harmonize.first_contact import first_contact, without_places
from synmix.labels import PERSON, RIDER


def test_it_says_what_is_there_and_what_holds(synscapes_root):
    text = first_contact(synscapes_root, num_workers=1)
    words = " ".join(text.split())
    assert "| img/class | 10 | 1 to 10 | PNG L 90 x 45 (10) |" in words
    assert "| img/instance | 10 | 1 to 10 | PNG RGB 90 x 45 (10) |" in words and "no such folder" in words
    assert "| shown and listed | 50 |" in words and "| listed, not shown | 10 |" in words
    assert "| listed as class * 100,000 + k | 60 |" in words
    assert "instance.class: int" in words and "instance.bbox2d: empty" in words
    assert "| 25 | rider |" in words and "| bicycle | rider |" in words
    for each in ASSUMPTIONS:
        assert each.statement in text
    assert "Every assumption holds on these 10 frames" in text


def test_it_names_the_rule_to_switch(synscapes_root):
    for path in (synscapes_root / "img/class").iterdir():
        class_map = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        cv2.imwrite(str(path), np.where(class_map == RIDER, PERSON, class_map))
    text = first_contact(synscapes_root, num_workers=1)
    assert "**person pixels in vehicles are rare** does not hold" in text and "--rule person_on_vehicle=rider" in text


def test_it_names_no_place(synscapes_root, tmp_path, monkeypatch):
    (synscapes_root / "img/class/3.png").write_bytes(b"torn")
    (synscapes_root / "img/instance/4.png").unlink()
    (synscapes_root / "img/instance/4.png").symlink_to(tmp_path / "secret/elsewhere/4.png")
    monkeypatch.chdir(synscapes_root.parent)
    for root in (synscapes_root, Path("Synscapes"), Path("Synscapes/../Synscapes/")):
        text = first_contact(root, num_workers=1)
        assert str(tmp_path) not in text and "secret" not in text
        assert "Synscapes/img/class/3.png" in text and "Synscapes/img/instance/4.png" in text
    assert without_places("'/home/me/data/x.png' and 'C:\\me\\y.png'", Path("/a")) == "'.../x.png' and '.../y.png'"


def test_it_shows_other_formats_and_odd_ids(synscapes_root, write):
    write(synscapes_root, 11, alpha=True)
    Image.fromarray(np.zeros((45, 90), np.uint8)).convert("P").save(synscapes_root / "img/class/2.png")
    meta = json.loads((synscapes_root / "meta/5.json").read_text())
    meta["instance"]["class"] = {"7": 26, "2600003": 25}
    meta["instance"]["occluded"] = {"7": 0.5}
    (synscapes_root / "meta/5.json").write_text(json.dumps(meta))
    words = " ".join(first_contact(synscapes_root, num_workers=1).split())
    assert "PNG RGBA 90 x 45 (1)" in words and "PNG P 90 x 45 (1)" in words
    assert "| shown, not listed in meta | 4 |" in words and "| occluded | 1 | 0.5 | 0.5 | 0.5 |" in words
    assert "- 2: none of the 5 instances" in words and "meta lists no rider instances** does not hold" in words


@pytest.mark.parametrize("lost", ["class", "instance"])
def test_half_a_folder_is_described_as_far_as_it_goes(synscapes_root, lost):
    for path in (synscapes_root / "img" / lost).iterdir():
        path.unlink()
    (synscapes_root / "img" / lost).rmdir()
    text = first_contact(synscapes_root, num_workers=1)
    assert "| img/rgb " in text and f"They cannot be read: 'Synscapes/img/{lost}' does not exist" in text


def test_a_folder_of_another_encoding_gets_its_sentence(synscapes_root):
    for path in (synscapes_root / "img/class").iterdir():
        cv2.imwrite(str(path), np.zeros((45, 90, 3), np.uint8))
    text = first_contact(synscapes_root, num_workers=1)
    assert "PNG RGB 90 x 45 (10)" in text and "They cannot be read: no frame of 'Synscapes' can be audited" in text


def test_no_folder(tmp_path):
    with pytest.raises(UserError, match="there is no folder"):
        first_contact(tmp_path / "absent")


def test_the_tool_writes_the_text_and_nothing_else(synscapes_root, tmp_path, monkeypatch, capsys):
    arguments = ["--first-contact", synscapes_root, "--frames", 4, "--num-workers", 1, "--output", tmp_path / "out"]
    monkeypatch.setattr(sys, "argv", ["audit_labels.py", *map(str, arguments)])
    with pytest.raises(SystemExit) as stop:
        runpy.run_path(str(CONFIGS.parent / "tools/audit_labels.py"), run_name="__main__")
    assert stop.value.code == 0 and [path.name for path in (tmp_path / "out").iterdir()] == ["first_contact.md"]
    assert "| frames that could be read |      4 |" in capsys.readouterr().out
