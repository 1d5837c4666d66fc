"""Checkpoints survive what can befall a disk, and run no code."""

import json
import pickle
from pathlib import Path

import pytest
import torch
from synmix.train.weights import is_trusted
from torch import nn

from synmix.config import load_config
from synmix.errors import UserError
from synmix.files import sha256_of
from synmix.train.checkpoint import SafeCheckpointer


class Malicious:
    """Touches a file when unpickled."""

    def __init__(self, proof):
        self.proof = proof

    def __reduce__(self):
        return Path.touch, (Path(self.proof),)


@pytest.fixture
def saved(tmp_path):
    """Three checkpoints of a small model, the last with the weight 3."""
    model = nn.Linear(2, 1)
    checkpointer = SafeCheckpointer(model, str(tmp_path))
    for value in (1, 2, 3):
        nn.init.constant_(model.weight, value)
        checkpointer.save(f"model_{value:07d}", iteration=value)
    return checkpointer


def weight_after_loading(folder) -> float:
    model = nn.Linear(2, 1)
    checkpointer = SafeCheckpointer(model, str(folder))
    path = checkpointer.get_checkpoint_file()
    if not path:
        return float("nan")
    checkpointer.load(path)
    return model.weight[0, 0].item()


def test_the_latest_is_loaded_and_listed(saved, tmp_path):
    assert weight_after_loading(tmp_path) == 3
    entries = json.loads((tmp_path / "checkpoints.json").read_text())
    assert [entry["iteration"] for entry in entries] == [1, 2, 3]
    assert entries[2]["sha256"] == sha256_of(tmp_path / "model_0000003.pth")


def truncate(path):
    path.write_bytes(path.read_bytes()[:-100])


def flip_a_bit(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("harm", [truncate, flip_a_bit, Path.unlink])
def test_a_harmed_one_gives_way_to_the_one_before(saved, tmp_path, harm, caplog):
    harm(tmp_path / "model_0000003.pth")
    assert weight_after_loading(tmp_path) == 2
    assert "taking the one before it" in caplog.text


def test_nothing_left_means_from_the_start(saved, tmp_path):
    for value in (1, 2, 3):
        (tmp_path / f"model_{value:07d}.pth").unlink()
    assert not saved.has_checkpoint()


def test_only_the_last_k_stay_and_the_best_and_the_final(saved, tmp_path):
    saved.save("model_best", iteration=1)
    saved.save("model_final", iteration=3)
    saved.keep_only(1)
    assert sorted(path.stem for path in tmp_path.glob("*.pth")) == ["model_0000003", "model_best", "model_final"]


def test_a_failed_save_leaves_the_old_file(saved, tmp_path, monkeypatch):
    def full_disk(data, path):
        Path(path).write_bytes(b"half")
        raise OSError("no space left on device")

    monkeypatch.setattr(torch, "save", full_disk)
    with pytest.raises(OSError, match="space"):
        saved.save("model_0000003", iteration=3)
    assert weight_after_loading(tmp_path) == 3
    assert len(list(tmp_path.iterdir())) == 5  # three checkpoints, the index, last_checkpoint: no litter


@pytest.mark.parametrize("name", ["evil.pth", "evil.pkl", "evil.pyth"])
def test_malicious_weights_do_not_run(tmp_path, name):
    proof = tmp_path / "proof"
    with (tmp_path / name).open("wb") as file:
        pickle.dump({"model": Malicious(str(proof))}, file)
    with pytest.raises(UserError, match=r"loaded safely|can run any code"):
        SafeCheckpointer(nn.Linear(2, 1)).load(str(tmp_path / name))
    assert not proof.exists()


def test_pickles_are_read_where_one_says_so(tmp_path):
    with (tmp_path / "mine.pkl").open("wb") as file:
        weights = {"weight": torch.full((1, 2), 5.0).numpy(), "bias": torch.zeros(1).numpy()}
        pickle.dump({"model": weights, "__author__": "me"}, file)
    model = nn.Linear(2, 1)
    SafeCheckpointer(model, trust_pickle=True).load(str(tmp_path / "mine.pkl"))
    assert model.weight[0, 0] == 5


def test_whose_pickles_are_trusted():
    assert is_trusted("detectron2://ImageNetPretrained/MSRA/R-50.pkl")
    assert not is_trusted("https://dl.fbaipublicfiles.com.evil.org/detectron2/x.pkl")
    assert not is_trusted("https://dl.fbaipublicfiles.com/detectron2/../../x.pkl")
    assert not is_trusted("/home/me/R-50.pkl")


@pytest.mark.parametrize("tag", ["!!python/object/apply:pathlib.Path.touch", "!!python/object/apply:os.system"])
def test_malicious_yaml_does_not_run(tmp_path, tag):
    proof = tmp_path / "proof"
    argument = f"!!python/object/apply:pathlib.Path [{proof}]" if "touch" in tag else f"touch {proof}"
    (tmp_path / "evil.yaml").write_text(f"SEED: {tag} [{argument}]\n")
    with pytest.raises(UserError, match="would run code"):
        load_config(tmp_path / "evil.yaml")
    (tmp_path / "base.yaml").write_text("_BASE_: evil.yaml\n")
    with pytest.raises(UserError, match="would run code"):
        load_config(tmp_path / "base.yaml")
    assert not proof.exists()
