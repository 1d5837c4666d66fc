"""Checkpoints survive what can befall a disk, and run no code."""

import json
import pickle
import re
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from synmix.config import load_config
from synmix.errors import UserError
from synmix.files import sha256_of
from synmix.train.checkpoint import SafeCheckpointer, load_weights
from synmix.train.weights import is_trusted


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


class Detector(nn.Module):
    """Keys as a detector's with a pyramid has them."""

    def __init__(self, classes=8):
        super().__init__()
        self.backbone = nn.Module()
        self.backbone.bottom_up = nn.Module()
        self.backbone.bottom_up.stem = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
        self.backbone.bottom_up.res2 = nn.Conv2d(4, 4, 3)
        self.backbone.fpn_output2 = nn.Conv2d(4, 2, 1)
        self.predictor = nn.Linear(2, classes)


def backbone_of(model: nn.Module) -> dict:
    """What a classifier's file holds: the backbone, its last layer, and no counts."""
    prefix = "backbone.bottom_up."
    state = {key.removeprefix(prefix): value for key, value in model.state_dict().items() if key.startswith(prefix)}
    del state["stem.1.num_batches_tracked"]
    return {key: value.numpy() for key, value in state.items()} | {"stem.fc.weight": np.zeros((10, 4), np.float32)}


@pytest.fixture
def imagenet(tmp_path):
    """A backbone as Detectron2's ImageNet files hold one, with weights of 7."""
    model = Detector()
    nn.init.constant_(model.backbone.bottom_up.res2.weight, 7)
    with (tmp_path / "R-50.pkl").open("wb") as file:
        pickle.dump({"model": backbone_of(model), "__author__": "torchvision", "matching_heuristics": True}, file)
    return str(tmp_path / "R-50.pkl")


def test_a_backbone_is_what_a_training_may_start_from(imagenet):
    model = Detector()
    SafeCheckpointer(model, trust_pickle=True).load(imagenet, checkpointables=[], fit="start")
    assert (model.backbone.bottom_up.res2.weight == 7).all()


def test_a_backbone_alone_is_nothing_to_evaluate(imagenet):
    with pytest.raises(UserError, match=r"do not fit.*fpn_output2.* missing.*stem\.fc\.weight not in the model"):
        load_weights(Detector(), imagenet, trust_pickle=True)


def test_half_a_backbone_is_nothing_to_start_from(tmp_path):
    half = backbone_of(Detector())
    del half["res2.weight"]
    with (tmp_path / "half.pkl").open("wb") as file:
        pickle.dump({"model": half, "__author__": "me", "matching_heuristics": True}, file)
    with pytest.raises(UserError, match="do not fit"):
        SafeCheckpointer(Detector(), trust_pickle=True).load(str(tmp_path / "half.pkl"), fit="start")


def test_other_classes_are_refused_unless_a_part_is_asked_for(tmp_path, caplog):
    SafeCheckpointer(Detector(classes=8), str(tmp_path)).save("model_final")
    source, model = str(tmp_path / "model_final.pth"), Detector(classes=3)
    sentence = r"predictor\.weight \(8, 2\) instead of \(3, 2\), predictor\.bias .*of another shape.*PARTIAL_WEIGHTS"
    with pytest.raises(UserError, match=sentence):
        SafeCheckpointer(model).load(source, checkpointables=[], fit="start")
    SafeCheckpointer(model).load(source, checkpointables=[], fit="partial")
    assert "predictor.weight (8, 2) instead of (3, 2)" in caplog.text


def test_weights_of_another_model_are_refused_also_in_part(tmp_path):
    SafeCheckpointer(nn.Linear(2, 1), str(tmp_path)).save("model_final")
    for fit in ("whole", "start", "partial"):
        with pytest.raises(UserError, match=r"and 9 more missing; weight, bias not in the model"):
            SafeCheckpointer(Detector()).load(str(tmp_path / "model_final.pth"), checkpointables=[], fit=fit)


@pytest.mark.parametrize("trust", [False, True])
@pytest.mark.parametrize(
    "content",
    [b"", b"no weights at all\n", b"PK\x03\x04 torn", [1, 2], {"epoch": 3}, {"model": {"a": "text"}}, {"model": {}}],
)
def test_what_is_no_checkpoint_is_a_sentence(tmp_path, content, trust):
    path = tmp_path / "odd.pth"
    path.write_bytes(content) if isinstance(content, bytes) else torch.save(content, path)
    with pytest.raises(UserError, match=r"odd\.pth'") as raised:
        SafeCheckpointer(nn.Linear(2, 1), trust_pickle=trust).load(str(path))
    assert "weights_only" not in str(raised.value)


def test_damaged_pickles_are_a_sentence(tmp_path):
    (tmp_path / "odd.pkl").write_bytes(b"\x80\x04nonsense")
    with pytest.raises(UserError, match="damaged"):
        SafeCheckpointer(nn.Linear(2, 1), trust_pickle=True).load(str(tmp_path / "odd.pkl"))


@pytest.mark.parametrize(
    "source", ["detectron2://ImageNetPretrained/MSRA/R-50.pkl", "https://dl.fbaipublicfiles.com/detectron2/a/R-50.pkl"]
)
def test_without_a_network_it_is_said_where_to_put_the_file(tmp_path, monkeypatch, source):
    def offline(*args, **kwargs):
        raise urllib.error.URLError("Name or service not known")

    monkeypatch.setattr(urllib.request, "urlopen", offline)
    monkeypatch.setenv("FVCORE_CACHE", str(tmp_path / "cache"))
    with pytest.raises(UserError, match="Name or service not known") as raised:
        SafeCheckpointer(nn.Linear(2, 1)).load(source)
    place = Path(re.findall(r"'([^']*R-50\.pkl)'", str(raised.value))[-1])
    assert tmp_path / "cache" in place.parents
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(
        pickle.dumps({"model": {"weight": np.full((1, 2), 5.0), "bias": np.zeros(1)}, "__author__": "me"})
    )
    model = nn.Linear(2, 1)
    SafeCheckpointer(model).load(source)  # by hand is as good
    assert model.weight[0, 0] == 5


def test_a_kill_between_a_checkpoint_and_its_list_loses_nothing(saved, tmp_path, monkeypatch):
    nn.init.constant_(saved.model.weight, 4)
    replace = Path.replace

    def kill(self, target):
        if self.suffix == ".pth":
            raise KeyboardInterrupt  # the list is written, the file not yet in its place
        replace(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", kill)
        with pytest.raises(KeyboardInterrupt):
            saved.save("model_0000003", iteration=3)
    assert weight_after_loading(tmp_path) == 3
    saved.save("model_0000003", iteration=3)
    assert weight_after_loading(tmp_path) == 4
    assert len(saved.entries()) == 3


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
