"""A training as a folder for others: whole, without this machine's paths, and nothing is uploaded unasked."""

import pytest
import torch
from tests.synmix.conftest import draw_table

from synmix.compose.composition import CompositionSpec, compose
from synmix.compose.manifest import write_manifest
from synmix.config import get_config, load_config
from synmix.errors import UserError
from synmix.evaluate.result import make_result, read_result, result_path, write_result
from synmix.export.share import read_training, write_share
from synmix.files import read_json
from synmix.train.weights import read_weights

safetensors = pytest.importorskip("safetensors")
REAL, TRAINED = "mini_cityscapes_instance_val", "mini_synscapes_instance_train"
FILES = {"README.md", "config.yaml", "manifest.json", "model.safetensors", f"results/{REAL}.json"}


@pytest.fixture
def run(mini_root, monkeypatch, tmp_path):
    """The folder of a training, as ``train`` leaves it."""
    monkeypatch.setenv("DETECTRON2_DATASETS", str(mini_root))
    folder = tmp_path / "run"
    folder.mkdir()
    cfg = get_config()
    cfg.OUTPUT_DIR, cfg.MODEL.WEIGHTS = str(folder), str(tmp_path / "start.pth")
    (folder / "config.yaml").write_text(cfg.dump())
    torch.save({"model": {"layer.weight": torch.arange(6.0).view(2, 3).t()}}, folder / "model_final.pth")
    write_manifest(folder / "manifest.json", compose(CompositionSpec((TRAINED,))).manifest())
    about = {"config": str(folder / "config.yaml"), "version": "0.1.0"}
    write_result(result_path(folder, REAL), make_result(REAL, draw_table(0.5, 0), resamples=50, provenance=about))
    return folder


def test_all_that_others_need_and_no_path_of_this_machine(run, tmp_path):
    (tmp_path / "answer.md").write_text("It helps.")
    write_share(read_training(run), tmp_path / "shared", "mine", tmp_path / "answer.md")
    files = {path.relative_to(tmp_path / "shared").as_posix() for path in (tmp_path / "shared").rglob("*.*")}
    assert files == FILES
    for path in (tmp_path / "shared").rglob("*.*"):
        assert str(tmp_path).encode() not in path.read_bytes()
    back = read_weights(str(tmp_path / "shared/model.safetensors"), "it", trust_pickle=False)["model"]
    assert back["layer.weight"].equal(torch.arange(6.0).view(2, 3).t())
    before, after = (read_result(folder) for folder in (result_path(run, REAL), result_path(tmp_path / "shared", REAL)))
    assert before.figures == after.figures and before.table.images == after.table.images
    assert load_config(tmp_path / "shared/config.yaml").MODEL.WEIGHTS == ""
    card = (tmp_path / "shared/README.md").read_text()
    interval = before.intervals["AP"]
    assert f"| {REAL} | {before.figures['AP']:.1f} [{interval.low:.1f}, {interval.high:.1f}] |" in card
    assert "# mine" in card and "It helps." in card and TRAINED in card


def test_nothing_is_overwritten_and_what_is_missing_is_named(run, tmp_path):
    with pytest.raises(UserError, match=r"run' is not empty; name a new one"):
        write_share(read_training(run), run, "mine")
    (run / "model_final.pth").unlink()
    with pytest.raises(UserError, match=r"model_final.pth' is missing; name the OUTPUT_DIR of a finished training"):
        read_training(run)


def test_an_upload_takes_a_token(run, tmp_path, monkeypatch, capsys):
    from synmix.cli import share

    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.setattr("sys.argv", ["share", str(run), "--output", str(tmp_path / "out"), "--upload", "me/mine"])
    with pytest.raises(UserError, match="--upload needs a token; set HF_TOKEN"):
        share.main()
    assert not (tmp_path / "out").exists()


def test_without_a_network_the_folder_is_complete(run, tmp_path, monkeypatch):
    from synmix.cli import share

    monkeypatch.setenv("HF_TOKEN", "none")
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr("sys.argv", ["share", str(run), "--output", str(tmp_path / "out"), "--upload", "me/mine"])
    with pytest.raises(UserError, match=r"is not uploaded to 'me/mine' .*; the folder is complete"):
        share.main()
    assert (tmp_path / "out/README.md").is_file()


def test_json_holds_the_folder_and_what_lies_there(call_tool, run, tmp_path):
    code, told, _ = call_tool("share", run, "--output", tmp_path / "out", "--json", tmp_path / "share.json")
    found = read_json(tmp_path / "share.json")
    assert code == 0 and str(tmp_path / "share.json") in told
    assert (found["folder"], found["uploaded"]) == (str(tmp_path / "out"), None)
    assert set(found["files"]) == FILES
