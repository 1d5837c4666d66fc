"""tools/eval_cityscapes.py: what it prints and writes, and the exit codes a script can use."""

import json
import shutil
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from synmix.cli.eval_cityscapes import main
from synmix.config_files import CONFIGS
from synmix.errors import UserError
from synmix.evaluate.result import read_result
from synmix.evaluate.why import explain, why_json

HEIGHT, WIDTH = 48, 64


@pytest.fixture
def tool(monkeypatch, capsys):
    """Runs the tool with arguments; returns its exit code and what it printed."""

    def run(*arguments) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["eval_cityscapes.py", *map(str, arguments)])
        code = main()
        return code, capsys.readouterr().out

    return run


def draw(root: Path, shift: int) -> None:
    """Four frames with two cars and a person each, and predictions that miss by ``shift`` pixels."""
    for number in range(4):
        name = f"town_{number:06}_000019"
        instance_map = np.full((HEIGHT, WIDTH), 7, dtype=np.uint16)
        for value, x in ((26001, 2), (26002, 24), (24001, 44)):
            instance_map[5 : 30 + number, x : x + 14] = value
        for folder, suffix, picture in (
            ("gtFine", "gtFine_instanceIds", instance_map),
            ("leftImg8bit", "leftImg8bit", np.full((HEIGHT, WIDTH, 3), 120, np.uint8)),
        ):
            path = root / folder / "val" / "town" / f"{name}_{suffix}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(path), picture)
        lines = []
        predictions = root / f"predictions{shift}"
        predictions.mkdir(exist_ok=True)
        for index, (value, label) in enumerate(((26001, 26), (26002, 26), (24001, 24), (24001, 26))):
            mask = np.roll(instance_map == value, shift + number, axis=1)
            cv2.imwrite(str(predictions / f"{name}_{index}.png"), mask.astype(np.uint8) * 255)
            lines.append(f"{name}_{index}.png {label} {0.9 - 0.1 * index - 0.05 * number:.2f}\n")
        (predictions / f"{name}_pred.txt").write_text("".join(lines))


@pytest.fixture
def town(tmp_path) -> Path:
    draw(tmp_path, 1)
    draw(tmp_path, 4)
    return tmp_path


def folders(town: Path, shift: int = 1) -> list:
    return ["--predictions", town / f"predictions{shift}", "--ground-truth", town / "gtFine"]


def test_folders_beside_the_official_script(tool, town, monkeypatch):
    elsewhere = town / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    code, text = tool(*folders(town), "--official", "--json", town / "a.json", "--resamples", 50)
    assert code == 0
    assert "largest difference to cityscapesScripts over all classes and thresholds" in text
    assert "official" in text and "bicycle" in text
    document = json.loads((town / "a.json").read_text())
    assert 0 < document["classes"]["car"]["AP"] < document["classes"]["car"]["AP50"]
    assert document["classes"]["bus"] == {"AP": None, "AP50": None}
    assert document["provenance"]["predictions"] == str(town / "predictions1")
    assert not list(elsewhere.iterdir())  # the script's matches.json stays away


def test_a_chart_and_pages_of_mistakes(tool, town):
    code, text = tool(*folders(town, 4), "--chart", town / "a.png", "--errors", town / "errors", "--resamples", 20)
    assert code == 0
    assert cv2.imread(str(town / "a.png")).std() > 5
    pages = sorted(path.name for path in (town / "errors").iterdir())
    assert pages == ["predictions_false_positives.png", "predictions_missed.png"]
    assert "worst mistakes" in text
    shutil.rmtree(town / "leftImg8bit")
    code, text = tool(*folders(town, 4), "--errors", town / "none", "--resamples", 0)
    assert code == 0
    assert "no mistakes drawn" in text and not (town / "none").exists()


def test_exit_codes_of_checks(tool, town):
    assert tool(*folders(town), "--resamples", 0, "--min-ap", 1)[0] == 0
    code, text = tool(*folders(town), "--resamples", 0, "--min-ap", 99)
    assert code == 1
    assert "is below the asked 99.00" in text


def test_comparing_results(tool, town):
    for shift in (1, 4):
        tool(*folders(town, shift), "--json", town / f"{shift}.json", "--resamples", 0)
    good, bad = town / "1.json", town / "4.json"
    code, text = tool("--compare", bad, good, "--resamples", 200, "--json", town / "d.json", "--chart", town / "d.svg")
    assert code == 0
    assert "AP50-person" in text
    found = json.loads((town / "d.json").read_text())
    assert found["difference"]["AP"]["value"] == pytest.approx(found["second"]["AP"] - found["first"]["AP"])
    assert found["difference"]["AP"]["low"] > 0
    assert found["difference"]["AP-bus"]["p_value"] is None
    assert (town / "d.svg").read_text().startswith("<?xml")
    assert tool("--compare", bad, good, "--resamples", 200, "--fail-if-worse")[0] == 0
    assert tool("--compare", good, bad, "--resamples", 200, "--fail-if-worse")[0] == 1
    assert tool("--compare", f"{good},{good}", f"{bad},{bad}", "--resamples", 50)[0] == 0


