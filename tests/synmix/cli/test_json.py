"""``--json FILE`` of each command that prints figures holds them; those that are tested elsewhere are left out."""

import runpy
import sys

import pytest

from synmix.config_files import CONFIGS
from synmix.files import read_json
from synmix.study.scale import load_scale

REAL, SYNTHETIC = "mini_cityscapes_instance_val", "mini_synscapes_instance_val"


@pytest.fixture
def written(mini_root, tmp_path, monkeypatch, capsys):
    """Calls a file of tools/ or datasets/: what it printed, and its JSON."""
    monkeypatch.setenv("DETECTRON2_DATASETS", str(mini_root))
    monkeypatch.chdir(tmp_path)

    def call(path, *arguments):
        file = tmp_path / "made/result.json"  # its folder is made too
        monkeypatch.setattr(sys, "argv", [path, *map(str, arguments), "--json", str(file)])
        with pytest.raises(SystemExit) as stop:
            runpy.run_path(str(CONFIGS.parent / path), run_name="__main__")
        assert stop.value.code == 0
        return capsys.readouterr().out, read_json(file)

    return call


def test_audit(written):
    printed, found = written("tools/audit_labels.py", REAL, SYNTHETIC, "--num-workers", 1)
    assert [each["name"] for each in found["looked_at"]] == [REAL, SYNTHETIC, "Synscapes as delivered"]
    assert found["looked_at"][0]["frames"] == 4 and found["conventions"][0][REAL] == 4
    (share,) = [row for row in found["sizes"] if (row["class"], row["data set"]) == ("car", REAL)]
    assert 0 <= share["under 100 px"] <= 1 and f"{share['under 100 px']:.2%}" in printed
    assert all(row["holds"] in ("yes", "nothing to measure", "NO") for row in found["assumptions"])


def test_first_contact(written, mini_root):
    printed, found = written(
        "tools/audit_labels.py", "--first-contact", mini_root / "mini/Synscapes", "--num-workers", 1
    )
    assert found["first_contact"] in printed


def test_removal(written):
    thresholds = written("tools/show_removal.py", SYNTHETIC, "--output", "a.png", "--thresholds", 0, 100)[1]
    assert [row["removed_percent"] for row in thresholds["thresholds"]] == [0, 100]
    none, everything = thresholds["thresholds"]
    assert none["left"] == none["labels"] > 0 == everything["left"]


def test_pictures_of_labels(written, tmp_path):
    _, (found,) = written("tools/visualize_data.py", REAL, "--frames", 2)
    assert found["dataset"] == REAL and len(found["frames"]) == 2 and all(each["labels"] for each in found["frames"])
    assert (tmp_path / found["written"]).is_file()


def test_pictures_of_a_configs_own_data_sets(written, mini_root, tmp_path):
    labels = tmp_path / "labels.json"
    written("tools/export.py", REAL, "--output", labels, "--images", mini_root)
    entry = f"{{name: mine, annotations: {labels}, images: {mini_root}, domain: real, categories: {{car: vehicle}}}}"
    data = f"{{CLASSES: [vehicle], COCO: [{entry}], TRAIN: [mine], TEST: [mine]}}"
    (tmp_path / "mine.yaml").write_text(f"_BASE_: mini.yaml\nDATASETS: {data}\n")
    _, (found,) = written("tools/visualize_data.py", "--config-file", "mine.yaml", "--frames", 1)
    assert found["dataset"] == "mine" and len(found["frames"]) == 1


def test_prepared(written, mini_root, tmp_path):
    arguments = "--input", mini_root / "mini/Synscapes", "--output", tmp_path / "copy", "--num-workers", 1
    printed, found = written("datasets/prepare_synscapes.py", *arguments)
    assert (found["written"], found["kept"]) == (30, 0) and f"riders created {found['riders_created']}" in printed
    assert found["folder"] == str(tmp_path / "copy")
    assert written("datasets/prepare.py", "synscapes", *arguments)[1]["kept"] == 30


def test_exported(written, tmp_path):
    printed, found = written("tools/export.py", REAL, "--output", tmp_path / "a.json", "--num-workers", 1)
    assert found["images"] == 4 and f"{found['annotations']} labels" in printed and found["images_from"] in printed


def test_study_and_report_of_an_empty_store(written):
    printed, plan = written("tools/study.py", "list", "removal", "--scale", "mini")
    assert plan["scale"] == "mini" and plan["seconds_per_iteration"] == load_scale("mini").seconds_per_iteration
    (experiment,) = plan["experiments"]
    assert experiment["runs"] == len(plan["runs"]) and f"{experiment['iterations']:,}" in printed
    assert {run["state"] for run in plan["runs"]} == {"missing"} and plan["runs"][-1]["after"] in (None, 1)
    printed, report = written("tools/report.py", "--scale", "mini")
    assert all(f"{figure} {what}" in printed for figure, what in report["cards"])
    numbers = [block for section in report["sections"] for block in section["blocks"] if block["kind"] == "numbers"]
    rows = [row for block in numbers for row in block["rows"]]
    assert any(row["published"] for row in rows) and {row["state"] for row in rows} == {"not yet run"}


def test_drawn_streets(written, tmp_path):
    counts = ["--real-train", 2, "--real-val", 1, "--real-test", 0, "--synthetic-images", 3]
    encoded = ["--encodings", "kitti", "--encoded", 2]
    size = ["--height", 64, "--width", 64, "--num-workers", 1, "--output", tmp_path / "drawn"]
    _, found = written("datasets/make_mini.py", *counts, *encoded, *size)
    assert found["folder"] == str(tmp_path / "drawn")
    assert found["frames"] == {"cityscapes": {"train": 2, "val": 1, "test": 0}, "Synscapes": {"frames": 3}}
    assert len(list((tmp_path / "drawn/cityscapes/leftImg8bit").rglob("*.png"))) == 3
    assert {name: each["written"] for name, each in found["harmonised"].items()} == {
        "synscapes_harmonized": 3,
        "kitti_harmonized": 2,
    }


def test_drawn_vehicles(written, tmp_path):
    _, found = written("datasets/make_mini.py", "--vehicles", "--num-workers", 1, "--output", tmp_path / "drawn")
    for folder, frames in found["frames"].items():
        files = (tmp_path / "drawn" / folder).rglob("*.*")
        pictures = [path for path in files if path.suffix in (".jpg", ".png") and not path.is_symlink()]
        assert len(pictures) == sum(frames.values())
    assert found["frames"]["carfusion"].keys() == {"train", "val", "test"}