def test_why_figures_are_what_they_are(tool, town):
    wishes = ["--why", "--why-chart", town / "why.png", "--size-edges", "370,385", "--resamples", 0]
    code, text = tool(*folders(town, 4), *wishes, "--json", town / "4.json")
    assert code == 0
    assert "pointsofAP50thaterrorscost" in "".join(text.split()) and "370 to 385 px" in text
    assert cv2.imread(str(town / "why.png")).std() > 5
    why = json.loads((town / "4.json").read_text())["why"]
    assert why["causes"]["localisation"]["AP-person"] > 0 and why["causes"]["missed"]["AP-bus"] is None
    assert [size["objects"]["car"] for size in why["sizes"]] == [4, 2, 2]
    tool(*folders(town), "--json", town / "1.json", "--resamples", 0)
    code, text = tool("--results", town / "1.json", town / "4.json", "--why")  # from results alone
    assert code == 0 and "".join(text.split()).count("pointsofAPthaterrorscost") == 2
    sides = (f"{town / '4.json'},{town / '4.json'}", town / "1.json")
    tool("--compare", *sides, "--resamples", 50, "--why", "--json", town / "d.json")
    assert json.loads((town / "d.json").read_text())["why"]["first"] == json.loads(
        json.dumps(why_json(explain([read_result(town / "4.json").table])))
    )


def test_an_old_result_says_what_it_lacks(tool, town):
    tool(*folders(town), "--json", town / "a.json", "--resamples", 0)
    document = json.loads((town / "a.json").read_text())
    document["matches"].pop("details")
    (town / "a.json").write_text(json.dumps({**document, "format": 1}))
    assert tool("--results", town / "a.json")[0] == 0
    with pytest.raises(UserError, match=r"a.json': why an AP is what it is needs sizes .* format 1 lacks"):
        tool("--results", town / "a.json", "--why")


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--results", "a.json", "--official"], "--official and --errors need predictions"),
        (["--results", "absent.json"], "'absent.json' does not exist"),
        ([], "give one of --config-file, --predictions"),
        (["--predictions", "a"], "belong together"),
        (["--compare", "a", "b", "--config-file", "c"], "give one of"),
        (["--compare", "absent.json", "b.json"], "'absent.json' does not exist"),
        (
            ["--predictions", "a", "--ground-truth", "b", "--export", "c"],
            "--export writes the predictions of a checkpoint",
        ),
        (["--predictions", "absent", "--ground-truth", "."], "there is no folder 'absent'"),
        (["--config-file", "absent.yaml"], "'absent.yaml' does not exist"),
    ],
)
def test_arguments_that_cannot_be_meant(tool, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=message):
        tool(*arguments)


@pytest.mark.parametrize(("option", "value"), [("--confidence", "95"), ("--resamples", "-1")])
def test_numbers_out_of_their_range(tool, capsys, option, value):
    with pytest.raises(SystemExit) as ended:
        tool("--compare", "a", "b", option, value)
    assert ended.value.code == 2 and f"argument {option}: '{value}' is not possible" in capsys.readouterr().err


MINI = CONFIGS / "mini.yaml"


def test_a_checkpoint_must_be_given(tool, mini_root, monkeypatch):
    monkeypatch.setenv("DETECTRON2_DATASETS", str(mini_root))
    with pytest.raises(UserError, match=r"MODEL.WEIGHTS is empty"):
        tool("--config-file", MINI)
    with pytest.raises(UserError, match=r"unknown data set 'mini_cityscapes_instance_vale'. Did you mean"):
        tool("--config-file", MINI, "--datasets", "mini_cityscapes_instance_vale", "--", "MODEL.WEIGHTS", "a.pth")


@pytest.mark.slow
def test_a_checkpoint_on_two_data_sets(tool, mini_root, monkeypatch, tmp_path):
    import torch

    from synmix.config import build_model, load_config

    monkeypatch.setenv("DETECTRON2_DATASETS", str(mini_root))
    torch.manual_seed(0)
    torch.save({"model": build_model(load_config(MINI)).state_dict()}, tmp_path / "random.pth")
    names = ["mini_cityscapes_instance_val", "mini_cityscapes_instance_test"]
    options = ["MODEL.WEIGHTS", tmp_path / "random.pth", "OUTPUT_DIR", tmp_path / "run"]
    output = ["--json", tmp_path / "a.json", "--export", tmp_path / "server", "--resamples", 20]
    code, text = tool("--config-file", MINI, *output, "--official", "--datasets", *names, "--", *options)
    assert code == 0
    assert text.count("largest difference to cityscapesScripts") + text.count("cityscapesScripts crashed") == 2
    for name in names:
        assert (tmp_path / "run" / "results" / f"{name}.json").is_file()
        assert (tmp_path / "server" / f"{name}.zip").is_file()
        assert str(tmp_path / "random.pth") in (tmp_path / "a.json").read_text()
